package mcptest_test

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

func TestHTTPSSEFromStreamToStream(t *testing.T) {
	for name, opts := range map[string][]mcptest.Option{
		"port":   nil,
		"memory": {mcptest.InMemory()},
		// None of these means anything here.
		"other options": {mcptest.Streams(), mcptest.Resumable(), mcptest.WithoutSessions()},
	} {
		t.Run(name, func(t *testing.T) {
			w := openOld(t, opts...)
			require.Regexp(t, `^/messages\?sessionId=\w{10,}$`, w.endpoint)
			w.callEcho("hello")
			ev, err := w.stream.next()
			require.NoError(t, err)
			require.Equal(t, "message", ev.event)
			require.Empty(t, ev.id)
			require.Contains(t, ev.data, "hello")

			require.Equal(t, []string{w.id()}, w.srv.Sessions())
			info, ok := w.srv.Session(w.id())
			require.True(t, ok)
			require.True(t, info.Initialized)
			require.Equal(t, "2025-11-25", info.ProtocolVersion)
			require.JSONEq(t, `{"name":"wire","version":"1"}`, string(info.Client))
			require.Equal(t, w.id(), w.srv.Executions()[0].Session)
			last := w.srv.Requests()[3]
			require.Equal(t, []string{"/messages", w.id(), "tools/call", "echo"}, []string{last.Path, last.Session, last.Method, last.Target})
			require.Equal(t, 202, last.Status)

			w.stream.close()
			require.NoError(t, w.srv.Await(t.Context(), func() bool { return len(w.srv.Sessions()) == 0 }))
			require.Equal(t, 404, w.post(w.message("ping", "")).status)
			require.Zero(t, w.srv.Forgotten(), "an ended session is not a forgotten one")
			again := connectOld(t, w.srv)
			require.NotEqual(t, w.endpoint, again.endpoint)
			require.JSONEq(t, `{}`, again.call("ping", ""))
			require.Equal(t, 2, w.srv.Initializes())
		})
	}
}

func TestHTTPSSENegotiatesAnyVersion(t *testing.T) {
	srv := mcptest.New(t, mcptest.HTTPSSE(), mcptest.Versions("2025-06-18", "2024-11-05"))
	for asked, want := range map[string]string{"2024-11-05": "2024-11-05", "2025-11-25": "2025-06-18"} {
		w := attach(t, srv)
		require.JSONEq(t, `{
			"protocolVersion": "`+want+`",
			"capabilities": {"logging": {}, "tools": {"listChanged": true}},
			"serverInfo": {"name": "mcptest", "version": "1.0.0"}
		}`, w.call("initialize", `{"protocolVersion":"`+asked+`","capabilities":{},"clientInfo":{"name":"w","version":"1"}}`))
		info, _ := srv.Session(w.id())
		require.Equal(t, want, info.ProtocolVersion)
	}
}

// TestHTTPSSEStrictness: what the server refuses over HTTP.
func TestHTTPSSEStrictness(t *testing.T) {
	w := openOld(t)
	const initialize = `{"jsonrpc":"2.0","id":98,"method":"initialize","params":` + initializeParams + `}`
	const ping = `{"jsonrpc":"2.0","id":99,"method":"ping"}`
	for name, c := range map[string]struct {
		method, at, body string
		header           http.Header
		status           int
		says             string
	}{
		"initialize at the stream": {at: "/mcp", body: initialize, status: 405, says: "Method Not Allowed"},
		"discover at the stream":   {at: "/mcp/", body: `{"jsonrpc":"2.0","id":1,"method":"server/discover"}`, status: 405, says: "Method Not Allowed"},
		"DELETE":                   {method: http.MethodDelete, at: "/mcp", status: 405, says: "Method Not Allowed"},
		"GET at the endpoint":      {method: http.MethodGet, at: w.endpoint, status: 405, says: "Method Not Allowed"},
		"GET for anything":         {method: http.MethodGet, at: "/mcp", header: http.Header{"Accept": {"*/*"}}, status: 406, says: "must accept text/event-stream"},
		"elsewhere":                {at: "/elsewhere?sessionId=" + w.id(), body: ping, status: 404, says: "not found"},
		"no session id":            {at: "/messages", body: ping, status: 400, says: "sessionId is required"},
		"unknown session id":       {at: "/messages?sessionId=who", body: ping, status: 404, says: "Could not find session"},
		"session id in a header":   {at: "/messages", body: ping, header: http.Header{"Mcp-Session-Id": {w.id()}}, status: 400, says: "sessionId is required"},
		"content type":             {body: ping, header: http.Header{"Content-Type": {"text/plain"}}, status: 400, says: "Content-Type"},
		"bad JSON":                 {body: `{"jsonrpc":`, status: 400, says: "Could not parse message"},
		"no message":               {body: `{"jsonrpc":"2.0","id":1}`, status: 400, says: "Could not parse message"},
		"array":                    {body: "[" + ping + "]", status: 400, says: "2025-03-26"},
	} {
		t.Run(name, func(t *testing.T) {
			method, at := c.method, c.at
			if method == "" {
				method = http.MethodPost
			}
			if at == "" {
				at = w.endpoint
			}
			req := w.requestTo(method, at, c.body)
			maps.Copy(req.Header, c.header)
			r, err := w.try(req)
			require.NoError(t, err)
			require.Equal(t, c.status, r.status, r.body)
			require.Contains(t, r.body, c.says)
			require.Equal(t, "text/plain; charset=utf-8", r.header.Get("Content-Type"))
		})
	}
	w.callEcho("still here")
	require.Contains(t, w.result(), "still here")
	require.Equal(t, 1, w.srv.Initializes())
}

func TestHTTPSSEPostStatus(t *testing.T) {
	srv := mcptest.New(t, mcptest.HTTPSSE(), mcptest.PostStatus(404))
	require.Equal(t, 404, (&wire{t: t, srv: srv}).post(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":`+initializeParams+`}`).status)
}

// TestHTTPSSERefusalsOnTheStream: what is no message's fault but a request's is answered where requests are.
func TestHTTPSSERefusalsOnTheStream(t *testing.T) {
	w := attach(t, mcptest.New(t, mcptest.HTTPSSE()))
	refused := func(method, params string) rpcError {
		w.tell(w.message(method, params))
		a := w.stream.message()
		require.NotNil(t, a.Error)
		return *a.Error
	}
	require.Equal(t, -32602, refused("initialize", `{}`).Code)
	require.Equal(t, -32602, refused("tools/list", "").Code, "before initialize")
	w.call("initialize", initializeParams)
	require.Equal(t, -32602, refused("tools/list", "").Code, "before notifications/initialized")
	require.JSONEq(t, `{}`, w.call("ping", ""))
	require.Equal(t, rpcError{Code: -32600, Message: "Invalid Request: Server already initialized"}, refused("initialize", initializeParams))
	w.tell(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	require.Equal(t, -32601, refused("acme/fly", "").Code)
	require.Equal(t, 1, w.srv.Initializes())
}

func TestHTTPSSEArraysInTheirVersion(t *testing.T) {
	w := attach(t, mcptest.New(t, mcptest.HTTPSSE()))
	w.call("initialize", strings.Replace(initializeParams, "2025-11-25", "2025-03-26", 1))
	w.tell(`[{"jsonrpc":"2.0","method":"notifications/initialized"},{"jsonrpc":"2.0","id":"a","method":"ping"},{"jsonrpc":"2.0","id":7,"method":"ping"}]`)
	require.Equal(t, `"a"`, string(w.stream.message().ID))
	require.Equal(t, `7`, string(w.stream.message().ID))
}

func TestHTTPSSECarriesEverythingOnOneStream(t *testing.T) {
	w := openOld(t)
	w.srv.AddResource(mcpclient.Resource{URI: "test://a"}, mcpclient.ResourceContents{Text: "one"})
	require.Equal(t, "notifications/resources/list_changed", w.stream.message().Method)
	require.JSONEq(t, `{}`, w.call("resources/subscribe", `{"uri":"test://a"}`))
	w.srv.ResourceUpdated("test://b")
	w.srv.ResourceUpdated("test://a")
	require.JSONEq(t, `{"uri":"test://a"}`, string(w.stream.message().Params))
	w.srv.Broadcast("notifications/acme", map[string]int{"n": 1})
	require.Equal(t, "notifications/acme", w.stream.message().Method)

	w.srv.AddTool(mcpclient.Tool{Name: "work"}, func(ctx context.Context, req *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		req.Progress(1, 2, "half")
		req.Log(mcpclient.LogInfo, "asking")
		raw, err := req.Ask(ctx, "roots/list", nil)
		return mcptest.Text(string(raw)), err
	})
	require.Equal(t, "notifications/tools/list_changed", w.stream.message().Method)
	w.tell(w.message("tools/call", `{"name":"work","_meta":{"progressToken":5}}`))
	require.JSONEq(t, `{"progressToken":5,"progress":1,"total":2,"message":"half"}`, string(w.stream.message().Params))
	require.JSONEq(t, `{"level":"info","logger":"mcptest","data":"asking"}`, string(w.stream.message().Params))
	ask := w.stream.message()
	require.Equal(t, "roots/list", ask.Method)
	w.callEcho("meanwhile")
	require.Contains(t, w.result(), "meanwhile")
	w.tell(`{"jsonrpc":"2.0","id":` + string(ask.ID) + `,"result":{"roots":[]}}`)
	require.Contains(t, w.result(), `{\"roots\":[]}`)
	require.Equal(t, w.id(), w.srv.Answers()[0].Session)

	entered, ended := make(chan struct{}), make(chan struct{})
	w.srv.AddTool(blockingTool(entered, ended))
	require.Equal(t, "notifications/tools/list_changed", w.stream.message().Method)
	w.tell(`{"jsonrpc":"2.0","id":"c-1","method":"tools/call","params":{"name":"block"}}`)
	<-entered
	w.tell(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"c-1"}}`)
	<-ended
	require.Equal(t, []string{`"c-1"`}, w.srv.Cancelled())
	require.JSONEq(t, `{}`, w.call("ping", ""), "the cancelled call is owed no answer")
}

func TestHTTPSSEKeepsSessionsApart(t *testing.T) {
	a := openOld(t)
	b := connectOld(t, a.srv)
	a.callEcho("for a")
	b.callEcho("for b")
	require.Contains(t, b.result(), "for b")
	require.Contains(t, a.result(), "for a")
	require.Len(t, a.srv.Sessions(), 2)
}

// TestHTTPSSEAcceptsBeforeItExecutes: a tool that never returns costs no POST its 202.
func TestHTTPSSEAcceptsBeforeItExecutes(t *testing.T) {
	w := openOld(t)
	answer, sent := httptest.NewRecorder(), false
	w.srv.AddTool(mcpclient.Tool{Name: "look"}, func(context.Context, *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		sent = answer.Flushed && answer.Code == http.StatusAccepted
		return nil, nil
	})
	require.Equal(t, "notifications/tools/list_changed", w.stream.message().Method)
	w.srv.ServeHTTP(answer, w.requestTo(http.MethodPost, w.endpoint, w.message("tools/call", `{"name":"look"}`)))
	w.result()
	require.True(t, sent)
}

// TestHTTPSSEManyCallsOnOneStream: each is answered once, in whatever order.
func TestHTTPSSEManyCallsOnOneStream(t *testing.T) {
	const callers, each = 8, 50
	w := openOld(t)
	var all sync.WaitGroup
	for caller := range callers {
		var requests []*http.Request
		for range each {
			requests = append(requests, w.requestTo(http.MethodPost, w.endpoint, w.echoCall(strconv.Itoa(caller))))
		}
		all.Go(func() {
			for _, req := range requests {
				_, _ = w.try(req) // what is not accepted is missed below
			}
		})
	}
	seen := make(map[string]bool)
	for range callers * each {
		seen[string(w.stream.message().ID)] = true
	}
	all.Wait()
	require.Len(t, seen, callers*each)
	require.Equal(t, callers*each, w.srv.Executed())
}

// TestHTTPSSEExecutionsEndWithTheirStream, whichever side ends it.
func TestHTTPSSEExecutionsEndWithTheirStream(t *testing.T) {
	for name, end := range map[string]func(*oldWire){
		"the client leaves":   func(w *oldWire) { w.stream.close() },
		"the session is lost": func(w *oldWire) { w.srv.ForgetSessions() },
		"restart":             func(w *oldWire) { w.srv.Restart() },
		"close":               func(w *oldWire) { w.srv.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			w := openOld(t)
			entered, ended := make(chan struct{}), make(chan struct{})
			w.srv.AddTool(blockingTool(entered, ended))
			w.tell(w.message("tools/call", `{"name":"block"}`))
			<-entered
			end(w)
			<-ended
		})
	}
}

func TestHTTPSSEInMemoryLeavesTheBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := openOld(t, mcptest.InMemory(), mcptest.KeepAlive(15*time.Second), mcptest.RetryHint(2*time.Second))
		began := time.Now()
		for range 240 {
			line, err := w.stream.in.ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, ": keep-alive\n", line)
			_, err = w.stream.next()
			require.NoError(t, err)
		}
		require.Equal(t, time.Hour, time.Since(began))
		require.JSONEq(t, `{}`, w.call("ping", ""))
		w.srv.Close()
		_, err := io.ReadAll(w.stream.in)
		require.Error(t, err)
	})
}
