package mcpclient_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// TestSSEListen: notices come on the stream that the session has, and the loss of it is not missed.
func TestSSEListen(t *testing.T) {
	stage := sseStage(t, nil)
	ear := listenTo(t, stage.session, mcpclient.Filter{Tools: true})
	require.True(t, ear.accepted().Tools)
	stage.server.AddTool(mcpclient.Tool{Name: "new"}, nil)
	require.Equal(t, mcpclient.EventToolsChanged, ear.next().Kind)
	require.Equal(t, 1, stage.arrived("GET"), "no other stream is asked for")

	stage.server.ForgetSessions()
	for event := ear.next(); event.Kind != mcpclient.EventToolsChanged; event = ear.next() {
		require.Equal(t, mcpclient.EventListening, event.Kind)
	}
	require.Equal(t, 2, stage.server.Initializes(), "nobody has called")
	require.Equal(t, 2, stage.arrived("GET"))
}

// TestSSEHandlers answer what the server asks during a call, whose idle clock stands still meanwhile; others go on.
func TestSSEHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := clientThat(func(ctx context.Context, _ string) error { return after(ctx, time.Hour) })
		stage := sseStage(t, client, mcptest.InMemory())
		stage.server.AddTool(mcpclient.Tool{Name: "ask"}, func(ctx context.Context, r *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
			_, err := r.Ask(ctx, "roots/list", nil)
			return nil, err
		})
		done := make(chan error, 1)
		start := time.Now()
		go func() {
			_, err := stage.session.CallTool(t.Context(), "ask", nil, mcpclient.WithIdleTimeout(time.Minute))
			done <- err
		}()
		synctest.Wait()
		require.NoError(t, stage.echo(t.Context()))
		require.NoError(t, <-done)
		require.Equal(t, time.Hour, time.Since(start))
		require.Nil(t, stage.server.Answers()[0].Err)
		require.Equal(t, 1, stage.arrived("GET"))
	})
}
