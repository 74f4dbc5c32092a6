package mcpclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// formTool asks for a form and tells what it got.
func formTool(server *mcptest.Server) { askingServer(server, inputsOf("form")) }

// TestDeferredInputIsDeclared for that call, and for no other; the handlers are not asked.
func TestDeferredInputIsDeclared(t *testing.T) {
	for name, client := range map[string]*mcpclient.Client{"no handlers": {}, "handlers": clientThat(func(context.Context, string) error {
		t.Error("a handler was asked")
		return nil
	})} {
		session, server := statelessly(t, client)
		formTool(server)
		plain := metaOf(t, lastOf(t, server, discoverMethod))[offersKey]
		for method, call := range askingCalls(session) {
			_, err := call(t.Context(), mcpclient.WithDeferredInput())
			pending := requirePending(t, err, server, method)
			require.NoError(t, pending.Err, "nobody was asked")
			var offered struct{ Elicitation map[string]struct{} }
			require.NoError(t, json.Unmarshal(metaOf(t, lastOf(t, server, method))[offersKey], &offered))
			require.Contains(t, offered.Elicitation, "form")
			require.Contains(t, offered.Elicitation, "url")

			var answered any
			require.NoError(t, session.AnswerInput(t.Context(), pending, map[string]any{"form": mcpclient.Accept(nil)}, &answered))
			require.NoError(t, json.Unmarshal(metaOf(t, lastOf(t, server, method))[offersKey], &offered))
			require.Contains(t, offered.Elicitation, "url", "its next round declares the same")
		}
		_, err := mcpclient.Collect(session.Tools(t.Context()))
		require.NoError(t, err)
		require.JSONEq(t, string(plain), string(metaOf(t, lastOf(t, server, "tools/list"))[offersKey]), name)
		require.Empty(t, refusalsIn(server))
	}
}

// TestDeferredInputElsewhere: another process goes on with the call, from the text of the error alone.
func TestDeferredInputElsewhere(t *testing.T) {
	server := mcptest.New(t, mcptest.Stateless())
	for _, kinds := range [][]string{{"form"}, {"page"}, {"form", "page"}} {
		askingServer(server, inputsOf(kinds...))
		for method := range askingCalls(nil) {
			session := openSession(t, new(mcpclient.Client), server)
			_, err := askingCalls(session)[method](t.Context(), mcpclient.WithDeferredInput(), mcpclient.WithMeta("com.example/trace", "t"))
			pending := asCause[*mcpclient.InputRequiredError](t, err)
			kept, err := json.Marshal(pending)
			require.NoError(t, err)
			require.NotContains(t, string(kept), "com.example/trace")
			var later mcpclient.InputRequiredError
			require.NoError(t, json.Unmarshal(kept, &later))
			require.Equal(t, *pending, later)
			again, err := json.Marshal(&later)
			require.NoError(t, err)
			require.Equal(t, string(kept), string(again))
			require.NoError(t, session.Close())

			elsewhere := openSession(t, new(mcpclient.Client), server)
			answers := make(map[string]any)
			for key := range later.Requests {
				answers[key] = mcpclient.Accept(nil)
			}
			var result json.RawMessage
			require.NoError(t, elsewhere.AnswerInput(t.Context(), &later, answers, &result))
			for _, kind := range kinds {
				require.Contains(t, string(result), kind)
			}
		}
	}
	require.Empty(t, refusalsIn(server))
}

// TestAnswerInputKinds: answers are what handlers return, or JSON as it is. Each is held to the rules of its request.
func TestAnswerInputKinds(t *testing.T) {
	broken := errors.New("nobody is there")
	answers := map[string]any{
		"form": mcpclient.Accept(map[string]any{}), "page": mcpclient.Accept(nil), "roots": []mcpclient.Root{{URI: "file:///work"}},
		"model": &mcpclient.SamplingReply{Role: "assistant", Model: "m", Content: []mcpclient.Content{&mcpclient.Text{Text: "hi"}}},
	}
	for _, raw := range []bool{false, true} {
		session, server := statelessly(t, clientThat(func(context.Context, string) error { return broken }))
		askingServer(server, inputs)
		_, err := askingCalls(session)["tools/call"](t.Context())
		pending := requirePending(t, err, server, "tools/call")
		require.ErrorIs(t, err, broken)
		given := make(map[string]any)
		for kind, answer := range answers {
			if given[kind] = answer; raw {
				given[kind] = json.RawMessage(whatIsTold[kind])
			}
		}
		var result mcpclient.ToolResult
		require.NoError(t, session.AnswerInput(t.Context(), pending, given, &result))
		requireTold(t, result.Text(), "form", "page", "model", "roots")
		require.NotEqual(t, requestsBy(server, http.MethodPost, "tools/call")[0].ID, requestsBy(server, http.MethodPost, "tools/call")[1].ID)
		require.Empty(t, refusalsIn(server))
	}
}

// TestAnswerInputRefused: nothing is sent that the server did not ask for, or that breaks the rules of what it asked.
func TestAnswerInputRefused(t *testing.T) {
	session, server := statelessly(t, new(mcpclient.Client))
	formTool(server)
	_, err := askingCalls(session)["tools/call"](t.Context(), mcpclient.WithDeferredInput())
	pending := requirePending(t, err, server, "tools/call")
	for text, answers := range map[string]map[string]any{
		"no answer for":    {},
		"did not ask":      {"form": mcpclient.Accept(nil), "other": mcpclient.Accept(nil)},
		"field":            {"form": mcpclient.Accept(map[string]any{"yes": 7})},
		"does not answer":  {"form": []mcpclient.Root{}},
		"neither a reply":  {"form": (*mcpclient.ElicitationReply)(nil)},
		"unsupported type": {"form": make(chan int)},
		"JSON object":      {"form": json.RawMessage(`7`)},
		"JSON object ":     {"form": nil},
	} {
		err := session.AnswerInput(t.Context(), pending, answers, nil)
		require.Error(t, err, text)
		require.Equal(t, mcpclient.DeliveryNotSent, asCallError(t, err).Delivery, text)
		require.Len(t, requestsBy(server, http.MethodPost, "tools/call"), 1, text)
		if text == "field" {
			require.Equal(t, "yes", asCause[*mcpclient.FieldError](t, err).Field)
		}
		require.ErrorContains(t, err, strings.TrimSpace(text))
		require.NotErrorIs(t, err, mcpclient.ErrProtocol, "the caller's mistake, and not the server's")
	}
}

// TestAnswerInputGoesOn: a call may stand still again. With the option it is pending again; without it the handlers are asked.
func TestAnswerInputGoesOn(t *testing.T) {
	asked := 0
	session, server := statelessly(t, &mcpclient.Client{Roots: func(context.Context) ([]mcpclient.Root, error) {
		asked++
		return nil, nil
	}})
	server.AddTool(mcpclient.Tool{Name: "asks"}, func(ctx context.Context, req *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		for _, kind := range []string{"form", "roots", "form", "roots"} {
			if _, err := req.Ask(ctx, inputs[kind].Method, inputs[kind].Params); err != nil {
				return nil, err
			}
		}
		return mcptest.Text("done: " + string(req.Arguments)), nil
	})
	args := json.RawMessage(`{"text": "x\u0041"}`)
	_, err := session.CallTool(t.Context(), "asks", args, mcpclient.WithDeferredInput())
	first := requirePending(t, err, server, "tools/call")
	require.Equal(t, "input-1", onlyKey(first))
	options := make([]mcpclient.CallOption, 1, 2)
	options[0] = mcpclient.WithDeferredInput()
	err = session.AnswerInput(t.Context(), first, map[string]any{"input-1": mcpclient.Accept(nil)}, nil, options...)
	require.Nil(t, options[:2][1], "the caller's slice is his own")
	second := asCause[*mcpclient.InputRequiredError](t, err)
	require.Equal(t, "input-2", onlyKey(second))
	require.Equal(t, "asks", second.Target)
	require.NotEqual(t, *first.State, *second.State)

	err = session.AnswerInput(t.Context(), second, map[string]any{"input-2": []mcpclient.Root{}}, nil)
	third := asCause[*mcpclient.InputRequiredError](t, err) // nobody is there for a form
	require.Equal(t, "input-3", onlyKey(third))
	require.NoError(t, third.Err, "the call itself declared that a form can be answered: the server broke no rule")
	require.Zero(t, asked)

	var result mcpclient.ToolResult
	require.NoError(t, session.AnswerInput(t.Context(), third, map[string]any{"input-3": mcpclient.Decline()}, &result))
	require.Equal(t, 1, asked)
	require.Equal(t, "done: "+string(args), result.Text(), "byte for byte, through every round")
	require.Empty(t, refusalsIn(server))
}

func onlyKey(pending *mcpclient.InputRequiredError) string {
	for key := range pending.Requests {
		return key
	}
	return ""
}

// TestAnswerInputToNothing: a server that only wanted to be asked again is.
func TestAnswerInputToNothing(t *testing.T) {
	client := new(mcpclient.Client)
	client.Limits.InputRounds = 1
	session, server := statelessly(t, client)
	server.Next(mcptest.InputRequired("later", nil).Times(2))
	_, err := session.CallTool(t.Context(), "echo", map[string]any{"text": "x"})
	pending := asCause[*mcpclient.InputRequiredError](t, err)
	require.Empty(t, pending.Requests)
	require.NotContains(t, err.Error(), "later")
	var result mcpclient.ToolResult
	require.NoError(t, session.AnswerInput(t.Context(), pending, nil, &result))
	require.Equal(t, "x", result.Text())
	require.NotContains(t, sentParams(t, server, "tools/call")[2], "inputResponses")
}

// TestAnswerInputDecodes what it gets by encoding/json, as Request does.
func TestAnswerInputDecodes(t *testing.T) {
	session, server := statelessly(t, new(mcpclient.Client))
	formTool(server)
	_, err := askingCalls(session)["tools/call"](t.Context(), mcpclient.WithDeferredInput())
	pending := requirePending(t, err, server, "tools/call")
	var number int
	err = session.AnswerInput(t.Context(), pending, map[string]any{"form": mcpclient.Cancel()}, &number)
	require.NotEmpty(t, asCause[*mcpclient.DecodeError](t, err).Raw)
	require.Equal(t, mcpclient.DeliveryAnswered, asCallError(t, err).Delivery)
}

// TestInputIsNotCached: what somebody said is good for the call that it was said in.
func TestInputIsNotCached(t *testing.T) {
	asked := 0
	client := &mcpclient.Client{Elicit: func(context.Context, *mcpclient.Elicitation) (*mcpclient.ElicitationReply, error) {
		asked++
		return mcpclient.Accept(nil), nil
	}}
	session, server := statelessly(t, client, mcptest.CacheHints(time.Hour, "public"))
	formTool(server)
	for i := range 2 {
		_, err := session.ReadResource(t.Context(), "file:///asks")
		require.NoError(t, err)
		require.Equal(t, i+1, asked)
	}
	_, err := session.ReadResource(t.Context(), "file:///asks", mcpclient.WithDeferredInput())
	pending := asCause[*mcpclient.InputRequiredError](t, err)
	for range 2 {
		require.NoError(t, session.AnswerInput(t.Context(), pending, map[string]any{"form": mcpclient.Accept(nil)}, nil))
	}
	// A round that the caller brings by hand is no other.
	byHand := map[string]any{"uri": "file:///asks", "inputResponses": map[string]any{"form": map[string]any{"action": "cancel"}}, "requestState": *pending.State}
	for range 2 {
		require.NoError(t, session.Request(t.Context(), "resources/read", byHand, nil))
	}
	require.Zero(t, session.Stats().CacheHits)
	require.Len(t, requestsBy(server, http.MethodPost, "resources/read"), 2*2+1+2+2)
	require.Empty(t, refusalsIn(server))
}
