package mcpclient_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

func TestSetLogLevelOutlivesTheSession(t *testing.T) {
	server := mcptest.New(t)
	session := openSession(t, &mcpclient.Client{}, server)
	require.NoError(t, session.SetLogLevel(t.Context(), mcpclient.LogDebug))
	require.NoError(t, session.SetLogLevel(t.Context(), mcpclient.LogWarning))

	server.ForgetSessions()
	_, err := session.CallTool(t.Context(), "echo", nil)
	require.NoError(t, err)
	require.Equal(t, []string{`{"level":"debug"}`, `{"level":"warning"}`, `{"level":"warning"}`}, sentParams(t, server, "logging/setLevel"))
}

func TestSetLogLevelNotRemembered(t *testing.T) {
	server := mcptest.New(t)
	session := openSession(t, &mcpclient.Client{}, server)
	err := session.SetLogLevel(t.Context(), "loud")
	requireAnswered(t, err, "logging/setLevel", "loud")

	server.ForgetSessions()
	_, err = session.CallTool(t.Context(), "echo", nil)
	require.NoError(t, err)
	require.Len(t, sentParams(t, server, "logging/setLevel"), 1, "a level that the server refused is not set again")
}

func TestSetLogLevelUnsupported(t *testing.T) {
	session, server := introduced(t, `"capabilities":{"tools":{},"logging":null}`)
	err := session.SetLogLevel(t.Context(), mcpclient.LogError)
	require.ErrorIs(t, err, mcpclient.ErrUnsupported)
	requireNotSent(t, err, server, "logging/setLevel")
}

func TestLogsAreFilteredByLevel(t *testing.T) {
	server := mcptest.New(t)
	session := openSession(t, &mcpclient.Client{}, server)
	for least, want := range map[mcpclient.LogLevel][]mcpclient.LogLevel{
		mcpclient.LogDebug:     {"debug", "warning", "emergency", "shout"},
		mcpclient.LogWarning:   {"warning", "emergency", "shout"},
		mcpclient.LogEmergency: {"emergency", "shout"},
	} {
		for _, level := range []string{"debug", "warning", "emergency", "shout"} {
			server.Next(mcptest.Notify("notifications/message", map[string]any{"level": level, "data": "d"}).On("tools/call"))
			var got []mcpclient.LogLevel
			_, err := session.CallTool(t.Context(), "echo", nil, mcpclient.WithLogs(least, func(m mcpclient.LogMessage) { got = append(got, m.Level) }))
			require.NoError(t, err)
			for _, l := range got {
				require.Contains(t, want, l, least)
				want = want[1:]
			}
		}
		require.Empty(t, want, least)
	}
}
