package auth

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// ensureDirectory makes the directory of a store, or checks the one that is there.
func ensureDirectory(dir string) error {
	err := checkDirectory(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	// Again: another one may have been faster.
	return checkDirectory(dir)
}

func checkDirectory(dir string) error {
	info, err := os.Lstat(dir)
	switch {
	case err != nil:
		return err
	case info.Mode()&fs.ModeSymlink != 0:
		return fmt.Errorf("the directory is a symbolic link: name the one that it leads to: %q", dir)
	case !info.IsDir():
		return fmt.Errorf("not a directory: %q", dir)
	}
	return checkAccess(info, dir, "chmod 700")
}

func checkFile(path string) error {
	info, err := os.Lstat(path) //nolint:gosec // the application says which directory, and the name is a hash
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("not a regular file (a symbolic link is none): remove it: %q", path)
	}
	return checkAccess(info, path, "chmod 600")
}
