package mcpclient_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// addSlowTool adds a tool that reports progress every step and is done after all of them.
func addSlowTool(server *mcptest.Server, steps int, step time.Duration) {
	server.AddTool(mcpclient.Tool{Name: "slow"}, func(ctx context.Context, req *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		for i := range steps {
			if err := after(ctx, step); err != nil {
				return nil, err
			}
			req.Progress(float64(i+1), float64(steps), "")
		}
		return mcptest.Text("done"), nil
	})
}

// after waits for virtual time to pass.
func after(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// requestsBy returns the requests with an HTTP method, and an RPC method if one is given.
func requestsBy(server *mcptest.Server, httpMethod, method string) (found []mcptest.Request) {
	for _, r := range server.Requests() {
		if r.HTTPMethod == httpMethod && (method == "" || r.Method == method) {
			found = append(found, r)
		}
	}
	return found
}

// TestResumeInEveryVersion: a stream that ends or breaks after an event id is taken up with GET; the POST is made once.
func TestResumeInEveryVersion(t *testing.T) {
	for _, version := range []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"} {
		for _, fault := range []mcptest.Fault{mcptest.BreakStream(1), mcptest.CutStream(1)} {
			t.Run(version+", "+fault.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					server := mcptest.New(t, mcptest.InMemory(), mcptest.Resumable(), mcptest.Versions(version))
					session := sessionOf(t, server, &mcpclient.Client{Header: http.Header{"X-App": {"app"}}})
					server.Next(fault.On("tools/call"))
					result, err := session.CallTool(t.Context(), "echo", map[string]string{"text": "hello"}, mcpclient.WithHeader("X-Call", "call"))
					require.NoError(t, err)
					require.Equal(t, "hello", result.Text())

					require.Equal(t, 1, server.Executed())
					require.Len(t, requestsBy(server, http.MethodPost, "tools/call"), 1, "the POST is not repeated")
					gets := requestsBy(server, http.MethodGet, "")
					require.Len(t, gets, 1)
					header := gets[0].Header
					require.Regexp(t, `^s\d+-0$`, header.Get("Last-Event-Id"))
					require.Equal(t, session.ID(), header.Get("Mcp-Session-Id"))
					require.Equal(t, version, header.Get("Mcp-Protocol-Version"))
					require.Equal(t, []string{"text/event-stream"}, header.Values("Accept"))
					require.Equal(t, "identity", header.Get("Accept-Encoding"))
					require.Equal(t, "app", header.Get("X-App"))
					require.Equal(t, "call", header.Get("X-Call"))
					require.NotContains(t, header, "Content-Type")
					require.Empty(t, gets[0].Body)
				})
			})
		}
	}
}

// TestResumeForHours: a server may close its stream every 30 seconds for as long as a tool takes, if each response
// brings a new event id.
func TestResumeForHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory(), mcptest.Resumable(), mcptest.PollEvery(30*time.Second), mcptest.RetryHint(2*time.Second))
		addSlowTool(server, 3, time.Hour)
		session := sessionOf(t, server, new(mcpclient.Client))
		var seen []float64
		start := time.Now()
		result, err := session.CallTool(t.Context(), "slow", nil, mcpclient.WithProgress(func(p mcpclient.Progress) { seen = append(seen, p.Progress) }))
		require.NoError(t, err)
		require.Equal(t, "done", result.Text())
		require.Equal(t, []float64{1, 2, 3}, seen, "each progress once, whichever response brought it")
		require.InDelta(t, 3*time.Hour, time.Since(start), float64(3*time.Second))
		require.Equal(t, 1, server.Executed())
		require.Len(t, requestsBy(server, http.MethodPost, "tools/call"), 1)
		require.Greater(t, len(requestsBy(server, http.MethodGet, "")), 300)
	})
}

// TestResumeManyAtOnce: each call takes up its own stream.
func TestResumeManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory(), mcptest.Resumable())
		server.Always(mcptest.BreakStream(1).On("tools/call"))
		session := sessionOf(t, server, new(mcpclient.Client))
		var group errgroup.Group
		for n := range 50 {
			group.Go(func() error {
				text := fmt.Sprint("call ", n)
				result, err := session.CallTool(t.Context(), "echo", map[string]string{"text": text, "nonce": text})
				if err == nil && result.Text() != text {
					err = fmt.Errorf("%s was answered %s", text, result.Text())
				}
				return err
			})
		}
		require.NoError(t, group.Wait())
		require.Equal(t, 50, server.Executed())
		require.Empty(t, server.Repeated())
	})
}

// A resumeStage is an impostor whose tool call gets a priming event and the end of the stream; what its GETs get is
// the test's business.
type resumeStage struct {
	*impostor
	session *mcpclient.Session

	mu     sync.Mutex
	polled []time.Time // when the stream ended, then each GET
	posted *wireMessage
}

// newResumeStage answers the nth GET, from 1, by get. preface is what the stream of the POST carries.
func newResumeStage(t *testing.T, preface string, get func(n int, w http.ResponseWriter, r *http.Request)) *resumeStage {
	s := &resumeStage{impostor: newImpostorInMemory(t)}
	s.session = s.connect(t, new(mcpclient.Client))
	s.answers(func(w http.ResponseWriter, r *http.Request, m *wireMessage) bool {
		switch {
		case m.Method == "tools/call":
			startStream(w)(preface)
			s.note(m)
			return true
		case r.Method == http.MethodGet:
			get(s.note(m), w, r)
			return true
		default:
			return false
		}
	})
	return s
}

// note returns how many GETs there have been.
func (s *resumeStage) note(m *wireMessage) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.HTTPMethod == http.MethodPost {
		s.posted = m
	}
	s.polled = append(s.polled, time.Now())
	return len(s.polled) - 1
}

// answer is the event that the call waits for.
func (s *resumeStage) answer() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return event(answerTo(s.posted))
}

// waits are the times between the end of a response, if it ends at once, and the next GET.
func (s *resumeStage) waits() (waits []time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := 1; i < len(s.polled); i++ {
		waits = append(waits, s.polled[i].Sub(s.polled[i-1]))
	}
	return waits
}

// resumedFrom lists the Last-Event-ID of each GET.
func (s *resumeStage) resumedFrom() (ids []string) {
	for _, m := range s.arrived(func(m *wireMessage) bool { return m.HTTPMethod == http.MethodGet }) {
		ids = append(ids, m.Header.Get("Last-Event-Id"))
	}
	return ids
}

const primed = "id: 1\ndata:\n\n"

func TestResumeWaitsAsAsked(t *testing.T) {
	for _, c := range []struct {
		retry     string
		low, high time.Duration
	}{
		{"retry: 2000", 2 * time.Second, 2 * time.Second},
		{"retry: 0", 100 * time.Millisecond, 100 * time.Millisecond},
		{"retry: 99", 100 * time.Millisecond, 100 * time.Millisecond},
		{"retry: 86400000", time.Minute, time.Minute},
		{"retry: 99999999999999999999", time.Minute, time.Minute},
		{"retry: 2000\n\nretry: 3000", 3 * time.Second, 3 * time.Second},
		{"retry: 2000\n\nretry: soon", 2 * time.Second, 2 * time.Second},
		{": nothing is asked", 0, 500 * time.Millisecond},
		{"retry: 1.5", 0, 500 * time.Millisecond},
		{"retry: -5", 0, 500 * time.Millisecond},
	} {
		t.Run(c.retry, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var stage *resumeStage
				stage = newResumeStage(t, c.retry+"\n\n"+primed, func(_ int, w http.ResponseWriter, _ *http.Request) {
					startStream(w)(stage.answer())
				})
				_, err := stage.session.CallTool(t.Context(), "echo", nil)
				require.NoError(t, err)
				require.Equal(t, []string{"1"}, stage.resumedFrom())
				require.GreaterOrEqual(t, stage.waits()[0], c.low)
				require.LessOrEqual(t, stage.waits()[0], c.high)
			})
		})
	}
}

// TestResumeBacksOff: without a wish of the server the bound of the jitter doubles, up to 10 seconds.
func TestResumeBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		longest := make([]time.Duration, 5)
		for range 40 {
			stage := newResumeStage(t, primed, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
			_, err := stage.session.CallTool(t.Context(), "echo", nil)
			require.Error(t, err)
			require.Len(t, stage.waits(), 5)
			for i, wait := range stage.waits() {
				longest[i] = max(longest[i], wait)
			}
		}
		for i, bound := range []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second} {
			require.LessOrEqual(t, longest[i], bound)
			require.Greater(t, longest[i], bound/2, "full jitter reaches the upper half of its range in 40 tries")
		}
	})
}

func TestResumeGivesUp(t *testing.T) {
	status := func(code int, header ...string) func(int, http.ResponseWriter, *http.Request) {
		return func(_ int, w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(code)
		}
	}
	stream := func(text string) func(int, http.ResponseWriter, *http.Request) {
		return func(_ int, w http.ResponseWriter, _ *http.Request) { startStream(w)(text) }
	}
	const everyWait = 5 * 2 * time.Second
	for _, c := range []struct {
		name    string
		get     func(int, http.ResponseWriter, *http.Request)
		gets    int
		elapsed time.Duration
		err     any
		text    string
	}{
		{"empty streams", stream(""), 5, everyWait, new(*mcpclient.ProtocolError), "taken up 5 times and brought nothing new"},
		{"the same id again", stream(primed), 5, everyWait, new(*mcpclient.ProtocolError), "taken up 5 times and brought nothing new"},
		{"the answer to another request", stream(event(stranger)), 1, 2 * time.Second, new(*mcpclient.ProtocolError), "carries an answer to another request"},
		{"a malformed answer", stream(event(`{"jsonrpc":`)), 1, 2 * time.Second, new(*mcpclient.ProtocolError), "an event of the reply is not a JSON-RPC message"},
		// The first one goes over a connection that was idle, and net/http repeats a GET that meets a dead one.
		{"cut before the header", func(int, http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 1 + 5, everyWait, new(*mcpclient.NetworkError), "EOF"},
		{"busy", status(503), 5, everyWait, new(*mcpclient.HTTPError), "HTTP 503"},
		{"failing", status(500), 5, everyWait, new(*mcpclient.HTTPError), "HTTP 500"},
		{"asking for patience", status(503, "Retry-After", "7"), 5, 2*time.Second + 4*7*time.Second, new(*mcpclient.HTTPError), "HTTP 503"},
		{"asking for too much patience", status(429, "Retry-After", "3600"), 5, 2*time.Second + 4*time.Minute, new(*mcpclient.HTTPError), "HTTP 429"},
		{"asking for less than retry", status(429, "Retry-After", "1"), 5, everyWait, new(*mcpclient.HTTPError), "HTTP 429"},
		{"silent", func(_ int, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 5, everyWait + 5*30*time.Second, new(*mcpclient.NetworkError), "no answer within 30s"},
		{"not offered", status(405), 1, 2 * time.Second, new(*mcpclient.HTTPError), "HTTP 405"},
		{"unauthorized", status(401), 1, 2 * time.Second, new(*mcpclient.HTTPError), "HTTP 401"},
		{"redirected", status(302, "Location", "https://example.com/"), 5, everyWait, new(*mcpclient.RedirectError), "example.com"},
		{"JSON", status(200, "Content-Type", "application/json"), 1, 2 * time.Second, new(*mcpclient.ProtocolError), "neither JSON nor an event stream"},
		{"accepted", status(202), 1, 2 * time.Second, new(*mcpclient.ProtocolError), "neither JSON nor an event stream"},
		{"no content", status(204), 1, 2 * time.Second, new(*mcpclient.ProtocolError), "neither JSON nor an event stream"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stage := newResumeStage(t, "retry: 2000\n"+primed, c.get)
				start := time.Now()
				_, err := stage.session.CallTool(t.Context(), "echo", nil)
				require.ErrorAs(t, err, c.err)
				require.ErrorContains(t, err, c.text)
				require.Equal(t, c.elapsed, time.Since(start))
				requireUnknown(t, err)
				require.Len(t, stage.waits(), c.gets)
				require.Len(t, stage.arrived(methodIs("tools/call")), 1, "the POST is not repeated")

				require.NoError(t, stage.session.Err())
				require.NoError(t, stage.session.Ping(t.Context()))
				require.Empty(t, stage.arrived(methodIs("tools/list")), "nothing here casts a doubt on the session")
			})
		})
	}
}

func requireUnknown(t *testing.T, err error) {
	t.Helper()
	var call *mcpclient.CallError
	require.ErrorAs(t, err, &call)
	require.Equal(t, mcpclient.DeliveryUnknown, call.Delivery)
	require.Equal(t, 1, call.Attempts)
	require.False(t, mcpclient.SafeToRetry(err))
}

// TestResumeCountsInARow: a new event id makes up for the GETs that brought none.
func TestResumeCountsInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stage *resumeStage
		stage = newResumeStage(t, primed, func(n int, w http.ResponseWriter, _ *http.Request) {
			switch {
			case n == 25:
				startStream(w)(stage.answer())
			case n%5 == 0:
				startStream(w)(fmt.Sprintf("id: %d\ndata:\n\n", 1+n/5))
			case n%2 == 0:
				w.WriteHeader(http.StatusBadGateway)
			default:
				panic(http.ErrAbortHandler)
			}
		})
		_, err := stage.session.CallTool(t.Context(), "echo", nil)
		require.NoError(t, err)
		require.Equal(t, strings.Split("1 1 1 1 1 2 2 2 2 2 3 3 3 3 3 4 4 4 4 4 5 5 5 5 5", " "), stage.resumedFrom())
	})
}

// TestResumeNeedsAnEventID: without one nobody can tell where to go on.
func TestResumeNeedsAnEventID(t *testing.T) {
	for name, preface := range map[string]string{
		"none":           "retry: 100\n\n" + event(`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}`),
		"taken back":     primed + "id\ndata:\n\n",
		"with a NUL":     "id: 1\x002\ndata:\n\n",
		"not terminated": "id: 1\ndata:\n",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stage := newResumeStage(t, preface, func(int, http.ResponseWriter, *http.Request) {})
				_, err := stage.session.CallTool(t.Context(), "echo", nil)
				var broken *mcpclient.ProtocolError
				require.ErrorAs(t, err, &broken)
				requireUnknown(t, err)
				require.Empty(t, stage.waits())
			})
		})
	}
}

// TestResumeRefused: the stream cannot be taken up. The call ends, and its outcome is unknown. Whether the session is
// gone too is asked once, however many calls have met the refusal.
func TestResumeRefused(t *testing.T) {
	for _, status := range []int{400, 404, 410} {
		for _, lost := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d, session lost: %v", status, lost), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					server := mcptest.New(t, mcptest.InMemory(), mcptest.Resumable())
					session := sessionOf(t, server, new(mcpclient.Client))
					server.Always(mcptest.BreakStream(1).On("tools/call"))
					server.Always(mcptest.Combine(mcptest.Slow(time.Second), mcptest.Status(status, nil, "no such stream")).OnHTTP(http.MethodGet))
					errs := make(chan error)
					for range 20 {
						go func() {
							_, err := session.CallTool(t.Context(), "echo", nil)
							errs <- err
						}()
					}
					synctest.Wait()
					if lost {
						server.ForgetSessions()
					}
					for range 20 {
						err := <-errs
						var refused *mcpclient.HTTPError
						require.ErrorAs(t, err, &refused)
						require.Equal(t, status, refused.StatusCode)
						require.NotErrorIs(t, err, mcpclient.ErrSessionInvalid)
						requireUnknown(t, err)
					}
					synctest.Wait()
					require.Equal(t, 20, server.Executed())
					require.Len(t, requestsBy(server, http.MethodGet, ""), 20)
					require.Len(t, requestsBy(server, http.MethodPost, "tools/list"), 1, "one verification")

					require.NoError(t, session.Ping(t.Context()), "whatever came out, the session goes on")
					want := int64(0)
					if lost {
						want = 1
					}
					require.Equal(t, want, session.Stats().Losses)
					require.Equal(t, 1+want, session.Stats().Initializes)
				})
			})
		}
	}
}

// TestResumeRefusedLate: the refusal of a stream of the last session says nothing about the present one, and nobody
// cares about the last one any more.
func TestResumeRefusedLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory(), mcptest.Resumable(), mcptest.RetryHint(time.Minute))
		session := sessionOf(t, server, new(mcpclient.Client))
		server.Next(mcptest.BreakStream(1).On("tools/call"))
		done := make(chan error)
		go func() {
			_, err := session.CallTool(t.Context(), "echo", nil)
			done <- err
		}()
		synctest.Wait() // the call waits for its time to come back
		server.ForgetSessions()
		require.NoError(t, session.Ping(t.Context()), "on a new session")
		old := requestsBy(server, http.MethodPost, "tools/call")[0].Session

		err := <-done
		requireUnknown(t, err)
		var refused *mcpclient.HTTPError
		require.ErrorAs(t, err, &refused)
		synctest.Wait()
		gets := requestsBy(server, http.MethodGet, "")
		require.Len(t, gets, 1)
		require.Equal(t, old, gets[0].Session, "the stream belongs to the session that it began on")
		require.Empty(t, requestsBy(server, http.MethodPost, "tools/list"))
		require.EqualValues(t, 1, session.Stats().Losses)
		require.NoError(t, session.Err())
	})
}

// TestResumeWhileTheServerRestarts: the network may be down for a while.
func TestResumeWhileTheServerRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stage *resumeStage
		stage = newResumeStage(t, "retry: 1000\n"+primed, func(n int, w http.ResponseWriter, _ *http.Request) {
			if n < 5 {
				panic(http.ErrAbortHandler)
			}
			startStream(w)("id: 2\n" + stage.answer())
		})
		result, err := stage.session.CallTool(t.Context(), "echo", nil)
		require.NoError(t, err)
		require.Equal(t, "ok", result.Text())
		require.Len(t, stage.waits(), 5)
	})
}

// TestResumeIsPartOfTheCall: its clocks go on over the pauses, and signs of life on a resumed stream count.
func TestResumeIsPartOfTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory(), mcptest.Resumable(), mcptest.PollEvery(5*time.Second), mcptest.RetryHint(time.Second))
		addSlowTool(server, 6, 10*time.Second)
		session := sessionOf(t, server, new(mcpclient.Client))

		_, err := session.CallTool(t.Context(), "slow", nil, mcpclient.WithIdleTimeout(15*time.Second), mcpclient.WithProgress(func(mcpclient.Progress) {}))
		require.NoError(t, err)

		start := time.Now()
		_, err = session.CallTool(t.Context(), "slow", nil, mcpclient.WithIdleTimeout(9*time.Second))
		require.ErrorIs(t, err, mcpclient.ErrIdleTimeout)
		require.Equal(t, 9*time.Second, time.Since(start))

		ctx, cancel := context.WithTimeout(t.Context(), 33*time.Second)
		defer cancel()
		start = time.Now()
		_, err = session.CallTool(ctx, "slow", nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 33*time.Second, time.Since(start))
	})
}

// TestResumeListIsBounded: a list has the handshake's patience, not that of a tool.
func TestResumeListIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newImpostorInMemory(t)
		session := server.connect(t, &mcpclient.Client{HandshakeTimeout: 10 * time.Second, Retry: tryOnce})
		var gets atomic.Int64
		server.answers(func(w http.ResponseWriter, r *http.Request, m *wireMessage) bool {
			if m.Method != "tools/list" && r.Method != http.MethodGet {
				return false
			}
			n := gets.Add(1)
			startStream(w)(fmt.Sprintf("retry: 1000\nid: %d\ndata:\n\n", n))
			return true
		})
		start := time.Now()
		_, err := mcpclient.Collect(session.Tools(t.Context()))
		var network *mcpclient.NetworkError
		require.ErrorAs(t, err, &network)
		require.ErrorContains(t, err, "Client.HandshakeTimeout")
		require.Equal(t, 10*time.Second, time.Since(start))
	})
}
