package mcpclient

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// Call is one logical call, as an [Interceptor] sees it.
type Call struct {
	Method string          // JSON-RPC method
	Target string          // tool name, resource URI, prompt name; may be empty
	Params json.RawMessage // without _meta; do not modify
	Header http.Header     // of this call; may be changed before next
	Meta   map[string]any  // members of _meta; may be changed before next
	Result json.RawMessage // set when next returned nil; do not modify its bytes
}

// Interceptor runs around a call, with all its re-sends, in the caller's
// goroutine. It must call next at most once; the error of next is a *CallError.
// Returning another error replaces the cause of the call's failure; its
// Delivery stays what is known. An interceptor that does not call next fails
// the call with DeliveryNotSent, or answers it by setting Result and returning
// nil.
type Interceptor func(ctx context.Context, call *Call, next func(context.Context) error) error

// intercepted runs the interceptors around perform, the first one outermost.
func (s *Session) intercepted(ctx context.Context, c *call) (jsontext.Value, error) {
	seen := &Call{Method: c.method, Target: c.target, Params: []byte(c.plain), Header: http.Header{}, Meta: map[string]any{}}
	maps.Copy(seen.Header, c.header)
	maps.Copy(seen.Meta, c.settings.meta)
	next := func(ctx context.Context) error {
		c.header, c.settings.meta = userHeader(seen.Header), seen.Meta
		result, err := s.perform(ctx, c)
		if err != nil {
			err = c.failed(err)
			c.told, _ = errors.AsType[*CallError](err)
			return err
		}
		seen.Result, c.answered = []byte(result), true
		return nil
	}
	chain := s.core.config.interceptors
	for _, interceptor := range slices.Backward(chain) {
		inner := next
		next = func(ctx context.Context) error { return interceptor(ctx, seen, inner) }
	}
	err := next(ctx)
	if err == nil && seen.Result == nil && !c.notification {
		err = errNoResult
	}
	if err != nil {
		return nil, c.failed(err)
	}
	return jsontext.Value(seen.Result), nil
}

var errNoResult = errors.New("an interceptor returned nil, but the call has no result")

// Trace is a set of hooks. Any of them may be nil. They run inline, in the
// goroutine in which the thing happens and with no lock held; they may call
// the session, but should return soon. They may run concurrently.
type Trace struct {
	SessionOpened   func(SessionEvent) // Connect succeeded
	SessionLost     func(SessionEvent) // the server no longer knows the session
	SessionRestored func(SessionEvent) // a new session took the place of the old one
	ReopenFailed    func(SessionEvent) // no new session could be opened for now; Err says why
	SessionClosed   func(SessionEvent) // Close or Detach
	CallRetried     func(CallEvent)    // a call is sent again, by Client.Retry or on a new session
}

// SessionEvent tells of a session. Session ids are credentials, so they are
// given as the first 8 hex digits of their SHA-256; "" for a server without
// session ids.
type SessionEvent struct {
	Generation uint64      // 1 for the first session of a Session, then counting
	OldID      string      // hash of the id that was lost, replaced or closed
	NewID      string      // hash of the id opened
	Reason     string      // why the old session ended
	Server     *ServerInfo // of the session opened; read-only
	Err        error       // of the loss or the failed reopen
}

// CallEvent tells of a call.
type CallEvent struct {
	Method, Target string
	CallID         string // equals CallError.CallID
	Attempt        int    // which attempt comes next, from 2
	Generation     uint64 // the session of the last attempt
	Err            error  // why that one failed; a *SessionError: its session was lost
}

// tracer calls the hooks that are set.
type tracer struct{ hooks Trace }

func (t tracer) sessionOpened(b *binding) {
	if t.hooks.SessionOpened != nil {
		t.hooks.SessionOpened(SessionEvent{Generation: b.generation, NewID: hashID(b.id), Server: b.server})
	}
}

func (t tracer) sessionLost(b *binding, why *SessionError) {
	if t.hooks.SessionLost != nil {
		t.hooks.SessionLost(SessionEvent{Generation: b.generation, OldID: hashID(b.id), Reason: why.Reason, Err: why})
	}
}

func (t tracer) sessionRestored(old, now *binding, reason string) {
	if t.hooks.SessionRestored != nil {
		t.hooks.SessionRestored(SessionEvent{Generation: now.generation, OldID: hashID(old.id), NewID: hashID(now.id), Reason: reason, Server: now.server})
	}
}

func (t tracer) reopenFailed(old *binding, reason string, err error) {
	if t.hooks.ReopenFailed != nil {
		t.hooks.ReopenFailed(SessionEvent{Generation: old.generation, OldID: hashID(old.id), Reason: reason, Err: err})
	}
}

func (t tracer) sessionClosed(b *binding) {
	if t.hooks.SessionClosed != nil {
		t.hooks.SessionClosed(SessionEvent{Generation: b.generation, OldID: hashID(b.id), Server: b.server})
	}
}

func (t tracer) callRetried(c *call, failure error) {
	if t.hooks.CallRetried != nil {
		t.hooks.CallRetried(CallEvent{Method: c.method, Target: c.target, CallID: c.callID(), Attempt: c.attempts + 1, Generation: c.generation, Err: failure})
	}
}

// hashID stands for a session id wherever people may read it.
func hashID(id string) string {
	if id == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:4])
}
