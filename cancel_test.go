package mcpclient_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// promptly is how soon a call must return when its context has ended.
const promptly = 50 * time.Millisecond

// A cancelPoint is where a call may be when its caller gives up.
type cancelPoint struct {
	name     string
	client   mcpclient.Client
	options  []mcptest.Option
	setUp    func(t *testing.T, server *mcptest.Server, session *mcpclient.Session)
	delivery mcpclient.Delivery
	told     bool // the server gets notifications/cancelled
	answered bool // the server has answered: the call fails with what it said
}

func cancelPoints() []*cancelPoint {
	next := func(faults ...mcptest.Fault) func(*testing.T, *mcptest.Server, *mcpclient.Session) {
		return func(_ *testing.T, server *mcptest.Server, _ *mcpclient.Session) { server.Next(faults...) }
	}
	const hour = time.Hour
	half := mcptest.Respond(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		writeJSON(w, `{"jsonrpc":"2.0",`)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	refusalWithoutEnd := mcptest.Respond(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	medium := mcptest.Respond(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Session not found"}}`)
	}))
	return []*cancelPoint{
		{
			name: "waiting for a place", client: mcpclient.Client{Limits: mcpclient.Limits{ConcurrentCalls: 1}},
			setUp: func(t *testing.T, server *mcptest.Server, session *mcpclient.Session) {
				server.Next(mcptest.Hang().On("ping"))
				ctx, cancel := context.WithCancel(t.Context())
				t.Cleanup(cancel)
				go func() { _ = session.Ping(ctx) }()
				synctest.Wait()
			},
			delivery: mcpclient.DeliveryNotSent,
		},
		{name: "waiting for the header", setUp: next(mcptest.Hang().On("tools/call")), delivery: mcpclient.DeliveryUnknown, told: true},
		{name: "reading JSON", setUp: next(half.On("tools/call")), delivery: mcpclient.DeliveryUnknown, told: true},
		{
			name: "reading a stream", setUp: next(mcptest.Combine(mcptest.Notify("notifications/message", map[string]any{"level": "info", "data": 1}), slowAnswer()).On("tools/call")),
			delivery: mcpclient.DeliveryUnknown, told: true,
		},
		{name: "reading a refusal", setUp: next(refusalWithoutEnd.On("tools/call")), delivery: mcpclient.DeliveryUnknown, answered: true},
		{
			name: "waiting for a new session", setUp: func(_ *testing.T, server *mcptest.Server, _ *mcpclient.Session) {
				server.ForgetSessions()
				server.Next(mcptest.Slow(hour).On("initialize"))
			},
			delivery: mcpclient.DeliveryRefused,
		},
		{
			name: "waiting for the verification", setUp: next(medium.On("tools/call"), mcptest.Hang().On("tools/list")),
			delivery: mcpclient.DeliveryAnswered, answered: true,
		},
		{
			name: "pausing before a resumption", options: []mcptest.Option{mcptest.Resumable(), mcptest.RetryHint(time.Minute)},
			setUp: next(mcptest.BreakStream(1).On("tools/call")), delivery: mcpclient.DeliveryUnknown, told: true,
		},
		{
			name: "resuming", options: []mcptest.Option{mcptest.Resumable(), mcptest.RetryHint(100 * time.Millisecond)},
			setUp: next(mcptest.BreakStream(1).On("tools/call"), mcptest.Hang().OnHTTP(http.MethodGet)), delivery: mcpclient.DeliveryUnknown, told: true,
		},
	}
}

// slowAnswer holds the answer of a tool back for an hour.
func slowAnswer() mcptest.Fault {
	return mcptest.Rewrite(func(answer []byte) []byte {
		_ = after(context.Background(), time.Hour) // in a bubble: as soon as nobody does anything any more
		return answer
	})
}

// TestCancelAtEveryPoint: wherever a call is, it returns when its context ends; the error says so and nothing else.
func TestCancelAtEveryPoint(t *testing.T) {
	for _, point := range cancelPoints() {
		t.Run(point.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := mcptest.New(t, append(point.options, mcptest.InMemory())...)
				session := sessionOf(t, server, &point.client)
				point.setUp(t, server, session)
				ctx, cancel := context.WithCancel(t.Context())
				start := time.Now()
				time.AfterFunc(time.Second, cancel)
				_, err := session.CallTool(ctx, "echo", nil)
				require.Less(t, time.Since(start), time.Second+promptly)
				require.GreaterOrEqual(t, time.Since(start), time.Second, "the call was not where it should have been")

				var call *mcpclient.CallError
				require.ErrorAs(t, err, &call)
				require.Equal(t, point.delivery, call.Delivery)
				require.Equal(t, !point.answered, errors.Is(err, context.Canceled), err)
				require.NotErrorIs(t, err, mcpclient.ErrSessionInvalid)
				var network *mcpclient.NetworkError
				require.NotErrorAs(t, err, &network, "a cancellation is no failure of the network")
				synctest.Wait()
				requireCancelled(t, server, point.told)
				require.Empty(t, server.Unused())
			})
		})
	}
}

// requireCancelled checks that the server was told of the one tool call, or of nothing.
func requireCancelled(t *testing.T, server *mcptest.Server, told bool) {
	t.Helper()
	if !told {
		require.Empty(t, server.Cancelled())
		return
	}
	calls := requestsBy(server, http.MethodPost, "tools/call")
	require.Equal(t, []string{string(calls[len(calls)-1].ID)}, server.Cancelled())
}

// TestCancelWhileDialling: nothing was sent, so there is nothing to take back.
func TestCancelWhileDialling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newImpostorInMemory(t)
		session := server.connect(t, new(mcpclient.Client))
		server.client.CloseIdleConnections()
		server.pipes.deaf.Store(true)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		_, err := session.CallTool(ctx, "echo", nil)
		require.ErrorIs(t, err, context.Canceled)
		require.Less(t, time.Since(start), time.Second+promptly)
		var call *mcpclient.CallError
		require.ErrorAs(t, err, &call)
		require.Equal(t, mcpclient.DeliveryNotSent, call.Delivery)
		require.True(t, mcpclient.SafeToRetry(err))

		server.pipes.deaf.Store(false)
		require.NoError(t, session.Ping(t.Context()))
		synctest.Wait()
		require.Empty(t, server.Cancelled())
	})
}

// TestCancelOnTheWire: the same over TCP, where no clock can be turned; so the bound is generous.
func TestCancelOnTheWire(t *testing.T) {
	server := mcptest.New(t)
	session, err := mcpclient.Connect(t.Context(), server.URL())
	require.NoError(t, err)
	defer func() { require.NoError(t, session.Close()) }()
	started := make(chan struct{})
	server.AddTool(mcpclient.Tool{Name: "hang"}, func(ctx context.Context, _ *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		started <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	})
	for range 10 {
		ctx, cancel := context.WithCancel(t.Context())
		var cancelled time.Time
		go func() {
			<-started
			cancelled = time.Now()
			cancel()
		}()
		_, err := session.CallTool(ctx, "hang", nil)
		require.ErrorIs(t, err, context.Canceled)
		require.Less(t, time.Since(cancelled), 2*time.Second)
	}
	require.NoError(t, server.Await(t.Context(), func() bool { return len(server.Cancelled()) == 10 }))
	require.NoError(t, session.Ping(t.Context()))
}

func TestCancelTellsTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory())
		session := sessionOf(t, server, new(mcpclient.Client))
		// The server takes a long time even for that. The caller does not wait for it.
		server.Always(mcptest.Slow(time.Second).On("notifications/cancelled"))
		server.Next(mcptest.Hang().On("tools/call"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		_, err := session.CallTool(ctx, "echo", nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Minute, time.Since(start))
		requireUnknown(t, err)

		synctest.Wait()
		told := requestsBy(server, http.MethodPost, "notifications/cancelled")
		require.Len(t, told, 1)
		require.Equal(t, session.ID(), told[0].Session)
		require.Nil(t, told[0].ID)
		var message struct {
			Params struct {
				RequestID json.Number `json:"requestId"`
				Reason    string      `json:"reason"`
			} `json:"params"`
		}
		require.NoError(t, json.Unmarshal(told[0].Body, &message))
		require.Equal(t, string(requestsBy(server, http.MethodPost, "tools/call")[0].ID), message.Params.RequestID.String())
		require.NotEmpty(t, message.Params.Reason)
		require.NoError(t, session.Close(), "waits for it")
	})
}

// TestCancelCause: the caller's own reason is in the error, beside the context's.
func TestCancelCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory())
		session := sessionOf(t, server, new(mcpclient.Client))
		errUserLeft := errors.New("the user left")
		ctx, cancel := context.WithCancelCause(t.Context())
		server.Next(mcptest.Hang().On("tools/call"))
		time.AfterFunc(time.Second, func() { cancel(errUserLeft) })
		_, err := session.CallTool(ctx, "echo", nil)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, errUserLeft)
		require.ErrorContains(t, err, "the user left")

		_, err = session.CallTool(ctx, "echo", nil)
		require.ErrorIs(t, err, errUserLeft)
		var call *mcpclient.CallError
		require.ErrorAs(t, err, &call)
		require.Equal(t, mcpclient.DeliveryNotSent, call.Delivery, "it was over before it began")
		require.Zero(t, call.Attempts)
		require.Len(t, requestsBy(server, http.MethodPost, "tools/call"), 1)
	})
}

// TestCancelConnect: initialize must not be cancelled (protocol, "Cancellation").
func TestCancelConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory())
		server.Next(mcptest.Hang().On("initialize"))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		_, err := (&mcpclient.Client{HTTPClient: server.HTTPClient()}).Connect(ctx, server.URL())
		require.ErrorIs(t, err, context.Canceled)
		require.Less(t, time.Since(start), time.Second+promptly)
		synctest.Wait()
		sent := server.Requests()
		require.Equal(t, "initialize", sent[len(sent)-1].Method, "nothing is said after it")

		// Nor if an application sends one of its own.
		session := sessionOf(t, server, new(mcpclient.Client))
		server.Next(mcptest.Hang().On("initialize"))
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, session.Request(ctx, "initialize", nil, nil), context.DeadlineExceeded)
		synctest.Wait()
		require.Empty(t, requestsBy(server, http.MethodPost, "notifications/cancelled"))
	})
}

// TestCancelOfAnOldSession: ids mean nothing to another session than the one that they were used on.
func TestCancelOfAnOldSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory())
		session := sessionOf(t, server, new(mcpclient.Client))
		server.Next(mcptest.Hang().On("tools/call"))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			_, err := session.CallTool(ctx, "echo", nil)
			done <- err
		}()
		synctest.Wait()
		server.ForgetSessions()
		require.NoError(t, session.Ping(t.Context()))
		require.EqualValues(t, 2, session.Stats().Generation)
		cancel()
		err := <-done
		require.ErrorIs(t, err, context.Canceled)
		requireUnknown(t, err)
		synctest.Wait()
		require.Empty(t, requestsBy(server, http.MethodPost, "notifications/cancelled"))
	})
}

// TestCancelThousands: at most 16 senders, 256 messages that wait for them, and the rest is dropped and counted.
func TestCancelThousands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const calls, senders, queue = 300, 16, 256
		server := mcptest.New(t, mcptest.InMemory())
		session := sessionOf(t, server, new(mcpclient.Client))
		server.Always(mcptest.Hang().On("tools/call"))
		hangs := mcptest.Hang().On("notifications/cancelled")
		stopHanging := server.Always(hangs)
		told := func() int { return len(requestsBy(server, http.MethodPost, "notifications/cancelled")) }
		for range calls {
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				_, _ = session.CallTool(ctx, "echo", nil)
			}()
			synctest.Wait()
			cancel()
			<-done
			synctest.Wait()
		}
		require.Equal(t, senders, told())
		require.EqualValues(t, calls-senders-queue, session.Stats().Dropped)

		stopHanging()
		// Each of the 16 gives up after 2 s; then the queue is sent in no time.
		require.NoError(t, after(t.Context(), 1999*time.Millisecond))
		synctest.Wait()
		require.Equal(t, senders, told())
		require.NoError(t, after(t.Context(), time.Millisecond))
		synctest.Wait()
		require.Equal(t, senders+queue, told())
		require.Len(t, server.Cancelled(), queue)
	})
}

// TestCancelledSendersEndWithClose: a server that swallows them does not hold up Close.
func TestCancelledSendersEndWithClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory())
		session := sessionOf(t, server, new(mcpclient.Client))
		server.Always(mcptest.Hang().On("tools/call", "notifications/cancelled"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := session.CallTool(ctx, "echo", nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		synctest.Wait()
		start := time.Now()
		require.NoError(t, session.Close())
		require.Zero(t, time.Since(start))
	})
}

func TestIdleTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory())
		addSlowTool(server, 10, 3*time.Second)
		session := sessionOf(t, server, new(mcpclient.Client))

		_, err := session.CallTool(t.Context(), "slow", nil, mcpclient.WithIdleTimeout(4*time.Second), mcpclient.WithProgress(func(mcpclient.Progress) {}))
		require.NoError(t, err, "each progress starts the clock anew")

		server.AddTool(mcpclient.Tool{Name: "chatty"}, func(ctx context.Context, req *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
			for range 10 {
				if err := after(ctx, 3*time.Second); err != nil {
					return nil, err
				}
				req.Notify("x/alive", nil)
			}
			return nil, nil
		})
		_, err = session.CallTool(t.Context(), "chatty", nil, mcpclient.WithIdleTimeout(4*time.Second))
		require.NoError(t, err, "so does any other message")

		start := time.Now()
		_, err = session.CallTool(t.Context(), "slow", nil, mcpclient.WithIdleTimeout(2*time.Second), mcpclient.WithProgress(func(mcpclient.Progress) {}))
		require.ErrorIs(t, err, mcpclient.ErrIdleTimeout)
		require.NotErrorIs(t, err, context.Canceled)
		require.Equal(t, 2*time.Second, time.Since(start))
		requireUnknown(t, err)
		synctest.Wait()
		requireCancelled(t, server, true)

		for _, off := range []time.Duration{0, -time.Second} {
			_, err = session.CallTool(t.Context(), "slow", nil, mcpclient.WithIdleTimeout(off))
			require.NoError(t, err, "off")
		}
	})
}

// TestIdleTimeoutIsOfEachAttempt: waiting for a new session is not the server's silence about this call.
func TestIdleTimeoutIsOfEachAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory())
		addSlowTool(server, 1, 3*time.Second)
		session := sessionOf(t, server, new(mcpclient.Client))
		server.ForgetSessions()
		server.Next(mcptest.Slow(20*time.Second).On("initialize"), mcptest.Slow(3*time.Second).On("tools/call"))
		_, err := session.CallTool(t.Context(), "slow", nil, mcpclient.WithIdleTimeout(4*time.Second))
		require.NoError(t, err)
	})
}

// TestIdleTimeoutSeesProgressElsewhere: a server may report on another call's stream, also while the call is being
// sent again.
func TestIdleTimeoutSeesProgressElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newImpostorInMemory(t)
		session := server.connect(t, new(mcpclient.Client))
		finish := make(chan struct{})
		server.answersCalls(func(w http.ResponseWriter, r *http.Request, m *wireMessage) {
			if bytes.Contains(m.Params, []byte(`"quiet"`)) {
				select {
				case <-finish:
					writeJSON(w, answerTo(m))
				case <-r.Context().Done():
				}
				return
			}
			quiet := server.arrived(func(m *wireMessage) bool { return bytes.Contains(m.Params, []byte(`"quiet"`)) })[0]
			send := startStream(w)
			for n := range 10 {
				_ = after(r.Context(), 3*time.Second)
				send(event(progressFor(&quiet, n)))
			}
			synctest.Wait() // until the last one has been seen: the quiet call must not overtake it
			close(finish)
			send(event(answerTo(m)))
		})
		done := make(chan error)
		var seen []float64
		go func() {
			_, err := session.CallTool(t.Context(), "quiet", nil, mcpclient.WithIdleTimeout(4*time.Second),
				mcpclient.WithProgress(func(p mcpclient.Progress) { seen = append(seen, p.Progress) }))
			done <- err
		}()
		synctest.Wait()
		_, err := session.CallTool(t.Context(), "talker", nil)
		require.NoError(t, err)
		require.NoError(t, <-done)
		require.Len(t, seen, 10)
	})
}

// progressFor is a progress notification for the call that m began.
func progressFor(m *wireMessage, n int) string {
	var params struct {
		Meta struct {
			Token json.RawMessage `json:"progressToken"`
		} `json:"_meta"`
	}
	_ = json.Unmarshal(m.Params, &params) // without a token the client knows no such call
	return fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":%s,"progress":%d,"total":10,"message":"step %d"}}`, params.Meta.Token, n, n)
}

// TestCancelWaitersOfAClosedSession: who waits for a place when the session is closed is not sent any more.
func TestCancelWaitersOfAClosedSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory())
		session := sessionOf(t, server, &mcpclient.Client{Limits: mcpclient.Limits{ConcurrentCalls: 1}})
		server.Next(mcptest.Hang().On("tools/call"))
		const callers = 20
		errs := make(chan error, callers)
		for range callers {
			go func() {
				_, err := session.CallTool(t.Context(), "echo", nil)
				errs <- err
			}()
		}
		synctest.Wait()
		require.NoError(t, session.Close())
		deliveries := map[mcpclient.Delivery]int{}
		for range callers {
			err := <-errs
			require.ErrorIs(t, err, mcpclient.ErrClosed)
			require.False(t, mcpclient.SafeToRetry(err))
			var call *mcpclient.CallError
			require.ErrorAs(t, err, &call)
			deliveries[call.Delivery]++
		}
		require.Equal(t, map[mcpclient.Delivery]int{mcpclient.DeliveryUnknown: 1, mcpclient.DeliveryNotSent: callers - 1}, deliveries)
		require.Len(t, requestsBy(server, http.MethodPost, "tools/call"), 1)
		require.Zero(t, server.Executed())
	})
}
