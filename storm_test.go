package mcpclient_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// TestP3OneInitializeALoss: N callers and M losses make exactly M further initializes, at most N re-sends each, no failed
// call, and nothing is executed twice.
func TestP3OneInitializeALoss(t *testing.T) {
	var losses, initializes int64
	for _, c := range []struct{ callers, losses int }{
		{1, sized(20, 400)}, {2, sized(20, 400)}, {64, sized(8, 400)}, {1000, sized(2, 200)},
	} {
		every := 2*c.callers + 7 // calls from one loss to the next
		calls := every * c.losses / c.callers
		server := mcptest.New(t, mcptest.ForgetEvery(every), mcptest.History(1))
		session, err := mcpclient.Connect(t.Context(), server.URL())
		require.NoError(t, err)

		start := time.Now()
		group, ctx := errgroup.WithContext(t.Context())
		for caller := range c.callers {
			group.Go(func() error { return stormCaller(ctx, session, caller, calls) })
		}
		require.NoError(t, group.Wait())

		stats := session.Stats()
		t.Logf("P3: %d callers: %d calls, %d losses, %d further initializes, %d re-sends in %v",
			c.callers, stats.Calls, stats.Losses, stats.Initializes-1, stats.Resends, time.Since(start).Round(time.Millisecond))
		require.Positive(t, stats.Losses)
		require.Equal(t, stats.Losses+1, stats.Initializes, "one handshake a loss, and the first")
		require.EqualValues(t, stats.Initializes, server.Initializes(), "as the server counts them")
		require.LessOrEqual(t, stats.Resends, int64(c.callers)*stats.Losses)
		require.Empty(t, server.Repeated(), "nothing is executed twice")
		require.Equal(t, c.callers*calls, server.Executed())
		require.NoError(t, session.Close())
		losses, initializes = losses+stats.Losses, initializes+stats.Initializes-1
	}
	require.GreaterOrEqual(t, losses, int64(sized(40, 1000)))
	require.Equal(t, losses, initializes)
	t.Logf("P3: together %d losses, %d further initializes", losses, initializes)
}

func stormCaller(ctx context.Context, session *mcpclient.Session, caller, calls int) error {
	for n := range calls {
		if err := nonced(ctx, session, fmt.Sprintf("%d/%d", caller, n)); err != nil {
			return err
		}
	}
	return nil
}

// TestP4NoCallFailsForALostSession: the server forgets its sessions every 100 ms, and no caller notices.
func TestP4NoCallFailsForALostSession(t *testing.T) {
	const callers, work = 20, 20 * time.Millisecond
	calls := sized(2000, 100_000) / callers
	inBubble(t, func(t *testing.T, server *mcptest.Server) {
		server.AddTool(newTool("work"), func(ctx context.Context, req *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
			return mcptest.Text(string(req.Arguments)), after(ctx, work)
		})
		session := sessionOf(t, server, new(mcpclient.Client))
		losing, stop := context.WithCancel(t.Context())
		var loser errgroup.Group
		loser.Go(func() error {
			for after(losing, 100*time.Millisecond) == nil {
				server.ForgetSessions()
			}
			return nil
		})
		group, ctx := errgroup.WithContext(t.Context())
		for caller := range callers {
			group.Go(func() error {
				for n := range calls {
					nonce := fmt.Sprintf("%d/%d", caller, n)
					if _, err := session.CallTool(ctx, "work", map[string]string{"nonce": nonce}); err != nil {
						return fmt.Errorf("call %s: %w", nonce, err)
					}
				}
				return nil
			})
		}
		require.NoError(t, group.Wait())
		stop()
		require.NoError(t, loser.Wait())
		stats := session.Stats()
		t.Logf("P4: %d calls, a loss every 100 ms, %d losses, %d re-sends, 0 failed, %d executed twice",
			stats.Calls, stats.Losses, stats.Resends, len(server.Repeated()))
		require.GreaterOrEqual(t, stats.Losses, int64(sized(15, 900)))
		require.Empty(t, server.Repeated())
		require.Equal(t, callers*calls, server.Executed())
	}, mcptest.History(1))
}
