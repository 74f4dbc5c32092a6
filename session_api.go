package mcpclient

import (
	"context"
	stdjson "encoding/json"
	"sync/atomic"
)

// ID returns the server's session id, "" if the server gave none. It is a
// credential: do not log it.
func (s *Session) ID() string { return s.latest().id }

// Server returns what the server told about itself when the current session
// was opened. The value is shared: do not modify it.
func (s *Session) Server() *ServerInfo { return s.latest().server }

// latest is the binding in use, or the last one that was.
func (s *Session) latest() *binding {
	if s.view != nil {
		return s.view.binding
	}
	if b := s.core.current.Load(); b != nil {
		return b
	}
	s.core.mu.Lock()
	defer s.core.mu.Unlock()
	return s.core.last
}

// Done returns a channel that is closed when Close or Detach has returned. The
// loss of a session does not close it.
func (s *Session) Done() <-chan struct{} { return s.core.done }

// Err returns nil while the session is ready, the *SessionError while it is
// lost, and ErrClosed after Close or Detach. What Client.Restore gets is ready
// until Restore returns, unless the new session is refused, too.
func (s *Session) Err() error {
	if s.view != nil {
		return s.view.err()
	}
	s.core.mu.Lock()
	defer s.core.mu.Unlock()
	switch s.core.state {
	case stateClosed:
		return ErrClosed
	case stateLost:
		return s.core.loss
	default:
		return nil
	}
}

// Close ends the session: calls in flight fail with [ErrClosed], the server is
// told (DELETE; that it does not answer is no error), and every goroutine of
// the session has ended when Close returns. All of it takes
// [Client.CloseTimeout] at most; if something of the session, such as a hook,
// still runs then, the error names it. Further calls of Close return the same.
func (s *Session) Close() error {
	if s.view != nil {
		return s.localError("close", ErrUnsupported)
	}
	if err := s.core.shut(true); err != nil {
		return &CallError{Method: "close", Delivery: DeliveryAnswered, Err: err}
	}
	return nil
}

// Reinitialize opens a new session now. On a lost session it starts, or joins,
// the handshake whatever the policy says, and does not wait for a RetryAt. On a
// ready one it opens the new session first and then ends the old one. Any
// number of concurrent callers open one session.
func (s *Session) Reinitialize(ctx context.Context) error {
	if s.view != nil {
		return s.localError("reinitialize", ErrUnsupported)
	}
	if err := s.core.reinitialize(ctx); err != nil {
		return atTheDoor("reinitialize", "", err)
	}
	return nil
}

// Ping asks the server for a sign of life.
func (s *Session) Ping(ctx context.Context, opts ...CallOption) error {
	_, err := s.do(ctx, &call{method: "ping", options: opts})
	return err
}

// Request is the way out for methods that this package has no function for.
// params, a struct, map, nil or json.RawMessage, must encode to a JSON object.
// The result is decoded into result by encoding/json; nil discards it. A result
// that does not fit is a *DecodeError.
func (s *Session) Request(ctx context.Context, method string, params, result any, opts ...CallOption) error {
	return s.requestInto(ctx, &call{method: method, params: params, options: opts}, result)
}

// requestInto performs c and decodes its result into the user's own type.
func (s *Session) requestInto(ctx context.Context, c *call, result any) error {
	raw, err := s.do(ctx, c)
	if err != nil || result == nil {
		return err
	}
	if err := stdjson.Unmarshal(raw, result); err != nil {
		return c.failed(fail(&DecodeError{Raw: stdjson.RawMessage(raw), Err: err}, DeliveryAnswered))
	}
	return nil
}

// Notify sends a notification. It returns when the server has accepted it.
func (s *Session) Notify(ctx context.Context, method string, params any, opts ...CallOption) error {
	_, err := s.do(ctx, &call{method: method, params: params, options: opts, notification: true})
	return err
}

// Stats are counts since the session was opened.
type Stats struct {
	Generation        uint64 // of the current session; 1 is the first
	Calls             int64  // logical calls begun
	Resends           int64  // calls sent again on a new session, the old one being lost
	Retries           int64  // repeats by Client.Retry
	RetriesOverBudget int64  // repeats not made, for want of RetryPolicy.Budget
	Losses            int64  // sessions that the server lost
	Initializes       int64  // handshakes that the server answered, the first one included
	StrayAnswers      int64  // answers to no request that was waiting, ignored
	CacheHits         int64  // calls answered from the cache of the Client, and not sent
	SkippedItems      int64  // list items left out: they could not be decoded, or were of no use
	RepeatedItems     int64  // list items of a name that the same list had before; they are not left out
	Dropped           int64  // messages let go: to the server, or over HTTP+SSE to a busy call, because a queue was full; and events of that transport's stream that could not be read
}

type counters struct {
	calls, resends, retries, overBudget, losses, initializes, strays, skipped, repeated, dropped, cacheHits atomic.Int64
}

// Stats returns the counts so far.
func (s *Session) Stats() Stats {
	n := &s.core.counters
	return Stats{
		Generation: s.latest().generation,
		Calls:      n.calls.Load(), Resends: n.resends.Load(), Retries: n.retries.Load(), RetriesOverBudget: n.overBudget.Load(), Losses: n.losses.Load(), Initializes: n.initializes.Load(),
		CacheHits: n.cacheHits.Load(), StrayAnswers: n.strays.Load(), SkippedItems: n.skipped.Load(), RepeatedItems: n.repeated.Load(), Dropped: n.dropped.Load(),
	}
}

// The helpers below are what the noun files (tools.go, resources.go, ...) need
// besides do and request.

// repeats reports whether a call that was refused on b is sent again. Where
// the server keeps no state, none is lost with the binding.
func (s *Session) repeats(b *binding) bool {
	return s.view == nil && (s.core.config.policy == ReinitializeAndRepeat || !b.era.traits().hasSessions)
}

// outlivesLosses reports whether what a loss interrupts may be begun anew.
func (s *Session) outlivesLosses() bool { return s.repeats(s.latest()) }

// isCursor reports whether a page has a successor. In most eras "" is how some
// servers write the end; in the newest it is a cursor as any other.
func (s *Session) isCursor(cursor *string) bool {
	return cursor != nil && (*cursor != "" || s.latest().era.traits().emptyCursors)
}

func (s *Session) maxPages() int    { return s.core.config.limits.Pages }
func (s *Session) maxItems() int    { return s.core.config.limits.ListItems }
func (s *Session) maxSchema() int64 { return s.core.config.limits.SchemaSize }

// skipped counts and logs a list item that is left out.
func (s *Session) skipped(kind string, err error) {
	switch n := s.core.counters.skipped.Add(1); {
	case n <= maxSkipsLogged:
		s.core.config.logger.Warn("mcpclient: a list item is left out", "kind", kind, "err", err)
	case n == maxSkipsLogged+1:
		s.core.config.logger.Warn("mcpclient: further list items that are left out are only counted")
	}
}

// repeated counts and logs a list item of a name that the list has had before:
// a call by that name reaches one of the two, perhaps not the one that was meant.
func (s *Session) repeated(kind, key string) {
	if n := s.core.counters.repeated.Add(1); n <= maxSkipsLogged {
		s.core.config.logger.Warn("mcpclient: a list has two items of one name", "kind", kind, "name", identifier(key))
	}
}

// maxSkipsLogged keeps a server with nothing but bad items from filling the log.
const maxSkipsLogged = 1000

func (s *Session) localError(method string, err error) error {
	return &CallError{Method: method, Delivery: DeliveryNotSent, Err: err}
}

// rememberLogLevel keeps the level for the sessions to come.
func (s *Session) rememberLogLevel(level LogLevel) {
	s.core.logLevel.Store(&level)
}
