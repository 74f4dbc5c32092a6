package mcpclient_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// sentMeta returns the _meta of the last request with this method.
func sentMeta(t *testing.T, server *mcptest.Server, method string) map[string]any {
	t.Helper()
	requests := requestsBy(server, http.MethodPost, method)
	var message struct {
		Params struct {
			Meta map[string]any `json:"_meta"`
		} `json:"params"`
	}
	require.NoError(t, json.Unmarshal(requests[len(requests)-1].Body, &message))
	return message.Params.Meta
}

func TestOptionProgress(t *testing.T) {
	server := mcptest.New(t)
	server.AddTool(mcpclient.Tool{Name: "steps"}, func(_ context.Context, req *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		req.Progress(0.5, 0, "")
		req.Progress(1, 2, "half")
		req.Notify("notifications/progress", map[string]any{"progressToken": "somebody else's", "progress": 1})
		req.Notify("notifications/progress", map[string]any{"progressToken": 7, "progress": 1})
		req.Notify("notifications/progress", map[string]any{"progress": 1})
		req.Notify("notifications/progress", []int{1})
		req.Progress(1e300, 2e300, "much")
		return mcptest.Text("done"), nil
	})
	session := sessionOf(t, server, new(mcpclient.Client))
	var seen []mcpclient.Progress
	_, err := session.CallTool(t.Context(), "steps", nil, mcpclient.WithProgress(func(p mcpclient.Progress) { seen = append(seen, p) }))
	require.NoError(t, err)
	require.Equal(t, []mcpclient.Progress{{Progress: 0.5}, {Progress: 1, Total: 2, Message: "half"}, {Progress: 1e300, Total: 2e300, Message: "much"}}, seen)
	token := sentMeta(t, server, "tools/call")["progressToken"]
	require.NotEmpty(t, token)

	// Each call has a token of its own, and without the option there is none.
	_, err = session.CallTool(t.Context(), "steps", nil, mcpclient.WithProgress(func(mcpclient.Progress) {}))
	require.NoError(t, err)
	require.NotEqual(t, token, sentMeta(t, server, "tools/call")["progressToken"])
	_, err = session.CallTool(t.Context(), "steps", nil)
	require.NoError(t, err)
	require.Empty(t, sentMeta(t, server, "tools/call"))
	require.Len(t, seen, 3)
}

// TestOptionProgressOfEveryMethod: whatever can be asked for can report progress.
func TestOptionProgressOfEveryMethod(t *testing.T) {
	server := mcptest.New(t)
	server.AddResource(mcpclient.Resource{URI: "file:///a", Name: "a"}, mcpclient.ResourceContents{Text: "a"})
	session := sessionOf(t, server, new(mcpclient.Client))
	progress := mcpclient.WithProgress(func(mcpclient.Progress) {})
	for method, call := range map[string]func() error{
		"tools/list":     func() error { _, err := mcpclient.Collect(session.Tools(t.Context(), progress)); return err },
		"resources/read": func() error { _, err := session.ReadResource(t.Context(), "file:///a", progress); return err },
		"ping":           func() error { return session.Ping(t.Context(), progress) },
	} {
		require.NoError(t, call())
		require.Contains(t, sentMeta(t, server, method), "progressToken", method)
	}
}

// TestOptionProgressAfterALoss: the re-sent call reports to the same callback, under its token.
func TestOptionProgressAfterALoss(t *testing.T) {
	server := mcptest.New(t)
	addStepTool(server)
	session := sessionOf(t, server, new(mcpclient.Client))
	server.ForgetSessions()
	seen := 0
	_, err := session.CallTool(t.Context(), "step", nil, mcpclient.WithProgress(func(mcpclient.Progress) { seen++ }))
	require.NoError(t, err)
	require.Equal(t, 1, seen)
	calls := requestsBy(server, http.MethodPost, "tools/call")
	require.Len(t, calls, 2)
	require.NotEqual(t, calls[0].ID, calls[1].ID)
}

// addStepTool adds a tool that reports one step.
func addStepTool(server *mcptest.Server) {
	server.AddTool(mcpclient.Tool{Name: "step"}, func(_ context.Context, req *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		req.Progress(1, 1, "")
		return nil, nil
	})
}

// TestOptionProgressOnAnotherStream: the token decides whose progress it is, not the stream that it comes on. Nothing
// is reported once the call has returned.
func TestOptionProgressOnAnotherStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newImpostorInMemory(t)
		session := server.connect(t, new(mcpclient.Client))
		isFirst := func(m *wireMessage) bool { return bytes.Contains(m.Params, []byte(`"first"`)) }
		server.answersCalls(func(w http.ResponseWriter, r *http.Request, m *wireMessage) {
			send := startStream(w)
			if isFirst(m) {
				_ = after(r.Context(), 5*time.Second)
				send(event(answerTo(m)))
				return
			}
			first := server.arrived(isFirst)[0]
			for n := range 10 { // the first call returns in the middle of it
				send(event(progressFor(&first, n)))
				_ = after(r.Context(), time.Second-time.Millisecond)
			}
			send(event(answerTo(m)))
		})
		var ofFirst, ofSecond []float64
		done := make(chan error)
		go func() {
			_, err := session.CallTool(t.Context(), "first", nil, mcpclient.WithProgress(func(p mcpclient.Progress) { ofFirst = append(ofFirst, p.Progress) }))
			done <- err
		}()
		synctest.Wait()
		start := time.Now()
		_, err := session.CallTool(t.Context(), "second", nil, mcpclient.WithProgress(func(p mcpclient.Progress) { ofSecond = append(ofSecond, p.Progress) }))
		require.NoError(t, err)
		require.NoError(t, <-done)
		require.Greater(t, time.Since(start), 9*time.Second)
		require.Equal(t, []float64{0, 1, 2, 3, 4, 5}, ofFirst, "none after its return")
		require.Empty(t, ofSecond)
	})
}

// TestOptionProgressCallbackIsOver: a callback that runs on another call's stream is over before its own call returns:
// it may use what the caller then puts away.
func TestOptionProgressCallbackIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newImpostorInMemory(t)
		session := server.connect(t, new(mcpclient.Client))
		isFirst := func(m *wireMessage) bool { return bytes.Contains(m.Params, []byte(`"first"`)) }
		server.answersCalls(func(w http.ResponseWriter, r *http.Request, m *wireMessage) {
			send := startStream(w)
			if isFirst(m) {
				_ = after(r.Context(), time.Second) // the callback is running by then
				send(event(answerTo(m)))
				return
			}
			first := server.arrived(isFirst)[0]
			send(event(progressFor(&first, 1)) + event(answerTo(m)))
		})
		var running, overlapped atomic.Bool
		done := make(chan error)
		go func() {
			_, err := session.CallTool(t.Context(), "first", nil, mcpclient.WithProgress(func(mcpclient.Progress) {
				running.Store(true)
				defer running.Store(false)
				_ = after(t.Context(), time.Minute)
			}))
			overlapped.Store(running.Load())
			done <- err
		}()
		synctest.Wait()
		start := time.Now()
		_, err := session.CallTool(t.Context(), "second", nil)
		require.NoError(t, err)
		require.NoError(t, <-done)
		require.False(t, overlapped.Load())
		require.Equal(t, time.Minute, time.Since(start))
	})
}

func TestOptionLogs(t *testing.T) {
	server := mcptest.New(t)
	levels := []mcpclient.LogLevel{
		mcpclient.LogDebug, mcpclient.LogInfo, mcpclient.LogNotice, mcpclient.LogWarning,
		mcpclient.LogError, mcpclient.LogCritical, mcpclient.LogAlert, mcpclient.LogEmergency,
	}
	server.AddTool(mcpclient.Tool{Name: "talk"}, func(_ context.Context, req *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		for _, level := range levels {
			req.Log(level, map[string]any{"level": level})
		}
		req.Notify("notifications/message", map[string]any{"level": "deafening", "data": "of an unknown level", "x-future": 1, "_meta": map[string]any{"k": 1}})
		req.Notify("notifications/message", []int{1})
		return nil, nil
	})
	session := sessionOf(t, server, new(mcpclient.Client))
	for i, least := range levels {
		var seen []mcpclient.LogMessage
		_, err := session.CallTool(t.Context(), "talk", nil, mcpclient.WithLogs(least, func(m mcpclient.LogMessage) { seen = append(seen, m) }))
		require.NoError(t, err)
		require.Len(t, seen, len(levels)-i+1, least)
		require.Equal(t, least, seen[0].Level)
		require.Equal(t, "mcptest", seen[0].Logger)
		require.JSONEq(t, `{"level":"`+string(least)+`"}`, string(seen[0].Data))
		last := seen[len(seen)-1]
		require.Equal(t, mcpclient.LogMessage{
			Level: "deafening", Data: json.RawMessage(`"of an unknown level"`),
			Meta: mcpclient.Meta{"k": json.RawMessage(`1`)}, Extra: map[string]json.RawMessage{"x-future": json.RawMessage(`1`)},
		}, last)
	}
	_, err := session.CallTool(t.Context(), "talk", nil, mcpclient.WithLogs(mcpclient.LogDebug, nil))
	require.NoError(t, err)
}

func TestOptionMeta(t *testing.T) {
	type place struct {
		City string `json:"city"`
	}
	server := mcptest.New(t)
	server.AddMethod("x/echo", func(_ context.Context, params json.RawMessage) (any, error) { return params, nil })
	session := sessionOf(t, server, new(mcpclient.Client))
	_, err := session.CallTool(t.Context(), "echo", map[string]string{"text": "a"},
		mcpclient.WithMeta("example.com/place", place{"Zürich <&>"}), mcpclient.WithMeta("n", 1), mcpclient.WithMeta("n", 2))
	require.NoError(t, err)
	require.Equal(t, map[string]any{"example.com/place": map[string]any{"city": "Zürich <&>"}, "n": 2.0}, sentMeta(t, server, "tools/call"))

	require.NoError(t, session.Ping(t.Context(), mcpclient.WithMeta("k", nil)), "params that are only _meta")
	require.Equal(t, map[string]any{"k": nil}, sentMeta(t, server, "ping"))

	_, err = session.CallTool(t.Context(), "echo", nil, mcpclient.WithMeta("progressToken", "mine"), mcpclient.WithProgress(func(mcpclient.Progress) {}))
	require.NoError(t, err)
	require.NotEqual(t, "mine", sentMeta(t, server, "tools/call")["progressToken"], "else no progress would be found")

	_, err = session.CallTool(t.Context(), "echo", nil, mcpclient.WithMeta("bad", func() {}))
	var call *mcpclient.CallError
	require.ErrorAs(t, err, &call)
	require.Equal(t, mcpclient.DeliveryNotSent, call.Delivery)
	require.Len(t, requestsBy(server, http.MethodPost, "tools/call"), 2)
}

// TestOptionMetaOfBoth: params that have a _meta of their own keep it, and the option wins where both say something.
func TestOptionMetaOfBoth(t *testing.T) {
	server := mcptest.New(t)
	server.AddMethod("x/echo", func(_ context.Context, params json.RawMessage) (any, error) { return params, nil })
	session := sessionOf(t, server, new(mcpclient.Client))
	for _, c := range []struct{ name, params, want string }{
		{"none", `{"a": 1.50}`, `{"_meta":{"k":"option"},"a": 1.50}`},
		{"no params", ``, `{"_meta":{"k":"option"}}`},
		{"empty params", ` { } `, `{"_meta":{"k":"option"}}`},
		{"another member", `{"_meta":{"own": 1},"a": 1.50}`, `{"_meta":{"k":"option","own":1},"a":1.50}`},
		{"the same member", `{"b":2,"_meta":{"k":"own"},"a":1}`, `{"_meta":{"k":"option"},"b":2,"a":1}`},
		{"null", `{"_meta":null,"a":1}`, `{"_meta":{"k":"option"},"a":1}`},
		{"further in", `{"a":{"_meta":{"k":"own"}}}`, `{"_meta":{"k":"option"},"a":{"_meta":{"k":"own"}}}`},
		{"in a text", `{"a":"\"_meta\": {"}`, `{"_meta":{"k":"option"},"a":"\"_meta\": {"}`},
		{"with escapes", `{"\u005fmeta":{"own":1}}`, `{"_meta":{"k":"option","own":1}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got json.RawMessage
			require.NoError(t, session.Request(t.Context(), "x/echo", json.RawMessage(c.params), &got, mcpclient.WithMeta("k", "option")))
			requests := requestsBy(server, http.MethodPost, "x/echo")
			var sent struct {
				Params json.RawMessage `json:"params"`
			}
			require.NoError(t, json.Unmarshal(requests[len(requests)-1].Body, &sent))
			require.Equal(t, 1, bytes.Count(bytes.ReplaceAll(sent.Params, []byte(`\u005f`), []byte("_")), []byte(`"_meta":{"k":"option"`)))
			require.JSONEq(t, c.want, string(sent.Params))
		})
	}
}

func TestOptionHeader(t *testing.T) {
	server := mcptest.New(t)
	session := sessionOf(t, server, &mcpclient.Client{Header: http.Header{
		"X-App": {"app"}, "User-Agent": {"my-app/7"}, "Accept": {"text/html"}, "Mcp-Session-Id": {"forged"},
		// Written by hand, so not in the form that net/http gives them.
		"x-lower": {"kept"}, "accept": {"text/html"}, "mcp-session-id": {"forged"}, "content-type": {"text/html"},
	}})
	require.NoError(t, session.Ping(t.Context(),
		mcpclient.WithHeader("x-call", "1"), mcpclient.WithHeader("X-Call", "2"), mcpclient.WithHeader("X-App", "call"),
		mcpclient.WithHeader("Accept", "text/html"), mcpclient.WithHeader("content-type", "text/html"), mcpclient.WithHeader("Host", "example.com"),
		mcpclient.WithHeader("mcp-session-id", "forged"), mcpclient.WithHeader("MCP-Protocol-Version", "forged"), mcpclient.WithHeader("Mcp-Anything", "forged"),
		mcpclient.WithHeader("Content-Length", "3"),
	))
	sent := requestsBy(server, http.MethodPost, "ping")[0].Header
	require.Equal(t, []string{"1", "2"}, sent.Values("X-Call"))
	require.Equal(t, []string{"call"}, sent.Values("X-App"), "the call's own header comes in place of the client's")
	require.Equal(t, []string{"kept"}, sent.Values("X-Lower"))
	require.Equal(t, []string{"my-app/7"}, sent.Values("User-Agent"))
	require.Equal(t, []string{"application/json, text/event-stream"}, sent.Values("Accept"))
	require.Equal(t, []string{"application/json"}, sent.Values("Content-Type"))
	require.Equal(t, []string{session.ID()}, sent.Values("Mcp-Session-Id"))
	require.Equal(t, []string{"2025-11-25"}, sent.Values("Mcp-Protocol-Version"))
	require.NotContains(t, sent, "Mcp-Anything")

	require.NoError(t, session.Ping(t.Context()))
	again := requestsBy(server, http.MethodPost, "ping")[1].Header
	require.NotContains(t, again, "X-Call", "of that call alone")
	require.Equal(t, []string{"app"}, again.Values("X-App"))
}

// TestOptionHeaderIsCloned: what the application does to its header later reaches no session.
func TestOptionHeaderIsCloned(t *testing.T) {
	server := mcptest.New(t)
	header := http.Header{"X-App": {"before"}}
	session := sessionOf(t, server, &mcpclient.Client{Header: header})
	header["X-App"][0] = "after"
	header.Set("X-New", "new")
	require.NoError(t, session.Ping(t.Context()))
	server.ForgetSessions()
	require.NoError(t, session.Ping(t.Context()))
	for _, sent := range server.Requests() {
		require.Equal(t, "before", sent.Header.Get("X-App"))
		require.NotContains(t, sent.Header, "X-New")
	}
}

// TestOptionsAreReusable: an option is a value, for any number of calls at the same time; nil is none.
func TestOptionsAreReusable(t *testing.T) {
	server := mcptest.New(t)
	addStepTool(server)
	session := sessionOf(t, server, new(mcpclient.Client))
	var seen atomic.Int64
	options := []mcpclient.CallOption{
		nil, mcpclient.WithHeader("X-Call", "1"), mcpclient.WithMeta("k", "v"), mcpclient.WithIdleTimeout(time.Minute), nil,
		mcpclient.WithProgress(func(mcpclient.Progress) { seen.Add(1) }), mcpclient.WithLogs(mcpclient.LogInfo, func(mcpclient.LogMessage) {}),
	}
	var group errgroup.Group
	for range 20 {
		group.Go(func() error {
			_, err := session.CallTool(t.Context(), "step", nil, options...)
			return err
		})
	}
	require.NoError(t, group.Wait())
	require.EqualValues(t, 20, seen.Load())
	for _, r := range requestsBy(server, http.MethodPost, "tools/call") {
		require.Equal(t, []string{"1"}, r.Header.Values("X-Call"))
	}
	_, err := session.CallTool(t.Context(), "step", nil, nil)
	require.NoError(t, err)
	_, err = session.CallTool(t.Context(), "step", nil, mcpclient.WithProgress(nil))
	require.NoError(t, err)
}
