package property_test

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// trace is what the wire tells of one call.
type trace struct {
	steps    []kind // one a request
	executed int    // by the ledger
	repeats  int    // requests that followed a failure but for a lost session
	replays  int    // of them those that may be net/http's own
	resends  int    // requests that followed a lost session
	vague    int    // requests that followed a session lost in two ways
	stale    int    // requests whose credentials were too old
}

func (t *trace) last() kind { return t.steps[len(t.steps)-1] }

func (t *trace) has(what ...evidence) bool {
	for _, step := range t.steps {
		for _, e := range what {
			if step.proves == e || step.vague && e == perhaps {
				return true
			}
		}
	}
	return false
}

// doubtful reports whether one of the attempts proved nothing, as the client saw it.
func (t *trace) doubtful() bool {
	return slices.ContainsFunc(t.steps, func(step kind) bool {
		return (step.proves == unclear || step.proves == useless) && !step.replayed
	})
}

// judge holds the outcome of each call against what the server saw of it.
func (w *world) judge(calls []*call) {
	requests := w.srv.Requests()
	traces := make([]*trace, len(calls))
	for i, c := range calls {
		traces[i] = w.trace(c, requests)
	}
	w.look() // all losses are known before any error is held against them
	for i, c := range calls {
		w.judgeOne(c, traces[i])
	}
}

// judgeOne: each request must be allowed by the one before it, and the error
// must say neither more nor less than the last one proves.
func (w *world) judgeOne(c *call, t *trace) {
	w.allowed(c, t)
	w.resends += int64(t.resends)
	w.repeats += int64(t.repeats)
	w.replayed += int64(t.replays)
	w.vague += int64(t.vague)
	if c.gaveUp || w.disturbed {
		w.uncertain = true
	}
	if c.err == nil {
		w.succeeded(c, t)
		return
	}
	call, ok := errors.AsType[*mcpclient.CallError](c.err)
	require.True(w.rt, ok, "%s: no *CallError: %v", c.nonce, c.err)
	require.True(w.rt, typed(call.Err), "%s: a cause of no type: %#v", c.nonce, call.Err)
	w.proven(c, t, call)
	w.explained(c, t, call)
	w.patient(c, t, call)
	w.attempted(c, t, call)
}

// trace collects the requests of a call.
func (w *world) trace(c *call, requests []mcptest.Request) *trace {
	t := &trace{}
	faulted := 0
	for _, r := range requests {
		if !bytes.Contains(r.Body, []byte(c.nonce)) {
			continue
		}
		step := kind{proves: fine, serves: true}
		switch {
		case r.Fault == "status 401":
			step = kind{proves: stale}
		case r.Fault != "":
			step = c.plan[faulted]
			faulted++
		}
		t.steps = append(t.steps, w.seenAs(c, step, r))
	}
	for _, e := range w.srv.Executions() {
		if e.Nonce == c.nonce {
			t.executed++
		}
	}
	return t
}

// seenAs corrects what a fault was meant to do by what became of the request.
func (w *world) seenAs(c *call, step kind, r mcptest.Request) kind {
	step.replayed = c.ping && r.Status == 0
	switch {
	case step.serves && r.Status >= http.StatusBadRequest: // the server knew no such session
		step.proves, step.cause = lost, is[*mcpclient.SessionError]
	case step.serves && step.proves == unclear && w.resumable:
		step.proves, step.cause = perhaps, nil // if it has read far enough, the client takes the stream up again
	case step.proves == fine && (w.disturbed || c.gaveUp):
		step.proves = perhaps
	}
	if step.proves == lost {
		// The end of the stream may have been first, and have told less.
		step.vague = w.era == httpSSE && w.isDead(r.Session)
		if r.Session != "" { // or the server has been replaced, which is known
			w.lost[r.Session] = true
		}
	}
	return step
}

// allowed checks that each request was allowed by the one before it.
func (w *world) allowed(c *call, t *trace) {
	for i, step := range t.steps {
		if step.proves == stale {
			t.stale++
			continue
		}
		if i == len(t.steps)-1 {
			break
		}
		switch step.proves {
		case lost:
			if step.vague {
				t.vague++
			} else {
				t.resends++
			}
			require.True(w.rt, w.repeatsLost(), "%s: sent again on a new session against the policy", c.nonce)
		case passing:
			t.repeats++
			require.LessOrEqual(w.rt, step.asks, time.Minute, "%s: repeated although the server asked for more patience", c.nonce)
		case unclear, perhaps:
			t.repeats++
			require.True(w.rt, c.idempotent(), "%s: repeated after %s, which proves nothing", c.nonce, step.name)
			if step.replayed {
				t.replays++
			}
		default:
			require.Failf(w.rt, "a request too many", "%s: sent again after %s", c.nonce, step.name)
		}
	}
	require.LessOrEqual(w.rt, t.repeats-t.replays, w.attempts()-1, "%s: too many repeats", c.nonce)
}

func (w *world) attempts() int {
	if w.retry.Attempts == 0 {
		return 3
	}
	return w.retry.Attempts
}

func (w *world) succeeded(c *call, t *trace) {
	require.NotEmpty(w.rt, t.steps, "%s: a success that the server knows nothing of", c.nonce)
	last := t.last()
	require.Contains(w.rt, []evidence{fine, instead, perhaps}, last.proves, "%s: a success after %s", c.nonce, last.name)
	switch {
	case c.ping:
	case c.marked:
		require.GreaterOrEqual(w.rt, t.executed, boolToInt(last.proves != instead), "%s: a success without an execution", c.nonce)
	default:
		require.Equal(w.rt, boolToInt(last.proves != instead), t.executed, "%s: executions of a successful call", c.nonce)
	}
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// proven checks the Delivery of an error against the ledger and the wire.
func (w *world) proven(c *call, t *trace, call *mcpclient.CallError) {
	doubt := t.has(unclear, perhaps, useless)
	switch call.Delivery {
	case mcpclient.DeliveryNotSent:
		require.Empty(w.rt, t.steps, "%s: not sent, but received: %v", c.nonce, c.err)
	case mcpclient.DeliveryRefused:
		require.Zero(w.rt, t.executed, "%s: refused, but executed: %v", c.nonce, c.err)
		require.False(w.rt, t.doubtful(), "%s: refused, but an attempt proved nothing: %v", c.nonce, c.err)
	case mcpclient.DeliveryAnswered:
		require.NotEmpty(w.rt, t.steps, "%s: answered, but never received: %v", c.nonce, c.err)
		require.Contains(w.rt, []evidence{answered, perhaps}, t.last().proves, "%s: answered: %v", c.nonce, c.err)
	case mcpclient.DeliveryUnknown:
		require.True(w.rt, doubt || c.gaveUp || w.disturbed, "%s: nothing is unknown here: %v", c.nonce, c.err)
	}
}

// explained checks that an error had to be, and has the cause that the last request gave.
func (w *world) explained(c *call, t *trace, call *mcpclient.CallError) {
	invalid := errors.Is(c.err, mcpclient.ErrSessionInvalid)
	switch {
	case c.gaveUp || w.disturbed || errors.Is(c.err, mcpclient.ErrClosed):
	case invalid:
		require.True(w.rt, !w.repeatsLost() || w.troubled || w.circuitMayOpen(), "%s: failed for a lost session alone: %v", c.nonce, c.err)
	case len(t.steps) == 0:
		require.True(w.rt, w.troubled || w.circuitMayOpen(), "%s: failed without a reason: %v", c.nonce, c.err)
	default:
		last := t.last()
		require.NotContains(w.rt, []evidence{fine, instead}, last.proves, "%s: failed although it was answered: %v", c.nonce, c.err)
		if last.cause != nil {
			require.True(w.rt, last.cause(call.Err) || w.troubled, "%s: the wrong cause for %s: %v", c.nonce, last.name, c.err)
		}
	}
}

// patient checks that a failure that was to be repeated has been.
func (w *world) patient(c *call, t *trace, call *mcpclient.CallError) {
	stats := w.session.Stats()
	if c.gaveUp || c.limit > 0 || w.disturbed || w.troubled || len(t.steps) == 0 || stats.RetriesOverBudget > w.early {
		return
	}
	last := t.last()
	worthIt := last.proves == passing && last.asks <= time.Minute || last.proves == unclear && c.idempotent()
	if worthIt && w.repeatsLost() {
		require.GreaterOrEqual(w.rt, t.repeats, w.attempts()-1, "%s: given up too early: %v", c.nonce, call)
	}
}

// attempted checks the number of attempts that the error tells.
func (w *world) attempted(c *call, t *trace, call *mcpclient.CallError) {
	sent := len(t.steps) - t.stale
	unseen := 0
	switch {
	case w.restarted, w.era == httpSSE: // what it cut may be met by a later call, on each attempt; the stream may tell of a loss before the POST
		unseen = w.attempts()
	case c.gaveUp, w.disturbed:
		unseen = 1
	}
	require.GreaterOrEqual(w.rt, call.Attempts, sent-t.replays, "%s: attempts: %v", c.nonce, c.err)
	require.LessOrEqual(w.rt, call.Attempts, sent+int(w.failedDials.Load())+unseen, "%s: attempts: %v", c.nonce, c.err)
}
