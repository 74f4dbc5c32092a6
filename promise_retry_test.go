package mcpclient_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// passingFaults are what a call meets once and not again. Silence is one of them only where the library has a clock
// that ends it: for methods that a healthy server answers at once.
func passingFaults() map[string]mcptest.Fault {
	faults := map[string]mcptest.Fault{
		"DropBefore": mcptest.DropBefore(), "DropAfter": mcptest.DropAfter(), "Truncated": mcptest.Truncated(10),
		"EmptyOK": mcptest.EmptyOK(), "NoAnswer": mcptest.NoAnswer(), "Malformed": mcptest.Malformed(), "HTML": mcptest.HTML(),
		"WrongID": mcptest.WrongID(), "WrongContentType": mcptest.WrongContentType("text/plain"), "CutStream": mcptest.CutStream(0),
		"BreakStream": mcptest.BreakStream(0), "Refuse": mcptest.Refuse(mcptest.TypeScript), "Accepted": mcptest.Accepted(),
		"503, come again": mcptest.Status(http.StatusServiceUnavailable, http.Header{"Retry-After": {"2"}}, ""),
		"Hang":            mcptest.Hang(),
	}
	for _, status := range []int{429, 500, 502, 503, 504, 520, 524, 530} {
		faults[fmt.Sprint(status)] = mcptest.Status(status, nil, "")
	}
	return faults
}

// idempotentCalls are harmless by the protocol, or by the caller's word.
func idempotentCalls() []func(ctx context.Context, session *mcpclient.Session, with mcpclient.CallOption) error {
	return []func(context.Context, *mcpclient.Session, mcpclient.CallOption) error{
		func(ctx context.Context, session *mcpclient.Session, with mcpclient.CallOption) error {
			return session.Ping(ctx, with)
		},
		func(ctx context.Context, session *mcpclient.Session, with mcpclient.CallOption) error {
			tools, err := mcpclient.Collect(session.Tools(ctx, with))
			if err == nil && len(tools) != 2 {
				err = fmt.Errorf("%d tools", len(tools))
			}
			return err
		},
		func(ctx context.Context, session *mcpclient.Session, with mcpclient.CallOption) error {
			_, err := session.ReadResource(ctx, watchedURI, with)
			return err
		},
		func(ctx context.Context, session *mcpclient.Session, with mcpclient.CallOption) error {
			return nonced(ctx, session, "an idempotent call", with, mcpclient.WithIdempotent())
		},
	}
}

// TestP2IdempotentCallsSurviveAnyFault: a call that may be executed twice succeeds within ten seconds whatever goes
// wrong with it once.
func TestP2IdempotentCallsSurviveAnyFault(t *testing.T) {
	for _, c := range []struct {
		name        string
		calls       int
		part, floor float64 // of the calls that meet a fault; of those that succeed
		budget      int
	}{
		{name: "a fault on 5 % of the calls", calls: sized(3000, 200_000), part: 0.05, floor: 0.9999},
		{name: "a fault on each call, budget off", calls: sized(1000, 50_000), part: 1, floor: 1, budget: 1 << 30},
	} {
		for _, era := range [][]mcptest.Option{{mcptest.Resumable()}, {mcptest.Stateless()}} {
			inBubble(t, func(t *testing.T, server *mcptest.Server) {
				server.AddResource(mcpclient.Resource{URI: watchedURI, Name: "notes"}, mcpclient.ResourceContents{Text: "one"})
				session := sessionOf(t, server, &mcpclient.Client{
					NoCache: true, HandshakeTimeout: 3 * time.Second, Retry: mcpclient.RetryPolicy{Budget: c.budget},
				})
				faults := passingFaults()
				if session.ID() == "" {
					delete(faults, "Refuse") // there is no session to lose
				}
				failed := meetFaults(t, server, session, faults, c.calls, c.part)
				stats := session.Stats()
				success := 1 - float64(failed)/float64(c.calls)
				t.Logf("P2: %s, %s: %d calls, %d repeats, %d not made over budget, %.4f %% succeed",
					c.name, session.Server().ProtocolVersion, c.calls, stats.Retries, stats.RetriesOverBudget, 100*success)
				require.GreaterOrEqual(t, success, c.floor)
				require.Positive(t, stats.Retries)
			}, append(era, mcptest.History(1))...)
		}
	}
}

// meetFaults makes calls, of which a part meet one fault each, and returns how many failed.
func meetFaults(t *testing.T, server *mcptest.Server, session *mcpclient.Session, faults map[string]mcptest.Fault, calls int, part float64) int64 {
	t.Helper()
	const callers = 8
	names, kinds := slices.Sorted(maps.Keys(faults)), idempotentCalls()
	var failed atomic.Int64
	var group sync.WaitGroup
	for caller := range callers {
		group.Go(func() {
			random := rand.New(rand.NewPCG(uint64(caller), 2))
			for n := caller; n < calls; n += callers {
				kind, name := random.IntN(len(kinds)), "none"
				if random.Float64() < part {
					name = names[random.IntN(len(names))]
					for name == "Hang" && kind >= 2 { // takes as long as it takes
						name = names[random.IntN(len(names))]
					}
					id := fmt.Sprint(n)
					server.Next(faults[name].When(func(r mcptest.Request) bool { return r.Header.Get("X-Call") == id }))
				}
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				if err := kinds[kind](ctx, session, mcpclient.WithHeader("X-Call", fmt.Sprint(n))); err != nil {
					failed.Add(1)
					t.Logf("call %d of kind %d, fault %s: %v", n, kind, name, err)
				}
				cancel()
			}
		})
	}
	group.Wait()
	require.Empty(t, server.Unused(), "each fault was met")
	return failed.Load()
}

// TestP7RetriesAddLittleLoad: what is repeated never makes an overload much worse, and no call is sent more than three
// times.
func TestP7RetriesAddLittleLoad(t *testing.T) {
	calls, warmUp := sized(500, 50_000), 200
	for _, part := range []float64{1, 0.9, 0.5, 0.2, 0.05} {
		for name, header := range map[string]http.Header{"503": nil, "503, come again in 1 s": {"Retry-After": {"1"}}} {
			inBubble(t, func(t *testing.T, server *mcptest.Server) {
				var attempts atomic.Int64 // the most of any call
				session := sessionOf(t, server, &mcpclient.Client{Trace: &mcpclient.Trace{CallRetried: func(e mcpclient.CallEvent) {
					for most := attempts.Load(); int64(e.Attempt) > most && !attempts.CompareAndSwap(most, int64(e.Attempt)); most = attempts.Load() {
						continue
					}
				}}})
				var requests atomic.Int64
				random := rand.New(rand.NewPCG(7, uint64(100*part)))
				server.Always(mcptest.Status(http.StatusServiceUnavailable, header, "").On("tools/call").When(func(r mcptest.Request) bool {
					if r.Method != "tools/call" {
						return false
					}
					requests.Add(1)
					return random.Float64() < part
				}))
				run := func(calls int) {
					var group errgroup.Group
					group.SetLimit(8)
					for range calls {
						group.Go(func() error {
							_, err := session.CallTool(t.Context(), "echo", map[string]string{"text": "x"}, mcpclient.WithIdempotent())
							if part == 1 && err == nil {
								return fmt.Errorf("no server answered")
							}
							return nil
						})
					}
					require.NoError(t, group.Wait())
				}
				run(warmUp) // which spends what the budget begins with
				begun := requests.Load()
				run(calls)
				load := float64(requests.Load()-begun) / float64(calls)
				t.Logf("P7: %.0f %% of the requests meet %s: %.3f requests a call, %d not repeated over budget",
					100*part, name, load, session.Stats().RetriesOverBudget)
				require.LessOrEqual(t, load, 1.10)
				require.LessOrEqual(t, attempts.Load(), int64(3))
				require.Greater(t, attempts.Load(), int64(1), "some are repeated")
			}, mcptest.History(1))
		}
	}
}
