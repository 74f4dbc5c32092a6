package mcpclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// journal notes what hooks are told, from any goroutine.
type journal struct {
	mu      sync.Mutex
	entries []string
}

func (j *journal) notef(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, fmt.Sprintf(format, args...))
}

func (j *journal) take() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	entries := j.entries
	j.entries = nil
	return entries
}

func TestInterceptorOrder(t *testing.T) {
	var log journal
	around := func(name string) mcpclient.Interceptor {
		return func(ctx context.Context, call *mcpclient.Call, next func(context.Context) error) error {
			log.notef("%s > %s %s %s", name, call.Method, call.Target, string(call.Params))
			err := next(ctx)
			log.notef("%s < %s %v", name, string(call.Result), err)
			return err
		}
	}
	server := mcptest.New(t)
	server.AddMethod("x/echo", func(_ context.Context, params json.RawMessage) (any, error) { return params, nil })
	session := sessionOf(t, server, &mcpclient.Client{Interceptors: []mcpclient.Interceptor{around("outer"), around("inner")}})
	require.Empty(t, log.take(), "the handshake is no call")

	require.NoError(t, session.Request(t.Context(), "x/echo", map[string]int{"a": 1}, nil, mcpclient.WithMeta("k", "v")))
	require.Equal(t, []string{
		`outer > x/echo  {"a":1}`, `inner > x/echo  {"a":1}`,
		`inner < {"_meta":{"k":"v"},"a":1} <nil>`, `outer < {"_meta":{"k":"v"},"a":1} <nil>`,
	}, log.take())

	_, err := session.CallTool(t.Context(), "echo", nil)
	require.NoError(t, err)
	require.Equal(t, `outer > tools/call echo {"name":"echo","arguments":{}}`, log.take()[0])
	require.NoError(t, session.Notify(t.Context(), "x/seen", nil))
	require.Equal(t, []string{"outer > x/seen  ", "inner > x/seen  ", "inner <  <nil>", "outer <  <nil>"}, log.take())
	_, err = mcpclient.Collect(session.Tools(t.Context()))
	require.NoError(t, err)
	require.Equal(t, "outer > tools/list  ", log.take()[0])
}

// TestInterceptorChanges: header and _meta may be changed, also where no option has set any.
func TestInterceptorChanges(t *testing.T) {
	server := mcptest.New(t)
	stamp := func(ctx context.Context, call *mcpclient.Call, next func(context.Context) error) error {
		call.Header.Set("Traceparent", "00-1")
		call.Header.Set("Mcp-Session-Id", "forged")
		call.Meta["traceparent"] = "00-1"
		return next(ctx)
	}
	session := sessionOf(t, server, &mcpclient.Client{Interceptors: []mcpclient.Interceptor{stamp}})
	addStepTool(server)
	seen := 0
	for _, options := range [][]mcpclient.CallOption{
		nil,
		{mcpclient.WithHeader("X-Call", "1"), mcpclient.WithMeta("k", "v"), mcpclient.WithProgress(func(mcpclient.Progress) { seen++ })},
	} {
		_, err := session.CallTool(t.Context(), "step", nil, options...)
		require.NoError(t, err)
		calls := requestsBy(server, http.MethodPost, "tools/call")
		last := calls[len(calls)-1]
		require.Equal(t, "00-1", last.Header.Get("Traceparent"))
		require.Equal(t, session.ID(), last.Session)
		require.Equal(t, "00-1", sentMeta(t, server, "tools/call")["traceparent"])
		require.Equal(t, options != nil, last.Header.Get("X-Call") == "1")
	}
	require.Equal(t, "v", sentMeta(t, server, "tools/call")["k"])
	require.Equal(t, 1, seen)
}

// TestInterceptorContext: what an interceptor does to the context reaches the call.
func TestInterceptorContext(t *testing.T) {
	server := mcptest.New(t)
	errGate := errors.New("closed for lunch")
	cut := func(ctx context.Context, _ *mcpclient.Call, next func(context.Context) error) error {
		ctx, cancel := context.WithCancelCause(ctx)
		cancel(errGate)
		return next(ctx)
	}
	session := sessionOf(t, server, &mcpclient.Client{Interceptors: []mcpclient.Interceptor{cut}})
	_, err := session.CallTool(t.Context(), "echo", nil)
	require.ErrorIs(t, err, errGate)
	require.Zero(t, server.Executed())
}

// interceptedBy connects with an interceptor that may be changed.
func interceptedBy(t *testing.T, server *mcptest.Server) (session *mcpclient.Session, use func(mcpclient.Interceptor)) {
	var now mcpclient.Interceptor
	session = sessionOf(t, server, &mcpclient.Client{Interceptors: []mcpclient.Interceptor{
		func(ctx context.Context, call *mcpclient.Call, next func(context.Context) error) error {
			return now(ctx, call, next)
		},
	}})
	return session, func(i mcpclient.Interceptor) { now = i }
}

// TestInterceptorErrors: an interceptor may replace an error, but not what is known about the delivery: a call that was
// executed is not safe to send again because a hook has failed.
func TestInterceptorErrors(t *testing.T) {
	errHook := errors.New("the hook has failed")
	type hook func(error) error
	hooks := map[string]hook{
		"replaced": func(error) error { return errHook },
		"wrapped":  func(err error) error { return fmt.Errorf("%w (%w)", errHook, err) },
		"replaced by another call": func(error) error {
			return &mcpclient.CallError{Method: "ping", Delivery: mcpclient.DeliveryNotSent, Err: errHook}
		},
	}
	for _, c := range []struct {
		name  string
		fault mcptest.Fault
		want  mcpclient.Delivery
	}{
		{"answered", mcptest.Slow(0), mcpclient.DeliveryAnswered},
		{"refused", mcptest.Status(400, nil, "no"), mcpclient.DeliveryRefused},
		{"unknown", mcptest.Status(500, nil, "no"), mcpclient.DeliveryUnknown},
		{"an error of the server", mcptest.Rewrite(func([]byte) []byte {
			return []byte(`{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"no"}}`)
		}), mcpclient.DeliveryAnswered},
	} {
		for name, hook := range hooks {
			t.Run(c.name+", "+name, func(t *testing.T) {
				server := mcptest.New(t)
				session, use := interceptedBy(t, server)
				use(func(ctx context.Context, _ *mcpclient.Call, next func(context.Context) error) error {
					err := next(ctx)
					if err == nil {
						return hook(errors.New("none"))
					}
					return hook(err)
				})
				server.Next(c.fault.On("tools/call"))
				_, err := session.CallTool(t.Context(), "echo", nil)
				require.ErrorIs(t, err, errHook)
				var call *mcpclient.CallError
				require.ErrorAs(t, err, &call)
				require.Equal(t, "tools/call", call.Method)
				require.Equal(t, "echo", call.Target)
				require.Equal(t, 1, call.Attempts)
				require.Equal(t, c.want, call.Delivery)
				require.Equal(t, c.want == mcpclient.DeliveryRefused, mcpclient.SafeToRetry(err))
			})
		}
	}
}

// TestInterceptorHandsOn: the error of next is the call's, and goes out as it is.
func TestInterceptorHandsOn(t *testing.T) {
	server := mcptest.New(t)
	session, use := interceptedBy(t, server)
	var inner error
	use(func(ctx context.Context, _ *mcpclient.Call, next func(context.Context) error) error {
		inner = next(ctx)
		return inner
	})
	_, err := session.CallTool(t.Context(), "nowhere", nil)
	require.Same(t, inner, err)
	var call *mcpclient.CallError
	require.ErrorAs(t, inner, &call, "what an interceptor sees is the whole error")
	require.Equal(t, mcpclient.DeliveryAnswered, call.Delivery)
}

// TestInterceptorWithoutNext: what is not handed on is not sent.
func TestInterceptorWithoutNext(t *testing.T) {
	server := mcptest.New(t)
	session, use := interceptedBy(t, server)
	errGate := errors.New("not on Sundays")
	use(func(context.Context, *mcpclient.Call, func(context.Context) error) error { return errGate })
	before := len(server.Requests())
	_, err := session.CallTool(t.Context(), "echo", nil)
	require.ErrorIs(t, err, errGate)
	var call *mcpclient.CallError
	require.ErrorAs(t, err, &call)
	require.Equal(t, mcpclient.DeliveryNotSent, call.Delivery)
	require.Zero(t, call.Attempts)
	require.True(t, mcpclient.SafeToRetry(err))

	use(func(context.Context, *mcpclient.Call, func(context.Context) error) error { return nil })
	_, err = session.CallTool(t.Context(), "echo", nil)
	require.ErrorContains(t, err, "an interceptor returned nil")
	require.NotErrorIs(t, err, mcpclient.ErrProtocol, "the server has done nothing wrong")
	require.ErrorAs(t, err, &call)
	require.Equal(t, mcpclient.DeliveryNotSent, call.Delivery)
	require.Error(t, session.Ping(t.Context()), "nor is it a sign of life")

	use(func(_ context.Context, call *mcpclient.Call, _ func(context.Context) error) error {
		call.Result = json.RawMessage(okResult) // from a cache
		return nil
	})
	result, err := session.CallTool(t.Context(), "echo", nil)
	require.NoError(t, err)
	require.Equal(t, "ok", result.Text())
	require.Len(t, server.Requests(), before)

	use(func(ctx context.Context, _ *mcpclient.Call, next func(context.Context) error) error {
		_ = next(ctx)
		return nil
	})
	_, err = session.CallTool(t.Context(), "nowhere", nil)
	require.ErrorAs(t, err, &call)
	require.Equal(t, mcpclient.DeliveryAnswered, call.Delivery, "an error that was swallowed has not become a result")
}

// TestInterceptorSpansAllSendings: however often a call is refused and sent again, for an interceptor it is one.
func TestInterceptorSpansAllSendings(t *testing.T) {
	server := mcptest.New(t)
	session, use := interceptedBy(t, server)
	times := 0
	use(func(ctx context.Context, _ *mcpclient.Call, next func(context.Context) error) error {
		times++
		return next(ctx)
	})
	server.Next(mcptest.Refuse(mcptest.TypeScript).On("tools/call").Times(3))
	_, err := session.CallTool(t.Context(), "echo", nil)
	require.NoError(t, err)
	require.Equal(t, 1, times)
	require.Len(t, requestsBy(server, http.MethodPost, "tools/call"), 4)
}

// TestTraceNamesCalls: the id of a call is one, over its re-sends and in its error, and no two calls have the same.
func TestTraceNamesCalls(t *testing.T) {
	server := mcptest.New(t)
	var mu sync.Mutex
	events := map[string][]mcpclient.CallEvent{}
	trace := &mcpclient.Trace{CallRetried: func(e mcpclient.CallEvent) {
		mu.Lock()
		defer mu.Unlock()
		events[e.CallID] = append(events[e.CallID], e)
	}}
	session := sessionOf(t, server, &mcpclient.Client{Trace: trace})
	server.Next(mcptest.Refuse(mcptest.TypeScript).On("tools/call").Times(2))
	_, err := session.CallTool(t.Context(), "nowhere", nil)
	var failed *mcpclient.CallError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, 3, failed.Attempts)
	require.EqualValues(t, 3, failed.Generation)
	told := events[failed.CallID]
	require.Len(t, told, 2)
	require.Equal(t, 2, told[0].Attempt)
	require.Equal(t, 3, told[1].Attempt)
	require.EqualValues(t, 1, told[0].Generation)
	require.EqualValues(t, 2, told[1].Generation)
	for _, e := range told {
		require.Equal(t, "tools/call", e.Method)
		require.Equal(t, "nowhere", e.Target)
	}
	_, err = session.CallTool(t.Context(), "nowhere", nil)
	var another *mcpclient.CallError
	require.ErrorAs(t, err, &another)
	require.NotEmpty(t, another.CallID)
	require.NotEqual(t, failed.CallID, another.CallID)
}

// TestHooksMayUseTheSession: no lock is held while a hook runs, and hooks of many calls run at once.
func TestHooksMayUseTheSession(t *testing.T) {
	server := mcptest.New(t, mcptest.ForgetEvery(7))
	var session *mcpclient.Session
	var connected sync.WaitGroup
	connected.Add(1)
	look := func() {
		connected.Wait()
		_, _, _, _ = session.ID(), session.Stats(), session.Err(), session.State()
	}
	see := func(mcpclient.SessionEvent) { look() }
	client := &mcpclient.Client{
		Trace: &mcpclient.Trace{SessionLost: see, SessionRestored: see, ReopenFailed: see, SessionClosed: see, CallRetried: func(mcpclient.CallEvent) { look() }},
		Interceptors: []mcpclient.Interceptor{func(ctx context.Context, call *mcpclient.Call, next func(context.Context) error) error {
			look()
			if call.Method == "tools/call" {
				if err := session.Ping(ctx); err != nil {
					return err
				}
			}
			call.Header.Set("X-Target", call.Target)
			call.Meta["k"] = call.Target
			return next(ctx)
		}},
		Restore: func(ctx context.Context, view *mcpclient.Session) error { return view.Ping(ctx) },
	}
	session = sessionOf(t, server, client)
	connected.Done()
	var group errgroup.Group
	for range 16 {
		group.Go(func() error {
			for range 10 {
				if _, err := session.CallTool(t.Context(), "echo", nil); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	require.Equal(t, 160, server.Executed())
}
