package property_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// TestOneHandshakeALoss: any number of callers and any schedule of losses make
// one handshake a loss, and no call fails or is executed twice.
func TestOneHandshakeALoss(t *testing.T) {
	t.Parallel()
	for shard := range shards() {
		t.Run(strconv.Itoa(shard), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) { rapid.SyncTest(rt, storm) })
		})
	}
}

// mostLosses keeps the circuit closed, which would be right to open.
const mostLosses = 4

func storm(rt *rapid.T) {
	callers := rapid.IntRange(1, 24).Draw(rt, "callers")
	calls := rapid.IntRange(1, 4).Draw(rt, "calls of each")
	waits := rapid.SliceOfN(rapid.IntRange(0, 400), callers*calls, callers*calls).Draw(rt, "how long each takes, in ms")
	losses := rapid.SliceOfN(rapid.IntRange(0, 600), 0, mostLosses-1).Draw(rt, "from loss to loss, in ms")
	way := rapid.SampledFrom(lossWays()).Draw(rt, "way")

	srv := mcptest.Start(mcptest.InMemory(), mcptest.RefusalWay(way), mcptest.WithoutDefaultTools())
	defer srv.Close()
	srv.AddTool(mcpclient.Tool{Name: "work"}, work)
	client := &mcpclient.Client{HTTPClient: srv.HTTPClient()}
	session, err := client.Connect(context.Background(), srv.URL())
	require.NoError(rt, err)
	defer session.Close()

	errs := make([]error, callers)
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() { errs[caller] = workFor(session, caller, waits[caller*calls:(caller+1)*calls]) })
	}
	for _, wait := range losses {
		<-time.After(milliseconds(wait)) // inside a bubble, where it only moves the clock
		srv.ForgetSessions()
	}
	all.Wait()
	for caller, err := range errs {
		require.NoError(rt, err, "caller %d", caller)
	}
	srv.ForgetSessions()
	require.NoError(rt, workFor(session, callers, []int{0}), "nothing is left that was not noticed")

	synctest.Wait()
	stats := session.Stats()
	require.EqualValues(rt, srv.Forgotten(), stats.Losses)
	require.Equal(rt, srv.Forgotten()+1, srv.Initializes(), "one handshake a loss, and the first")
	require.EqualValues(rt, srv.Initializes(), stats.Initializes)
	require.LessOrEqual(rt, stats.Resends, stats.Losses*int64(callers), "each caller is refused at most once a loss")
	require.Zero(rt, stats.Retries)
	require.Empty(rt, srv.Repeated())
	require.Equal(rt, callers*calls+1, srv.Executed())
}

func milliseconds(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// work takes as long as its arguments say.
func work(ctx context.Context, req *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
	var arguments struct{ Wait int }
	if err := req.Decode(&arguments); err != nil {
		return nil, err
	}
	done := time.NewTimer(milliseconds(arguments.Wait))
	defer done.Stop()
	select {
	case <-done.C:
		return mcptest.Text("done"), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// workFor makes one call for each of the waits.
func workFor(session *mcpclient.Session, caller int, waits []int) error {
	for n, wait := range waits {
		arguments := map[string]any{"wait": wait, "nonce": strconv.Itoa(caller) + "/" + strconv.Itoa(n)}
		if _, err := session.CallTool(context.Background(), "work", arguments); err != nil {
			return err
		}
	}
	return nil
}
