package mcpclient_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// TestGuardSSEUnreadableAnswer: an answer that cannot be read ends the wait of its call, as no other answer will come. On the
// shared stream nothing else would: it goes on.
func TestGuardSSEUnreadableAnswer(t *testing.T) {
	stage := sseStage(t, nil)
	entered, release := heldTool(stage.server)
	other := make(chan error, 1)
	go func() {
		_, err := stage.session.CallTool(t.Context(), "hold", nil)
		other <- err
	}()
	<-entered
	stage.server.Next(mcptest.Rewrite(resultInstead(`{"content":[],"twice":1,"twice":2}`)).On("tools/call"))
	var bad *mcpclient.ProtocolError
	require.ErrorAs(t, stage.echo(t.Context()), &bad)
	close(release)
	require.NoError(t, <-other, "the stream, and whoever waits on it, is untouched")
	require.NoError(t, stage.echo(t.Context()))
	require.Equal(t, 1, stage.server.Initializes())
}

// TestGuardSSENoticesAreBoundedInBytes: what waits for a call whose callbacks are slow is bounded in its size, too, and
// what finds no room is counted.
func TestGuardSSENoticesAreBoundedInBytes(t *testing.T) {
	const reports, large = 20, 100 << 10
	stage := sseStage(t, nil)
	flooded := make(chan struct{})
	stage.server.AddTool(mcpclient.Tool{Name: "flood"}, func(_ context.Context, r *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		for i := range reports {
			r.Progress(float64(i), reports, strings.Repeat("a", large))
		}
		close(flooded)
		return mcptest.Text("done"), nil
	})
	entered, release := make(chan struct{}), make(chan struct{})
	got, done := 0, make(chan error, 1)
	go func() {
		_, err := stage.session.CallTool(t.Context(), "flood", nil, mcpclient.WithProgress(func(mcpclient.Progress) {
			if got++; got == 1 {
				close(entered)
				<-release
			}
		}))
		done <- err
	}()
	<-entered
	<-flooded
	for range 3 { // behind the flood, on the one stream
		require.NoError(t, stage.echo(t.Context()))
	}
	close(release)
	require.NoError(t, <-done)
	require.LessOrEqual(t, got, 4, "one in the callback, and 256 KiB")
	require.EqualValues(t, reports-got, stage.session.Stats().Dropped)
}
