package mcpclient

import (
	"context"
	"sync"
	"time"
)

// timeLimit ends a context after a while, as context.WithTimeoutCause does, but
// its clock can be held: the time that an Authorizer takes, which may be that of
// a person, is not the server's.
type timeLimit struct {
	context.Context //nolint:containedctx // it is one

	end   context.CancelCauseFunc
	cause error

	mu      sync.Mutex
	timer   *time.Timer
	left    time.Duration // when the clock started last
	started time.Time
	holds   int
}

// withLimit returns a context that ends after d, with cause.
func withLimit(parent context.Context, d time.Duration, cause error) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	l := &timeLimit{Context: ctx, end: cancel, cause: cause, left: d, started: time.Now()}
	l.timer = time.AfterFunc(d, func() { cancel(cause) })
	return l, func() {
		l.timer.Stop()
		cancel(nil)
	}
}

type limitKey struct{}

// Value lets holdLimits find the limit.
func (l *timeLimit) Value(key any) any {
	if key == (limitKey{}) {
		return l
	}
	return l.Context.Value(key)
}

// holdLimits stops the clocks of all limits on ctx until release is called.
func holdLimits(ctx context.Context) (release func()) {
	innermost, _ := ctx.Value(limitKey{}).(*timeLimit)
	for l := innermost; l != nil; l = l.outer() {
		l.hold()
	}
	return func() {
		for l := innermost; l != nil; l = l.outer() {
			l.release()
		}
	}
}

func (l *timeLimit) outer() *timeLimit {
	outer, _ := l.Context.Value(limitKey{}).(*timeLimit)
	return outer
}

func (l *timeLimit) hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.holds++; l.holds > 1 {
		return
	}
	l.timer.Stop()
	l.left -= time.Since(l.started)
}

func (l *timeLimit) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.holds--; l.holds > 0 || l.Err() != nil {
		return
	}
	l.started = time.Now()
	l.timer.Reset(max(l.left, 0))
}
