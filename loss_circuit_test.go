package mcpclient_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// The tests of this file run in a bubble of fake time. A server behind a proxy that strips the session header
// accepts each handshake and refuses each request after it.

const (
	circuitLowest  = 5 * time.Second
	circuitHighest = 60 * time.Second
)

// lossesInARow loses the session n times, by a call each, without an answered one. The policy must be ReinitializeOnly.
func lossesInARow(t *testing.T, stage *lossStage, n int, pause time.Duration) {
	t.Helper()
	for range n {
		stage.server.Next(mcptest.Refuse(mcptest.TypeScript))
		sessionErrorOf(t, stage.echo(t.Context()))
		require.Empty(t, stage.server.Unused(), "the call was sent")
		<-time.After(pause)
	}
}

// requireOpenCircuit checks that calls fail at once, and why, and returns until when.
func requireOpenCircuit(t *testing.T, stage *lossStage) *mcpclient.SessionError {
	t.Helper()
	sent := stage.sent()
	err := stage.echo(t.Context())
	require.Equal(t, sent, stage.sent())
	require.ErrorContains(t, err, "is a proxy stripping the session header")
	lost := requireGated(t, err, time.Nanosecond, circuitHighest)
	require.Same(t, lost, stage.session.Err())
	return lost
}

// requireClosedCircuit checks that the next call is answered, on a new session.
func requireClosedCircuit(t *testing.T, stage *lossStage) {
	t.Helper()
	before := stage.server.Initializes()
	require.NoError(t, stage.echo(t.Context()))
	require.Equal(t, before+1, stage.server.Initializes())
}

func TestCircuitOpensAtTheFifthLossInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stage := newLossStage(t, nil, mcptest.InMemory())
		stop := stage.server.Always(mcptest.Refuse(mcptest.RMCPMissing)) // any call, as long as it carries a session
		start := time.Now()
		err := stage.echo(t.Context())
		require.Less(t, time.Since(start), time.Second)
		lost := requireGated(t, err, circuitLowest-time.Second, circuitHighest)
		require.ErrorContains(t, err, "is a proxy stripping the session header")
		require.Equal(t, 400, lost.StatusCode)
		require.Equal(t, "S8", lost.Signal)
		var call *mcpclient.CallError
		require.ErrorAs(t, err, &call)
		require.Equal(t, mcpclient.DeliveryRefused, call.Delivery)
		require.Equal(t, 5, call.Attempts)
		require.Len(t, stage.openings(), 4, "the fifth loss opens no session any more")
		requireOpenCircuit(t, stage)
		requireGateHolds(t, stage, lost)

		// One trial, then it is open again; whoever calls meanwhile does not wait for nothing.
		for trial := 1; trial <= 3; trial++ {
			err = stage.echo(t.Context())
			lost = requireGated(t, err, circuitLowest, circuitHighest)
			require.ErrorContains(t, err, "is a proxy stripping the session header")
			require.Len(t, stage.openings(), 4+trial)
			requireGateHolds(t, stage, lost)
		}

		// The proxy has been mended: the next trial succeeds, and one further loss opens nothing.
		stop()
		requireClosedCircuit(t, stage)
		stage.server.ForgetSessions()
		requireClosedCircuit(t, stage)
	})
}

// Many callers, and still one trial.
func TestCircuitTrialIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stage := newLossStage(t, nil, mcptest.InMemory())
		stage.server.Always(mcptest.Refuse(mcptest.TypeScript))
		lost := requireGated(t, stage.echo(t.Context()), circuitLowest-time.Second, circuitHighest)
		<-time.After(time.Until(lost.RetryAt))
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() { requireGated(t, stage.echo(t.Context()), circuitLowest, circuitHighest) })
		}
		all.Wait()
		require.Len(t, stage.openings(), 5)
	})
}

func TestCircuitUnderTheOtherPolicies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stage := newLossStage(t, &mcpclient.Client{Reinitialize: mcpclient.ReinitializeOnly}, mcptest.InMemory())
		lossesInARow(t, stage, 5, 0)
		lost := requireOpenCircuit(t, stage)
		requireGateHolds(t, stage, lost)
		requireClosedCircuit(t, stage)
	})
	synctest.Test(t, func(t *testing.T) {
		stage := newLossStage(t, &mcpclient.Client{Reinitialize: mcpclient.ReinitializeNever}, mcptest.InMemory())
		for range 10 {
			stage.server.Next(mcptest.Refuse(mcptest.TypeScript))
			sessionErrorOf(t, stage.echo(t.Context()))
			require.NoError(t, stage.session.Reinitialize(t.Context()), "the application decides")
		}
		require.NoError(t, stage.echo(t.Context()))
	})
}

// Session.Reinitialize is the way past an open circuit for an application that knows better.
func TestCircuitDoesNotHoldUpReinitialize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stage := newLossStage(t, &mcpclient.Client{Reinitialize: mcpclient.ReinitializeOnly}, mcptest.InMemory())
		lossesInARow(t, stage, 5, 0)
		requireOpenCircuit(t, stage)
		start := time.Now()
		require.NoError(t, stage.session.Reinitialize(t.Context()))
		require.Zero(t, time.Since(start))
		require.NoError(t, stage.echo(t.Context()))
	})
}

// An answered call proves that sessions work, however often they are lost. An error of the server is an answer, too.
func TestCircuitResetByAnAnsweredCall(t *testing.T) {
	for name, answer := range map[string]func(t *testing.T, stage *lossStage){
		"a result": func(t *testing.T, stage *lossStage) { require.NoError(t, stage.echo(t.Context())) },
		"an error": func(t *testing.T, stage *lossStage) {
			var rpc *mcpclient.RPCError
			_, err := stage.session.CallTool(t.Context(), "no such tool", nil)
			require.ErrorAs(t, err, &rpc)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stage := newLossStage(t, &mcpclient.Client{Reinitialize: mcpclient.ReinitializeOnly}, mcptest.InMemory())
				for range 5 {
					lossesInARow(t, stage, 4, 0)
					answer(t, stage)
				}
				lossesInARow(t, stage, 5, 0)
				requireOpenCircuit(t, stage)
			})
		})
	}
}

// What only fails answers nothing: a dead network between the losses does not close the circuit.
func TestCircuitNotResetByAFailedCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stage := newLossStage(t, &mcpclient.Client{Reinitialize: mcpclient.ReinitializeOnly}, mcptest.InMemory())
		for range 4 {
			lossesInARow(t, stage, 1, 0)
			stage.server.Next(mcptest.DropBefore().On("tools/call"), mcptest.Status(502, nil, "bad gateway").On("tools/call"))
			before := stage.server.Initializes()
			require.Error(t, stage.echo(t.Context()))
			require.Error(t, stage.echo(t.Context()))
			require.Equal(t, before+1, stage.server.Initializes())
		}
		lossesInARow(t, stage, 1, 0)
		requireOpenCircuit(t, stage)
	})
}

// An answer that an older session still owed says nothing about the newer ones.
func TestCircuitNotResetByAnOldAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stage := newLossStage(t, &mcpclient.Client{Reinitialize: mcpclient.ReinitializeOnly}, mcptest.InMemory())
		entered, release := heldTool(stage.server)
		held := make(chan error, 1)
		go func() {
			_, err := stage.session.CallTool(t.Context(), "hold", nil)
			held <- err
		}()
		<-entered
		lossesInARow(t, stage, 4, 0)
		close(release)
		require.NoError(t, <-held)
		lossesInARow(t, stage, 1, 0)
		requireOpenCircuit(t, stage)
	})
}

// Five losses in more than a minute are a bad day, not a loop.
func TestCircuitCountsAMinute(t *testing.T) {
	for _, c := range []struct {
		pause time.Duration
		opens bool
	}{{14 * time.Second, true}, {16 * time.Second, false}} {
		synctest.Test(t, func(t *testing.T) {
			stage := newLossStage(t, &mcpclient.Client{Reinitialize: mcpclient.ReinitializeOnly}, mcptest.InMemory())
			lossesInARow(t, stage, 4, c.pause)
			if c.opens {
				lossesInARow(t, stage, 1, 0)
				requireOpenCircuit(t, stage)
				return
			}
			lossesInARow(t, stage, 20, c.pause)
			requireClosedCircuit(t, stage)
		})
	}
}
