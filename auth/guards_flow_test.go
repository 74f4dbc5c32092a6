package auth_test

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/auth"
	"github.com/holdfast-mcp/mcpclient/auth/authtest"
)

// TestGuardLateRefusalTakesTheStoredToken: another process has replaced the token that is refused here. Its token is taken over;
// to refresh that one as well would end it for the other process.
func TestGuardLateRefusalTakesTheStoredToken(t *testing.T) {
	issuer := authtest.NewServer(t)
	server, store := guarded(issuer), new(auth.MemoryStore)
	here, there := interactive(t, issuer, storedIn(store)), interactive(t, issuer, storedIn(store))
	requireOK := func(a *auth.Interactive) {
		t.Helper()
		status, err := send(t.Context(), a, server.URL())
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
	}
	requireOK(here)
	issuer.ExpireTokens()
	requireOK(there)
	require.Equal(t, 2, issuer.Count(authtest.TokenEndpoint), "the code, and one refresh")
	requireOK(here)
	require.Equal(t, 2, issuer.Count(authtest.TokenEndpoint))
	require.Equal(t, 1, issuer.Count(authtest.AuthorizationEndpoint))
}

// TestGuardRefreshIsBroughtToItsEnd: the only one who waits for a refresh gives up while the authorization server is at it. The
// answer has the only refresh token that is good from then on.
func TestGuardRefreshIsBroughtToItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := authtest.NewServer(t, authtest.InMemory())
		network := issuer.HTTPClient().Transport
		server, a := guarded(issuer), interactive(t, issuer, inMemory(issuer))
		_, err := sendOver(t.Context(), network, a, server.URL())
		require.NoError(t, err)
		issuer.ExpireTokens()
		goOn := make(chan struct{})
		issuer.Next(authtest.TokenEndpoint, heldAnswer(goOn))
		ctx, leave := context.WithCancel(t.Context())
		gone := make(chan error, 1)
		go func() {
			_, err := sendOver(ctx, network, a, server.URL())
			gone <- err
		}()
		synctest.Wait() // until the authorization server has used the refresh token
		leave()
		require.ErrorIs(t, <-gone, context.Canceled)
		synctest.Wait() // until everybody has heard of that
		close(goOn)
		synctest.Wait()

		status, err := sendOver(t.Context(), network, a, server.URL())
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, 2, issuer.Count(authtest.TokenEndpoint), "the code, and one refresh")
		require.Equal(t, 1, issuer.Count(authtest.AuthorizationEndpoint))
		require.Zero(t, issuer.Reused())
	})
}

// heldAnswer executes the request and keeps the answer back.
func heldAnswer(until <-chan struct{}) authtest.Fault {
	return func(answer http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			kept := httptest.NewRecorder()
			answer.ServeHTTP(kept, r)
			<-until
			maps.Copy(w.Header(), kept.Header())
			w.WriteHeader(kept.Code)
			_, _ = w.Write(kept.Body.Bytes())
		})
	}
}

// TestGuardRequiredProofOfPossession: who requires a bound token does not take one that anybody could use.
func TestGuardRequiredProofOfPossession(t *testing.T) {
	issuer := authtest.NewServer(t, authtest.DPoP())
	issuer.Next(authtest.TokenEndpoint, authtest.Edit(func(answer map[string]any) { answer["token_type"] = "Bearer" }))
	server := guarded(issuer)
	a := interactive(t, issuer, func(c *auth.InteractiveConfig) { c.Options.DPoP = &auth.DPoP{Required: true} })
	_, err := send(t.Context(), a, server.URL())
	var refused *auth.TokenError
	require.ErrorAs(t, err, &refused)
	require.ErrorContains(t, err, "not bound")
}
