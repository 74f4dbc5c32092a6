package mcpclient_test

import (
	"context"
	"errors"
	"iter"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// kinds are the servers of all makes: what they speak, and over which transport.
func kinds() map[string][]mcptest.Option {
	return map[string][]mcptest.Option{
		"sessions":        {mcptest.StandaloneStream()},
		"no session ids":  {mcptest.WithoutSessions()},
		"the first one":   {mcptest.Versions("2024-11-05"), mcptest.StandaloneStream()},
		"stateless":       {mcptest.Stateless()},
		"both eras":       {mcptest.DualEra(), mcptest.StandaloneStream()},
		"two endpoints":   {mcptest.HTTPSSE()},
		"404 for a POST":  {mcptest.HTTPSSE(), mcptest.PostStatus(404)},
		"streams, no ids": {mcptest.WithoutSessions(), mcptest.Streams()},
	}
}

func promiseAnyServer(t *testing.T) {
	for from, before := range kinds() {
		server := mcptest.New(t, before...)
		session := promised(t, server, new(mcpclient.Client))
		calls := 0
		call := func(to string) {
			t.Helper()
			require.NoError(t, session.Ping(t.Context()), "a tool call would meet the cut connection, and its outcome be unknown")
			result, err := session.CallTool(t.Context(), "echo", map[string]any{"text": to, "nonce": from + to})
			require.NoError(t, err, "%s, then %s", from, to)
			require.Equal(t, to, result.Text())
			calls++
		}
		call("")
		for to, after := range kinds() {
			server.Redeploy(after...)
			call(to)
		}
		require.Equal(t, calls, server.Executed())
		require.Empty(t, server.Repeated())
	}
}

func promiseQuestions(t *testing.T) {
	client := &mcpclient.Client{Elicit: func(context.Context, *mcpclient.Elicitation) (*mcpclient.ElicitationReply, error) {
		return mcpclient.Accept(map[string]any{"guests": 2}), nil
	}}
	const booked = `booked: {"action":"accept","content":{"guests":2,"smoking":false}}`
	for kind, options := range kinds() {
		server := mcptest.New(t, options...)
		server.AddTool(mcpclient.Tool{Name: "book"}, bookTable)
		result, err := promised(t, server, client).CallTool(t.Context(), "book", nil)
		require.NoError(t, err, kind)
		require.Equal(t, booked, result.Text(), kind)
	}

	server := mcptest.New(t, mcptest.Stateless())
	server.AddTool(mcpclient.Tool{Name: "book"}, bookTable)
	_, err := promised(t, server, new(mcpclient.Client)).CallTool(t.Context(), "book", nil, mcpclient.WithDeferredInput())
	pending, ok := errors.AsType[*mcpclient.InputRequiredError](err)
	require.True(t, ok, "%v", err)
	answers := make(map[string]any)
	for key := range pending.Requests {
		answers[key] = mcpclient.Accept(map[string]any{"guests": 2, "smoking": false})
	}
	var result mcpclient.ToolResult
	require.NoError(t, promised(t, server, new(mcpclient.Client)).AnswerInput(t.Context(), pending, answers, &result))
	require.Equal(t, booked, result.Text())
}

func promiseNews(t *testing.T) {
	for _, kind := range []string{"sessions", "stateless", "both eras", "two endpoints"} {
		server := mcptest.New(t, kinds()[kind]...)
		session := promised(t, server, new(mcpclient.Client))
		next, stop := iter.Pull2(session.Listen(t.Context(), mcpclient.Filter{Tools: true}))
		hear := func(what string, isIt func(mcpclient.Event) bool) {
			t.Helper()
			for {
				event, err, ok := next()
				require.NoError(t, err, "%s: %s", kind, what)
				require.True(t, ok)
				if isIt(event) {
					return
				}
			}
		}
		changed := func(e mcpclient.Event) bool { return e.Kind == mcpclient.EventToolsChanged }
		hear("it begins", func(e mcpclient.Event) bool { return e.Kind == mcpclient.EventListening })
		server.AddTool(mcpclient.Tool{Name: "one"}, nil)
		hear("a change", changed)

		server.Restart()
		hear("that something may have been missed", func(e mcpclient.Event) bool { return changed(e) && e.Synthetic })
		server.AddTool(mcpclient.Tool{Name: "two"}, nil)
		hear("another change", changed)
		stop()
		require.NoError(t, session.Close())
	}
}
