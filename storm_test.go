package mcpclient_test

import (
	"context"
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

var (
	stormCallers = flag.Int("callers", 64, "concurrent callers of TestLossStorm")
	stormCalls   = flag.Int("calls", 200, "calls of each caller of TestLossStorm")
)

// TestLossStorm: N callers and M losses make exactly M further initializes and
// no failed call, and nothing is executed twice.
func TestLossStorm(t *testing.T) {
	server := mcptest.New(t, mcptest.ForgetEvery(97), mcptest.History(1))
	session, err := mcpclient.Connect(t.Context(), server.URL())
	require.NoError(t, err)

	start := time.Now()
	group, ctx := errgroup.WithContext(t.Context())
	for caller := range *stormCallers {
		group.Go(func() error { return stormCaller(ctx, session, caller, *stormCalls) })
	}
	require.NoError(t, group.Wait())

	stats := session.Stats()
	t.Logf("%d callers, %d calls, %d losses, %d initializes, %d re-sends in %v",
		*stormCallers, stats.Calls, stats.Losses, stats.Initializes, stats.Resends, time.Since(start).Round(time.Millisecond))
	require.Positive(t, stats.Losses)
	require.Equal(t, stats.Losses+1, stats.Initializes, "one handshake a loss, and the first")
	require.EqualValues(t, stats.Initializes, server.Initializes(), "as the server counts them")
	require.Empty(t, server.Repeated(), "nothing is executed twice")
	require.Equal(t, *stormCallers**stormCalls, server.Executed())
	require.NoError(t, session.Close())
}

func stormCaller(ctx context.Context, session *mcpclient.Session, caller, calls int) error {
	for n := range calls {
		nonce := fmt.Sprintf("%d/%d", caller, n)
		if _, err := session.CallTool(ctx, "echo", map[string]string{"text": nonce, "nonce": nonce}); err != nil {
			return fmt.Errorf("call %s: %w", nonce, err)
		}
	}
	return nil
}
