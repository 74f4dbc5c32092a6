package property_test

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// era is how the server of a world speaks.
type era int

const (
	sessions era = iota
	stateless
	httpSSE
)

// world is one server and one session, and what is known about both.
type world struct {
	rt      *rapid.T
	srv     *mcptest.Server
	session *mcpclient.Session
	conns   *http.Transport
	tokens  *tokens // nil: the server asks for none

	// As drawn.
	era       era
	resumable bool
	listening bool
	policy    mcpclient.ReinitializePolicy
	retry     mcpclient.RetryPolicy

	// What happened.
	named      int   // nonces given
	begun      int64 // calls
	forced     int   // Reinitialize on a session that was ready
	burned     int   // handshakes that the server made and the client did not get
	resends    int64 // requests that followed a lost session
	repeats    int64 // requests that followed any other failure, but for those of net/http
	replayed   int64 // requests that may be net/http's own
	vague      int64 // requests that followed a session lost in two ways
	silent     int   // sessions of the client that took no initialize
	seen       int   // requests that have been looked at
	lostBefore int   // sessions, before the last step with a successful call
	uncertain  bool  // a cut or the end of a context has kept requests from the ledger

	// Of the present step.
	restarted bool  // the server has cut all connections, some time ago
	disturbed bool  // the server cut connections while calls were in flight
	troubled  bool  // no new session may have been there to have
	early     int64 // RetriesOverBudget before it

	dialsToFail atomic.Int64
	failedDials atomic.Int64

	mu   sync.Mutex
	dead map[string]bool // sessions that the server has forgotten
	lost map[string]bool // sessions that the client had to notice the loss of
}

// tokens is an Authorizer whose token can be made too old.
type tokens struct{ issued, held atomic.Int64 }

func bearer(n int64) string { return "Bearer t" + strconv.FormatInt(n, 10) }

func (a *tokens) Authorize(_ context.Context, _ *url.URL, r *http.Request) error {
	r.Header.Set("Authorization", bearer(a.held.Load()))
	return nil
}

func (a *tokens) Refused(_ context.Context, _ *url.URL, _ *http.Request, _ *http.Response) (bool, error) {
	a.held.Store(a.issued.Load())
	return true, nil
}

// newWorld draws a world and connects.
func newWorld(rt *rapid.T) *world {
	w := &world{rt: rt, dead: make(map[string]bool), lost: make(map[string]bool)}
	w.era = rapid.SampledFrom([]era{sessions, sessions, stateless, httpSSE}).Draw(rt, "era")
	w.policy = rapid.SampledFrom([]mcpclient.ReinitializePolicy{
		mcpclient.ReinitializeAndRepeat, mcpclient.ReinitializeAndRepeat, mcpclient.ReinitializeOnly, mcpclient.ReinitializeNever,
	}).Draw(rt, "policy")
	w.retry.Attempts = rapid.SampledFrom([]int{0, 0, 1, 2, 5}).Draw(rt, "attempts")
	w.retry.Budget = rapid.SampledFrom([]int{0, 20}).Draw(rt, "budget")
	w.listening = rapid.Bool().Draw(rt, "listening")

	w.srv = mcptest.Start(w.options()...)
	client := &mcpclient.Client{
		HTTPClient: w.srv.HTTPClient(), Reinitialize: w.policy, Retry: w.retry, MaxMessageSize: 64 << 10,
		InsecureHosts: []string{"mcptest.invalid"}, NoCache: true,
	}
	if rapid.Bool().Draw(rt, "authorized") {
		w.tokens = new(tokens)
		client.Authorizer = w.tokens
		w.srv.Always(mcptest.Status(http.StatusUnauthorized, http.Header{"Www-Authenticate": {"Bearer"}}, "no").When(func(r mcptest.Request) bool {
			return r.Header.Get("Authorization") != bearer(w.tokens.issued.Load())
		}))
	}
	w.failDials()
	session, err := client.Connect(context.Background(), w.srv.URL())
	require.NoError(rt, err)
	w.session = session
	return w
}

func (w *world) options() []mcptest.Option {
	options := []mcptest.Option{mcptest.InMemory()}
	switch w.era {
	case stateless:
		options = append(options, mcptest.Stateless())
	case httpSSE:
		return append(options, mcptest.HTTPSSE())
	case sessions:
		options = append(options, mcptest.RefusalWay(rapid.SampledFrom(lossWays()).Draw(w.rt, "way")))
		if w.listening {
			options = append(options, mcptest.StandaloneStream())
		}
	}
	switch reply := rapid.SampledFrom([]string{"json", "streams", "resumable"}).Draw(w.rt, "reply"); {
	case reply == "streams":
		options = append(options, mcptest.Streams())
	case reply == "resumable" && w.era == sessions:
		w.resumable = true
		options = append(options, mcptest.Resumable())
	}
	return options
}

// failDials puts a network in front of the server that refuses connections on demand.
func (w *world) failDials() {
	transport, ok := w.srv.HTTPClient().Transport.(*http.Transport)
	require.True(w.rt, ok)
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if w.dialsToFail.Add(-1) >= 0 {
			w.failedDials.Add(1)
			return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("connection refused")}
		}
		return dial(ctx, network, address)
	}
	w.conns = transport
}

// listen keeps a Listen open until the context ends.
func (w *world) listen(ctx context.Context) {
	for _, err := range w.session.Listen(ctx, mcpclient.Filter{Tools: true}) {
		if err != nil {
			return
		}
	}
}

// kill makes the server forget all sessions.
func (w *world) kill(restart bool) {
	ids := w.srv.Sessions()
	mine := w.session.ID()
	ready := w.session.Err() == nil
	w.mu.Lock()
	for _, id := range ids {
		w.dead[id] = true
	}
	if w.era == httpSSE && ready && slices.Contains(ids, mine) {
		w.lost[mine] = true // its stream ends, which says it
	}
	w.mu.Unlock()
	if restart {
		w.disturbed, w.restarted = true, true
		w.srv.Restart()
		return
	}
	if w.era == httpSSE {
		w.disturbed = true // the streams end, and with them what is being executed
	}
	w.srv.ForgetSessions(ids...)
}

func (w *world) isDead(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dead[id]
}

// repeatsLost: a call that was refused for its session is sent again on the next one.
func (w *world) repeatsLost() bool {
	return w.policy == mcpclient.ReinitializeAndRepeat || w.era == stateless
}

// circuitMayOpen: so many losses without an answered call between them make
// the client wait before it opens another session.
func (w *world) circuitMayOpen() bool { return len(w.lost)-w.lostBefore >= 5 }

// gated notes that calls fail at once for the time being, which they may only
// where the circuit is open.
func (w *world) gated() {
	failed, ok := errors.AsType[*mcpclient.SessionError](w.session.Err())
	if ok && time.Now().Before(failed.RetryAt) {
		require.True(w.rt, w.troubled || w.circuitMayOpen() || w.era == httpSSE && w.restarted, "no new session is opened, and no reason for it: %v", failed)
		w.troubled = true
	}
}

// invariants are what must hold after every step, once everything has come to rest.
func (w *world) invariants() {
	synctest.Wait()
	w.look()
	stats := w.session.Stats()
	for _, e := range w.srv.Repeated() {
		require.True(w.rt, mayRepeat(e.Nonce), "executed twice: %s", e.Nonce)
	}
	require.Equal(w.rt, w.begun, stats.Calls, "calls")
	opened := w.opened()
	if w.era == httpSSE && w.restarted { // a session may have been opened on the server that was going down, and lost with it, unseen
		require.GreaterOrEqual(w.rt, stats.Losses, int64(len(w.lost)), "losses: %v", slices.Collect(maps.Keys(w.lost)))
		require.EqualValues(w.rt, opened+int(stats.Losses)-len(w.lost), stats.Generation, "generation")
		return
	}
	require.EqualValues(w.rt, len(w.lost), stats.Losses, "losses: %v", slices.Collect(maps.Keys(w.lost)))
	require.EqualValues(w.rt, opened, stats.Generation, "generation")
	if w.era != stateless { // which has no handshakes
		require.EqualValues(w.rt, opened-w.silent, stats.Initializes, "handshakes, as the client counts them")
		require.Equal(w.rt, opened-w.silent+w.burned, w.srv.Initializes(), "handshakes, as the server counts them")
	}
	w.costs(stats)
}

// opened is how many sessions the client must have opened: the first, one for
// each that was lost, and one for each Reinitialize.
func (w *world) opened() int {
	missing := 0 // the session that has been lost and not opened anew
	if w.session.Err() != nil {
		missing = 1
	}
	return 1 + len(w.lost) + w.forced - missing
}

// costs holds the counts of what was sent again against the wire and the budget.
func (w *world) costs(stats mcpclient.Stats) {
	free := w.failedDials.Load()
	if !w.restarted {
		require.LessOrEqual(w.rt, stats.Retries-free, w.repeats+w.vague, "repeats")
	}
	if w.era != httpSSE { // where a call may hear of the loss before it is sent
		require.LessOrEqual(w.rt, stats.Resends, w.resends+free, "re-sends")
	}
	// A restart cuts what then shows on neither side, and over HTTP+SSE a call may hear of a loss before it is sent.
	if w.era != httpSSE && !w.uncertain && !w.restarted && free == 0 {
		require.Equal(w.rt, w.resends, stats.Resends, "re-sends")
		require.GreaterOrEqual(w.rt, stats.Retries, w.repeats-w.replayed, "repeats")
	}
	budget := int64(w.retry.Budget)
	if budget == 0 {
		budget = 100
	}
	require.LessOrEqual(w.rt, 10*(stats.Retries-free), budget+int64(len(w.srv.Requests())), "the budget")
}

// look goes through the requests that have come since, for sessions that were
// refused outside the calls of the machine, as by a verification.
func (w *world) look() {
	requests := w.srv.Requests()
	for _, r := range requests[w.seen:] {
		switch {
		case r.Method == "initialize" && r.Fault != "" && (r.Fault == mcptest.DropAfter().String() || r.Fault == mcptest.Malformed().String()):
			w.burned++
		case r.HTTPMethod == http.MethodPost && r.Fault == "" && r.Status >= 400 && len(r.ID) > 0 && w.isDead(r.Session):
			w.lost[r.Session] = true
		}
	}
	w.seen = len(requests)
}

// settle lets everything that waits for time come to an end.
func (w *world) settle(d time.Duration) {
	<-time.After(d) // inside a bubble, where it only moves the clock
	synctest.Wait()
}
