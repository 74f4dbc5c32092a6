package mcpclient_test

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
)

// How many requests of the server are handled at once is an option.
func TestServerRequestsOption(t *testing.T) {
	begun, release := make(chan struct{}, 10), make(chan struct{})
	server := newImpostor(t)
	client := clientThat(func(context.Context, string) error {
		begun <- struct{}{}
		<-release
		return nil
	})
	client.Limits.ServerRequests = 2
	session := server.connect(t, client)
	server.answersCalls(func(w http.ResponseWriter, r *http.Request, m *wireMessage) {
		send := startStream(w)
		for n := range 3 {
			send(asksFor(strconv.Itoa(n), "roots/list", "{}"))
		}
		server.await(r.Context(), 1, isReply)
		close(release)
		server.await(r.Context(), 3, isReply)
		send(event(answerTo(m)))
	})
	_, err := session.CallTool(t.Context(), "echo", nil)
	require.NoError(t, err)
	replies := server.arrived(isReply)
	require.Len(t, replies, 3)
	require.Equal(t, "2", string(replies[0].ID))
	require.Equal(t, -32603, codeOf(t, &replies[0]))
	require.Len(t, begun, 2)
}

// A server that takes back what it asks for does not get more handlers for it, where those take their time to notice.
func TestServerRequestsTakenBackKeepTheirPlace(t *testing.T) {
	const most = 16
	begun, release := make(chan struct{}, 100), make(chan struct{})
	let := sync.OnceFunc(func() { close(release) })
	defer let()
	server := newImpostor(t)
	session := server.connect(t, clientThat(func(context.Context, string) error {
		begun <- struct{}{}
		<-release // it does not look at its context
		return nil
	}))
	server.answersCalls(func(w http.ResponseWriter, r *http.Request, m *wireMessage) {
		send := startStream(w)
		for n := range most {
			send(asksFor(strconv.Itoa(n), "roots/list", "{}"))
			send(takesBack(strconv.Itoa(n)))
		}
		send(asksFor("99", "roots/list", "{}"))
		server.await(r.Context(), 1, isReply)
		send(event(answerTo(m)))
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // where nobody is busy, nothing would end it
	defer cancel()
	_, err := session.CallTool(ctx, "echo", nil)
	require.NoError(t, err)
	for range most {
		<-begun
	}
	require.Empty(t, begun)
	replies := server.arrived(isReply)
	require.Len(t, replies, 1)
	require.Equal(t, "99", string(replies[0].ID))
	require.Contains(t, string(replies[0].Error), "busy")
	let()
	require.NoError(t, session.Close())
	require.Len(t, server.arrived(isReply), 1, "what was taken back gets no answer")
}

// What waits for a Listen is an option, and what finds no room is counted.
func TestListenQueueOption(t *testing.T) {
	server := newImpostor(t)
	session := server.connect(t, &mcpclient.Client{Limits: mcpclient.Limits{ListenQueue: 4}})
	server.answersCalls(func(w http.ResponseWriter, _ *http.Request, m *wireMessage) {
		send := startStream(w)
		for n := range 10 {
			send(event(`{"method":"notifications/message","params":{"level":"error","data":` + strconv.Itoa(n) + `}}`))
		}
		send(event(answerTo(m)))
	})
	var kinds []mcpclient.EventKind
	dropped := 0
	for e, err := range session.Listen(t.Context(), mcpclient.Filter{Tools: true, Logs: "debug"}) {
		require.NoError(t, err)
		if e.Kind == mcpclient.EventListening {
			_, err := session.CallTool(t.Context(), "echo", nil)
			require.NoError(t, err)
			continue
		}
		kinds = append(kinds, e.Kind)
		if dropped += e.Dropped; dropped > 0 || len(kinds) == 10 {
			break
		}
	}
	require.Equal(t, 6, dropped)
	require.Len(t, kinds, 5)
}
