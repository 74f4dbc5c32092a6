package mcpclient_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// asksFor is a request of the server as it stands on a stream.
func asksFor(id, method, params string) string {
	return event(`{"jsonrpc":"2.0","id":` + id + `,"method":"` + method + `","params":` + params + `}`)
}

const (
	formParams = `{"message":"?","requestedSchema":{"type":"object","properties":{}}}`
	pageParams = `{"mode":"url","message":"?","url":"https://example.com/","elicitationId":"%s"}`
)

// takesBack is the server's word that it does not want an answer any more.
func takesBack(id string) string {
	return event(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":` + id + `,"reason":"too late"}}`)
}

// requireReply returns what the client answered to the request of this id.
func requireReply(t *testing.T, server *impostor, id string) wireMessage {
	t.Helper()
	match := func(m *wireMessage) bool { return isReply(m) && string(m.ID) == id }
	found := server.await(t.Context(), 1, match)
	require.Len(t, found, 1, "answers to %s", id)
	return found[0]
}

func codeOf(t *testing.T, m *wireMessage) int {
	t.Helper()
	var failure struct{ Code int }
	require.NoError(t, json.Unmarshal(m.Error, &failure), "%s", m.Body)
	return failure.Code
}

// TestHandlersAnswer: while a call runs, the server gets what the handlers say, whatever the reply of the call looks like.
func TestHandlersAnswer(t *testing.T) {
	for _, options := range [][]mcptest.Option{nil, {mcptest.Streams()}, {mcptest.Resumable()}, {mcptest.StandaloneStream()}} {
		server := mcptest.New(t, options...)
		session := openSession(t, clientThat(willing), server)
		askingServer(server, inputs)
		for method, call := range askingCalls(session) {
			told, err := call(t.Context())
			require.NoError(t, err, method)
			requireTold(t, told, "form", "page", "model", "roots")
		}
		require.Len(t, server.Answers(), 3*4, "each once")
		require.Zero(t, session.Stats().StrayAnswers)
		require.Zero(t, session.Stats().Dropped)
	}
}

// TestHandlersIDs: an answer carries the id of its request as it was, byte for byte, and is sent once.
func TestHandlersIDs(t *testing.T) {
	server := newImpostor(t)
	session := server.connect(t, clientThat(willing))
	ids := []string{"0", "-1", "7", "7.0", "1e2", "9007199254740993", `"7"`, `""`, `"a b"`, `"\u0041\/é"`}
	server.answersCalls(func(w http.ResponseWriter, r *http.Request, m *wireMessage) {
		send := startStream(w)
		for _, id := range ids {
			send(asksFor(id, "roots/list", "{}"))
		}
		server.await(r.Context(), len(ids), isReply)
		send(event(answerTo(m)))
	})
	_, err := session.CallTool(t.Context(), "echo", nil)
	require.NoError(t, err)
	require.NoError(t, session.Close())
	var got []string
	for _, reply := range server.arrived(isReply) {
		got = append(got, string(reply.ID))
		require.JSONEq(t, whatIsTold["roots"], string(reply.Result))
		require.NotEmpty(t, reply.Header.Get("MCP-Protocol-Version"))
		require.Equal(t, "application/json", reply.Header.Get("Content-Type"))
	}
	require.ElementsMatch(t, ids, got)
}

// TestHandlersAreBounded: so many requests are handled at once; the server hears of the others at once, and may ask again. An id
// under which one is being handled is no other's.
func TestHandlersAreBounded(t *testing.T) {
	const most = 16
	begun, release := make(chan struct{}, 100), make(chan struct{})
	server := newImpostor(t)
	session := server.connect(t, clientThat(func(context.Context, string) error {
		begun <- struct{}{}
		<-release
		return nil
	}))
	server.answersCalls(func(w http.ResponseWriter, r *http.Request, m *wireMessage) {
		send := startStream(w)
		send(asksFor("1", "roots/list", "{}"))
		<-begun
		send(asksFor("1", "roots/list", "{}")) // it is being handled
		server.await(r.Context(), 1, isReply)
		for n := 2; n <= most+2; n++ {
			send(asksFor(strconv.Itoa(n), "roots/list", "{}"))
		}
		server.await(r.Context(), 3, isReply)
		close(release)
		server.await(r.Context(), most+3, isReply)
		send(asksFor("99", "roots/list", "{}"))
		server.await(r.Context(), most+4, isReply)
		send(event(answerTo(m)))
	})
	_, err := session.CallTool(t.Context(), "echo", nil)
	require.NoError(t, err)
	replies := server.arrived(isReply)
	require.Len(t, replies, most+4)
	for i, reply := range replies {
		if i < 3 {
			require.Equal(t, -32603, codeOf(t, &reply))
			require.Contains(t, string(reply.Error), "busy")
			continue
		}
		require.Nil(t, reply.Error, "%s", reply.Body)
	}
	require.Equal(t, "1", string(replies[0].ID))
	requireReply(t, server, "99")
}

// TestHandlersTakenBack: a request that the server cancels ends its handler, and gets no answer. No other is touched.
func TestHandlersTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		release := make(chan struct{})
		server := newImpostorInMemory(t)
		begun := make(chan string, 2)
		session := server.connect(t, clientThat(func(ctx context.Context, kind string) error {
			begun <- kind
			if kind == "form" {
				<-ctx.Done()
				ended <- ctx.Err()
				return nil
			}
			<-release
			return ctx.Err()
		}))
		server.answersCalls(func(w http.ResponseWriter, r *http.Request, m *wireMessage) {
			send := startStream(w)
			send(asksFor(`"1"`, "elicitation/create", formParams) + asksFor("1", "roots/list", "{}"))
			<-begun
			<-begun
			send(takesBack("7") + takesBack(`"unknown"`) + takesBack("null") + takesBack("{}") + takesBack(`"1"`))
			<-ended
			_ = after(r.Context(), time.Second) // for an answer that must not come
			send(takesBack(`"1"`))              // again
			close(release)
			server.await(r.Context(), 1, isReply)
			send(asksFor(`"1"`, "ping", "{}")) // the id is free
			server.await(r.Context(), 2, isReply)
			send(event(answerTo(m)))
		})
		_, err := session.CallTool(t.Context(), "echo", nil)
		require.NoError(t, err)
		require.NoError(t, session.Close())
		replies := server.arrived(isReply)
		require.Len(t, replies, 2)
		require.Equal(t, "1", string(replies[0].ID))
		require.Nil(t, replies[0].Error)
		require.JSONEq(t, "{}", string(replies[1].Result))
	})
}

// TestHandlersEndWithTheCall that they were asked in, however it ends. The answer is sent all the same, but for Close.
func TestHandlersEndWithTheCall(t *testing.T) {
	for name, end := range map[string]func(send func(string), m *wireMessage, cancel func(), session *mcpclient.Session){
		"answer": func(send func(string), m *wireMessage, _ func(), _ *mcpclient.Session) { send(event(answerTo(m))) },
		"cancel": func(_ func(string), _ *wireMessage, cancel func(), _ *mcpclient.Session) { cancel() },
		"close":  func(_ func(string), _ *wireMessage, _ func(), session *mcpclient.Session) { go session.Close() },
	} {
		begun, ended := make(chan struct{}), make(chan error, 1)
		server := newImpostor(t)
		session := server.connect(t, clientThat(func(ctx context.Context, _ string) error {
			close(begun)
			<-ctx.Done()
			ended <- ctx.Err()
			return ctx.Err()
		}))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		server.answersCalls(func(w http.ResponseWriter, r *http.Request, m *wireMessage) {
			send := startStream(w)
			send(asksFor("5", "elicitation/create", formParams))
			<-begun
			end(send, m, cancel, session)
			if name != "answer" {
				<-r.Context().Done()
			}
		})
		_, err := session.CallTool(ctx, "echo", nil)
		require.ErrorIs(t, <-ended, context.Canceled, name)
		switch name {
		case "answer":
			require.NoError(t, err)
		case "cancel":
			require.ErrorIs(t, err, context.Canceled)
		case "close":
			require.ErrorIs(t, err, mcpclient.ErrClosed)
		}
		if name == "close" {
			require.NoError(t, session.Close())
			require.Empty(t, server.arrived(isReply))
			continue
		}
		reply := requireReply(t, server, "5")
		require.Equal(t, -32603, codeOf(t, &reply), name)
	}
}

// TestHandlersRefusals: what the server is told where there is no answer. The words of the application's own errors are not for it,
// and nobody is asked for what was not offered.
func TestHandlersRefusals(t *testing.T) {
	const secret = "the vault is at 10.0.0.7"
	broken := func(context.Context, string) error { return errors.New(secret) }
	declining := func(context.Context, string) error { return mcpclient.ErrDeclined }
	formOnly, pageOnly := &mcpclient.Client{Elicit: elicits}, &mcpclient.Client{ElicitURL: opens}
	page := fmt.Sprintf(pageParams, "x")
	for name, test := range map[string]struct {
		client         *mcpclient.Client
		method, params string
		code           int // 0: an answer
	}{
		"a page where forms are offered": {formOnly, "elicitation/create", page, -32602},
		"a form where pages are offered": {pageOnly, "elicitation/create", formParams, -32602},
		"a form without a mode":          {formOnly, "elicitation/create", formParams, 0},
		"an unknown mode":                {formOnly, "elicitation/create", `{"mode":"voice","message":"?"}`, -32602},
		"params of another form":         {formOnly, "elicitation/create", `{"mode":7}`, -32602},
		"params that are no object":      {formOnly, "elicitation/create", `[1]`, -32602},
		"no such handler":                {formOnly, "sampling/createMessage", `{"messages":[],"maxTokens":1}`, -32601},
		"no handler at all":              {new(mcpclient.Client), "roots/list", `{}`, -32601},
		"an unknown method":              {clientThat(willing), "acme/ask", `{}`, -32601},
		"a handler that fails":           {clientThat(broken), "elicitation/create", formParams, -32603},
		"sampling that fails":            {clientThat(broken), "sampling/createMessage", `{"messages":[],"maxTokens":1}`, -32603},
		"a form that is declined":        {clientThat(declining), "elicitation/create", formParams, 0},
		"sampling that is declined":      {clientThat(declining), "sampling/createMessage", `{"messages":[],"maxTokens":1}`, -1},
		"a handler that ends its goroutine": {clientThat(func(context.Context, string) error {
			runtime.Goexit()
			return nil
		}), "roots/list", `{}`, -32603},
	} {
		t.Run(name, func(t *testing.T) {
			var log lockedBuffer
			test.client.Logger = slog.New(slog.NewTextHandler(&log, nil))
			server := newImpostor(t)
			session := server.connect(t, test.client)
			server.answersCalls(func(w http.ResponseWriter, r *http.Request, m *wireMessage) {
				send := startStream(w)
				send(asksFor(`"q"`, test.method, test.params))
				server.await(r.Context(), 1, isReply)
				send(event(answerTo(m)))
			})
			_, err := session.CallTool(t.Context(), "echo", nil)
			require.NoError(t, err)
			id := session.ID()
			require.NoError(t, session.Close())
			reply := requireReply(t, server, `"q"`)
			require.NotContains(t, string(reply.Body), secret)
			require.NotContains(t, string(reply.Body), id)
			require.NotContains(t, log.String(), id)
			if test.code == 0 {
				require.Nil(t, reply.Error, "%s", reply.Body)
				return
			}
			require.Equal(t, test.code, codeOf(t, &reply), "%s", reply.Body)
		})
	}
}

// lockedBuffer is a log that several goroutines write.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// TestHandlersAnswerIsNotWanted: that a server refuses an answer ends no session, and no call. The log says it, without the session's id.
func TestHandlersAnswerIsNotWanted(t *testing.T) {
	var log lockedBuffer
	client := clientThat(willing)
	client.Logger = slog.New(slog.NewTextHandler(&log, nil))
	server := newImpostor(t)
	session := server.connect(t, client)
	id := session.ID()
	server.answers(func(w http.ResponseWriter, r *http.Request, m *wireMessage) bool {
		switch {
		case isReply(m):
			http.Error(w, "session not found: "+id, http.StatusNotFound)
			return true
		case m.Method == "tools/call":
			send := startStream(w)
			send(asksFor("1", "roots/list", "{}"))
			server.await(r.Context(), 1, isReply)
			send(event(answerTo(m)))
			return true
		default:
			return false
		}
	})
	_, err := session.CallTool(t.Context(), "echo", nil)
	require.NoError(t, err)
	require.NoError(t, session.Err())
	require.Equal(t, id, session.ID())
	require.NoError(t, session.Close())
	require.Contains(t, log.String(), "not accepted")
	require.NotContains(t, log.String(), id)
}

// TestHandlersHoldTheIdleClock: a server that waits for us is not silent. When it has its answer its time runs again.
func TestHandlersHoldTheIdleClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newImpostorInMemory(t)
		session := server.connect(t, clientThat(func(ctx context.Context, _ string) error { return after(ctx, time.Hour) }))
		server.answersCalls(func(w http.ResponseWriter, r *http.Request, _ *wireMessage) {
			send := startStream(w)
			send(asksFor("1", "elicitation/create", formParams))
			server.await(r.Context(), 1, isReply)
			<-r.Context().Done() // and then says nothing
		})
		begun := time.Now()
		_, err := session.CallTool(t.Context(), "echo", nil, mcpclient.WithIdleTimeout(time.Minute))
		require.ErrorIs(t, err, mcpclient.ErrIdleTimeout)
		require.GreaterOrEqual(t, time.Since(begun), time.Hour+time.Minute)
		require.LessOrEqual(t, time.Since(begun), time.Hour+2*time.Minute)
		require.Nil(t, requireReply(t, server, "1").Error)
	})
}

// TestHandlersOnTheStandaloneStream: a server may ask without any call. Such a handler ends with the session.
func TestHandlersOnTheStandaloneStream(t *testing.T) {
	ended, begun := make(chan error, 1), make(chan struct{})
	server := newImpostor(t)
	server.answers(func(w http.ResponseWriter, r *http.Request, m *wireMessage) bool {
		if m.HTTPMethod != http.MethodGet {
			return false
		}
		send := startStream(w)
		send(asksFor("0", "ping", "{}") + asksFor(`"r"`, "roots/list", "{}"))
		server.await(r.Context(), 2, isReply)
		send(asksFor("1", "elicitation/create", formParams))
		<-r.Context().Done()
		return true
	})
	session := server.connect(t, clientThat(func(ctx context.Context, kind string) error {
		if kind == "roots" {
			return nil
		}
		close(begun)
		<-ctx.Done()
		ended <- ctx.Err()
		return nil
	}))
	requireReply(t, server, "0")
	require.JSONEq(t, whatIsTold["roots"], string(requireReply(t, server, `"r"`).Result))
	<-begun
	require.NoError(t, session.Ping(t.Context()), "it keeps no call from anything")
	require.NoError(t, session.Close())
	require.ErrorIs(t, <-ended, context.Canceled)
	require.Len(t, server.arrived(isReply), 2)
}

// TestRootsChanged is a notification where there are sessions, which have been told that it may come.
func TestRootsChanged(t *testing.T) {
	server := mcptest.New(t)
	session := openSession(t, clientThat(willing), server)
	require.NoError(t, session.RootsChanged(t.Context()))
	require.Len(t, requestsBy(server, http.MethodPost, "notifications/roots/list_changed"), 1)
	info, known := server.Session(session.ID())
	require.True(t, known)
	var offered struct{ Roots struct{ ListChanged bool } }
	require.NoError(t, json.Unmarshal(info.Capabilities, &offered))
	require.True(t, offered.Roots.ListChanged)

	without := openSession(t, new(mcpclient.Client), server)
	require.ErrorIs(t, without.RootsChanged(t.Context()), mcpclient.ErrUnsupported)
	require.Len(t, requestsBy(server, http.MethodPost, "notifications/roots/list_changed"), 1)
}
