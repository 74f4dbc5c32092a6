package mcpclient

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Connect opens a session with the zero [Client]. See [Client.Connect].
func Connect(ctx context.Context, url string) (*Session, error) {
	return new(Client).Connect(ctx, url)
}

// Client holds the settings of the sessions that it opens. The zero value is
// ready for use. A Client is safe for concurrent use and may open any number
// of sessions; do not change or copy it after its first use.
type Client struct {
	// Name and Version introduce the application to the server. Default: the
	// main module from the build info, else the program's name and "0.0.0".
	Name, Version string

	// HTTPClient sends the requests. It is never modified: redirects stay the
	// library's business, and its Timeout bounds each exchange, those of the
	// handshake included, but not Close. nil: every session owns a transport
	// that is tuned for many parallel calls to one host.
	HTTPClient *http.Client

	// Header goes with every request. Mcp-*, Host, Content-Type and Accept
	// belong to the library and are left out.
	Header http.Header

	// Authorizer adds credentials to every request and is asked when a server
	// refuses them; package auth has some. nil: none. It and an Authorization in
	// Header, or a password in the URL, exclude each other. Results are then not
	// cached.
	Authorizer Authorizer

	// InsecureHosts, each "name" or "name:port", may be sent the credentials of an
	// Authorizer over plain http. Loopback needs no entry; any other server that
	// is no https one gives an *AuthorizationError instead.
	InsecureHosts []string

	// ProtocolVersion pins one protocol version; a server that does not speak
	// it gives a *VersionError. "" negotiates the newest.
	ProtocolVersion string

	// ProbeTimeout bounds the wait for the answer to the first request of Connect,
	// which asks a server whether it speaks the protocol without sessions. Older
	// servers refuse it, but a few never answer. 0: 5 s. What is found is
	// remembered for the next Connect of this Client to the same URL.
	ProbeTimeout time.Duration

	// HandshakeTimeout bounds each exchange that a healthy server answers at
	// once: the handshake, lists, ping, verification. 0: 30 s. Tool calls,
	// prompts and resources are bounded by their context alone.
	HandshakeTimeout time.Duration

	// Reinitialize says what happens when the server has lost the session.
	Reinitialize ReinitializePolicy

	// Restore rebuilds the application's state on the server after each
	// re-initialize, before any other call uses the new session; it does not run
	// on Connect or Resume. The session that it gets is a view of the new one:
	// valid until Restore returns, never re-initialized by itself. An error
	// fails the re-initialize.
	Restore func(context.Context, *Session) error

	// RestoreTimeout bounds one run of Restore. 0: 30 s.
	RestoreTimeout time.Duration

	// ClassifyRefusal has the last word on what a refusal means for the session,
	// for servers that nobody has seen yet. It must be fast and must not call the
	// session. nil, or VerdictDefault, keeps the library's verdict.
	ClassifyRefusal func(Refusal) Verdict

	// Retry says how calls are repeated whose failure passes by itself. The zero
	// value is a sensible policy.
	Retry RetryPolicy

	// Elicit asks the user for what a server wants to know, by a form. nil: form
	// input is not offered to servers. Handlers may call the session, may take
	// as long as people take, and may run concurrently; ctx ends with the call
	// that the input is for, or with the session.
	Elicit func(context.Context, *Elicitation) (*ElicitationReply, error)

	// ElicitURL asks the user to open a URL. nil: not offered.
	ElicitURL func(context.Context, *URLElicitation) (*ElicitationReply, error)

	// Sample lets a server use the application's model. nil: not offered.
	//
	// Deprecated: the newest revision of the protocol discourages it; servers
	// are to talk to a model provider themselves.
	Sample func(context.Context, *SamplingRequest) (*SamplingReply, error)

	// Roots tells a server which folders it may work in. nil: not offered. See
	// Session.RootsChanged.
	//
	// Deprecated: the newest revision of the protocol discourages it; give
	// paths as tool arguments.
	Roots func(context.Context) ([]Root, error)

	// Extensions declares extensions of the protocol to servers: the identifier,
	// such as "com.example/thing", and its settings, a value that encoding/json
	// makes a JSON object of; nil stands for none.
	Extensions map[string]any

	// NoCache turns off the cache for lists and resources whose server says how
	// long they are good for. It is shared by the sessions of this Client. Calls
	// with WithHeader pass it by; Session.Listen drops what has changed.
	NoCache bool

	// MaxMessageSize bounds a JSON reply and a server-sent event, in bytes,
	// counted after decompression. 0: 32 MiB.
	MaxMessageSize int64

	// Limits are the rarer bounds.
	Limits Limits

	// CloseTimeout bounds all of Close and Detach. 0: 2 s.
	CloseTimeout time.Duration

	// NoCookies turns the session's cookie jar off. The jar serves sticky load
	// balancers: it holds the endpoint's cookies and starts empty with each new
	// session. An HTTPClient with a Jar of its own keeps to that one.
	NoCookies bool

	// Interceptors run around every call, the first one outermost.
	Interceptors []Interceptor

	// Trace is told what happens to sessions and calls.
	Trace *Trace

	// Logger gets the rare things that no error can tell: a list item left out,
	// a notification dropped. nil discards.
	Logger *slog.Logger

	eras      eraMemory // of the endpoints that the sessions of this client met
	cacheOnce sync.Once
	cache     *cache // of their results; nil before the first session
}

// Limits bound what one session takes on. A zero field means its default. An
// answer over a limit is a *LimitError of that one call, unless stated otherwise.
type Limits struct {
	ConcurrentCalls int   // exchanges on the wire at once; further calls wait. Default 2,048
	Notifications   int   // notifications on the reply of one call. Default 1,000,000
	Pages           int   // pages of one list. Default 1,000
	ListItems       int   // items of one list, over all its pages. Default 100,000
	SchemaSize      int64 // bytes of a tool's input or output schema; a tool with a larger one is left out of lists. Default 1 MiB
	ServerRequests  int   // requests of the server that are handled at once; further ones are told "busy". Default 16
	ListenQueue     int   // events that wait for one Listen; further ones are counted in an EventDropped. Default 1,024
	ResponseHeader  int64 // bytes of a response header, for the session's own transport. Default 64 KiB
	InputRounds     int   // rounds of input that a server may ask for during one call. Default 10
	CacheSize       int64 // bytes of the results that the cache of this Client holds. Default 8 MiB
}

// ReinitializePolicy says what happens when the server has lost the session.
// Under each policy any number of callers together open one new session.
type ReinitializePolicy int

const (
	// ReinitializeAndRepeat opens one new session for all callers and sends the
	// refused calls again: a refusal proves that the server did not act on them.
	// Callers do not notice the loss.
	ReinitializeAndRepeat ReinitializePolicy = iota
	// ReinitializeOnly fails the refused calls with *SessionError; the next call
	// opens the new session and works. For applications that must rebuild state
	// before they go on.
	ReinitializeOnly
	// ReinitializeNever fails the refused calls and all later ones with
	// *SessionError, until Session.Reinitialize.
	ReinitializeNever
)

// Connect opens a session at url, the server's MCP endpoint, and returns it
// ready for calls. ctx bounds the connect only; its values stay visible to the
// requests that the session makes on its own account.
//
// A server that answers 429 or 503 with Retry-After is asked again, as long as
// ctx allows. Every error is a *CallError; its cause tells what was found at
// url: *NetworkError, *HTTPError, *RedirectError, *ProtocolError (for example
// a web page), *VersionError.
func (c *Client) Connect(ctx context.Context, url string) (*Session, error) {
	at, err := parseEndpoint(url)
	if err != nil {
		return nil, &CallError{Method: "connect", Delivery: DeliveryNotSent, Err: err}
	}
	config := c.config()
	if config.invalid != nil {
		return nil, &CallError{Method: "connect", Delivery: DeliveryNotSent, Err: config.invalid}
	}
	if err := config.takeUserinfo(at); err != nil {
		return nil, &CallError{Method: "connect", Delivery: DeliveryNotSent, Err: err}
	}
	core := newCore(ctx, config)
	core.url = at
	b, tries, err := core.connect(ctx)
	if err != nil {
		core.abort()
		return nil, (&call{method: "connect", target: withoutSecrets(at.String()), attempts: tries}).failed(err)
	}
	core.begin(b)
	core.trace.sessionOpened(b)
	core.loseEnded(b)
	return &Session{core: core}, nil
}

// Resume adopts a session that another process opened and handed over with
// [Session.State] or [Session.Detach]. It sends nothing, but for the stream
// that is opened where Elicit or another handler waits for requests of the server. If the server no
// longer knows the session, the first call finds that out, and the policy
// applies as to any loss.
func (c *Client) Resume(ctx context.Context, state SessionState) (*Session, error) {
	config := c.config()
	if config.invalid != nil {
		return nil, &CallError{Method: "resume", Delivery: DeliveryNotSent, Err: config.invalid}
	}
	core := newCore(ctx, config)
	b, err := core.adopt(state)
	if err != nil {
		core.abort()
		return nil, &CallError{Method: "resume", Delivery: DeliveryNotSent, Err: err}
	}
	core.begin(b)
	return &Session{core: core}, nil
}

// parseEndpoint checks the URL that the user gave.
func parseEndpoint(raw string) (*url.URL, error) {
	at, err := url.Parse(raw)
	switch {
	case raw == "":
		return nil, errors.New("the URL is empty: give the server's MCP endpoint, such as https://host/mcp")
	case err != nil:
		return nil, errors.New("the URL cannot be parsed" + parseCause(raw, err))
	case at.Scheme == "" || !strings.Contains(raw, "://"):
		return nil, errors.New("the URL has no scheme: write https://host/mcp")
	case at.Scheme != "http" && at.Scheme != "https":
		return nil, errors.New("the URL has the scheme " + quote(at.Scheme) + ": only http and https are spoken here")
	case at.Hostname() == "":
		return nil, errors.New("the URL has no host: write https://host/mcp")
	}
	at.Fragment = ""
	return at, nil
}

// parseCause tells why raw cannot be parsed. net/url takes the password that it
// stumbles over for a port or an escape and repeats it, so where there may be
// one nothing is repeated.
func parseCause(raw string, err error) string {
	if strings.Contains(raw, "@") {
		return ", and holds a password: are user and password percent-encoded?"
	}
	if parse, ok := errors.AsType[*url.Error](err); ok {
		err = parse.Err // without the URL
	}
	return ": " + err.Error()
}
