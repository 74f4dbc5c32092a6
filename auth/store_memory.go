package auth

import (
	"bytes"
	"context"
	"sync"
)

// MemoryStore is a [Store] that lasts as long as the process: the next run asks
// the user again. The zero value is ready for use. It is a [Locker], too, and
// safe for concurrent use by any number of authorizers. It must not be copied
// after first use. It never prints what it holds.
type MemoryStore struct {
	locks keyLocks

	mu     sync.Mutex
	last   uint64                 // guarded by mu; of all keys, so that a version never comes again
	values map[string]memoryValue // guarded by mu
}

type memoryValue struct {
	value   hidden[[]byte]
	version uint64
}

var (
	_ Store  = (*MemoryStore)(nil)
	_ Locker = (*MemoryStore)(nil)
)

// Load returns a copy of the value of key, and its version.
func (s *MemoryStore) Load(_ context.Context, key string) (value []byte, version uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	entry, ok := s.values[key]
	if !ok {
		return nil, 0, nil
	}
	return bytes.Clone(entry.value()), entry.version, nil
}

// Save keeps a copy of value.
func (s *MemoryStore) Save(_ context.Context, key string, value []byte, version uint64) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.values[key].version != version {
		return 0, ErrConflict
	}
	if s.values == nil {
		s.values = map[string]memoryValue{}
	}
	s.last++
	s.values[key] = memoryValue{value: hide(bytes.Clone(value)), version: s.last}
	return s.last, nil
}

// Delete forgets the value of key.
func (s *MemoryStore) Delete(_ context.Context, key string, version uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if current := s.values[key].version; current != 0 && current != version {
		return ErrConflict
	}
	delete(s.values, key)
	return nil
}

// Lock waits for the lock of key.
func (s *MemoryStore) Lock(ctx context.Context, key string) (unlock func(), err error) {
	return s.locks.lock(ctx, key)
}
