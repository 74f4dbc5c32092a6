package mcpclient

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

// call is one logical call, over all its re-sends. It belongs to the caller's
// goroutine.
type call struct {
	method       string
	target       string // tool name, resource URI, prompt name: for errors and hooks
	params       any    // see marshalParams; nil: none
	invalid      error  // what was wrong with the caller's values: nothing is sent
	notification bool
	cursor       bool          // a list page behind the first: its cursor means nothing to another session
	exempt       bool          // takes no place among the concurrent calls
	probe        bool          // the verification itself
	headerWait   time.Duration // for the response header of what then goes on without end; 0: as long as the context
	options      []CallOption

	settings   callSettings
	plain      jsontext.Value // params as the caller gave them
	raw        jsontext.Value // params as sent, with _meta
	header     http.Header    // of this call alone
	id         int64          // of the present attempt
	attempts   int
	generation uint64         // of the last attempt; for a list page first that of the session that gave the cursor
	losses     int            // how often its session was lost
	answered   bool           // the interceptors have been given the result
	told       *CallError     // the interceptors have been given this
	strays     int            // answers to other requests on this call's reply
	input      jsontext.Value // members that a further round adds to the params
	rounds     int            // how often the server asked for input
	mends      int            // how often the era has repeated it for headers or versions
	repeats    int            // by the RetryPolicy
	cause      error          // of another attempt: why the last one failed; a *SessionError: its session was lost
	reached    bool           // one of the attempts was sent
	unsure     bool           // after one of the attempts nobody knew whether it was executed
	callUUID   string
	clock      *idleClock // nil: no idle timeout
}

// callID names the call for people. It is made when somebody first asks.
func (c *call) callID() string {
	if c.callUUID == "" {
		c.callUUID = uuid.NewString()
	}
	return c.callUUID
}

// encode returns the message of the present attempt, with the method and the
// params that the era has for it.
func (c *call) encode(method string, params jsontext.Value) []byte {
	if c.notification {
		return jsonrpc.AppendNotification(nil, method, params)
	}
	return jsonrpc.AppendRequest(nil, c.id, method, params)
}

// stray takes note of a message that is neither our answer nor of the server's
// own accord.
func (c *call) stray(m *jsonrpc.Message) {
	if m.IsResponse() {
		c.strays++
	}
}

// unanswered is the error of a reply that is over without our answer.
func (c *call) unanswered() error {
	if c.strays > 0 {
		return &ProtocolError{Reason: "the reply carries an answer to another request and none to this one"}
	}
	return &ProtocolError{Reason: "the reply ended without an answer", ended: true}
}

// idleClock is the idle timeout of a call. Progress may arrive on the reply of
// another call, so it is touched from several goroutines.
type idleClock struct {
	limit time.Duration
	born  time.Time
	heard atomic.Int64               // after born: when the call last gave a sign of life
	timer atomic.Pointer[time.Timer] // of the present attempt
	holds atomic.Int32               // handlers that work on what the server asked during the call
}

func newIdleClock(limit time.Duration) *idleClock { return &idleClock{limit: limit, born: time.Now()} }

func (c *idleClock) start(expire func()) (stop func() bool) {
	c.heard.Store(int64(time.Since(c.born)))
	timer := time.AfterFunc(c.limit, func() {
		switch {
		case c.holds.Load() > 0: // the server waits for us
			c.touch()
		case time.Since(c.born)-time.Duration(c.heard.Load()) >= c.limit: // else touch came as the timer fired, and has set it anew
			expire()
		}
	})
	c.timer.Store(timer)
	return timer.Stop
}

// hold stops the idle clock while a handler works for c; release starts it anew.
func (c *call) hold() {
	if c != nil && c.clock != nil {
		c.clock.holds.Add(1)
	}
}

func (c *call) release() {
	if c != nil && c.clock != nil {
		c.clock.touch()
		c.clock.holds.Add(-1)
	}
}

// touch tells the clock that the call is alive.
func (c *idleClock) touch() {
	if c == nil {
		return
	}
	c.heard.Store(int64(time.Since(c.born)))
	if timer := c.timer.Load(); timer != nil {
		timer.Reset(c.limit)
	}
}

// failed is the door: the one place where an error of a call gets its type.
func (c *call) failed(err error) error {
	if c.told != nil && err == error(c.told) { //nolint:errorlint // only the very error: an interceptor handed on what it was given
		return err
	}
	return &CallError{
		Method: c.method, Target: c.target, CallID: c.callID(), Attempts: c.attempts, Generation: c.generation,
		Delivery: c.evidence(err), Err: unwrapFailure(err),
	}
}

// evidence is what is known about the delivery. What an interceptor makes of
// an error does not change it.
func (c *call) evidence(err error) Delivery {
	switch delivery := c.evidenceOfLast(err); {
	case delivery == DeliveryAnswered:
		return DeliveryAnswered
	case c.unsure:
		return DeliveryUnknown // what came later does not undo it
	case c.reached && delivery == DeliveryNotSent:
		return DeliveryRefused // of the last attempt alone it would be true
	default:
		return delivery
	}
}

// note remembers what an attempt proves, however the next one ends.
func (c *call) note(v *verdict) {
	if v == nil {
		return
	}
	c.reached = c.reached || v.delivery != DeliveryNotSent
	c.unsure = c.unsure || v.session != VerdictLost && v.delivery == DeliveryUnknown
}

func (c *call) evidenceOfLast(err error) Delivery {
	f, isFailure := errors.AsType[*failure](err)
	inner, isCall := errors.AsType[*CallError](err)
	switch {
	case isFailure:
		return f.delivery
	case c.told != nil:
		return c.told.Delivery
	case c.answered:
		return DeliveryAnswered
	case c.attempts == 0:
		return DeliveryNotSent
	case isCall:
		return inner.Delivery // a hook's own call failed
	default:
		return DeliveryUnknown
	}
}

// atTheDoor is failed for what is not a call.
func atTheDoor(method, target string, err error) error {
	return (&call{method: method, target: target, attempts: 1}).failed(err)
}

// deliveryIn returns the evidence that err carries.
func deliveryIn(err error) Delivery {
	if f, ok := errors.AsType[*failure](err); ok {
		return f.delivery
	}
	return DeliveryUnknown
}

// unwrapFailure takes the evidence off an error that goes out.
func unwrapFailure(err error) error {
	if f, ok := err.(*failure); ok { //nolint:errorlint // the outermost layer alone
		return f.err
	}
	return err
}

// request performs a call and decodes its result, once.
func request[T any](ctx context.Context, s *Session, c call) (*T, error) {
	raw, err := s.do(ctx, &c)
	if err != nil {
		return nil, err
	}
	result, err := decodeResult[T](raw)
	if err != nil {
		return nil, c.failed(fail(err, DeliveryAnswered))
	}
	return result, nil
}

// do performs a call: the interceptors, then perform. Its errors are *CallErrors.
func (s *Session) do(ctx context.Context, c *call) (jsontext.Value, error) {
	s.core.counters.calls.Add(1)
	if err := c.prepare(); err != nil {
		return nil, c.failed(fail(err, DeliveryNotSent))
	}
	if len(s.core.config.interceptors) > 0 {
		return s.intercepted(ctx, c)
	}
	result, err := s.perform(ctx, c)
	if err != nil {
		return nil, c.failed(err)
	}
	return result, nil
}

// perform sends the call until it is accepted. A refusal proves that the server
// did not act, so a refused call is sent again each time it is refused, under a
// new id and on the session of the moment; what ends it is the caller's context
// or the circuit.
func (s *Session) perform(ctx context.Context, c *call) (jsontext.Value, error) {
	if err := c.seal(); err != nil {
		return nil, fail(err, DeliveryNotSent)
	}
	cached, token, ok := s.recall(c)
	if ok {
		return cached, nil
	}
	c.exempt = s.view != nil || fromHandler(ctx) // what waits for it may hold the last place
	if c.settings.progress != nil {
		defer s.core.progress.add(c)()
	}
	for {
		b, err := s.turn(ctx, c)
		if err != nil {
			return nil, fail(err, DeliveryNotSent)
		}
		s.announce(c)
		result, v := s.core.attempt(ctx, b, c)
		c.note(v)
		if v != nil && v.session == VerdictLost {
			if err := s.resend(ctx, b, c, v); err != nil {
				return nil, err
			}
			continue
		}
		more, err := b.era.again(ctx, b, c, outcome{result, v})
		if err == nil && !more && v != nil {
			more, err = s.repeat(ctx, b, c, v)
		}
		switch {
		case err != nil:
			return nil, err
		case more:
			continue
		case v != nil:
			return nil, fail(v.err, v.delivery)
		}
		s.remember(c, token, result)
		return result, nil
	}
}

// announce counts, and tells of, an attempt that follows a failed one.
func (s *Session) announce(c *call) {
	switch {
	case c.cause == nil:
		return
	case is[*SessionError](c.cause):
		s.core.counters.resends.Add(1)
	default:
		s.core.counters.retries.Add(1)
	}
	s.core.trace.callRetried(c, c.cause)
	c.cause = nil
}

// resend acts on the loss of b, and prepares another attempt of the call that met it.
func (s *Session) resend(ctx context.Context, b *binding, c *call, v *verdict) error {
	if err := s.refused(b, c, v); err != nil {
		return fail(err, v.refused())
	}
	c.losses++
	c.cause = v.lost
	// A busy server may forget again before this call gets its turn.
	if n := c.losses - freeResends; n > 0 && !s.core.pause(ctx, fullJitter(10*time.Millisecond, n-1, time.Second)) {
		return fail(s.core.interruption(ctx), DeliveryRefused)
	}
	return nil
}

// turn waits for the session to send c on, and for a place among the
// exchanges on the wire, which attempt gives back. No place is held while
// there is no session to use it on.
func (s *Session) turn(ctx context.Context, c *call) (*binding, error) {
	for {
		b, err := s.binding(ctx)
		switch {
		case err != nil:
			return nil, err
		case c.cursor && c.generation != b.generation:
			return nil, &SessionError{Reason: "the list was begun on an older session, and its cursor means nothing to the present one"}
		case c.exempt:
			return b, nil
		}
		b.feed.awaitEarly(ctx)
		switch {
		case s.core.places.Acquire(ctx, 1) != nil:
			return nil, contextError(ctx)
		case s.core.current.Load() == b:
			return b, nil
		}
		s.core.places.Release(1) // lost or closed while the call waited
	}
}

// freeResends are the re-sends that wait for nothing but the new session.
const freeResends = 3

// refused acts on a lost session and returns nil if the call may go on.
func (s *Session) refused(b *binding, c *call, v *verdict) error {
	why := v.lost
	switch {
	case c.foreign() && v.delivery != DeliveryNotSent:
		// Servers answer a stranger's use of a session as if they did not know
		// it. That says nothing about the session.
		return &SessionError{StatusCode: why.StatusCode, Signal: why.Signal, Err: why.Err, Reason: "the session belongs to another principal", final: true}
	case s.view != nil:
		s.view.refused.Store(why)
		return why
	}
	s.core.lose(b, why)
	if s.repeats(b) && !c.cursor {
		return nil
	}
	return why
}

// binding returns the binding for the next attempt, waiting for a new session
// where that is what has to be done.
func (s *Session) binding(ctx context.Context) (*binding, error) {
	if s.view != nil {
		if s.view.over.Load() {
			return nil, ErrClosed
		}
		return s.view.binding, nil
	}
	if ctx.Err() != nil {
		return nil, contextError(ctx)
	}
	if b := s.core.current.Load(); b != nil {
		return b, nil
	}
	return s.core.awaitReady(ctx)
}

// contextError is the error of an ended context, with its cause if the caller gave one.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if cause == nil || errors.Is(err, cause) {
		return err
	}
	return &contextEndError{err: err, cause: cause}
}

type contextEndError struct{ err, cause error }

func (e *contextEndError) Error() string   { return e.err.Error() + ": " + e.cause.Error() }
func (e *contextEndError) Unwrap() []error { return []error{e.err, e.cause} }
