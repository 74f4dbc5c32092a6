package auth_test

import (
	"context"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/auth"
	"github.com/holdfast-mcp/mcpclient/auth/authtest"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// TestFlowStepUp: a token that allows too little is replaced by one that allows more, and keeps what it allowed.
func TestFlowStepUp(t *testing.T) {
	issuer := authtest.NewServer(t)
	needed := []string{"read"}
	server := guarded(issuer, authtest.RequireScopes(func(*http.Request, []byte) []string { return needed }))
	a := interactive(t, issuer)
	for round, scopes := range [][]string{{"read"}, {"write"}, {"read", "write"}} {
		needed = scopes
		status, err := send(t.Context(), a, server.URL())
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, min(round+1, 2), issuer.Count(authtest.AuthorizationEndpoint), "what has been granted is not asked for again")
	}
	state, err := a.Status(t.Context(), server.URL())
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"read", "write"}, state.Scopes)
}

// TestFlowStepUpEnds: a server that is never content gets its answer, and the user is not asked for ever.
func TestFlowStepUpEnds(t *testing.T) {
	issuer := authtest.NewServer(t, authtest.GrantScopes(func([]string) []string { return []string{"read"} }))
	server := guarded(issuer, authtest.RequireScopes(func(*http.Request, []byte) []string { return []string{"write"} }))
	a := interactive(t, issuer)
	for range 5 {
		_, err := send(t.Context(), a, server.URL())
		if err == nil {
			continue // the first request ends with the server's 403
		}
		var insufficient *auth.InsufficientScopeError
		require.ErrorAs(t, err, &insufficient)
		require.Equal(t, []string{"write"}, insufficient.Challenged)
	}
	require.LessOrEqual(t, issuer.Count(authtest.AuthorizationEndpoint), 3)
}

// TestFlowMigrates: at another authorization server the client registers anew, and shows nothing of the old one.
func TestFlowMigrates(t *testing.T) {
	old := authtest.NewServer(t)
	next := authtest.NewServer(t)
	server, a := guarded(old), interactive(t, old)
	_, err := send(t.Context(), a, server.URL())
	require.NoError(t, err)
	server.SetServers(next)
	before := len(old.Requests())
	status, err := send(t.Context(), a, server.URL())
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, 1, next.Count(authtest.RegistrationEndpoint))
	require.Equal(t, 1, next.Count(authtest.TokenEndpoint), "the code; no refresh token of the old one")
	for _, r := range old.Requests()[before:] {
		require.NotEqual(t, "/token", r.Path)
	}
}

// TestFlowIsQuietAtTheEnd: a session that is being closed is no reason to trouble the user.
func TestFlowIsQuietAtTheEnd(t *testing.T) {
	issuer := authtest.NewServer(t)
	server, a := guarded(issuer), interactive(t, issuer)
	at, err := url.Parse(server.URL())
	require.NoError(t, err)
	for method, wanted := range map[string]int{http.MethodDelete: 0, http.MethodGet: 1} {
		req, err := http.NewRequestWithContext(t.Context(), method, server.URL(), http.NoBody)
		require.NoError(t, err)
		require.NoError(t, a.Authorize(t.Context(), at, req))
		resp, err := http.DefaultTransport.RoundTrip(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		before := issuer.Count(authtest.AuthorizationEndpoint)
		again, err := a.Refused(t.Context(), at, req, resp)
		require.Equal(t, wanted, issuer.Count(authtest.AuthorizationEndpoint)-before)
		if method == http.MethodDelete && !again {
			var required *auth.InteractionRequiredError
			require.ErrorAs(t, err, &required)
		}
		if wanted == 1 {
			require.NoError(t, a.Logout(context.Background(), server.URL()))
		}
	}
}

// TestFlowBoundToAKey: tokens bound to a key work, nonces or not, and each proof is used once.
func TestFlowBoundToAKey(t *testing.T) {
	for name, options := range map[string][]authtest.Option{
		"plain":  {authtest.RequireDPoP()},
		"nonces": {authtest.RequireDPoP(), authtest.Nonces()},
	} {
		t.Run(name, func(t *testing.T) {
			issuer := authtest.NewServer(t, options...)
			a := interactive(t, issuer, func(c *auth.InteractiveConfig) { c.Options.DPoP = &auth.DPoP{Required: true} })
			session, err := (&mcpclient.Client{Authorizer: a}).Connect(t.Context(), issuer.Serve(mcptest.New(t)).URL())
			require.NoError(t, err)
			for range 3 {
				_, err := session.CallTool(t.Context(), "echo", map[string]any{"text": "x"})
				require.NoError(t, err)
				issuer.ExpireTokens()
				issuer.RotateNonces()
			}
			require.NoError(t, session.Close())
			require.Equal(t, 1, issuer.Count(authtest.AuthorizationEndpoint))
			require.Zero(t, issuer.Replayed())
		})
	}
}
