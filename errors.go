package mcpclient

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Sentinels for errors.Is. The typed errors below carry the data; a sentinel
// names the family that a caller branches on.
var (
	// ErrSessionInvalid: the server no longer knows the session. See [SessionError].
	ErrSessionInvalid = errors.New("session invalid")
	// ErrUnauthorized: the server answered 401 or 403, or the [Authorizer] failed. See [AuthorizationError].
	ErrUnauthorized = errors.New("unauthorized")
	// ErrProtocol: the server broke the protocol or a limit. See [ProtocolError] and [LimitError].
	ErrProtocol = errors.New("protocol violation")
	// ErrClosed: the session was closed or detached.
	ErrClosed = errors.New("session closed")
	// ErrUnsupported: this session, or its server, does not offer the operation.
	ErrUnsupported = errors.New("not supported")
	// ErrIdleTimeout: a call saw no sign of progress for the time given to [WithIdleTimeout].
	ErrIdleTimeout = errors.New("no progress in time")
)

// Delivery says what is known about a failed call: did the server act on it?
// It is evidence, not a guess: where nothing is proven it is DeliveryUnknown,
// which is therefore the zero value.
type Delivery int

const (
	// DeliveryUnknown: the request may have been executed.
	DeliveryUnknown Delivery = iota
	// DeliveryNotSent: no byte of the request reached the server.
	DeliveryNotSent
	// DeliveryRefused: the server proved that it did not act on the request.
	DeliveryRefused
	// DeliveryAnswered: the server executed the request and answered it.
	DeliveryAnswered
)

// String returns "unknown", "not sent", "refused" or "answered".
func (d Delivery) String() string {
	switch d {
	case DeliveryNotSent:
		return "not sent"
	case DeliveryRefused:
		return "refused"
	case DeliveryAnswered:
		return "answered"
	default:
		return "unknown"
	}
}

// CallError is what every failed Connect, Resume and Session method returns:
// which call it was, how far it came, and why it failed. Use errors.As on it
// for the facts and errors.Is or errors.As on its cause to branch.
type CallError struct {
	Method     string   // JSON-RPC method, or "connect", "resume", "close", "reinitialize", "listen"
	Target     string   // tool name, resource URI, prompt name, endpoint; may be empty
	CallID     string   // correlation id of the logical call, equal over all its re-sends; the one that Trace and Logger show
	Attempts   int      // how many times the request was sent
	Generation uint64   // the session generation of the last attempt, 0 if there was none
	Delivery   Delivery // did the server act on it?
	Err        error    // the cause, one of the types of this package or a context error
}

func (e *CallError) Error() string {
	var b strings.Builder
	b.WriteString("mcpclient: ")
	b.WriteString(excerpt(e.Method))
	if e.Target != "" {
		b.WriteByte(' ')
		b.WriteString(excerpt(e.Target))
	}
	b.WriteString(": ")
	b.WriteString(e.Err.Error())
	if e.Attempts > 1 {
		fmt.Fprintf(&b, " (sent %d times)", e.Attempts)
	}
	if e.Delivery == DeliveryUnknown && e.Generation > 0 { // a handshake has nothing to act on
		b.WriteString("; the server may have acted on it")
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *CallError) Unwrap() error { return e.Err }

// SafeToRetry reports whether err proves that the server did not act on the
// call, so that sending it again cannot execute it twice: its Delivery is
// DeliveryNotSent or DeliveryRefused. Safe is not always useful: the same bad
// arguments fail again. Use [RetryAfter] to drive a retry loop. False for
// [ErrClosed] and for errors of other packages.
func SafeToRetry(err error) bool {
	call, ok := errors.AsType[*CallError](err)
	if !ok || errors.Is(err, ErrClosed) {
		return false
	}
	return call.Delivery == DeliveryNotSent || call.Delivery == DeliveryRefused
}

// RetryAfter reports whether repeating the failed call is both safe (see
// [SafeToRetry]) and sensible, because the cause passes by itself: a network
// failure before anything was sent, a busy or restarting server, a lost
// session. The duration is how long the server, or the session's own backoff,
// asks to wait from now; 0 means that there is no wish, so use a backoff of your own.
func RetryAfter(err error) (time.Duration, bool) {
	if !SafeToRetry(err) {
		return 0, false
	}
	if session, ok := errors.AsType[*SessionError](err); ok {
		return session.retryAfter()
	}
	if failed, ok := errors.AsType[*AuthorizationError](err); ok {
		return failed.retryAfter()
	}
	if refused, ok := errors.AsType[*HTTPError](err); ok {
		wait, _ := parseRetryAfter(refused.Header, time.Now())
		return wait, transientStatus(refused.StatusCode)
	}
	return 0, is[*NetworkError](err) && !badCertificate(err)
}

// SessionError means that the server no longer knows the session, or did not
// accept the caller as its owner. It matches [ErrSessionInvalid].
type SessionError struct {
	StatusCode int       // HTTP status of the refusal, 0 if there was none
	Reason     string    // what happened, in the server's words (quoted) or ours
	Signal     string    // the row of the refusals table that told it, "" if none did
	RetryAt    time.Time // calls before this time fail at once; zero: no wait
	Err        error     // the refusal, or why no new session could be opened; may be nil

	final    bool // nothing reopens this session by itself: ReinitializeNever, another principal
	definite bool // why no new session could be opened does not pass by itself
}

func (e *SessionError) Error() string {
	var b strings.Builder
	b.WriteString(ErrSessionInvalid.Error())
	if e.StatusCode != 0 {
		fmt.Fprintf(&b, " (HTTP %d)", e.StatusCode)
	}
	if e.Reason != "" {
		b.WriteString(": ")
		b.WriteString(e.Reason)
	}
	if !e.RetryAt.IsZero() {
		if e.Err != nil {
			b.WriteString("; no new session yet: ")
			b.WriteString(e.Err.Error())
		}
		b.WriteString("; next try after ")
		b.WriteString(e.RetryAt.Format(time.RFC3339))
	}
	return b.String()
}

// Unwrap returns the refusal, or the reason why no new session could be opened.
func (e *SessionError) Unwrap() error { return e.Err }

// Is reports whether target is [ErrSessionInvalid].
func (e *SessionError) Is(target error) bool { return target == ErrSessionInvalid }

func (e *SessionError) retryAfter() (time.Duration, bool) {
	if e.final || e.definite {
		return 0, false
	}
	if e.RetryAt.IsZero() {
		return 0, true
	}
	return max(0, time.Until(e.RetryAt)), true
}

// RPCError is the JSON-RPC error that the server answered a request with
// (JSON-RPC 2.0 section 5.1).
type RPCError struct {
	Code    int64
	Message string
	Data    json.RawMessage // nil if the error has none
}

func (e *RPCError) Error() string {
	return fmt.Sprintf("JSON-RPC error %d: %s", e.Code, quote(e.Message))
}

// HTTPError is an HTTP answer that the protocol gives no other meaning: the
// request was refused, or the server failed. Statuses 401 and 403 match
// [ErrUnauthorized]. If the body held a JSON-RPC error that names no other
// request, Unwrap returns it as a *RPCError.
type HTTPError struct {
	StatusCode int
	Header     http.Header // without cookies and session id
	Body       []byte      // at most 4 KiB

	rpc     *RPCError
	foreign bool   // rpc answers another request
	hint    string // what to try
	opening bool   // of the first request of a handshake
	resumed bool   // of the GET that was to take up a broken reply
}

func (e *HTTPError) Error() string {
	var b strings.Builder
	b.WriteString("HTTP ")
	b.WriteString(strconv.Itoa(e.StatusCode))
	if text := http.StatusText(e.StatusCode); text != "" {
		b.WriteByte(' ')
		b.WriteString(text)
	}
	if text := e.serverText(); text != "" {
		b.WriteString(": ")
		b.WriteString(quote(text))
	}
	if e.hint != "" {
		b.WriteString(" (")
		b.WriteString(e.hint)
		b.WriteByte(')')
	}
	return b.String()
}

func (e *HTTPError) serverText() string {
	if e.rpc != nil && e.rpc.Message != "" {
		return e.rpc.Message
	}
	return strings.TrimSpace(string(e.Body))
}

// Unwrap returns the JSON-RPC error of the body, if there was one.
func (e *HTTPError) Unwrap() error {
	if e.rpc == nil || e.foreign {
		return nil
	}
	return e.rpc
}

// Is reports whether target is [ErrUnauthorized] and the status 401 or 403.
func (e *HTTPError) Is(target error) bool {
	return target == ErrUnauthorized &&
		(e.StatusCode == http.StatusUnauthorized || e.StatusCode == http.StatusForbidden)
}

// NetworkError is a failure below HTTP: no connection, TLS, a reset, a reply
// cut short, or no answer within [Client.HandshakeTimeout].
type NetworkError struct {
	Err error
}

func (e *NetworkError) Error() string { return "network: " + clip(e.Err.Error()) }

// Unwrap returns the error of the network layer.
func (e *NetworkError) Unwrap() error { return e.Err }

// RedirectError is a redirect that the client does not follow: only a 307 or
// 308 to the same scheme, host and port is followed, three times at most.
// Nothing was sent to Location.
type RedirectError struct {
	StatusCode int
	Location   string // as the server gave it, resolved against the request's URL, without user and session id
}

func (e *RedirectError) Error() string {
	return fmt.Sprintf("HTTP %d redirects to %s, which is not followed: use that URL if you trust it",
		e.StatusCode, quote(withoutSecrets(e.Location)))
}

// ProtocolError means that the server broke the protocol: a wrong id, a wrong
// content type, bad JSON, no answer. It concerns one call only. It matches [ErrProtocol].
type ProtocolError struct {
	Reason string
	Err    error // may be nil

	ended bool // the reply came to its end before the answer
}

func (e *ProtocolError) Error() string {
	if e.Err == nil {
		return "protocol violation: " + e.Reason
	}
	return "protocol violation: " + e.Reason + ": " + clip(e.Err.Error())
}

// Unwrap returns the underlying error, if any.
func (e *ProtocolError) Unwrap() error { return e.Err }

// Is reports whether target is [ErrProtocol].
func (e *ProtocolError) Is(target error) bool { return target == ErrProtocol }

// LimitError means that an answer is over a limit of the client. It concerns
// one call only. It matches [ErrProtocol].
type LimitError struct {
	What  string // what was limited, and the option that sets the limit
	Limit int64
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s is over the limit of %d", e.What, e.Limit)
}

// Is reports whether target is [ErrProtocol].
func (e *LimitError) Is(target error) bool { return target == ErrProtocol }

// VersionError means that client and server have no protocol version in common.
type VersionError struct {
	Wanted  []string // what this client accepts
	Offered []string // what the server offered; empty: it was not asked, the client itself does not speak Wanted
}

func (e *VersionError) Error() string {
	if len(e.Offered) == 0 {
		return "this client does not speak protocol version " + quote(strings.Join(e.Wanted, ", "))
	}
	return fmt.Sprintf("no common protocol version: the server offers %s, this client speaks %s",
		quote(strings.Join(e.Offered, ", ")), strings.Join(e.Wanted, ", "))
}

// DecodeError means that the server answered, but the answer does not fit the
// caller's Go type.
type DecodeError struct {
	Result *ToolResult     // the result of a tool call, nil for other methods
	Raw    json.RawMessage // the JSON that did not fit
	Err    error
}

func (e *DecodeError) Error() string {
	return "the answer does not fit the type asked for: " + clip(e.Err.Error())
}

// Unwrap returns the error of the JSON decoder.
func (e *DecodeError) Unwrap() error { return e.Err }

// ArgumentError means that what the caller gave is no JSON object: arguments of
// a tool, as a model writes them, or params. Nothing was sent.
type ArgumentError struct {
	What   string // "arguments" or "params"
	Reason string // what is wrong with them, in words that may be shown to the model
	Err    error  // of the encoder or parser; may be nil
}

func (e *ArgumentError) Error() string { return e.What + " " + e.Reason }

// Unwrap returns the error of the encoder or parser, if any.
func (e *ArgumentError) Unwrap() error { return e.Err }

// ToolError is a tool result with IsError set, turned into a Go error where
// the caller asked for that: [ToolResult.Err] and [CallAs].
type ToolError struct {
	Tool   string
	Result *ToolResult
}

func (e *ToolError) Error() string {
	if text := e.Result.Text(); text != "" {
		return "the tool reports an error: " + quote(text)
	}
	return "the tool reports an error"
}

// failure is how the inside of the package carries an error and its evidence
// to the door, where it becomes a *CallError.
type failure struct {
	err      error
	delivery Delivery
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func fail(err error, d Delivery) error { return &failure{err: err, delivery: d} }
