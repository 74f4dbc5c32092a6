package mcpclient_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// lossStage is a server and a session on it, for the tests of what happens when the server loses the session.
type lossStage struct {
	server  *mcptest.Server
	session *mcpclient.Session
}

// newLossStage starts a server and connects client to it; nil is the zero Client. Both are closed with the test.
func newLossStage(t *testing.T, client *mcpclient.Client, opts ...mcptest.Option) *lossStage {
	t.Helper()
	server := mcptest.New(t, opts...)
	return &lossStage{server, connectLoss(t, server, client)}
}

// connectLoss opens a session that is closed with the test.
func connectLoss(t *testing.T, server *mcptest.Server, client *mcpclient.Client) *mcpclient.Session {
	t.Helper()
	if client == nil {
		client = new(mcpclient.Client)
	}
	if strings.Contains(server.URL(), "mcptest.invalid") && client.HTTPClient == nil {
		client.HTTPClient = server.HTTPClient() // no other reaches a server in memory
	}
	session, err := client.Connect(t.Context(), server.URL())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, session.Close()) })
	return session
}

// echo calls a tool on the session.
func (s *lossStage) echo(ctx context.Context, options ...mcpclient.CallOption) error {
	return echoOn(ctx, s.session, options...)
}

func echoOn(ctx context.Context, session *mcpclient.Session, options ...mcpclient.CallOption) error {
	result, err := session.CallTool(ctx, "echo", map[string]string{"text": "hello"}, options...)
	if err == nil && result.Text() != "hello" {
		return fmt.Errorf("the echo says %q", result.Text())
	}
	return err
}

// sent counts all that arrived.
func (s *lossStage) sent() int { return len(s.server.Requests()) }

// arrived counts the requests of a JSON-RPC method, or of an HTTP method other than POST.
func (s *lossStage) arrived(method string) int {
	return s.count(func(r mcptest.Request) bool { return r.Method == method || r.HTTPMethod == method })
}

func (s *lossStage) count(match func(mcptest.Request) bool) int {
	n := 0
	for _, r := range s.server.Requests() {
		if match(r) {
			n++
		}
	}
	return n
}

// sessionErrorOf returns both layers of a call's failure by a lost session.
func sessionErrorOf(t *testing.T, err error) (*mcpclient.CallError, *mcpclient.SessionError) {
	t.Helper()
	var call *mcpclient.CallError
	var lost *mcpclient.SessionError
	require.ErrorAs(t, err, &call)
	require.ErrorAs(t, err, &lost)
	require.ErrorIs(t, err, mcpclient.ErrSessionInvalid)
	require.Same(t, lost, call.Err, "the cause of the call's error")
	return call, lost
}

// lossHandler is a handler that ends with its request, so that a failed test does not hang.
func lossHandler(wait <-chan struct{}, answer func(w http.ResponseWriter)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-wait:
			answer(w)
		case <-r.Context().Done():
		}
	})
}

func sessionNotFound(w http.ResponseWriter) { http.Error(w, "session not found", http.StatusNotFound) }

// refusedTogether refuses n tool calls, none of them before all have arrived.
func refusedTogether(n int, answer func(w http.ResponseWriter)) mcptest.Fault {
	var arrived sync.WaitGroup
	arrived.Add(n)
	all := make(chan struct{})
	go func() {
		arrived.Wait()
		close(all)
	}()
	return mcptest.Respond(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived.Done()
		lossHandler(all, answer).ServeHTTP(w, r)
	})).On("tools/call").Times(n)
}

// heldTool adds a tool named hold that returns when release is closed. entered gets a value from each of its executions.
func heldTool(server *mcptest.Server) (entered chan struct{}, release chan struct{}) {
	entered, release = make(chan struct{}, 100), make(chan struct{})
	server.AddTool(mcpclient.Tool{Name: "hold"}, func(ctx context.Context, _ *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		entered <- struct{}{}
		select {
		case <-release:
			return mcptest.Text("released"), nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
	return entered, release
}

var lossPolicies = map[string]mcpclient.ReinitializePolicy{
	"repeat": mcpclient.ReinitializeAndRepeat,
	"only":   mcpclient.ReinitializeOnly,
	"never":  mcpclient.ReinitializeNever,
}

func TestLossGoesUnnoticed(t *testing.T) {
	stage := newLossStage(t, nil)
	old := stage.session.ID()
	require.NoError(t, stage.echo(t.Context()))
	stage.server.ForgetSessions()
	require.NoError(t, stage.echo(t.Context()))
	require.NoError(t, stage.echo(t.Context()))

	require.NotEqual(t, old, stage.session.ID())
	require.Equal(t, []string{stage.session.ID()}, stage.server.Sessions())
	require.NoError(t, stage.session.Err())
	require.Equal(t, 3, stage.server.Executed(), "the refused call was not executed, and its re-send was once")
	require.Equal(t, mcpclient.Stats{Generation: 2, Calls: 3, Resends: 1, Losses: 1, Initializes: 2}, stage.session.Stats())
}

// What goes over the wire around a loss, request by request.
func TestLossOnTheWire(t *testing.T) {
	stage := newLossStage(t, nil)
	old := stage.session.ID()
	require.NoError(t, stage.echo(t.Context()))
	stage.server.ForgetSessions()
	require.NoError(t, stage.echo(t.Context()))
	now := stage.session.ID()

	requests := stage.server.Requests()
	want := []struct{ method, session, version string }{
		{"server/discover", "", "2026-07-28"}, // once: what the server is does not change with a loss
		{"initialize", "", ""},
		{"notifications/initialized", old, "2025-11-25"},
		{"tools/call", old, "2025-11-25"},
		{"tools/call", old, "2025-11-25"}, // refused
		{"initialize", "", ""},            // carries no session id
		{"notifications/initialized", now, "2025-11-25"},
		{"tools/call", now, "2025-11-25"},
	}
	require.Len(t, requests, len(want))
	lastID := 0
	for i, r := range requests {
		require.Equal(t, want[i].method, r.Method, i)
		require.Equal(t, want[i].session, r.Session, i)
		require.Equal(t, want[i].version, r.Header.Get("Mcp-Protocol-Version"), i)
		if r.ID == nil {
			continue
		}
		var id int
		require.NoError(t, json.Unmarshal(r.ID, &id))
		require.Greater(t, id, lastID, "ids grow over all generations, and a re-send has one of its own")
		lastID = id
	}
	withoutID := func(r mcptest.Request) string { return strings.Replace(string(r.Body), `"id":`+string(r.ID), "", 1) }
	require.Equal(t, withoutID(requests[4]), withoutID(requests[7]), "the call is re-sent as it was")
}

func TestLossPolicyOnly(t *testing.T) {
	stage := newLossStage(t, &mcpclient.Client{Reinitialize: mcpclient.ReinitializeOnly})
	stage.server.ForgetSessions()
	err := stage.echo(t.Context())

	call, lost := sessionErrorOf(t, err)
	require.EqualError(t, err, `mcpclient: tools/call echo: session invalid (HTTP 404): "Session not found"`)
	require.Equal(t, mcpclient.DeliveryRefused, call.Delivery)
	require.Equal(t, 1, call.Attempts)
	require.EqualValues(t, 1, call.Generation)
	require.True(t, mcpclient.SafeToRetry(err))
	wait, ok := mcpclient.RetryAfter(err)
	require.True(t, ok)
	require.Zero(t, wait)
	require.Equal(t, http.StatusNotFound, lost.StatusCode)
	require.Equal(t, "S1", lost.Signal)
	require.True(t, lost.RetryAt.IsZero())
	require.ErrorIs(t, stage.session.Err(), mcpclient.ErrSessionInvalid)
	require.Equal(t, 1, stage.server.Initializes(), "nobody needs the new session yet")

	require.NoError(t, stage.echo(t.Context()))
	require.NoError(t, stage.session.Err())
	require.Equal(t, 2, stage.server.Initializes())
	require.Equal(t, 1, stage.server.Executed())
	require.Zero(t, stage.session.Stats().Resends)
}

func TestLossPolicyNever(t *testing.T) {
	stage := newLossStage(t, &mcpclient.Client{Reinitialize: mcpclient.ReinitializeNever})
	stage.server.ForgetSessions()
	first := stage.echo(t.Context())
	call, lost := sessionErrorOf(t, first)
	require.Equal(t, mcpclient.DeliveryRefused, call.Delivery)
	require.True(t, mcpclient.SafeToRetry(first))
	_, ok := mcpclient.RetryAfter(first)
	require.False(t, ok, "a retry loop would never get anywhere")

	sent := stage.sent()
	for _, later := range []error{
		stage.echo(t.Context()),
		stage.session.Ping(t.Context()),
		stage.session.Notify(t.Context(), "notifications/x", nil),
		firstError(stage.session.Tools(t.Context())),
	} {
		call, same := sessionErrorOf(t, later)
		require.Equal(t, mcpclient.DeliveryNotSent, call.Delivery)
		require.Zero(t, call.Attempts)
		require.Same(t, lost, same)
		_, ok := mcpclient.RetryAfter(later)
		require.False(t, ok)
	}
	require.Same(t, lost, stage.session.Err())
	require.Equal(t, sent, stage.sent(), "nothing more is sent")

	require.NoError(t, stage.session.Reinitialize(t.Context()))
	require.NoError(t, stage.session.Err())
	require.NoError(t, stage.echo(t.Context()))
	require.Equal(t, 2, stage.server.Initializes())
	require.Zero(t, stage.arrived(http.MethodDelete), "the server has forgotten that session itself")
}

func firstError[T any](seq func(yield func(T, error) bool)) error {
	for _, err := range seq {
		if err != nil {
			return err
		}
	}
	return nil
}

// N callers whose calls are refused at the same moment cost one initialize, whatever the policy.
func TestLossOfManyCallersAtOnce(t *testing.T) {
	const callers = 64
	for name, policy := range lossPolicies {
		t.Run(name, func(t *testing.T) {
			stage := newLossStage(t, &mcpclient.Client{Reinitialize: policy})
			stage.server.Next(refusedTogether(callers, sessionNotFound))
			errs := make([]error, callers)
			var all sync.WaitGroup
			for i := range errs {
				all.Go(func() { errs[i] = stage.echo(t.Context()) })
			}
			all.Wait()
			require.EqualValues(t, 1, stage.session.Stats().Losses)
			for _, err := range errs {
				if policy == mcpclient.ReinitializeAndRepeat {
					require.NoError(t, err)
					continue
				}
				call, _ := sessionErrorOf(t, err)
				require.Equal(t, mcpclient.DeliveryRefused, call.Delivery)
			}
			if policy == mcpclient.ReinitializeNever {
				require.Equal(t, 1, stage.server.Initializes())
				return
			}
			group, ctx := errgroup.WithContext(t.Context())
			for range callers {
				group.Go(func() error { return stage.echo(ctx) })
			}
			require.NoError(t, group.Wait())
			require.Equal(t, 2, stage.server.Initializes())
		})
	}
}

// The refusal of an older session says nothing about the newer one (invariant 1).
func TestLossToldLateNeverTouchesTheNewSession(t *testing.T) {
	for name, policy := range lossPolicies {
		t.Run(name, func(t *testing.T) {
			stage := newLossStage(t, &mcpclient.Client{Reinitialize: policy})
			release, old := make(chan struct{}), stage.session.ID()
			stage.server.Next(mcptest.Respond(lossHandler(release, sessionNotFound)).On("tools/call"))
			late := make(chan error, 1)
			go func() { late <- stage.echo(t.Context()) }()
			require.NoError(t, stage.server.Await(t.Context(), func() bool { return stage.arrived("tools/call") == 1 }))

			stage.server.ForgetSessions()
			if err := stage.session.Ping(t.Context()); policy != mcpclient.ReinitializeAndRepeat {
				sessionErrorOf(t, err)
				require.NoError(t, stage.session.Reinitialize(t.Context()))
			}
			now := stage.session.ID()
			require.NotEqual(t, old, now)
			close(release)

			if err := <-late; policy == mcpclient.ReinitializeAndRepeat {
				require.NoError(t, err, "re-sent on the current session")
			} else {
				call, lost := sessionErrorOf(t, err)
				require.Equal(t, mcpclient.DeliveryRefused, call.Delivery)
				require.EqualValues(t, 1, call.Generation)
				require.True(t, lost.RetryAt.IsZero())
			}
			require.NoError(t, stage.session.Err())
			require.NoError(t, stage.session.Ping(t.Context()))
			require.Equal(t, now, stage.session.ID())
			require.Equal(t, 2, stage.server.Initializes())
			require.EqualValues(t, 1, stage.session.Stats().Losses)
		})
	}
}

// A loss does not disturb what the old session is still executing.
func TestLossLeavesCallsInFlightAlone(t *testing.T) {
	for name, opts := range map[string][]mcptest.Option{"json": nil, "stream": {mcptest.Streams()}} {
		t.Run(name, func(t *testing.T) {
			stage := newLossStage(t, nil, opts...)
			entered, release := heldTool(stage.server)
			held := make(chan error, 1)
			go func() {
				_, err := stage.session.CallTool(t.Context(), "hold", nil)
				held <- err
			}()
			<-entered
			stage.server.ForgetSessions()
			require.NoError(t, stage.echo(t.Context()))
			require.Equal(t, 2, stage.server.Initializes())
			select {
			case err := <-held:
				require.Fail(t, "the call in flight has ended", err)
			default:
			}
			close(release)
			require.NoError(t, <-held)
			require.Equal(t, 2, stage.server.Executed(), "each call once")
			require.NoError(t, stage.session.Err())
		})
	}
}

// A caller that gives up fails alone: the shared handshake goes on for the others (invariant 2).
func TestLossFirstCallerGivesUp(t *testing.T) {
	stage := newLossStage(t, nil)
	arrived, release := make(chan struct{}), make(chan struct{})
	stage.server.Next(mcptest.Rewrite(func(answer []byte) []byte {
		close(arrived)
		<-release
		return answer
	}).On("initialize"))
	stage.server.ForgetSessions()
	gaveUp := fmt.Errorf("gave up")
	ctx, cancel := context.WithCancelCause(t.Context())
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { first <- stage.echo(ctx) }()
	<-arrived // the first caller's refusal has started the handshake
	go func() { second <- stage.echo(t.Context()) }()
	cancel(gaveUp)

	err := <-first
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, gaveUp)
	require.NotErrorIs(t, err, mcpclient.ErrSessionInvalid)
	var call *mcpclient.CallError
	require.ErrorAs(t, err, &call)
	require.Equal(t, mcpclient.DeliveryRefused, call.Delivery)
	close(release)
	require.NoError(t, <-second)
	require.Equal(t, 2, stage.server.Initializes())
}

// A call whose context has ended gets no turn on the new session, and starts none.
func TestLossCallerAlreadyGone(t *testing.T) {
	stage := newLossStage(t, &mcpclient.Client{Reinitialize: mcpclient.ReinitializeOnly})
	stage.server.ForgetSessions()
	sessionErrorOf(t, stage.echo(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, stage.echo(ctx), context.Canceled)
	require.Equal(t, 1, stage.server.Initializes())
}

// Only the successful answer to initialize assigns the session id.
func TestLossSessionIDFromNowhereElse(t *testing.T) {
	evil := http.Header{"Mcp-Session-Id": {"evil"}}
	stage := newLossStage(t, nil)
	old := stage.session.ID()
	stage.server.Next(
		mcptest.SetHeader("Mcp-Session-Id", "evil").On("tools/call"),
		mcptest.Status(500, evil, "oops").On("tools/call"),
		mcptest.SetHeader("Mcp-Session-Id", "evil").On("ping"),
	)
	require.NoError(t, stage.echo(t.Context()))
	require.Error(t, stage.echo(t.Context()))
	require.NoError(t, stage.session.Ping(t.Context()))
	require.Equal(t, old, stage.session.ID())

	stage.server.Next(
		mcptest.Status(404, evil, "session not found").On("tools/call"),
		mcptest.Status(503, evil, "busy").On("initialize"),
		mcptest.SetHeader("Mcp-Session-Id", "evil").On("notifications/initialized"),
	)
	require.NoError(t, stage.echo(t.Context()))
	require.Empty(t, stage.server.Unused())
	require.Zero(t, stage.count(func(r mcptest.Request) bool { return r.Session == "evil" }))
	require.Contains(t, stage.server.Sessions(), stage.session.ID())
	require.NotEqual(t, old, stage.session.ID())
}

// A call with credentials of its own may speak for somebody else; its refusal concerns nobody else.
func TestLossOfAnotherPrincipal(t *testing.T) {
	for name, policy := range lossPolicies {
		t.Run(name, func(t *testing.T) {
			stage := newLossStage(t, &mcpclient.Client{Reinitialize: policy})
			stage.server.Next(mcptest.Refuse(mcptest.TypeScript), mcptest.Refuse(mcptest.ContextForge))
			own := mcpclient.WithHeader("Authorization", "Bearer other")

			err := stage.echo(t.Context(), own)
			call, lost := sessionErrorOf(t, err)
			require.Equal(t, "the session belongs to another principal", lost.Reason)
			require.Equal(t, mcpclient.DeliveryRefused, call.Delivery)
			require.Equal(t, 1, call.Attempts)
			_, ok := mcpclient.RetryAfter(err)
			require.False(t, ok)

			var rpc *mcpclient.RPCError
			require.ErrorAs(t, stage.echo(t.Context(), own), &rpc, "a perhaps is an ordinary error")
			require.Zero(t, stage.arrived("tools/list"), "and verifies nothing")

			require.NoError(t, stage.session.Err())
			require.NoError(t, stage.echo(t.Context(), own))
			require.NoError(t, stage.echo(t.Context()))
			require.Equal(t, 1, stage.server.Initializes())
			require.Zero(t, stage.session.Stats().Losses)
			require.Equal(t, 3, stage.count(func(r mcptest.Request) bool { return r.Header.Get("Authorization") == "Bearer other" }))
		})
	}
}

// The same for an Authorization header that an interceptor brings.
func TestLossOfAnotherPrincipalByInterceptor(t *testing.T) {
	stage := newLossStage(t, &mcpclient.Client{
		Interceptors: []mcpclient.Interceptor{func(ctx context.Context, call *mcpclient.Call, next func(context.Context) error) error {
			if call.Method == "tools/call" {
				call.Header = http.Header{"Authorization": {"Bearer other"}}
			}
			return next(ctx)
		}},
	})
	stage.server.ForgetSessions()
	_, lost := sessionErrorOf(t, stage.echo(t.Context()))
	require.Equal(t, "the session belongs to another principal", lost.Reason)
	require.NoError(t, stage.session.Err())
	require.NoError(t, stage.session.Ping(t.Context()))
	require.Equal(t, 2, stage.server.Initializes())
}

// A notification that the server has refused is sent again, too.
func TestLossToldToANotification(t *testing.T) {
	stage := newLossStage(t, nil)
	stage.server.ForgetSessions()
	require.NoError(t, stage.session.Notify(t.Context(), "notifications/x", nil))
	require.Equal(t, 2, stage.arrived("notifications/x"))
	require.Equal(t, 2, stage.server.Initializes())
}

// A busy server may forget again and again before a call gets its turn. The first three re-sends wait for nothing
// but the new session; from the fourth on each waits a little longer.
func TestLossResendsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const refusals = 14
		stage := new(lossStage)
		client := &mcpclient.Client{Trace: &mcpclient.Trace{
			SessionRestored: func(mcpclient.SessionEvent) {
				_ = stage.session.Ping(context.Background()) // an answered call keeps the circuit closed
			},
		}}
		*stage = *newLossStage(t, client, mcptest.InMemory())
		stage.server.Next(mcptest.Refuse(mcptest.TypeScript).On("tools/call").Times(refusals))
		require.NoError(t, stage.echo(t.Context()))

		var sent []time.Time
		ids := make(map[string]bool)
		for _, r := range stage.server.Requests() {
			if r.Method == "tools/call" {
				sent = append(sent, r.Time)
				ids[string(r.ID)] = true
			}
		}
		require.Len(t, sent, refusals+1)
		require.Len(t, ids, refusals+1, "a new id for each re-send")
		require.Equal(t, sent[0], sent[3], "the first three re-sends go out at once")
		waited := time.Duration(0)
		for resend := 4; resend <= refusals; resend++ {
			wait, bound := sent[resend].Sub(sent[resend-1]), min(10*time.Millisecond<<(resend-4), time.Second)
			require.LessOrEqual(t, wait, bound, "re-send %d", resend)
			waited += wait
		}
		require.Positive(t, waited)
		require.EqualValues(t, refusals, stage.session.Stats().Losses)
		require.Equal(t, refusals+1, stage.server.Initializes())
	})
}

// What ends endless re-sending is the caller's context.
func TestLossResendsEndWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stage := new(lossStage)
		client := &mcpclient.Client{Trace: &mcpclient.Trace{
			SessionRestored: func(mcpclient.SessionEvent) { _ = stage.session.Ping(context.Background()) },
		}}
		*stage = *newLossStage(t, client, mcptest.InMemory())
		stop := stage.server.Always(mcptest.Refuse(mcptest.TypeScript).On("tools/call"))
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		start := time.Now()
		err := stage.echo(ctx)
		require.Equal(t, 30*time.Second, time.Since(start), "honoured at once")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		var call *mcpclient.CallError
		require.ErrorAs(t, err, &call)
		require.Equal(t, mcpclient.DeliveryRefused, call.Delivery)
		require.Greater(t, call.Attempts, 30, "it had gone on until then")
		stop()
		require.NoError(t, stage.echo(t.Context()))
	})
}

// Close ends a call that waits to be sent again.
func TestLossResendsEndWithTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stage := new(lossStage)
		client := &mcpclient.Client{Trace: &mcpclient.Trace{
			SessionRestored: func(mcpclient.SessionEvent) { _ = stage.session.Ping(context.Background()) },
		}}
		*stage = *newLossStage(t, client, mcptest.InMemory())
		stage.server.Always(mcptest.Refuse(mcptest.TypeScript).On("tools/call"))
		ended := make(chan error, 1)
		go func() { ended <- stage.echo(context.Background()) }()
		<-time.After(10 * time.Second)
		require.NoError(t, stage.session.Close())
		require.ErrorIs(t, <-ended, mcpclient.ErrClosed)
	})
}

// Dial errors, resets, 5xx and broken answers belong to the one call that met them.
func TestLossIsNotWhatTheNetworkSays(t *testing.T) {
	for name, fault := range map[string]mcptest.Fault{
		"drop before":    mcptest.DropBefore(),
		"drop after":     mcptest.DropAfter(),
		"truncated":      mcptest.Truncated(10),
		"malformed":      mcptest.Malformed(),
		"wrong id":       mcptest.WrongID(),
		"no answer":      mcptest.NoAnswer(),
		"web page":       mcptest.HTML(),
		"500":            mcptest.Status(500, nil, "oops"),
		"501":            mcptest.Status(501, nil, "oops"),
		"502":            mcptest.Status(502, nil, "bad gateway"),
		"503":            mcptest.Status(503, nil, "try later"),
		"504":            mcptest.Status(504, nil, "too slow"),
		"429":            mcptest.Status(429, nil, "slow down"),
		"520":            mcptest.Status(520, nil, "unknown"),
		"cross redirect": mcptest.Redirect(302, "http://elsewhere.invalid/"),
	} {
		t.Run(name, func(t *testing.T) {
			for _, policy := range lossPolicies {
				stage := newLossStage(t, &mcpclient.Client{Reinitialize: policy, Retry: tryOnce})
				id := stage.session.ID()
				stage.server.Next(fault.On("tools/call"))
				err := stage.echo(t.Context())
				require.Error(t, err)
				require.NotErrorIs(t, err, mcpclient.ErrSessionInvalid)
				require.Empty(t, stage.server.Unused())
				require.NoError(t, stage.session.Err())
				require.NoError(t, stage.echo(t.Context()))
				require.Equal(t, id, stage.session.ID())
				require.Equal(t, 1, stage.arrived("initialize"))
			}
		})
	}
}

// A server that is down for a while and then knows the session again has lost nothing.
func TestLossIsNotADeadServer(t *testing.T) {
	down := false
	var mu sync.Mutex
	setDown := func(is bool) {
		mu.Lock()
		defer mu.Unlock()
		down = is
	}
	stage := newLossStage(t, &mcpclient.Client{HTTPClient: &http.Client{Transport: lossRoundTripper(func(r *http.Request) (*http.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		if down {
			return nil, io.ErrUnexpectedEOF
		}
		return http.DefaultTransport.RoundTrip(r)
	})}})
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	id := stage.session.ID()
	setDown(true)
	for range 10 {
		var network *mcpclient.NetworkError
		require.ErrorAs(t, stage.echo(t.Context()), &network)
		require.NoError(t, stage.session.Err())
	}
	setDown(false)
	require.NoError(t, stage.echo(t.Context()))
	require.Equal(t, id, stage.session.ID())
	require.Equal(t, 1, stage.server.Initializes())
}

type lossRoundTripper func(*http.Request) (*http.Response, error)

func (f lossRoundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// cookiesOf returns the Cookie header of each request of a method.
func (s *lossStage) cookiesOf(method string) []string {
	var cookies []string
	for _, r := range s.server.Requests() {
		if r.Method == method {
			cookies = append(cookies, r.Header.Get("Cookie"))
		}
	}
	return cookies
}

// Sticky load balancers pin a session by a cookie; the new session must not be pinned to where the old one was.
func TestLossEmptiesTheCookieJar(t *testing.T) {
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		client          *mcpclient.Client
		calls, reopened []string
	}{
		"jar":      {new(mcpclient.Client), []string{"route=a", "route=a", "route=b"}, []string{"", ""}},
		"no jar":   {&mcpclient.Client{NoCookies: true}, []string{"", "", ""}, []string{"", ""}},
		"user jar": {&mcpclient.Client{HTTPClient: &http.Client{Transport: new(http.Transport), Jar: jar}}, []string{"route=a", "route=a", "route=b"}, []string{"", "route=a"}},
	} {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t)
			server.Next(
				mcptest.SetHeader("Set-Cookie", "route=a; Path=/; HttpOnly").On("initialize"),
				mcptest.SetHeader("Set-Cookie", "route=b; Path=/; HttpOnly").On("initialize"),
			)
			stage := &lossStage{server, connectLoss(t, server, c.client)}
			require.NoError(t, stage.echo(t.Context()))
			server.ForgetSessions()
			require.NoError(t, stage.echo(t.Context()))
			require.Equal(t, c.calls, stage.cookiesOf("tools/call"))
			require.Equal(t, c.reopened, stage.cookiesOf("initialize"))
			require.NoError(t, stage.session.Close())
			if c.client.HTTPClient != nil {
				c.client.HTTPClient.CloseIdleConnections()
			}
		})
	}
}

// pagedTools gives the server n tools, named in their order.
func pagedTools(server *mcptest.Server, n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("tool-%02d", i))
		server.AddTool(mcpclient.Tool{Name: names[i]}, func(context.Context, *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
			return nil, nil
		})
	}
	return names
}

// A cursor means nothing to another session: the range starts over, and yields each item once (invariant 17).
func TestLossRestartsAList(t *testing.T) {
	for name, c := range map[string]struct {
		lose    func(t *testing.T, stage *lossStage)
		resends int64
	}{
		"met by the list": {lose: func(_ *testing.T, stage *lossStage) { stage.server.ForgetSessions() }},
		"met by another call": {lose: func(t *testing.T, stage *lossStage) {
			stage.server.ForgetSessions()
			require.NoError(t, stage.session.Ping(t.Context()))
		}, resends: 2},
		"asked for": {lose: func(t *testing.T, stage *lossStage) { require.NoError(t, stage.session.Reinitialize(t.Context())) }},
	} {
		t.Run(name, func(t *testing.T) {
			stage := newLossStage(t, nil, mcptest.PageSize(2), mcptest.WithoutDefaultTools())
			names := pagedTools(stage.server, 9)
			var got []string
			for tool, err := range stage.session.Tools(t.Context()) {
				require.NoError(t, err)
				got = append(got, tool.Name)
				if len(got) == 3 || len(got) == 6 {
					c.lose(t, stage)
				}
			}
			require.Equal(t, names, got)
			require.Equal(t, 3, stage.server.Initializes())
			require.Equal(t, c.resends, stage.session.Stats().Resends, "no page is re-sent")
			requireNoStrangeCursor(t, stage)
		})
	}
}

// requireNoStrangeCursor checks that no cursor went to another session than the one that gave it, but for the
// refused request that told of the loss.
func requireNoStrangeCursor(t *testing.T, stage *lossStage) {
	t.Helper()
	used := make(map[string]string) // cursor -> session
	for _, r := range stage.server.Requests() {
		var message struct{ Params struct{ Cursor string } }
		if r.Method != "tools/list" {
			continue
		}
		require.NoError(t, json.Unmarshal(r.Body, &message))
		cursor := message.Params.Cursor
		if cursor == "" {
			continue
		}
		if before, again := used[cursor]; again {
			require.Equal(t, before, r.Session, "a cursor of another session is sent")
		}
		used[cursor] = r.Session
		require.Contains(t, []int{http.StatusOK, http.StatusNotFound}, r.Status)
	}
}

// Under the other policies the range ends with the error, and ranging again works.
func TestLossEndsAList(t *testing.T) {
	for name, lose := range map[string]func(t *testing.T, stage *lossStage){
		"met by the list": func(_ *testing.T, stage *lossStage) { stage.server.ForgetSessions() },
		"met by another call": func(t *testing.T, stage *lossStage) {
			stage.server.ForgetSessions()
			sessionErrorOf(t, stage.session.Ping(t.Context()))
			require.NoError(t, stage.session.Ping(t.Context()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			stage := newLossStage(t, &mcpclient.Client{Reinitialize: mcpclient.ReinitializeOnly}, mcptest.PageSize(2), mcptest.WithoutDefaultTools())
			names := pagedTools(stage.server, 5)
			var got []string
			var failed error
			for tool, err := range stage.session.Tools(t.Context()) {
				if err != nil {
					failed = err
					break
				}
				if got = append(got, tool.Name); len(got) == 2 {
					lose(t, stage)
				}
			}
			require.Equal(t, names[:2], got)
			sessionErrorOf(t, failed)
			require.True(t, mcpclient.SafeToRetry(failed))
			requireNoStrangeCursor(t, stage)

			again, err := mcpclient.Collect(stage.session.Tools(t.Context()))
			require.NoError(t, err)
			require.Len(t, again, 5)
		})
	}
}

// Callers, losses and lists together: nobody fails, and each list is whole.
func TestLossUnderManyLists(t *testing.T) {
	stage := newLossStage(t, nil, mcptest.PageSize(3), mcptest.WithoutDefaultTools())
	names := pagedTools(stage.server, 10)
	group, ctx := errgroup.WithContext(t.Context())
	for range 4 { // 16 losses in all: a range that meets more of them gives up
		group.Go(func() error {
			for range 4 {
				tools, err := mcpclient.Collect(stage.session.Tools(ctx))
				if err != nil {
					return err
				}
				got := make([]string, len(tools))
				for i, tool := range tools {
					got[i] = tool.Name
				}
				if !slices.Equal(names, got) {
					return fmt.Errorf("the list is %v", got)
				}
				stage.server.ForgetSessions()
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	stats := stage.session.Stats()
	require.Equal(t, stats.Losses+1, stats.Initializes)
	requireNoStrangeCursor(t, stage)
}
