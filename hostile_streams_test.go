package mcpclient_test

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// An attack on the stream of what belongs to no call is given up at the same limits, and the stream is opened again.
func TestP12BoundedMemoryOfTheStandaloneStream(t *testing.T) {
	attacks := endlessAttacks()
	for _, name := range []string{"endless line", "endless event", "gzip bomb of an event"} {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t, mcptest.History(1), mcptest.StandaloneStream())
			opened := make(chan struct{}, 100)
			server.Always(attacks[name]().OnHTTP(http.MethodGet).When(func(mcptest.Request) bool { opened <- struct{}{}; return true }))
			session, err := mcpclient.Connect(t.Context(), server.URL())
			require.NoError(t, err)
			ear := listenTo(t, session, mcpclient.Filter{Tools: true})
			grown := peakHeap(func() {
				<-opened
				<-opened // so the first one has been given up
				require.NoError(t, echoOn(t.Context(), session))
			})
			t.Logf("the heap grew by %d KiB", grown>>10)
			require.LessOrEqual(t, grown, int64(heapAllowance))
			require.GreaterOrEqual(t, grown, int64(16<<20), "it was read to the limit")
			ear.leave()
			require.NoError(t, session.Close())
		})
	}
}

// A loop that stands still costs a full queue and not more, and holds up neither the stream nor the calls. What found no room is
// counted, to the last one.
func TestP12BoundedMemoryOfSlowListeners(t *testing.T) {
	const notices, queue = 400_000, 1024
	server := mcptest.New(t, mcptest.History(1), mcptest.StandaloneStream())
	listening, flooded := make(chan struct{}), make(chan struct{})
	server.Next(mcptest.Respond(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		send := startStream(w)
		<-listening
		for i := range notices {
			_, _ = io.WriteString(w, event(`{"method":"notifications/message","params":{"level":"error","data":"`+strconv.Itoa(i)+`"}}`))
		}
		send(event(`{"method":"notifications/tools/list_changed"}`))
		close(flooded)
		<-r.Context().Done()
	})).OnHTTP(http.MethodGet))
	session, err := mcpclient.Connect(t.Context(), server.URL())
	require.NoError(t, err)
	told, dropped := 0, 0
	grown := peakHeap(func() {
		for e, err := range session.Listen(t.Context(), mcpclient.Filter{Logs: "debug", Tools: true}) {
			require.NoError(t, err)
			switch e.Kind {
			case mcpclient.EventListening:
				close(listening)
				<-flooded
				for range 10 {
					require.NoError(t, echoOn(t.Context(), session))
				}
			case mcpclient.EventDropped:
				dropped += e.Dropped
			default:
				told++
			}
			if told+dropped > notices { // a stream that opens late adds a suspicion
				break
			}
		}
	})
	t.Logf("the heap grew by %d KiB", grown>>10)
	require.LessOrEqual(t, grown, int64(heapAllowance/4))
	require.GreaterOrEqual(t, told, queue)
	require.Positive(t, dropped)
	require.NoError(t, session.Close())
}

// A handler that stands still holds up its own call's stream, by the means of TCP, and nothing else; nothing is queued.
func TestP12BoundedMemoryOfSlowHandlers(t *testing.T) {
	const notices = 400_000
	server := newImpostor(t)
	session := server.connect(t, new(mcpclient.Client))
	server.answers(func(w http.ResponseWriter, _ *http.Request, m *wireMessage) bool {
		if m.Method != "resources/read" {
			return false
		}
		send := startStream(w)
		for i := range notices {
			_, _ = io.WriteString(w, event(`{"method":"notifications/message","params":{"level":"error","data":"`+strconv.Itoa(i)+`"}}`))
		}
		send(event(`{"id":` + string(m.ID) + `,"result":{"contents":[]}}`))
		return true
	})
	got := 0
	grown := peakHeap(func() {
		_, err := session.ReadResource(t.Context(), "u", mcpclient.WithLogs("debug", func(mcpclient.LogMessage) {
			if got++; got%(notices/10) == 0 {
				require.NoError(t, echoOn(t.Context(), session))
			}
		}))
		require.NoError(t, err)
	})
	require.Equal(t, notices, got, "each is told, however slowly")
	require.LessOrEqual(t, grown, int64(heapAllowance/4))
}

// retry: is obeyed between 100 ms and a minute: a server must not put a listener to sleep for a day.
func TestListenerWaitsAMinuteAtMost(t *testing.T) {
	for asked, want := range map[string]time.Duration{"86400000": time.Minute, "99999999999999999999": time.Minute, "0": 100 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			server := tellingServer(t, mcptest.InMemory(), mcptest.StandaloneStream())
			onGET(server, eventStream("retry: "+asked+"\nid: 1\ndata:\n\n"))
			ear := listenTo(t, sessionOf(t, server, new(mcpclient.Client)), everything())
			ear.accepted()
			<-time.After(10 * time.Minute)
			opened := gets(server)
			require.Greater(t, len(opened), 8)
			for i := range opened[1:] {
				require.GreaterOrEqual(t, opened[i+1].Sub(opened[i]), want)
				require.LessOrEqual(t, opened[i+1].Sub(opened[i]), time.Minute+15*time.Second, "some jitter aside")
			}
		})
	}
}

// One refusal at a bad moment is not the end of a listener, nor of its session.
func TestListenerOutlastsOneRefusal(t *testing.T) {
	for name, fault := range map[string]mcptest.Fault{
		"503": mcptest.Status(503, nil, ""), "503 with a wait": mcptest.Status(503, http.Header{"Retry-After": {"5"}}, ""), "429": mcptest.Status(429, nil, ""),
		"500": mcptest.Status(500, nil, ""), "502": mcptest.Status(502, nil, ""), "404": mcptest.Status(404, nil, ""), "HTML": mcptest.HTML(),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := tellingServer(t, mcptest.InMemory(), mcptest.StandaloneStream())
				session := sessionOf(t, server, new(mcpclient.Client))
				ear := listenTo(t, session, everything())
				ear.accepted()
				server.Next(fault.OnHTTP(http.MethodGet))
				server.DropListens()
				ear.hears(suspicions()...)
				server.AddTool(newTool("later"), nil)
				ear.hears(toolsChanged())
				require.Empty(t, server.Unused())
				require.Equal(t, uint64(1), session.Stats().Generation)
				require.NoError(t, echoOn(t.Context(), session))
			})
		})
	}
}

// Half a minute without the server, which then still knows its sessions: nothing is lost.
func TestSessionOutlastsAnOutageOfItsServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := tellingServer(t, mcptest.InMemory(), mcptest.StandaloneStream())
		session := sessionOf(t, server, new(mcpclient.Client))
		ear := listenTo(t, session, everything())
		ear.accepted()
		id := session.ID()
		back := server.Always(mcptest.DropBefore().When(func(mcptest.Request) bool { return true }))
		server.DropListens()
		for range 30 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			require.Error(t, echoOn(ctx, session))
			cancel()
			<-time.After(time.Second)
		}
		require.NoError(t, session.Err())
		back()
		require.NoError(t, echoOn(t.Context(), session))
		ear.hears(suspicions()...)
		require.Equal(t, id, session.ID())
		require.Equal(t, 1, server.Initializes())
	})
}
