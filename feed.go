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
	broke    bool      // since it was open last, a connection failed or was refused
	cleared  time.Time // when a refusal last turned out not to be the session's end
	gate     *gate     // where others wait for it
}

// errNoFeed is the answer of an era that has no such stream to open: its
// notices come by the same way as everything else.
var errNoFeed = errors.New("this era's notices come by another way")

const (
	firstFeedWait = 500 * time.Millisecond
	maxFeedWait   = 10 * time.Second
	// feedPatience is how long others wait for the stream to open.
	feedPatience = time.Second
	// settledAfter is how long a connection lasts that was worth opening: one
	// without a message may be a polling server's, but not one that ends at once.
	settledAfter = time.Second
	// healthyAfter is how long a stream has to do well before its failures are forgotten.
	healthyAfter = 30 * time.Second
	// suspectAfter: the refused stream of a fresh session only means that there is none.
	suspectAfter = 10 * time.Second
	// verifiedFor: a server that withdraws its stream is not asked every time whether it still knows the session.
	verifiedFor = 5 * time.Minute
)

// pace spaces the connections of a stream, over all bindings. When a server
// goes down, thousands of clients lose theirs in the same moment: they must not
// come back together, nor begin to hurry anew because it was up for a moment.
type pace struct {
	mu       sync.Mutex
	failures int       // in a row, until the stream has been healthy for healthyAfter
	failed   bool      // the last connection was one of them
	since    time.Time // when the first connection after the last failure was opened; zero: none was
}

func (p *pace) opened() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.since.IsZero() {
		p.since = time.Now()
	}
}

// ended counts a connection that is over. One that ended well was worth opening.
func (p *pace) ended(well bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.since.IsZero() && time.Since(p.since) >= healthyAfter {
		p.failures = 0
	}
	if p.failed = !well; p.failed {
		p.failures++
		p.since = time.Time{}
	}
}

// wait is the time to the next connection: as the server asked for by retry, or
// by the Retry-After in err, or backoff. After a failure it is both: it may have
// asked all its clients for the same.
func (p *pace) wait(retry time.Duration, err error) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	wait := retry
	if asked, ok := retryAfterOf(err); ok {
		wait = max(wait, min(asked, maxRetryAfter))
	}
	switch {
	case p.failed:
		wait += fullJitter(firstFeedWait, p.failures-1, maxFeedWait)
	case wait == 0:
		wait = fullJitter(firstFeedWait, 0, maxFeedWait)
	}
	return wait
}

// keep has the stream open until ctx ends, however often it breaks.
func (k *keeper) keep(ctx context.Context, f *feed) {
	pace := &k.core.feedPace
	for {
		began := time.Now()
		heard, refusal, err := k.connect(ctx, f)
		if refusal != nil {
			err = refusal.httpError()
		}
		f.broke = f.broke || refusal != nil || is[*NetworkError](err)
		again := ctx.Err() == nil && k.comesAgain(ctx, f, refusal, err)
		if ctx.Err() != nil {
			return
		}
		if !again {
			k.giveUp(err)
			return
		}
		if refusal != nil {
			f.gate.open() // there is an answer, such as it is
		}
		pace.ended(err == nil && (heard || time.Since(began) >= settledAfter))
		k.core.config.logger.Debug("mcpclient: the standalone stream is to be opened again", "err", err)
		if !k.core.pause(ctx, pace.wait(f.place.retry, err)) {
			return
		}
	}
}

// connect opens the stream and reads it to its end. heard: it has brought something.
func (k *keeper) connect(ctx context.Context, f *feed) (heard bool, refusal *answer, err error) {
	resumes := f.place.lastID != ""
	f.expected = k.isExpected()
	r, err := k.binding.era.feed(ctx, k.binding, f)
	switch {
	case err != nil:
		return false, nil, err
	case r.refusal != nil:
		return false, r.refusal, nil
	}
	k.connected(f, resumes)
	for m, err := range r.messages {
		if err != nil {
			return heard, nil, err
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

// connected: what was said while there was no connection is lost, unless this
// one goes on where the last one ended. And the server may be another than it
// was: some open the stream for any session id, so that only another request tells.
func (k *keeper) connected(f *feed, resumed bool) {
	k.mu.Lock()
	k.worked = true
	k.mu.Unlock()
	k.core.hadFeed.Store(true)
	k.core.feedPace.opened()
	f.cleared = time.Time{}
	if f.gate.open() && !resumed { // else nobody relies on the stream yet
		k.core.listens.each(func(l *listener) { l.missed(k.binding) })
	}
	if f.broke && !resumed { // a server that goes on where it ended knows the session
		k.core.verifyAgain(k.binding)
	}
	f.broke = false
}

// isExpected reports whether a refused stream is a reason to doubt the session.
// Where there was none so far, and the session is fresh, it only means that the
// server offers none.
func (k *keeper) isExpected() bool {
	return k.core.hadFeed.Load() || time.Since(k.born) >= suspectAfter
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
	case is[*AuthorizationError](err): // who said no must not be asked again and again in the background
		return authorizationPasses(err)
	}
	return k.hasWorked() || is[*NetworkError](err)
}

func (k *keeper) hasWorked() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.worked
}

// outlasts decides on a refusal. One that is news is how a session that only
// listens hears of its end, or of a server that has no use for sessions any
// more: it is verified, each time that the stream has worked before.
func (k *keeper) outlasts(ctx context.Context, f *feed, a *answer) bool {
	passes := transientStatus(a.status) || a.status == http.StatusInternalServerError || a.status == http.StatusConflict // has one already
	denied := a.status == http.StatusUnauthorized || a.status == http.StatusForbidden
	v := k.binding.era.judge(k.binding, new(call), a)
	suspicious := v.session == VerdictVerify || !passes && !denied && k.core.hadFeed.Load()
	switch {
	case v.session == VerdictLost: // says the application
		k.core.lose(k.binding, v.lost)
		return true // the end of the binding is that of ctx
	case suspicious && time.Since(f.cleared) >= verifiedFor:
		f.place.lastID = ""
		if lost, certain := k.core.verifyAnew(ctx, k.binding); lost || !certain {
			return true
		}
		f.cleared = time.Now()
	}
	return passes || !denied && k.hasWorked()
}

// giveUp leaves the server without the stream until the next binding.
func (k *keeper) giveUp(err error) {
	elsewhere := errors.Is(err, errNoFeed)
	if !elsewhere {
		k.core.config.logger.Info("mcpclient: the server offers no standalone stream", "err", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.over = true
	if !elsewhere {
		close(k.refused)
	}
	k.gate.open() // perhaps of users who have come meanwhile
}
