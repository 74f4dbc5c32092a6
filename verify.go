package mcpclient

import (
	"context"
	"strings"
)

// check is the verification of one binding: is the session gone, or was it
// only a look-alike? It is made once per binding and shared.
type check struct {
	binding *binding
	done    chan struct{}
	lost    bool // set before done is closed
}

// verify reports whether b is gone, as v suspects. It waits under the caller's
// context and answers "no" if that ends first. That the session was alive once
// does not count against an answer that only another kind of server gives: the
// server may have been replaced since.
func (c *core) verify(ctx context.Context, b *binding, suspicion *verdict) bool {
	var v *check
	if suspicion.lost != nil && strings.HasPrefix(suspicion.lost.Signal, "E") {
		v = c.verifyAgain(b)
	} else {
		v = c.verifyLater(b)
	}
	if v == nil {
		return false
	}
	select {
	case <-v.done:
		return v.lost
	case <-ctx.Done():
		return false
	case <-c.lifetime.Done():
		return false
	}
}

// verifyLater starts the verification of b, or returns the one that was made.
// nil: the session is closed.
func (c *core) verifyLater(b *binding) *check {
	c.mu.Lock()
	defer c.mu.Unlock()
	if b.check != nil {
		return b.check
	}
	v := &check{binding: b, done: make(chan struct{})}
	if !c.spawnLocked("verification", func() { c.runCheck(v) }) {
		return nil
	}
	b.check = v
	return v
}

// verifyAnew is verify for a stream that worked again since the last one: what
// was found then says nothing of now. certain is false if there was no answer.
func (c *core) verifyAnew(ctx context.Context, b *binding) (lost, certain bool) {
	v := c.verifyAgain(b)
	if v == nil {
		return false, false
	}
	select {
	case <-v.done:
	case <-ctx.Done():
		return false, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return v.lost, b.check == v
}

// verifyAgain starts a further verification of b, unless one is under way or
// has found the session lost.
func (c *core) verifyAgain(b *binding) *check {
	c.mu.Lock()
	if v := b.check; v != nil && v.acquitted() {
		b.check = nil
	}
	c.mu.Unlock()
	return c.verifyLater(b)
}

// acquitted: the session was found alive.
func (v *check) acquitted() bool {
	select {
	case <-v.done:
		return !v.lost
	default:
		return false
	}
}

func (c *core) runCheck(v *check) {
	proven := false
	defer func() { // deferred: a hook may end this goroutine
		if !proven {
			c.forgetCheck(v) // the next suspicion asks again
		}
		close(v.done)
	}()
	method := v.binding.era.probe(v.binding)
	if method == "" {
		proven = true // nothing can be asked without side effects: the session lives
		return
	}
	_, verdict := c.attempt(c.lifetime, v.binding, &call{method: method, exempt: true, probe: true})
	v.lost = verdict != nil && verdict.session == VerdictLost
	proven = v.lost || verdict == nil || verdict.delivery == DeliveryAnswered
	if v.lost {
		c.lose(v.binding, verdict.lost)
	}
}

func (c *core) forgetCheck(v *check) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v.binding.check == v {
		v.binding.check = nil
	}
}
