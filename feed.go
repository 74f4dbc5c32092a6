package mcpclient

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

// feed is a stream of what belongs to no call, over all its connections. It
// belongs to the goroutine that reads it.
type feed struct {
	filter   Filter // what the stream is to carry, where the server wants to know
	id       int64  // of the request that opened it, where one did
	place    streamPlace
	expected bool      // the server is known to have this stream: a refusal is news
	cleared  time.Time // when a refusal last turned out not to be the session's end
}

// errNoFeed is the answer of an era that has no such stream to open: its
// notices come by the same way as everything else.
var errNoFeed = errors.New("this era's notices come by another way")

const (
	firstFeedWait = 500 * time.Millisecond
	maxFeedWait   = 30 * time.Second
	// feedPatience is how long others wait for the stream to open.
	feedPatience = time.Second
	// settledAfter is how long a connection lasts that was worth opening, and how
	// old a session is whose refused stream may tell that it is gone.
	settledAfter = 10 * time.Second
	// verifiedFor: a server that withdraws its stream is not asked every time whether it still knows the session.
	verifiedFor = 5 * time.Minute
)

// wait is the time to the next connection: as the server asked for, or backoff.
func (p *streamPlace) wait(failures int, err error) time.Duration {
	wait := p.retry
	if wait == 0 || failures > 0 {
		wait = max(wait, fullJitter(firstFeedWait, failures, maxFeedWait))
	}
	if asked, ok := retryAfterOf(err); ok {
		wait = max(wait, min(asked, maxRetryAfter))
	}
	return wait
}

// keeper keeps the one stream on which the server of a session says what
// belongs to no call: open while anybody needs it, connected anew whenever it
// breaks, however long that takes, and given up where the server does not
// offer it. Whatever happens to the stream, calls never notice.
//
// Each binding has its keeper, and the keeper at most one goroutine and one
// connection. A new binding begins a new stream.
type keeper struct {
	core    *core
	binding *binding
	born    time.Time
	early   bool          // begins with the binding, and calls wait for it
	opened  chan struct{} // closed when the server has answered, or has had the time to
	refused chan struct{} // closed when the server does not offer the stream
	open    func()        // closes opened, once

	subscriptions subscriptions

	mu      sync.Mutex
	users   int
	running bool
	over    bool               // no further goroutine on this binding
	worked  bool               // the server has opened the stream on this binding
	stop    context.CancelFunc // ends the stretch of the present users
}

func newKeeper(c *core, b *binding) *keeper {
	k := &keeper{core: c, binding: b, born: time.Now(), opened: make(chan struct{}), refused: make(chan struct{})}
	k.early = b.era.traits().oneFeed && c.config.answersServer()
	k.open = sync.OnceFunc(func() { close(k.opened) })
	k.subscriptions.keeper = k
	return k
}

// begin opens the stream that the application's handlers need. It lasts as long
// as the binding.
func (k *keeper) begin() {
	if k.early {
		k.join()
	}
}

// awaitEarly makes the first call wait, though not for long, for the stream
// on which the server may want to ask something during it. Many servers drop what they
// cannot say at once.
func (k *keeper) awaitEarly(ctx context.Context) {
	if k.early {
		k.awaitOpen(ctx)
	}
}

func (k *keeper) awaitOpen(ctx context.Context) {
	select {
	case <-k.opened:
	case <-ctx.Done():
	case <-k.binding.life.Done():
	}
}

// join asks for the stream, until leave is called.
func (k *keeper) join() (leave func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.users++
	if !k.running && !k.over {
		k.running = k.core.spawn("standalone stream", k.run)
	}
	return sync.OnceFunc(k.leave)
}

func (k *keeper) leave() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.users--; k.users == 0 && k.stop != nil {
		k.stop()
	}
}

func (k *keeper) isRefused() bool {
	select {
	case <-k.refused:
		return true
	default:
		return false
	}
}

// run has the stream open while there are users. Some may come while the stream
// of others is being closed.
func (k *keeper) run() {
	patience := time.AfterFunc(feedPatience, k.open)
	defer patience.Stop()
	defer k.open()
	retired := false
	defer func() {
		if !retired { // a callback of the application has ended this goroutine
			k.retire()
		}
	}()
	for {
		ctx := k.stretch()
		if ctx == nil {
			retired = true
			return
		}
		k.keep(ctx)
	}
}

// stretch returns the context of the users of the moment. nil: there are none,
// and the goroutine is counted out, both in one section.
func (k *keeper) stretch() context.Context {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.users == 0 || k.over || k.binding.life.Err() != nil {
		k.running = false
		return nil
	}
	ctx, stop := context.WithCancel(k.binding.life)
	k.stop = stop
	return ctx
}

func (k *keeper) retire() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.running = false
}

// keep has the stream open until ctx ends, however often it breaks.
func (k *keeper) keep(ctx context.Context) {
	f := new(feed)
	for failures := 0; ; failures++ {
		began := time.Now()
		heard, refusal, err := k.connect(ctx, f)
		if refusal != nil {
			err = refusal.httpError()
		}
		again := ctx.Err() == nil && k.comesAgain(ctx, f, refusal, err)
		if ctx.Err() != nil {
			return
		}
		if !again {
			k.giveUp(err)
			return
		}
		if heard || time.Since(began) >= settledAfter {
			failures = 0
		}
		k.core.config.logger.Debug("mcpclient: the standalone stream is to be opened again", "err", err)
		if !k.core.pause(ctx, f.place.wait(failures, err)) {
			return
		}
	}
}

// connect opens the stream and reads it to its end. heard: it has brought something.
func (k *keeper) connect(ctx context.Context, f *feed) (heard bool, refusal *answer, err error) {
	before := f.place.lastID
	f.expected = k.isExpected()
	r, err := k.binding.era.feed(ctx, k.binding, f)
	switch {
	case err != nil:
		return false, nil, err
	case r.refusal != nil:
		return false, r.refusal, nil
	}
	k.connected(before != "")
	f.cleared = time.Time{}
	for m, err := range r.messages {
		if err != nil {
			return heard || f.place.lastID != before, nil, err
		}
		heard = true
		if m.Method == "" {
			k.core.counters.strays.Add(1)
			continue
		}
		k.core.route(ctx, k.binding, nil, m)
	}
	return heard, nil, nil
}

// connected: what was said between two connections is lost unless the second
// goes on where the first one ended.
func (k *keeper) connected(resumed bool) {
	k.mu.Lock()
	again := k.worked
	k.worked = true
	k.mu.Unlock()
	k.core.hadFeed.Store(true)
	k.open()
	if again && !resumed {
		k.core.listens.each(func(l *listener) { l.missed(k.binding) })
	}
}

// isExpected reports whether a refused stream is a reason to doubt the session.
// Where there was none so far, and the session is fresh, it only means that the
// server offers none.
func (k *keeper) isExpected() bool {
	return k.core.hadFeed.Load() || time.Since(k.born) >= settledAfter
}

// comesAgain tells what the end of a connection means: is another worth while?
func (k *keeper) comesAgain(ctx context.Context, f *feed, refusal *answer, err error) bool {
	switch {
	case errors.Is(err, errNoFeed):
		return false
	case refusal != nil:
		return k.outlasts(ctx, f, refusal)
	case is[*LimitError](err):
		f.place.lastID = "" // else the same would come again
	}
	return k.hasWorked() || is[*NetworkError](err)
}

func (k *keeper) hasWorked() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.worked
}

// outlasts decides on a refusal. One that is news is how a session that only
// listens hears of its end: it is verified, each time that the stream has
// worked before.
func (k *keeper) outlasts(ctx context.Context, f *feed, a *answer) bool {
	v := k.binding.era.judge(k.binding, new(call), a)
	switch {
	case v.session == VerdictLost: // says the application
		k.core.lose(k.binding, v.lost)
		return true // the end of the binding is that of ctx
	case v.session == VerdictVerify && time.Since(f.cleared) >= verifiedFor:
		f.place.lastID = ""
		if lost, certain := k.core.verifyAnew(ctx, k.binding); lost || !certain {
			return true
		}
		f.cleared = time.Now()
	}
	switch {
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden:
		return false
	case transientStatus(a.status), a.status == http.StatusInternalServerError, a.status == http.StatusConflict:
		return true
	default:
		return k.hasWorked()
	}
}

// giveUp leaves the server without the stream until the next binding.
func (k *keeper) giveUp(err error) {
	k.mu.Lock()
	k.over = true
	k.mu.Unlock()
	if !errors.Is(err, errNoFeed) {
		close(k.refused)
		k.core.config.logger.Info("mcpclient: the server offers no standalone stream", "err", err)
	}
}
