package mcpclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	maxReopenTries  = 3
	firstReopenWait = 100 * time.Millisecond
	firstGateWait   = 500 * time.Millisecond
	maxReopenWait   = 10 * time.Second
)

// flight is one handshake on behalf of all who wait for it. It runs under the
// session's context, never under a caller's: a caller that gives up fails
// alone. singleflight would do the sharing, but it can neither be counted
// under the mutex that tests for closed, nor does it wake its waiters when a
// hook ends the goroutine with runtime.Goexit.
type flight struct {
	from *binding // what it replaces
	done chan struct{}

	// Set before done is closed.
	binding  *binding
	err      error
	delivery Delivery // what err proves about the handshake
}

// errHookExit is what a flight ends with unless it gets to its end.
var errHookExit = errors.New("a hook ended its goroutine (runtime.Goexit; a failed test assertion does that)")

// awaitReady returns the current binding, waiting for the shared handshake if
// the session is lost. It fails at once where no handshake is due.
func (c *core) awaitReady(ctx context.Context) (*binding, error) {
	for {
		c.mu.Lock()
		if c.state == stateReady {
			b := c.last
			c.mu.Unlock()
			return b, nil
		}
		f, err := c.dueFlightLocked()
		c.mu.Unlock()
		if err != nil {
			return nil, err
		}
		if err := c.wait(ctx, f); err != nil {
			return nil, err
		}
		if f.err != nil {
			return nil, f.err
		}
	}
}

// dueFlightLocked returns the flight that a caller on a lost session waits
// for, and starts it if need be. No timer runs while nobody calls.
func (c *core) dueFlightLocked() (*flight, error) {
	switch {
	case c.state == stateClosed:
		return nil, ErrClosed
	case c.flight != nil && !c.forsakenLocked():
		return c.flight, nil
	case c.forsakenLocked(), time.Now().Before(c.loss.RetryAt):
		return nil, c.loss
	default:
		return c.takeOffLocked()
	}
}

// forsakenLocked: nothing opens the lost session anew but Session.Reinitialize.
func (c *core) forsakenLocked() bool {
	return c.config.policy == ReinitializeNever && c.last.era.traits().hasSessions
}

// takeOffLocked joins the flight in the air, or starts one.
func (c *core) takeOffLocked() (*flight, error) {
	if c.flight != nil {
		return c.flight, nil
	}
	f := &flight{from: c.last, done: make(chan struct{}), err: errHookExit}
	if !c.spawnLocked("shared handshake", func() { c.fly(f) }) {
		return nil, ErrClosed
	}
	c.flight = f
	return f, nil
}

// wait waits for f under the caller's own context.
func (c *core) wait(ctx context.Context, f *flight) error {
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
		return contextError(ctx)
	case <-c.lifetime.Done():
		return ErrClosed
	}
}

// reinitialize is what Session.Reinitialize does.
func (c *core) reinitialize(ctx context.Context) error {
	if ctx.Err() != nil {
		return fail(contextError(ctx), DeliveryNotSent) // nobody is there to want a new session
	}
	c.mu.Lock()
	f, err := c.takeOffLocked()
	c.mu.Unlock()
	if err != nil {
		return fail(err, DeliveryNotSent)
	}
	if err := c.wait(ctx, f); err != nil || f.err == nil {
		return err
	}
	return fail(f.err, f.delivery)
}

// fly opens the new session and lands. The landing is deferred: it must happen
// even if a hook ends this goroutine.
func (c *core) fly(f *flight) {
	defer close(f.done)
	defer c.land(f)
	f.err = c.openAnew(f)
}

// land publishes the outcome of a flight.
func (c *core) land(f *flight) {
	c.mu.Lock()
	c.flight = nil
	f.delivery = deliveryIn(f.err)
	replaced, reason := c.state == stateReady, "reinitialized on request"
	if c.loss != nil {
		reason = c.loss.Reason
	}
	switch {
	case c.state == stateClosed && f.err == nil:
		f.err = ErrClosed
	case f.err == nil:
		c.state, c.last, c.loss, c.failedReopens = stateReady, f.binding, nil, 0
		c.current.Store(f.binding)
	case c.state == stateLost:
		c.grounded(f)
	}
	c.mu.Unlock()

	switch {
	case f.err == nil:
		f.from.end()
		f.binding.feed.begin()
		c.config.logger.Info("mcpclient: new session", "generation", f.binding.generation, "reason", reason)
		c.trace.sessionRestored(f.from, f.binding, reason)
		c.loseEnded(f.binding)
		if replaced {
			c.hangUp(f.from)
		}
	case f.binding != nil:
		c.hangUp(f.binding) // opened, but not to be used
		fallthrough
	default:
		c.trace.reopenFailed(f.from, reason, f.err)
	}
}

// grounded sets the gate after a failed flight: until then calls fail at once,
// and the first one after it starts the next flight.
func (c *core) grounded(f *flight) {
	gate := fullJitter(firstGateWait, c.failedReopens, maxReopenWait)
	if asked, ok := retryAfterOf(f.err); ok {
		gate = max(gate, min(asked, maxRetryAfter))
	}
	c.failedReopens++
	c.loss = c.loss.delayed(time.Now().Add(gate), unwrapFailure(f.err))
	c.loss.definite = !transientHandshake(f.err)
	f.err = c.loss
	if c.loss.final { // nothing reopens by itself, but whoever asked for this flight may well ask again
		again := *c.loss
		again.final = false
		f.err = &again
	}
}

// hangUp ends a session at the server, in half the time that Close has, so
// that a Close that comes meanwhile need not give up on it.
func (c *core) hangUp(b *binding) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.lifetime), c.config.closeTimeout/2)
	defer cancel()
	if err := b.era.close(ctx, b); err != nil {
		c.config.logger.Info("mcpclient: the server did not confirm the end of a session", "err", err)
	}
}

// openAnew opens and restores a new session, trying again while the failure is
// a passing one.
func (c *core) openAnew(f *flight) error {
	for try := 0; ; try++ {
		b, err := c.handshake(c.lifetime, f.from.generation+1)
		if err == nil {
			f.binding = b // before any hook runs: whatever comes, the server is told
			return c.restore(b)
		}
		if try+1 >= maxReopenTries || !transientHandshake(err) {
			return err
		}
		wait := fullJitter(firstReopenWait, try, maxReopenWait)
		if asked, ok := retryAfterOf(err); ok {
			if asked > maxReopenWait {
				return err // the gate tells the callers how long
			}
			wait = max(wait, asked)
		}
		if !c.pause(c.lifetime, wait) {
			return ErrClosed
		}
	}
}

// handshake opens one session, at the URL that the user gave: where that one
// redirects to may have changed since.
func (c *core) handshake(ctx context.Context, generation uint64) (*binding, error) {
	b, err := c.negotiate(ctx, c.url, generation)
	switch {
	case err == nil:
		return b, nil
	case c.lifetime.Err() != nil:
		return nil, fail(ErrClosed, deliveryIn(err))
	case ctx.Err() != nil:
		return nil, fail(contextError(ctx), deliveryIn(err))
	default:
		return nil, err
	}
}

// connect opens the first session. A server that asks for patience gets it, as
// long as the caller's deadline allows. It also returns how often it tried.
func (c *core) connect(ctx context.Context) (b *binding, tries int, err error) {
	for try := 1; ; try++ {
		b, err := c.handshake(ctx, 1)
		asked, ok := retryAfterOf(err)
		wait := max(asked, fullJitter(firstReopenWait, try-1, maxReopenWait)) // "at once" is no leave to hammer
		if err == nil || !ok || !patient(ctx, err, wait, try) {
			return b, try, err
		}
		if !c.pause(ctx, wait) {
			return nil, try, fail(contextError(ctx), DeliveryRefused)
		}
	}
}

// patient reports whether waiting for a Retry-After makes sense: only for a
// busy server, and only if the wait fits the deadline. Without a deadline three
// tries are enough.
func patient(ctx context.Context, err error, wait time.Duration, try int) bool {
	busy, ok := errors.AsType[*HTTPError](err)
	if !ok || busy.StatusCode != http.StatusTooManyRequests && busy.StatusCode != http.StatusServiceUnavailable || wait > maxRetryAfter {
		return false
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		return try < maxReopenTries
	}
	return time.Until(deadline) > wait
}

// restore brings the new session to where the old one was: what the library
// knows first, then what only the application knows.
func (c *core) restore(b *binding) error {
	v := &Session{core: c, view: &view{binding: b}}
	defer v.view.over.Store(true)
	if err := v.restoreLogLevel(); err != nil {
		return err
	}
	if c.config.restore == nil {
		return nil
	}
	limit := c.config.restoreTimeout
	ctx, cancel := withLimit(c.lifetime, limit, fmt.Errorf("over the limit of %v (Client.RestoreTimeout)", limit))
	defer cancel()
	if err := c.config.restore(ctx, v); err != nil {
		return fmt.Errorf("Client.Restore: %w", err)
	}
	if refused := v.view.refused.Load(); refused != nil {
		return fmt.Errorf("Client.Restore: %w", refused)
	}
	return nil
}

// restoreLogLevel repeats SetLogLevel. Only a refused session stops the
// restore: a server that has no levels any more costs nobody his calls.
func (s *Session) restoreLogLevel() error {
	level := s.core.logLevel.Load()
	if level == nil {
		return nil
	}
	err := s.SetLogLevel(s.core.lifetime, *level)
	if errors.Is(err, ErrSessionInvalid) {
		return err
	}
	if err != nil {
		s.core.config.logger.Warn("mcpclient: the log level could not be restored", "err", err)
	}
	return nil
}
