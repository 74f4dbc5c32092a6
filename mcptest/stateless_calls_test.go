package mcptest_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

func TestStatelessProgressAndLog(t *testing.T) {
	w := stateless(t, mcptest.Resumable())
	w.srv.AddTool(mcpclient.Tool{Name: "talk"}, func(_ context.Context, req *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		req.Progress(1, 2, "half")
		req.Log(mcpclient.LogInfo, "low")
		req.Log(mcpclient.LogError, "high")
		return nil, nil
	})
	heard := func() (methods []string) {
		r := w.post("tools/call", `{"name":"talk"}`, nil)
		require.Equal(t, "no", r.header.Get("X-Accel-Buffering"))
		require.NotContains(t, r.body, "id: ", "nothing is resumed")
		for _, m := range w.messages(r.body) {
			methods = append(methods, m.Method)
		}
		return methods
	}
	require.Equal(t, []string{""}, heard(), "who asks for nothing hears nothing")
	w.meta = `,"progressToken":"p"`
	require.Equal(t, []string{"notifications/progress", ""}, heard())
	w.meta = `,"io.modelcontextprotocol/logLevel":"warning"`
	require.Equal(t, []string{"notifications/message", ""}, heard())
	w.meta = `,"io.modelcontextprotocol/logLevel":"debug"`
	require.Equal(t, []string{"notifications/message", "notifications/message", ""}, heard())
}

func TestStatelessCancellation(t *testing.T) {
	w := stateless(t, mcptest.Resumable())
	began := make(chan struct{})
	w.srv.AddTool(mcpclient.Tool{Name: "wait"}, func(ctx context.Context, _ *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		close(began)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	call := w.live("tools/call", `{"name":"wait"}`)
	<-began
	require.Empty(t, w.srv.Abandoned())
	call.close()
	require.NoError(t, w.srv.Await(t.Context(), func() bool { return len(w.srv.Abandoned()) == 1 }))
	require.Equal(t, []string{"1"}, w.srv.Abandoned())
	require.Empty(t, w.srv.Cancelled())
	w.wire.post(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
	require.Equal(t, []string{"1"}, w.srv.Cancelled(), "nobody should send it, and it shows who does")
}

// Close ends an execution too, and nobody has cancelled it then.
func TestCloseCancelsNothing(t *testing.T) {
	w := stateless(t, mcptest.Streams())
	began := make(chan struct{})
	w.srv.AddTool(mcpclient.Tool{Name: "wait"}, func(ctx context.Context, _ *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		close(began)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	w.live("tools/call", `{"name":"wait"}`)
	<-began
	w.srv.Close()
	require.Empty(t, w.srv.Abandoned())
}

// A cursor is good for every request, whatever sessions there are beside.
func TestStatelessCursors(t *testing.T) {
	srv := mcptest.New(t, mcptest.DualEra(), mcptest.PageSize(1))
	modern := statelessTo(t, srv)
	var page struct{ NextCursor string }
	require.NoError(t, json.Unmarshal([]byte(modern.call("tools/list", "")), &page))
	connect(t, srv)
	require.Contains(t, modern.call("tools/list", `{"cursor":"`+page.NextCursor+`"}`), `"name":"add"`)
}

func TestStatelessServerRequest(t *testing.T) {
	w := stateless(t)
	w.srv.Next(mcptest.ServerRequest("roots/list", nil))
	all := w.messages(w.post("tools/call", `{"name":"echo"}`, nil).body)
	require.Len(t, all, 2)
	require.Equal(t, "roots/list", all[0].Method)
	require.NotNil(t, all[0].ID)
	require.NotNil(t, all[1].Result)
}

func TestEmptyCursor(t *testing.T) {
	w := stateless(t, mcptest.WithoutDefaultTools(), mcptest.PageSize(2), mcptest.EmptyCursor())
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		w.srv.AddTool(mcpclient.Tool{Name: name}, nil)
	}
	var names []string
	var cursors []string
	for params := "{}"; ; {
		var page struct {
			Tools      []struct{ Name string }
			NextCursor *string
		}
		require.NoError(t, json.Unmarshal([]byte(w.call("tools/list", params)), &page))
		for _, tool := range page.Tools {
			names = append(names, tool.Name)
		}
		if page.NextCursor == nil {
			break
		}
		cursors = append(cursors, *page.NextCursor)
		params = `{"cursor":"` + *page.NextCursor + `"}`
	}
	require.Equal(t, []string{"a", "b", "c", "d", "e"}, names)
	require.Len(t, cursors, 2)
	require.Empty(t, cursors[0])
	w.srv.Next(mcptest.NextCursor(""))
	require.Contains(t, w.call("resources/list", ""), `"nextCursor":""`)
	_, failure := w.refused("tools/list", `{"cursor":"none"}`, nil)
	require.Equal(t, -32602, failure.Code)
}

func TestDualEra(t *testing.T) {
	srv := mcptest.New(t, mcptest.DualEra(), mcptest.StandaloneStream())
	old, modern := connect(t, srv), statelessTo(t, srv)
	require.Equal(t, "old", old.echo("old"))
	require.Contains(t, modern.call("server/discover", ""), `"supportedVersions":["2026-07-28","2025-11-25","2025-06-18","2025-03-26","2024-11-05"]`)
	require.Contains(t, modern.call("tools/call", `{"name":"echo","arguments":{"text":"new"}}`), `"text":"new"`)
	for name, test := range map[string]struct {
		message string
		header  http.Header
		code    int
	}{
		"by its version": {old.message("tools/list", ""), http.Header{"Mcp-Protocol-Version": {"2026-07-28"}}, -32602},
		"by its method":  {old.message("tools/list", ""), http.Header{"Mcp-Method": {"tools/list"}}, -32020},
		"by its _meta":   {modern.message("tools/list", ""), nil, -32020},
		"not at all":     {old.message("tools/list", ""), nil, -32000},
	} {
		r := modern.send(http.MethodPost, test.message, test.header)
		require.Equal(t, http.StatusBadRequest, r.status, name)
		require.Equal(t, test.code, modern.answer(r).Error.Code, name)
	}
	listener := modern.live("subscriptions/listen", `{"notifications":{"toolsListChanged":true}}`)
	listener.message()
	stream := old.live(http.MethodGet, "")
	require.NoError(t, srv.Await(t.Context(), func() bool { return srv.Listening() == 2 }))
	srv.AddTool(mcpclient.Tool{Name: "t"}, nil)
	require.Equal(t, "notifications/tools/list_changed", listener.message().Method)
	require.Equal(t, "notifications/tools/list_changed", stream.message().Method)
}

func TestRedeploy(t *testing.T) {
	srv := mcptest.New(t, mcptest.PageSize(1))
	old := connect(t, srv)
	srv.Redeploy(mcptest.Stateless())
	srv.HTTPClient().CloseIdleConnections() // they were cut, which a POST may find out too late
	require.Equal(t, 1, srv.Forgotten())
	require.Equal(t, http.StatusBadRequest, old.post(old.message("tools/list", "")).status)
	modern := statelessTo(t, srv)
	require.NotContains(t, modern.call("tools/list", ""), "nextCursor", "the options are those of the new deployment")
	srv.Redeploy(mcptest.StandaloneStream())
	srv.HTTPClient().CloseIdleConnections()
	listening := connect(t, srv).live(http.MethodGet, "")
	srv.Broadcast("notifications/acme", nil)
	require.Equal(t, "notifications/acme", listening.message().Method)
	srv.Redeploy()
	srv.HTTPClient().CloseIdleConnections()
	require.Equal(t, http.StatusBadRequest, modern.post("tools/list", "", nil).status)
	require.Equal(t, "again", connect(t, srv).echo("again"))
	require.Equal(t, http.StatusMethodNotAllowed, old.send(http.MethodGet, "", nil).status, "no standalone stream any more")
}
