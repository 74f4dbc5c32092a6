package mcpclient_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// The tests of this file run in a bubble of fake time: nothing but what the client waits for takes any.

// openings are the times at which initialize requests arrived after the first one.
func (s *lossStage) openings() (times []time.Time) {
	for _, r := range s.server.Requests() {
		if r.Method == "initialize" {
			times = append(times, r.Time)
		}
	}
	return times[1:]
}

// requireGated checks that err is the failure of a reopen and returns until when calls fail at once.
func requireGated(t *testing.T, err error, lowest, highest time.Duration) *mcpclient.SessionError {
	t.Helper()
	_, lost := sessionErrorOf(t, err)
	require.False(t, lost.RetryAt.IsZero())
	wait := time.Until(lost.RetryAt)
	require.GreaterOrEqual(t, wait, lowest)
	require.LessOrEqual(t, wait, highest)
	require.True(t, mcpclient.SafeToRetry(err))
	if told, ok := mcpclient.RetryAfter(err); ok {
		require.Equal(t, wait, told)
	}
	return lost
}

// requireRetryAfter checks whether err counts as one that passes by itself.
func requireRetryAfter(t *testing.T, err error, want bool) {
	t.Helper()
	_, ok := mcpclient.RetryAfter(err)
	require.Equal(t, want, ok, err)
}

// requireGateHolds checks that before RetryAt calls fail at once and alike, and that nothing is sent meanwhile.
func requireGateHolds(t *testing.T, stage *lossStage, lost *mcpclient.SessionError) {
	t.Helper()
	synctest.Wait() // for the DELETE of a session that was opened for nothing
	sent, now := stage.sent(), time.Now()
	if wait := time.Until(lost.RetryAt); wait > 0 {
		_, same := sessionErrorOf(t, stage.echo(t.Context()))
		require.Same(t, lost, same)
		<-time.After(wait - 1)
		_, same = sessionErrorOf(t, stage.echo(t.Context()))
		require.Same(t, lost, same)
		require.Equal(t, wait-1, time.Since(now), "the calls took no time")
		<-time.After(1)
	}
	require.Equal(t, sent, stage.sent())
}

func TestReopenTriesAgainWhatPasses(t *testing.T) {
	dial := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	for name, c := range map[string]struct {
		fault  mcptest.Fault
		takes  time.Duration // of one attempt
		cause  any
		dialed error // set: no fault, the dial fails
	}{
		"429":       {fault: mcptest.Status(429, nil, "slow down"), cause: new(*mcpclient.HTTPError)},
		"502":       {fault: mcptest.Status(502, nil, "bad gateway"), cause: new(*mcpclient.HTTPError)},
		"503":       {fault: mcptest.Status(503, nil, "busy"), cause: new(*mcpclient.HTTPError)},
		"504":       {fault: mcptest.Status(504, nil, "too slow"), cause: new(*mcpclient.HTTPError)},
		"cut":       {fault: mcptest.DropBefore(), cause: new(*mcpclient.NetworkError)},
		"no header": {fault: mcptest.Hang(), cause: new(*mcpclient.NetworkError), takes: 30 * time.Second},
		"dial":      {dialed: dial, cause: new(*mcpclient.NetworkError)},
	} {
		for _, tries := range []int{1, 2, 3} {
			synctest.Test(t, func(t *testing.T) {
				stage := &lossStage{server: mcptest.New(t, mcptest.InMemory())}
				var failures, openings atomic.Int32
				inner := stage.server.HTTPClient().Transport
				stage.session = connectLoss(t, stage.server, &mcpclient.Client{HTTPClient: &http.Client{Transport: lossRoundTripper(func(r *http.Request) (*http.Response, error) {
					if r.Header.Get("Mcp-Session-Id") == "" && r.Header.Get("Mcp-Protocol-Version") == "" && openings.Add(1) > 1 && failures.Add(-1) >= 0 {
						return nil, c.dialed
					}
					return inner.RoundTrip(r)
				})}})
				if c.dialed != nil {
					failures.Store(int32(tries))
				} else {
					stage.server.Next(c.fault.On("initialize").Times(tries))
				}
				stage.server.ForgetSessions()
				start := time.Now()
				err := stage.echo(t.Context())
				most := time.Duration(tries)*c.takes + 100*time.Millisecond + 200*time.Millisecond
				require.GreaterOrEqual(t, time.Since(start), time.Duration(tries)*c.takes, name)
				require.LessOrEqual(t, time.Since(start), most, name)
				require.EqualValues(t, 1+min(tries+1, 3), openings.Load(), "%s: the first session, then up to 3 tries", name)
				if tries < 3 {
					require.NoError(t, err, "%s: callers wait for it", name)
					require.NoError(t, stage.session.Err())
					return
				}
				requireRetryAfter(t, err, true)
				lost := requireGated(t, err, 0, 500*time.Millisecond)
				require.ErrorAs(t, err, c.cause, name)
				require.Same(t, lost, stage.session.Err())
				require.Contains(t, err.Error(), "no new session yet: ")
				requireGateHolds(t, stage, lost)
				require.NoError(t, stage.echo(t.Context()), "the first call after it starts the next flight")
				require.Equal(t, 2, stage.server.Initializes())
			})
		}
	}
}

func TestReopenEndsWithADefiniteAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		fault mcptest.Fault
		cause any
	}{
		"404":       {mcptest.Status(404, nil, "not found"), new(*mcpclient.HTTPError)},
		"405":       {mcptest.Status(405, nil, "not allowed"), new(*mcpclient.HTTPError)},
		"400":       {mcptest.Status(400, nil, "bad request"), new(*mcpclient.HTTPError)},
		"401":       {mcptest.Status(401, nil, "who are you"), new(*mcpclient.HTTPError)},
		"500":       {mcptest.Status(500, nil, "oops"), new(*mcpclient.HTTPError)},
		"web page":  {mcptest.HTML(), new(*mcpclient.ProtocolError)},
		"redirect":  {mcptest.Redirect(302, "http://elsewhere.invalid/mcp"), new(*mcpclient.RedirectError)},
		"malformed": {mcptest.Malformed(), new(*mcpclient.ProtocolError)},
		"version":   {lossVersion("1999-01-01"), new(*mcpclient.VersionError)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stage := newLossStage(t, nil, mcptest.InMemory())
				stage.server.ForgetSessions()
				stage.server.Next(c.fault.On("initialize"))
				start := time.Now()
				err := stage.echo(t.Context())
				require.Zero(t, time.Since(start), "no second try")
				require.Len(t, stage.openings(), 1)
				requireRetryAfter(t, err, false)
				lost := requireGated(t, err, 0, 500*time.Millisecond)
				require.ErrorAs(t, err, c.cause)
				require.Equal(t, name == "401", errors.Is(err, mcpclient.ErrUnauthorized))
				requireGateHolds(t, stage, lost)
				require.NoError(t, stage.echo(t.Context()))
			})
		})
	}
}

// lossVersion makes the server answer initialize with another protocol version.
func lossVersion(version string) mcptest.Fault {
	return mcptest.Rewrite(func(answer []byte) []byte {
		return []byte(strings.Replace(string(answer), `"2025-11-25"`, `"`+version+`"`, 1))
	})
}

// The gate grows with the failures in a row, up to 10 s, and starts over after a success. No timer runs meanwhile:
// however long nobody calls, nothing is sent.
func TestReopenGateGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stage := newLossStage(t, nil, mcptest.InMemory())
		stop := stage.server.Always(mcptest.Status(404, nil, "not found").On("initialize"))
		stage.server.ForgetSessions()
		var last *mcpclient.SessionError
		longest := time.Duration(0)
		for failure := range 40 {
			err := stage.echo(t.Context())
			last = requireGated(t, err, 0, min(500*time.Millisecond<<min(failure, 10), 10*time.Second))
			longest = max(longest, time.Until(last.RetryAt))
			require.Len(t, stage.openings(), failure+1)
			<-time.After(time.Until(last.RetryAt))
		}
		require.Greater(t, longest, 4*time.Second)
		<-time.After(100 * time.Hour)
		require.Len(t, stage.openings(), 40)
		require.Same(t, last, stage.session.Err())

		stop()
		require.NoError(t, stage.echo(t.Context()))
		stage.server.ForgetSessions()
		stage.server.Next(mcptest.Status(404, nil, "not found").On("initialize"))
		requireGated(t, stage.echo(t.Context()), 0, 500*time.Millisecond)
	})
}

// Under ReinitializeOnly the gate is the same; under ReinitializeNever Reinitialize fails with what it met.
func TestReopenGateUnderTheOtherPolicies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stage := newLossStage(t, &mcpclient.Client{Reinitialize: mcpclient.ReinitializeOnly}, mcptest.InMemory())
		stage.server.ForgetSessions()
		sessionErrorOf(t, stage.echo(t.Context()))
		stage.server.Next(mcptest.Status(404, nil, "not found").On("initialize"))
		lost := requireGated(t, stage.echo(t.Context()), 0, 500*time.Millisecond)
		requireGateHolds(t, stage, lost)
		require.NoError(t, stage.echo(t.Context()))
	})
	synctest.Test(t, func(t *testing.T) {
		stage := newLossStage(t, &mcpclient.Client{Reinitialize: mcpclient.ReinitializeNever}, mcptest.InMemory())
		stage.server.ForgetSessions()
		sessionErrorOf(t, stage.echo(t.Context()))
		stage.server.Next(mcptest.Status(503, nil, "busy").On("initialize").Times(3))
		err := stage.session.Reinitialize(t.Context())
		var busy *mcpclient.HTTPError
		require.ErrorAs(t, err, &busy)
		require.ErrorIs(t, err, mcpclient.ErrSessionInvalid, "the session is as lost as before")
		<-time.After(time.Hour)
		sessionErrorOf(t, stage.echo(t.Context()))
		require.Len(t, stage.openings(), 3, "no call opens a session under this policy")
		require.NoError(t, stage.session.Reinitialize(t.Context()))
		require.NoError(t, stage.echo(t.Context()))
	})
}

// Reinitialize does not wait for RetryAt.
func TestReopenOnRequestIgnoresTheGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stage := newLossStage(t, nil, mcptest.InMemory())
		stage.server.ForgetSessions()
		stage.server.Next(mcptest.Status(503, http.Header{"Retry-After": {"50"}}, "busy").On("initialize"))
		requireGated(t, stage.echo(t.Context()), 50*time.Second, 50*time.Second)
		start := time.Now()
		require.NoError(t, stage.session.Reinitialize(t.Context()))
		require.Zero(t, time.Since(start))
		require.NoError(t, stage.echo(t.Context()))
		require.NoError(t, stage.session.Err())
	})
}

func TestReopenHonoursRetryAfter(t *testing.T) {
	for name, c := range map[string]struct {
		asked string
		waits time.Duration // in the flight
		gate  time.Duration // where the flight ends at once
	}{
		"short":    {asked: "7", waits: 7 * time.Second},
		"long":     {asked: "40", gate: 40 * time.Second},
		"too long": {asked: "3600", gate: 60 * time.Second},
	} {
		for _, status := range []int{429, 503} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					stage := newLossStage(t, nil, mcptest.InMemory())
					stage.server.ForgetSessions()
					stage.server.Next(mcptest.Status(status, http.Header{"Retry-After": {c.asked}}, "busy").On("initialize"))
					start := time.Now()
					err := stage.echo(t.Context())
					if c.gate == 0 {
						require.NoError(t, err)
						require.Equal(t, c.waits, time.Since(start), "not earlier, and not much later")
						return
					}
					require.Zero(t, time.Since(start))
					lost := requireGated(t, err, c.gate, c.gate)
					requireGateHolds(t, stage, lost)
					require.NoError(t, stage.echo(t.Context()))
				})
			})
		}
	}
}

// All who wait share one flight, and its failure.
func TestReopenFailsForAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const callers = 50
		stage := newLossStage(t, nil, mcptest.InMemory())
		stage.server.Next(refusedTogether(callers, sessionNotFound))
		stage.server.Always(mcptest.Combine(mcptest.Slow(time.Second), mcptest.Status(503, nil, "busy")).On("initialize"))
		errs := make([]error, callers)
		var all sync.WaitGroup
		for i := range errs {
			all.Go(func() { errs[i] = stage.echo(t.Context()) })
		}
		all.Wait()
		_, first := sessionErrorOf(t, errs[0])
		for _, err := range errs {
			call, lost := sessionErrorOf(t, err)
			require.Same(t, first, lost)
			require.Equal(t, mcpclient.DeliveryRefused, call.Delivery)
		}
		require.Len(t, stage.openings(), 3)
	})
}

// A caller waits for the flight under its own context, and the flight goes on without any.
func TestReopenGoesOnWithoutCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stage := newLossStage(t, nil, mcptest.InMemory())
		stage.server.ForgetSessions()
		stage.server.Next(mcptest.Slow(10 * time.Second).On("initialize"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		require.ErrorIs(t, stage.echo(ctx), context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(start))
		<-time.After(time.Minute)
		require.NoError(t, stage.session.Err())
		require.NoError(t, stage.echo(t.Context()))
		require.Equal(t, 2, stage.server.Initializes())
	})
}

// A new session whose very first message is refused is one more loss, met before anybody used it.
func TestReopenMeetsTheNextLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stage := newLossStage(t, nil, mcptest.InMemory())
		stage.server.ForgetSessions()
		stage.server.Next(mcptest.Refuse(mcptest.GoSDK).On("notifications/initialized"))
		require.NoError(t, stage.echo(t.Context()))
		stats := stage.session.Stats()
		require.EqualValues(t, 2, stats.Losses)
		require.EqualValues(t, 3, stats.Initializes)

		stage.server.ForgetSessions()
		stage.server.Next(mcptest.Refuse(mcptest.GoSDK).On("notifications/initialized").Times(3))
		lost := requireGated(t, stage.echo(t.Context()), 0, 500*time.Millisecond)
		var inner *mcpclient.SessionError
		require.ErrorAs(t, lost.Err, &inner)
		requireGateHolds(t, stage, lost)
		require.NoError(t, stage.echo(t.Context()))
	})
}

// A handshake that breaks after the server has assigned an id leaves no session behind.
func TestReopenLeavesNoHalfOpenSession(t *testing.T) {
	for name, fault := range map[string]mcptest.Fault{
		"cut":     mcptest.DropBefore(),
		"500":     mcptest.Status(500, nil, "oops"),
		"silence": mcptest.Hang(),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stage := newLossStage(t, nil, mcptest.InMemory())
				stage.server.ForgetSessions()
				stage.server.Next(fault.On("notifications/initialized"))
				err := stage.echo(t.Context())
				synctest.Wait() // for the DELETE, for which nobody waits
				if name == "500" {
					requireGated(t, err, 0, 500*time.Millisecond)
					require.Empty(t, stage.server.Sessions())
					return
				}
				require.NoError(t, err)
				require.Equal(t, []string{stage.session.ID()}, stage.server.Sessions())
			})
		})
	}
}

// The session may move with a redeploy: a reopen asks at the URL that the user gave.
func TestReopenFollowsRedirectsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory())
		server.Next(mcptest.Redirect(307, "/mcp/").On("initialize"))
		stage := &lossStage{server, connectLoss(t, server, nil)}
		require.NoError(t, stage.echo(t.Context()))
		server.ForgetSessions()
		require.NoError(t, stage.echo(t.Context()))
		var paths []string
		for _, r := range server.Requests() {
			if r.Method == "initialize" || r.Method == "tools/call" {
				paths = append(paths, r.Path)
			}
		}
		require.Equal(t, []string{"/mcp", "/mcp/", "/mcp/", "/mcp/", "/mcp", "/mcp"}, paths)
	})
}

// The server may come back with another protocol version; later requests carry that one.
func TestReopenTakesTheVersionOfTheMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stage := newLossStage(t, nil, mcptest.InMemory())
		stage.server.ForgetSessions()
		stage.server.Next(lossVersion("2025-06-18").On("initialize"))
		require.NoError(t, stage.echo(t.Context()))
		require.Equal(t, "2025-06-18", stage.session.Server().ProtocolVersion)
		requests := stage.server.Requests()
		for _, r := range requests[len(requests)-2:] {
			require.Equal(t, "2025-06-18", r.Header.Get("Mcp-Protocol-Version"), r.Method)
		}
	})
}
