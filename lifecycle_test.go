package mcpclient_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// requireClosed checks that err is the end of a call by Close or Detach.
func requireClosed(t *testing.T, err error, delivery mcpclient.Delivery) {
	t.Helper()
	var call *mcpclient.CallError
	require.ErrorAs(t, err, &call)
	require.ErrorIs(t, err, mcpclient.ErrClosed)
	require.NotErrorIs(t, err, mcpclient.ErrSessionInvalid)
	require.Equal(t, delivery, call.Delivery)
	require.False(t, mcpclient.SafeToRetry(err))
	var network *mcpclient.NetworkError
	require.NotErrorAs(t, err, &network)
}

func isClosed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

func TestCloseTellsTheServerOnce(t *testing.T) {
	// The DELETE does not inherit the context of Connect, which has ended long before (invariant 3).
	connecting, connected := context.WithCancel(t.Context())
	server := mcptest.New(t)
	session, err := mcpclient.Connect(connecting, server.URL())
	require.NoError(t, err)
	connected()
	stage := &lossStage{server, session}
	id := session.ID()
	require.NoError(t, stage.echo(t.Context()))
	require.False(t, isClosed(session.Done()))
	require.NoError(t, session.Err())

	require.NoError(t, session.Close())
	require.True(t, isClosed(session.Done()))
	require.ErrorIs(t, session.Err(), mcpclient.ErrClosed)
	require.Empty(t, server.Sessions())
	requests := server.Requests()
	last := requests[len(requests)-1]
	require.Equal(t, http.MethodDelete, last.HTTPMethod)
	require.Equal(t, id, last.Session)
	require.Equal(t, "2025-11-25", last.Header.Get("Mcp-Protocol-Version"))
	require.Empty(t, last.Header.Get("Content-Type"))
	require.Empty(t, last.Body)

	require.NoError(t, session.Close())
	requireClosed(t, stage.echo(t.Context()), mcpclient.DeliveryNotSent)
	requireClosed(t, session.Ping(t.Context()), mcpclient.DeliveryNotSent)
	requireClosed(t, session.Notify(t.Context(), "notifications/x", nil), mcpclient.DeliveryNotSent)
	requireClosed(t, session.Reinitialize(t.Context()), mcpclient.DeliveryNotSent)
	requireClosed(t, firstError(session.Tools(t.Context())), mcpclient.DeliveryNotSent)
	_, err = session.Detach()
	requireClosed(t, err, mcpclient.DeliveryNotSent)
	require.Len(t, server.Requests(), len(requests), "nothing is sent after Close")
}

// What the server makes of the DELETE is its own business.
func TestCloseWhateverTheServerSays(t *testing.T) {
	faults := map[string]mcptest.Fault{
		"404":      mcptest.Status(404, nil, "session not found"),
		"405":      mcptest.Status(405, http.Header{"Allow": {"POST"}}, "not allowed"),
		"202":      mcptest.Status(202, nil, ""),
		"500":      mcptest.Status(500, nil, "oops"),
		"web page": mcptest.HTML(),
		"cut":      mcptest.DropBefore(),
		"redirect": mcptest.Redirect(302, "http://elsewhere.invalid/"),
	}
	for _, c := range loadRefusals(t) {
		if c.httpMethod == http.MethodDelete && c.sessionSent && c.networkErr == nil {
			faults[c.name] = mcptest.Status(c.status, c.header, string(c.body))
		}
	}
	require.Greater(t, len(faults), 20)
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			stage := newLossStage(t, nil)
			stage.server.Next(fault.OnHTTP(http.MethodDelete))
			require.NoError(t, stage.session.Close())
			require.Empty(t, stage.server.Unused())
			require.NotZero(t, stage.arrived(http.MethodDelete))
			require.Equal(t, 1, stage.server.Initializes())
		})
	}
}

func TestCloseIsBounded(t *testing.T) {
	for name, limit := range map[string]time.Duration{"default": 0, "option": 7 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stage := newLossStage(t, &mcpclient.Client{CloseTimeout: limit}, mcptest.InMemory())
				stage.server.Next(mcptest.Hang().OnHTTP(http.MethodDelete))
				if limit == 0 {
					limit = 2 * time.Second
				}
				start := time.Now()
				var all sync.WaitGroup
				for range 3 {
					all.Go(func() { require.NoError(t, stage.session.Close()) })
				}
				all.Wait()
				require.Equal(t, limit, time.Since(start))
				require.Equal(t, 1, stage.arrived(http.MethodDelete))
			})
		})
	}
}

// A session without an id, and one that the server has forgotten, need no DELETE.
func TestCloseWithNothingToEnd(t *testing.T) {
	stage := newLossStage(t, nil, mcptest.WithoutSessions())
	require.NoError(t, stage.echo(t.Context()))
	require.Empty(t, stage.session.ID())
	require.NoError(t, stage.session.Close())
	require.Zero(t, stage.arrived(http.MethodDelete))

	stage = newLossStage(t, &mcpclient.Client{Reinitialize: mcpclient.ReinitializeNever})
	stage.server.ForgetSessions()
	sessionErrorOf(t, stage.echo(t.Context()))
	require.NoError(t, stage.session.Close())
	require.ErrorIs(t, stage.session.Err(), mcpclient.ErrClosed)
	require.Zero(t, stage.arrived(http.MethodDelete))
}

// Calls in flight end at once, wherever they are: waiting for headers, for the rest of a stream, for a place.
func TestCloseEndsCallsInFlight(t *testing.T) {
	for name, opts := range map[string][]mcptest.Option{
		"json": {mcptest.InMemory()}, "stream": {mcptest.InMemory(), mcptest.Streams()}, "resumable": {mcptest.InMemory(), mcptest.Resumable()},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const places = 8
				stage := newLossStage(t, &mcpclient.Client{Limits: mcpclient.Limits{ConcurrentCalls: places}}, opts...)
				entered, release := heldTool(stage.server)
				defer close(release)
				errs := make(chan error, 2*places)
				for range 2 * places {
					go func() {
						_, err := stage.session.CallTool(context.Background(), "hold", nil)
						errs <- err
					}()
				}
				for range places {
					<-entered
				}
				synctest.Wait()
				start := time.Now()
				require.NoError(t, stage.session.Close())
				deliveries := make(map[mcpclient.Delivery]int)
				for range 2 * places {
					err := <-errs
					var call *mcpclient.CallError
					require.ErrorAs(t, err, &call)
					requireClosed(t, err, call.Delivery)
					deliveries[call.Delivery]++
				}
				require.Zero(t, time.Since(start))
				require.Equal(t, map[mcpclient.Delivery]int{mcpclient.DeliveryUnknown: places, mcpclient.DeliveryNotSent: places}, deliveries)
				require.Empty(t, stage.server.Cancelled(), "the DELETE has said it")
			})
		})
	}
}

// The DELETE makes the server end its executions, and answer them: no caller is to take that for the tool's own
// answer. Which of the two is seen first is a matter of luck, so many try.
func TestCloseHidesTheEchoOfItsDelete(t *testing.T) {
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			const callers = 64
			stage := newLossStage(t, nil, mcptest.InMemory(), mcptest.Streams())
			entered, release := heldTool(stage.server)
			defer close(release)
			errs := make(chan error, callers)
			for range callers {
				go func() {
					_, err := stage.session.CallTool(t.Context(), "hold", nil)
					errs <- err
				}()
			}
			for range callers {
				<-entered
			}
			require.NoError(t, stage.session.Close())
			for range callers {
				requireClosed(t, <-errs, mcpclient.DeliveryUnknown)
			}
		})
	}
}

// Close during a handshake ends, at the server, the session just opened, if it is known by then.
func TestCloseDuringAReopen(t *testing.T) {
	for name, c := range map[string]struct {
		fault    mcptest.Fault
		policy   mcpclient.ReinitializePolicy
		deletes  int
		sessions int // what the server is left with
	}{
		"before the id is known": {fault: mcptest.Hang().On("initialize")},
		"after it is known":      {fault: mcptest.Hang().On("notifications/initialized"), deletes: 1},
		"in a backoff":           {fault: mcptest.Status(503, http.Header{"Retry-After": {"9"}}, "busy").On("initialize")},
	} {
		for _, detach := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, detach %v", name, detach), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					stage := newLossStage(t, nil, mcptest.InMemory())
					stage.server.ForgetSessions()
					stage.server.Next(c.fault)
					ended := make(chan error, 1)
					go func() { ended <- stage.echo(context.Background()) }()
					synctest.Wait()
					start := time.Now()
					if detach {
						_, err := stage.session.Detach()
						require.NoError(t, err)
					} else {
						require.NoError(t, stage.session.Close())
					}
					require.Zero(t, time.Since(start))
					requireClosed(t, <-ended, mcpclient.DeliveryRefused)
					synctest.Wait()
					require.Equal(t, c.deletes, stage.arrived(http.MethodDelete))
					require.Empty(t, stage.server.Sessions())
				})
			})
		}
	}
}

// What still runs when the time is up has a name.
func TestCloseNamesWhatStillRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stage := &lossStage{server: mcptest.New(t, mcptest.InMemory())}
		release := make(chan struct{})
		client := &mcpclient.Client{
			HTTPClient: stage.server.HTTPClient(),
			Restore:    func(context.Context, *mcpclient.Session) error { <-release; return nil }, // minds no context
		}
		session, err := client.Connect(t.Context(), stage.server.URL())
		require.NoError(t, err)
		stage.session = session
		stage.server.ForgetSessions()
		ended := make(chan error, 1)
		go func() { ended <- stage.echo(t.Context()) }()
		synctest.Wait()
		start := time.Now()
		err = session.Close()
		require.Equal(t, 2*time.Second, time.Since(start))
		require.EqualError(t, err, "mcpclient: close: still running after 2s: 1 × shared handshake")
		require.Equal(t, err.Error(), session.Close().Error(), "the second Close says the same")
		require.True(t, isClosed(session.Done()))
		requireClosed(t, <-ended, mcpclient.DeliveryRefused)
		close(release)
		synctest.Wait()
		require.Empty(t, stage.server.Sessions(), "ended all the same, as soon as it could be")
	})
}

func TestReinitializeReadySession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const callers = 20
		stage := newLossStage(t, nil, mcptest.InMemory())
		old := stage.session.ID()
		opening := len(stage.server.Requests())
		stage.server.Next(mcptest.Slow(time.Second).On("initialize"))
		errs := make(chan error, callers)
		for range callers {
			go func() { errs <- stage.session.Reinitialize(t.Context()) }()
		}
		synctest.Wait()
		start := time.Now()
		require.NoError(t, stage.echo(t.Context()))
		require.Zero(t, time.Since(start), "calls go on, on the old session, until the new one is there")
		require.Equal(t, old, stage.session.ID())
		require.NoError(t, stage.session.Err())
		for range callers {
			require.NoError(t, <-errs)
		}
		require.NotEqual(t, old, stage.session.ID())
		require.Equal(t, []string{stage.session.ID()}, stage.server.Sessions())
		require.Equal(t, 2, stage.server.Initializes())
		require.Equal(t, mcpclient.Stats{Generation: 2, Calls: 1, Initializes: 2}, stage.session.Stats())

		var order []string
		for _, r := range stage.server.Requests()[opening:] {
			order = append(order, r.HTTPMethod+" "+r.Method)
			if r.HTTPMethod == http.MethodDelete {
				require.Equal(t, old, r.Session)
			}
		}
		slices.Sort(order[:2]) // the call and the handshake: either may have been first
		require.Equal(t, []string{"POST initialize", "POST tools/call", "POST notifications/initialized", "DELETE "}, order)
	})
}

// A re-initialize that fails leaves a working session alone.
func TestReinitializeFails(t *testing.T) {
	for name, policy := range lossPolicies {
		t.Run(name, func(t *testing.T) {
			stage := newLossStage(t, &mcpclient.Client{Reinitialize: policy})
			id := stage.session.ID()
			stage.server.Next(mcptest.Status(404, nil, "not found").On("initialize"))
			err := stage.session.Reinitialize(t.Context())
			var call *mcpclient.CallError
			var refused *mcpclient.HTTPError
			require.ErrorAs(t, err, &call)
			require.ErrorAs(t, err, &refused)
			require.Equal(t, "reinitialize", call.Method)
			require.Equal(t, mcpclient.DeliveryRefused, call.Delivery)
			require.NotErrorIs(t, err, mcpclient.ErrSessionInvalid)
			require.NoError(t, stage.session.Err())
			require.NoError(t, stage.echo(t.Context()))
			require.Equal(t, id, stage.session.ID())
			require.Zero(t, stage.arrived(http.MethodDelete))

			// On a lost session the error is the loss, and says why there is no new one.
			stage.server.ForgetSessions()
			stage.server.Next(mcptest.Status(429, nil, "busy").On("initialize").Times(6)) // a reopen tries three times
			require.Error(t, stage.echo(t.Context()))
			err = stage.session.Reinitialize(t.Context())
			call, lost := sessionErrorOf(t, err)
			require.ErrorAs(t, err, &refused)
			require.False(t, lost.RetryAt.IsZero())
			_, again := mcpclient.RetryAfter(err)
			require.True(t, again, "whatever the policy: it was asked for")
			require.Equal(t, mcpclient.DeliveryRefused, call.Delivery, "the evidence of the handshake")
			require.True(t, mcpclient.SafeToRetry(err))
			if policy == mcpclient.ReinitializeOnly {
				require.Len(t, stage.server.Unused(), 1)
				return // the refused call has opened nothing
			}
		})
	}
}

// On a lost session Reinitialize joins the handshake that the callers wait for.
func TestReinitializeJoins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stage := newLossStage(t, nil, mcptest.InMemory())
		stage.server.ForgetSessions()
		stage.server.Next(mcptest.Slow(time.Second).On("initialize"))
		ended := make(chan error, 2)
		go func() { ended <- stage.echo(t.Context()) }()
		synctest.Wait()
		go func() { ended <- stage.session.Reinitialize(t.Context()) }()
		require.NoError(t, <-ended)
		require.NoError(t, <-ended)
		require.Equal(t, 2, stage.server.Initializes())
		require.Zero(t, stage.arrived(http.MethodDelete))
	})
}

// A session that is lost while its successor is being opened waits for that one, and needs no DELETE.
func TestReinitializeMeetsALoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stage := newLossStage(t, nil, mcptest.InMemory())
		stage.server.Next(mcptest.Slow(time.Second).On("initialize"))
		ended := make(chan error, 1)
		go func() { ended <- stage.session.Reinitialize(t.Context()) }()
		synctest.Wait()
		stage.server.ForgetSessions()
		require.NoError(t, stage.echo(t.Context()))
		require.NoError(t, <-ended)
		require.Equal(t, 2, stage.server.Initializes())
		require.Zero(t, stage.arrived(http.MethodDelete))
		require.EqualValues(t, 1, stage.session.Stats().Losses)
	})
}

// Its context bounds the wait, not the handshake.
func TestReinitializeGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stage := newLossStage(t, nil, mcptest.InMemory())
		old := stage.session.ID()
		gone, leave := context.WithCancel(t.Context())
		leave()
		for range 20 {
			err := stage.session.Reinitialize(gone)
			require.ErrorIs(t, err, context.Canceled)
			require.True(t, mcpclient.SafeToRetry(err))
		}
		require.Equal(t, 1, stage.arrived("initialize"), "nobody is there to want it")

		stage.server.Next(mcptest.Slow(10 * time.Second).On("initialize"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		require.ErrorIs(t, stage.session.Reinitialize(ctx), context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(start))
		<-time.After(time.Minute)
		require.NotEqual(t, old, stage.session.ID())
		require.NoError(t, stage.echo(t.Context()))
		require.Equal(t, 2, stage.server.Initializes())
	})
}

func TestDetachAndResume(t *testing.T) {
	stage := newLossStage(t, nil)
	require.NoError(t, stage.session.SetLogLevel(t.Context(), mcpclient.LogError))
	id := stage.session.ID()
	_, release := heldTool(stage.server)
	defer close(release)
	held := make(chan error, 1)
	go func() {
		_, err := stage.session.CallTool(t.Context(), "hold", nil)
		held <- err
	}()
	require.NoError(t, stage.server.Await(t.Context(), func() bool { return stage.arrived("tools/call") == 1 }))
	state, err := stage.session.Detach()
	require.NoError(t, err)
	requireClosed(t, <-held, mcpclient.DeliveryUnknown)
	require.True(t, isClosed(stage.session.Done()))
	require.ErrorIs(t, stage.session.Err(), mcpclient.ErrClosed)
	require.NoError(t, stage.session.Close())
	again, err := stage.session.Detach()
	require.NoError(t, err)
	require.Equal(t, state, again)
	require.Zero(t, stage.arrived(http.MethodDelete))
	require.Equal(t, []string{id}, stage.server.Sessions())

	// To the other process, through JSON.
	text, err := json.Marshal(state)
	require.NoError(t, err)
	var received mcpclient.SessionState
	require.NoError(t, json.Unmarshal(text, &received))
	require.Equal(t, state, received)

	var restores atomic.Int32
	other := &mcpclient.Client{Restore: func(context.Context, *mcpclient.Session) error { restores.Add(1); return nil }}
	sent := stage.sent()
	resumed, err := other.Resume(t.Context(), received)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, resumed.Close()) })
	require.Equal(t, sent, stage.sent(), "nothing is sent")
	require.Equal(t, id, resumed.ID())
	require.NoError(t, resumed.Err())
	require.Equal(t, "mcptest", resumed.Server().Name)
	require.NotNil(t, resumed.Server().Capabilities.Tools)

	stage.session = resumed
	require.NoError(t, stage.echo(t.Context()))
	require.Equal(t, 1, stage.server.Initializes())
	requests := stage.server.Requests()
	first := requests[len(requests)-1]
	require.Equal(t, id, first.Session)
	require.Equal(t, "2025-11-25", first.Header.Get("Mcp-Protocol-Version"))
	firstID, err := strconv.ParseInt(string(first.ID), 10, 64)
	require.NoError(t, err)
	require.LessOrEqual(t, firstID%(1<<20), int64(1), "ids start at a multiple of 2^20")
	require.Less(t, firstID, int64(1<<52))

	// A loss is handled as any other, and the log level of the first process is not forgotten.
	require.Zero(t, restores.Load(), "Restore does not run on Resume")
	stage.server.ForgetSessions()
	require.NoError(t, stage.echo(t.Context()))
	require.EqualValues(t, 1, restores.Load())
	require.EqualValues(t, 2, resumed.Stats().Generation)
	info, known := stage.server.Session(resumed.ID())
	require.True(t, known)
	require.Equal(t, mcpclient.LogError, info.LogLevel)
}

// The server may have forgotten the session before the other process came.
func TestResumeOfALostSession(t *testing.T) {
	for name, policy := range lossPolicies {
		t.Run(name, func(t *testing.T) {
			stage := newLossStage(t, nil)
			state, err := stage.session.Detach()
			require.NoError(t, err)
			stage.server.ForgetSessions()
			stage.session, err = (&mcpclient.Client{Reinitialize: policy}).Resume(t.Context(), state)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, stage.session.Close()) })
			err = stage.echo(t.Context())
			if policy == mcpclient.ReinitializeAndRepeat {
				require.NoError(t, err)
			} else {
				call, _ := sessionErrorOf(t, err)
				require.Equal(t, mcpclient.DeliveryRefused, call.Delivery)
				require.NoError(t, stage.session.Reinitialize(t.Context()))
				require.NoError(t, stage.echo(t.Context()))
			}
			require.Equal(t, 2, stage.server.Initializes())
		})
	}
}

// Two processes that resume the same session do not meet in their ids.
func TestResumeTwice(t *testing.T) {
	stage := newLossStage(t, nil)
	state := stage.session.State()
	for range 4 {
		session, err := new(mcpclient.Client).Resume(t.Context(), state)
		require.NoError(t, err)
		require.NoError(t, echoOn(t.Context(), session))
		_, err = session.Detach()
		require.NoError(t, err)
	}
	blocks := make(map[int64]bool)
	for _, r := range stage.server.Requests() {
		if r.Method != "tools/call" {
			continue
		}
		id, err := strconv.ParseInt(string(r.ID), 10, 64)
		require.NoError(t, err)
		blocks[id>>20] = true
	}
	require.Len(t, blocks, 4)
}

func TestResumeOfWhatIsNoState(t *testing.T) {
	good := newLossStage(t, nil).session.State()
	for name, spoil := range map[string]func(*mcpclient.SessionState){
		"zero":            func(s *mcpclient.SessionState) { *s = mcpclient.SessionState{} },
		"newer format":    func(s *mcpclient.SessionState) { s.V = 2 },
		"no endpoint":     func(s *mcpclient.SessionState) { s.Endpoint = "" },
		"no URL":          func(s *mcpclient.SessionState) { s.Endpoint = "ftp://host/" },
		"unknown era":     func(s *mcpclient.SessionState) { s.Era = "bronze" },
		"unknown version": func(s *mcpclient.SessionState) { s.Version = "1999-01-01" },
		"id with a line":  func(s *mcpclient.SessionState) { s.ID = "top\r\nsecret: 1" },
	} {
		t.Run(name, func(t *testing.T) {
			state := good
			spoil(&state)
			_, err := new(mcpclient.Client).Resume(t.Context(), state)
			var call *mcpclient.CallError
			require.ErrorAs(t, err, &call)
			require.Equal(t, "resume", call.Method)
			require.Equal(t, mcpclient.DeliveryNotSent, call.Delivery)
			require.NotContains(t, err.Error(), "secret")
		})
	}
}

func TestStateTellsNoSecret(t *testing.T) {
	server := mcptest.New(t)
	session, err := mcpclient.Connect(t.Context(), server.URL()+"?key=s3cret")
	require.NoError(t, err)
	defer session.Close()
	state := session.State()
	require.Equal(t, 1, state.V)
	require.Equal(t, session.ID(), state.ID)
	require.Equal(t, "2025-11-25", state.Version)
	require.Equal(t, server.URL()+"?key=s3cret", state.Endpoint)
	text, err := json.Marshal(state)
	require.NoError(t, err)
	require.Contains(t, string(text), `"v":1,`)
	require.Contains(t, string(text), session.ID())

	var logged bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&logged, nil), slog.NewJSONHandler(&logged, nil)} {
		slog.New(handler).Info("state", "state", state, "pointer", &state)
	}
	texts := []string{state.String(), logged.String(), fmt.Sprint(state, &state), fmt.Sprint(struct{ State mcpclient.SessionState }{state}), fmt.Sprint([]mcpclient.SessionState{state})}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		texts = append(texts, fmt.Sprintf(verb, state), fmt.Sprintf(verb, &state), fmt.Sprintf(verb, errors.New(state.String())))
	}
	for _, text := range texts {
		require.NotContains(t, text, session.ID())
		require.NotContains(t, text, fmt.Sprintf("%x", session.ID()))
		require.NotContains(t, text, "s3cret")
	}
	require.Contains(t, state.String(), hashed(session.ID()))
}

// The state of a lost session is that of the lost one: whoever resumes it finds that out.
func TestStateThroughALife(t *testing.T) {
	stage := newLossStage(t, &mcpclient.Client{Reinitialize: mcpclient.ReinitializeOnly})
	first := stage.session.State()
	stage.server.ForgetSessions()
	sessionErrorOf(t, stage.echo(t.Context()))
	require.Equal(t, first, stage.session.State())
	require.False(t, isClosed(stage.session.Done()), "a loss is not the end")
	require.NoError(t, stage.echo(t.Context()))
	second := stage.session.State()
	require.NotEqual(t, first.ID, second.ID)
	require.NoError(t, stage.session.Close())
	require.Equal(t, second, stage.session.State())
}
