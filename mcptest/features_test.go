package mcptest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

func TestResources(t *testing.T) {
	srv := mcptest.New(t)
	srv.AddResource(mcpclient.Resource{URI: "file:///a.txt", Name: "a", MIMEType: "text/plain"},
		mcpclient.ResourceContents{Text: "alpha"}, mcpclient.ResourceContents{URI: "file:///a.png", MIMEType: "image/png", Blob: []byte{1, 2}})
	srv.AddResourceTemplate(mcpclient.ResourceTemplate{URITemplate: "db://{table}/rows/{id}", Name: "row"},
		func(_ context.Context, uri string) ([]mcpclient.ResourceContents, error) {
			return []mcpclient.ResourceContents{{Text: "row of " + uri}}, nil
		})
	srv.AddResourceTemplate(mcpclient.ResourceTemplate{URITemplate: "files://{+path}?raw", Name: "file"},
		func(context.Context, string) ([]mcpclient.ResourceContents, error) {
			return nil, errors.New("disk on fire")
		})
	w := connect(t, srv)

	require.JSONEq(t, `{"resources":[{"uri":"file:///a.txt","name":"a","mimeType":"text/plain"}]}`, w.call("resources/list", ""))
	require.JSONEq(t, `{"resourceTemplates":[{"uriTemplate":"db://{table}/rows/{id}","name":"row"},{"uriTemplate":"files://{+path}?raw","name":"file"}]}`,
		w.call("resources/templates/list", ""))
	require.JSONEq(t, `{"contents":[{"uri":"file:///a.txt","mimeType":"text/plain","text":"alpha"},{"uri":"file:///a.png","mimeType":"image/png","blob":"AQI="}]}`,
		w.call("resources/read", `{"uri":"file:///a.txt"}`))
	require.JSONEq(t, `{"contents":[{"uri":"db://users/rows/7","text":"row of db://users/rows/7"}]}`, w.call("resources/read", `{"uri":"db://users/rows/7"}`))
	require.Equal(t, rpcError{Code: -32603, Message: "disk on fire"}, w.callError("resources/read", `{"uri":"files://etc/deep/x?raw"}`))
	for _, unknown := range []string{"db://users/rows/7/8", "files://x", "nothing://"} {
		require.Equal(t, rpcError{Code: -32002, Message: "Resource not found", Data: json.RawMessage(`{"uri":"` + unknown + `"}`)},
			w.callError("resources/read", `{"uri":"`+unknown+`"}`))
	}
	require.Equal(t, -32602, w.callError("resources/read", "").Code)
}

func TestPrompts(t *testing.T) {
	srv := mcptest.New(t)
	srv.AddPrompt(mcpclient.Prompt{Name: "review", Arguments: []mcpclient.PromptArgument{{Name: "code", Required: true}}},
		func(_ context.Context, arguments map[string]string) (*mcpclient.PromptResult, error) {
			if arguments["code"] == "" {
				return nil, nil
			}
			return &mcpclient.PromptResult{Messages: []mcpclient.PromptMessage{{Role: "user", Content: &mcpclient.Text{Text: arguments["code"]}}}}, nil
		})
	w := connect(t, srv)
	require.JSONEq(t, `{"prompts":[{"name":"review","arguments":[{"name":"code","required":true}]}]}`, w.call("prompts/list", ""))
	require.JSONEq(t, `{"messages":[{"role":"user","content":{"type":"text","text":"x=1"}}]}`, w.call("prompts/get", `{"name":"review","arguments":{"code":"x=1"}}`))
	require.JSONEq(t, `{"messages":[]}`, w.call("prompts/get", `{"name":"review","arguments":{"code":""}}`))
	srv.AddPrompt(mcpclient.Prompt{Name: "blank"}, nil)
	require.JSONEq(t, `{"messages":[]}`, w.call("prompts/get", `{"name":"blank"}`))
	require.Equal(t, "Missing required argument: code", w.callError("prompts/get", `{"name":"review"}`).Message)
	require.Equal(t, "Unknown prompt: nobody", w.callError("prompts/get", `{"name":"nobody"}`).Message)
}

func TestCompletion(t *testing.T) {
	srv := mcptest.New(t)
	asked := make(chan mcptest.CompleteRequest, 1)
	srv.Complete(func(_ context.Context, req *mcptest.CompleteRequest) (*mcpclient.Completion, error) {
		asked <- *req
		if req.URI != "" {
			return nil, nil
		}
		return &mcpclient.Completion{Values: []string{"python", "pytorch"}, Total: 10, HasMore: true}, nil
	})
	w := connect(t, srv)
	require.JSONEq(t, `{"completion":{"values":["python","pytorch"],"total":10,"hasMore":true}}`,
		w.call("completion/complete", `{"ref":{"type":"ref/prompt","name":"review"},"argument":{"name":"lang","value":"py"},"context":{"arguments":{"a":"b"}}}`))
	require.Equal(t, mcptest.CompleteRequest{
		Prompt:   "review",
		Argument: mcpclient.CompletionArgument{Name: "lang", Value: "py", Resolved: map[string]string{"a": "b"}},
	}, <-asked)
	require.JSONEq(t, `{"completion":{"values":[]}}`,
		w.call("completion/complete", `{"ref":{"type":"ref/resource","uri":"db://{t}"},"argument":{"name":"t","value":""}}`))
	require.Equal(t, "db://{t}", (<-asked).URI)
}

func TestCapabilitiesFollowTheFeatures(t *testing.T) {
	srv := mcptest.New(t, mcptest.StandaloneStream())
	srv.AddPrompt(mcpclient.Prompt{Name: "p"}, nil)
	srv.AddResourceTemplate(mcpclient.ResourceTemplate{URITemplate: "x://{y}"}, nil)
	srv.Complete(nil)
	var result struct{ Capabilities json.RawMessage }
	require.NoError(t, json.Unmarshal([]byte((&wire{t: t, srv: srv}).call("initialize", initializeParams)), &result))
	require.JSONEq(t, `{"logging":{},"tools":{"listChanged":true},"prompts":{"listChanged":true},"resources":{"listChanged":true,"subscribe":true}}`, string(result.Capabilities))
}

func TestPages(t *testing.T) {
	w := open(t, mcptest.WithoutDefaultTools(), mcptest.PageSize(2))
	for i := range 5 {
		w.srv.AddTool(mcpclient.Tool{Name: fmt.Sprint(i)}, nil)
	}
	list := func(w *wire, cursor string) (names []string, next string) {
		var result struct {
			Tools []struct{ Name string }
			Next  string `json:"nextCursor"`
		}
		require.NoError(t, json.Unmarshal([]byte(w.call("tools/list", `{"cursor":"`+cursor+`"}`)), &result))
		for _, tool := range result.Tools {
			names = append(names, tool.Name)
		}
		return names, result.Next
	}
	first, second := list(w, "")
	require.Equal(t, []string{"0", "1"}, first)
	names, third := list(w, second)
	require.Equal(t, []string{"2", "3"}, names)
	names, end := list(w, third)
	require.Equal(t, []string{"4"}, names)
	require.Empty(t, end)

	other := connect(t, w.srv)
	require.Equal(t, rpcError{Code: -32602, Message: "Invalid cursor"}, other.callError("tools/list", `{"cursor":"`+second+`"}`), "a cursor belongs to its session")
	require.Equal(t, -32602, w.callError("prompts/list", `{"cursor":"`+second+`"}`).Code, "and to its list")

	w.srv.Next(mcptest.NextCursor("loop").Times(2))
	for _, cursor := range []string{"", "loop"} {
		names, next := list(w, cursor)
		require.Equal(t, []string{"0", "1"}, names)
		require.Equal(t, "loop", next)
	}
	require.Equal(t, -32602, w.callError("tools/list", `{"cursor":"loop"}`).Code)
	defer w.srv.Always(mcptest.EndlessPages())()
	_, a := list(w, "")
	_, b := list(w, a)
	require.NotEqual(t, a, b)
}

func TestStandaloneStream(t *testing.T) {
	for name, opts := range map[string][]mcptest.Option{
		"plain":     {mcptest.StandaloneStream()},
		"resumable": {mcptest.StandaloneStream(), mcptest.Resumable()},
	} {
		t.Run(name, func(t *testing.T) {
			srv := mcptest.New(t, opts...)
			srv.AddResource(mcpclient.Resource{URI: "x://1", Name: "1"})
			w := connect(t, srv)
			require.Equal(t, 406, w.send(http.MethodGet, "", http.Header{"Accept": {"application/json"}}).status)
			stream := w.live(http.MethodGet, "")

			srv.AddTool(mcpclient.Tool{Name: "new"}, nil)
			require.Equal(t, "notifications/tools/list_changed", stream.message().Method)
			srv.AddResource(mcpclient.Resource{URI: "x://1", Name: "1"}) // nobody has subscribed
			require.JSONEq(t, `{}`, w.call("resources/subscribe", `{"uri":"x://1"}`))
			info, _ := srv.Session(w.session)
			require.Equal(t, []string{"x://1"}, info.Subscriptions)
			srv.AddResource(mcpclient.Resource{URI: "x://1", Name: "1"})
			updated := stream.message()
			require.Equal(t, "notifications/resources/updated", updated.Method)
			require.JSONEq(t, `{"uri":"x://1"}`, string(updated.Params))
			require.JSONEq(t, `{}`, w.call("resources/unsubscribe", `{"uri":"x://1"}`))
			srv.ResourceUpdated("x://1")
			srv.AddPrompt(mcpclient.Prompt{Name: "p"}, nil)
			require.Equal(t, "notifications/prompts/list_changed", stream.message().Method)

			second := w.live(http.MethodGet, "")
			_, err := stream.next()
			require.Error(t, err, "a session has one reader, the newest")
			srv.Broadcast("notifications/acme", map[string]int{"n": 1})
			require.JSONEq(t, `{"n":1}`, string(second.message().Params))
			srv.ForgetSessions()
			_, err = second.next()
			require.Error(t, err)
		})
	}
}
