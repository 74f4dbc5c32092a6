package auth_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/auth"
)

// savedFile saves a value below key and returns the path of its file.
func savedFile(t *testing.T, store *auth.FileStore, dir, key, value string) string {
	t.Helper()
	before, err := filepath.Glob(dir + "/*")
	require.NoError(t, err)
	_, err = store.Save(t.Context(), key, []byte(value), 0)
	require.NoError(t, err)
	after, err := filepath.Glob(dir + "/*")
	require.NoError(t, err)
	for _, path := range after {
		if !strings.HasSuffix(path, ".lock") && !slices.Contains(before, path) {
			return path
		}
	}
	require.Fail(t, "no new file")
	return ""
}

// refused checks that every use of the file of key says why it is not used, and
// that the file is left as it is.
func refused(t *testing.T, store *auth.FileStore, path, key string, says ...string) {
	t.Helper()
	before, _ := os.ReadFile(path)
	_, _, loadErr := store.Load(t.Context(), key)
	_, saveErr := store.Save(t.Context(), key, []byte("new"), 0)
	deleteErr := store.Delete(t.Context(), key, 1)
	for _, err := range []error{loadErr, saveErr, deleteErr} {
		stored, ok := errors.AsType[*auth.StoreError](err)
		require.True(t, ok, "%v", err)
		require.ErrorIs(t, err, auth.ErrAuthorization)
		for _, words := range says {
			require.ErrorContains(t, stored.Err, words)
		}
		require.NotErrorIs(t, err, auth.ErrConflict)
	}
	after, _ := os.ReadFile(path)
	require.Equal(t, before, after)
}

func TestFileStoreNoticesDamage(t *testing.T) {
	for name, key := range map[string][]byte{"plain": nil, "sealed": fileKey(1)} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "s")
			store := newFileStore(t, dir, key)
			path := savedFile(t, store, dir, "a", "value of a")
			whole, err := os.ReadFile(path)
			require.NoError(t, err)
			for cut := range whole {
				require.NoError(t, os.WriteFile(path, whole[:cut], 0o600))
				_, _, err := store.Load(t.Context(), "a")
				require.ErrorContains(t, err, "delete")
				require.NotContains(t, err.Error(), "value of a")
			}
			for at := range whole {
				changed := bytes.Clone(whole)
				changed[at] ^= 1
				require.NoError(t, os.WriteFile(path, changed, 0o600))
				_, _, err := store.Load(t.Context(), "a")
				require.Error(t, err, "byte %d", at)
			}
			refused(t, store, path, "a", path)

			require.NoError(t, os.WriteFile(path, append(whole, make([]byte, 2<<20)...), 0o600))
			refused(t, store, path, "a", "too large", path)

			// Files that change places do not open.
			require.NoError(t, os.WriteFile(path, whole, 0o600))
			other := savedFile(t, store, dir, "b", "value of b")
			require.NoError(t, os.Rename(path, path+".x"))
			require.NoError(t, os.Rename(other, path))
			require.NoError(t, os.Rename(path+".x", other))
			refused(t, store, path, "a", path)
			refused(t, store, other, "b", other)

			// What the error tells to do helps.
			require.NoError(t, os.Remove(path))
			_, err = store.Save(t.Context(), "a", []byte("again"), 0)
			require.NoError(t, err)
		})
	}
}

func TestFileStoreEncrypts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "s")
	key := fileKey(1)
	store := newFileStore(t, dir, key)
	clear(key) // the store has its own
	path := savedFile(t, store, dir, "a", "access-token")
	first, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotContains(t, string(first), "access-token")

	again := newFileStore(t, dir, fileKey(1))
	value, version, err := again.Load(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, "access-token", string(value))
	_, err = again.Save(t.Context(), "a", value, version)
	require.NoError(t, err)
	second, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotEqual(t, first[40:], second[40:], "a nonce of its own for each write")

	refused(t, newFileStore(t, dir, fileKey(2)), path, "a", "key", path)
	refused(t, newFileStore(t, dir, nil), path, "a", "is encrypted", path)
	plainDir := filepath.Join(t.TempDir(), "s")
	plain := savedFile(t, newFileStore(t, plainDir, nil), plainDir, "a", "planted")
	refused(t, newFileStore(t, plainDir, fileKey(1)), plain, "a", "is not encrypted", plain)
}

func TestNewFileStoreChecksWhatItIsGiven(t *testing.T) {
	for _, size := range []int{0, 16, 31, 33} {
		_, err := auth.NewFileStore(t.TempDir(), make([]byte, size))
		require.ErrorContains(t, err, "32")
		require.ErrorIs(t, err, auth.ErrAuthorization)
	}
	_, err := auth.NewFileStore("", nil)
	require.ErrorContains(t, err, "directory")

	t.Chdir(t.TempDir())
	store := newFileStore(t, "relative", nil)
	_, err = store.Save(t.Context(), "a", []byte("x"), 0)
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	_, version, err := store.Load(t.Context(), "a")
	require.NoError(t, err)
	require.NotZero(t, version, "the store moved with the working directory")

	_, err = store.Save(t.Context(), "large", make([]byte, 1<<20+1), 0)
	require.ErrorContains(t, err, "1048577")
	_, err = store.Save(t.Context(), "large", make([]byte, 1<<20), 0)
	require.NoError(t, err)
	value, _, err := store.Load(t.Context(), "large")
	require.NoError(t, err)
	require.Len(t, value, 1<<20)
}

func TestDefaultDir(t *testing.T) {
	t.Setenv("HOME", filepath.FromSlash("/nobody"))
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("AppData", filepath.FromSlash("/nobody"))
	base, err := os.UserConfigDir()
	require.NoError(t, err)
	dir, err := auth.DefaultDir("my-agent")
	require.NoError(t, err)
	require.Equal(t, filepath.Join(base, "my-agent", "mcp-tokens"), dir)
	for _, name := range []string{"", ".", "..", "a/b", `a\b`, "/etc"} {
		_, err := auth.DefaultDir(name)
		require.Error(t, err, name)
	}
	t.Setenv("HOME", "")
	t.Setenv("AppData", "")
	_, err = auth.DefaultDir("my-agent")
	require.Error(t, err)
}

func TestFileStoreKeepsTheOldValueIfTheDiskFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "s")
	store := newFileStore(t, dir, nil)
	version, err := store.Save(t.Context(), "a", []byte("old"), 0)
	require.NoError(t, err)

	// What cannot be removed stands where the new file is to be written.
	blocker := filepath.Join(dir, "store.new")
	require.NoError(t, os.MkdirAll(filepath.Join(blocker, "full"), 0o700))
	_, err = store.Save(t.Context(), "a", []byte("new"), version)
	require.ErrorContains(t, err, "store.new")
	require.NotErrorIs(t, err, auth.ErrConflict)
	value, same, err := store.Load(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, "old", string(value))
	require.Equal(t, version, same)

	// What a crash left is in nobody's way.
	require.NoError(t, os.RemoveAll(blocker))
	require.NoError(t, os.WriteFile(blocker, []byte("half of a"), 0o600))
	_, err = store.Save(t.Context(), "a", []byte("new"), version)
	require.NoError(t, err)
	require.NoFileExists(t, blocker)
}

func TestTwoFileStoresOfOneDirectoryExcludeEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "s")
		one, two := newFileStore(t, dir, nil), newFileStore(t, dir, nil)
		unlock, err := one.Lock(t.Context(), "a")
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err = two.Lock(ctx, "a")
		require.ErrorIs(t, err, context.DeadlineExceeded)

		var wg sync.WaitGroup
		wg.Go(func() {
			<-time.After(time.Second)
			unlock()
		})
		start := time.Now()
		again, err := two.Lock(t.Context(), "a")
		require.NoError(t, err)
		require.Less(t, time.Since(start), 2*time.Second, "asks often enough")
		again()
		wg.Wait()
	})
}
