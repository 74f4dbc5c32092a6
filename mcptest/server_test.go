package mcptest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/mcptest"
)

func TestSessionFromInitializeToDelete(t *testing.T) {
	for name, opts := range map[string][]mcptest.Option{
		"port":      nil,
		"memory":    {mcptest.InMemory()},
		"streams":   {mcptest.Streams()},
		"resumable": {mcptest.Resumable(), mcptest.InMemory()},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, opts...)
			require.NotEmpty(t, w.session)
			require.Equal(t, []string{w.session}, w.srv.Sessions())
			require.Equal(t, "hello", w.echo("hello"))
			require.JSONEq(t, `{}`, w.call("ping", ""))

			info, ok := w.srv.Session(w.session)
			require.True(t, ok)
			require.Equal(t, "2025-11-25", info.ProtocolVersion)
			require.JSONEq(t, `{"name":"wire","version":"1"}`, string(info.Client))
			require.True(t, info.Initialized)

			require.Equal(t, http.StatusNoContent, w.send(http.MethodDelete, "", nil).status)
			require.Empty(t, w.srv.Sessions())
			require.Equal(t, http.StatusNotFound, w.post(w.message("ping", "")).status)
			require.Zero(t, w.srv.Forgotten(), "an ended session is not a forgotten one")
			require.Equal(t, 1, w.srv.Initializes())
		})
	}
}

func TestInitializeNegotiatesTheVersion(t *testing.T) {
	srv := mcptest.New(t, mcptest.Versions("2025-06-18", "2025-03-26"), mcptest.Info("weather", "2.1"), mcptest.Instructions("Ask nicely."))
	for asked, want := range map[string]string{
		"2025-03-26": "2025-03-26",
		"2025-11-25": "2025-06-18",
	} {
		w := &wire{t: t, srv: srv}
		require.JSONEq(t, `{
			"protocolVersion": "`+want+`",
			"capabilities": {"logging": {}, "tools": {}},
			"serverInfo": {"name": "weather", "version": "2.1"},
			"instructions": "Ask nicely."
		}`, w.call("initialize", `{"protocolVersion":"`+asked+`","capabilities":{},"clientInfo":{"name":"w","version":"1"}}`))
	}
}

// TestStrictness: each row breaks one rule of the protocol, and the server says which.
func TestStrictness(t *testing.T) {
	w := open(t)
	ping := `{"jsonrpc":"2.0","id":99,"method":"ping"}`
	for name, c := range map[string]struct {
		method string
		header http.Header
		body   string
		status int
		says   string
	}{
		"one media type":         {header: http.Header{"Accept": {"application/json"}}, body: ping, status: 406, says: "must accept both"},
		"wildcard":               {header: http.Header{"Accept": {"*/*"}}, body: ping, status: 406, says: "must accept both"},
		"content type":           {header: http.Header{"Content-Type": {"text/plain"}}, body: ping, status: 415, says: "application/json"},
		"no content type":        {header: http.Header{"Content-Type": nil}, body: ping, status: 415, says: "application/json"},
		"version header":         {header: http.Header{"Mcp-Protocol-Version": {"1999-01-01"}}, body: ping, status: 400, says: "Unsupported protocol version"},
		"no session id":          {header: http.Header{"Mcp-Session-Id": nil}, body: ping, status: 400, says: "Mcp-Session-Id header is required"},
		"unknown session id":     {header: http.Header{"Mcp-Session-Id": {"who"}}, body: ping, status: 404, says: "Session not found"},
		"bad JSON":               {body: `{"jsonrpc":`, status: 400, says: "-32700"},
		"no message":             {body: `{"jsonrpc":"2.0","id":1}`, status: 400, says: "-32600"},
		"array":                  {body: "[" + ping + "]", status: 400, says: "2025-03-26"},
		"initialize again":       {body: `{"jsonrpc":"2.0","id":98,"method":"initialize","params":` + initializeParams + `}`, status: 400, says: "already initialized"},
		"initialize, stale id":   {header: http.Header{"Mcp-Session-Id": {"who"}}, body: `{"jsonrpc":"2.0","id":98,"method":"initialize","params":` + initializeParams + `}`, status: 404, says: "Session not found"},
		"initialize, array":      {header: http.Header{"Mcp-Session-Id": nil}, body: `[{"jsonrpc":"2.0","id":98,"method":"initialize","params":` + initializeParams + `}]`, status: 400, says: "array"},
		"initialize, no params":  {header: http.Header{"Mcp-Session-Id": nil}, body: `{"jsonrpc":"2.0","id":98,"method":"initialize"}`, status: 400, says: "-32602"},
		"GET, none offered":      {method: http.MethodGet, status: 405, says: "not allowed"},
		"PUT":                    {method: http.MethodPut, status: 405, says: "not allowed"},
		"DELETE, unknown id":     {method: http.MethodDelete, header: http.Header{"Mcp-Session-Id": {"who"}}, status: 404, says: "Session not found"},
		"DELETE without session": {method: http.MethodDelete, header: http.Header{"Mcp-Session-Id": nil}, status: 400, says: "required"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &wire{t: t, srv: w.srv, session: w.session}
			method := c.method
			if method == "" {
				method = http.MethodPost
			}
			r := w.send(method, c.body, c.header)
			require.Equal(t, c.status, r.status, r.body)
			require.Contains(t, r.body, c.says)
			require.Empty(t, r.header.Get("Mcp-Session-Id"), "the answer to initialize alone carries a session id")
		})
	}
	require.Equal(t, "still here", w.echo("still here"))
}

func TestNothingButPingBeforeInitialized(t *testing.T) {
	w := &wire{t: t, srv: mcptest.New(t)}
	w.session = w.post(w.message("initialize", initializeParams)).header.Get("Mcp-Session-Id")
	require.JSONEq(t, `{}`, w.call("ping", ""))
	require.Equal(t, -32602, w.callError("tools/list", "").Code)
	require.Equal(t, 202, w.post(`{"jsonrpc":"2.0","method":"notifications/initialized"}`).status)
	require.Contains(t, w.call("tools/list", ""), "echo")
}

func TestUnknownMethodAndExtension(t *testing.T) {
	w := open(t)
	require.Equal(t, rpcError{Code: -32601, Message: "Method not found"}, w.callError("acme/fly", ""))
	require.Equal(t, -32601, w.callError("completion/complete", "").Code)
	w.srv.AddMethod("acme/fly", flying)
	require.JSONEq(t, `{"height":3}`, w.call("acme/fly", `{"up":3}`))
}

func TestArraysInTheirVersion(t *testing.T) {
	w := &wire{t: t, srv: mcptest.New(t)}
	w.session = w.post(w.message("initialize", `{"protocolVersion":"2025-03-26","capabilities":{},"clientInfo":{"name":"w","version":"1"}}`)).header.Get("Mcp-Session-Id")
	r := w.post(`[{"jsonrpc":"2.0","method":"notifications/initialized"},{"jsonrpc":"2.0","id":"a","method":"ping"},{"jsonrpc":"2.0","id":7,"method":"ping"}]`)
	require.JSONEq(t, `[{"jsonrpc":"2.0","id":"a","result":{}},{"jsonrpc":"2.0","id":7,"result":{}}]`, r.body)
	r = w.post(`[{"jsonrpc":"2.0","id":8,"method":"ping"}]`)
	require.JSONEq(t, `[{"jsonrpc":"2.0","id":8,"result":{}}]`, r.body)
	require.Equal(t, 202, w.post(`[{"jsonrpc":"2.0","method":"notifications/x"}]`).status)
}

func TestWithoutSessions(t *testing.T) {
	w := open(t, mcptest.WithoutSessions())
	require.Empty(t, w.session)
	require.Equal(t, "hi", w.echo("hi"))
	require.Empty(t, w.srv.Sessions())
	require.Equal(t, 1, w.srv.Initializes())
	require.Equal(t, 405, w.send(http.MethodDelete, "", nil).status)
	require.Equal(t, 405, w.send(http.MethodGet, "", nil).status)
	require.Equal(t, 400, w.send(http.MethodPost, w.message("ping", ""), http.Header{"Mcp-Protocol-Version": {"1"}}).status)
	require.Equal(t, "stray id", (&wire{t: t, srv: w.srv, session: "whatever"}).echo("stray id"))
}

func TestKeepSessions(t *testing.T) {
	w := open(t, mcptest.KeepSessions())
	require.Equal(t, 405, w.send(http.MethodDelete, "", nil).status)
	require.Equal(t, "alive", w.echo("alive"))
}

func TestServerIsAHandler(t *testing.T) {
	srv := mcptest.New(t, mcptest.WithoutDefaultTools())
	front := httptest.NewServer(srv)
	defer front.Close()
	resp, err := http.Get(front.URL + "/elsewhere")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 404, resp.StatusCode)
	require.Equal(t, "/elsewhere", srv.Requests()[0].Path)
}

func TestCloseEndsEverything(t *testing.T) {
	srv := mcptest.Start()
	entered, ended := make(chan struct{}), make(chan struct{})
	srv.AddTool(blockingTool(entered, ended))
	w := connect(t, srv)
	done := make(chan error, 1)
	go func() {
		_, err := w.try(w.request(http.MethodPost, w.message("tools/call", `{"name":"block"}`), nil))
		done <- err
	}()
	<-entered
	srv.Close()
	<-ended // Close has waited for the handler
	require.Error(t, <-done)
	srv.Close()
	_, err := w.try(w.request(http.MethodPost, w.message("ping", ""), nil))
	require.Error(t, err)
}

func TestRestart(t *testing.T) {
	srv := mcptest.New(t, mcptest.Resumable())
	entered, ended := make(chan struct{}), make(chan struct{})
	srv.AddTool(blockingTool(entered, ended))
	w := connect(t, srv)
	stream := w.live(http.MethodPost, w.message("tools/call", `{"name":"block"}`))
	<-entered
	srv.Restart()
	<-ended
	_, err := io.ReadAll(stream.in)
	require.Error(t, err, "the stream was cut")
	require.Empty(t, srv.Sessions())
	require.Equal(t, 1, srv.Forgotten())
	require.Equal(t, "again", connect(t, srv).echo("again"))
}
