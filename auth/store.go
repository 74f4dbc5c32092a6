package auth

import (
	"context"
	"errors"
)

// Store keeps tokens and registrations. Keys and values are opaque to it; values
// are secrets. An implementation is safe for concurrent use. [MemoryStore] and
// [FileStore] are two; a database takes a table of three columns.
type Store interface {
	// Load returns the value of key and its version; version 0: there is none.
	Load(ctx context.Context, key string) (value []byte, version uint64, err error)
	// Save sets the value of key if its version is still version, 0 for a new
	// one, and returns the new version. Else it returns [ErrConflict].
	Save(ctx context.Context, key string, value []byte, version uint64) (uint64, error)
	// Delete removes key if its version is still version. Else it returns
	// [ErrConflict]. A key that is not there is no error.
	Delete(ctx context.Context, key string, version uint64) error
}

// Locker is a [Store] that several processes share: a token is refreshed under
// its lock, so that they do not use one refresh token twice.
type Locker interface {
	// Lock waits for the lock of key, as long as ctx allows. unlock is called once.
	Lock(ctx context.Context, key string) (unlock func(), err error)
}

// ErrConflict is what a [Store] returns if somebody else was faster.
var ErrConflict = errors.New("the stored value has changed meanwhile")
