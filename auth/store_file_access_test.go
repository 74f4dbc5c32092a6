//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package auth_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFileStoreIsTheUsersAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "app", "tokens")
	store := newFileStore(t, dir, nil)
	_, version, err := store.Load(t.Context(), "a")
	require.NoError(t, err)
	require.Zero(t, version)
	require.NoError(t, store.Delete(t.Context(), "a", 3))
	require.NoDirExists(t, dir, "reading makes nothing")

	unlock, err := store.Lock(t.Context(), "https://mcp.example/secret-name")
	require.NoError(t, err)
	unlock()
	savedFile(t, store, dir, "https://mcp.example/secret-name", "value")
	for _, folder := range []string{dir, filepath.Dir(dir)} {
		info, err := os.Stat(folder)
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o700), info.Mode().Perm())
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 3, "the value and two locks")
	for _, entry := range entries {
		info, err := entry.Info()
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), entry.Name())
		require.NotContains(t, entry.Name(), "example")
	}
}

func TestFileStoreRefusesWhatOthersCanReach(t *testing.T) {
	for _, mode := range []fs.FileMode{0o640, 0o620, 0o604, 0o602, 0o610, 0o777} {
		dir := filepath.Join(t.TempDir(), "s")
		store := newFileStore(t, dir, nil)
		path := savedFile(t, store, dir, "a", "value")
		require.NoError(t, os.Chmod(path, mode))
		refused(t, store, path, "a", "chmod 600", path)
		require.NoError(t, os.Chmod(path, 0o600))
		require.NoError(t, os.Chmod(dir, mode|0o100))
		refused(t, store, path, "a", "chmod 700", dir)
		_, err := store.Lock(t.Context(), "a")
		require.ErrorContains(t, err, "chmod 700")
	}
}

func TestFileStoreRefusesLinksAndOtherThings(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "s")
	store := newFileStore(t, dir, nil)
	path := savedFile(t, store, dir, "a", "value")
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	require.NoError(t, os.Rename(path, elsewhere))
	require.NoError(t, os.Symlink(elsewhere, path))
	refused(t, store, path, "a", "symbolic link", path)
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Mkdir(path, 0o700))
	refused(t, store, path, "a", "not a regular file")
	require.NoError(t, os.Remove(path))

	// A link in the place of the file that is written first is not written through.
	victim := filepath.Join(t.TempDir(), "victim")
	require.NoError(t, os.WriteFile(victim, []byte("mine"), 0o600))
	require.NoError(t, os.Symlink(victim, filepath.Join(dir, "store.new")))
	_, err := store.Save(t.Context(), "a", []byte("again"), 0)
	require.NoError(t, err)
	content, err := os.ReadFile(victim)
	require.NoError(t, err)
	require.Equal(t, "mine", string(content))
	info, err := os.Lstat(path)
	require.NoError(t, err)
	require.True(t, info.Mode().IsRegular())

	// Nor is the one in the place of a lock.
	require.NoError(t, os.Remove(filepath.Join(dir, "store.lock")))
	require.NoError(t, os.Symlink(filepath.Join(dir, "far"), filepath.Join(dir, "store.lock")))
	_, err = store.Save(t.Context(), "b", nil, 0)
	require.Error(t, err)
	require.NoFileExists(t, filepath.Join(dir, "far"))

	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(dir, link))
	refused(t, newFileStore(t, link, nil), link, "a", "symbolic link", link)
	refused(t, newFileStore(t, victim, nil), victim, "a", "not a directory")
	_, err = newFileStore(t, filepath.Join(victim, "below"), nil).Save(t.Context(), "a", nil, 0)
	require.ErrorContains(t, err, "not a directory")
}
