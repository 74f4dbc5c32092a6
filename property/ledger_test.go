package property_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

var (
	ledgerCalls = flag.Int("calls", 20_000, "calls of TestP1AMillionFaultedCalls")
	ledgerSeed  = flag.Uint64("seed", 0, "seed of TestP1AMillionFaultedCalls; 0: a random one, which is printed")
)

const (
	chunkCalls   = 1000 // of one server and one session
	chunkCallers = 16
)

// TestP1AMillionFaultedCalls: one fault for each call, of every kind there is,
// and no call is executed twice. What a call's error says of it is true.
func TestP1AMillionFaultedCalls(t *testing.T) {
	seed := *ledgerSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d", seed)
	total := newTally()
	chunks := max(1, *ledgerCalls/chunkCalls)
	began := time.Now()
	t.Run("chunks", func(t *testing.T) {
		for shard := range shards() {
			t.Run(strconv.Itoa(shard), func(t *testing.T) {
				t.Parallel()
				for n := shard; n < chunks; n += shards() {
					random := rand.New(rand.NewPCG(seed, uint64(n)))
					synctest.Test(t, func(t *testing.T) { total.add(newLedger(t, random).run()) })
				}
			})
		}
	})
	t.Logf("in %v:\n%s", time.Since(began).Round(time.Second), total)
	require.Equal(t, chunks*chunkCalls, total.calls, "each call met its fault")
	require.GreaterOrEqual(t, len(total.kinds), 25, "kinds of faults")
	require.Zero(t, total.duplicates)
}

// ledger is one server, one session, and the calls of a chunk.
type ledger struct {
	t       *testing.T
	era     era
	srv     *mcptest.Server
	session *mcpclient.Session
	kinds   [][]kind // by group

	mu     sync.Mutex
	random *rand.Rand
	calls  []*faulted
}

// faulted is a call with its one fault.
type faulted struct {
	nonce string
	kind  kind
	limit time.Duration
	met   atomic.Bool // the fault
	err   error
}

func newLedger(t *testing.T, random *rand.Rand) *ledger {
	l := &ledger{t: t, random: random, era: era(random.IntN(3))}
	options := []mcptest.Option{mcptest.InMemory(), mcptest.History(100 * chunkCalls)}
	switch l.era {
	case stateless:
		options = append(options, mcptest.Stateless())
	case httpSSE:
		options = append(options, mcptest.HTTPSSE())
	case sessions:
		options = append(options, mcptest.RefusalWay(lossWays()[random.IntN(len(lossWays()))]))
	}
	switch random.IntN(3) {
	case 0:
		options = append(options, mcptest.Streams())
	case 1:
		options = append(options, mcptest.Resumable())
	}
	l.srv = mcptest.Start(options...)
	client := &mcpclient.Client{
		HTTPClient: l.srv.HTTPClient(), MaxMessageSize: 16 << 10, Limits: mcpclient.Limits{Notifications: 20},
		Retry: mcpclient.RetryPolicy{Budget: []int{0, 1 << 30}[random.IntN(2)]},
	}
	session, err := client.Connect(t.Context(), l.srv.URL())
	require.NoError(t, err)
	l.session = session
	l.kinds = slices.Concat(groupsOf(l.era), [][]kind{timeKinds(), {{name: forgotten}}})
	if l.era != httpSSE { // where answers over a limit would come instead of the 202, and say nothing
		l.kinds = append(l.kinds, limitKinds())
	}
	return l
}

// forgotten is the kind of fault that is no answer: the server forgets all sessions.
const forgotten = "the session forgotten"

// run makes the calls, and checks what the ledger of the server has of them.
func (l *ledger) run() *tally {
	var all sync.WaitGroup
	var left atomic.Int64
	left.Store(chunkCalls)
	for range chunkCallers {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				for !l.call() { // a call that never got to its fault does not count
				}
			}
		})
	}
	all.Wait()
	synctest.Wait()
	sum := l.count()
	require.NoError(l.t, l.session.Close())
	l.srv.Close()
	return sum
}

// call makes one call, and reports whether it met its fault.
func (l *ledger) call() bool {
	l.mu.Lock()
	group := l.kinds[l.random.IntN(len(l.kinds))]
	c := &faulted{nonce: "n" + strconv.Itoa(len(l.calls)) + ".", kind: group[l.random.IntN(len(group))], limit: 24 * time.Hour}
	l.calls = append(l.calls, c)
	l.mu.Unlock()
	if c.kind.ends {
		c.limit = 5 * time.Second
	}
	if c.kind.name == forgotten {
		l.srv.ForgetSessions()
		c.met.Store(true)
	} else {
		l.srv.Next(c.kind.fault.When(func(r mcptest.Request) bool {
			hits := bytes.Contains(r.Body, []byte(c.nonce+`"`))
			if hits {
				c.met.Store(true)
			}
			return hits
		}))
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.limit)
	defer cancel()
	_, c.err = l.session.CallTool(ctx, "echo", map[string]string{"text": "x"}, mcpclient.WithMeta("nonce", c.nonce))
	if failed, ok := errors.AsType[*mcpclient.SessionError](c.err); ok && !c.met.Load() {
		l.await(failed.RetryAt)
	}
	return c.met.Load()
}

// await is what a caller does whom the circuit has turned away.
func (l *ledger) await(at time.Time) {
	<-time.After(time.Until(at)) // inside a bubble, where it only moves the clock
}

// count holds each call against the ledger.
func (l *ledger) count() *tally {
	executed := make(map[string]int)
	for _, e := range l.srv.Executions() {
		executed[e.Nonce]++
	}
	sum := newTally()
	sum.losses, sum.initializes = l.session.Stats().Losses, int64(l.srv.Initializes())
	for _, c := range l.calls {
		n := executed[c.nonce]
		sum.duplicates += max(0, n-1)
		if !c.met.Load() {
			sum.turnedAway++
			require.Zero(l.t, n, "%s: %v", c.kind.name, c.err)
			continue
		}
		sum.calls++
		sum.kinds[c.kind.name]++
		sum.ends[l.outcome(c, n)]++
	}
	return sum
}

// outcome names how a call ended, and requires that the ledger agrees.
func (l *ledger) outcome(c *faulted, executed int) string {
	if c.err == nil {
		require.Equal(l.t, boolToInt(c.kind.proves != instead), executed, "%s: executions of a successful call", c.kind.name)
		return "success"
	}
	call, ok := errors.AsType[*mcpclient.CallError](c.err)
	require.True(l.t, ok, "%s: %v", c.kind.name, c.err)
	require.True(l.t, typed(call.Err), "%s: %v", c.kind.name, c.err)
	switch call.Delivery {
	case mcpclient.DeliveryNotSent, mcpclient.DeliveryRefused:
		require.Zero(l.t, executed, "%s: %v", c.kind.name, c.err)
	case mcpclient.DeliveryAnswered:
		require.True(l.t, executed == 1 || c.kind.proves == answered, "%s: %v", c.kind.name, c.err)
	case mcpclient.DeliveryUnknown:
	}
	return call.Delivery.String()
}
