package mcpclient_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// TestP9CancelledCallsReturnAtOnce: a call returns when its context ends, wherever it is: waiting for its turn, for a new
// session, for the header, for the rest of a stream, for its repeat. In fake time that takes no time at all.
func TestP9CancelledCallsReturnAtOnce(t *testing.T) {
	for name, opts := range map[string][]mcptest.Option{"sessions": {mcptest.Resumable()}, "no sessions": {mcptest.Stateless()}} {
		opts = append(opts, mcptest.History(1))
		inBubble(t, func(t *testing.T, server *mcptest.Server) {
			took := spreadOf(cancelAnywhere(t, server, sized(1000, 50_000)))
			t.Logf("P9: %s, %d cancels, in fake time: the call returns after %v", name, sized(1000, 50_000), took)
			require.Zero(t, took.worst)
		}, opts...)
		took := spreadOf(cancelAnywhere(t, mcptest.New(t, opts...), sized(100, 10_000)))
		t.Logf("P9: %s, %d cancels, over loopback: the call returns after %v", name, sized(100, 10_000), took)
		require.Less(t, took.p50, time.Second, "on a machine that does other things as well")
	}
}

// cancelAnywhere cancels so many calls at random points and returns how long after it each returned.
func cancelAnywhere(t *testing.T, server *mcptest.Server, cancels int) (took []time.Duration) {
	t.Helper()
	const callers, longest = 16, 40 * time.Millisecond
	server.AddTool(newTool("work"), func(ctx context.Context, req *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		req.Notify("notifications/message", map[string]any{"level": "info", "data": "begun"})
		return mcptest.Text("done"), after(ctx, rand.N(longest))
	})
	for _, fault := range []mcptest.Fault{
		mcptest.Slow(longest / 2), mcptest.Hang(), mcptest.DropBefore(), mcptest.DropAfter(), mcptest.HoldOpen(), mcptest.NoAnswer(),
		mcptest.Status(http.StatusServiceUnavailable, http.Header{"Retry-After": {"1"}}, ""), mcptest.Late(longest / 2),
	} {
		server.Always(fault.When(func(r mcptest.Request) bool { return r.Method == "tools/call" && rand.N(16) == 0 }))
	}
	server.Always(mcptest.Slow(longest / 4).On("initialize"))
	session := sessionOf(t, server, &mcpclient.Client{
		Limits: mcpclient.Limits{ConcurrentCalls: callers / 2}, Retry: mcpclient.RetryPolicy{Budget: 1 << 30},
	})
	var mu sync.Mutex
	var group errgroup.Group
	for range callers {
		group.Go(func() error {
			for {
				mu.Lock()
				enough := len(took) >= cancels
				mu.Unlock()
				if enough {
					return nil
				}
				if rand.N(64) == 0 {
					server.ForgetSessions()
				}
				late, err := cancelOne(t.Context(), session, rand.N(longest))
				if err != nil {
					return err
				}
				if late >= 0 {
					mu.Lock()
					took = append(took, late)
					mu.Unlock()
				}
			}
		})
	}
	require.NoError(t, group.Wait())
	require.NoError(t, session.Close())
	return took
}

// cancelOne cancels one call after a while. late is how long after that it returned; negative: it was over before.
func cancelOne(ctx context.Context, session *mcpclient.Session, wait time.Duration) (late time.Duration, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cancelled := make(chan time.Time, 1)
	stop := time.AfterFunc(wait, func() {
		cancelled <- time.Now()
		cancel()
	}).Stop
	_, err = session.CallTool(ctx, "work", nil, mcpclient.WithIdempotent())
	if stop() {
		return -1, nil
	}
	late = time.Since(<-cancelled)
	if err != nil && !errors.Is(err, context.Canceled) && ctx.Err() != nil {
		if _, answered := errors.AsType[*mcpclient.RPCError](err); !answered && late > 0 {
			return 0, fmt.Errorf("a cancelled call failed otherwise: %w", err)
		}
	}
	return late, nil
}
