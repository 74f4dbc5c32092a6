package mcpclient_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// extra is a member that no version of the protocol knows.
func extra() map[string]json.RawMessage {
	return map[string]json.RawMessage{"x-future": json.RawMessage(`{"deep":[1.50,null,"é"]}`)}
}

func someMeta(text string) mcpclient.Meta {
	return mcpclient.Meta{"example.com/note": json.RawMessage(`"` + text + `"`)}
}

func someAnnotations() *mcpclient.Annotations {
	priority := 0.25
	return &mcpclient.Annotations{Audience: []string{"user", "assistant"}, Priority: &priority, LastModified: "2025-01-12T15:00:58Z", Extra: extra()}
}

func someIcons() []mcpclient.Icon {
	return []mcpclient.Icon{{Src: "https://example.com/i.png", MIMEType: "image/png", Sizes: []string{"48x48", "any"}, Theme: "dark", Extra: extra()}}
}

func someTool(name string) mcpclient.Tool {
	yes, no := true, false
	return mcpclient.Tool{
		Name: name, Title: "A tool", Description: "Does <something> & more.",
		InputSchema:  json.RawMessage(`{"type":"object","properties":{"city":{"type":"string","maxLength":1e2}}}`),
		OutputSchema: json.RawMessage(`{"type":"object"}`),
		Annotations: &mcpclient.ToolAnnotations{
			Title: "Old title", ReadOnlyHint: &no, DestructiveHint: &no, IdempotentHint: &yes, OpenWorldHint: &no, Extra: extra(),
		},
		Icons:     someIcons(),
		Execution: &mcpclient.ToolExecution{TaskSupport: "optional", Extra: extra()},
		Meta:      someMeta("tool"), Extra: extra(),
	}
}

func TestCallsTools(t *testing.T) {
	server := mcptest.New(t, mcptest.WithoutDefaultTools(), mcptest.PageSize(1))
	sent := []mcpclient.Tool{someTool("first"), someTool("second"), {Name: "third", InputSchema: json.RawMessage(`{"type":"object"}`)}}
	for _, tool := range sent {
		server.AddTool(tool, func(context.Context, *mcptest.ToolRequest) (*mcpclient.ToolResult, error) { return nil, nil })
	}
	session := sessionOf(t, server, new(mcpclient.Client))
	got, err := mcpclient.Collect(session.Tools(t.Context()))
	require.NoError(t, err)
	require.Len(t, got, len(sent))
	for i := range sent {
		require.Equal(t, &sent[i], got[i])
	}
}

// everyContent is one block of each type, and of one that nobody knows.
func everyContent() []mcpclient.Content {
	size := int64(1 << 40)
	return []mcpclient.Content{
		&mcpclient.Text{Text: "hello\u2028<&>", Annotations: someAnnotations(), Meta: someMeta("text"), Extra: extra()},
		&mcpclient.Image{Data: []byte{0x89, 'P', 'N', 'G', 0}, MIMEType: "image/png", Annotations: someAnnotations(), Meta: someMeta("image"), Extra: extra()},
		&mcpclient.Audio{Data: []byte("RIFF"), MIMEType: "audio/wav", Annotations: someAnnotations(), Meta: someMeta("audio"), Extra: extra()},
		&mcpclient.Link{
			URI: "file:///a", Name: "a", Title: "A", Description: "The a.", MIMEType: "text/plain", Size: &size,
			Annotations: someAnnotations(), Icons: someIcons(), Meta: someMeta("link"), Extra: extra(),
		},
		&mcpclient.Embedded{
			Resource:    &mcpclient.ResourceContents{URI: "file:///t", MIMEType: "text/plain", Text: "text", Meta: someMeta("text resource"), Extra: extra()},
			Annotations: someAnnotations(), Meta: someMeta("embedded"), Extra: extra(),
		},
		&mcpclient.Embedded{Resource: &mcpclient.ResourceContents{URI: "file:///b", MIMEType: "application/octet-stream", Blob: []byte{0, 1, 2}}},
		&mcpclient.Unknown{Type: "hologram", Raw: json.RawMessage(`{"type":"hologram","beams":[1,2]}`)},
	}
}

func TestCallsToolWithEveryContent(t *testing.T) {
	server := mcptest.New(t)
	sent := &mcpclient.ToolResult{
		Content:    everyContent(),
		Structured: json.RawMessage(`{"a":1.50,"b":null}`),
		Meta:       someMeta("result"), Extra: extra(),
	}
	server.AddTool(mcpclient.Tool{Name: "every"}, func(context.Context, *mcptest.ToolRequest) (*mcpclient.ToolResult, error) { return sent, nil })
	session := sessionOf(t, server, new(mcpclient.Client))
	got, err := session.CallTool(t.Context(), "every", nil)
	require.NoError(t, err)
	require.Equal(t, sent.Content, got.Content)
	require.Equal(t, sent.Structured, got.Structured)
	require.Equal(t, sent.Meta, got.Meta)
	require.Equal(t, sent.Extra, got.Extra)
	require.NoError(t, got.Err())
}

// TestCallsToolThatFails: that a tool fails is its answer, not an error of the call.
func TestCallsToolThatFails(t *testing.T) {
	server := mcptest.New(t)
	server.AddTool(mcpclient.Tool{Name: "fails"}, func(context.Context, *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		return nil, errors.New("no such city")
	})
	session := sessionOf(t, server, new(mcpclient.Client))
	result, err := session.CallTool(t.Context(), "fails", nil)
	require.NoError(t, err)
	require.True(t, result.IsError)
	require.Equal(t, "no such city", result.Text())
	var failed *mcpclient.ToolError
	require.ErrorAs(t, result.Err(), &failed)

	_, err = session.CallTool(t.Context(), "nowhere", nil)
	var rpc *mcpclient.RPCError
	require.ErrorAs(t, err, &rpc)
	require.EqualValues(t, -32602, rpc.Code)
	require.Equal(t, "Unknown tool: nowhere", rpc.Message)
}

func TestCallsToolArguments(t *testing.T) {
	type query struct {
		City  string   `json:"city"`
		Days  int      `json:"days,omitempty"`
		Tags  []string `json:"tags"`
		Extra any      `json:"-"`
	}
	raw := json.RawMessage(` {"b" : 1.50, "a":"\u00e9<&>", "big": 12345678901234567890, "_meta": {"progressToken" : 1}} `)
	server := mcptest.New(t)
	session := sessionOf(t, server, new(mcpclient.Client))
	for _, c := range []struct {
		name string
		args any
		want string
	}{
		{"struct", query{City: "Zürich <&>"}, `{"city":"Zürich <&>","tags":null}`},
		{"pointer", &query{City: "Bern", Days: 2, Tags: []string{}}, `{"city":"Bern","days":2,"tags":[]}`},
		{"map", map[string]any{"b": 1, "a": []int{2}}, `{"a":[2],"b":1}`},
		{"nil", nil, `{}`},
		{"nil pointer", (*query)(nil), `{}`},
		{"nil map", map[string]any(nil), `{}`},
		{"empty raw", json.RawMessage(nil), `{}`},
		{"raw null", json.RawMessage(" null"), `{}`},
		{"raw, byte for byte", raw, string(bytes.TrimSpace(raw))},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := session.CallTool(t.Context(), "echo", c.args)
			require.NoError(t, err)
			executed := server.Executions()
			require.Equal(t, c.want, string(executed[len(executed)-1].Arguments))

			_, err = session.CallTool(t.Context(), "echo", c.args, mcpclient.WithMeta("k", "v"), mcpclient.WithProgress(func(mcpclient.Progress) {}))
			require.NoError(t, err)
			executed = server.Executions()
			require.Equal(t, c.want, string(executed[len(executed)-1].Arguments), "with options")
		})
	}
}

func TestCallsInvalidParamsAreNotSent(t *testing.T) {
	server := mcptest.New(t)
	session := sessionOf(t, server, new(mcpclient.Client))
	before := len(server.Requests())
	long := bytes.Repeat([]byte("x"), 1000)
	for _, c := range []struct {
		name string
		args any
		text string
	}{
		{"array", []int{1}, `must be a JSON object, not "[1]"`},
		{"text", "hello", `must be a JSON object, not "\"hello\""`},
		{"raw number", json.RawMessage(`17`), `must be a JSON object, not "17"`},
		{"cut raw", json.RawMessage(`{"a":`), `not valid JSON`},
		{"raw with a name twice", json.RawMessage(`{"a":1,"a":2}`), `duplicate`},
		{"two values", json.RawMessage(`{} {}`), `not valid JSON`},
		{"huge text", string(long), `not "\"xxx`},
		{"channel", map[string]any{"c": make(chan int)}, "cannot be encoded"},
		{"not a number", map[string]any{"c": math.NaN()}, "cannot be encoded"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, byTool := session.CallTool(t.Context(), "echo", c.args)
			byRequest := session.Request(t.Context(), "x/custom", c.args, nil)
			byNotify := session.Notify(t.Context(), "x/custom", c.args)
			for _, err := range []error{byTool, byRequest, byNotify} {
				require.ErrorContains(t, err, c.text)
				require.Less(t, len(err.Error()), 500)
				var call *mcpclient.CallError
				require.ErrorAs(t, err, &call)
				require.Equal(t, mcpclient.DeliveryNotSent, call.Delivery)
				require.Zero(t, call.Attempts)
			}
		})
	}
	require.Len(t, server.Requests(), before)
}

func TestCallsResources(t *testing.T) {
	server := mcptest.New(t, mcptest.PageSize(1))
	size := int64(11)
	sent := []mcpclient.Resource{
		{
			URI: "file:///full", Name: "full", Title: "Full", Description: "All of it.", MIMEType: "text/plain", Size: &size,
			Annotations: someAnnotations(), Icons: someIcons(), Meta: someMeta("resource"), Extra: extra(),
		},
		{URI: "file:///bare", Name: "bare"},
	}
	contents := []mcpclient.ResourceContents{
		{URI: "file:///full", MIMEType: "text/plain", Text: "hello", Meta: someMeta("contents"), Extra: extra()},
		{URI: "file:///full#blob", MIMEType: "image/png", Blob: []byte{1, 2, 3}},
		{URI: "file:///full#empty", MIMEType: "text/plain"},
	}
	server.AddResource(sent[0], contents...)
	server.AddResource(sent[1])
	session := sessionOf(t, server, new(mcpclient.Client))
	require.NotNil(t, session.Server().Capabilities.Resources)

	got, err := mcpclient.Collect(session.Resources(t.Context()))
	require.NoError(t, err)
	require.Equal(t, []*mcpclient.Resource{&sent[0], &sent[1]}, got)

	server.Next(mcptest.Rewrite(addResultMembers).On("resources/read"))
	read, err := session.ReadResource(t.Context(), "file:///full")
	require.NoError(t, err)
	require.Equal(t, &mcpclient.ResourceResult{Contents: contents, Meta: someMeta("result"), Extra: extra()}, read)
	require.False(t, read.Contents[0].IsBlob())
	require.True(t, read.Contents[1].IsBlob())

	_, err = session.ReadResource(t.Context(), "file:///nowhere")
	var rpc *mcpclient.RPCError
	require.ErrorAs(t, err, &rpc)
	require.EqualValues(t, -32002, rpc.Code)
	require.JSONEq(t, `{"uri":"file:///nowhere"}`, string(rpc.Data))
}

// addResultMembers adds _meta and an unknown member to the result of an answer.
func addResultMembers(answer []byte) []byte {
	return bytes.Replace(answer, []byte(`"result":{`), []byte(`"result":{"_meta":{"example.com/note":"result"},"x-future":{"deep":[1.50,null,"é"]},`), 1)
}

func TestCallsResourceTemplates(t *testing.T) {
	server := mcptest.New(t, mcptest.PageSize(1))
	sent := []mcpclient.ResourceTemplate{
		{
			URITemplate: "city://{country}/{name}", Name: "city", Title: "City", Description: "A city.", MIMEType: "application/json",
			Annotations: someAnnotations(), Icons: someIcons(), Meta: someMeta("template"), Extra: extra(),
		},
		{URITemplate: "bare://{+path}", Name: "bare"},
	}
	for _, template := range sent {
		server.AddResourceTemplate(template, func(_ context.Context, uri string) ([]mcpclient.ResourceContents, error) {
			return []mcpclient.ResourceContents{{Text: "about " + uri}}, nil
		})
	}
	session := sessionOf(t, server, new(mcpclient.Client))
	got, err := mcpclient.Collect(session.ResourceTemplates(t.Context()))
	require.NoError(t, err)
	require.Equal(t, []*mcpclient.ResourceTemplate{&sent[0], &sent[1]}, got)
	read, err := session.ReadResource(t.Context(), "city://ch/bern")
	require.NoError(t, err)
	require.Equal(t, []mcpclient.ResourceContents{{URI: "city://ch/bern", Text: "about city://ch/bern"}}, read.Contents)
}

func TestCallsPrompts(t *testing.T) {
	server := mcptest.New(t, mcptest.PageSize(1))
	sent := []mcpclient.Prompt{
		{
			Name: "full", Title: "Full", Description: "All of it.",
			Arguments: []mcpclient.PromptArgument{{Name: "city", Title: "City", Description: "Which one.", Required: true, Extra: extra()}, {Name: "tone"}},
			Icons:     someIcons(), Meta: someMeta("prompt"), Extra: extra(),
		},
		{Name: "bare"},
	}
	var messages []mcpclient.PromptMessage
	for i, content := range everyContent() {
		messages = append(messages, mcpclient.PromptMessage{Role: []string{"user", "assistant"}[i%2], Content: content, Extra: extra()})
	}
	filled := &mcpclient.PromptResult{Description: "Filled in.", Messages: messages, Meta: someMeta("result"), Extra: extra()}
	var asked map[string]string
	server.AddPrompt(sent[0], func(_ context.Context, arguments map[string]string) (*mcpclient.PromptResult, error) {
		asked = arguments
		return filled, nil
	})
	server.AddPrompt(sent[1], func(context.Context, map[string]string) (*mcpclient.PromptResult, error) { return nil, nil })
	session := sessionOf(t, server, new(mcpclient.Client))
	require.NotNil(t, session.Server().Capabilities.Prompts)

	got, err := mcpclient.Collect(session.Prompts(t.Context()))
	require.NoError(t, err)
	require.Equal(t, []*mcpclient.Prompt{&sent[0], &sent[1]}, got)

	result, err := session.GetPrompt(t.Context(), "full", map[string]string{"city": "Bern <&>"})
	require.NoError(t, err)
	require.Equal(t, filled, result)
	require.Equal(t, map[string]string{"city": "Bern <&>"}, asked)

	_, err = session.GetPrompt(t.Context(), "full", nil)
	var rpc *mcpclient.RPCError
	require.ErrorAs(t, err, &rpc)
	require.Equal(t, "Missing required argument: city", rpc.Message)
	_, err = session.GetPrompt(t.Context(), "bare", nil)
	require.NoError(t, err)
}

func TestCallsCompletions(t *testing.T) {
	server := mcptest.New(t)
	session := sessionOf(t, server, new(mcpclient.Client))
	_, err := session.CompletePrompt(t.Context(), "greeting", mcpclient.CompletionArgument{Name: "city"})
	var rpc *mcpclient.RPCError
	require.ErrorAs(t, err, &rpc)
	require.EqualValues(t, -32601, rpc.Code)

	var asked []*mcptest.CompleteRequest
	server.Complete(func(_ context.Context, req *mcptest.CompleteRequest) (*mcpclient.Completion, error) {
		asked = append(asked, req)
		return &mcpclient.Completion{Values: []string{"Bern", "Berlin"}, Total: 17, HasMore: true, Extra: extra()}, nil
	})
	server.Always(mcptest.Rewrite(addResultMembers).On("completion/complete"))
	want := &mcpclient.Completion{Values: []string{"Bern", "Berlin"}, Total: 17, HasMore: true, Meta: someMeta("result"), Extra: extra()}
	arg := mcpclient.CompletionArgument{Name: "city", Value: "Be", Resolved: map[string]string{"country": "ch"}}

	got, err := session.CompletePrompt(t.Context(), "greeting", arg)
	require.NoError(t, err)
	require.Equal(t, want, got)
	got, err = session.CompleteResource(t.Context(), "city://{country}/{city}", arg)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Equal(t, []*mcptest.CompleteRequest{
		{Prompt: "greeting", Argument: arg},
		{URI: "city://{country}/{city}", Argument: arg},
	}, asked)
}

func TestCallsPing(t *testing.T) {
	server := mcptest.New(t)
	session := sessionOf(t, server, new(mcpclient.Client))
	require.NoError(t, session.Ping(t.Context()))
	requests := server.Requests()
	last := requests[len(requests)-1]
	require.Equal(t, `{"jsonrpc":"2.0","id":`+string(last.ID)+`,"method":"ping"}`, string(last.Body))
}

func TestCallsNotify(t *testing.T) {
	server := mcptest.New(t)
	session := sessionOf(t, server, new(mcpclient.Client))
	require.NoError(t, session.Notify(t.Context(), "notifications/roots/list_changed", nil))
	require.NoError(t, session.Notify(t.Context(), "x/seen", map[string]int{"line": 7}, mcpclient.WithMeta("k", "v"), mcpclient.WithHeader("X-Trace", "1")))
	requests := server.Requests()
	bare, full := requests[len(requests)-2], requests[len(requests)-1]
	require.Equal(t, `{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}`, string(bare.Body))
	require.Equal(t, session.ID(), bare.Session)
	require.JSONEq(t, `{"jsonrpc":"2.0","method":"x/seen","params":{"line":7,"_meta":{"k":"v"}}}`, string(full.Body))
	require.Equal(t, "1", full.Header.Get("X-Trace"))

	server.Next(mcptest.Status(500, nil, "out of order").On("x/seen"))
	err := session.Notify(t.Context(), "x/seen", nil)
	var refused *mcpclient.HTTPError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, 500, refused.StatusCode)

	// Whatever kind of 2xx it is, the server has taken it.
	for _, status := range []int{200, 204} {
		server.Next(mcptest.Status(status, nil, "").On("x/seen"))
		require.NoError(t, session.Notify(t.Context(), "x/seen", nil))
	}
}

func TestCallsRequest(t *testing.T) {
	type answer struct {
		Got  json.RawMessage `json:"got"`
		Note string          `json:"NOTE"`
	}
	server := mcptest.New(t)
	server.AddMethod("x/echo", func(_ context.Context, params json.RawMessage) (any, error) {
		return answer{Got: params, Note: "hi"}, nil
	})
	session := sessionOf(t, server, new(mcpclient.Client))
	for _, c := range []struct {
		name   string
		params any
		want   string
	}{
		{"none", nil, `null`},
		{"struct", struct {
			A int `json:"a"`
		}{1}, `{"a":1}`},
		{"map", map[string]string{"a": "é"}, `{"a":"é"}`},
		{"raw", json.RawMessage(`{"a": 1.50}`), `{"a": 1.50}`},
		{"empty raw", json.RawMessage(``), `null`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got answer
			require.NoError(t, session.Request(t.Context(), "x/echo", c.params, &got))
			require.JSONEq(t, c.want, string(got.Got))
			require.Equal(t, "hi", got.Note)
			require.NoError(t, session.Request(t.Context(), "x/echo", c.params, nil), "a result that nobody wants")
		})
	}

	// encoding/json decodes the user's types: it minds no case, and takes what it knows.
	var loose struct{ Note string }
	require.NoError(t, session.Request(t.Context(), "x/echo", nil, &loose))
	require.Equal(t, "hi", loose.Note)

	var tooNarrow struct{ Note int }
	err := session.Request(t.Context(), "x/echo", nil, &tooNarrow)
	var misfit *mcpclient.DecodeError
	require.ErrorAs(t, err, &misfit)
	require.JSONEq(t, `{"got":null,"NOTE":"hi"}`, string(misfit.Raw))
	require.Nil(t, misfit.Result)
	require.NotErrorIs(t, err, mcpclient.ErrProtocol)
	var call *mcpclient.CallError
	require.ErrorAs(t, err, &call)
	require.Equal(t, mcpclient.DeliveryAnswered, call.Delivery)
	var byJSON *json.UnmarshalTypeError
	require.ErrorAs(t, err, &byJSON)

	err = session.Request(t.Context(), "x/unknown", nil, nil)
	var rpc *mcpclient.RPCError
	require.ErrorAs(t, err, &rpc)
	require.EqualValues(t, -32601, rpc.Code)
	require.ErrorAs(t, err, &call)
	require.Equal(t, "x/unknown", call.Method)
	require.Equal(t, mcpclient.DeliveryAnswered, call.Delivery)
}

func TestCallsSetLogLevel(t *testing.T) {
	server := mcptest.New(t)
	session := sessionOf(t, server, new(mcpclient.Client))
	require.NoError(t, session.SetLogLevel(t.Context(), mcpclient.LogWarning))
	info, known := server.Session(session.ID())
	require.True(t, known)
	require.Equal(t, mcpclient.LogWarning, info.LogLevel)

	err := session.SetLogLevel(t.Context(), "loud")
	var rpc *mcpclient.RPCError
	require.ErrorAs(t, err, &rpc)
	require.EqualValues(t, -32602, rpc.Code)
}

// TestCallsSetLogLevelUnsupported: where the server declares no logging nothing is sent.
func TestCallsSetLogLevelUnsupported(t *testing.T) {
	server := mcptest.New(t)
	server.Next(mcptest.Rewrite(func(answer []byte) []byte {
		return bytes.Replace(answer, []byte(`"logging":{}`), []byte(`"logging":null`), 1)
	}).On("initialize"))
	session := sessionOf(t, server, new(mcpclient.Client))
	before := len(server.Requests())
	err := session.SetLogLevel(t.Context(), mcpclient.LogWarning)
	require.ErrorIs(t, err, mcpclient.ErrUnsupported)
	var call *mcpclient.CallError
	require.ErrorAs(t, err, &call)
	require.Equal(t, mcpclient.DeliveryNotSent, call.Delivery)
	require.Len(t, server.Requests(), before)
}

type sum struct {
	Sum float64 `json:"sum"`
}

func TestCallsAs(t *testing.T) {
	server := mcptest.New(t)
	server.AddTool(mcpclient.Tool{Name: "fails"}, func(context.Context, *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		return nil, errors.New("no such city")
	})
	server.AddTool(mcpclient.Tool{Name: "text"}, func(context.Context, *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		return mcptest.Text(`{"sum":17}`), nil
	})
	session := sessionOf(t, server, new(mcpclient.Client))

	got, err := mcpclient.CallAs[sum](t.Context(), session, "add", map[string]int{"a": 2, "b": 3})
	require.NoError(t, err)
	require.Equal(t, sum{5}, got)
	got, err = mcpclient.CallAs[sum](t.Context(), session, "text", nil)
	require.NoError(t, err, "the only text, where there is no structured content")
	require.Equal(t, sum{17}, got)
	pointer, err := mcpclient.CallAs[*sum](t.Context(), session, "text", nil)
	require.NoError(t, err)
	require.Equal(t, &sum{17}, pointer)

	_, err = mcpclient.CallAs[sum](t.Context(), session, "fails", nil)
	var failed *mcpclient.ToolError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, "fails", failed.Tool)
	require.True(t, failed.Result.IsError)
	requireToolAnswered(t, err, "fails")

	_, err = mcpclient.CallAs[[]string](t.Context(), session, "text", nil)
	var misfit *mcpclient.DecodeError
	require.ErrorAs(t, err, &misfit)
	require.Equal(t, `{"sum":17}`, misfit.Result.Text())
	requireToolAnswered(t, err, "text")

	_, err = mcpclient.CallAs[sum](t.Context(), session, "nowhere", nil)
	var rpc *mcpclient.RPCError
	require.ErrorAs(t, err, &rpc)
	requireToolAnswered(t, err, "nowhere")
}

func requireToolAnswered(t *testing.T, err error, target string) {
	t.Helper()
	var call *mcpclient.CallError
	require.ErrorAs(t, err, &call)
	require.Equal(t, "tools/call", call.Method)
	require.Equal(t, target, call.Target)
	require.Equal(t, mcpclient.DeliveryAnswered, call.Delivery)
}

// shout is a ToolCaller of an application: it wraps one.
type shout struct{ inner mcpclient.ToolCaller }

func (s shout) CallTool(ctx context.Context, name string, args any, options ...mcpclient.CallOption) (*mcpclient.ToolResult, error) {
	result, err := s.inner.CallTool(ctx, name, args, options...)
	if err == nil {
		result.Content = append(result.Content, &mcpclient.Text{Text: "!"})
	}
	return result, err
}

func TestCallsToolCaller(t *testing.T) {
	server := mcptest.New(t)
	var caller mcpclient.ToolCaller = shout{sessionOf(t, server, new(mcpclient.Client))}
	result, err := caller.CallTool(t.Context(), "echo", map[string]string{"text": "hello"})
	require.NoError(t, err)
	require.Equal(t, "hello\n!", result.Text())
	got, err := mcpclient.CallAs[sum](t.Context(), caller, "add", map[string]int{"a": 1, "b": 1})
	require.NoError(t, err)
	require.Equal(t, sum{2}, got)
}

// TestCallsCollectKeepsWhatCame: an error does not take away the items before it.
func TestCallsCollectKeepsWhatCame(t *testing.T) {
	server := mcptest.New(t, mcptest.PageSize(1))
	session := sessionOf(t, server, &mcpclient.Client{Retry: tryOnce})
	server.Next(mcptest.Slow(0).On("tools/list"), mcptest.Status(500, nil, "out of order").On("tools/list"))
	tools, err := mcpclient.Collect(session.Tools(t.Context()))
	var refused *mcpclient.HTTPError
	require.ErrorAs(t, err, &refused)
	require.Len(t, tools, 1)
	require.Equal(t, "echo", tools[0].Name)
}

// TestCallsMalformedResults: an answer that is no such result fails the call that got it.
func TestCallsMalformedResults(t *testing.T) {
	server := newImpostor(t)
	session := server.connect(t, new(mcpclient.Client))
	for _, c := range []struct {
		method, result string
		call           func(context.Context) error
	}{
		{"tools/list", `{"tools":5}`, func(ctx context.Context) error { _, err := mcpclient.Collect(session.Tools(ctx)); return err }},
		{"tools/call", `"done"`, func(ctx context.Context) error { _, err := session.CallTool(ctx, "echo", nil); return err }},
		{"resources/list", `{"resources":"none"}`, func(ctx context.Context) error { _, err := mcpclient.Collect(session.Resources(ctx)); return err }},
		{"resources/read", `{"contents":[{"uri":"u","blob":"%%%"}]}`, func(ctx context.Context) error { _, err := session.ReadResource(ctx, "u"); return err }},
		{"prompts/get", `{"messages":{}}`, func(ctx context.Context) error { _, err := session.GetPrompt(ctx, "p", nil); return err }},
		{"completion/complete", `{"completion":[]}`, func(ctx context.Context) error {
			_, err := session.CompletePrompt(ctx, "p", mcpclient.CompletionArgument{})
			return err
		}},
	} {
		t.Run(c.method, func(t *testing.T) {
			server.answers(answerMethod(c.method, c.result))
			err := c.call(t.Context())
			require.ErrorIs(t, err, mcpclient.ErrProtocol)
			var call *mcpclient.CallError
			require.ErrorAs(t, err, &call)
			require.Equal(t, c.method, call.Method)
			require.Equal(t, mcpclient.DeliveryAnswered, call.Delivery)
		})
	}
	require.NoError(t, session.Ping(t.Context()))
}
