package auth

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
)

const noFollow = 0

// readersStopReplacement: Windows does not replace a file while it is open.
const readersStopReplacement = true

// checkAccess has nothing to look at: the modes of Go are not the access rights
// of Windows, which a directory inherits from the user's profile.
func checkAccess(fs.FileInfo, string, string) error { return nil }

// tryLock opens the file at path for nobody else; nil if somebody has done so.
// The lock ends when the file is closed, or its process ends.
func tryLock(path string) (io.Closer, error) {
	const sharingViolation = syscall.Errno(32) // ERROR_SHARING_VIOLATION
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, &fs.PathError{Op: "lock", Path: path, Err: err}
	}
	handle, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil,
		syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL|syscall.FILE_FLAG_OPEN_REPARSE_POINT, 0)
	switch {
	case err == nil:
		return os.NewFile(uintptr(handle), path), nil
	case errors.Is(err, sharingViolation):
		return nil, nil
	default:
		return nil, &fs.PathError{Op: "lock", Path: path, Err: err}
	}
}

// syncDirectory: Windows keeps names by itself.
func syncDirectory(string) error { return nil }
