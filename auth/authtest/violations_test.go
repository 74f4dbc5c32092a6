package authtest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/auth/authtest"
)

// with returns a copy of the form with some parameters changed: "" leaves one out.
func with(form url.Values, changes ...string) url.Values {
	changed := url.Values{}
	for name, values := range form {
		changed[name] = append([]string(nil), values...)
	}
	for i := 0; i < len(changes); i += 2 {
		changed.Set(changes[i], changes[i+1])
		if changes[i+1] == "" {
			changed.Del(changes[i])
		}
	}
	return changed
}

func TestAuthorizationViolations(t *testing.T) {
	for name, change := range map[string][]string{
		"response_type is not code":        {"response_type", "token"},
		"there is no state":                {"state", ""},
		"there is no code_challenge":       {"code_challenge", ""},
		"code_challenge_method is not S25": {"code_challenge_method", "plain"},
		"not a SHA-256 digest":             {"code_challenge", "short"},
		"there is no resource":             {"resource", ""},
		"without a fragment":               {"resource", "http://127.0.0.1/mcp#part"},
		"not an absolute URI":              {"resource", "mcp"},
	} {
		t.Run(name, func(t *testing.T) {
			c, rs := start(t, authtest.AllowViolations())
			back := c.authorize(with(c.query(rs.URL()), change...))
			require.NotEmpty(t, back.Get("error"))
			require.Empty(t, back.Get("code"))
			requireViolation(t, c.as, name)
		})
	}
	t.Run("the scope is empty", func(t *testing.T) {
		c, rs := start(t, authtest.AllowViolations())
		query := c.query(rs.URL())
		query.Set("scope", "")
		require.Equal(t, "invalid_scope", c.authorize(query).Get("error"))
		requireViolation(t, c.as, "the scope is empty")
	})
	for name, change := range map[string][]string{
		"the code_challenge of an earlier request": {"state", "another"},
		"the state of an earlier request":          {"code_challenge", strings.Repeat("a", 43)},
	} {
		t.Run(name, func(t *testing.T) {
			c, rs := start(t, authtest.AllowViolations())
			require.NotEmpty(t, c.authorize(c.query(rs.URL())).Get("code"))
			require.NotEmpty(t, c.authorize(c.query(rs.URL())).Get("code"), "a page may be loaded again")
			require.Equal(t, "invalid_request", c.authorize(with(c.query(rs.URL()), change...)).Get("error"))
			requireViolation(t, c.as, name)
		})
	}
}

// TestAuthorizationPages: where the redirect URI is not certain nobody is called back.
func TestAuthorizationPages(t *testing.T) {
	c, rs := start(t, authtest.AllowViolations())
	page := func(query url.Values) {
		t.Helper()
		_, err := c.as.Browser(t.Context(), c.as.Issuer()+"/authorize?"+query.Encode())
		require.ErrorContains(t, err, "shows a page, 400")
	}
	page(with(c.query(rs.URL()), "client_id", "nobody"))
	require.Empty(t, c.as.Violations())
	page(with(c.query(rs.URL()), "redirect_uri", "http://127.0.0.1/elsewhere"))
	requireViolation(t, c.as, "http://127.0.0.1/elsewhere is not registered")
	twice := c.query(rs.URL())
	twice.Add("state", "two")
	page(twice)
	requireViolation(t, c.as, "state came more than once")
}

func TestCodeViolations(t *testing.T) {
	for name, change := range map[string][]string{
		"there is no code_verifier":              {"code_verifier", ""},
		"43 to 128 unreserved":                   {"code_verifier", "short"},
		"does not fit the code_challenge":        {"code_verifier", strings.Repeat("x", 43)},
		"redirect_uri is not that of the author": {"redirect_uri", ""},
		"resource is not that of the author":     {"resource", "http://127.0.0.1/other"},
		"the code of another client":             {"client_id", "other"},
	} {
		t.Run(name, func(t *testing.T) {
			c, rs := start(t, authtest.AllowViolations())
			c.as.AddClient("other", "", callback)
			code := c.authorize(c.query(rs.URL())).Get("code")
			got := c.form("/token", with(c.codeForm(code, rs.URL()), change...))
			require.Equal(t, http.StatusBadRequest, got.status)
			require.NotEmpty(t, got.string("error"))
			require.Empty(t, c.as.Tokens())
			requireViolation(t, c.as, name)
		})
	}
}

// TestCodeTwice: a code that comes again also ends what it was good for the first time.
func TestCodeTwice(t *testing.T) {
	c, rs := start(t, authtest.AllowViolations())
	form := c.codeForm(c.authorize(c.query(rs.URL())).Get("code"), rs.URL())
	first := c.form("/token", form)
	require.Equal(t, http.StatusOK, first.status)
	require.Equal(t, "invalid_grant", c.form("/token", form).string("error"))
	requireViolation(t, c.as, "the authorization code was sent twice")
	require.Equal(t, http.StatusUnauthorized, c.call(rs.URL(), "Bearer "+first.string("access_token"), "").status)

	// The client cannot know that a fault kept the first one from being executed.
	form = c.codeForm(c.authorize(with(c.query(rs.URL()), "state", "2", "code_challenge", digestOf(verifier+"2"))).Get("code"), rs.URL())
	form.Set("code_verifier", verifier+"2")
	c.as.Next(authtest.TokenEndpoint, authtest.Status(503, "busy"))
	require.Equal(t, 503, c.form("/token", form).status)
	require.Equal(t, "invalid_grant", c.form("/token", form).string("error"))
	require.Len(t, c.as.Violations(), 2)
}

func TestRefreshViolations(t *testing.T) {
	for name, change := range map[string][]string{
		"resource is not that of the token": {"resource", ""},
		"cannot widen the scope by admin":   {"scope", "admin"},
		"the refresh token of another":      {"client_id", "other"},
	} {
		t.Run(name, func(t *testing.T) {
			c, rs := start(t, authtest.AllowViolations())
			c.as.AddClient("other", "", callback)
			form := with(c.refreshForm(c.login(rs.URL()).string("refresh_token"), rs.URL()), change...)
			require.Equal(t, http.StatusBadRequest, c.form("/token", form).status)
			requireViolation(t, c.as, name)
		})
	}
}

func TestTokenRequestViolations(t *testing.T) {
	c, rs := start(t, authtest.AllowViolations())
	c.as.AddClient("basic", "secret", callback)
	form := url.Values{"grant_type": {"client_credentials"}, "resource": {rs.URL()}}

	require.Equal(t, http.StatusMethodNotAllowed, c.get(c.as.Issuer()+"/token").status)
	requireViolation(t, c.as, "the method is not POST")
	require.Equal(t, 400, c.do("POST", c.as.Issuer()+"/token", http.Header{"Content-Type": {"application/json"}}, "{}").status)
	requireViolation(t, c.as, "not application/x-www-form-urlencoded")
	require.Equal(t, 400, c.form("/token?client_secret=secret", form).status)
	requireViolation(t, c.as, "parameters in the URL")
	require.Equal(t, 400, c.form("/token", url.Values{"grant_type": {"client_credentials", "password"}}).status)
	requireViolation(t, c.as, "grant_type came more than once")

	c.more = http.Header{"Authorization": {"Basic YmFzaWM6c2VjcmV0"}} // basic:secret
	require.Equal(t, 200, c.form("/token", form).status)
	require.Equal(t, 400, c.form("/token", with(form, "client_secret", "secret")).status)
	requireViolation(t, c.as, "two ways at once")
	require.Equal(t, 400, c.form("/token", with(form, "client_id", "app")).status)
	requireViolation(t, c.as, "name two clients")
	require.Equal(t, 400, c.form("/token", with(form, "resource", "")).status)
	requireViolation(t, c.as, "there is no resource")
	c.more = http.Header{"Authorization": {"Bearer abc"}}
	require.Equal(t, 400, c.form("/token", form).status)
	requireViolation(t, c.as, "is not Basic")
}

func TestResourceViolations(t *testing.T) {
	c, rs := start(t, authtest.AllowViolations())
	token := c.login(rs.URL()).string("access_token")
	other := c.as.Serve(echo)

	require.Equal(t, 400, c.call(rs.URL()+"?access_token="+token, "", "").status)
	requireViolation(t, c.as, "the token was sent in the query")
	require.Equal(t, 401, c.call(other.URL(), "Bearer "+token, "").status)
	requireViolation(t, c.as, "the token of another resource")
	require.Equal(t, 401, c.call(rs.URL(), "DPoP "+token, "").status)
	requireViolation(t, c.as, "type Bearer and was sent as DPoP")
	require.Equal(t, 400, c.do("POST", rs.URL(), http.Header{"Authorization": {"Bearer " + token, "Bearer 2"}}, "").status)
	requireViolation(t, c.as, "several Authorization headers")
	c.do("GET", c.as.URL()+"/.well-known/oauth-authorization-server", http.Header{"Authorization": {"Bearer " + token}}, "")
	requireViolation(t, c.as, "credentials were sent with a request for public metadata")
}

// TestViolationsFailTheTest: nobody has to remember to look for them.
func TestViolationsFailTheTest(t *testing.T) {
	for _, allowed := range []bool{false, true} {
		tb := &recordingTB{TB: t}
		var opts []authtest.Option
		if allowed {
			opts = []authtest.Option{authtest.AllowViolations()}
		}
		as := authtest.NewServer(tb, opts...)
		c := &client{t: t, as: as}
		c.get(as.URL() + "/token")
		tb.end()
		if allowed {
			require.Empty(t, tb.errors)
			continue
		}
		require.Equal(t, []string{"authtest: the client broke a rule: token: the method is not POST"}, tb.errors)
	}
}

// recordingTB keeps what a server does with its test.
type recordingTB struct {
	testing.TB

	errors   []string
	cleanups []func()
}

func (r *recordingTB) Helper()          {}
func (r *recordingTB) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *recordingTB) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}
func (r *recordingTB) end() {
	for _, f := range r.cleanups {
		f()
	}
}

func requireViolation(t *testing.T, as *authtest.Server, part string) {
	t.Helper()
	violations := as.Violations()
	require.NotEmpty(t, violations)
	require.Contains(t, violations[len(violations)-1], part)
}
