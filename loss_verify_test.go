package mcpclient_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// zillaSays is an answer that may mean a lost session, and may not (row S11). It needs no id of a request.
func zillaSays(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Invalid Request"}}`)
}

// suspicious is the same as a fault, for one call of a tool.
func suspicious() mcptest.Fault {
	return mcptest.Respond(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { zillaSays(w) })).On("tools/call")
}

// requireOwnError checks that err is what the server said to this one call.
func requireOwnError(t *testing.T, err error) {
	t.Helper()
	var call *mcpclient.CallError
	var rpc *mcpclient.RPCError
	require.ErrorAs(t, err, &call)
	require.ErrorAs(t, err, &rpc)
	require.Equal(t, "Invalid Request", rpc.Message)
	require.Equal(t, mcpclient.DeliveryAnswered, call.Delivery)
	require.NotErrorIs(t, err, mcpclient.ErrSessionInvalid)
}

// manyAtOnce makes n calls whose answers are suspicious, all at the same moment.
func (s *lossStage) manyAtOnce(t *testing.T, n int) []error {
	t.Helper()
	s.server.Next(refusedTogether(n, zillaSays))
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { errs[i] = s.echo(t.Context()) })
	}
	all.Wait()
	return errs
}

func TestVerifySessionIsGone(t *testing.T) {
	stage := newLossStage(t, nil, mcptest.RefusalWay(mcptest.Zilla))
	old := stage.session.ID()
	stage.server.ForgetSessions()
	for _, err := range stage.manyAtOnce(t, 32) {
		require.NoError(t, err, "the call counts as refused, and is sent again")
	}
	require.Equal(t, 1, stage.arrived("tools/list"), "one verification for all")
	require.Equal(t, 1, stage.count(func(r mcptest.Request) bool { return r.Method == "tools/list" && r.Session == old }), "on the same binding")
	require.Equal(t, 2, stage.server.Initializes())
	require.Zero(t, stage.arrived("ping"))
}

func TestVerifySessionLives(t *testing.T) {
	stage := newLossStage(t, nil)
	for _, err := range stage.manyAtOnce(t, 32) {
		requireOwnError(t, err)
	}
	require.Equal(t, 1, stage.arrived("tools/list"))
	require.NoError(t, stage.session.Err())
	require.NoError(t, stage.echo(t.Context()))

	// Once per binding: the next one is believed to be a look-alike, too.
	stage.server.Next(suspicious())
	requireOwnError(t, stage.echo(t.Context()))
	require.Equal(t, 1, stage.arrived("tools/list"))
	require.Equal(t, 1, stage.server.Initializes())

	// The next session is verified anew.
	stage.server.ForgetSessions()
	require.NoError(t, stage.echo(t.Context()))
	stage.server.Next(suspicious())
	requireOwnError(t, stage.echo(t.Context()))
	require.Equal(t, 2, stage.arrived("tools/list"))
	require.Equal(t, 2, stage.server.Initializes())
}

// A verdict reached by verification acts under the policy like any other.
func TestVerifyUnderTheOtherPolicies(t *testing.T) {
	for name, policy := range lossPolicies {
		t.Run(name, func(t *testing.T) {
			stage := newLossStage(t, &mcpclient.Client{Reinitialize: policy}, mcptest.RefusalWay(mcptest.ContextForge))
			stage.server.ForgetSessions()
			err := stage.echo(t.Context())
			if policy == mcpclient.ReinitializeAndRepeat {
				require.NoError(t, err)
				return
			}
			call, lost := sessionErrorOf(t, err)
			require.Equal(t, mcpclient.DeliveryRefused, call.Delivery)
			require.Equal(t, "S11", lost.Signal)
			require.Equal(t, http.StatusOK, lost.StatusCode)
			require.Equal(t, `"Session not found"`, lost.Reason)
			require.ErrorIs(t, stage.session.Err(), mcpclient.ErrSessionInvalid)
			require.Equal(t, 1, stage.server.Initializes())
			_, ok := mcpclient.RetryAfter(err)
			require.Equal(t, policy == mcpclient.ReinitializeOnly, ok)
			if policy == mcpclient.ReinitializeNever {
				err = stage.echo(t.Context())
				sessionErrorOf(t, err)
				_, ok = mcpclient.RetryAfter(err)
				require.False(t, ok, "nothing reopens this session by itself")
			}
		})
	}
}

// A verification without an answer proves nothing: the call gets its own error, and the next suspicion asks again.
func TestVerifyWithoutAnAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		fault mcptest.Fault
		takes time.Duration
	}{
		"500":       {fault: mcptest.Status(500, nil, "oops")},
		"503":       {fault: mcptest.Status(503, http.Header{"Retry-After": {"1"}}, "busy")},
		"401":       {fault: mcptest.Status(401, nil, "who are you")},
		"web page":  {fault: mcptest.HTML()},
		"malformed": {fault: mcptest.Malformed()},
		"no answer": {fault: mcptest.NoAnswer()},
		"cut":       {fault: mcptest.Truncated(3)},
		"silence":   {fault: mcptest.Hang(), takes: 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stage := newLossStage(t, nil, mcptest.InMemory(), mcptest.RefusalWay(mcptest.Zilla))
				stage.server.Next(suspicious(), c.fault.On("tools/list"))
				start := time.Now()
				requireOwnError(t, stage.echo(t.Context()))
				require.Equal(t, c.takes, time.Since(start))
				require.Equal(t, 1, stage.arrived("tools/list"), "no retry")
				require.NoError(t, stage.session.Err())

				stage.server.ForgetSessions()
				require.NoError(t, stage.echo(t.Context()))
				require.Equal(t, 2, stage.arrived("tools/list"))
				require.Equal(t, 2, stage.server.Initializes())
			})
		})
	}
}

// An error of the server's own is an answer: it knows the session.
func TestVerifyAnsweredWithAnError(t *testing.T) {
	stage := newLossStage(t, nil)
	stage.server.Next(suspicious(), suspicious(), mcptest.Rewrite(func([]byte) []byte {
		return []byte(`{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":"Internal error"}}`)
	}).On("tools/list"))
	requireOwnError(t, stage.echo(t.Context()))
	requireOwnError(t, stage.echo(t.Context()))
	require.Equal(t, 1, stage.arrived("tools/list"))
	require.Equal(t, 1, stage.server.Initializes())
}

// declaring replaces the capabilities that the server declares.
func declaring(capabilities string) mcptest.Fault {
	return mcptest.Rewrite(func(answer []byte) []byte {
		var m struct {
			JSONRPC string                     `json:"jsonrpc"`
			ID      json.RawMessage            `json:"id"`
			Result  map[string]json.RawMessage `json:"result"`
		}
		if json.Unmarshal(answer, &m) != nil {
			return nil
		}
		m.Result["capabilities"] = json.RawMessage(capabilities)
		edited, err := json.Marshal(m)
		if err != nil {
			return nil
		}
		return edited
	}).On("initialize")
}

// A list that the server has declared is asked for; ping would be answered without a session, too.
func TestVerifyAsksForADeclaredList(t *testing.T) {
	for capabilities, list := range map[string]string{
		`{"prompts":{},"resources":{},"tools":{}}`: "tools/list",
		`{"prompts":{},"resources":{}}`:            "resources/list",
		`{"prompts":{},"logging":{}}`:              "prompts/list",
		`{"logging":{},"completions":{}}`:          "",
	} {
		t.Run(capabilities, func(t *testing.T) {
			server := mcptest.New(t, mcptest.RefusalWay(mcptest.Zilla))
			server.Next(declaring(capabilities))
			stage := &lossStage{server, connectLoss(t, server, nil)}
			server.ForgetSessions()
			err := stage.echo(t.Context())
			for _, method := range []string{"tools/list", "resources/list", "prompts/list", "ping"} {
				want := 0
				if method == list {
					want = 1
				}
				require.Equal(t, want, stage.arrived(method), method)
			}
			if list == "" {
				requireOwnError(t, err) // nothing can be asked: the session lives
				require.Equal(t, 1, server.Initializes())
				return
			}
			require.NoError(t, err)
			require.Equal(t, 2, server.Initializes())
		})
	}
}

// The verification takes none of the places for concurrent calls, and the call that waits for it holds none.
func TestVerifyNeedsNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stage := newLossStage(t, &mcpclient.Client{Limits: mcpclient.Limits{ConcurrentCalls: 1}}, mcptest.InMemory())
		entered, release := heldTool(stage.server)
		stage.server.Next(mcptest.Combine(mcptest.Slow(time.Second), suspicious()).On("tools/call"), mcptest.Slow(10*time.Second).On("tools/list"))
		start := time.Now()
		ended := make(chan error, 1)
		go func() { ended <- stage.echo(t.Context()) }()
		synctest.Wait()
		held := make(chan error, 1)
		go func() {
			_, err := stage.session.CallTool(t.Context(), "hold", nil)
			held <- err
		}()
		<-entered // it has got the only place
		require.Equal(t, time.Second, time.Since(start))
		requireOwnError(t, <-ended)
		require.Equal(t, 11*time.Second, time.Since(start))
		close(release)
		require.NoError(t, <-held)
	})
}

// A caller that gives up waits for no verification, which goes on for the others.
func TestVerifyFirstCallerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stage := newLossStage(t, nil, mcptest.InMemory(), mcptest.RefusalWay(mcptest.Zilla))
		stage.server.ForgetSessions()
		stage.server.Next(mcptest.Slow(10 * time.Second).On("tools/list"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		second := make(chan error, 1)
		go func() {
			<-time.After(500 * time.Millisecond)
			second <- stage.echo(t.Context())
		}()
		require.Error(t, stage.echo(ctx))
		require.Equal(t, time.Second, time.Since(start))
		require.NoError(t, <-second)
		require.Equal(t, 10*time.Second, time.Since(start))
		require.Equal(t, 1, stage.arrived("tools/list"))
		require.Equal(t, 2, stage.server.Initializes())
	})
}

// Close ends a verification, and with it the wait of the call, which has had its answer.
func TestVerifyEndsWithTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stage := newLossStage(t, nil, mcptest.InMemory())
		stage.server.Next(suspicious(), mcptest.Hang().On("tools/list"))
		ended := make(chan error, 1)
		go func() { ended <- stage.echo(t.Context()) }()
		synctest.Wait()
		start := time.Now()
		require.NoError(t, stage.session.Close())
		requireOwnError(t, <-ended)
		require.Zero(t, time.Since(start))
	})
}

// What an older session says late is verified on that session, once for all its calls, and the newer one is left alone.
func TestVerifyAnOlderSession(t *testing.T) {
	const callers = 16
	stage := newLossStage(t, nil, mcptest.RefusalWay(mcptest.Zilla))
	old, release := stage.session.ID(), make(chan struct{})
	stage.server.Next(mcptest.Respond(lossHandler(release, zillaSays)).On("tools/call").Times(callers))
	errs := make(chan error, callers)
	for range callers {
		go func() { errs <- stage.echo(t.Context()) }()
	}
	require.NoError(t, stage.server.Await(t.Context(), func() bool { return stage.arrived("tools/call") == callers }))
	require.NoError(t, stage.session.Reinitialize(t.Context()))
	now := stage.session.ID()
	close(release)
	for range callers {
		require.NoError(t, <-errs, "the old session is gone: re-sent on the current one")
	}
	require.Equal(t, now, stage.session.ID())
	require.NoError(t, stage.session.Err())
	require.Equal(t, 2, stage.server.Initializes())
	require.Equal(t, 1, stage.arrived("tools/list"))
	require.Equal(t, 1, stage.count(func(r mcptest.Request) bool { return r.Method == "tools/list" && r.Session == old }))
}

// A stream that cannot be taken up again ends its call with an unknown outcome, and starts one verification.
func TestVerifyAfterARefusedResume(t *testing.T) {
	for _, gone := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			stage := newLossStage(t, &mcpclient.Client{Reinitialize: mcpclient.ReinitializeNever}, mcptest.InMemory(), mcptest.Resumable())
			_, release := heldTool(stage.server)
			defer close(release)
			stage.server.Next(mcptest.CutStream(1).On("tools/call"))
			if gone {
				stage.server.Next(mcptest.Status(502, nil, "bad gateway").OnHTTP(http.MethodGet))
			} else {
				stage.server.Next(mcptest.Refuse(mcptest.TypeScript).OnHTTP(http.MethodGet))
			}
			ended := make(chan error, 1)
			go func() {
				_, err := stage.session.CallTool(t.Context(), "hold", nil)
				ended <- err
			}()
			synctest.Wait()
			if gone {
				stage.server.ForgetSessions()
			}
			err := <-ended
			var call *mcpclient.CallError
			var refused *mcpclient.HTTPError
			require.ErrorAs(t, err, &call)
			require.ErrorAs(t, err, &refused)
			require.Equal(t, http.StatusNotFound, refused.StatusCode)
			require.Equal(t, mcpclient.DeliveryUnknown, call.Delivery)
			require.False(t, mcpclient.SafeToRetry(err))
			require.NotErrorIs(t, err, mcpclient.ErrSessionInvalid)
			synctest.Wait()
			require.Equal(t, 1, stage.arrived("tools/list"))
			require.Equal(t, 1, stage.arrived("tools/call"), "the POST is never repeated for that")
			if gone {
				require.ErrorIs(t, stage.session.Err(), mcpclient.ErrSessionInvalid)
				return
			}
			require.NoError(t, stage.session.Err())
			require.NoError(t, stage.echo(t.Context()))
		})
	}
}
