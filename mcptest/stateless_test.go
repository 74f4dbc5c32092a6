package mcptest_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

const (
	fromServer = `"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"mcptest","version":"1.0.0"}}`
	unhinted   = `"resultType":"complete",` + fromServer
	hinted     = `"ttlMs":0,"cacheScope":"private",` + unhinted
)

func TestStatelessDiscover(t *testing.T) {
	w := stateless(t, mcptest.Instructions("Mind the gap."), mcptest.CacheHints(90*time.Second, "public"))
	require.JSONEq(t, `{"supportedVersions":["2026-07-28"],"capabilities":{"logging":{},"tools":{"listChanged":true}},"instructions":"Mind the gap.",
		"ttlMs":90000,"cacheScope":"public",`+unhinted+`}`, w.call("server/discover", ""))
	w.srv.AddResource(mcpclient.Resource{URI: "file:///a", Name: "a"})
	w.srv.AddPrompt(mcpclient.Prompt{Name: "p"}, nil)
	w.srv.Complete(func(context.Context, *mcptest.CompleteRequest) (*mcpclient.Completion, error) { return nil, nil })
	var result struct{ Capabilities json.RawMessage }
	require.NoError(t, json.Unmarshal([]byte(w.call("server/discover", "")), &result))
	require.JSONEq(t, `{"logging":{},"tools":{"listChanged":true},"resources":{"listChanged":true,"subscribe":true},"prompts":{"listChanged":true},"completions":{}}`,
		string(result.Capabilities))
	require.Zero(t, w.srv.Initializes())
	require.Empty(t, w.srv.Sessions())
}

func TestStatelessResults(t *testing.T) {
	w := stateless(t, mcptest.WithoutDefaultTools())
	w.srv.AddTool(mcpclient.Tool{Name: "t", Execution: &mcpclient.ToolExecution{TaskSupport: "optional"}}, nil)
	w.srv.AddResource(mcpclient.Resource{URI: "file:///a", Name: "a"}, mcpclient.ResourceContents{Text: "x"})
	w.srv.AddResourceTemplate(mcpclient.ResourceTemplate{URITemplate: "x://{y}", Name: "y"}, nil)
	w.srv.AddPrompt(mcpclient.Prompt{Name: "p"}, nil)
	w.srv.Complete(func(context.Context, *mcptest.CompleteRequest) (*mcpclient.Completion, error) { return nil, nil })
	w.srv.AddMethod("acme/own", func(context.Context, json.RawMessage) (any, error) {
		return map[string]any{"resultType": "acme", "_meta": map[string]int{"x": 1}}, nil
	})
	for _, test := range []struct{ method, params, want string }{
		{"tools/list", "", `{"tools":[{"name":"t","inputSchema":{"type":"object"}}],` + hinted + `}`},
		{"tools/call", `{"name":"t"}`, `{"content":[],` + unhinted + `}`},
		{"resources/list", "", `{"resources":[{"uri":"file:///a","name":"a"}],` + hinted + `}`},
		{"resources/templates/list", "", `{"resourceTemplates":[{"uriTemplate":"x://{y}","name":"y"}],` + hinted + `}`},
		{"resources/read", `{"uri":"file:///a"}`, `{"contents":[{"uri":"file:///a","text":"x"}],` + hinted + `}`},
		{"prompts/list", "", `{"prompts":[{"name":"p"}],` + hinted + `}`},
		{"prompts/get", `{"name":"p"}`, `{"messages":[],` + unhinted + `}`},
		{"completion/complete", `{"ref":{"type":"ref/prompt"},"argument":{"name":"a","value":""}}`, `{"completion":{"values":[]},` + unhinted + `}`},
		{"acme/own", "", `{"resultType":"acme","_meta":{"x":1,"io.modelcontextprotocol/serverInfo":{"name":"mcptest","version":"1.0.0"}}}`},
	} {
		require.JSONEq(t, test.want, w.call(test.method, test.params), test.method)
	}
	status, failure := w.refused("resources/read", `{"uri":"file:///none"}`, nil)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, rpcError{Code: -32602, Message: "Resource not found", Data: json.RawMessage(`{"uri":"file:///none"}`)}, failure)
}

func TestStatelessRefusals(t *testing.T) {
	const version, offers = `"io.modelcontextprotocol/protocolVersion":"2026-07-28"`, `"io.modelcontextprotocol/clientCapabilities":{}`
	w := stateless(t)
	for name, test := range map[string]struct {
		method, params string
		change         http.Header
		status, code   int
	}{
		"no version header":         {"tools/list", "", http.Header{"Mcp-Protocol-Version": nil}, 400, -32020},
		"no version in _meta":       {"tools/list", `{"_meta":{` + offers + `}}`, nil, 400, -32602},
		"no capabilities":           {"tools/list", `{"_meta":{` + version + `}}`, nil, 400, -32602},
		"capabilities are a list":   {"tools/list", `{"_meta":{` + version + `,"io.modelcontextprotocol/clientCapabilities":[]}}`, nil, 400, -32602},
		"client info is a text":     {"tools/list", `{"_meta":{` + version + `,` + offers + `,"io.modelcontextprotocol/clientInfo":"me"}}`, nil, 400, -32602},
		"an unknown log level":      {"tools/list", `{"_meta":{` + version + `,` + offers + `,"io.modelcontextprotocol/logLevel":"loud"}}`, nil, 400, -32602},
		"header and _meta differ":   {"tools/list", "", http.Header{"Mcp-Protocol-Version": {"2025-11-25"}}, 400, -32020},
		"no method header":          {"tools/list", "", http.Header{"Mcp-Method": nil}, 400, -32020},
		"another method":            {"tools/list", "", http.Header{"Mcp-Method": {"Tools/List"}}, 400, -32020},
		"no name":                   {"tools/call", `{"name":"echo"}`, http.Header{"Mcp-Name": nil}, 400, -32020},
		"another name":              {"tools/call", `{"name":"echo"}`, http.Header{"Mcp-Name": {"add"}}, 400, -32020},
		"two names":                 {"tools/call", `{"name":"echo"}`, http.Header{"Mcp-Name": {"echo", "echo"}}, 400, -32020},
		"a name that is not base64": {"tools/call", `{"name":"echo"}`, http.Header{"Mcp-Name": {"=?base64?ZWNobw?="}}, 400, -32020},
		"a name in raw UTF-8":       {"tools/call", `{"name":"größe"}`, http.Header{"Mcp-Name": {"größe"}}, 400, -32020},
		"a name where none belongs": {"tools/list", "", http.Header{"Mcp-Name": {"echo"}}, 400, -32020},
		"a parameter not asked for": {"tools/call", `{"name":"echo"}`, http.Header{"Mcp-Param-Text": {"x"}}, 400, -32020},
		"state on a list":           {"tools/list", `{"requestState":"x"}`, nil, 400, -32602},
		"a strange state":           {"tools/call", `{"name":"echo","requestState":"x"}`, nil, 400, -32602},
		"an unknown method":         {"acme/none", "", nil, 404, -32601},
		"initialize":                {"initialize", initializeParams, nil, 404, -32601},
		"ping":                      {"ping", "", nil, 404, -32601},
		"setLevel":                  {"logging/setLevel", `{"level":"info"}`, nil, 404, -32601},
		"subscribe":                 {"resources/subscribe", "", nil, 404, -32601},
		"completion":                {"completion/complete", "", nil, 404, -32601},
		"an unknown tool":           {"tools/call", `{"name":"none"}`, nil, 200, -32602},
	} {
		status, failure := w.refused(test.method, test.params, test.change)
		require.Equal(t, test.status, status, name)
		require.Equal(t, test.code, failure.Code, name)
	}
	require.Zero(t, w.srv.Executed())
	require.Equal(t, http.StatusOK, w.post("tools/call", `{"name":"echo"}`, http.Header{"Mcp-Name": {"=?base64?ZWNobw==?="}, "Mcp-Session-Id": {"old"}}).status)
	require.Equal(t, "old", w.srv.Requests()[len(w.srv.Requests())-1].Session, "ignored, but to be seen")
}

func TestStatelessUnknownVersion(t *testing.T) {
	w := stateless(t)
	status, failure := w.refused("tools/list",
		`{"_meta":{"io.modelcontextprotocol/protocolVersion":"1900-01-01","io.modelcontextprotocol/clientCapabilities":{}}}`,
		http.Header{"Mcp-Protocol-Version": {"1900-01-01"}})
	require.Equal(t, http.StatusBadRequest, status)
	require.Equal(t, -32022, failure.Code)
	require.JSONEq(t, `{"supported":["2026-07-28"],"requested":"1900-01-01"}`, string(failure.Data))
}

func TestStatelessMessages(t *testing.T) {
	w := stateless(t)
	header := w.header("tools/list", "", nil)
	for name, test := range map[string]struct {
		method, body string
		header       http.Header
		status, code int
	}{
		"GET":          {http.MethodGet, "", nil, 405, -32000},
		"DELETE":       {http.MethodDelete, "", nil, 405, -32000},
		"no Accept":    {http.MethodPost, w.message("tools/list", ""), http.Header{"Accept": {"application/json"}}, 406, -32000},
		"another type": {http.MethodPost, w.message("tools/list", ""), http.Header{"Content-Type": {"text/plain"}}, 415, -32000},
		"broken JSON":  {http.MethodPost, `{"jsonrpc`, header, 400, -32700},
		"an array":     {http.MethodPost, "[" + w.message("tools/list", "") + "]", header, 400, -32600},
		"an answer":    {http.MethodPost, `{"jsonrpc":"2.0","id":1,"result":{}}`, header, 400, -32600},
	} {
		r := w.send(test.method, test.body, test.header)
		require.Equal(t, test.status, r.status, name+": "+r.body)
		require.Equal(t, test.code, w.answer(r).Error.Code, name)
		require.Nil(t, w.answer(r).ID, name)
		require.NotContains(t, r.body, `"id"`, name)
	}
	require.Equal(t, http.StatusAccepted, w.send(http.MethodPost, `{"jsonrpc":"2.0","method":"notifications/acme"}`, nil).status)
	require.Equal(t, http.StatusBadRequest, w.wire.post(w.wire.message("initialize", initializeParams)).status)
	require.Contains(t, w.wire.post(w.wire.message("initialize", initializeParams)).body, "2026-07-28", "who does not know the version is told")
}
