package mcpclient_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
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

var errRestore = errors.New("the state is beyond repair")

// restored is a stage whose Client.Restore is f.
func restored(t *testing.T, f func(ctx context.Context, stage *lossStage, view *mcpclient.Session) error, opts ...mcptest.Option) *lossStage {
	t.Helper()
	stage := new(lossStage)
	*stage = *newLossStage(t, &mcpclient.Client{
		Restore: func(ctx context.Context, view *mcpclient.Session) error { return f(ctx, stage, view) },
	}, opts...)
	return stage
}

// Restore runs after each re-initialize, on the new session, before any other call, and never on Connect.
func TestRestoreRunsFirst(t *testing.T) {
	var runs atomic.Int32
	stage := restored(t, func(ctx context.Context, stage *lossStage, view *mcpclient.Session) error {
		runs.Add(1)
		if err := echoOn(ctx, view, mcpclient.WithMeta("by", "restore")); err != nil {
			return err
		}
		if view.ID() == "" || view.ID() == stage.session.ID() {
			return errors.New("the view is of the new session, the session still of the old one")
		}
		return view.Err()
	})
	require.NoError(t, stage.echo(t.Context()))
	require.Zero(t, runs.Load(), "not on Connect")

	for loss := 1; loss <= 3; loss++ {
		stage.server.ForgetSessions()
		group, ctx := errgroup.WithContext(t.Context())
		for range 8 {
			group.Go(func() error { return stage.echo(ctx) })
		}
		require.NoError(t, group.Wait())
		require.EqualValues(t, loss, runs.Load())
	}
	first := make(map[string]bool)
	for _, r := range stage.server.Requests() {
		if r.Method == "tools/call" && r.Status == http.StatusOK && !first[r.Session] {
			first[r.Session] = true
			require.Equal(t, len(first) > 1, strings.Contains(string(r.Body), `"by":"restore"`), "session %d begins with Restore", len(first))
		}
	}
	require.Len(t, first, 4)

	require.NoError(t, stage.session.Reinitialize(t.Context()))
	require.EqualValues(t, 4, runs.Load(), "also after a re-initialize on request")
}

// The view works from any goroutine and with any context, all calls of a Session included.
func TestRestoreViewOffersAllCalls(t *testing.T) {
	stage := restored(t, func(_ context.Context, _ *lossStage, view *mcpclient.Session) error {
		group, ctx := errgroup.WithContext(context.Background())
		for range 4 {
			group.Go(func() error { return echoOn(ctx, view) })
		}
		group.Go(func() error { return view.Ping(ctx) })
		group.Go(func() error { return view.Notify(ctx, "notifications/x", nil) })
		group.Go(func() error { return view.Request(ctx, "tools/list", nil, nil) })
		group.Go(func() error {
			tools, err := mcpclient.Collect(view.Tools(ctx))
			if err == nil && len(tools) != 9 {
				return fmt.Errorf("%d tools", len(tools))
			}
			return err
		})
		if view.Server().Name != "mcptest" {
			return errors.New("no server info")
		}
		return group.Wait()
	}, mcptest.PageSize(2))
	pagedTools(stage.server, 7)
	stage.server.ForgetSessions()
	require.NoError(t, stage.echo(t.Context()))
	require.Equal(t, 2, stage.server.Initializes())
	require.Zero(t, stage.count(func(r mcptest.Request) bool { return r.Method == "ping" && r.Session != stage.session.ID() }))
}

// What would end or replace the session is not the view's business.
func TestRestoreViewCannotEndTheSession(t *testing.T) {
	var view *mcpclient.Session
	stage := restored(t, func(ctx context.Context, _ *lossStage, v *mcpclient.Session) error {
		view = v
		_, err := v.Detach()
		for _, err := range []error{v.Close(), v.Reinitialize(ctx), err} {
			var call *mcpclient.CallError
			if !errors.As(err, &call) || !errors.Is(err, mcpclient.ErrUnsupported) || call.Delivery != mcpclient.DeliveryNotSent {
				return fmt.Errorf("unexpected: %w", err)
			}
		}
		return nil
	})
	stage.server.ForgetSessions()
	require.NoError(t, stage.echo(t.Context()))

	// After Restore the view is over, and only it.
	sent := stage.sent()
	for _, err := range []error{echoOn(t.Context(), view), view.Ping(t.Context()), firstError(view.Tools(t.Context()))} {
		var call *mcpclient.CallError
		require.ErrorAs(t, err, &call)
		require.ErrorIs(t, err, mcpclient.ErrClosed)
		require.Equal(t, mcpclient.DeliveryNotSent, call.Delivery)
	}
	require.ErrorIs(t, view.Err(), mcpclient.ErrClosed)
	require.ErrorIs(t, view.Close(), mcpclient.ErrUnsupported)
	require.ErrorIs(t, view.Reinitialize(t.Context()), mcpclient.ErrUnsupported)
	require.Equal(t, sent, stage.sent())
	require.NoError(t, stage.echo(t.Context()))
}

// Calls on the session itself wait until Restore is done, and none slips onto the new session before.
func TestRestoreHoldsUpEverybodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stage := restored(t, func(ctx context.Context, stage *lossStage, view *mcpclient.Session) error {
			short, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			// A mistake: it is the session that this waits for.
			if err := stage.echo(short); !errors.Is(err, context.DeadlineExceeded) {
				return fmt.Errorf("the session was ready: %w", err)
			}
			<-time.After(9 * time.Second)
			return view.Ping(ctx)
		}, mcptest.InMemory())
		stage.server.ForgetSessions()
		start := time.Now()
		group, ctx := errgroup.WithContext(t.Context())
		for range 4 {
			group.Go(func() error { return stage.echo(ctx) })
		}
		require.NoError(t, group.Wait())
		require.Equal(t, 10*time.Second, time.Since(start))
		require.Equal(t, 4, stage.server.Executed())
		require.Equal(t, 2, stage.server.Initializes())
	})
}

// Restore runs even where all places for calls are taken by calls in flight on the old session.
func TestRestoreNeedsNoPlace(t *testing.T) {
	stage := new(lossStage)
	*stage = *newLossStage(t, &mcpclient.Client{
		Limits:  mcpclient.Limits{ConcurrentCalls: 1},
		Restore: func(ctx context.Context, view *mcpclient.Session) error { return view.Ping(ctx) },
	})
	entered, release := heldTool(stage.server)
	held := make(chan error, 1)
	go func() {
		_, err := stage.session.CallTool(t.Context(), "hold", nil)
		held <- err
	}()
	<-entered
	require.NoError(t, stage.session.Reinitialize(t.Context()))
	close(release)
	<-held // its session was ended
	require.NoError(t, stage.echo(t.Context()))
}

func TestRestoreFailureFailsTheReopen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fail atomic.Bool
		fail.Store(true)
		stage := restored(t, func(context.Context, *lossStage, *mcpclient.Session) error {
			if fail.Load() {
				return errRestore
			}
			return nil
		}, mcptest.InMemory())
		stage.server.ForgetSessions()
		err := stage.echo(t.Context())
		requireRetryAfter(t, err, false)
		lost := requireGated(t, err, 0, 500*time.Millisecond)
		require.ErrorIs(t, err, errRestore)
		require.ErrorContains(t, err, "Client.Restore: the state is beyond repair")
		require.Len(t, stage.openings(), 1, "a definite failure")
		require.Empty(t, stage.server.Sessions(), "the session opened for nothing is ended")
		requireGateHolds(t, stage, lost)

		fail.Store(false)
		require.NoError(t, stage.echo(t.Context()))
		require.NoError(t, stage.session.Err())
	})
}

// A refusal on the view fails the reopen, even where Restore swallows it: the new session is gone, too.
func TestRestoreOnASessionLostAgain(t *testing.T) {
	for name, swallow := range map[string]bool{"returned": false, "swallowed": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var seen, noticed []error
				stage := restored(t, func(ctx context.Context, _ *lossStage, view *mcpclient.Session) error {
					err := view.Ping(ctx)
					seen, noticed = append(seen, err), append(noticed, view.Err())
					if swallow {
						return nil
					}
					return err
				}, mcptest.InMemory())
				stage.server.ForgetSessions()
				stage.server.Next(mcptest.Refuse(mcptest.TypeScript).On("ping"))
				err := stage.echo(t.Context())
				requireGated(t, err, 0, 500*time.Millisecond)
				require.ErrorContains(t, err, "Client.Restore: ")
				call, lost := sessionErrorOf(t, seen[0])
				require.Same(t, lost, noticed[0])
				require.Equal(t, mcpclient.DeliveryRefused, call.Delivery)
				require.Equal(t, 1, call.Attempts, "the view never re-sends")
				require.Len(t, stage.openings(), 1, "nor reopens")
				<-time.After(time.Minute)
				require.NoError(t, stage.echo(t.Context()))
				require.Equal(t, []error{nil}, seen[1:])
				require.Equal(t, []error{nil}, noticed[1:])
			})
		})
	}
}

// A suspicious answer on the view is verified on the new session.
func TestRestoreVerifies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stage := restored(t, func(ctx context.Context, _ *lossStage, view *mcpclient.Session) error {
			err := echoOn(ctx, view)
			if _, own := errors.AsType[*mcpclient.RPCError](err); !own {
				return fmt.Errorf("not the server's own error: %w", err)
			}
			return nil
		}, mcptest.InMemory())
		stage.server.Next(mcptest.Refuse(mcptest.TypeScript), suspicious())
		require.NoError(t, stage.echo(t.Context()))
		require.Equal(t, 1, stage.count(func(r mcptest.Request) bool { return r.Method == "tools/list" && r.Session == stage.session.ID() }))
		require.Equal(t, 2, stage.server.Initializes())
	})
}

func TestRestoreTimeout(t *testing.T) {
	for name, limit := range map[string]time.Duration{"default": 0, "option": 5 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stage := newLossStage(t, &mcpclient.Client{
					RestoreTimeout: limit,
					Restore: func(ctx context.Context, _ *mcpclient.Session) error {
						<-ctx.Done()
						return context.Cause(ctx)
					},
				}, mcptest.InMemory())
				stage.server.ForgetSessions()
				start := time.Now()
				err := stage.echo(t.Context())
				if limit == 0 {
					limit = 30 * time.Second
				}
				require.Equal(t, limit, time.Since(start))
				requireGated(t, err, 0, 500*time.Millisecond)
				require.ErrorContains(t, err, "over the limit of "+limit.String()+" (Client.RestoreTimeout)")
			})
		})
	}
}

// The context of Restore is the session's, not that of the caller who met the loss; its values stay visible.
func TestRestoreContext(t *testing.T) {
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory())
		var value any
		client := &mcpclient.Client{HTTPClient: server.HTTPClient(), Restore: func(ctx context.Context, _ *mcpclient.Session) error {
			value = ctx.Value(key{})
			<-time.After(10 * time.Second)
			return ctx.Err()
		}}
		connecting, connected := context.WithCancel(context.WithValue(t.Context(), key{}, "of Connect"))
		session, err := client.Connect(connecting, server.URL())
		require.NoError(t, err)
		defer session.Close()
		connected()
		server.ForgetSessions()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, echoOn(ctx, session), context.DeadlineExceeded)
		require.NoError(t, echoOn(t.Context(), session))
		require.Equal(t, "of Connect", value)
		require.Equal(t, 2, server.Initializes())
	})
}

// Close does not wait for a Restore that minds its context.
func TestRestoreEndsWithTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stage := restored(t, func(ctx context.Context, _ *lossStage, _ *mcpclient.Session) error {
			<-ctx.Done()
			return ctx.Err()
		}, mcptest.InMemory())
		stage.server.ForgetSessions()
		ended := make(chan error, 1)
		go func() { ended <- stage.echo(t.Context()) }()
		synctest.Wait()
		start := time.Now()
		require.NoError(t, stage.session.Close())
		require.Zero(t, time.Since(start))
		require.ErrorIs(t, <-ended, mcpclient.ErrClosed)
		require.Empty(t, stage.server.Sessions(), "the session just opened is ended")
	})
}

// A hook that ends its goroutine, as a failed require does, wakes those who wait for it, with an error.
func TestHookEndsItsGoroutine(t *testing.T) {
	exit := func() { runtime.Goexit() }
	for name, c := range map[string]struct {
		client func(exit func()) *mcpclient.Client
		fails  bool // the reopen
	}{
		"Restore": {func(exit func()) *mcpclient.Client {
			return &mcpclient.Client{Restore: func(context.Context, *mcpclient.Session) error { exit(); return nil }}
		}, true},
		"ClassifyRefusal": {func(exit func()) *mcpclient.Client {
			return &mcpclient.Client{ClassifyRefusal: func(r mcpclient.Refusal) mcpclient.Verdict {
				if r.Method == "notifications/initialized" {
					exit()
				}
				return mcpclient.VerdictDefault
			}}
		}, true},
		"SessionRestored": {func(exit func()) *mcpclient.Client {
			return &mcpclient.Client{Trace: &mcpclient.Trace{SessionRestored: func(mcpclient.SessionEvent) { exit() }}}
		}, false},
		"ReopenFailed": {func(exit func()) *mcpclient.Client {
			return &mcpclient.Client{
				Restore: func(context.Context, *mcpclient.Session) error { return errRestore },
				Trace:   &mcpclient.Trace{ReopenFailed: func(mcpclient.SessionEvent) { exit() }},
			}
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stage := newLossStage(t, c.client(exit), mcptest.InMemory())
				stage.server.ForgetSessions()
				if name == "ClassifyRefusal" {
					stage.server.Next(mcptest.Status(400, nil, "what is this").On("notifications/initialized"))
				}
				errs := make([]error, 8)
				var all sync.WaitGroup
				for i := range errs {
					all.Go(func() { errs[i] = stage.echo(t.Context()) })
				}
				all.Wait()
				for _, err := range errs {
					if c.fails {
						requireGated(t, err, 0, 500*time.Millisecond)
					} else {
						require.NoError(t, err)
					}
				}
				if name == "Restore" || name == "ClassifyRefusal" {
					require.ErrorContains(t, errs[0], "a hook ended its goroutine")
				}
				synctest.Wait()
				if c.fails {
					require.Empty(t, stage.server.Sessions(), "the session opened for nothing is ended")
				}
				require.NoError(t, stage.session.Close())
			})
		})
	}
}

// In the goroutine of a verification such a hook proves nothing: the call gets its own error, and the next one asks again.
func TestHookEndsAVerification(t *testing.T) {
	var calls atomic.Int32
	stage := newLossStage(t, &mcpclient.Client{ClassifyRefusal: func(r mcpclient.Refusal) mcpclient.Verdict {
		if r.Method == "tools/list" && calls.Add(1) == 1 {
			runtime.Goexit()
		}
		return mcpclient.VerdictDefault
	}}, mcptest.RefusalWay(mcptest.Zilla))
	stage.server.ForgetSessions()
	requireOwnError(t, stage.echo(t.Context()))
	require.NoError(t, stage.echo(t.Context()))
	require.Equal(t, 2, stage.arrived("tools/list"))
}

// A hook that ends the caller's own goroutine gives back what the call held.
func TestHookEndsItsCaller(t *testing.T) {
	for name, c := range map[string]struct {
		client  *mcpclient.Client
		options []mcpclient.CallOption
		fault   mcptest.Fault
	}{
		"ClassifyRefusal": {
			client: &mcpclient.Client{ClassifyRefusal: func(mcpclient.Refusal) mcpclient.Verdict { runtime.Goexit(); return 0 }},
			fault:  mcptest.Status(418, nil, "teapot").On("tools/call"),
		},
		"WithLogs": {
			client:  new(mcpclient.Client),
			options: []mcpclient.CallOption{mcpclient.WithLogs(mcpclient.LogDebug, func(mcpclient.LogMessage) { runtime.Goexit() })},
			fault:   mcptest.Notify("notifications/message", map[string]any{"level": "info", "data": "x"}).On("tools/call"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.client.Limits.ConcurrentCalls = 1
			stage := newLossStage(t, c.client)
			stage.server.Next(c.fault)
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				_ = stage.echo(t.Context(), c.options...)
				panic("the hook should have ended this goroutine")
			}()
			<-ended
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			require.NoError(t, stage.echo(ctx), "the only place is free again")
		})
	}
}

// Close counts as done even where the last hook ends the goroutine that closes.
func TestHookEndsClose(t *testing.T) {
	stage := newLossStage(t, &mcpclient.Client{Trace: &mcpclient.Trace{SessionClosed: func(mcpclient.SessionEvent) { runtime.Goexit() }}})
	go func() { _ = stage.session.Close() }()
	<-stage.session.Done()
	require.NoError(t, stage.session.Close())
}

// The log level outlives the session; a server that has no levels any more costs nobody a call.
func TestRestoreLogLevel(t *testing.T) {
	level := func(stage *lossStage) mcpclient.LogLevel {
		info, _ := stage.server.Session(stage.session.ID())
		return info.LogLevel
	}
	stage := newLossStage(t, nil)
	stage.server.ForgetSessions()
	require.NoError(t, stage.echo(t.Context()))
	require.Zero(t, stage.arrived("logging/setLevel"), "nothing to restore")

	require.NoError(t, stage.session.SetLogLevel(t.Context(), mcpclient.LogWarning))
	stage.server.ForgetSessions()
	require.NoError(t, stage.echo(t.Context()))
	require.Equal(t, mcpclient.LogWarning, level(stage))
	requests := stage.server.Requests()
	require.Equal(t, "logging/setLevel", requests[len(requests)-2].Method, "before any other call")

	stage.server.ForgetSessions()
	stage.server.Next(mcptest.Status(501, nil, "oops").On("logging/setLevel"))
	require.NoError(t, stage.echo(t.Context()))
	require.Empty(t, level(stage))

	stage.server.ForgetSessions()
	stage.server.Next(mcptest.Refuse(mcptest.TypeScript).On("logging/setLevel"))
	err := stage.echo(t.Context())
	sessionErrorOf(t, err)
	require.NotErrorIs(t, err, errRestore)
	require.NoError(t, stage.session.Reinitialize(t.Context()))
	require.Equal(t, mcpclient.LogWarning, level(stage))

	// Set by Restore, it is remembered like any other.
	require.NoError(t, stage.session.SetLogLevel(t.Context(), mcpclient.LogError))
	require.Equal(t, mcpclient.LogError, stage.session.State().LogLevel)
}

// lossTrace records the events of a session as lines.
type lossTrace struct {
	mu    sync.Mutex
	lines []string
}

func (l *lossTrace) addf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

func (l *lossTrace) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := l.lines
	l.lines = nil
	return lines
}

func (l *lossTrace) hooks() *mcpclient.Trace {
	event := func(name string) func(mcpclient.SessionEvent) {
		return func(e mcpclient.SessionEvent) {
			server := ""
			if e.Server != nil {
				server = e.Server.Name
			}
			l.addf("%s %d %s>%s %s %s", name, e.Generation, e.OldID, e.NewID, server, e.Reason)
		}
	}
	return &mcpclient.Trace{
		SessionOpened: event("opened"), SessionLost: event("lost"), SessionRestored: event("restored"),
		ReopenFailed: event("failed"), SessionClosed: event("closed"),
		CallRetried: func(e mcpclient.CallEvent) {
			l.addf("retried %s %s attempt %d of %d", e.Method, e.Target, e.Attempt, e.Generation)
		},
	}
}

// hashed is how a session id appears in events.
func hashed(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])[:8]
}

func TestTraceTellsTheStoryInOrder(t *testing.T) {
	trace := new(lossTrace)
	stage := newLossStage(t, &mcpclient.Client{Trace: trace.hooks()})
	first := hashed(stage.session.ID())
	require.Equal(t, []string{"opened 1 >" + first + " mcptest "}, trace.take())

	stage.server.ForgetSessions()
	require.NoError(t, stage.echo(t.Context()))
	second := hashed(stage.session.ID())
	require.NotEqual(t, first, second)
	require.Equal(t, []string{
		"lost 1 " + first + `>  "Session not found"`,
		"restored 2 " + first + ">" + second + ` mcptest "Session not found"`,
		"retried tools/call echo attempt 2 of 1",
	}, trace.take())

	require.NoError(t, stage.session.Reinitialize(t.Context()))
	third := hashed(stage.session.ID())
	require.Equal(t, []string{"restored 3 " + second + ">" + third + " mcptest reinitialized on request"}, trace.take())

	stage.server.ForgetSessions()
	stage.server.Next(mcptest.Status(404, nil, "not found").On("initialize"))
	require.Error(t, stage.echo(t.Context()))
	require.Equal(t, []string{
		"lost 3 " + third + `>  "Session not found"`,
		"failed 3 " + third + `>  "Session not found"`,
	}, trace.take())

	require.NoError(t, stage.session.Reinitialize(t.Context()))
	fourth := hashed(stage.session.ID())
	require.Equal(t, []string{"restored 4 " + third + ">" + fourth + ` mcptest "Session not found"`}, trace.take())
	require.NoError(t, stage.session.Close())
	require.NoError(t, stage.session.Close())
	require.Equal(t, []string{"closed 4 " + fourth + "> mcptest "}, trace.take())
}

// Events carry the errors, and no session id in any of them.
func TestTraceCarriesErrorsAndNoSecrets(t *testing.T) {
	var texts []string
	keep := func(e mcpclient.SessionEvent) { texts = append(texts, fmt.Sprintf("%+v %v", e, e.Err)) }
	var lost, failed error
	var logged bytes.Buffer
	client := &mcpclient.Client{Logger: slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug})), Trace: &mcpclient.Trace{
		SessionOpened: keep, SessionRestored: keep, SessionClosed: keep,
		SessionLost:  func(e mcpclient.SessionEvent) { keep(e); lost = e.Err },
		ReopenFailed: func(e mcpclient.SessionEvent) { keep(e); failed = e.Err },
	}}
	stage := newLossStage(t, client, mcptest.RefusalWay(mcptest.Java)) // repeats the id in its refusal
	first := stage.session.ID()
	stage.server.ForgetSessions()
	stage.server.Next(mcptest.Status(404, nil, "not found").On("initialize"))
	err := stage.echo(t.Context())
	require.Error(t, err)
	require.ErrorIs(t, lost, mcpclient.ErrSessionInvalid)
	var refused *mcpclient.HTTPError
	require.ErrorAs(t, failed, &refused)
	require.Equal(t, "not found", string(refused.Body))
	require.NoError(t, stage.session.Reinitialize(t.Context()))
	second := stage.session.ID()
	require.NoError(t, stage.session.Close())
	require.Len(t, texts, 5)
	require.Contains(t, logged.String(), "session lost")
	require.Contains(t, logged.String(), "new session")
	for _, text := range append(texts, err.Error(), fmt.Sprintf("%+v", err), logged.String()) {
		require.NotContains(t, text, first)
		require.NotContains(t, text, second)
	}
}

// Hooks may call the session, and need not fear a deadlock.
func TestTraceHooksMayCallTheSession(t *testing.T) {
	stage := new(lossStage)
	var opened atomic.Int32
	call := func(mcpclient.SessionEvent) {
		if stage.session == nil {
			return // SessionOpened runs before Connect returns
		}
		opened.Add(1)
		if err := stage.session.Ping(context.Background()); err != nil && !errors.Is(err, mcpclient.ErrSessionInvalid) && !errors.Is(err, mcpclient.ErrClosed) {
			panic(err)
		}
		_, _ = stage.session.Err(), stage.session.State()
	}
	*stage = *newLossStage(t, &mcpclient.Client{Trace: &mcpclient.Trace{
		SessionOpened: call, SessionLost: call, SessionRestored: call, ReopenFailed: call, SessionClosed: call,
		CallRetried: func(mcpclient.CallEvent) { call(mcpclient.SessionEvent{}) },
	}})
	stage.server.ForgetSessions()
	require.NoError(t, stage.echo(t.Context()))
	stage.server.ForgetSessions()
	stage.server.Next(mcptest.Status(404, nil, "not found").On("initialize"))
	_ = stage.echo(t.Context()) // the hook of the loss has the failed reopen, or this call
	require.NoError(t, stage.session.Reinitialize(t.Context()))
	require.NoError(t, stage.echo(t.Context()))
	require.NoError(t, stage.session.Close())
	require.GreaterOrEqual(t, opened.Load(), int32(7))
}

// Close from inside a hook cannot hang: it waits for the goroutine that it runs in no longer than CloseTimeout.
func TestCloseInsideAHook(t *testing.T) {
	for _, name := range []string{"SessionLost", "SessionRestored", "ReopenFailed", "SessionClosed", "CallRetried", "Restore"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stage := &lossStage{server: mcptest.New(t, mcptest.InMemory())}
				var once sync.Once
				var closed atomic.Pointer[time.Duration]
				closing := func(hook string) {
					if hook != name {
						return
					}
					once.Do(func() {
						start := time.Now()
						_ = stage.session.Close()
						took := time.Since(start)
						closed.Store(&took)
					})
				}
				hook := func(hook string) func(mcpclient.SessionEvent) {
					return func(mcpclient.SessionEvent) { closing(hook) }
				}
				client := &mcpclient.Client{
					HTTPClient: stage.server.HTTPClient(),
					Restore: func(context.Context, *mcpclient.Session) error {
						closing("Restore")
						if name == "ReopenFailed" {
							return errRestore
						}
						return nil
					},
					Trace: &mcpclient.Trace{
						SessionLost: hook("SessionLost"), SessionRestored: hook("SessionRestored"),
						ReopenFailed: hook("ReopenFailed"), SessionClosed: hook("SessionClosed"),
						CallRetried: func(mcpclient.CallEvent) { closing("CallRetried") },
					},
				}
				session, err := client.Connect(t.Context(), stage.server.URL())
				require.NoError(t, err)
				stage.session = session
				stage.server.ForgetSessions()
				start := time.Now()
				err = stage.echo(t.Context())
				_ = stage.session.Close()
				require.LessOrEqual(t, time.Since(start), 5*time.Second)
				if name != "SessionClosed" {
					require.Error(t, err)
				}
				<-session.Done()
				synctest.Wait()
				require.NotNil(t, closed.Load(), "the hook has run, and Close in it has returned")
				require.LessOrEqual(t, *closed.Load(), 2*time.Second)
				require.ErrorIs(t, session.Err(), mcpclient.ErrClosed)
				require.Empty(t, stage.server.Sessions())
			})
		})
	}
}
