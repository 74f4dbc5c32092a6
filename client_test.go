package mcpclient_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// TestPromises is the acceptance story: what README.md promises, in its order and under its words. A promise without a
// test fails, and so does a test whose promise was withdrawn.
func TestPromises(t *testing.T) {
	promises := []struct {
		words string
		test  func(*testing.T)
	}{
		{"A lost session goes unnoticed", promiseLossUnnoticed},
		{"Nothing is executed twice", promiseNothingTwice},
		{"A call that was accepted is left alone", promiseAcceptedLeftAlone},
		{"You decide what a loss means", promisePolicies},
		{"State comes back first", promiseStateFirst},
		{"Each call fails alone", promiseFailsAlone},
		{"An outage loses no session", promiseOutage},
		{"Every error says what is proven", promiseEvidence},
		{"The end of a context ends its call", promiseContext},
		{"Close takes two seconds at most", promiseClose},
		{"A hostile answer costs its own call", promiseHostile},
		{"Credentials stay where they belong", promiseCredentials},
		{"What you hand in stays yours", promiseHandedIn},
		{"A list comes whole", promiseLists},
		{"A session can move to another process", promiseResume},
		{"Any server, the same calls", promiseAnyServer},
		{"A question finds its answer", promiseQuestions},
		{"News gets through", promiseNews},
		{"A token is found, shared and renewed", promiseToken},
		{"What passes by itself is tried again", promiseRetry},
	}
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	var promised, tested []string
	for _, found := range regexp.MustCompile(`(?m)^\d+\. \*\*(.+)\.\*\*`).FindAllSubmatch(readme, -1) {
		promised = append(promised, string(found[1]))
	}
	for _, p := range promises {
		tested = append(tested, p.words)
	}
	require.Equal(t, promised, tested, "the promises of README.md and their tests")
	for _, p := range promises {
		t.Run(p.words, p.test)
	}
}

func promiseLossUnnoticed(t *testing.T) {
	for _, way := range mcptest.Ways() {
		if way == mcptest.PythonUninitialized {
			continue // to a tool call these are its words for bad arguments, too: only a list that is answered so tells a loss
		}
		server := mcptest.New(t, mcptest.RefusalWay(way))
		session := promised(t, server, new(mcpclient.Client))
		server.ForgetSessions()
		require.NoError(t, together(t, 20, func(ctx context.Context, n int) error {
			_, err := session.CallTool(ctx, "echo", map[string]any{"nonce": n})
			return err
		}), way)
		require.Equal(t, 20, server.Executed(), way)
		require.Equal(t, 2, server.Initializes(), "%s: one new session for all", way)
	}
}

func promiseNothingTwice(t *testing.T) {
	server := mcptest.New(t, mcptest.ForgetEvery(9))
	session := promised(t, server, new(mcpclient.Client))
	var arrived atomic.Int64
	every := func(n int64) func(mcptest.Request) bool {
		return func(r mcptest.Request) bool { return r.Method == "tools/call" && arrived.Add(1)%n == 0 }
	}
	server.Always(mcptest.DropAfter().When(every(7)))
	server.Always(mcptest.Status(503, http.Header{"Retry-After": {"0"}}, "busy").When(every(5)))

	var answered atomic.Int64
	require.NoError(t, together(t, 16, func(ctx context.Context, caller int) error {
		for n := range 20 {
			args := map[string]any{"nonce": fmt.Sprint(caller, "/", n)}
			_, err := session.CallTool(ctx, "echo", args)
			for wait, again := mcpclient.RetryAfter(err); again; wait, again = mcpclient.RetryAfter(err) {
				if wait > 0 {
					return fmt.Errorf("nobody asked for a wait of %v: %w", wait, err)
				}
				_, err = session.CallTool(ctx, "echo", args)
			}
			if err == nil {
				answered.Add(1)
			} else if mcpclient.SafeToRetry(err) {
				return err
			}
		}
		return nil
	}))
	require.Empty(t, server.Repeated())
	require.Equal(t, 16*20, server.Executed(), "and none is forgotten: those without an answer were executed, too")
	require.Less(t, answered.Load(), int64(16*20))
	require.Positive(t, session.Stats().Losses)
}

func promiseAcceptedLeftAlone(t *testing.T) {
	server := mcptest.New(t)
	session := promised(t, server, new(mcpclient.Client))
	started, release := holding(server)
	var group errgroup.Group
	group.Go(func() error {
		_, err := session.CallTool(t.Context(), "hold", nil)
		return err
	})
	<-started
	server.ForgetSessions()
	_, err := session.CallTool(t.Context(), "echo", nil) // lost, and replaced, meanwhile
	require.NoError(t, err)
	require.Equal(t, 2, server.Initializes())
	release()
	require.NoError(t, group.Wait())
	require.Equal(t, 2, server.Executed())
}

func promisePolicies(t *testing.T) {
	call := func(session *mcpclient.Session) error {
		_, err := session.CallTool(t.Context(), "echo", nil)
		return err
	}
	server := mcptest.New(t)
	only := promised(t, server, &mcpclient.Client{Reinitialize: mcpclient.ReinitializeOnly})
	server.ForgetSessions()
	err := call(only)
	require.ErrorIs(t, err, mcpclient.ErrSessionInvalid)
	require.True(t, mcpclient.SafeToRetry(err))
	require.NoError(t, call(only), "the next one works")

	server = mcptest.New(t)
	never := promised(t, server, &mcpclient.Client{Reinitialize: mcpclient.ReinitializeNever})
	server.ForgetSessions()
	require.ErrorIs(t, call(never), mcpclient.ErrSessionInvalid)
	arrived := len(server.Requests())
	require.ErrorIs(t, call(never), mcpclient.ErrSessionInvalid)
	require.Len(t, server.Requests(), arrived, "later calls fail without asking the server")
	require.NoError(t, never.Reinitialize(t.Context()))
	require.NoError(t, call(never))
}

func promiseStateFirst(t *testing.T) {
	server := mcptest.New(t)
	session := promised(t, server, &mcpclient.Client{Restore: func(ctx context.Context, view *mcpclient.Session) error {
		_, err := view.CallTool(ctx, "echo", map[string]string{"nonce": "log in"})
		return err
	}})
	server.ForgetSessions()
	require.NoError(t, together(t, 20, func(ctx context.Context, _ int) error {
		_, err := session.CallTool(ctx, "echo", nil)
		return err
	}))
	executions := server.Executions()
	require.Len(t, executions, 21)
	require.Equal(t, "log in", executions[0].Nonce)
}

func promiseFailsAlone(t *testing.T) {
	server := mcptest.New(t)
	session := promised(t, server, new(mcpclient.Client))
	started, release := holding(server)
	var neighbours errgroup.Group
	for range 10 {
		neighbours.Go(func() error {
			_, err := session.CallTool(t.Context(), "hold", nil)
			return err
		})
		<-started
	}
	for _, fault := range []mcptest.Fault{
		mcptest.HTML(), mcptest.EmptyOK(), mcptest.Accepted(), mcptest.Malformed(), mcptest.WrongID(), mcptest.NoAnswer(), mcptest.Truncated(9),
		mcptest.DropBefore(), mcptest.DropAfter(), mcptest.Status(401, nil, ""), mcptest.Status(413, nil, ""), mcptest.Status(500, nil, ""),
		mcptest.Redirect(302, "/elsewhere"), mcptest.WrongContentType("text/plain"), mcptest.SetHeader("Content-Encoding", "br"),
	} {
		server.Next(fault)
		_, err := session.CallTool(t.Context(), "echo", nil)
		require.Error(t, err, fault)
	}
	release()
	require.NoError(t, neighbours.Wait())
	require.NoError(t, session.Ping(t.Context()))
	require.Equal(t, 1, server.Initializes(), "the session is the first one still")
}

func promiseOutage(t *testing.T) {
	server := mcptest.New(t)
	session := promised(t, server, new(mcpclient.Client))
	over := server.Always(mcptest.DropBefore())
	for range 10 {
		_, err := session.CallTool(t.Context(), "echo", nil)
		var network *mcpclient.NetworkError
		require.ErrorAs(t, err, &network)
		require.NotErrorIs(t, err, mcpclient.ErrSessionInvalid)
	}
	over()
	_, err := session.CallTool(t.Context(), "echo", nil)
	require.NoError(t, err)
	require.Equal(t, 1, server.Initializes())
}

func promiseEvidence(t *testing.T) {
	nobody := mcptest.Start()
	nobody.Close()
	_, err := mcpclient.Connect(t.Context(), nobody.URL())
	require.Equal(t, mcpclient.DeliveryNotSent, evidence(t, err).Delivery)

	server := mcptest.New(t)
	session := promised(t, server, &mcpclient.Client{Reinitialize: mcpclient.ReinitializeOnly, Retry: tryOnce})
	for _, c := range []struct {
		fault    mcptest.Fault
		want     mcpclient.Delivery
		executed int
	}{
		{mcptest.Refuse(mcptest.GoSDK), mcpclient.DeliveryRefused, 0},
		{mcptest.Status(429, nil, "slow down"), mcpclient.DeliveryRefused, 0},
		{mcptest.Status(502, nil, "bad gateway"), mcpclient.DeliveryUnknown, 0},
		{mcptest.DropBefore(), mcpclient.DeliveryUnknown, 0}, // looks like the next one
		{mcptest.DropAfter(), mcpclient.DeliveryUnknown, 1},
		{mcptest.Malformed(), mcpclient.DeliveryUnknown, 1},
	} {
		before := server.Executed()
		server.Next(c.fault.On("tools/call"))
		_, err := session.CallTool(t.Context(), "echo", nil)
		require.Equal(t, c.want, evidence(t, err).Delivery, c.fault)
		require.Equal(t, c.executed, server.Executed()-before, c.fault)
		require.Equal(t, c.want == mcpclient.DeliveryRefused, mcpclient.SafeToRetry(err), c.fault)
	}
	_, err = session.CallTool(t.Context(), "no such tool", nil)
	require.Equal(t, mcpclient.DeliveryAnswered, evidence(t, err).Delivery)
	_, err = session.CallTool(t.Context(), "echo", json.RawMessage(`{"text":`))
	require.Equal(t, mcpclient.DeliveryNotSent, evidence(t, err).Delivery)
}

func promiseContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.Start(mcptest.InMemory())
		defer server.Close()
		session := promised(t, server, &mcpclient.Client{HTTPClient: server.HTTPClient()})
		started, release := holding(server)
		defer release()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begun := time.Now()
		_, err := session.CallTool(ctx, "hold", nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Minute, time.Since(begun), "not a moment later")
		<-started
		require.NoError(t, server.Await(t.Context(), func() bool { return len(server.Cancelled()) == 1 }))
		require.NoError(t, session.Ping(t.Context()), "the session lives")
	})
}

func promiseClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.Start(mcptest.InMemory())
		defer server.Close()
		session, err := (&mcpclient.Client{HTTPClient: server.HTTPClient()}).Connect(t.Context(), server.URL())
		require.NoError(t, err)
		server.Always(mcptest.Hang())
		server.Always(mcptest.Hang().OnHTTP(http.MethodDelete))
		failed := make(chan error)
		go func() {
			_, err := session.CallTool(t.Context(), "echo", nil)
			failed <- err
		}()
		synctest.Wait()
		begun := time.Now()
		go func() { failed <- session.Close() }()
		require.ErrorIs(t, <-failed, mcpclient.ErrClosed, "the call that was in flight")
		require.NoError(t, <-failed, "a DELETE without an answer is no error of Close")
		require.LessOrEqual(t, time.Since(begun), 2*time.Second)
	}) // and the bubble fails if a goroutine is left
}

func promiseHostile(t *testing.T) {
	server := mcptest.New(t)
	session := promised(t, server, &mcpclient.Client{MaxMessageSize: 1 << 20, Limits: mcpclient.Limits{Notifications: 1000, Pages: 10}})
	for _, fault := range []mcptest.Fault{
		mcptest.EndlessBody(), mcptest.GzipBomb(), mcptest.EndlessLine(), mcptest.EndlessEvent(), mcptest.EndlessNotifications(), mcptest.DepthBomb(50_000),
	} {
		server.Next(fault)
		_, err := session.CallTool(t.Context(), "echo", nil)
		var limit *mcpclient.LimitError
		require.ErrorAs(t, err, &limit, fault)
	}
	server.Always(mcptest.EndlessPages())
	_, err := mcpclient.Collect(session.Tools(t.Context()))
	require.ErrorIs(t, err, mcpclient.ErrProtocol)
	_, err = session.CallTool(t.Context(), "echo", nil)
	require.NoError(t, err)
}

func promiseCredentials(t *testing.T) {
	var log bytes.Buffer
	server, elsewhere := mcptest.New(t), mcptest.New(t)
	session := promised(t, server, &mcpclient.Client{
		Header: http.Header{"Authorization": {"Bearer s3cret"}}, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	id := session.ID()
	server.Next(mcptest.Status(500, nil, "session "+id+" is broken"), mcptest.Refuse(mcptest.Java), mcptest.Redirect(307, elsewhere.URL()).On("tools/call"))
	_, broken := session.CallTool(t.Context(), "echo", nil)
	_, redirected := session.CallTool(t.Context(), "echo", nil) // after a lost session
	require.Error(t, broken)
	var redirect *mcpclient.RedirectError
	require.ErrorAs(t, redirected, &redirect)
	require.Empty(t, elsewhere.Requests())
	require.NotEqual(t, id, session.ID())

	said := fmt.Sprintf("%v %+v %#v", broken, redirected, session.State())
	require.NoError(t, session.Close())
	said += log.String()
	require.Contains(t, said, "new session")
	for _, secret := range []string{id, session.ID(), "s3cret"} {
		require.NotContains(t, said, secret)
	}
}

func promiseHandedIn(t *testing.T) {
	server := mcptest.New(t)
	theirs := http.Client{Transport: server.HTTPClient().Transport, Timeout: time.Hour}
	before := theirs
	header := http.Header{"X-Tenant": {"blue"}}
	session := promised(t, server, &mcpclient.Client{HTTPClient: &theirs, Header: header})
	header.Set("X-Tenant", "red")
	server.ForgetSessions() // so that a new session takes its settings, too
	args := json.RawMessage(`{ "text" : "\u0041", "n": 1.0e2 }`)
	_, err := session.CallTool(t.Context(), "echo", args)
	require.NoError(t, err)
	require.Equal(t, before, theirs)
	requests := server.Requests()
	call := requests[len(requests)-1]
	require.Equal(t, "blue", call.Header.Get("X-Tenant"))
	require.Contains(t, string(call.Body), string(args), "a model's JSON is sent byte for byte")
}

func promiseLists(t *testing.T) {
	server := mcptest.New(t, mcptest.PageSize(2), mcptest.WithoutDefaultTools())
	var want, got []string
	for n := range 9 {
		want = append(want, fmt.Sprint("tool ", n))
		server.AddTool(mcpclient.Tool{Name: want[n]}, nil)
	}
	session := promised(t, server, new(mcpclient.Client))
	for tool, err := range session.Tools(t.Context()) {
		require.NoError(t, err)
		got = append(got, tool.Name)
		if len(got) == 5 {
			server.ForgetSessions()
		}
	}
	require.Equal(t, want, got)
}

func promiseResume(t *testing.T) {
	server := mcptest.New(t)
	session, err := mcpclient.Connect(t.Context(), server.URL())
	require.NoError(t, err)
	state, err := session.Detach()
	require.NoError(t, err)
	stored, err := json.Marshal(state)
	require.NoError(t, err)

	var found mcpclient.SessionState
	require.NoError(t, json.Unmarshal(stored, &found))
	resumed, err := new(mcpclient.Client).Resume(t.Context(), found)
	require.NoError(t, err)
	_, err = resumed.CallTool(t.Context(), "echo", nil)
	require.NoError(t, err)
	require.Equal(t, 1, server.Initializes())
	require.NoError(t, resumed.Close())
	require.Empty(t, server.Sessions(), "and whoever has it last ends it")
}

// promised connects, and closes the session before the server is closed.
func promised(t *testing.T, server *mcptest.Server, client *mcpclient.Client) *mcpclient.Session {
	t.Helper()
	session, err := client.Connect(t.Context(), server.URL())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, session.Close()) })
	return session
}

// together runs n callers at once and returns the first error.
func together(t *testing.T, n int, call func(ctx context.Context, caller int) error) error {
	t.Helper()
	group, ctx := errgroup.WithContext(t.Context())
	for caller := range n {
		group.Go(func() error { return call(ctx, caller) })
	}
	return group.Wait()
}

// holding adds a tool that tells when it has been called and answers once it is released.
func holding(server *mcptest.Server) (started <-chan struct{}, release func()) {
	begun, answer := make(chan struct{}, 100), make(chan struct{})
	server.AddTool(mcpclient.Tool{Name: "hold"}, func(ctx context.Context, _ *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		begun <- struct{}{}
		select {
		case <-answer:
		case <-ctx.Done():
		}
		return nil, ctx.Err()
	})
	return begun, func() { close(answer) }
}

// evidence is the facts of a failed call.
func evidence(t *testing.T, err error) *mcpclient.CallError {
	t.Helper()
	call, ok := errors.AsType[*mcpclient.CallError](err)
	require.True(t, ok, "%v", err)
	return call
}
