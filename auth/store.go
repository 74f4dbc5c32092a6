package auth

import (
	"context"
	"errors"
)

// Store keeps tokens and registrations. Keys and values are opaque to it; values
// are secrets. An implementation is safe for concurrent use. [MemoryStore] and
// [FileStore] are two; a database takes a table of three columns.
//
// A version is compared for equality alone. It is never 0, and never that of an
// earlier value of the same key, even if the key was deleted in between: a
// counter for the whole table does, or a random number.
type Store interface {
	// Load returns the value of key and its version; version 0: there is none.
	Load(ctx context.Context, key string) (value []byte, version uint64, err error)
	// Save sets the value of key if its version is still version, 0 for a new
	// one, and returns the new version. Else its error matches [ErrConflict].
	// It does not keep value.
	Save(ctx context.Context, key string, value []byte, version uint64) (uint64, error)
	// Delete removes key if its version is still version. Else its error matches
	// [ErrConflict]. A key that is not there is no error.
	Delete(ctx context.Context, key string, version uint64) error
}

// Locker is a [Store] that several processes share: a token is refreshed under
// its lock, so that they do not use one refresh token twice.
type Locker interface {
	// Lock waits for the lock of key, as long as ctx allows. Load, Save and Delete
	// do not wait for it. unlock is called once.
	Lock(ctx context.Context, key string) (unlock func(), err error)
}

// ErrConflict is what a [Store] returns if somebody else was faster.
var ErrConflict = errors.New("the stored value has changed meanwhile")

// storeError wraps what a store returned, once.
func storeError(op string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*StoreError](err); ok {
		return err
	}
	return &StoreError{Op: op, Err: err}
}
