package auth

import (
	"context"
	"sync"
)

// keyLocks are locks by name for the goroutines of this process. Unlike a
// [sync.Mutex] one may be held across I/O: whoever waits for it stops waiting
// when its context ends. The zero value is ready for use.
type keyLocks struct {
	mu    sync.Mutex
	locks map[string]*keyLock // guarded by mu; only those that somebody holds or waits for
}

type keyLock struct {
	turn  chan struct{} // has room for one: the holder
	users int           // holder and waiters; guarded by keyLocks.mu
}

// lock waits for the lock of key. A second call of unlock does nothing.
func (l *keyLocks) lock(ctx context.Context, key string) (unlock func(), err error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	entry := l.enter(key)
	select {
	case entry.turn <- struct{}{}:
		return sync.OnceFunc(func() {
			<-entry.turn
			l.leave(key, entry)
		}), nil
	case <-ctx.Done():
		l.leave(key, entry)
		return nil, context.Cause(ctx)
	}
}

func (l *keyLocks) enter(key string) *keyLock {
	l.mu.Lock()
	defer l.mu.Unlock()
	entry := l.locks[key]
	if entry == nil {
		entry = &keyLock{turn: make(chan struct{}, 1)}
		if l.locks == nil {
			l.locks = map[string]*keyLock{}
		}
		l.locks[key] = entry
	}
	entry.users++
	return entry
}

// leave forgets the lock after its last user, so that keys do not pile up.
func (l *keyLocks) leave(key string, entry *keyLock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if entry.users--; entry.users == 0 {
		delete(l.locks, key)
	}
}
