package mcpclient_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

const (
	discoverMethod   = "server/discover"
	statelessVersion = "2026-07-28"

	metaKey      = "io.modelcontextprotocol/"
	versionKey   = metaKey + "protocolVersion"
	clientKey    = metaKey + "clientInfo"
	offersKey    = metaKey + "clientCapabilities"
	levelKey     = metaKey + "logLevel"
	paramsHeader = "Mcp-Param-"
)

// statelessly opens a session at a server of the stateless era.
func statelessly(t *testing.T, client *mcpclient.Client, options ...mcptest.Option) (*mcpclient.Session, *mcptest.Server) {
	t.Helper()
	server := mcptest.New(t, append([]mcptest.Option{mcptest.Stateless()}, options...)...)
	return openSession(t, client, server), server
}

// statelesslyInMemory is statelessly inside a synctest bubble.
func statelesslyInMemory(t *testing.T, client *mcpclient.Client, options ...mcptest.Option) (*mcpclient.Session, *mcptest.Server) {
	t.Helper()
	server := mcptest.New(t, append([]mcptest.Option{mcptest.Stateless(), mcptest.InMemory()}, options...)...)
	return sessionOf(t, server, client), server
}

// oneOfEach gives the server a thing of every kind.
func oneOfEach(server *mcptest.Server) {
	server.AddPrompt(mcpclient.Prompt{Name: "ask"}, func(context.Context, map[string]string) (*mcpclient.PromptResult, error) {
		return new(mcpclient.PromptResult), nil
	})
	server.AddResource(mcpclient.Resource{URI: "file:///a", Name: "a"}, mcpclient.ResourceContents{Text: "A"})
	server.AddMethod("acme/thing", func(context.Context, json.RawMessage) (any, error) { return nil, nil })
	server.Complete(func(context.Context, *mcptest.CompleteRequest) (*mcpclient.Completion, error) { return nil, nil })
}

// everyCall makes a call of every kind.
func everyCall(t *testing.T, session *mcpclient.Session) {
	t.Helper()
	ctx := t.Context()
	_, err := session.CallTool(ctx, "echo", map[string]any{"text": "x"})
	require.NoError(t, err)
	_, err = mcpclient.Collect(session.Tools(ctx))
	require.NoError(t, err)
	_, err = mcpclient.Collect(session.Prompts(ctx))
	require.NoError(t, err)
	_, err = mcpclient.Collect(session.Resources(ctx))
	require.NoError(t, err)
	_, err = mcpclient.Collect(session.ResourceTemplates(ctx))
	require.NoError(t, err)
	_, err = session.ReadResource(ctx, "file:///a")
	require.NoError(t, err)
	_, err = session.GetPrompt(ctx, "ask", nil)
	require.NoError(t, err)
	_, err = session.CompletePrompt(ctx, "ask", mcpclient.CompletionArgument{Name: "n", Value: "v"})
	require.NoError(t, err)
	require.NoError(t, session.SetLogLevel(ctx, mcpclient.LogInfo))
	require.NoError(t, session.Ping(ctx))
	require.NoError(t, session.Request(ctx, "acme/thing", nil, nil))
	require.NoError(t, session.Notify(ctx, "notifications/acme", map[string]any{"x": 1}))
}

// metaOf returns the _meta of a request, member by member.
func metaOf(t *testing.T, r *mcptest.Request) map[string]json.RawMessage {
	t.Helper()
	var message struct {
		Params struct {
			Meta map[string]json.RawMessage `json:"_meta"`
		} `json:"params"`
	}
	require.NoError(t, json.Unmarshal(r.Body, &message))
	return message.Params.Meta
}

// lastOf returns the last request of a method.
func lastOf(t *testing.T, server *mcptest.Server, method string) *mcptest.Request {
	t.Helper()
	all := requestsBy(server, http.MethodPost, method)
	require.NotEmpty(t, all, method)
	return &all[len(all)-1]
}

// refusalsIn returns the requests that the server found wanting.
func refusalsIn(server *mcptest.Server) (refused []string) {
	for _, r := range server.Requests() {
		if r.Status >= 300 {
			refused = append(refused, r.HTTPMethod+" "+r.Method+" "+strconv.Itoa(r.Status)+": "+string(r.Body))
		}
	}
	return refused
}

// TestStatelessRequestsSpeakForThemselves: every request says its version, its client and what that can do, in the body and
// in the header. None carries what only sessions have, even where the server hands out a session id.
func TestStatelessRequestsSpeakForThemselves(t *testing.T) {
	client := &mcpclient.Client{
		Name: "app", Version: "1.2", Elicit: elicits, Roots: func(context.Context) ([]mcpclient.Root, error) { return nil, nil },
		Extensions: map[string]any{"com.example/thing": map[string]any{"deep": true}, "com.example/plain": nil},
		NoCache:    true,
	}
	server := mcptest.New(t, mcptest.Stateless())
	server.Always(mcptest.SetHeader("Mcp-Session-Id", "you-are-mine"))
	oneOfEach(server)
	session := openSession(t, client, server)
	everyCall(t, session)
	require.NoError(t, session.RootsChanged(t.Context()))
	require.Empty(t, session.ID())
	require.NoError(t, session.Close())

	require.Empty(t, refusalsIn(server))
	ids := map[string]bool{}
	var methods []string
	for _, r := range server.Requests() {
		require.Equal(t, http.MethodPost, r.HTTPMethod, "there is nothing to GET or to DELETE")
		require.Empty(t, r.Session)
		require.Empty(t, r.Header.Get("Last-Event-ID"))
		require.NotEmpty(t, r.Method, "an answer to the server: %s", r.Body)
		require.Equal(t, []string{statelessVersion}, r.Header.Values("MCP-Protocol-Version"))
		require.Equal(t, []string{r.Method}, r.Header.Values("Mcp-Method"))
		require.Equal(t, "application/json", r.Header.Get("Content-Type"))
		require.Equal(t, "application/json, text/event-stream", r.Header.Get("Accept"))
		methods = append(methods, r.Method)
		meta := metaOf(t, &r)
		if r.ID == nil {
			require.Empty(t, meta, "notifications carry none of it")
			continue
		}
		require.False(t, ids[string(r.ID)], "the id %s is used twice", r.ID)
		ids[string(r.ID)] = true
		require.JSONEq(t, strconv.Quote(statelessVersion), string(meta[versionKey]))
		require.JSONEq(t, `{"name":"app","version":"1.2"}`, string(meta[clientKey]))
		require.JSONEq(t, `{"elicitation":{"form":{}},"roots":{},"extensions":{"com.example/thing":{"deep":true},"com.example/plain":{}}}`, string(meta[offersKey]))
	}
	require.Equal(t, []string{
		discoverMethod, "tools/call", "tools/list", "prompts/list", "resources/list", "resources/templates/list", "resources/read", "prompts/get",
		"completion/complete", discoverMethod, "acme/thing", "notifications/acme",
	}, methods, "no handshake, no ping, no logging/setLevel, and nobody is told of roots")
}

// TestStatelessClientWithoutHandlers declares an empty object, not nothing.
func TestStatelessClientWithoutHandlers(t *testing.T) {
	_, server := statelessly(t, new(mcpclient.Client))
	require.JSONEq(t, `{}`, string(metaOf(t, lastOf(t, server, discoverMethod))[offersKey]))
}

// TestStatelessNames: what a call is about stands in a header, in a form that every proxy lets pass.
func TestStatelessNames(t *testing.T) {
	session, server := statelessly(t, new(mcpclient.Client))
	for name, header := range map[string]string{
		"plain":                 "plain",
		"two words":             "two words",
		"Hello, 世界":             "=?base64?SGVsbG8sIOS4lueVjA==?=",
		" padded ":              "=?base64?IHBhZGRlZCA=?=",
		"line1\nline2":          "=?base64?bGluZTEKbGluZTI=?=",
		"=?base64?literal?=":    "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=",
		"x\r\nMcp-Method: evil": "=?base64?eA0KTWNwLU1ldGhvZDogZXZpbA==?=",
	} {
		server.AddTool(mcpclient.Tool{Name: name}, nil)
		_, err := session.CallTool(t.Context(), name, nil)
		require.NoError(t, err, name)
		require.Equal(t, []string{header}, lastOf(t, server, "tools/call").Header.Values("Mcp-Name"))

		uri := "file:///" + name
		server.AddResource(mcpclient.Resource{URI: uri, Name: "r"}, mcpclient.ResourceContents{Text: "T"})
		_, err = session.ReadResource(t.Context(), uri)
		require.NoError(t, err, name)
		server.AddPrompt(mcpclient.Prompt{Name: name}, nil)
		_, err = session.GetPrompt(t.Context(), name, nil)
		require.NoError(t, err, name)
		require.Equal(t, []string{header}, lastOf(t, server, "prompts/get").Header.Values("Mcp-Name"))
	}
	require.Empty(t, refusalsIn(server))
	for range session.Tools(t.Context()) {
		break
	}
	require.Empty(t, lastOf(t, server, "tools/list").Header.Values("Mcp-Name"), "a list is about nothing in particular")
}

// TestStatelessMirroredArguments: what a tool wants mirrored is, whoever made the call, and no header of the user takes its place.
func TestStatelessMirroredArguments(t *testing.T) {
	session, server := statelessly(t, &mcpclient.Client{Header: http.Header{"Mcp-Method": {"x"}, "X-Own": {"kept"}}})
	server.AddTool(mcpclient.Tool{Name: "query", InputSchema: json.RawMessage(`{"type":"object","properties":{` +
		`"region":{"type":"string","x-mcp-header":"Region"},"n":{"type":"integer","x-mcp-header":"Count"},` +
		`"deep":{"type":"object","properties":{"on":{"type":"boolean","x-mcp-header":"On"}}}}}`)}, nil)
	_, err := mcpclient.Collect(session.Tools(t.Context()))
	require.NoError(t, err)

	args := map[string]any{"region": "größe", "n": 42, "deep": map[string]any{"on": true}}
	byHand := map[string]any{"name": "query", "arguments": args}
	for what, call := range map[string]func() error{
		"CallTool": func() error {
			_, err := session.CallTool(t.Context(), "query", args, mcpclient.WithHeader("Mcp-Name", "other"), mcpclient.WithHeader(paramsHeader+"Region", "other"))
			return err
		},
		"Request": func() error { return session.Request(t.Context(), "tools/call", byHand, nil) },
	} {
		require.NoError(t, call(), what)
		header := lastOf(t, server, "tools/call").Header
		require.Equal(t, []string{"query"}, header.Values("Mcp-Name"), what)
		require.Equal(t, []string{"=?base64?Z3LDtsOfZQ==?="}, header.Values(paramsHeader+"Region"), what)
		require.Equal(t, []string{"42"}, header.Values(paramsHeader+"Count"), what)
		require.Equal(t, []string{"true"}, header.Values(paramsHeader+"On"), what)
		require.Equal(t, []string{"kept"}, header.Values("X-Own"), what)
	}
	_, err = session.CallTool(t.Context(), "query", map[string]any{"region": nil})
	require.NoError(t, err)
	require.Empty(t, lastOf(t, server, "tools/call").Header.Values(paramsHeader+"Region"), "null is mirrored as nothing")
	_, err = session.CallTool(t.Context(), "echo", map[string]any{"text": "region"})
	require.NoError(t, err)
	require.Empty(t, lastOf(t, server, "tools/call").Header.Values(paramsHeader+"Region"), "another tool has asked for nothing")
	require.Empty(t, refusalsIn(server))

	sent := len(server.Requests())
	_, err = session.CallTool(t.Context(), "query", map[string]any{"region": []int{1}})
	require.Equal(t, mcpclient.DeliveryNotSent, asCallError(t, err).Delivery, "%v", err)
	require.Len(t, server.Requests(), sent, "what cannot be mirrored is not sent")
}

// TestStatelessByHand: Request knows which header belongs to a method that has a function of its own.
func TestStatelessByHand(t *testing.T) {
	session, server := statelessly(t, new(mcpclient.Client))
	oneOfEach(server)
	for method, params := range map[string]any{
		"tools/call":     json.RawMessage(`{"arguments":{"text":"x"},"name":"echo"}`),
		"prompts/get":    map[string]any{"name": "ask"},
		"resources/read": map[string]any{"uri": "file:///a"},
		"tools/list":     nil,
	} {
		require.NoError(t, session.Request(t.Context(), method, params, nil), method)
	}
	require.Empty(t, refusalsIn(server))
}

// TestStatelessMeta: what the user says in _meta travels beside what the library says, which nothing takes the place of.
func TestStatelessMeta(t *testing.T) {
	forged := map[string]any{versionKey: "1900-01-01", offersKey: map[string]any{"sampling": map[string]any{}}, clientKey: "evil"}
	for _, logs := range []bool{false, true} { // with logs, _meta is not the one that is made once
		s, server := statelessly(t, &mcpclient.Client{Name: "app", Version: "1"})
		options := []mcpclient.CallOption{
			mcpclient.WithMeta("com.example/trace", "t1"), mcpclient.WithMeta("progressToken", "forged"), mcpclient.WithProgress(func(mcpclient.Progress) {}),
		}
		for key, value := range forged {
			options = append(options, mcpclient.WithMeta(key, value))
		}
		if logs {
			options = append(options, mcpclient.WithLogs(mcpclient.LogError, func(mcpclient.LogMessage) {}))
		}
		params := map[string]any{"name": "echo", "_meta": map[string]any{
			"com.example/own": 7, versionKey: "1900-01-01", offersKey: map[string]any{"roots": map[string]any{}}, clientKey: nil,
		}}
		require.NoError(t, s.Request(t.Context(), "tools/call", params, nil, options...))
		meta := metaOf(t, lastOf(t, server, "tools/call"))
		require.JSONEq(t, `"t1"`, string(meta["com.example/trace"]))
		require.JSONEq(t, `7`, string(meta["com.example/own"]))
		require.JSONEq(t, strconv.Quote(statelessVersion), string(meta[versionKey]))
		require.JSONEq(t, `{"name":"app","version":"1"}`, string(meta[clientKey]))
		require.JSONEq(t, `{}`, string(meta[offersKey]))
		require.NotContains(t, string(meta["progressToken"]), "forged")
		require.Len(t, string(meta["progressToken"]), 38, "one of ours")
		require.Equal(t, 1, strings.Count(string(lastOf(t, server, "tools/call").Body), `"_meta"`))
		require.Empty(t, refusalsIn(server))
	}
}

// TestStatelessSpelledMeta: a member that is written in escapes is the same member.
func TestStatelessSpelledMeta(t *testing.T) {
	session, server := statelessly(t, new(mcpclient.Client))
	params := json.RawMessage(`{"name":"echo","\u005fmeta":{"com.example/own":7}}`)
	require.NoError(t, session.Request(t.Context(), "tools/call", params, nil))
	require.JSONEq(t, `7`, string(metaOf(t, lastOf(t, server, "tools/call"))["com.example/own"]))
	require.Empty(t, refusalsIn(server))
}

// TestStatelessProgress comes on the call's own reply.
func TestStatelessProgress(t *testing.T) {
	session, server := statelessly(t, new(mcpclient.Client))
	addStepTool(server)
	var seen []mcpclient.Progress
	_, err := session.CallTool(t.Context(), "step", map[string]any{"steps": 3}, mcpclient.WithProgress(func(p mcpclient.Progress) { seen = append(seen, p) }))
	require.NoError(t, err)
	require.NotEmpty(t, seen)
}

// TestStatelessLogLevel: the level travels with every request, and is a message of its own nowhere.
func TestStatelessLogLevel(t *testing.T) {
	session, server := statelessly(t, &mcpclient.Client{NoCache: true})
	level := func(options ...mcpclient.CallOption) string {
		_, err := session.CallTool(t.Context(), "echo", nil, options...)
		require.NoError(t, err)
		return string(metaOf(t, lastOf(t, server, "tools/call"))[levelKey])
	}
	logs := func(level mcpclient.LogLevel) mcpclient.CallOption {
		return mcpclient.WithLogs(level, func(mcpclient.LogMessage) {})
	}
	require.Empty(t, level())
	require.Equal(t, `"error"`, level(logs(mcpclient.LogError)))
	require.Empty(t, level(), "that was for one call")
	require.NoError(t, session.SetLogLevel(t.Context(), mcpclient.LogWarning))
	require.Equal(t, `"warning"`, level())
	require.Equal(t, `"debug"`, level(logs(mcpclient.LogDebug)))
	require.Equal(t, `"warning"`, level(logs(mcpclient.LogAlert)), "the session wants more than the call")
	for range session.Tools(t.Context()) {
		break
	}
	require.Equal(t, `"warning"`, string(metaOf(t, lastOf(t, server, "tools/list"))[levelKey]))
	require.False(t, slices.ContainsFunc(server.Requests(), func(r mcptest.Request) bool { return r.Method == "logging/setLevel" }))
	require.Empty(t, refusalsIn(server))
}

// TestStatelessLogs reach the call that asked for them.
func TestStatelessLogs(t *testing.T) {
	session, server := statelessly(t, new(mcpclient.Client))
	server.AddTool(mcpclient.Tool{Name: "talk"}, func(_ context.Context, req *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		req.Log(mcpclient.LogInfo, "low")
		req.Log(mcpclient.LogError, "high")
		return nil, nil
	})
	var heard []string
	_, err := session.CallTool(t.Context(), "talk", nil, mcpclient.WithLogs(mcpclient.LogError, func(m mcpclient.LogMessage) { heard = append(heard, string(m.Data)) }))
	require.NoError(t, err)
	require.Equal(t, []string{`"high"`}, heard)
}

// TestStatelessServerRequests: a server of this era may send no request. One that does gets no answer, and its reply is read on.
func TestStatelessServerRequests(t *testing.T) {
	session, server := statelessly(t, &mcpclient.Client{Elicit: func(context.Context, *mcpclient.Elicitation) (*mcpclient.ElicitationReply, error) {
		t.Error("the user was asked")
		return mcpclient.Accept(nil), nil
	}})
	for _, method := range []string{"ping", "elicitation/create", "roots/list", "acme/ask"} {
		server.Next(mcptest.ServerRequest(method, json.RawMessage(formParams)).On("tools/call"))
		_, err := session.CallTool(t.Context(), "echo", map[string]any{"text": "x"})
		require.NoError(t, err, method)
	}
	server.Next(mcptest.Notify("notifications/cancelled", map[string]any{"requestId": 1}), mcptest.Notify("notifications/elicitation/complete", map[string]any{"elicitationId": "x"}))
	for range 2 {
		_, err := session.CallTool(t.Context(), "echo", nil)
		require.NoError(t, err)
	}
	require.NoError(t, session.Close())
	require.Empty(t, server.Answers())
	for _, r := range server.Requests() {
		require.NotEmpty(t, r.Method, "an answer: %s", r.Body)
	}
}
