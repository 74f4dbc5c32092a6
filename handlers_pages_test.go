package mcpclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

const codePages = -32042

// pagesError is the error of a server whose user has to open these pages first.
func pagesError(ids ...string) *mcpclient.RPCError {
	data := `{"elicitations":[`
	for i, id := range ids {
		if i > 0 {
			data += ","
		}
		data += fmt.Sprintf(pageParams, id)
	}
	return &mcpclient.RPCError{Code: codePages, Message: "open these first", Data: json.RawMessage(data + "]}")}
}

// pagedTool refuses its first n calls until pages are opened.
func pagedTool(server *mcptest.Server, n int64, ids ...string) *atomic.Int64 {
	calls := new(atomic.Int64)
	server.AddTool(mcpclient.Tool{Name: "paged"}, func(context.Context, *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		if calls.Add(1) <= n {
			return nil, pagesError(ids...)
		}
		return mcptest.Text("done"), nil
	})
	return calls
}

// requirePagesError checks that the caller got the server's own error.
func requirePagesError(t *testing.T, err error) {
	t.Helper()
	require.EqualValues(t, codePages, asCause[*mcpclient.RPCError](t, err).Code)
	require.Equal(t, mcpclient.DeliveryAnswered, asCallError(t, err).Delivery)
}

// TestPagesFirst: the user is asked to open all the pages, and the call is sent again.
func TestPagesFirst(t *testing.T) {
	server := mcptest.New(t)
	calls := pagedTool(server, 1, "a", "b")
	opened := make(chan string, 10)
	session := openSession(t, &mcpclient.Client{ElicitURL: func(_ context.Context, u *mcpclient.URLElicitation) (*mcpclient.ElicitationReply, error) {
		opened <- u.ID
		require.Equal(t, "https://example.com/", u.URL)
		return mcpclient.Accept(nil), nil
	}}, server)
	result, err := session.CallTool(t.Context(), "paged", nil)
	require.NoError(t, err)
	require.Equal(t, "done", result.Text())
	require.EqualValues(t, 2, calls.Load())
	require.ElementsMatch(t, []string{"a", "b"}, []string{<-opened, <-opened})
	sent := requestsBy(server, http.MethodPost, "tools/call")
	require.NotEqual(t, sent[0].ID, sent[1].ID)
	require.Empty(t, server.Answers(), "the consent is the caller's own business")
}

// TestPagesNotOpened: without the user's consent the call is not repeated, and the error is the server's.
func TestPagesNotOpened(t *testing.T) {
	broken := errors.New("no browser")
	for name, handler := range map[string]func(context.Context, *mcpclient.URLElicitation) (*mcpclient.ElicitationReply, error){
		"none": nil,
		"decline": func(context.Context, *mcpclient.URLElicitation) (*mcpclient.ElicitationReply, error) {
			return mcpclient.Decline(), nil
		},
		"cancel": func(context.Context, *mcpclient.URLElicitation) (*mcpclient.ElicitationReply, error) {
			return mcpclient.Cancel(), nil
		},
		"one of two": func(_ context.Context, u *mcpclient.URLElicitation) (*mcpclient.ElicitationReply, error) {
			if u.ID == "a" {
				return mcpclient.Accept(nil), nil
			}
			return nil, mcpclient.ErrDeclined
		},
		"broken": func(context.Context, *mcpclient.URLElicitation) (*mcpclient.ElicitationReply, error) {
			return nil, broken
		},
	} {
		server := mcptest.New(t)
		calls := pagedTool(server, 100, "a", "b")
		session := openSession(t, &mcpclient.Client{ElicitURL: handler, Elicit: elicits}, server)
		_, err := session.CallTool(t.Context(), "paged", nil)
		require.EqualValues(t, 1, calls.Load(), name)
		if name != "broken" {
			requirePagesError(t, err)
			continue
		}
		require.ErrorIs(t, err, broken)
		require.Len(t, asCause[*mcpclient.InputRequiredError](t, err).Requests, 2)
	}
}

// TestPagesWithoutEnd: a server that is never content is asked so often and no more, and not in a rush.
func TestPagesWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory())
		calls := pagedTool(server, 100, "a")
		client := &mcpclient.Client{ElicitURL: opens}
		client.Limits.InputRounds = 4
		session := sessionOf(t, server, client)
		begun := time.Now()
		_, err := session.CallTool(t.Context(), "paged", nil)
		requirePagesError(t, err)
		require.EqualValues(t, 1+4, calls.Load())
		require.Positive(t, time.Since(begun))
		require.Less(t, time.Since(begun), time.Minute)

		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err = session.CallTool(ctx, "paged", nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// TestPagesUnreadable: the server's own error tells more than ours would.
func TestPagesUnreadable(t *testing.T) {
	server := mcptest.New(t)
	session := openSession(t, &mcpclient.Client{ElicitURL: func(context.Context, *mcpclient.URLElicitation) (*mcpclient.ElicitationReply, error) {
		t.Error("the user was asked")
		return mcpclient.Accept(nil), nil
	}}, server)
	many := make([]string, 101)
	for _, failure := range []*mcpclient.RPCError{
		{Code: codePages}, {Code: codePages, Data: json.RawMessage(`7`)}, {Code: codePages, Data: json.RawMessage(`{"elicitations":[]}`)},
		{Code: codePages, Data: json.RawMessage(`{"elicitations":{}}`)}, pagesError(many...),
	} {
		server.Next(mcptest.ErrorAnswer(0, failure).On("tools/call"))
		_, err := session.CallTool(t.Context(), "echo", nil)
		requirePagesError(t, err)
	}
	// What must not be opened is not, and neither is what is no page.
	for _, page := range []string{`{"mode":"url","message":"?","url":"javascript:alert(1)"}`, formParams} {
		server.Next(mcptest.ErrorAnswer(0, &mcpclient.RPCError{Code: codePages, Data: json.RawMessage(`{"elicitations":[` + page + `]}`)}).On("tools/call"))
		_, err := session.CallTool(t.Context(), "echo", nil)
		asCause[*mcpclient.InputRequiredError](t, err)
		require.ErrorIs(t, err, mcpclient.ErrProtocol)
	}
	require.Zero(t, server.Executed())
}

// TestPagesInTheStatelessEra: the code has lost its meaning there.
func TestPagesInTheStatelessEra(t *testing.T) {
	session, server := statelessly(t, &mcpclient.Client{ElicitURL: func(context.Context, *mcpclient.URLElicitation) (*mcpclient.ElicitationReply, error) {
		t.Error("the user was asked")
		return mcpclient.Accept(nil), nil
	}})
	calls := pagedTool(server, 100, "a")
	_, err := session.CallTool(t.Context(), "paged", nil)
	requirePagesError(t, err)
	require.EqualValues(t, 1, calls.Load())
}

// TestPagesInTheStatelessEraAreDoneWithSilently: no notice will come there, whatever the server calls the page.
func TestPagesInTheStatelessEraAreDoneWithSilently(t *testing.T) {
	session, server := statelessly(t, &mcpclient.Client{ElicitURL: func(_ context.Context, u *mcpclient.URLElicitation) (*mcpclient.ElicitationReply, error) {
		if u.Completed() != nil {
			return nil, errors.New("it waits for ever")
		}
		return mcpclient.Accept(nil), nil
	}})
	askingServer(server, map[string]mcptest.InputRequest{"page": {Method: "elicitation/create", Params: json.RawMessage(fmt.Sprintf(pageParams, "a"))}})
	_, err := askingCalls(session)["tools/call"](t.Context())
	require.NoError(t, err)
}

// TestPagesAreDoneWith: Completed is closed when the server says so of this page, on whichever stream. What it says of others, or says twice, is nothing.
func TestPagesAreDoneWith(t *testing.T) {
	server := newImpostor(t)
	done := func(id string) string {
		return event(`{"jsonrpc":"2.0","method":"notifications/elicitation/complete","params":{"elicitationId":` + id + `}}`)
	}
	seen := make(chan *mcpclient.URLElicitation)
	session := server.connect(t, &mcpclient.Client{ElicitURL: func(ctx context.Context, u *mcpclient.URLElicitation) (*mcpclient.ElicitationReply, error) {
		seen <- u
		if u.Completed() == nil {
			return mcpclient.Accept(nil), nil
		}
		select {
		case <-u.Completed():
			return mcpclient.Accept(nil), nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}})
	server.answersCalls(func(w http.ResponseWriter, r *http.Request, m *wireMessage) {
		send := startStream(w)
		send(done(`"a"`)) // nobody was asked yet
		send(asksFor("1", "elicitation/create", fmt.Sprintf(pageParams, "a")) + asksFor("2", "elicitation/create", fmt.Sprintf(pageParams, "b")))
		first, second := <-seen, <-seen
		if first.ID != "a" {
			first, second = second, first
		}
		send(done(`"c"`) + done("7") + done("null") + event(`{"jsonrpc":"2.0","method":"notifications/elicitation/complete"}`) + done(`"a"`) + done(`"a"`))
		<-first.Completed()
		if isClosed(second.Completed()) {
			t.Error("the other page is done with")
		}
		server.await(r.Context(), 1, isReply)
		send(asksFor("3", "elicitation/create", `{"mode":"url","message":"?","url":"https://example.com/"}`)) // no id: nobody will tell
		if (<-seen).Completed() != nil {
			t.Error("a page without an id cannot be done with")
		}
		send(done(`"b"`))
		server.await(r.Context(), 3, isReply)
		send(event(answerTo(m)))
	})
	_, err := session.CallTool(t.Context(), "echo", nil)
	require.NoError(t, err)
	for _, reply := range server.arrived(isReply) {
		require.JSONEq(t, `{"action":"accept"}`, string(reply.Result))
	}
}

// TestPagesAreDoneWithLater: between a refused call and its repeat the standalone stream brings the news.
func TestPagesAreDoneWithLater(t *testing.T) {
	server := mcptest.New(t, mcptest.StandaloneStream())
	pagedTool(server, 1, "a")
	session := openSession(t, &mcpclient.Client{ElicitURL: func(ctx context.Context, u *mcpclient.URLElicitation) (*mcpclient.ElicitationReply, error) {
		server.Broadcast("notifications/elicitation/complete", map[string]any{"elicitationId": u.ID})
		select {
		case <-u.Completed():
			return mcpclient.Accept(nil), nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}, server)
	require.NoError(t, server.Await(t.Context(), func() bool { return server.Listening() == 1 }))
	_, err := session.CallTool(t.Context(), "paged", nil)
	require.NoError(t, err)
}
