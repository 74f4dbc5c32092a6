package mcpclient_test

import (
	"context"
	stdjson "encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

func TestToolEveryField(t *testing.T) {
	server := mcptest.New(t)
	session := openSession(t, &mcpclient.Client{}, server)
	list := strings.Replace(newestWire(t, "tools"), `"nextCursor"`, `"futureMember"`, 1)
	server.Next(answering("tools/list", list))

	tools, err := mcpclient.Collect(session.Tools(t.Context()))
	require.NoError(t, err)
	require.Len(t, tools, 2)
	icon := tools[0].Icons[1]
	require.Equal(t, &mcpclient.Tool{
		Name: "get_weather", Title: "Weather", Description: "Get current weather information for a location",
		InputSchema:  stdjson.RawMessage(`{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"location":{"type":"string","description":"City name or zip code"}},"required":["location"]}`),
		OutputSchema: stdjson.RawMessage(`{"type":"object","properties":{"temperature":{"type":"number"}},"required":["temperature"]}`),
		Annotations: &mcpclient.ToolAnnotations{
			Title: "Weather lookup", ReadOnlyHint: new(true), DestructiveHint: new(false), IdempotentHint: new(true), OpenWorldHint: new(false),
		},
		Icons:     []mcpclient.Icon{{Src: "https://example.com/icon.png", MIMEType: "image/png", Sizes: []string{"48x48", "96x96"}, Theme: "dark"}, icon},
		Execution: &mcpclient.ToolExecution{TaskSupport: "optional"},
		Meta:      mcpclient.Meta{"com.example/trace": stdjson.RawMessage(`"a-1"`), "com.example/n": stdjson.RawMessage(`[1,2.5,null]`)},
	}, tools[0])
	require.Equal(t, &mcpclient.Tool{Name: "now", InputSchema: stdjson.RawMessage(`{"type":"object"}`)}, tools[1])
}

func TestToolDisplayName(t *testing.T) {
	annotated := &mcpclient.ToolAnnotations{Title: "annotated"}
	require.Equal(t, "title", (&mcpclient.Tool{Name: "name", Title: "title", Annotations: annotated}).DisplayName())
	require.Equal(t, "annotated", (&mcpclient.Tool{Name: "name", Annotations: annotated}).DisplayName())
	require.Equal(t, "name", (&mcpclient.Tool{Name: "name", Annotations: &mcpclient.ToolAnnotations{}}).DisplayName())
	require.Equal(t, "name", (&mcpclient.Tool{Name: "name"}).DisplayName())
}

func TestToolAnnotationsDefaults(t *testing.T) {
	type hints struct{ readOnly, destructive, idempotent, openWorld bool }
	for name, test := range map[string]struct {
		annotations *mcpclient.ToolAnnotations
		want        hints
	}{
		"nil":   {nil, hints{destructive: true, openWorld: true}},
		"empty": {&mcpclient.ToolAnnotations{}, hints{destructive: true, openWorld: true}},
		"all set": {&mcpclient.ToolAnnotations{ReadOnlyHint: new(false), DestructiveHint: new(false), IdempotentHint: new(true), OpenWorldHint: new(false)},
			hints{idempotent: true}},
		"read-only outranks the rest": {&mcpclient.ToolAnnotations{ReadOnlyHint: new(true), DestructiveHint: new(true), IdempotentHint: new(false)},
			hints{readOnly: true, idempotent: true, openWorld: true}},
	} {
		a := test.annotations
		require.Equal(t, test.want, hints{a.ReadOnly(), a.Destructive(), a.Idempotent(), a.OpenWorld()}, name)
	}
}

func TestCallToolArguments(t *testing.T) {
	type typed struct {
		City string         `json:"city"`
		Days []int          `json:"days,omitempty"`
		Raw  jsontext.Value `json:"raw,omitempty"`
	}
	for name, test := range map[string]struct {
		args any
		want string
	}{
		"nil":                  {nil, `{}`},
		"a nil map":            {map[string]any(nil), `{}`},
		"a nil pointer":        {(*typed)(nil), `{}`},
		"nil raw":              {stdjson.RawMessage(nil), `{}`},
		"empty raw":            {stdjson.RawMessage("  \n"), `{}`},
		"raw null":             {stdjson.RawMessage(" null "), `{}`},
		"a struct":             {typed{City: "<Köln & Bonn>"}, `{"city":"<Köln & Bonn>"}`},
		"a pointer":            {&typed{City: "a", Days: []int{1, 2}}, `{"city":"a","days":[1,2]}`},
		"a map":                {map[string]any{"b": 1, "a": nil}, `{"a":null,"b":1}`},
		"raw, byte for byte":   {stdjson.RawMessage("{ \"n\" : 1.00,\n\"s\":\"\\u0061<\\/\", \"big\": 12345678901234567890 }"), "{ \"n\" : 1.00,\n\"s\":\"\\u0061<\\/\", \"big\": 12345678901234567890 }"},
		"raw of version 2":     {jsontext.Value(`{"a":1.0}`), `{"a":1.0}`},
		"a lone surrogate":     {stdjson.RawMessage(`{"a":"\ud83d"}`), `{"a":"\ud83d"}`},
		"_meta is not special": {stdjson.RawMessage(`{"_meta": {"a": 1}}`), `{"_meta": {"a": 1}}`},
	} {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t)
			session := openSession(t, &mcpclient.Client{}, server)
			_, err := session.CallTool(t.Context(), `echo`, test.args)
			require.NoError(t, err)
			require.Equal(t, []string{`{"name":"echo","arguments":` + test.want + `}`}, sentParams(t, server, "tools/call"))
		})
	}
}

func TestCallToolArgumentsRefused(t *testing.T) {
	server := mcptest.New(t)
	session := openSession(t, &mcpclient.Client{}, server)
	long := `["` + strings.Repeat("x", 100) + `"]`
	for name, test := range map[string]struct {
		args any
		want string
	}{
		"an array":             {stdjson.RawMessage(` [1,2]`), `must be a JSON object, not "[1,2]"`},
		"a string":             {"city", `must be a JSON object, not "\"city\""`},
		"bytes":                {[]byte(`{}`), `must be a JSON object, not "\"e30=\""`},
		"a number":             {7, `must be a JSON object, not "7"`},
		"a long one is cut":    {stdjson.RawMessage(long), `not "[\"` + strings.Repeat("x", 62) + `"`},
		"cut off":              {stdjson.RawMessage(`{"a":`), `not valid JSON`},
		"two values":           {stdjson.RawMessage(`{} {}`), `not valid JSON`},
		"breaks out":           {stdjson.RawMessage(`{}},"x":{`), `not valid JSON`},
		"a duplicate name":     {stdjson.RawMessage(`{"path":"/tmp","path":"/etc"}`), `duplicate`},
		"a duplicate deep in":  {map[string]any{"a": stdjson.RawMessage(`[{"b":1,"b":2}]`)}, `duplicate`},
		"too deep":             {stdjson.RawMessage(`{"a":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`), `exceeded max depth`},
		"not encodable":        {map[string]any{"a": math.NaN()}, `unsupported value: NaN`},
		"not encodable at all": {func() {}, `unsupported type: func()`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := session.CallTool(t.Context(), "echo", test.args)
			require.ErrorContains(t, err, test.want)
			require.Less(t, len(err.Error()), 300)
			var refused *mcpclient.ArgumentError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, "arguments", refused.What)
			requireNotSent(t, err, server, "tools/call")
		})
	}
}

// The name of a tool is the server's affair, whatever is in it.
func TestCallToolAnyName(t *testing.T) {
	server := mcptest.New(t)
	session := openSession(t, &mcpclient.Client{}, server)
	name := "weird \"name\"\n</script>"
	server.AddTool(mcpclient.Tool{Name: name}, func(context.Context, *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		return mcptest.Text("found"), nil
	})
	result, err := session.CallTool(t.Context(), name, nil)
	require.NoError(t, err)
	require.Equal(t, "found", result.Text())
}

func TestCallToolResult(t *testing.T) {
	server := mcptest.New(t)
	session := openSession(t, &mcpclient.Client{}, server)

	server.Next(answering("tools/call", newestWire(t, "call")))
	result, err := session.CallTool(t.Context(), "echo", nil)
	require.NoError(t, err, "a tool that fails has answered")
	require.True(t, result.IsError)
	require.Len(t, result.Content, 6)
	require.Equal(t, `{"temperature":22.5,"humidity":65,"id":12345678901234567890}`, string(result.Structured))
	require.Equal(t, `"a-1"`, string(result.Meta["com.example/trace"]))

	// The JSON value null is an answer, an absent member is none.
	server.Next(answering("tools/call", `{"content":[],"structuredContent":null}`), answering("tools/call", `{"content":[]}`))
	result, err = session.CallTool(t.Context(), "echo", nil)
	require.NoError(t, err)
	require.Equal(t, "null", string(result.Structured))
	result, err = session.CallTool(t.Context(), "echo", nil)
	require.NoError(t, err)
	require.Nil(t, result.Structured)
}

func TestCallToolResultWithoutForm(t *testing.T) {
	server := mcptest.New(t)
	session := openSession(t, &mcpclient.Client{}, server)
	for _, result := range []string{`[]`, `"text"`, `{"content":[],"isError":"yes"}`} {
		server.Next(answering("tools/call", result))
		_, err := session.CallTool(t.Context(), "echo", nil)
		requireAnswered(t, err, "tools/call", "echo")
		require.ErrorIs(t, err, mcpclient.ErrProtocol, result)
	}
	_, err := session.CallTool(t.Context(), "echo", nil)
	require.NoError(t, err, "a bad answer concerns one call")
}

func TestToolResultText(t *testing.T) {
	result := &mcpclient.ToolResult{Content: []mcpclient.Content{
		&mcpclient.Text{Text: "one"}, &mcpclient.Image{}, &mcpclient.Text{Text: "two\n"},
		&mcpclient.Embedded{Resource: &mcpclient.ResourceContents{Text: "not this"}}, &mcpclient.Text{Text: "three"},
	}}
	require.Equal(t, "one\ntwo\n\nthree", result.Text())
	require.Empty(t, new(mcpclient.ToolResult).Text())
}

func TestToolResultDecode(t *testing.T) {
	text := func(texts ...string) (blocks []mcpclient.Content) {
		for _, s := range texts {
			blocks = append(blocks, &mcpclient.Text{Text: s})
		}
		return blocks
	}
	type sum struct{ Sum int }
	for name, test := range map[string]struct {
		result mcpclient.ToolResult
		want   string // of the error, "" for success
	}{
		"structured":                 {mcpclient.ToolResult{Structured: stdjson.RawMessage(`{"sum":3}`)}, ""},
		"structured outranks text":   {mcpclient.ToolResult{Structured: stdjson.RawMessage(`{"sum":3}`), Content: text(`{"sum":4}`)}, ""},
		"text of an older server":    {mcpclient.ToolResult{Content: text(` {"Sum":3} `)}, ""},
		"text beside an image":       {mcpclient.ToolResult{Content: append(text(`{"sum":3}`), &mcpclient.Image{})}, ""},
		"two texts":                  {mcpclient.ToolResult{Content: text(`{"sum":3}`, `{"sum":4}`)}, "no structured content"},
		"prose":                      {mcpclient.ToolResult{Content: text(`The sum is 3.`)}, "no structured content"},
		"nothing":                    {mcpclient.ToolResult{}, "no structured content"},
		"another type":               {mcpclient.ToolResult{Structured: stdjson.RawMessage(`{"sum":"three"}`)}, "cannot unmarshal string"},
		"another type, as text":      {mcpclient.ToolResult{Content: text(`[3]`)}, "cannot unmarshal array"},
		"null does not look at text": {mcpclient.ToolResult{Structured: stdjson.RawMessage(`"x"`), Content: text(`{"sum":3}`)}, "cannot unmarshal string"},
	} {
		t.Run(name, func(t *testing.T) {
			var got sum
			err := test.result.Decode(&got)
			if test.want == "" {
				require.NoError(t, err)
				require.Equal(t, sum{3}, got)
				return
			}
			var mismatch *mcpclient.DecodeError
			require.ErrorAs(t, err, &mismatch)
			require.ErrorContains(t, err, test.want)
			require.Equal(t, &test.result, mismatch.Result)
		})
	}
}

func TestToolResultErr(t *testing.T) {
	require.NoError(t, (&mcpclient.ToolResult{}).Err())
	result := &mcpclient.ToolResult{IsError: true, Content: []mcpclient.Content{&mcpclient.Text{Text: "disk full"}}}
	var failed *mcpclient.ToolError
	require.ErrorAs(t, result.Err(), &failed)
	require.Same(t, result, failed.Result)
	require.ErrorContains(t, result.Err(), "disk full")
}

// stubCaller is a ToolCaller of a user's own.
type stubCaller struct {
	result *mcpclient.ToolResult
	err    error
}

func (s stubCaller) CallTool(context.Context, string, any, ...mcpclient.CallOption) (*mcpclient.ToolResult, error) {
	return s.result, s.err
}

func TestCallAs(t *testing.T) {
	server := mcptest.New(t)
	session := openSession(t, &mcpclient.Client{}, server)
	type sum struct{ Sum float64 }

	got, err := mcpclient.CallAs[sum](t.Context(), session, "add", map[string]any{"a": 1, "b": 2})
	require.NoError(t, err)
	require.Equal(t, sum{3}, got)
	asMap, err := mcpclient.CallAs[map[string]any](t.Context(), session, "echo", stdjson.RawMessage(`{"n":1}`))
	require.NoError(t, err)
	require.Equal(t, map[string]any{"n": 1.0}, asMap)

	_, err = mcpclient.CallAs[sum](t.Context(), session, "no such tool", nil)
	var rpc *mcpclient.RPCError
	require.ErrorAs(t, err, &rpc, "an error of the call comes as it is")
}

func TestCallAsToolFails(t *testing.T) {
	result := &mcpclient.ToolResult{IsError: true, Structured: stdjson.RawMessage(`{"sum":1}`), Content: []mcpclient.Content{&mcpclient.Text{Text: "disk full"}}}
	got, err := mcpclient.CallAs[map[string]int](t.Context(), stubCaller{result: result}, "save", nil)
	require.Nil(t, got)
	requireAnswered(t, err, "tools/call", "save")
	var tool *mcpclient.ToolError
	require.ErrorAs(t, err, &tool)
	require.Equal(t, &mcpclient.ToolError{Tool: "save", Result: result}, tool)
	require.False(t, mcpclient.SafeToRetry(err))
}

func TestCallAsDoesNotFit(t *testing.T) {
	result := &mcpclient.ToolResult{Structured: stdjson.RawMessage(`{"a":1,"b":"two"}`)}
	got, err := mcpclient.CallAs[map[string]int](t.Context(), stubCaller{result: result}, "save", nil)
	require.Nil(t, got, "what was decoded before the error is no answer")
	requireAnswered(t, err, "tools/call", "save")
	require.NotErrorIs(t, err, mcpclient.ErrProtocol)
	var mismatch *mcpclient.DecodeError
	require.ErrorAs(t, err, &mismatch)
	require.Same(t, result, mismatch.Result)

	_, err = mcpclient.CallAs[int](t.Context(), stubCaller{err: errors.New("mine")}, "save", nil)
	require.EqualError(t, err, "mine")
}
