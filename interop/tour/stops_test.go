package tour_test

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
)

// stops are the methods of a session, each with what the tour does to call it.
func stops() map[string]func(context.Context, *testing.T, *visit) {
	return map[string]func(context.Context, *testing.T, *visit){
		"AnswerInput":       answerInput,
		"AwaitTask":         awaitTask,
		"CallTool":          callTool,
		"CallToolAsTask":    callToolAsTask,
		"CancelTask":        cancelTask,
		"Close":             closeSession,
		"CompletePrompt":    completePrompt,
		"CompleteResource":  completeResource,
		"Detach":            detach,
		"Done":              done,
		"Err":               state,
		"GetPrompt":         getPrompt,
		"ID":                state,
		"Listen":            listen,
		"Notify":            notify,
		"Ping":              ping,
		"Prompts":           list((*mcpclient.Session).Prompts),
		"ReadResource":      readResource,
		"Reinitialize":      reinitialize,
		"Request":           request,
		"ResourceTemplates": list((*mcpclient.Session).ResourceTemplates),
		"Resources":         list((*mcpclient.Session).Resources),
		"RootsChanged":      rootsChanged,
		"Server":            state,
		"SetLogLevel":       setLogLevel,
		"State":             state,
		"Stats":             state,
		"Task":              task,
		"TaskResult":        taskResult,
		"Tasks":             tasks,
		"UpdateTask":        updateTask,
		"Tools":             list((*mcpclient.Session).Tools),
	}
}

func callTool(ctx context.Context, t *testing.T, v *visit) {
	s := v.connect(ctx, t)
	for _, args := range []any{nil, map[string]any{"a": 1}, json.RawMessage(`{ "b" : [1e3, "⚓"] }`), struct{ C string }{"c"}} {
		result, err := s.CallTool(ctx, "everything", args, mcpclient.WithMeta("example.com/trace", "1"))
		require.NoError(t, err)
		require.Len(t, result.Content, 4)
	}
	var steps int
	var said []mcpclient.LogMessage
	_, err := s.CallTool(ctx, "talkative", nil,
		mcpclient.WithProgress(func(mcpclient.Progress) { steps++ }),
		mcpclient.WithLogs("debug", func(m mcpclient.LogMessage) { said = append(said, m) }))
	require.NoError(t, err)
	require.Equal(t, 2, steps)
	require.NotEmpty(t, said)

	result, err := s.CallTool(ctx, "failing", nil)
	require.NoError(t, err)
	require.True(t, result.IsError)
	_, err = s.CallTool(ctx, "no such tool", nil)
	require.Error(t, err)
	asked, err := s.CallTool(ctx, "inquisitive", nil)
	require.NoError(t, err)
	require.Equal(t, "asked", asked.Text())

	cancelled, cancel := context.WithCancel(ctx)
	_, err = s.CallTool(cancelled, "endless", nil, mcpclient.WithProgress(func(mcpclient.Progress) { cancel() }))
	require.ErrorIs(t, err, context.Canceled)
	if !v.modern() { // there the end of the stream says it
		require.NoError(t, v.server.Await(ctx, func() bool { return len(v.server.Cancelled()) == 1 }))
	}
}

// answerInput answers later what a server without sessions asks for. Any other asks at once, and there is nothing to go on with.
func answerInput(ctx context.Context, t *testing.T, v *visit) {
	s := v.connect(ctx, t)
	if !v.modern() {
		return
	}
	_, err := s.CallTool(ctx, "inquisitive", nil, mcpclient.WithDeferredInput())
	for {
		pending, ok := errors.AsType[*mcpclient.InputRequiredError](err)
		require.True(t, ok, "%v", err)
		answers := answersTo(pending.Requests)
		var result mcpclient.ToolResult
		if err = s.AnswerInput(ctx, pending, answers, &result, mcpclient.WithDeferredInput()); err == nil {
			require.Equal(t, "asked", result.Text())
			return
		}
	}
}

// answersTo answers what a server wants to know.
func answersTo(requests map[string]mcpclient.InputRequest) map[string]any {
	answers := map[string]any{}
	for key, request := range requests {
		switch request.Method {
		case "roots/list":
			answers[key] = []mcpclient.Root{{URI: "file:///later"}}
		case "elicitation/create":
			answers[key] = mcpclient.Accept(map[string]any{"name": "Ada"})
		default:
			answers[key] = &mcpclient.SamplingReply{Model: "tour", Content: []mcpclient.Content{&mcpclient.Text{Text: "later"}}}
		}
	}
	return answers
}

func closeSession(ctx context.Context, t *testing.T, v *visit) {
	s := v.connect(ctx, t)
	require.NoError(t, s.Close())
	require.ErrorIs(t, s.Ping(ctx), mcpclient.ErrClosed)
}

func completePrompt(ctx context.Context, t *testing.T, v *visit) {
	values, err := v.connect(ctx, t).CompletePrompt(ctx, "greet", mcpclient.CompletionArgument{Name: "name", Value: "A"})
	require.NoError(t, err)
	require.Equal(t, []string{"Ada", "Alan"}, values.Values)
}

func completeResource(ctx context.Context, t *testing.T, v *visit) {
	values, err := v.connect(ctx, t).CompleteResource(ctx, "tour://greeting/{name}", mcpclient.CompletionArgument{Name: "name", Value: "A"})
	require.NoError(t, err)
	require.Equal(t, []string{"Ada", "Alan"}, values.Values)
}

// detach also resumes: in another process it would be the same session.
func detach(ctx context.Context, t *testing.T, v *visit) {
	s := v.connect(ctx, t)
	left, err := s.Detach()
	require.NoError(t, err)
	resumed, err := v.client().Resume(ctx, left)
	if v.shares { // there is nothing to come back to
		require.ErrorIs(t, err, mcpclient.ErrUnsupported)
		return
	}
	require.NoError(t, err)
	require.NoError(t, resumed.Ping(ctx))
	require.NoError(t, resumed.Close())
}

func done(ctx context.Context, t *testing.T, v *visit) {
	s := v.connect(ctx, t)
	require.NoError(t, s.Close())
	<-s.Done()
}

func getPrompt(ctx context.Context, t *testing.T, v *visit) {
	s := v.connect(ctx, t)
	prompt, err := s.GetPrompt(ctx, "greet", map[string]string{"name": "Ada"})
	require.NoError(t, err)
	require.Len(t, prompt.Messages, 2)
	_, err = s.GetPrompt(ctx, "greet", nil)
	require.NoError(t, err)
}

func notify(ctx context.Context, t *testing.T, v *visit) {
	s := v.connect(ctx, t)
	method, params := "notifications/progress", map[string]any{"progressToken": 1, "progress": 1}
	if v.modern() { // the only notification that it knows from a client
		method, params = "notifications/cancelled", map[string]any{"requestId": 1}
	}
	require.NoError(t, s.Notify(ctx, method, params))
}

func ping(ctx context.Context, t *testing.T, v *visit) {
	require.NoError(t, v.connect(ctx, t).Ping(ctx))
}

func readResource(ctx context.Context, t *testing.T, v *visit) {
	s := v.connect(ctx, t)
	for _, uri := range []string{"tour://motto", "tour://picture", "tour://greeting/Ada"} {
		_, err := s.ReadResource(ctx, uri)
		require.NoError(t, err)
	}
	_, err := s.ReadResource(ctx, "tour://nowhere")
	require.Error(t, err)
}

// reinitialize also loses the session, so that a call opens the next one.
func reinitialize(ctx context.Context, t *testing.T, v *visit) {
	s := v.connect(ctx, t)
	require.NoError(t, s.Reinitialize(ctx))
	v.server.ForgetSessions()
	require.NoError(t, s.Ping(ctx))
}

func rootsChanged(ctx context.Context, t *testing.T, v *visit) {
	require.NoError(t, v.connect(ctx, t).RootsChanged(ctx))
}

func request(ctx context.Context, t *testing.T, v *visit) {
	var page struct{ Tools []mcpclient.Tool }
	require.NoError(t, v.connect(ctx, t).Request(ctx, "tools/list", nil, &page))
	require.NotEmpty(t, page.Tools)
}

func setLogLevel(ctx context.Context, t *testing.T, v *visit) {
	require.NoError(t, v.connect(ctx, t).SetLogLevel(ctx, "warning"))
}

// state asks what a session answers by itself. That it opened is on the wire.
func state(ctx context.Context, t *testing.T, v *visit) {
	s := v.connect(ctx, t)
	require.NoError(t, s.Err())
	require.Equal(t, "mcptest", s.Server().Name)
	require.NotEmpty(t, s.State().Endpoint)
	require.Equal(t, v.modern(), s.ID() == "", "a session has an id")
	_ = s.Stats()
}

// list walks through a list, which has more than one page.
func list[T any](method func(*mcpclient.Session, context.Context, ...mcpclient.CallOption) iter.Seq2[T, error]) func(context.Context, *testing.T, *visit) {
	return func(ctx context.Context, t *testing.T, v *visit) {
		items, err := mcpclient.Collect(method(v.connect(ctx, t), ctx))
		require.NoError(t, err)
		require.NotEmpty(t, items)
	}
}
