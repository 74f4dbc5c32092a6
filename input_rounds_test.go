package mcpclient_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// Inputs that servers ask for, by the name of their kind.
var inputs = map[string]mcptest.InputRequest{
	"form":  {Method: "elicitation/create", Params: map[string]any{"message": "form?", "requestedSchema": json.RawMessage(`{"type":"object","properties":{"yes":{"type":"boolean","default":true}}}`)}},
	"page":  {Method: "elicitation/create", Params: map[string]any{"mode": "url", "message": "page?", "url": "https://example.com/"}},
	"model": {Method: "sampling/createMessage", Params: map[string]any{"messages": []any{}, "maxTokens": 10}},
	"roots": {Method: "roots/list"},
}

func inputsOf(kinds ...string) map[string]mcptest.InputRequest {
	some := make(map[string]mcptest.InputRequest)
	for _, kind := range kinds {
		some[kind] = inputs[kind]
	}
	return some
}

// clientThat answers every kind of input; asked is told the kind first, and may fail it.
func clientThat(asked func(ctx context.Context, kind string) error) *mcpclient.Client {
	return &mcpclient.Client{
		Elicit: func(ctx context.Context, _ *mcpclient.Elicitation) (*mcpclient.ElicitationReply, error) {
			return mcpclient.Accept(nil), asked(ctx, "form")
		},
		ElicitURL: func(ctx context.Context, _ *mcpclient.URLElicitation) (*mcpclient.ElicitationReply, error) {
			return mcpclient.Accept(nil), asked(ctx, "page")
		},
		Sample: func(ctx context.Context, _ *mcpclient.SamplingRequest) (*mcpclient.SamplingReply, error) {
			reply := &mcpclient.SamplingReply{Role: "assistant", Model: "m", Content: []mcpclient.Content{&mcpclient.Text{Text: "hi"}}}
			return reply, asked(ctx, "model")
		},
		Roots: func(ctx context.Context) ([]mcpclient.Root, error) {
			return []mcpclient.Root{{URI: "file:///work"}}, asked(ctx, "roots")
		},
	}
}

func willing(context.Context, string) error { return nil }

// whatIsTold is what clientThat tells.
var whatIsTold = map[string]string{
	"form": `{"action":"accept","content":{"yes":true}}`, "page": `{"action":"accept"}`,
	"model": `{"role":"assistant","model":"m","content":{"type":"text","text":"hi"}}`, "roots": `{"roots":[{"uri":"file:///work"}]}`,
}

// askingServer has a tool, a prompt and a resource that all ask for the same, and tell what they got.
func askingServer(server *mcptest.Server, requests map[string]mcptest.InputRequest) {
	ask := func(ctx context.Context) (string, error) {
		answers, err := mcptest.AskAll(ctx, requests)
		if err != nil {
			return "", err
		}
		text, err := json.Marshal(answers)
		return string(text), err
	}
	server.AddTool(mcpclient.Tool{Name: "asks"}, func(ctx context.Context, _ *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		text, err := ask(ctx)
		return mcptest.Text(text), err
	})
	server.AddPrompt(mcpclient.Prompt{Name: "asks"}, func(ctx context.Context, _ map[string]string) (*mcpclient.PromptResult, error) {
		text, err := ask(ctx)
		return &mcpclient.PromptResult{Description: text}, err
	})
	server.AddResourceFunc(mcpclient.Resource{URI: "file:///asks", Name: "asks"}, func(ctx context.Context, _ string) ([]mcpclient.ResourceContents, error) {
		text, err := ask(ctx)
		return []mcpclient.ResourceContents{{Text: text}}, err
	})
}

// askingCalls are the three calls that may need input; each returns what the server was told.
func askingCalls(session *mcpclient.Session) map[string]func(ctx context.Context, options ...mcpclient.CallOption) (string, error) {
	return map[string]func(ctx context.Context, options ...mcpclient.CallOption) (string, error){
		"tools/call": func(ctx context.Context, options ...mcpclient.CallOption) (string, error) {
			result, err := session.CallTool(ctx, "asks", nil, options...)
			if err != nil {
				return "", err
			}
			return result.Text(), result.Err()
		},
		"prompts/get": func(ctx context.Context, options ...mcpclient.CallOption) (string, error) {
			result, err := session.GetPrompt(ctx, "asks", nil, options...)
			if err != nil {
				return "", err
			}
			return result.Description, nil
		},
		"resources/read": func(ctx context.Context, options ...mcpclient.CallOption) (string, error) {
			result, err := session.ReadResource(ctx, "file:///asks", options...)
			if err != nil {
				return "", err
			}
			return result.Contents[0].Text, nil
		},
	}
}

// requireTold checks what the server was told, by kind.
func requireTold(t *testing.T, told string, kinds ...string) {
	t.Helper()
	var got map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(told), &got), told)
	require.Len(t, got, len(kinds), told)
	for _, kind := range kinds {
		require.JSONEq(t, whatIsTold[kind], string(got[kind]), kind)
	}
}

// roundOf is what a request says of its round.
type roundOf struct {
	Responses map[string]json.RawMessage `json:"inputResponses"`
	State     *string                    `json:"requestState"`
}

func roundsOf(t *testing.T, server *mcptest.Server) (rounds []roundOf) {
	t.Helper()
	for _, params := range sentParams(t, server, "tools/call") {
		var round roundOf
		require.NoError(t, json.Unmarshal([]byte(params), &round))
		rounds = append(rounds, round)
	}
	return rounds
}

// TestInputKinds: each of the handlers gives the input that it is for, in a round of its own, for each method that may ask.
func TestInputKinds(t *testing.T) {
	for kind := range inputs {
		session, server := statelessly(t, clientThat(willing))
		askingServer(server, inputsOf(kind))
		for method, call := range askingCalls(session) {
			told, err := call(t.Context())
			require.NoError(t, err, method)
			requireTold(t, told, kind)
			sent := requestsBy(server, http.MethodPost, method)
			require.Len(t, sent, 2)
			require.NotEqual(t, sent[0].ID, sent[1].ID, "a round is a request of its own")
			require.Equal(t, sent[0].Header.Values("Mcp-Name"), sent[1].Header.Values("Mcp-Name"))
			require.Equal(t, metaOf(t, &sent[0]), metaOf(t, &sent[1]))
		}
		require.Empty(t, refusalsIn(server))
	}
}

// TestInputAllAtOnce: the handlers of one round run side by side. Each waits here until all have begun.
func TestInputAllAtOnce(t *testing.T) {
	var begun sync.WaitGroup
	begun.Add(4)
	session, server := statelessly(t, clientThat(func(context.Context, string) error {
		begun.Done()
		begun.Wait()
		return nil
	}))
	askingServer(server, inputs)
	told, err := askingCalls(session)["tools/call"](t.Context())
	require.NoError(t, err)
	requireTold(t, told, "form", "page", "model", "roots")
}

// TestInputRoundsAreTheSameCall: what a further round adds stands beside what the caller gave, which stays as it is.
func TestInputRoundsAreTheSameCall(t *testing.T) {
	session, server := statelessly(t, clientThat(willing))
	server.AddTool(mcpclient.Tool{Name: "query", InputSchema: json.RawMessage(`{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}}}`)},
		func(ctx context.Context, req *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
			if _, err := req.Ask(ctx, "roots/list", nil); err != nil {
				return nil, err
			}
			_, err := req.Ask(ctx, inputs["form"].Method, inputs["form"].Params)
			return nil, err
		})
	_, err := mcpclient.Collect(session.Tools(t.Context()))
	require.NoError(t, err)
	args := json.RawMessage(`{"region":"eu", "n":1.0}`)
	_, err = session.CallTool(t.Context(), "query", args, mcpclient.WithMeta("com.example/trace", "t"), mcpclient.WithHeader("X-Own", "kept"))
	require.NoError(t, err)
	sent := requestsBy(server, http.MethodPost, "tools/call")
	require.Len(t, sent, 3)
	ids := make(map[string]bool)
	for _, r := range sent {
		ids[string(r.ID)] = true
		require.Contains(t, string(r.Body), string(args))
		require.JSONEq(t, `"t"`, string(metaOf(t, &r)["com.example/trace"]))
		require.Equal(t, "eu", r.Header.Get(paramsHeader+"Region"))
		require.Equal(t, "kept", r.Header.Get("X-Own"))
	}
	require.Len(t, ids, 3)
	rounds := roundsOf(t, server)
	require.Equal(t, roundOf{}, rounds[0])
	require.Len(t, rounds[1].Responses, 1)
	require.Len(t, rounds[2].Responses, 1, "the answers of earlier rounds are in the server's state")
	require.NotEqual(t, rounds[1].State, rounds[2].State)
	require.Empty(t, refusalsIn(server))
}

// TestInputStateIsExact: the state goes back as it came, whatever it holds.
func TestInputStateIsExact(t *testing.T) {
	session, server := statelessly(t, clientThat(willing))
	for _, state := range []string{
		`{"json":"text","n":1.0, "esc":"\u0041"}`, "größe 世界 \U0001F600", "<a href=\"x\">&</a>", "\u2028\u2029\u0000\u001f\\", " ", "=?base64?", strings.Repeat("x", 1<<20),
	} {
		before := len(requestsBy(server, http.MethodPost, "tools/call"))
		server.Next(mcptest.InputRequired(state, inputsOf("roots")))
		_, err := session.CallTool(t.Context(), "echo", nil)
		require.NoError(t, err)
		rounds := roundsOf(t, server)[before:]
		require.Len(t, rounds, 2)
		require.Nil(t, rounds[0].State, "it leaks into no other call")
		require.Equal(t, state, *rounds[1].State)
	}
	server.Next(mcptest.InputRequired(strings.Repeat("x", 1<<20+1), nil))
	_, err := session.CallTool(t.Context(), "echo", nil)
	require.EqualValues(t, 1<<20, asCause[*mcpclient.LimitError](t, err).Limit)
	require.Equal(t, mcpclient.DeliveryAnswered, asCallError(t, err).Delivery)
}

// TestInputEmptyState is a state.
func TestInputEmptyState(t *testing.T) {
	session, server := statelessly(t, clientThat(willing))
	server.Next(
		mcptest.ResultAnswer(json.RawMessage(`{"resultType":"input_required","requestState":"","inputRequests":{"k":{"method":"roots/list"}}}`)).On("tools/call"),
		mcptest.ResultAnswer(json.RawMessage(`{"content":[]}`)).On("tools/call"),
	)
	_, err := session.CallTool(t.Context(), "echo", nil)
	require.NoError(t, err)
	rounds := roundsOf(t, server)
	require.NotNil(t, rounds[1].State)
	require.Empty(t, *rounds[1].State)
}

// TestInputForgetsTheLastRound: where the newest round has no state none is sent, and its answers are sent alone.
func TestInputForgetsTheLastRound(t *testing.T) {
	session, server := statelessly(t, clientThat(willing))
	const wants = `{"resultType":"input_required","inputRequests":{"%s":{"method":"roots/list"}}%s}`
	for _, result := range []string{fmt.Sprintf(wants, "a", `,"requestState":"first"`), fmt.Sprintf(wants, "b", ""), fmt.Sprintf(wants, "c", `,"requestState":null`), `{"content":[]}`} {
		server.Next(mcptest.ResultAnswer(json.RawMessage(result)).On("tools/call"))
	}
	_, err := session.CallTool(t.Context(), "echo", nil)
	require.NoError(t, err)
	rounds := roundsOf(t, server)
	require.Len(t, rounds, 4)
	require.Equal(t, "first", *rounds[1].State)
	for i, key := range []string{"a", "b", "c"} {
		require.Len(t, rounds[i+1].Responses, 1)
		require.Contains(t, rounds[i+1].Responses, key)
	}
	require.Nil(t, rounds[2].State)
	require.Nil(t, rounds[3].State)
}

// TestInputOfAHandmadeCall: a caller who brings a round of his own is asked further ones, and each request has one state.
func TestInputOfAHandmadeCall(t *testing.T) {
	session, server := statelessly(t, clientThat(willing))
	server.Next(mcptest.InputRequired("theirs", inputsOf("roots")))
	server.Next(mcptest.ResultAnswer(json.RawMessage(`{"content":[]}`)).On("tools/call"))
	params := json.RawMessage(`{"name":"echo","requestState":"mine","inputResponses":{"x":{}},"arguments":{"requestState":"stays"}}`)
	require.NoError(t, session.Request(t.Context(), "tools/call", params, nil))
	sent := sentParams(t, server, "tools/call")
	require.Contains(t, sent[0], `"mine"`)
	require.NotContains(t, sent[1], `"mine"`)
	require.Equal(t, 1, strings.Count(sent[1], `"inputResponses"`))
	require.Contains(t, sent[1], `"requestState":"theirs"`)
	require.Contains(t, sent[1], `{"requestState":"stays"}`)
	require.Empty(t, refusalsIn(server))
}

// TestInputParallelCalls: what is asked in one call answers no other.
func TestInputParallelCalls(t *testing.T) {
	client := &mcpclient.Client{Elicit: func(_ context.Context, e *mcpclient.Elicitation) (*mcpclient.ElicitationReply, error) {
		return mcpclient.Accept(map[string]any{"same": e.Message}), nil
	}}
	session, server := statelessly(t, client)
	server.AddTool(mcpclient.Tool{Name: "mirror"}, func(ctx context.Context, req *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		for range 3 {
			schema := json.RawMessage(`{"type":"object","properties":{"same":{"type":"string"}}}`)
			answer, err := req.Ask(ctx, "elicitation/create", map[string]any{"message": string(req.Arguments), "requestedSchema": schema})
			if err != nil {
				return nil, err
			}
			var reply struct{ Content struct{ Same string } }
			if err := json.Unmarshal(answer, &reply); err != nil || reply.Content.Same != string(req.Arguments) {
				return nil, fmt.Errorf("%s for %s", answer, req.Arguments)
			}
		}
		return mcptest.Text(string(req.Arguments)), nil
	})
	require.NoError(t, together(t, 30, func(ctx context.Context, caller int) error {
		result, err := session.CallTool(ctx, "mirror", map[string]int{"caller": caller})
		if err == nil && result.Text() != fmt.Sprintf(`{"caller":%d}`, caller) {
			err = fmt.Errorf("caller %d got %s", caller, result.Text())
		}
		return err
	}))
	require.Empty(t, refusalsIn(server))
}

// TestInputNothingButWait: a server may only want to be asked again. That takes its time, and no handler.
func TestInputNothingButWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		session, server := statelesslyInMemory(t, new(mcpclient.Client))
		server.Next(mcptest.InputRequired("later", nil).Times(6))
		begun := time.Now()
		_, err := session.CallTool(t.Context(), "echo", nil)
		require.NoError(t, err)
		require.Positive(t, time.Since(begun))
		require.Less(t, time.Since(begun), time.Minute)
		rounds := roundsOf(t, server)
		require.Len(t, rounds, 7)
		require.Nil(t, rounds[1].Responses)
		require.Equal(t, "later", *rounds[1].State)

		server.Always(mcptest.InputRequired("later", nil))
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err = session.CallTool(ctx, "echo", nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// TestInputWithoutEnd: a server that asks for ever is answered so often and no more. The error carries what is needed to go on.
func TestInputWithoutEnd(t *testing.T) {
	for limit, client := range map[int]*mcpclient.Client{10: clientThat(willing), 3: clientThat(willing)} {
		if limit == 3 {
			client.Limits.InputRounds = 3
		}
		asked := 0
		client.Roots = func(context.Context) ([]mcpclient.Root, error) {
			asked++
			return nil, nil
		}
		session, server := statelessly(t, client)
		server.Always(mcptest.InputRequired("again", inputsOf("roots")))
		_, err := session.CallTool(t.Context(), "echo", map[string]any{"text": "x"})
		pending := asCause[*mcpclient.InputRequiredError](t, err)
		require.EqualValues(t, limit, asCause[*mcpclient.LimitError](t, err).Limit)
		require.Contains(t, err.Error(), "Limits.InputRounds")
		require.Equal(t, mcpclient.DeliveryAnswered, asCallError(t, err).Delivery)
		require.Equal(t, limit, asked)
		require.Len(t, requestsBy(server, http.MethodPost, "tools/call"), limit+1)
		require.Equal(t, "again", *pending.State)
		require.Len(t, pending.Requests, 1)
		require.Equal(t, "echo", pending.Target)
		require.Zero(t, server.Executed())
	}
}

// TestInputUnreadable: what asks for nothing, for too much, or in a form of its own is an error of the server.
func TestInputUnreadable(t *testing.T) {
	session, server := statelessly(t, clientThat(func(context.Context, string) error {
		t.Error("somebody was asked")
		return nil
	}))
	var many strings.Builder
	for i := range 101 {
		fmt.Fprintf(&many, `,"k%d":{"method":"roots/list"}`, i)
	}
	for _, members := range []string{
		``, `,"inputRequests":{}`, `,"inputRequests":null,"requestState":null`, `,"inputRequests":[]`, `,"requestState":7`, `,"inputRequests":{"k":7}`,
		`,"inputRequests":{` + many.String()[1:] + `}`,
	} {
		before := len(server.Requests())
		server.Next(answering("tools/call", `{"resultType":"input_required"`+members+`}`))
		_, err := session.CallTool(t.Context(), "echo", nil)
		require.ErrorIs(t, err, mcpclient.ErrProtocol, members)
		require.Equal(t, mcpclient.DeliveryAnswered, asCallError(t, err).Delivery)
		require.Len(t, server.Requests(), before+1)
	}
}

// TestInputNotOffered: who is asked for what the call did not offer asks nobody, also not for what stands beside it.
func TestInputNotOffered(t *testing.T) {
	for name, strange := range map[string]mcptest.InputRequest{
		"model": inputs["model"], "roots": inputs["roots"], "page": inputs["page"],
		"unknown method": {Method: "acme/ask", Params: map[string]any{"message": "?"}}, "other case": {Method: "Elicitation/Create"},
		"unknown mode": {Method: "elicitation/create", Params: map[string]any{"mode": "voice", "message": "?"}},
	} {
		client := &mcpclient.Client{Elicit: func(context.Context, *mcpclient.Elicitation) (*mcpclient.ElicitationReply, error) {
			t.Errorf("%s: the user was asked", name)
			return mcpclient.Accept(nil), nil
		}}
		session, server := statelessly(t, client)
		server.Next(mcptest.InputRequired("s", map[string]mcptest.InputRequest{"a": inputs["form"], "b": strange, "c": inputs["form"]}))
		_, err := session.CallTool(t.Context(), "echo", nil)
		pending := asCause[*mcpclient.InputRequiredError](t, err)
		require.ErrorIs(t, err, mcpclient.ErrProtocol, name)
		require.Len(t, pending.Requests, 3)
		require.Equal(t, strange.Method, pending.Requests["b"].Method)
		require.Equal(t, mcpclient.DeliveryAnswered, asCallError(t, err).Delivery)
		require.Len(t, requestsBy(server, http.MethodPost, "tools/call"), 1)
		require.Empty(t, slices.DeleteFunc(server.Executions(), func(e mcptest.Execution) bool { return e.Tool != "echo" }))
	}
}
