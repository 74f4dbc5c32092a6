package mcpclient_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// TestGuardOwnCredentialsKeepTheAuthorizerOut: a call that brings its own Authorization speaks for somebody else. The Client's
// Authorizer neither replaces it nor hears of its refusal.
func TestGuardOwnCredentialsKeepTheAuthorizerOut(t *testing.T) {
	for name, options := range everyEra() {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t, options...)
			shared := &keyed{token: "service"}
			session := sessionOf(t, server, &mcpclient.Client{Authorizer: shared})
			mine := mcpclient.WithHeader("Authorization", "Bearer mine")
			_, err := session.CallTool(t.Context(), "echo", nil, mine)
			require.NoError(t, err)
			require.Equal(t, []string{"Bearer mine"}, lastOf(t, server, "tools/call").Header.Values("Authorization"))

			server.Next(unauthorized(401, "Bearer").On("tools/call"))
			_, err = session.CallTool(t.Context(), "echo", nil, mine)
			require.ErrorIs(t, err, mcpclient.ErrUnauthorized)
			require.Zero(t, shared.heard())
		})
	}
}

// TestGuardRefusalsHideTheToken: a server that repeats the credentials in its refusal does not get them into an error.
func TestGuardRefusalsHideTheToken(t *testing.T) {
	const token = "token-of-the-service"
	for name, body := range map[string]string{
		"text":     "no right for " + token,
		"JSON":     `{"error":"` + token + `"}`,
		"JSON-RPC": `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"no right for ` + token + `","data":"` + token + `"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t)
			session := sessionOf(t, server, &mcpclient.Client{Authorizer: &keyed{token: token}})
			server.Next(mcptest.Status(403, http.Header{"X-Echo": {token}}, body).On("tools/call"))
			_, err := session.CallTool(t.Context(), "echo", nil)
			var refused *mcpclient.HTTPError
			require.ErrorAs(t, err, &refused)
			require.NotContains(t, err.Error(), token)
			require.NotContains(t, string(refused.Body), token)
			require.NotContains(t, fmt.Sprint(refused.Header), token)
		})
	}
}

// TestGuardAnnouncedSizeIsNotBelieved: to announce a large answer costs a server nothing, so it costs the client no more than
// the room for what has come.
func TestGuardAnnouncedSizeIsNotBelieved(t *testing.T) {
	const calls, announced = 16, 30 << 20
	server := mcptest.New(t)
	session := sessionOf(t, server, &mcpclient.Client{Retry: mcpclient.RetryPolicy{Attempts: 1}})
	server.Next(mcptest.Respond(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(announced))
		_, _ = w.Write([]byte(`{"jsonrpc":`))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})).On("tools/call").Times(calls))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range calls {
		_, err := session.CallTool(t.Context(), "echo", nil)
		var broken *mcpclient.NetworkError
		require.ErrorAs(t, err, &broken)
	}
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(calls*announced/4))
}

// TestGuardInterceptorsAreCloned: what happens to the Client's slice after Connect reaches no session.
func TestGuardInterceptorsAreCloned(t *testing.T) {
	var seen []string
	interceptor := func(name string) mcpclient.Interceptor {
		return func(ctx context.Context, _ *mcpclient.Call, next func(context.Context) error) error {
			seen = append(seen, name)
			return next(ctx)
		}
	}
	interceptors := []mcpclient.Interceptor{interceptor("first")}
	session := sessionOf(t, mcptest.New(t), &mcpclient.Client{Interceptors: interceptors})
	interceptors[0] = interceptor("second")
	require.NoError(t, session.Ping(t.Context()))
	require.Equal(t, []string{"first"}, seen)
}

// TestGuardCallerAlreadyGone: nobody opens a session for a caller who does not wait for it.
func TestGuardCallerAlreadyGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stage := newLossStage(t, &mcpclient.Client{Reinitialize: mcpclient.ReinitializeOnly}, mcptest.InMemory())
		stage.server.ForgetSessions()
		sessionErrorOf(t, stage.echo(t.Context()))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, stage.echo(ctx), context.Canceled)
		synctest.Wait()
		require.Equal(t, 1, stage.server.Initializes())
	})
}

// TestGuardCookieSize: a cookie over 4 KiB would go with every request of the session.
func TestGuardCookieSize(t *testing.T) {
	server := mcptest.New(t)
	session := sessionOf(t, server, new(mcpclient.Client))
	for _, tt := range []struct {
		size int
		kept bool
	}{{4<<10 - len("cookie/"), true}, {4<<10 - len("cookie/") + 1, false}} {
		value := strings.Repeat("x", tt.size)
		server.Next(setCookies("cookie=" + value + "; Path=/"))
		_, err := session.CallTool(t.Context(), "echo", nil)
		require.ErrorAs(t, err, new(*mcpclient.HTTPError))
		require.Equal(t, tt.kept, slices.Contains(cookiesSent(t, session, server), "cookie="+value))
	}
}

// TestGuardCourtesiesAskNobody: the refusal of a message that no caller waits for is nothing to ask a user about.
func TestGuardCourtesiesAskNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory())
		authorizer := &keyed{token: "t", retry: true}
		session := sessionOf(t, server, &mcpclient.Client{Authorizer: authorizer, InsecureHosts: []string{"mcptest.invalid"}})
		entered, release := heldTool(server)
		defer close(release)
		server.Next(unauthorized(401, "Bearer").On("notifications/cancelled"))
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-entered
			cancel()
		}()
		_, err := session.CallTool(ctx, "hold", nil)
		require.ErrorIs(t, err, context.Canceled)
		synctest.Wait() // until the refusal has been heard
		require.Len(t, requestsBy(server, http.MethodPost, "notifications/cancelled"), 1)
		require.Zero(t, authorizer.heard())
	})
}
