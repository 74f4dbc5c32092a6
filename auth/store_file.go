package auth

import (
	"context"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// FileStore is a [Store] and a [Locker] in a directory that belongs to the user
// alone. Any number of processes and goroutines may use the directory at once,
// each with a FileStore of its own or with a common one. Make one with
// [NewFileStore].
//
// Each key has a file that is named by the key's hash. A value is replaced as a
// whole: after a crash the file holds the old one or the new one. Beside the
// files lie empty lock files, which stay.
//
// What others than the user may read or write, what belongs to another user, and
// symbolic links are refused; the error says what to do. (On Windows this is left
// to the access rights of the user's profile.) The directory has to be on a file
// system that has locks. On systems without them (all but Windows, Linux, macOS,
// the BSDs and illumos) every change fails with [errors.ErrUnsupported].
//
// Errors are of the type [*StoreError].
type FileStore struct {
	dir   string
	seal  hidden[cipher.AEAD] // of nil: plain files
	locks keyLocks            // one process's goroutines queue here, for the lock files they would have to poll
}

var (
	_ Store  = (*FileStore)(nil)
	_ Locker = (*FileStore)(nil)
)

const (
	maxStoredValue = 1 << 20 // more than any token; a larger file is not ours
	maxStoredFile  = maxStoredValue + 4096

	// Names beside those of the keys. Whoever writes holds the lock of the directory,
	// so one name is enough for the file that is to replace another.
	directoryLockName = "store.lock"
	newFileName       = "store.new"
)

// NewFileStore returns a store in dir, which is made with the first value and is
// for nothing else; see [DefaultDir]. With a key of 32 random bytes the files are
// encrypted with AES-256-GCM; keep the key in the system's keyring, whose entries
// are too small for tokens. nil: plain files. An encrypted store does not take
// plain files, and the other way round: to begin with encryption use another
// directory. It is an error if dir is empty or the key of another length.
func NewFileStore(dir string, key []byte) (*FileStore, error) {
	if dir == "" {
		return nil, storeError("open", errors.New("the directory has no name"))
	}
	// A later change of the working directory is not to move the tokens.
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, storeError("open", err)
	}
	seal, err := newSeal(key)
	if err != nil {
		return nil, storeError("open", err)
	}
	return &FileStore{dir: dir, seal: hide(seal)}, nil
}

// DefaultDir returns the directory for the tokens of an application below
// [os.UserConfigDir]. app is one plain name, such as that of the program. The
// directory need not exist.
func DefaultDir(app string) (string, error) {
	if app == "" || app == "." || !filepath.IsLocal(app) || strings.ContainsAny(app, `/\`) {
		return "", storeError("open", fmt.Errorf("%s is no name for a directory", quote(app)))
	}
	base, err := os.UserConfigDir()
	if err != nil {
		return "", storeError("open", err)
	}
	return filepath.Join(base, app, "mcp-tokens"), nil
}

// Load returns the value of key.
func (s *FileStore) Load(ctx context.Context, key string) (value []byte, version uint64, err error) {
	value, version, err = s.load(ctx, key)
	return value, version, storeError("load", err)
}

// Save writes the value of key, at most 1 MiB. It returns when the disk has it.
func (s *FileStore) Save(ctx context.Context, key string, value []byte, version uint64) (uint64, error) {
	next, err := s.save(ctx, key, value, version)
	return next, storeError("save", err)
}

// Delete removes the file of key.
func (s *FileStore) Delete(ctx context.Context, key string, version uint64) error {
	return storeError("delete", s.remove(ctx, key, version))
}

// Lock waits for the lock of key, which every process that uses the directory
// respects. The system frees it if the process dies.
func (s *FileStore) Lock(ctx context.Context, key string) (unlock func(), err error) {
	unlock, err = s.lockFile(ctx, fileName(key)+".lock")
	return unlock, storeError("lock", err)
}

func (s *FileStore) load(ctx context.Context, key string) ([]byte, uint64, error) {
	if ctx.Err() != nil {
		return nil, 0, context.Cause(ctx)
	}
	if err := checkDirectory(s.dir); errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	} else if err != nil {
		return nil, 0, err
	}
	if readersStopReplacement {
		unlock, err := s.lockFile(ctx, directoryLockName)
		if err != nil {
			return nil, 0, err
		}
		defer unlock()
	}
	return s.read(key)
}

func (s *FileStore) save(ctx context.Context, key string, value []byte, version uint64) (uint64, error) {
	if len(value) > maxStoredValue {
		return 0, fmt.Errorf("the value has %d bytes, at most %d are stored", len(value), maxStoredValue)
	}
	unlock, err := s.lockFile(ctx, directoryLockName)
	if err != nil {
		return 0, err
	}
	defer unlock()
	// From here on it is not cancelled: the caller would not know what is stored.
	_, current, err := s.read(key)
	if err != nil {
		return 0, err
	}
	if current != version {
		return 0, ErrConflict
	}
	// Random, so that a value which was deleted and saved anew has no version of before.
	next := max(1, rand.Uint64())
	return next, replaceFile(s.dir, fileName(key), sealFile(s.seal(), key, value, next))
}

func (s *FileStore) remove(ctx context.Context, key string, version uint64) error {
	if _, err := os.Lstat(s.dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	unlock, err := s.lockFile(ctx, directoryLockName)
	if err != nil {
		return err
	}
	defer unlock()
	_, current, err := s.read(key)
	switch {
	case err != nil:
		return err
	case current == 0:
		return nil
	case current != version:
		return ErrConflict
	}
	if err := os.Remove(filepath.Join(s.dir, fileName(key))); err != nil { //nolint:gosec // the name is a hash
		return err
	}
	return syncDirectory(s.dir)
}

// read returns what the file of key holds, version 0 if there is none.
func (s *FileStore) read(key string) ([]byte, uint64, error) {
	path := filepath.Join(s.dir, fileName(key))
	content, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	value, version, err := openFile(s.seal(), key, content)
	if err != nil {
		// The path last: it may be long, and long texts are cut.
		return nil, 0, fmt.Errorf("%w: %q", err, path)
	}
	return value, version, nil
}

// fileName hashes the key, which may hold what a file name cannot or should not.
func fileName(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

func readFile(path string) ([]byte, error) {
	if err := checkFile(path); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDONLY|noFollow, 0) //nolint:gosec // the name is a hash
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, maxStoredFile+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxStoredFile {
		return nil, fmt.Errorf("the file is too large to be a stored token: %q", path)
	}
	return content, nil
}

// replaceFile gives dir/name a new content, or leaves the old one: the content is
// on the disk before it gets its name, and the name is on the disk before the
// function returns. The caller holds the lock of the directory.
func replaceFile(dir, name string, content []byte) error {
	path := filepath.Join(dir, newFileName)
	// Nobody else is writing: one that is there was left by a crash.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := writeNewFile(path, content); err != nil {
		_ = os.Remove(path) // the error that matters is the first
		return err
	}
	if err := os.Rename(path, filepath.Join(dir, name)); err != nil { //nolint:gosec // the name is a hash
		_ = os.Remove(path)
		return err
	}
	return syncDirectory(dir)
}

func writeNewFile(path string, content []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|noFollow, 0o600) //nolint:gosec // in the store's own directory
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}
