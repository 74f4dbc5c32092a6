package auth

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"time"
)

// How often a lock that another process holds is tried. It is held for a few
// milliseconds by those who write, for seconds by those who refresh.
const (
	firstLockWait = 2 * time.Millisecond
	maxLockWait   = 100 * time.Millisecond
)

// lockFile waits for the lock of a lock file in the directory, which is made if
// need be. A blocking system call could not be cancelled, so the lock is tried
// again and again; the goroutines of this process queue before they do.
func (s *FileStore) lockFile(ctx context.Context, name string) (unlock func(), err error) {
	if err := ensureDirectory(s.dir); err != nil {
		return nil, err
	}
	leave, err := s.locks.lock(ctx, name)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(s.dir, name)
	for wait := firstLockWait; ; wait = min(2*wait, maxLockWait) {
		held, err := tryLock(path)
		if err != nil {
			leave()
			return nil, err
		}
		if held != nil {
			return func() {
				held.Close()
				leave()
			}, nil
		}
		if err := pause(ctx, wait); err != nil {
			leave()
			return nil, err
		}
	}
}

// pause waits for about that long: processes that wait for the same thing are not
// to ask in step.
func pause(ctx context.Context, about time.Duration) error {
	timer := time.NewTimer(about/2 + rand.N(about))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
