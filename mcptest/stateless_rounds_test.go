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

type roundResult struct {
	ResultType    string
	InputRequests map[string]json.RawMessage
	RequestState  string
	Content       []struct{ Text string }
}

func (w *statelessWire) round(method, params string) roundResult {
	w.t.Helper()
	var result roundResult
	require.NoError(w.t, json.Unmarshal([]byte(w.call(method, params)), &result))
	return result
}

const (
	asksWho   = `{"method":"elicitation/create","params":{"message":"who?"}}`
	asksRoots = `{"method":"roots/list"}`
)

// addAsking adds a tool that asks for a name and then for the roots.
func addAsking(srv *mcptest.Server) {
	srv.AddTool(mcpclient.Tool{Name: "ask"}, func(ctx context.Context, req *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		who, err := req.Ask(ctx, "elicitation/create", map[string]string{"message": "who?"})
		if err != nil {
			return nil, err
		}
		roots, err := mcptest.Ask(ctx, "roots/list", nil)
		if err != nil {
			return nil, err
		}
		return mcptest.Text(string(who) + string(roots)), nil
	})
}

func TestStatelessRounds(t *testing.T) {
	w := stateless(t)
	w.offers = `{"elicitation":{},"roots":{}}`
	addAsking(w.srv)
	first := w.round("tools/call", `{"name":"ask","arguments":{"b":1,"a":2}}`)
	require.Equal(t, "input_required", first.ResultType)
	require.Len(t, first.InputRequests, 1)
	require.JSONEq(t, asksWho, string(first.InputRequests["input-1"]))

	second := w.round("tools/call", `{"name":"ask","arguments":{"a":2,"b":1},"inputResponses":{"input-1":{"action":"accept"}},"requestState":"`+first.RequestState+`"}`)
	require.Len(t, second.InputRequests, 1)
	require.JSONEq(t, asksRoots, string(second.InputRequests["input-2"]))
	require.NotEqual(t, first.RequestState, second.RequestState)

	const roots = `,"arguments":{"a":2,"b":1},"inputResponses":{"input-2":{"roots":[]}},"requestState":"`
	last := w.round("tools/call", `{"name":"ask"`+roots+second.RequestState+`"}`)
	require.Equal(t, "complete", last.ResultType)
	require.Equal(t, `{"action":"accept"}{"roots":[]}`, last.Content[0].Text)
	require.Equal(t, 1, w.srv.Executed(), "rounds are one execution")

	for name, params := range map[string]string{
		"a changed state":      `{"name":"ask"` + roots + second.RequestState[:8] + "A" + second.RequestState[9:] + `"}`,
		"a state cut short":    `{"name":"ask"` + roots + second.RequestState[:len(second.RequestState)-1] + `"}`,
		"an old state":         `{"name":"ask"` + roots + first.RequestState + `"}`,
		"other arguments":      `{"name":"ask","arguments":{"a":3},"inputResponses":{"input-2":{}},"requestState":"` + second.RequestState + `"}`,
		"another tool":         `{"name":"echo"` + roots + second.RequestState + `"}`,
		"no response":          `{"name":"ask","arguments":{"a":2,"b":1},"requestState":"` + second.RequestState + `"}`,
		"a response too many":  `{"name":"ask","arguments":{"a":2,"b":1},"inputResponses":{"input-2":{},"x":{}},"requestState":"` + second.RequestState + `"}`,
		"a response in a text": `{"name":"ask","arguments":{"a":2,"b":1},"inputResponses":{"input-2":"no"},"requestState":"` + second.RequestState + `"}`,
	} {
		status, failure := w.refused("tools/call", params, nil)
		require.Equal(t, http.StatusBadRequest, status, name)
		require.Equal(t, -32602, failure.Code, name)
	}
}

func TestStatelessRoundsOfPromptsAndResources(t *testing.T) {
	w := stateless(t)
	w.offers = `{"roots":{},"sampling":{}}`
	both := map[string]mcptest.InputRequest{"where": {Method: "roots/list"}, "what": {Method: "sampling/createMessage", Params: map[string]int{"maxTokens": 1}}}
	w.srv.AddPrompt(mcpclient.Prompt{Name: "p"}, func(ctx context.Context, _ map[string]string) (*mcpclient.PromptResult, error) {
		answers, err := mcptest.AskAll(ctx, both)
		return &mcpclient.PromptResult{Description: string(answers["where"]) + string(answers["what"])}, err
	})
	w.srv.AddResourceFunc(mcpclient.Resource{URI: "file:///r", Name: "r"}, func(ctx context.Context, _ string) ([]mcpclient.ResourceContents, error) {
		answer, err := mcptest.Ask(ctx, "roots/list", nil)
		return []mcpclient.ResourceContents{{Text: string(answer)}}, err
	})
	prompt := w.round("prompts/get", `{"name":"p"}`)
	require.Len(t, prompt.InputRequests, 2)
	require.JSONEq(t, asksRoots, string(prompt.InputRequests["where"]))
	require.Contains(t, w.call("prompts/get", `{"name":"p","inputResponses":{"where":{"a":1},"what":{"b":2}},"requestState":"`+prompt.RequestState+`"}`),
		`"description":"{\"a\":1}{\"b\":2}"`)
	resource := w.call("resources/read", `{"uri":"file:///r"}`)
	require.NotContains(t, resource, "ttlMs", "what is not complete cannot be kept")
	var read roundResult
	require.NoError(t, json.Unmarshal([]byte(resource), &read))
	require.Contains(t, w.call("resources/read", `{"uri":"file:///r","inputResponses":{"input-1":{"a":1}},"requestState":"`+read.RequestState+`"}`), `"text":"{\"a\":1}"`)
}

func TestStatelessMissingCapability(t *testing.T) {
	for name, test := range map[string]struct {
		offers, method string
		params         any
		missing        string // "": none
	}{
		"roots":                      {`{}`, "roots/list", nil, `{"roots":{}}`},
		"roots, declared":            {`{"roots":{}}`, "roots/list", nil, ""},
		"form":                       {`{}`, "elicitation/create", nil, `{"elicitation":{"form":{}}}`},
		"form, by nothing else":      {`{"elicitation":{}}`, "elicitation/create", nil, ""},
		"form, but URL declared":     {`{"elicitation":{"url":{}}}`, "elicitation/create", map[string]string{"mode": "form"}, `{"elicitation":{"form":{}}}`},
		"URL, but form declared":     {`{"elicitation":{}}`, "elicitation/create", map[string]string{"mode": "url"}, `{"elicitation":{"url":{}}}`},
		"sampling":                   {`{}`, "sampling/createMessage", nil, `{"sampling":{}}`},
		"sampling with tools":        {`{"sampling":{}}`, "sampling/createMessage", map[string]any{"tools": []int{}}, `{"sampling":{"tools":{}}}`},
		"a method that nobody knows": {`{}`, "acme/ask", nil, ""},
	} {
		w := stateless(t)
		w.offers = test.offers
		w.srv.AddTool(mcpclient.Tool{Name: "ask"}, func(ctx context.Context, req *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
			_, err := req.Ask(ctx, test.method, test.params)
			return nil, err
		})
		if test.missing == "" {
			require.Equal(t, "input_required", w.round("tools/call", `{"name":"ask"}`).ResultType, name)
			continue
		}
		status, failure := w.refused("tools/call", `{"name":"ask"}`, nil)
		require.Equal(t, http.StatusBadRequest, status, name)
		require.Equal(t, -32021, failure.Code, name)
		require.JSONEq(t, `{"requiredCapabilities":`+test.missing+`}`, string(failure.Data), name)
	}
}

func TestInputRequiredFault(t *testing.T) {
	w := stateless(t)
	w.offers = `{"elicitation":{},"roots":{}}`
	addAsking(w.srv)
	first := w.round("tools/call", `{"name":"ask"}`)
	// Rounds that only wait, between those that ask; the state is any text.
	w.srv.Next(mcptest.InputRequired("wait \"1\" ☂", nil), mcptest.InputRequired("wait 2", map[string]mcptest.InputRequest{"confirm": {Method: "acme/odd"}}))
	const answered = `{"name":"ask","inputResponses":{"input-1":{"name":"me"}},"requestState":`
	second := w.round("tools/call", answered+`"`+first.RequestState+`"}`)
	require.Equal(t, roundResult{ResultType: "input_required", RequestState: "wait \"1\" ☂"}, second)
	third := w.round("tools/call", `{"name":"ask","requestState":"wait \"1\" ☂"}`)
	require.JSONEq(t, `{"method":"acme/odd"}`, string(third.InputRequests["confirm"]))
	fourth := w.round("tools/call", `{"name":"ask","inputResponses":{"confirm":{}},"requestState":"wait 2"}`)
	require.JSONEq(t, asksRoots, string(fourth.InputRequests["input-2"]), "what was answered before the fault stays answered")

	stop := w.srv.Always(mcptest.InputRequired("", nil))
	for range 3 {
		require.JSONEq(t, `{"resultType":"input_required"}`, w.call("tools/call", `{"name":"echo"}`))
	}
	stop()
	require.Equal(t, "complete", w.round("tools/call", `{"name":"echo","inputResponses":{"confirm":{}}}`).ResultType, "without a state there is nothing to compare with")
}

func TestAskOutsideOfAHandler(t *testing.T) {
	_, err := mcptest.Ask(t.Context(), "roots/list", nil)
	require.Error(t, err)
	_, err = mcptest.AskAll(t.Context(), nil)
	require.Error(t, err)
}
