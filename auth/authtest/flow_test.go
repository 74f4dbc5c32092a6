package authtest_test

import (
	"net/http"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/auth/authtest"
)

// TestFlow plays all that a client does from the first refusal to the revocation.
func TestFlow(t *testing.T) {
	for name, opts := range map[string][]authtest.Option{
		"plain":     nil,
		"TLS":       {authtest.TLS()},
		"in memory": {authtest.InMemory()},
		"both":      {authtest.TLS(), authtest.InMemory()},
		"path":      {authtest.IssuerPath("/tenant1")},
	} {
		t.Run(name, func(t *testing.T) {
			as := authtest.NewServer(t, opts...)
			rs := as.Serve(echo, authtest.ScopesSupported("read"))
			c := &client{t: t, as: as}

			refused := c.call(rs.URL(), "", `{}`)
			require.Equal(t, http.StatusUnauthorized, refused.status)
			found := regexp.MustCompile(`resource_metadata="(.+)"`).FindStringSubmatch(refused.header.Get("WWW-Authenticate"))
			require.Len(t, found, 2)
			prm := c.get(found[1])
			require.Equal(t, rs.URL(), prm.json["resource"])
			require.Equal(t, []any{as.Issuer()}, prm.json["authorization_servers"])
			require.Equal(t, []any{"read"}, prm.json["scopes_supported"])
			path := as.Issuer()[len(as.URL()):]
			metadata := c.get(as.URL() + "/.well-known/oauth-authorization-server" + path)
			require.Equal(t, as.Issuer(), metadata.json["issuer"])
			require.Equal(t, as.Issuer()+"/token", metadata.json["token_endpoint"])

			registered := c.register(nil)
			require.Equal(t, http.StatusCreated, registered.status, registered.text)
			c.id = registered.string("client_id")
			back := c.authorize(c.query(rs.URL()))
			require.Equal(t, as.Issuer(), back.Get("iss"))
			require.Equal(t, "state-1", back.Get("state"))
			token := c.form("/token", c.codeForm(back.Get("code"), rs.URL()))
			require.Equal(t, http.StatusOK, token.status, token.text)
			require.InDelta(t, 3600, token.json["expires_in"], 0)
			called := c.call(rs.URL(), "Bearer "+token.string("access_token"), "hello")
			require.Equal(t, "hello", called.text)

			as.ExpireTokens()
			called = c.call(rs.URL(), "Bearer "+token.string("access_token"), "hello")
			require.Equal(t, http.StatusUnauthorized, called.status)
			require.Contains(t, called.header.Get("WWW-Authenticate"), `Bearer error="invalid_token"`)
			renewed := c.form("/token", c.refreshForm(token.string("refresh_token"), rs.URL()))
			require.Equal(t, http.StatusOK, renewed.status, renewed.text)
			require.Equal(t, "hello", c.call(rs.URL(), "Bearer "+renewed.string("access_token"), "hello").text)

			revoked := c.form("/revoke", map[string][]string{"client_id": {c.id}, "token": {renewed.string("refresh_token")}})
			require.Equal(t, http.StatusOK, revoked.status)
			require.Equal(t, http.StatusUnauthorized, c.call(rs.URL(), "Bearer "+renewed.string("access_token"), "hello").status)
			require.Equal(t, "invalid_grant", c.form("/token", c.refreshForm(renewed.string("refresh_token"), rs.URL())).string("error"))

			require.Equal(t, 1, as.Count(authtest.AuthorizationEndpoint))
			require.Equal(t, 5, as.Count(authtest.MCPEndpoint))
			require.Len(t, as.Tokens(), 2)
			require.Empty(t, as.Violations())
		})
	}
}
