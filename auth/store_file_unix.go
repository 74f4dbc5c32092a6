//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package auth

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// noFollow makes opening a symbolic link an error.
const noFollow = syscall.O_NOFOLLOW

// readersStopReplacement: a file that somebody reads can be replaced here.
const readersStopReplacement = false

// checkAccess makes sure that nobody but this user can read or write. cure is the
// command that puts the mode right.
func checkAccess(info fs.FileInfo, path, cure string) error {
	owner, ok := info.Sys().(*syscall.Stat_t)
	if ok && uint64(owner.Uid) != uint64(os.Geteuid()) { //nolint:gosec // user ids are not negative here
		return fmt.Errorf("it belongs to user %d, not to this one (%d): use a directory of your own: %q", owner.Uid, os.Geteuid(), path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("others than its owner have access (mode %#o): run %s %q", mode, cure, path)
	}
	return nil
}

// tryLock takes the lock of the file at path; nil if somebody else has it. It is
// held until the file is closed.
func tryLock(path string) (io.Closer, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|noFollow, 0o600) //nolint:gosec // in the store's own directory
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	switch {
	case err == nil:
		return file, nil
	case errors.Is(err, syscall.EWOULDBLOCK):
		return nil, file.Close()
	default:
		return nil, errors.Join(fmt.Errorf("the file system gives no lock: %w: %q", err, path), file.Close())
	}
}

// syncDirectory makes the names in the directory survive a loss of power.
func syncDirectory(dir string) error {
	file, err := os.Open(dir) //nolint:gosec // the store's own directory
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
