package mcpclient

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// RetryPolicy says how a call is repeated whose failure passes by itself. The
// zero value is a sensible policy; Attempts: 1 repeats nothing.
//
// What is repeated follows from what the failure proves. Where the server
// provably did not act (no connection, 429, 503 with Retry-After), any call is.
// Where it may have acted (a broken connection or reply, a reply that cannot be
// read, 500, 502, 503, 504, 520 to 530), only a call that may be executed
// twice: a method that the protocol makes harmless, such as a list, a read or
// ping, and a call marked by [WithIdempotent] or [WithIdempotencyKey]. Any other
// call fails with DeliveryUnknown. An answer is never asked for again, and
// nothing is once the context of the call has ended.
//
// The wait before repeat n is random in [0, Base*2^(n-1)], at most Cap, and
// follows the Retry-After of the answer. A wait that does not fit the
// deadline of the context, or a Retry-After of more than a minute, is not
// begun: the call fails at once, and [RetryAfter] tells what the server asked for.
//
// Sending a call again on a new session, because the server had lost the old
// one, is not a repeat in this sense, nor are taking up a stream, rounds of
// input, authorization and corrected headers.
type RetryPolicy struct {
	// Attempts bounds how often a call is tried, the first time included. 0: 3.
	Attempts int

	// Base and Cap set the waits. 0: 500 ms and 10 s.
	Base, Cap time.Duration

	// Budget keeps repeats from making an overload worse. A session begins with
	// so many tokens. A repeat takes 10 and is not made without them; each
	// answered call gives 1 back. Repeats after a failed dial, which no server
	// notices, are free. 0: 100.
	Budget int

	// Strict says that 503 with Retry-After proves nothing: some gateways send it
	// for requests that were executed. Such a call then fails with DeliveryUnknown
	// unless it may be executed twice.
	Strict bool

	// TrustAnnotations takes the server's word that a tool is read-only or
	// idempotent: calls of such tools may then be executed twice. The word is the
	// one of [Session.Tools], so the tools must have been listed by this session.
	TrustAnnotations bool
}

// retryCost is what one repeat takes out of the budget, so that of a steady
// stream of calls at most one in ten is repeated.
const retryCost = 10

func (p RetryPolicy) withDefaults() RetryPolicy {
	p.Attempts = positive(p.Attempts, 3)
	p.Base = positive(p.Base, 500*time.Millisecond)
	p.Cap = positive(p.Cap, 10*time.Second)
	p.Budget = positive(p.Budget, 100)
	return p
}

// doubt takes from v what a strict policy does not believe.
func (p RetryPolicy) doubt(v *verdict) {
	refused, ok := errors.AsType[*HTTPError](v.err)
	if p.Strict && ok && refused.StatusCode == http.StatusServiceUnavailable && v.delivery == DeliveryRefused {
		v.delivery = DeliveryUnknown
	}
}

// wait returns how long to wait before the next repeat of a call that has had n;
// false: the server asks for more than anybody waits for.
func (p RetryPolicy) wait(err error, n int) (time.Duration, bool) {
	jitter := fullJitter(p.Base, n, p.Cap)
	asked, ok := retryAfterOf(err)
	if !ok {
		return jitter, true
	}
	// Many clients were told the same time: the jitter keeps them apart.
	return asked + jitter, asked <= maxRetryAfter
}

// retryBudget is the tokens of one session.
type retryBudget struct {
	most   int64
	tokens atomic.Int64
}

func (b *retryBudget) fill(tokens int) {
	b.most = int64(tokens)
	b.tokens.Store(b.most)
}

// take pays for one repeat, if there is enough to pay with.
func (b *retryBudget) take() bool {
	for {
		have := b.tokens.Load()
		if have < retryCost {
			return false
		}
		if b.tokens.CompareAndSwap(have, have-retryCost) {
			return true
		}
	}
}

// earn gives one token back. A full budget, the usual case, is only read.
func (b *retryBudget) earn() {
	for {
		have := b.tokens.Load()
		if have >= b.most || b.tokens.CompareAndSwap(have, have+1) {
			return
		}
	}
}

// repeat waits for another attempt of c after the failure v on b, and reports
// whether there is to be one.
func (s *Session) repeat(ctx context.Context, b *binding, c *call, v *verdict) (bool, error) {
	policy := s.core.config.retry
	if c.repeats+1 >= policy.Attempts || !s.mayRepeat(b, c, v) || s.core.interrupted(ctx) {
		return false, nil
	}
	wait, ok := policy.wait(v.err, c.repeats)
	if deadline, bounded := ctx.Deadline(); !ok || bounded && time.Until(deadline) <= wait {
		return false, nil
	}
	if !neverConnected(v) && !s.core.budget.take() {
		s.core.counters.overBudget.Add(1)
		return false, nil
	}
	c.repeats++
	if !s.core.pause(ctx, wait) {
		return false, fail(s.core.interruption(ctx), v.delivery)
	}
	if !s.mayRunBeyond(b) { // lost during the wait
		return false, nil
	}
	c.cause = v.err
	return true, nil
}

// mayRepeat reports whether repeating c can do no harm, and may help.
func (s *Session) mayRepeat(b *binding, c *call, v *verdict) bool {
	if !s.mayRunBeyond(b) {
		return false
	}
	switch v.delivery {
	case DeliveryNotSent, DeliveryRefused:
		return passes(v.err)
	case DeliveryUnknown:
		return mayPass(v.err) && s.idempotent(c)
	default:
		return false
	}
}

// mayRunBeyond reports whether a call that was made for b may run now: on b
// itself, or, if the policy does not mind, in the session that has taken its place.
func (s *Session) mayRunBeyond(b *binding) bool {
	return s.view != nil || s.core.current.Load() == b || s.repeats(b)
}

// idempotent reports whether the server may execute c twice.
func (s *Session) idempotent(c *call) bool {
	return repeatable(c.method) || c.settings.idempotent ||
		s.core.config.retry.TrustAnnotations && c.method == callToolMethod && s.core.harmless.has(c.target)
}

// harmlessTools are those which the server lists as read-only or idempotent.
type harmlessTools struct {
	mu    sync.Mutex
	tools map[string]struct{}
}

// What is remembered of a server that lists without end is bounded. Longer names than any honest tool's are not remembered.
const (
	maxHarmless       = 100_000
	maxRememberedName = 256 // bytes
)

// note remembers what a list says of t.
func (h *harmlessTools) note(t *Tool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case !t.Annotations.Idempotent():
		delete(h.tools, t.Name)
	case len(h.tools) < maxHarmless && len(t.Name) <= maxRememberedName:
		if h.tools == nil {
			h.tools = make(map[string]struct{})
		}
		h.tools[t.Name] = struct{}{}
	}
}

// forget is for when the list has changed.
func (h *harmlessTools) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tools = nil
}

func (h *harmlessTools) has(name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, listed := h.tools[name]
	return listed
}
