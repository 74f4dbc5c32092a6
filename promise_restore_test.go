package mcpclient_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// TestP5AllIsRestoredAfterALoss: after each loss the Listen, its subscriptions and the log level are there again, within
// a second of the new session.
func TestP5AllIsRestoredAfterALoss(t *testing.T) {
	opts := []mcptest.Option{mcptest.StandaloneStream(), mcptest.History(10)}
	inBubble(t, func(t *testing.T, server *mcptest.Server) { restoredEachTime(t, server, "in fake time") }, opts...)
	if *fullSize {
		restoredEachTime(t, mcptest.New(t, opts...), "over loopback")
	}
}

func restoredEachTime(t *testing.T, server *mcptest.Server, where string) {
	t.Helper()
	losses := sized(300, 10_000)
	server.AddResource(mcpclient.Resource{URI: watchedURI, Name: "notes"}, mcpclient.ResourceContents{Text: "one"})
	server.AddPrompt(mcpclient.Prompt{Name: "greet"}, nil)
	renewed := make(chan time.Time, 1)
	session := sessionOf(t, server, &mcpclient.Client{Trace: &mcpclient.Trace{
		SessionRestored: func(mcpclient.SessionEvent) { renewed <- time.Now() },
	}})
	require.NoError(t, session.SetLogLevel(t.Context(), mcpclient.LogNotice))
	filter := everything()
	filter.Logs = mcpclient.LogDebug
	ear := listenTo(t, session, filter)
	require.Equal(t, filter, ear.accepted())

	took := make([]time.Duration, losses)
	for i := range losses {
		server.ForgetSessions()
		require.NoError(t, session.Ping(t.Context()))
		at := <-renewed
		require.Equal(t, filter, ear.accepted())
		took[i] = max(0, time.Since(at))
		ear.hears(suspicions()...)
		require.Len(t, server.Sessions(), 1)
		info, known := server.Session(session.ID())
		require.True(t, known)
		require.Equal(t, mcpclient.LogNotice, info.LogLevel)
		require.Equal(t, []string{watchedURI}, info.Subscriptions)

		server.ResourceUpdated(watchedURI)
		ear.hears(updated(watchedURI))
		server.Broadcast("notifications/message", map[string]any{"level": "error", "data": i})
		require.Equal(t, mcpclient.EventLog, ear.next().Kind)
	}
	s := spreadOf(took)
	t.Logf("P5: %d losses, %s: all is there again after %v", losses, where, s)
	require.LessOrEqual(t, s.worst, time.Second)
	require.EqualValues(t, losses, session.Stats().Losses)
	require.EqualValues(t, losses+1, session.Stats().Initializes)
}
