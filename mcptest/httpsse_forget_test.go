package mcptest_test

import (
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

func TestHTTPSSEForgetSessionsEndsTheStreams(t *testing.T) {
	a := openOld(t)
	b := connectOld(t, a.srv)
	a.srv.ForgetSessions(a.id())
	_, err := a.stream.next()
	require.ErrorIs(t, err, io.EOF, "in good order")
	require.Equal(t, []string{b.id()}, a.srv.Sessions())
	r := a.post(a.echoCall("lost"))
	require.Equal(t, 404, r.status)
	require.Equal(t, "Could not find session", r.body)
	b.callEcho("kept")
	require.Contains(t, b.result(), "kept")
	require.Equal(t, 1, a.srv.Forgotten())
	require.Len(t, a.srv.Executions(), 1)
}

func TestHTTPSSEForgetEvery(t *testing.T) {
	w := openOld(t, mcptest.ForgetEvery(2))
	w.callEcho("one")
	require.Contains(t, w.result(), "one")
	w.callEcho("two")
	_, err := w.stream.next()
	require.ErrorIs(t, err, io.EOF, "the answer had no stream to come on")
	require.Equal(t, 2, w.srv.Executed())
}

func TestHTTPSSERestartCutsTheStreams(t *testing.T) {
	w := openOld(t)
	w.srv.Restart()
	_, err := w.stream.next()
	require.Error(t, err)
	require.NotErrorIs(t, err, io.EOF)
	require.Equal(t, 1, w.srv.Forgotten())
	again := connectOld(t, w.srv)
	again.callEcho("again")
	require.Contains(t, again.result(), "again")
}

func TestHTTPSSEKeepStreams(t *testing.T) {
	w := openOld(t, mcptest.KeepStreams())
	entered, release := make(chan struct{}), make(chan struct{})
	w.srv.AddTool(mcpclient.Tool{Name: "wait"}, func(ctx context.Context, _ *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		close(entered)
		<-release
		return mcptest.Text("answered"), ctx.Err()
	})
	require.Equal(t, "notifications/tools/list_changed", w.stream.message().Method)
	w.tell(w.message("tools/call", `{"name":"wait"}`))
	<-entered
	w.srv.ForgetSessions()
	require.Equal(t, 404, w.post(w.message("ping", "")).status)
	w.srv.Broadcast("notifications/acme", nil)
	close(release)
	require.Contains(t, w.result(), "answered", "what is not known hears no broadcast, but its answers")
	require.Empty(t, w.srv.Sessions())

	w.srv.Restart()
	_, err := w.stream.next()
	require.Error(t, err)
}

func TestHTTPSSERefusalOfForgottenSessions(t *testing.T) {
	for name, c := range map[string]struct {
		opt    mcptest.Option
		status int
		says   string
	}{
		"Python SDK":     {mcptest.RefusalWay(mcptest.PythonSSE), 404, "Could not find session"},
		"TypeScript SDK": {mcptest.Refusal(mcptest.Status(400, nil, "No transport found for sessionId")), 400, "No transport found for sessionId"},
		"Go SDK":         {mcptest.RefusalWay(mcptest.GoSDK), 404, "session not found\n"},
	} {
		t.Run(name, func(t *testing.T) {
			w := openOld(t, c.opt)
			w.srv.ForgetSessions()
			for range 2 {
				r := w.post(w.message("ping", ""))
				require.Equal(t, c.status, r.status)
				require.Equal(t, c.says, r.body)
			}
		})
	}
	w := openOld(t)
	w.srv.Next(mcptest.Refuse(mcptest.PythonSSE))
	require.Equal(t, 404, w.post(w.message("ping", "")).status)
	require.JSONEq(t, `{}`, w.call("ping", ""), "a lie told once")
	require.Equal(t, http.StatusMethodNotAllowed, w.send(http.MethodDelete, "", nil).status)
}
