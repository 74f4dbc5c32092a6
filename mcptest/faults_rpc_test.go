package mcptest_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// A server with sessions answers the probe as deployed ones do, or as a fault says.
func TestProbeOfASessionServer(t *testing.T) {
	noMethod := &mcpclient.RPCError{Code: -32601, Message: "Method not found"}
	for name, test := range map[string]struct {
		fault  mcptest.Fault // of the zero value: none
		status int
		typ    string
		body   string
	}{
		"-32601":       {mcptest.ErrorAnswer(0, noMethod), 200, "application/json", `{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"Method not found"}}`},
		"404, -32601":  {mcptest.ErrorAnswer(404, noMethod), 404, "application/json", `{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"Method not found"}}`},
		"{}":           {mcptest.ResultAnswer(struct{}{}), 200, "application/json", `{"jsonrpc":"2.0","id":1,"result":{}}`},
		"cut JSON":     {mcptest.Combine(mcptest.Malformed(), mcptest.ResultAnswer(struct{}{})), 200, "application/json", `{"jsonrpc":"2.0","`},
		"ended stream": {mcptest.Combine(mcptest.NoAnswer(), mcptest.ResultAnswer(struct{}{})), 200, "text/event-stream", ""},
		"404":          {mcptest.Status(404, nil, "Not Found"), 404, "text/plain; charset=utf-8", "Not Found"},
		"HTML":         {mcptest.HTML(), 200, "text/html; charset=utf-8", "<!doctype html><title>Sign in</title><p>Please sign in."},
		"202":          {mcptest.Accepted(), 202, "", ""},
	} {
		w := statelessTo(t, mcptest.New(t))
		w.srv.Next(test.fault.On("server/discover"))
		r := w.post("server/discover", "", nil)
		require.Equal(t, test.status, r.status, name)
		require.Equal(t, test.typ, r.header.Get("Content-Type"), name)
		require.Equal(t, test.body, r.body, name)
		require.Empty(t, w.srv.Unused())
	}
	w := statelessTo(t, mcptest.New(t))
	r := w.post("server/discover", "", nil)
	require.Equal(t, http.StatusBadRequest, r.status)
	require.JSONEq(t, `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Bad Request: Mcp-Session-Id header is required"}}`, r.body)
	w = statelessTo(t, mcptest.New(t, mcptest.WithoutSessions()))
	r = w.post("server/discover", "", nil)
	require.Equal(t, http.StatusBadRequest, r.status)
	require.Contains(t, r.body, `"code":-32000,"message":"Bad Request: Unsupported protocol version: 2026-07-28`)
	w.srv.Next(mcptest.Combine(mcptest.Truncated(10), mcptest.ResultAnswer(struct{}{})), mcptest.DropBefore())
	require.ErrorIs(t, w.post("server/discover", "", nil).err, io.ErrUnexpectedEOF)
	_, err := w.try(w.request(http.MethodPost, w.message("server/discover", ""), nil))
	require.Error(t, err)
}

func TestStatelessFaults(t *testing.T) {
	w := stateless(t)
	w.srv.Next(mcptest.HeaderMismatch(), mcptest.VersionUnsupported("2027-01-01"), mcptest.VersionUnsupported())
	status, failure := w.refused("tools/list", "", nil)
	require.Equal(t, http.StatusBadRequest, status)
	require.Equal(t, -32020, failure.Code)
	status, failure = w.refused("tools/list", "", nil)
	require.Equal(t, http.StatusBadRequest, status)
	require.Equal(t, -32022, failure.Code)
	require.JSONEq(t, `{"supported":["2027-01-01"],"requested":"2026-07-28"}`, string(failure.Data))
	_, failure = w.refused("tools/list", "", nil)
	require.JSONEq(t, `{"supported":[],"requested":"2026-07-28"}`, string(failure.Data))

	w.srv.Next(mcptest.WrongID(), mcptest.BreakStream(0), mcptest.Status(503, nil, "busy"), mcptest.ResultAnswer(map[string]int{"x": 1}))
	require.Contains(t, w.post("tools/list", "", nil).body, "987654321")
	require.Empty(t, w.post("tools/list", "", nil).body)
	require.Equal(t, 503, w.post("tools/list", "", nil).status)
	require.JSONEq(t, `{"x":1}`, w.call("tools/list", ""))
	w.srv.Next(mcptest.ResultAnswer(struct{}{}).OnHTTP(http.MethodGet))
	require.Equal(t, http.StatusOK, w.send(http.MethodGet, "", nil).status, "also where there is no request to answer")
}
