package authtest_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/auth/authtest"
)

// TestReuse: a refresh token that comes again takes its whole family with it, and no other.
func TestReuse(t *testing.T) {
	c, rs := start(t, authtest.AllowViolations())
	first := c.login(rs.URL())
	code := c.authorize(with(c.query(rs.URL()), "state", "2", "code_challenge", digestOf(verifier+"2"))).Get("code")
	bystander := c.form("/token", with(c.codeForm(code, rs.URL()), "code_verifier", verifier+"2"))
	second := c.form("/token", c.refreshForm(first.string("refresh_token"), rs.URL()))
	require.NotEqual(t, first.string("refresh_token"), second.string("refresh_token"))
	require.Equal(t, http.StatusOK, c.call(rs.URL(), "Bearer "+second.string("access_token"), "").status)

	require.Equal(t, "invalid_grant", c.form("/token", c.refreshForm(first.string("refresh_token"), rs.URL())).string("error"))
	require.Equal(t, 1, c.as.Reused())
	require.Equal(t, http.StatusUnauthorized, c.call(rs.URL(), "Bearer "+second.string("access_token"), "").status)
	require.Equal(t, "invalid_grant", c.form("/token", c.refreshForm(second.string("refresh_token"), rs.URL())).string("error"))
	require.Equal(t, http.StatusOK, c.call(rs.URL(), "Bearer "+bystander.string("access_token"), "").status)
	require.Equal(t, 1, c.as.Reused(), "what reuse has ended is not reused")
	families := []int{}
	for _, token := range c.as.Tokens() {
		families = append(families, token.Family)
	}
	require.Equal(t, []int{1, 2, 1}, families)
}

func TestKeepRefresh(t *testing.T) {
	c, rs := start(t, authtest.KeepRefresh())
	token := c.login(rs.URL()).string("refresh_token")
	for range 2 {
		require.Equal(t, token, c.form("/token", c.refreshForm(token, rs.URL())).string("refresh_token"))
	}
}

func TestWithoutRefresh(t *testing.T) {
	c, rs := start(t, authtest.WithoutRefresh())
	require.NotContains(t, c.login(rs.URL()).json, "refresh_token")
}

func TestRevokeAll(t *testing.T) {
	c, rs := start(t)
	token := c.login(rs.URL())
	c.as.RevokeAll()
	require.Equal(t, http.StatusUnauthorized, c.call(rs.URL(), "Bearer "+token.string("access_token"), "").status)
	require.Equal(t, "invalid_grant", c.form("/token", c.refreshForm(token.string("refresh_token"), rs.URL())).string("error"))
}

// TestRevocation: an access token goes alone, and only for its own client (RFC 7009 section 2.1).
func TestRevocation(t *testing.T) {
	c, rs := start(t, authtest.AllowViolations())
	c.as.AddClient("other", "", callback)
	token := c.login(rs.URL())
	access, refresh := token.string("access_token"), token.string("refresh_token")
	for _, value := range []string{access, refresh} {
		require.Equal(t, http.StatusOK, c.form("/revoke", url.Values{"client_id": {"other"}, "token": {value}}).status)
	}
	require.Equal(t, http.StatusOK, c.call(rs.URL(), "Bearer "+access, "").status)
	require.Equal(t, http.StatusOK, c.form("/revoke", url.Values{"client_id": {"app"}, "token": {access}}).status)
	require.Equal(t, http.StatusUnauthorized, c.call(rs.URL(), "Bearer "+access, "").status)
	require.Equal(t, http.StatusOK, c.form("/token", c.refreshForm(refresh, rs.URL())).status)
	require.Equal(t, http.StatusUnauthorized, c.form("/revoke", url.Values{"client_id": {"nobody"}, "token": {access}}).status)
	require.Equal(t, http.StatusBadRequest, c.form("/revoke", url.Values{"client_id": {"app"}}).status)
}

func TestForgetClients(t *testing.T) {
	c, rs := start(t)
	token := c.login(rs.URL())
	c.as.ForgetClients()
	got := c.form("/token", c.refreshForm(token.string("refresh_token"), rs.URL()))
	require.Equal(t, http.StatusUnauthorized, got.status)
	require.Equal(t, "invalid_client", got.string("error"))
	require.Empty(t, c.as.Violations())
}

// TestExpiry: in memory, an hour takes no time.
func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, rs := start(t, authtest.InMemory())
		token := c.login(rs.URL()).string("access_token")
		sleep(t, time.Hour-time.Second)
		require.Equal(t, http.StatusOK, c.call(rs.URL(), "Bearer "+token, "").status)
		sleep(t, time.Second)
		require.Equal(t, http.StatusUnauthorized, c.call(rs.URL(), "Bearer "+token, "").status)

		c.as.SetTokenLifetime(0)
		code := c.authorize(with(c.query(rs.URL()), "state", "2", "code_challenge", digestOf(verifier+"2"))).Get("code")
		endless := c.form("/token", with(c.codeForm(code, rs.URL()), "code_verifier", verifier+"2"))
		require.NotContains(t, endless.json, "expires_in")
		sleep(t, 1000*time.Hour)
		require.Equal(t, http.StatusOK, c.call(rs.URL(), "Bearer "+endless.string("access_token"), "").status)

		code = c.authorize(with(c.query(rs.URL()), "state", "3", "code_challenge", digestOf(verifier+"3"))).Get("code")
		sleep(t, time.Minute)
		late := c.form("/token", with(c.codeForm(code, rs.URL()), "code_verifier", verifier+"3"))
		require.Equal(t, "invalid_grant", late.string("error"), "codes expire too")
	})
}

// sleep passes time in a bubble.
func sleep(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
}

func TestGrantScopes(t *testing.T) {
	c, rs := start(t, authtest.GrantScopes(func(requested []string) []string {
		if len(requested) > 1 {
			return requested[:1]
		}
		return requested
	}))
	code := c.authorize(with(c.query(rs.URL()), "scope", "read write")).Get("code")
	got := c.form("/token", c.codeForm(code, rs.URL()))
	require.Equal(t, "read", got.json["scope"])
	require.Equal(t, []string{"read"}, c.as.Tokens()[0].Scopes)
	renewed := c.form("/token", with(c.refreshForm(got.string("refresh_token"), rs.URL()), "scope", "read"))
	require.NotContains(t, renewed.json, "scope", "nothing is said where it is as requested")
}

func TestScopesOfRequests(t *testing.T) {
	as := authtest.NewServer(t)
	as.AddClient("app", "", callback)
	rs := as.Serve(echo,
		authtest.OpenTo(func(_ *http.Request, body []byte) bool {
			method, _ := authtest.RPC(body)
			return method == "initialize"
		}),
		authtest.RequireScopes(func(_ *http.Request, body []byte) []string {
			if method, tool := authtest.RPC(body); method == "tools/call" && tool == "delete" {
				return []string{"write"}
			}
			return []string{"read"}
		}))
	c := &client{t: t, as: as, id: "app"}
	list, del := `{"method":"tools/list"}`, `{"method":"tools/call","params":{"name":"delete"}}`
	require.Equal(t, http.StatusOK, c.call(rs.URL(), "", `{"method":"initialize"}`).status)
	challenge := c.call(rs.URL(), "", list).header.Get("WWW-Authenticate")
	require.Equal(t, `Bearer scope="read", resource_metadata="`+strings.Replace(rs.URL(), "/mcp", "/.well-known/oauth-protected-resource/mcp", 1)+`"`, challenge)
	code := c.authorize(with(c.query(rs.URL()), "scope", "read")).Get("code")
	token := "Bearer " + c.form("/token", c.codeForm(code, rs.URL())).string("access_token")
	require.Equal(t, list, c.call(rs.URL(), token, list).text)
	lacking := c.call(rs.URL(), token, del)
	require.Equal(t, http.StatusForbidden, lacking.status)
	require.Contains(t, lacking.header.Get("WWW-Authenticate"), `error="insufficient_scope"`)
	require.Contains(t, lacking.header.Get("WWW-Authenticate"), `scope="write"`)
	require.Equal(t, "insufficient_scope", as.Requests(authtest.MCPEndpoint)[3].Error)
}

// TestMigration: a resource that moves takes the new server's tokens alone.
func TestMigration(t *testing.T) {
	c, rs := start(t, authtest.InMemory())
	old := c.login(rs.URL()).string("access_token")
	second := authtest.NewServer(t, authtest.Beside(c.as))
	second.AddClient("app", "", callback)
	rs.SetServers(second)
	require.Equal(t, http.StatusUnauthorized, c.call(rs.URL(), "Bearer "+old, "").status)
	prm := c.get(strings.Replace(rs.URL(), "/mcp", "/.well-known/oauth-protected-resource/mcp", 1))
	require.Equal(t, []any{second.Issuer()}, prm.json["authorization_servers"])
	there := &client{t: t, as: second, id: "app"}
	require.Equal(t, http.StatusOK, c.call(rs.URL(), "Bearer "+there.login(rs.URL()).string("access_token"), "").status)
}

func TestClientCredentials(t *testing.T) {
	as := authtest.NewServer(t, authtest.AuthMethods("client_secret_basic"), authtest.AllowViolations())
	as.AddClient("a:b", "s%&c")
	rs := as.Serve(echo)
	c := &client{t: t, as: as}
	form := url.Values{"grant_type": {"client_credentials"}, "resource": {rs.URL()}, "scope": {"read"}}
	request, err := http.NewRequest(http.MethodPost, "http://unused", nil)
	require.NoError(t, err)
	request.SetBasicAuth(url.QueryEscape("a:b"), url.QueryEscape("s%&c"))
	c.more = http.Header{"Authorization": request.Header["Authorization"]}
	got := c.form("/token", form)
	require.Equal(t, http.StatusOK, got.status, got.text)
	require.NotContains(t, got.json, "refresh_token")
	c.more = nil
	require.Equal(t, http.StatusOK, c.call(rs.URL(), "Bearer "+got.string("access_token"), "").status)
	require.Empty(t, as.Violations())

	got = c.form("/token", with(form, "client_id", "a:b", "client_secret", "s%&c"))
	require.Equal(t, "invalid_client", got.string("error"))
	requireViolation(t, as, "client_secret_post, which is not offered")
}
