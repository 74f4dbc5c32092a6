//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package auth

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// ownedBy is a file of another user, which only root could make.
type ownedBy struct {
	fs.FileInfo
	user uint32
}

func (o ownedBy) Sys() any { return &syscall.Stat_t{Uid: o.user} }

func TestCheckAccessRefusesFilesOfOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, checkAccess(info, path, "chmod 600"))
	mine := uint32(os.Geteuid())
	require.NoError(t, checkAccess(ownedBy{info, mine}, path, "chmod 600"))
	require.ErrorContains(t, checkAccess(ownedBy{info, mine + 1}, path, "chmod 600"), "belongs to user")
}

// Only root can give files away; who is not has nothing to try here.
func TestFileStoreRefusesFilesOfOthers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "s")
	store, err := NewFileStore(dir, nil)
	require.NoError(t, err)
	_, err = store.Save(t.Context(), "a", []byte("x"), 0)
	require.NoError(t, err)
	for _, path := range []string{filepath.Join(dir, fileName("a")), dir} {
		if os.Chown(path, os.Geteuid()+1, -1) != nil {
			return
		}
		_, _, err = store.Load(t.Context(), "a")
		require.ErrorContains(t, err, "belongs to user")
		_, err = store.Save(t.Context(), "a", []byte("y"), 0)
		require.ErrorContains(t, err, "belongs to user")
		require.NoError(t, os.Chown(path, os.Geteuid(), -1))
	}
}
