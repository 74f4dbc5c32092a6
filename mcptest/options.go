package mcptest

import (
	"slices"
	"time"
)

// Option changes how a [Server] behaves from its start.
type Option func(*config)

type config struct {
	inMemory     bool
	streamed     bool
	resumable    bool
	standalone   bool
	sessionless  bool
	keepSessions bool
	stateless    bool // 2026-07-28 is spoken
	sessions     bool // and the versions with sessions are
	emptyCursor  bool
	emptyHanded  bool
	httpSSE      bool
	keepStreams  bool
	versions     []string
	name         string
	version      string
	instructions string
	pageSize     int
	forgetEvery  int
	history      int
	ttl          time.Duration
	scope        string
	taskPoll     time.Duration
	taskTTL      time.Duration
	retry        time.Duration
	poll         time.Duration
	keepAlive    time.Duration
	postStatus   int
	refusal      Fault
}

func newConfig(opts []Option) config {
	c := config{
		versions: []string{"2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"},
		name:     "mcptest",
		version:  "1.0.0",
		history:  10_000,
		sessions: true,
		scope:    "private",
	}
	for _, opt := range opts {
		opt(&c)
	}
	if c.httpSSE {
		c.toHTTPSSE()
	}
	if c.refusal.act == nil {
		c.refusal = Refuse(TypeScript)
	}
	return c
}

// InMemory serves over connections inside the process instead of a TCP port.
// Only [Server.HTTPClient] reaches such a server. It works inside a
// testing/synctest bubble: start the server there, and no goroutine of it
// outlives Close.
// A client with an Authorizer names its host, mcptest.invalid, in InsecureHosts.
func InMemory() Option { return func(c *config) { c.inMemory = true } }

// Streams answers every request with a stream of server-sent events. Default:
// a JSON body, and a stream only where a tool sends something before its
// answer, or a fault wants one.
func Streams() Option { return func(c *config) { c.streamed = true } }

// Resumable is [Streams] with event ids: each stream starts with a priming
// event, and a client that lost the connection gets the rest with GET and
// Last-Event-ID. An execution goes on when its connection is gone; it ends
// early only by notifications/cancelled or with its session.
func Resumable() Option {
	return func(c *config) { c.streamed, c.resumable = true, true }
}

// RetryHint starts every stream with a retry field of d, rounded down to milliseconds.
func RetryHint(d time.Duration) Option { return func(c *config) { c.retry = d } }

// KeepAlive sends a comment on every stream that has carried nothing for d, as
// proxies need it. Default: none.
func KeepAlive(d time.Duration) Option { return func(c *config) { c.keepAlive = d } }

// PollEvery ends each response of a [Resumable] server, in good order, after
// d, so that a client has to come back for the rest again and again.
func PollEvery(d time.Duration) Option { return func(c *config) { c.poll = d } }

// StandaloneStream offers the stream that a client opens with a GET of its
// own, for [Server.Broadcast] and changes of the lists. Default: 405.
func StandaloneStream() Option { return func(c *config) { c.standalone = true } }

// Stateless serves protocol version 2026-07-28 alone, which knows neither
// initialize nor sessions: every request says all there is to know about its
// client. The options about sessions, resumption and the standalone stream are
// then of no effect. Default: the versions with sessions. [HTTPSSE] outranks it.
func Stateless() Option { return func(c *config) { c.stateless, c.sessions = true, false } }

// DualEra serves 2026-07-28 and the versions with sessions at the same
// endpoint. Each request says by its form which of the two it belongs to.
func DualEra() Option { return func(c *config) { c.stateless, c.sessions = true, true } }

// CacheHints sets how long, in whole milliseconds, and for whom a [Stateless]
// server's lists, resources and discovery may be kept: "private" or "public".
// Default: 0, "private".
func CacheHints(ttl time.Duration, scope string) Option {
	return func(c *config) { c.ttl, c.scope = ttl, scope }
}

// TaskHints sets how often clients are told to ask for a task, and for how
// long a task is known, from its creation on. Where a client asks for another
// time, as it may in 2025-11-25, it gets that. Default: 0, not said, and 0,
// without end.
func TaskHints(poll, ttl time.Duration) Option {
	return func(c *config) { c.taskPoll, c.taskTTL = poll, ttl }
}

// EmptyCursor makes the empty text the cursor of the second page of each list,
// which is a cursor like any other since 2026-07-28. It needs a [PageSize].
func EmptyCursor() Option { return func(c *config) { c.emptyCursor = true } }

// WithoutSessions hands out no session ids, and does not look at any.
func WithoutSessions() Option { return func(c *config) { c.sessionless = true } }

// KeepSessions answers DELETE with 405: clients cannot end their sessions.
func KeepSessions() Option { return func(c *config) { c.keepSessions = true } }

// Versions sets the protocol versions with sessions that the server speaks. A client that
// asks for another is offered the first. Default: 2025-11-25, 2025-06-18,
// 2025-03-26, 2024-11-05.
func Versions(v ...string) Option {
	v = slices.Clone(v)
	return func(c *config) { c.versions = v }
}

// Info sets what the server says of itself. Default: mcptest, 1.0.0.
func Info(name, version string) Option {
	return func(c *config) { c.name, c.version = name, version }
}

// Instructions sets the text that tells a model how to use the server. Default: none.
func Instructions(text string) Option { return func(c *config) { c.instructions = text } }

// WithoutDefaultTools starts without the tools echo and add.
func WithoutDefaultTools() Option { return func(c *config) { c.emptyHanded = true } }

// PageSize bounds every page of a list. Its cursors are those of one session:
// any other session's are refused. Default: everything on one page.
func PageSize(n int) Option { return func(c *config) { c.pageSize = n } }

// ForgetEvery makes the server forget all sessions, as by
// [Server.ForgetSessions], after every n executed tool calls. Calls that are
// being executed then are answered all the same.
func ForgetEvery(n int) Option { return func(c *config) { c.forgetEvery = n } }

// RefusalWay sets how requests of forgotten sessions are answered. Default:
// [TypeScript], which is what the protocol asks for; with [HTTPSSE]
// [PythonSSE], as the protocol says nothing there.
func RefusalWay(way Way) Option { return Refusal(Refuse(way)) }

// Refusal answers the requests of forgotten sessions with any fault, for a
// server that no [Way] describes. The fault is used for all of them: its aim
// and its Times are not looked at.
func Refusal(f Fault) Option { return func(c *config) { c.refusal = f } }

// History sets how many requests and executions the ledger keeps in full, the
// newest ones. Counts go on all the same. Default: 10,000.
func History(n int) Option { return func(c *config) { c.history = n } }
