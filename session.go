package mcpclient

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// Session is a connection to one server. It outlives the server's own idea of
// a session: when the server forgets it, the policy of the [Client] opens a
// new one, once for all callers.
//
// A Session is safe for concurrent use. Each call fails alone: a bad answer, a
// cancelled context or a broken stream never touches another call.
//
//	            begin                 lose(b)
//	opening ────────────▶ ready ──────────────────▶ lost
//	   │                    ▲                        │
//	   │                    └────────────────────────┘
//	   │                       land, by one flight
//	   └───────────────────── closed ◀── Close, Detach, from every state
//
// Every transition happens under core.mu, and lose and land act only on the
// binding they name: a late refusal of an old session never touches a new one.
type Session struct {
	core *core
	view *view // set on what Client.Restore gets
}

// view binds a Session to the new binding while Restore runs.
type view struct {
	binding *binding
	over    atomic.Bool                  // Restore has returned
	refused atomic.Pointer[SessionError] // the server has lost the new session, too
}

func (v *view) err() error {
	if v.over.Load() {
		return ErrClosed
	}
	if refused := v.refused.Load(); refused != nil {
		return refused
	}
	return nil
}

type state int

const (
	stateOpening state = iota
	stateReady
	stateLost
	stateClosed
)

// core is what a session and its views share.
type core struct {
	// Immutable, or safe by themselves.
	config      *config
	url         *url.URL // the endpoint, as the user gave it
	transport   *transport
	trace       tracer
	lifetime    context.Context // ends with Close or Detach; shared work runs under it
	end         context.CancelCauseFunc
	done        chan struct{}
	places      *semaphore.Weighted // exchanges on the wire
	outbox      *outbox
	ids         atomic.Int64 // JSON-RPC ids only grow, over all generations
	progress    progressTable
	listens     listens
	hadFeed     atomic.Bool // the server has opened the stream of what belongs to no call
	feedPace    pace        // of that stream
	counters    counters
	requests    serverRequests
	pages       pages
	toolHeaders toolHeaders              // what the tools of the server want mirrored into headers
	taskless    taskless                 // tools that cannot be tasks
	logLevel    atomic.Pointer[LogLevel] // as last set; nil: never
	budget      retryBudget
	harmless    harmlessTools
	answered    atomic.Uint64           // the newest generation that answered a call
	current     atomic.Pointer[binding] // the hot path's copy of last; nil unless ready

	mu            sync.Mutex
	state         state
	last          *binding // the binding in use, or the one that was lost
	loss          *SessionError
	flight        *flight // the handshake that all wait for
	failedReopens int     // in a row
	circuit       circuit
	owned         map[string]int // the session's goroutines, by what they do
	idle          chan struct{}  // closed when owned is empty after Close
	detached      bool           // closed without telling the server
	closeErr      error
}

func newCore(ctx context.Context, config *config) *core {
	c := &core{config: config, done: make(chan struct{}), owned: make(map[string]int), idle: make(chan struct{})}
	c.trace = c.config.trace
	c.transport = newTransport(c.config)
	c.places = semaphore.NewWeighted(int64(c.config.limits.ConcurrentCalls))
	c.outbox = &outbox{core: c}
	c.budget.fill(c.config.retry.Budget)
	c.requests.most = c.config.limits.ServerRequests
	c.lifetime, c.end = context.WithCancelCause(context.WithoutCancel(ctx))
	return c
}

// begin makes b the session's first binding.
func (c *core) begin(b *binding) {
	c.mu.Lock()
	c.state, c.last = stateReady, b
	c.current.Store(b)
	c.mu.Unlock()
	b.feed.begin()
}

// lose gives b up, if it is still the current binding. This comparison is the
// whole defence against late refusals.
func (c *core) lose(b *binding, why *SessionError) {
	c.mu.Lock()
	if c.state != stateReady || c.last != b {
		c.mu.Unlock()
		return
	}
	c.state, c.loss = stateLost, why
	c.current.Store(nil)
	c.counters.losses.Add(1)
	if until := c.circuit.lost(b.generation, c.answered.Load(), time.Now()); !until.IsZero() {
		c.loss = why.delayed(until, nil)
		c.loss.Reason = repeatedLoss
	}
	why = c.loss
	c.mu.Unlock()
	c.config.cache.dropEndpoint(b.endpoint.String())
	b.end()
	c.config.logger.Info("mcpclient: session lost", "generation", b.generation, "reason", why.Reason)
	b.retire(why)
	c.trace.sessionLost(b, why)
}

// delayed returns a copy that carries the time of the next try and its cause.
func (e *SessionError) delayed(until time.Time, cause error) *SessionError {
	copied := *e
	copied.RetryAt = until
	if cause != nil {
		copied.Err = cause
	}
	return &copied
}

// spawn runs f in a goroutine that Close waits for. It reports false, and does
// not run f, once the session is closed: the count and the test are one section.
func (c *core) spawn(what string, f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spawnLocked(what, f)
}

func (c *core) spawnLocked(what string, f func()) bool {
	if c.state == stateClosed {
		return false
	}
	c.owned[what]++
	go func() {
		defer c.disown(what) // deferred, so that runtime.Goexit in a hook is counted too
		f()
	}()
	return true
}

func (c *core) disown(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.owned[what]--; c.owned[what] == 0 {
		delete(c.owned, what)
	}
	if c.state == stateClosed && len(c.owned) == 0 {
		close(c.idle)
	}
}

// shut closes the session: calls in flight fail with ErrClosed, the session is
// ended at the server if hangUp says so, and all owned goroutines are waited
// for, all within Client.CloseTimeout. The second caller waits for the first.
func (c *core) shut(hangUp bool) error {
	budget, cancel := context.WithTimeout(context.WithoutCancel(c.lifetime), c.config.closeTimeout)
	defer cancel()
	c.mu.Lock()
	if c.state == stateClosed {
		c.mu.Unlock()
		return c.awaitShut()
	}
	c.detached = !hangUp
	wasReady, b := c.state == stateReady, c.last
	c.state = stateClosed
	c.current.Store(nil)
	if len(c.owned) == 0 {
		close(c.idle)
	}
	c.mu.Unlock()

	var err error
	defer func() { // deferred: a hook may end this goroutine
		c.finish(err)
		if b != nil {
			c.trace.sessionClosed(b)
		}
	}()
	c.end(ErrClosed)
	if b != nil {
		b.end()
	}
	if hangUp && wasReady {
		if err := b.era.close(budget, b); err != nil {
			c.config.logger.Info("mcpclient: the server did not confirm the end of the session", "err", err)
		}
	}
	err = c.awaitOwned(budget)
	c.transport.close()
	return err
}

// finish tells all who wait for the end, with what Close returns.
func (c *core) finish(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closeErr = err
	close(c.done)
}

// awaitShut waits for the first caller of shut. That one began earlier, so its
// time is up before ours but for the grace.
func (c *core) awaitShut() error {
	const grace = 100 * time.Millisecond
	late := time.NewTimer(c.config.closeTimeout + grace)
	defer late.Stop()
	select {
	case <-c.done:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.closeErr
	case <-late.C:
		return fmt.Errorf("another Close is still at work after %v", c.config.closeTimeout)
	}
}

func (c *core) awaitOwned(budget context.Context) error {
	select {
	case <-c.idle:
		return nil
	default:
	}
	select {
	case <-c.idle:
		return nil
	case <-budget.Done():
		return fmt.Errorf("still running after %v: %s", c.config.closeTimeout, c.running())
	}
}

// running names the owned goroutines.
func (c *core) running() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var names []string
	for what, n := range c.owned {
		names = append(names, fmt.Sprintf("%d × %s", n, what))
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// abort ends a core whose Connect or Resume failed.
func (c *core) abort() { _ = c.shut(false) }

// leave ends, at the server, a session that the client will not use, without
// keeping anyone waiting.
func (c *core) leave(b *binding) {
	if !c.spawn("end of an unused session", func() { c.hangUp(b) }) {
		c.hangUp(b) // the session was closed meanwhile, which waits for the handshake that this is part of
	}
}

func (c *core) nextID() int64 { return c.ids.Add(1) }

// interrupted reports whether nobody waits any more for what ctx is of.
func (c *core) interrupted(ctx context.Context) bool {
	return ctx.Err() != nil || c.lifetime.Err() != nil
}

// interruption is why a wait under ctx ended early.
func (c *core) interruption(ctx context.Context) error {
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	return ErrClosed
}

// pause waits for d, and reports false if ctx or the session ended before.
func (c *core) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	case <-c.lifetime.Done():
		return false
	}
}
