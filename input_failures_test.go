package mcpclient_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// requirePending checks that a call stands still for want of input, and that the server has not heard of it since.
func requirePending(t *testing.T, err error, server *mcptest.Server, method string) *mcpclient.InputRequiredError {
	t.Helper()
	failed := asCallError(t, err)
	require.Equal(t, mcpclient.DeliveryAnswered, failed.Delivery)
	require.Equal(t, method, failed.Method)
	require.False(t, mcpclient.SafeToRetry(err))
	require.Len(t, requestsBy(server, http.MethodPost, method), 1)
	pending := asCause[*mcpclient.InputRequiredError](t, err)
	require.Equal(t, method, pending.Method)
	return pending
}

// TestInputHandlerFails: without the answer there is no next round. The error says why, and goes on when somebody has one.
func TestInputHandlerFails(t *testing.T) {
	broken := errors.New("the screen is locked")
	for name, kind := range map[string]struct {
		handler error
		want    error
	}{"error": {broken, broken}, "declined": {mcpclient.ErrDeclined, mcpclient.ErrDeclined}} {
		for _, input := range []string{"form", "page", "model", "roots"} {
			session, server := statelessly(t, clientThat(func(context.Context, string) error { return kind.handler }))
			askingServer(server, inputsOf(input))
			told, err := askingCalls(session)["tools/call"](t.Context())
			if name == "declined" && (input == "form" || input == "page") {
				require.NoError(t, err)
				require.JSONEq(t, `{"`+input+`":{"action":"decline"}}`, told, "who declines has answered")
				continue
			}
			pending := requirePending(t, err, server, "tools/call")
			require.ErrorIs(t, err, kind.want)
			require.Len(t, pending.Requests, 1)
			require.NotNil(t, pending.State)
			require.NotContains(t, err.Error(), *pending.State)
		}
	}
}

// TestInputHandlerMisbehaves: no reply, a reply that breaks the form's rules, and the end of the handler's goroutine are errors of the handler.
func TestInputHandlerMisbehaves(t *testing.T) {
	for name, elicit := range map[string]func(context.Context, *mcpclient.Elicitation) (*mcpclient.ElicitationReply, error){
		"nil": func(context.Context, *mcpclient.Elicitation) (*mcpclient.ElicitationReply, error) { return nil, nil },
		"Goexit": func(context.Context, *mcpclient.Elicitation) (*mcpclient.ElicitationReply, error) {
			runtime.Goexit()
			return nil, nil
		},
		"field": func(context.Context, *mcpclient.Elicitation) (*mcpclient.ElicitationReply, error) {
			return mcpclient.Accept(map[string]any{"yes": "perhaps"}), nil
		},
		"action": func(context.Context, *mcpclient.Elicitation) (*mcpclient.ElicitationReply, error) {
			return &mcpclient.ElicitationReply{Action: "shrug"}, nil
		},
	} {
		session, server := statelessly(t, &mcpclient.Client{Elicit: elicit})
		askingServer(server, inputsOf("form"))
		_, err := askingCalls(session)["tools/call"](t.Context())
		pending := requirePending(t, err, server, "tools/call")
		require.Error(t, pending.Err, name)
		if name == "field" {
			require.Equal(t, "yes", asCause[*mcpclient.FieldError](t, err).Field)
		}
	}
}

// TestInputOneFailureEndsTheOthers: nobody is left before a form that serves nothing any more.
func TestInputOneFailureEndsTheOthers(t *testing.T) {
	broken := errors.New("broken")
	formBegun, formEnded := make(chan struct{}), make(chan error, 1)
	session, server := statelessly(t, clientThat(func(ctx context.Context, kind string) error {
		if kind == "form" {
			close(formBegun)
			<-ctx.Done()
			formEnded <- ctx.Err()
			return ctx.Err()
		}
		<-formBegun
		return broken
	}))
	askingServer(server, inputsOf("form", "roots"))
	_, err := askingCalls(session)["tools/call"](t.Context())
	requirePending(t, err, server, "tools/call")
	require.ErrorIs(t, err, broken)
	require.ErrorIs(t, <-formEnded, context.Canceled)
}

// TestInputEndsWithItsCall: the caller's end and Close end a handler that waits for a person. A handler that does not heed its
// context keeps no caller.
func TestInputEndsWithItsCall(t *testing.T) {
	for _, deaf := range []bool{false, true} {
		for name, end := range map[string]func(cancel context.CancelFunc, session *mcpclient.Session){
			"cancel": func(cancel context.CancelFunc, _ *mcpclient.Session) { cancel() },
			"close":  func(_ context.CancelFunc, session *mcpclient.Session) { _ = session.Close() },
		} {
			synctest.Test(t, func(t *testing.T) {
				begun, release, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
				client := clientThat(func(ctx context.Context, _ string) error {
					close(begun)
					if deaf {
						<-release
					}
					<-ctx.Done()
					ended <- ctx.Err()
					return ctx.Err()
				})
				server := mcptest.New(t, mcptest.Stateless(), mcptest.InMemory())
				client.HTTPClient = server.HTTPClient()
				session, err := client.Connect(t.Context(), server.URL())
				require.NoError(t, err)
				askingServer(server, inputsOf("form"))
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				failed := make(chan error, 1)
				go func() {
					_, err := askingCalls(session)["tools/call"](ctx)
					failed <- err
				}()
				<-begun
				end(cancel, session)
				err = <-failed
				if name == "cancel" {
					require.ErrorIs(t, err, context.Canceled)
				} else {
					require.ErrorIs(t, err, mcpclient.ErrClosed)
				}
				require.Equal(t, mcpclient.DeliveryAnswered, asCallError(t, err).Delivery)
				close(release)
				require.ErrorIs(t, <-ended, context.Canceled)
				require.Len(t, requestsBy(server, http.MethodPost, "tools/call"), 1)
				require.Empty(t, server.Cancelled())
				_ = session.Close() // names a handler that did not heed its context, and was reported on already
			})
		}
	}
}

// TestInputTakesItsTime: what people need is counted against no timeout but the caller's context.
func TestInputTakesItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.New(t, mcptest.Stateless(), mcptest.InMemory())
		client := clientThat(func(ctx context.Context, _ string) error { return after(ctx, time.Hour) })
		client.HTTPClient = &http.Client{Transport: server.HTTPClient().Transport, Timeout: time.Second}
		client.HandshakeTimeout = time.Second
		session := sessionOf(t, server, client)
		askingServer(server, inputsOf("form"))
		for _, call := range askingCalls(session) {
			told, err := call(t.Context(), mcpclient.WithIdleTimeout(time.Second))
			require.NoError(t, err)
			requireTold(t, told, "form")
		}
	})
}

// TestInputHandlerCallsTheSession: what a handler calls, and the next round, need no place that a waiting call could hold.
func TestInputHandlerCallsTheSession(t *testing.T) {
	for _, era := range [][]mcptest.Option{{mcptest.Stateless()}, nil} {
		var session *mcpclient.Session
		client := clientThat(func(ctx context.Context, _ string) error {
			_, err := session.CallTool(ctx, "echo", map[string]any{"text": "x"})
			return err
		})
		client.Limits.ConcurrentCalls = 1
		server := mcptest.New(t, era...)
		session = openSession(t, client, server)
		askingServer(server, inputsOf("form", "page"))
		told, err := askingCalls(session)["tools/call"](t.Context())
		require.NoError(t, err)
		requireTold(t, told, "form", "page")
	}
}

// TestInputHandlerNeedsNoPlace: between two rounds another call may take the last place, and wait for the handler.
func TestInputHandlerNeedsNoPlace(t *testing.T) {
	server := mcptest.New(t, mcptest.Stateless())
	entered, release := heldTool(server)
	held := make(chan error, 1)
	var session *mcpclient.Session
	client := clientThat(func(ctx context.Context, _ string) error {
		go func() {
			_, err := session.CallTool(t.Context(), "hold", nil)
			held <- err
		}()
		<-entered
		_, err := session.CallTool(ctx, "echo", nil)
		close(release)
		return err
	})
	client.Limits.ConcurrentCalls = 1
	session = openSession(t, client, server)
	askingServer(server, inputsOf("form"))
	_, err := askingCalls(session)["tools/call"](t.Context())
	require.NoError(t, err)
	require.NoError(t, <-held)
}
