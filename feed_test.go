package mcpclient_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// The tests of this file run in a bubble of fake time.

// asking is a client with a handler, which needs the standalone stream from the start.
func asking() *mcpclient.Client {
	return &mcpclient.Client{Elicit: func(context.Context, *mcpclient.Elicitation) (*mcpclient.ElicitationReply, error) {
		return mcpclient.Decline(), nil
	}}
}

// gets are the times at which GETs arrived.
func gets(server *mcptest.Server) (times []time.Time) {
	for _, r := range server.Requests() {
		if r.HTTPMethod == http.MethodGet {
			times = append(times, r.Time)
		}
	}
	return times
}

// verifications counts the requests by which a session is looked for.
func verifications(server *mcptest.Server) int {
	n := 0
	for _, r := range server.Requests() {
		if r.Method == "tools/list" {
			n++
		}
	}
	return n
}

// onGET aims a fault at the standalone stream for as long as the server runs.
func onGET(server *mcptest.Server, f mcptest.Fault) (stop func()) {
	return server.Always(f.OnHTTP(http.MethodGet))
}

// eventStream answers with these events and ends.
func eventStream(events string) mcptest.Fault {
	return mcptest.Respond(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, events)
	}))
}

// streamFailures are what a GET may come to, and how often it is tried within an hour.
func streamFailures() map[string]struct {
	fault        mcptest.Fault
	least, most  int
	delaysCallBy time.Duration
} {
	type failure = struct {
		fault        mcptest.Fault
		least, most  int
		delaysCallBy time.Duration
	}
	return map[string]failure{
		"404":             {fault: mcptest.Status(404, nil, "not found"), least: 1, most: 1},
		"405":             {fault: mcptest.Status(405, nil, ""), least: 1, most: 1},
		"501":             {fault: mcptest.Status(501, nil, ""), least: 1, most: 1},
		"401":             {fault: mcptest.Status(401, nil, ""), least: 1, most: 1},
		"HTML":            {fault: mcptest.HTML(), least: 1, most: 1},
		"redirected":      {fault: mcptest.Redirect(302, "/elsewhere"), least: 1, most: 1},
		"500":             {fault: mcptest.Status(500, nil, "oops"), least: 100, most: 1000},
		"503":             {fault: mcptest.Status(503, http.Header{"Retry-After": {"50"}}, "busy"), least: 60, most: 80},
		"reset":           {fault: mcptest.DropBefore(), least: 100, most: 1000, delaysCallBy: time.Second},
		"ends at once":    {fault: eventStream(""), least: 100, most: 1000},
		"polling":         {fault: eventStream("id: 1\nretry: 5000\ndata:\n\n"), least: 100, most: 720},
		"hangs":           {fault: mcptest.Hang(), least: 95, most: 115, delaysCallBy: time.Second},
		"late":            {fault: mcptest.Combine(mcptest.Slow(300*time.Millisecond), mcptest.Status(405, nil, "")), least: 1, most: 1, delaysCallBy: 300 * time.Millisecond},
		"endless event":   {fault: mcptest.EndlessEvent(), least: 100, most: 1000},
		"nothing but :\n": {fault: eventStream(strings.Repeat(":\n\n", 1000)), least: 100, most: 1000},
	}
}

func TestStreamFailuresNeverTouchCalls(t *testing.T) {
	for name, c := range streamFailures() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := mcptest.New(t, mcptest.InMemory(), mcptest.StandaloneStream())
				onGET(server, c.fault)
				client := asking()
				client.MaxMessageSize = 1 << 10
				began := time.Now()
				session := sessionOf(t, server, client)
				require.Zero(t, time.Since(began), "Connect does not wait")
				require.NoError(t, echoOn(t.Context(), session))
				require.Equal(t, c.delaysCallBy, time.Since(began), "the first call waits a moment at most")
				began = time.Now()
				require.NoError(t, echoOn(t.Context(), session))
				require.Zero(t, time.Since(began))

				<-time.After(time.Hour)
				require.NoError(t, echoOn(t.Context(), session))
				require.Zero(t, time.Since(began.Add(time.Hour)))
				require.GreaterOrEqual(t, len(gets(server)), c.least)
				require.LessOrEqual(t, len(gets(server)), c.most)
				require.Equal(t, uint64(1), session.Stats().Generation)
			})
		})
	}
}

func TestStreamIsOpenBeforeTheFirstCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory(), mcptest.StandaloneStream())
		onGET(server, mcptest.Slow(900*time.Millisecond))
		session := sessionOf(t, server, asking())
		began := time.Now()
		impatient, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		require.ErrorIs(t, echoOn(impatient, session), context.DeadlineExceeded)
		require.Equal(t, 100*time.Millisecond, time.Since(began))
		require.Zero(t, server.Listening())
		require.NoError(t, echoOn(t.Context(), session))
		require.Equal(t, 1, server.Listening())
		require.Equal(t, 900*time.Millisecond, time.Since(began))

		// And so on every session.
		server.ForgetSessions()
		began = time.Now()
		require.NoError(t, echoOn(t.Context(), session))
		require.Equal(t, 900*time.Millisecond, time.Since(began))
		require.Equal(t, 1, server.Listening())
	})
}

func TestStreamIsNotOpenedForNobody(t *testing.T) {
	server := mcptest.New(t, mcptest.StandaloneStream())
	session := sessionOf(t, server, new(mcpclient.Client))
	require.NoError(t, echoOn(t.Context(), session))
	require.Empty(t, gets(server))
}

func TestStreamIsTriedForLongerThanAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := tellingServer(t, mcptest.InMemory(), mcptest.StandaloneStream())
		session := sessionOf(t, server, new(mcpclient.Client))
		ear := listenTo(t, session, everything())
		ear.accepted()
		end := onGET(server, mcptest.DropBefore())
		server.DropListens()
		<-time.After(time.Hour)
		tries := gets(server)[1:]
		require.Greater(t, len(tries), 3600/30)
		for i := range tries[1:] {
			require.LessOrEqual(t, tries[i+1].Sub(tries[i]), 30*time.Second)
		}
		require.Less(t, tries[3].Sub(tries[0]), 4*time.Second, "not slow at first")
		ear.silent()

		end()
		ear.hears(suspicions()...)
		server.AddTool(newTool("later"), nil)
		ear.hears(toolsChanged())
		require.Equal(t, uint64(1), session.Stats().Generation)
	})
}

func TestStreamGoesOnWhereItBroke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := tellingServer(t, mcptest.InMemory(), mcptest.StandaloneStream(), mcptest.Resumable(), mcptest.RetryHint(7*time.Second))
		session := sessionOf(t, server, new(mcpclient.Client))
		ear := listenTo(t, session, everything())
		ear.accepted()
		broke := time.Now()
		server.DropListens()
		synctest.Wait()
		server.AddTool(newTool("meanwhile"), nil)
		ear.hears(toolsChanged())
		require.GreaterOrEqual(t, time.Since(broke), 7*time.Second, "the server asked for so long a break")
		require.LessOrEqual(t, time.Since(broke), 7500*time.Millisecond, "of all its clients: they do not come together")
		synctest.Wait()
		ear.silent()
		require.NotEmpty(t, server.Requests()[len(server.Requests())-1].Header.Get("Last-Event-ID"))
		require.Empty(t, server.Requests()[len(server.Requests())-3].Header.Values("Last-Event-ID"), "the first GET has nowhere to go on")
	})
}

// A place that the server does not know any more is given up, the session is not.
func TestStreamBeginsAnewWhereItCannotGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := tellingServer(t, mcptest.InMemory(), mcptest.StandaloneStream(), mcptest.Resumable())
		session := sessionOf(t, server, new(mcpclient.Client))
		ear := listenTo(t, session, everything())
		ear.accepted()
		server.Next(mcptest.Status(400, nil, "Bad Request: unknown Last-Event-ID").OnHTTP(http.MethodGet))
		server.DropListens()
		ear.hears(suspicions()...)
		require.Equal(t, uint64(1), session.Stats().Generation)
		require.Equal(t, 1, verifications(server), "the session was verified")
		require.Len(t, gets(server), 3)
	})
}

// The only thing that tells a session which only listens that it is lost.
func TestStreamRefusedIsVerifiedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := tellingServer(t, mcptest.InMemory(), mcptest.StandaloneStream())
		session := sessionOf(t, server, new(mcpclient.Client))
		ear := listenTo(t, session, everything())
		ear.accepted()

		// A server that lives takes the stream away, and gives it back.
		end := onGET(server, mcptest.Status(404, nil, "no"))
		server.DropListens()
		<-time.After(4 * time.Minute)
		require.Equal(t, 1, verifications(server))
		<-time.After(56 * time.Minute)
		require.LessOrEqual(t, verifications(server), 13, "now and then, the session is asked for")
		require.Equal(t, uint64(1), session.Stats().Generation)
		end()
		ear.hears(suspicions()...)

		// Later the session is really gone.
		server.ForgetSessions()
		ear.accepted()
		ear.hears(suspicions()...)
		require.Equal(t, uint64(2), session.Stats().Generation)
	})
}

// Whoever was told that the server tells of changes is told of those before it could.
func TestStreamOpensLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := tellingServer(t, mcptest.InMemory(), mcptest.StandaloneStream())
		server.Next(mcptest.Status(503, nil, "starting").OnHTTP(http.MethodGet))
		session := sessionOf(t, server, new(mcpclient.Client))
		ear := listenTo(t, session, everything())
		require.Equal(t, everything(), ear.accepted())
		ear.hears(suspicions()...)
		require.Len(t, gets(server), 2)
	})
}

func TestStreamIsNotOffered(t *testing.T) {
	for name, fault := range map[string]mcptest.Fault{
		"405": mcptest.Status(405, nil, ""), "403": mcptest.Status(403, nil, "no"), "HTML": mcptest.HTML(),
	} {
		t.Run(name, func(t *testing.T) {
			server := tellingServer(t, mcptest.StandaloneStream())
			onGET(server, fault)
			var log lockedBuilder
			session := sessionOf(t, server, &mcpclient.Client{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			ear := listenTo(t, session, everything())
			require.Zero(t, ear.accepted(), "the server tells of nothing")
			require.Contains(t, log.String(), "no standalone stream")

			// But what comes along with a call's answer is heard.
			server.Next(mcptest.Notify("notifications/tools/list_changed", nil).On("tools/call"))
			require.NoError(t, echoOn(t.Context(), session))
			ear.hears(toolsChanged())
			server.Next(mcptest.Notify("notifications/resources/updated", map[string]string{"uri": watchedURI}).On("tools/call"))
			require.NoError(t, echoOn(t.Context(), session))
			ear.hears(updated(watchedURI))

			again := listenTo(t, session, everything())
			require.Zero(t, again.accepted())
			require.Len(t, gets(server), 1, "asked for once a session")

			server.ForgetSessions()
			require.NoError(t, echoOn(t.Context(), session))
			require.Zero(t, ear.accepted())
			ear.hears(suspicions()...)
			require.Len(t, gets(server), 2)
		})
	}
}

// What a server sends after the header is looked at late is refused late.
func TestStreamRefusedLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := tellingServer(t, mcptest.InMemory(), mcptest.StandaloneStream())
		onGET(server, mcptest.Combine(mcptest.Slow(3*time.Second), mcptest.Status(405, nil, "")))
		session := sessionOf(t, server, new(mcpclient.Client))
		ear := listenTo(t, session, everything())
		began := time.Now()
		require.Equal(t, everything(), ear.accepted())
		require.Equal(t, time.Second, time.Since(began))
		require.Zero(t, ear.accepted(), "taken back")
		require.Equal(t, 3*time.Second, time.Since(began))
	})
}

// lockedBuilder is a log that several goroutines write.
type lockedBuilder struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *lockedBuilder) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuilder) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// An event over the limit would come again and again if the stream went on where it ended.
func TestStreamPassesOverWhatIsTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory(), mcptest.StandaloneStream())
		onGET(server, mcptest.Respond(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			text := `{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`
			if r.Header.Get("Last-Event-ID") == "1" {
				text = strings.Repeat("x", 2<<10)
			}
			_, _ = io.WriteString(w, "id: 1\ndata: "+text+"\n\n")
		})))
		session := sessionOf(t, server, &mcpclient.Client{MaxMessageSize: 1 << 10})
		ear := listenTo(t, session, mcpclient.Filter{Tools: true})
		ear.accepted()
		for range 3 {
			for ear.next().Synthetic {
			}
		}
	})
}
