package mcptest_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

func flying(_ context.Context, params json.RawMessage) (any, error) {
	var p struct{ Up int }
	err := json.Unmarshal(params, &p)
	return map[string]int{"height": p.Up}, err
}

// blockingTool reports that it was called, and that its context has ended.
func blockingTool(entered, ended chan<- struct{}) (mcpclient.Tool, mcptest.ToolHandler) {
	return mcpclient.Tool{Name: "block"}, func(ctx context.Context, _ *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		close(entered)
		<-ctx.Done()
		close(ended)
		return nil, ctx.Err()
	}
}

func TestDefaultTools(t *testing.T) {
	w := open(t)
	require.JSONEq(t, `{"content":[{"type":"text","text":"hi"}],"structuredContent":{"text":"hi","n":1.50}}`,
		w.call("tools/call", `{"name":"echo","arguments":{"text":"hi","n":1.50}}`))
	require.JSONEq(t, `{"content":[{"type":"text","text":"{\"sum\":5}"}],"structuredContent":{"sum":5}}`,
		w.call("tools/call", `{"name":"add","arguments":{"a":2,"b":3}}`))
	require.Contains(t, w.call("tools/list", ""), `"outputSchema"`)
	require.JSONEq(t, `{"tools":[]}`, open(t, mcptest.WithoutDefaultTools()).call("tools/list", ""))
}

func TestToolsAreListedInTheirOrder(t *testing.T) {
	w := open(t, mcptest.WithoutDefaultTools())
	for _, name := range []string{"z", "a", "z"} {
		w.srv.AddTool(mcpclient.Tool{Name: name, Title: strings.ToUpper(name)}, nil)
	}
	require.JSONEq(t, `{"tools":[
		{"name":"z","title":"Z","inputSchema":{"type":"object"}},
		{"name":"a","title":"A","inputSchema":{"type":"object"}}]}`, w.call("tools/list", ""))
	w.srv.RemoveTool("z")
	w.srv.RemoveTool("nowhere")
	require.NotContains(t, w.call("tools/list", ""), `"z"`)
}

func TestWhatAToolReturns(t *testing.T) {
	w := open(t)
	add := func(name string, result *mcpclient.ToolResult, err error) {
		w.srv.AddTool(mcpclient.Tool{Name: name}, func(context.Context, *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
			return result, err
		})
	}
	w.srv.AddTool(mcpclient.Tool{Name: "no handler"}, nil)
	require.JSONEq(t, `{"content":[]}`, w.call("tools/call", `{"name":"no handler"}`))
	add("nothing", nil, nil)
	require.JSONEq(t, `{"content":[]}`, w.call("tools/call", `{"name":"nothing"}`))
	add("failing", nil, errors.New("out of paper"))
	require.JSONEq(t, `{"content":[{"type":"text","text":"out of paper"}],"isError":true}`, w.call("tools/call", `{"name":"failing"}`))
	add("refusing", nil, &mcpclient.RPCError{Code: -32042, Message: "sign in first", Data: json.RawMessage(`{"n":1}`)})
	require.Equal(t, rpcError{Code: -32042, Message: "sign in first", Data: json.RawMessage(`{"n":1}`)}, w.callError("tools/call", `{"name":"refusing"}`))

	require.Equal(t, rpcError{Code: -32602, Message: "Unknown tool: nobody"}, w.callError("tools/call", `{"name":"nobody"}`))
	require.Equal(t, -32602, w.callError("tools/call", `{"name":"echo","arguments":[]}`).Code)
	require.Equal(t, -32602, w.callError("tools/call", `{"name":7}`).Code)
	require.Len(t, w.srv.Executions(), 4, "what is refused is not executed")
}

func TestProgressAndLogMakeAStream(t *testing.T) {
	w := open(t)
	w.srv.AddTool(mcpclient.Tool{Name: "work"}, func(_ context.Context, req *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		req.Progress(1, 2, "half")
		req.Progress(1.5, 0, "")
		req.Log(mcpclient.LogDebug, "details")
		req.Log(mcpclient.LogError, map[string]int{"n": 1})
		return mcptest.Text(req.Session), nil
	})
	work := func(params string) (methods []string, all []answer) {
		r := w.post(w.message("tools/call", params))
		require.Equal(t, "text/event-stream", r.header.Get("Content-Type"))
		all = w.messages(r.body)
		for _, m := range all {
			methods = append(methods, m.Method)
		}
		return methods, all
	}
	const progress, message = "notifications/progress", "notifications/message"

	methods, all := work(`{"name":"work","_meta":{"progressToken":"p1"}}`)
	require.Equal(t, []string{progress, progress, message, message, ""}, methods)
	require.JSONEq(t, `{"progressToken":"p1","progress":1,"total":2,"message":"half"}`, string(all[0].Params))
	require.JSONEq(t, `{"progressToken":"p1","progress":1.5}`, string(all[1].Params))
	require.JSONEq(t, `{"level":"error","logger":"mcptest","data":{"n":1}}`, string(all[3].Params))
	require.Contains(t, string(all[4].Result), w.session)

	require.JSONEq(t, `{}`, w.call("logging/setLevel", `{"level":"warning"}`))
	require.Equal(t, -32602, w.callError("logging/setLevel", `{"level":"loud"}`).Code)
	info, _ := w.srv.Session(w.session)
	require.Equal(t, mcpclient.LogWarning, info.LogLevel)
	methods, _ = work(`{"name":"work"}`)
	require.Equal(t, []string{message, ""}, methods, "without a token no progress, below the level no log")
}

func TestCancelledCallIsOwedNoAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		opts   []mcptest.Option
		status int
	}{
		"json":      {nil, 204},
		"stream":    {[]mcptest.Option{mcptest.Streams()}, 200},
		"resumable": {[]mcptest.Option{mcptest.Resumable()}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, c.opts...)
			entered, ended := make(chan struct{}), make(chan struct{})
			w.srv.AddTool(blockingTool(entered, ended))
			done := make(chan reply, 1)
			req := w.request(http.MethodPost, `{"jsonrpc":"2.0","id":"c-1","method":"tools/call","params":{"name":"block"}}`, nil)
			go func() {
				r, _ := w.try(req)
				done <- r
			}()
			<-entered
			require.Equal(t, -32600, w.answer(w.post(`{"jsonrpc":"2.0","id":"c-1","method":"ping"}`)).Error.Code, "the id is in use")
			require.Equal(t, 202, w.post(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"nobody"}}`).status)
			require.Equal(t, 202, w.post(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"c-1","reason":"bored"}}`).status)
			<-ended
			r := <-done
			require.Equal(t, c.status, r.status)
			require.NoError(t, r.err)
			require.NotContains(t, r.body, "result")
			require.Equal(t, []string{`"nobody"`, `"c-1"`}, w.srv.Cancelled())
		})
	}
}

func TestContextOfATool(t *testing.T) {
	leave := func(t *testing.T, opts ...mcptest.Option) (w *wire, ended chan struct{}) {
		w = open(t, opts...)
		entered := make(chan struct{})
		ended = make(chan struct{})
		w.srv.AddTool(blockingTool(entered, ended))
		ctx, cancel := context.WithCancel(t.Context())
		req := w.request(http.MethodPost, w.message("tools/call", `{"name":"block"}`), nil).WithContext(ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = w.try(req)
		}()
		<-entered
		cancel()
		<-done
		return w, ended
	}
	t.Run("ends with the connection", func(t *testing.T) {
		_, ended := leave(t)
		<-ended
	})
	t.Run("ends with the session if it can be resumed", func(t *testing.T) {
		w, ended := leave(t, mcptest.Resumable())
		w.echo("a round trip later")
		select {
		case <-ended:
			require.Fail(t, "the execution ended with its connection")
		default:
		}
		require.Equal(t, 204, w.send(http.MethodDelete, "", nil).status)
		<-ended
	})
}

func TestAskTheClient(t *testing.T) {
	w := open(t)
	w.srv.AddTool(mcpclient.Tool{Name: "greet"}, func(ctx context.Context, req *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		raw, err := req.Ask(ctx, "elicitation/create", map[string]string{"message": "Your name?"})
		return mcptest.Text("hello " + string(raw)), err
	})
	greet := func(answer string) answer {
		stream := w.live(http.MethodPost, w.message("tools/call", `{"name":"greet"}`))
		asked := stream.message()
		require.Equal(t, "elicitation/create", asked.Method)
		require.JSONEq(t, `{"message":"Your name?"}`, string(asked.Params))
		require.Equal(t, 202, w.post(strings.ReplaceAll(answer, "ID", string(asked.ID))).status)
		return stream.message()
	}
	require.Contains(t, string(greet(`{"jsonrpc":"2.0","id":ID,"result":{"name":"Ada"}}`).Result), `hello {\"name\":\"Ada\"}`)
	require.Equal(t, &rpcError{Code: -1, Message: "declined"}, greet(`{"jsonrpc":"2.0","id":"ID","error":{"code":-1,"message":"declined"}}`).Error)

	require.Equal(t, 202, w.post(`{"jsonrpc":"2.0","id":4711,"result":{}}`).status)
	answers := w.srv.Answers()
	require.Len(t, answers, 3)
	require.Equal(t, "elicitation/create", answers[0].Method)
	require.JSONEq(t, `{"name":"Ada"}`, string(answers[0].Result))
	require.Equal(t, w.session, answers[0].Session)
	require.Equal(t, &mcpclient.RPCError{Code: -1, Message: "declined"}, answers[1].Err)
	require.Empty(t, answers[2].Method, "nobody asked")
}
