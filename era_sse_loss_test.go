package mcpclient_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// openStreams counts the responses to GETs that the client has not closed.
type openStreams struct {
	inner http.RoundTripper
	open  atomic.Int32
	post  func(r *http.Request) error // called before a POST to the messages' endpoint, if set
}

func (s *openStreams) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.post != nil && r.Method == http.MethodPost && r.URL.RawQuery != "" {
		if err := s.post(r); err != nil {
			return nil, err
		}
	}
	resp, err := s.inner.RoundTrip(r)
	if err == nil && r.Method == http.MethodGet {
		s.open.Add(1)
		resp.Body = &streamBody{ReadCloser: resp.Body, closed: func() { s.open.Add(-1) }}
	}
	return resp, err
}

type streamBody struct {
	io.ReadCloser
	closed func()
}

func (b *streamBody) Close() error {
	b.closed()
	return b.ReadCloser.Close()
}

// sseLosses are the ways in which the stream, and so the session, is lost.
func sseLosses() map[string]func(server *mcptest.Server) {
	return map[string]func(*mcptest.Server){
		"ended": func(server *mcptest.Server) { server.ForgetSessions() },
		"cut":   func(server *mcptest.Server) { server.Restart() },
		"huge event": func(server *mcptest.Server) {
			server.Broadcast("notifications/acme", map[string]any{"a": filled(2<<20, "a")})
		},
	}
}

// TestSSELoss: what is under way may have been executed and is not repeated; what comes after shares one new session.
func TestSSELoss(t *testing.T) {
	const callers = 50
	for name, lose := range sseLosses() {
		t.Run(name, func(t *testing.T) {
			stage := sseStage(t, &mcpclient.Client{MaxMessageSize: 1 << 20})
			entered, _ := heldTool(stage.server)
			failed := make(chan error, callers)
			for range callers {
				go func() {
					_, err := stage.session.CallTool(t.Context(), "hold", nil)
					failed <- err
				}()
			}
			for range callers {
				<-entered
			}
			lose(stage.server)
			ids := map[string]bool{}
			for range callers {
				call := asCallError(t, <-failed)
				require.Equal(t, mcpclient.DeliveryUnknown, call.Delivery)
				require.NotErrorIs(t, call, mcpclient.ErrSessionInvalid)
				if name == "huge event" {
					require.ErrorIs(t, call, mcpclient.ErrProtocol)
				} else {
					asCause[*mcpclient.NetworkError](t, call)
				}
				ids[call.CallID] = true
			}
			require.Len(t, ids, callers, "each has an error of its own")
			require.NoError(t, together(t, callers, func(ctx context.Context, _ int) error { return stage.echo(ctx) }))
			require.Equal(t, 2, stage.server.Initializes())
			require.Equal(t, 2*callers, stage.server.Executed(), "nothing is executed twice")
			require.EqualValues(t, 1, stage.session.Stats().Losses)
			require.Equal(t, 2, stage.arrived("GET"))
			require.Equal(t, 1, stage.arrived("server/discover"))
		})
	}
}

// TestSSELossUnderEachPolicy, told by the stream, while nobody calls.
func TestSSELossUnderEachPolicy(t *testing.T) {
	for name, policy := range lossPolicies {
		for way, lose := range sseLosses() {
			t.Run(name+"/"+way, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					told := new(lossTrace)
					stage := sseStage(t, &mcpclient.Client{Reinitialize: policy, MaxMessageSize: 1 << 20, Trace: told.hooks()}, mcptest.InMemory())
					told.take()
					lose(stage.server)
					synctest.Wait()
					require.ErrorIs(t, stage.session.Err(), mcpclient.ErrSessionInvalid)
					require.Len(t, told.take(), 1)
					sent := stage.sent()
					err := stage.echo(t.Context())
					if policy != mcpclient.ReinitializeNever {
						require.NoError(t, err)
						require.Equal(t, 2, stage.server.Initializes())
						return
					}
					call, lost := sessionErrorOf(t, err)
					require.Equal(t, mcpclient.DeliveryNotSent, call.Delivery)
					require.Contains(t, lost.Reason, "event")
					requireRetryAfter(t, err, false)
					require.Equal(t, sent, stage.sent())
					require.NoError(t, stage.session.Reinitialize(t.Context()))
					require.NoError(t, stage.echo(t.Context()))
				})
			})
		}
	}
}

// TestSSELossToldByPost: the stream stays, but its messages find no session. What the server still executes is answered.
func TestSSELossToldByPost(t *testing.T) {
	server := mcptest.New(t, mcptest.HTTPSSE(), mcptest.KeepStreams())
	streams := &openStreams{inner: server.HTTPClient().Transport}
	stage := &lossStage{server, connectLoss(t, server, &mcpclient.Client{HTTPClient: &http.Client{Transport: streams}})}
	entered, release := heldTool(server)
	held := make(chan error, 1)
	go func() {
		_, err := stage.session.CallTool(t.Context(), "hold", nil)
		held <- err
	}()
	<-entered
	server.ForgetSessions()
	require.NoError(t, together(t, 50, func(ctx context.Context, _ int) error { return stage.echo(ctx) }))
	require.Equal(t, 2, server.Initializes())
	require.Empty(t, server.Repeated())
	require.EqualValues(t, 2, streams.open.Load(), "the old one is left with its last call")
	close(release)
	require.NoError(t, <-held)
	require.NoError(t, stage.session.Reinitialize(t.Context()))
	require.NoError(t, server.Await(t.Context(), func() bool { return server.Listening() == 1 }), "the others are closed")
}

// TestSSERefusals replays how servers of this transport refuse what comes for a session that they do not know.
func TestSSERefusals(t *testing.T) {
	replayed := 0
	for _, c := range loadRefusals(t) {
		if c.era != "sse" || c.httpMethod != http.MethodPost || c.status < 400 || rowVerdict(c.row) != mcpclient.VerdictLost {
			continue
		}
		replayed++
		t.Run(c.name, func(t *testing.T) {
			stage := sseStage(t, nil)
			stage.server.Next(c.replay(stage.server).On("tools/call"))
			require.NoError(t, stage.echo(t.Context()))
			require.Empty(t, stage.server.Unused())
			require.Equal(t, 2, stage.server.Initializes())

			stage = sseStage(t, &mcpclient.Client{Reinitialize: mcpclient.ReinitializeOnly})
			stage.server.Next(c.replay(stage.server).On("tools/call"))
			call, lost := sessionErrorOf(t, stage.echo(t.Context()))
			require.Equal(t, mcpclient.DeliveryRefused, call.Delivery)
			require.Equal(t, c.status, lost.StatusCode)
			require.NoError(t, stage.echo(t.Context()))
		})
	}
	require.Greater(t, replayed, 8)
}

// TestSSELossBeforeThePost: what did not leave, and what is refused, goes out again on the new session.
func TestSSELossBeforeThePost(t *testing.T) {
	for name, c := range map[string]struct {
		post  func(t *testing.T, server *mcptest.Server) error // what becomes of the POST once the session is gone
		sent  bool
		takes time.Duration
	}{
		"refused": {post: func(*testing.T, *mcptest.Server) error { return nil }},
		"not sent": {post: func(*testing.T, *mcptest.Server) error {
			return &net.OpError{Op: "dial", Err: errors.New("connection refused")}
		}},
		"refused late": {post: func(*testing.T, *mcptest.Server) error {
			<-time.After(900 * time.Millisecond)
			return nil
		}, takes: 900 * time.Millisecond},
		"cut": {post: func(*testing.T, *mcptest.Server) error { return io.ErrUnexpectedEOF }, sent: true},
		"silent": {post: func(*testing.T, *mcptest.Server) error {
			<-time.After(time.Hour)
			return io.ErrUnexpectedEOF
		}, sent: true, takes: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := mcptest.New(t, mcptest.HTTPSSE(), mcptest.InMemory())
				streams := &openStreams{inner: server.HTTPClient().Transport}
				stage := &lossStage{server, connectLoss(t, server, &mcpclient.Client{HTTPClient: &http.Client{Transport: streams}})}
				var met atomic.Bool
				streams.post = func(*http.Request) error {
					if met.Swap(true) {
						return nil
					}
					server.ForgetSessions()
					<-time.After(time.Millisecond) // in a bubble: until the client has seen the end
					return c.post(t, server)
				}
				start := time.Now()
				err := stage.echo(t.Context())
				if c.takes < time.Minute { // an http.RoundTripper that pays no heed to its context is waited for
					require.Less(t, time.Since(start), c.takes+500*time.Millisecond)
				}
				if c.sent {
					require.Equal(t, mcpclient.DeliveryUnknown, asCallError(t, err).Delivery)
					require.Zero(t, server.Executed())
					return
				}
				require.NoError(t, err)
				require.Equal(t, 1, server.Executed())
				require.Equal(t, 2, server.Initializes())
			})
		})
	}
}

// TestSSELossLeavesASilentPost: no answer can come any more, so it gets a second, no more.
func TestSSELossLeavesASilentPost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stage := sseStage(t, nil, mcptest.InMemory())
		stage.server.Next(mcptest.Hang())
		time.AfterFunc(time.Minute, func() { stage.server.ForgetSessions() })
		start := time.Now()
		err := stage.echo(t.Context())
		require.Equal(t, mcpclient.DeliveryUnknown, asCallError(t, err).Delivery)
		require.Equal(t, time.Minute+time.Second, time.Since(start))
	})
}

// TestSSEReinitialize closes the old stream when the new one is in place.
func TestSSEReinitialize(t *testing.T) {
	server := mcptest.New(t, mcptest.HTTPSSE())
	stage := &lossStage{server, connectLoss(t, server, nil)}
	entered, _ := heldTool(server)
	held := make(chan error, 1)
	go func() {
		_, err := stage.session.CallTool(t.Context(), "hold", nil)
		held <- err
	}()
	<-entered
	old := stage.session.ID()
	require.NoError(t, stage.session.Reinitialize(t.Context()))
	require.NotEqual(t, old, stage.session.ID())
	call := asCallError(t, <-held)
	require.Equal(t, mcpclient.DeliveryUnknown, call.Delivery)
	require.ErrorContains(t, call, "the session was replaced")
	require.NoError(t, server.Await(t.Context(), func() bool { return len(server.Sessions()) == 1 }))
	require.Zero(t, stage.session.Stats().Losses)
	require.NoError(t, stage.echo(t.Context()))
}

// TestSSELossDuringRestore: a view sends nothing on a stream that has ended, and the session finds out at once.
func TestSSELossDuringRestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var err error
		losses := 2
		stage := restored(t, func(ctx context.Context, stage *lossStage, view *mcpclient.Session) error {
			if losses--; losses < 0 {
				return nil
			}
			stage.server.ForgetSessions(view.ID())
			synctest.Wait()
			if losses == 1 {
				return nil // unnoticed
			}
			err = echoOn(ctx, view, mcpclient.WithHeader("Authorization", "mine"))
			return err
		}, mcptest.HTTPSSE(), mcptest.InMemory())

		require.NoError(t, stage.session.Reinitialize(t.Context()))
		synctest.Wait()
		require.ErrorIs(t, stage.session.Err(), mcpclient.ErrSessionInvalid, "although nobody has called")
		require.EqualValues(t, 1, stage.session.Stats().Losses)

		require.Error(t, stage.session.Reinitialize(t.Context()))
		call, lost := sessionErrorOf(t, err)
		require.Equal(t, mcpclient.DeliveryNotSent, call.Delivery)
		require.Contains(t, lost.Reason, "the event stream ended")

		require.NoError(t, stage.session.Reinitialize(t.Context()))
		require.NoError(t, stage.echo(t.Context()))
	})
}

// TestSSELossDuringTheHandshake fails it, and the next try finds the server.
func TestSSELossDuringTheHandshake(t *testing.T) {
	stage := sseStage(t, nil)
	over := func(r mcptest.Request) bool { return r.Session != "" }
	for _, fault := range []mcptest.Fault{
		mcptest.CutStream(0).On("initialize").When(over),
		mcptest.Status(http.StatusServiceUnavailable, nil, "busy").On("initialize").When(over),
		mcptest.Status(http.StatusNotFound, nil, "Could not find session").On("notifications/initialized"),
		mcptest.Status(http.StatusBadGateway, nil, "down").OnHTTP(http.MethodGet),
		mcptest.DropBefore().OnHTTP(http.MethodGet).Times(2),
	} {
		initialized := stage.server.Initializes()
		stage.server.ForgetSessions()
		stage.server.Next(fault)
		require.NoError(t, stage.echo(t.Context()), fault)
		require.Empty(t, stage.server.Unused())
		require.Greater(t, stage.server.Initializes(), initialized)
		require.NoError(t, stage.server.Await(t.Context(), func() bool { return len(stage.server.Sessions()) == 1 }), "none is left open")
	}
	require.Equal(t, 1, stage.arrived("server/discover"), "the era is not in doubt")
}

// TestSSEOutage: an outage of the server ends with it.
func TestSSEOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stage := sseStage(t, nil, mcptest.InMemory())
		stop := stage.server.Always(mcptest.DropBefore().When(func(mcptest.Request) bool { return true }))
		stage.server.ForgetSessions()
		synctest.Wait()
		err := stage.echo(t.Context())
		lost := requireGated(t, err, 0, time.Second)
		require.ErrorContains(t, lost, "network")
		<-time.After(time.Hour)
		stop()
		require.NoError(t, stage.echo(t.Context()))
	})
}

// TestSSEStorm: a server that forgets again and again costs nobody a call that was not being executed.
func TestSSEStorm(t *testing.T) {
	const callers, calls = 16, 20
	stage := sseStage(t, nil, mcptest.KeepStreams(), mcptest.ForgetEvery(40))
	require.NoError(t, together(t, callers, func(ctx context.Context, _ int) error {
		for range calls {
			if err := stage.echo(ctx); err != nil {
				return err
			}
		}
		return nil
	}))
	require.Equal(t, callers*calls, stage.server.Executed())
	require.LessOrEqual(t, stage.server.Initializes(), 1+stage.server.Forgotten())
}

// TestSSECounts what is passed over.
func TestSSECounts(t *testing.T) {
	stage := sseStage(t, nil)
	stage.server.Next(mcptest.Combine(mcptest.StrayAnswer(), mcptest.StreamText("data: {\"jsonrpc\"\n\n")))
	require.NoError(t, stage.echo(t.Context()))
	require.EqualValues(t, 1, stage.session.Stats().StrayAnswers)
	require.EqualValues(t, 1, stage.session.Stats().Dropped)
}
