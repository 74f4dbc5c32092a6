package authtest_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/auth/authtest"
)

func TestRegistrationRefused(t *testing.T) {
	for name, test := range map[string]struct {
		change    map[string]any
		code      string
		violation bool
	}{
		"no application_type":  {map[string]any{"application_type": ""}, "invalid_client_metadata", true},
		"web on loopback":      {map[string]any{"application_type": "web"}, "invalid_redirect_uri", true},
		"plain http":           {map[string]any{"redirect_uris": []string{"http://app.example/"}}, "invalid_redirect_uri", true},
		"https on loopback":    {map[string]any{"redirect_uris": []string{"https://127.0.0.1/"}}, "invalid_redirect_uri", true},
		"a fragment":           {map[string]any{"redirect_uris": []string{callback + "#a"}}, "invalid_redirect_uri", true},
		"no redirect":          {map[string]any{"redirect_uris": []string{}}, "invalid_redirect_uri", true},
		"no response type":     {map[string]any{"response_types": []string{"token"}}, "invalid_client_metadata", true},
		"an unknown grant":     {map[string]any{"grant_types": []string{"password"}}, "invalid_client_metadata", false},
		"a method not offered": {map[string]any{"token_endpoint_auth_method": "tls_client_auth"}, "invalid_client_metadata", false},
		"a key without a key":  {map[string]any{"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata", false},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := start(t, authtest.AllowViolations())
			got := c.register(test.change)
			require.Equal(t, http.StatusBadRequest, got.status)
			require.Equal(t, test.code, got.string("error"))
			require.Equal(t, test.violation, len(c.as.Violations()) > 0, c.as.Violations())
		})
	}
	c, _ := start(t, authtest.AllowViolations())
	require.Equal(t, http.StatusMethodNotAllowed, c.get(c.as.Issuer()+"/register").status)
	require.Equal(t, http.StatusBadRequest, c.do("POST", c.as.Issuer()+"/register", nil, "{}").status)
	requireViolation(t, c.as, "not application/json")
}

func TestRegistrationForms(t *testing.T) {
	c, _ := start(t)
	web := map[string]any{"application_type": "web", "redirect_uris": []string{"https://app.example/callback"}}
	require.Equal(t, http.StatusCreated, c.register(web).status)
	scheme := map[string]any{"redirect_uris": []string{"com.example.app:/callback"}}
	require.Equal(t, http.StatusCreated, c.register(scheme).status)
	plain := c.register(map[string]any{"token_endpoint_auth_method": "", "grant_types": nil})
	require.Equal(t, "client_secret_basic", plain.json["token_endpoint_auth_method"])
	require.NotEmpty(t, plain.string("client_secret"))
	require.InDelta(t, 0, plain.json["client_secret_expires_at"], 0)
	require.Equal(t, []any{"authorization_code"}, plain.json["grant_types"])

	closed := authtest.NewServer(t, authtest.WithoutRegistration())
	c = &client{t: t, as: closed}
	require.NotContains(t, c.get(closed.URL()+"/.well-known/oauth-authorization-server").json, "registration_endpoint")
	require.Equal(t, http.StatusNotFound, c.register(nil).status)
}

// TestSecretsExpire: the server decides on the method, and the secret is good for a while.
func TestSecretsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, rs := start(t, authtest.InMemory(), authtest.RegisterAs("client_secret_post", time.Hour))
		got := c.register(nil)
		require.Equal(t, "client_secret_post", got.json["token_endpoint_auth_method"])
		require.InDelta(t, time.Now().Add(time.Hour).Unix(), got.json["client_secret_expires_at"], 0)
		c.id = got.string("client_id")
		form := with(c.codeForm(c.authorize(c.query(rs.URL())).Get("code"), rs.URL()), "client_secret", got.string("client_secret"))
		token := c.form("/token", form)
		require.Equal(t, http.StatusOK, token.status, token.text)
		sleep(t, time.Hour)
		refresh := with(c.refreshForm(token.string("refresh_token"), rs.URL()), "client_secret", got.string("client_secret"))
		require.Equal(t, "invalid_client", c.form("/token", refresh).string("error"))
	})
}

// TestMethods: a client keeps to the method that it is registered for, unless
// that is not offered.
func TestMethods(t *testing.T) {
	c, rs := start(t, authtest.AllowViolations())
	got := c.register(map[string]any{"token_endpoint_auth_method": "client_secret_post"})
	c.id = got.string("client_id")
	form := c.codeForm(c.authorize(c.query(rs.URL())).Get("code"), rs.URL())
	require.Equal(t, "invalid_client", c.form("/token", form).string("error"))
	requireViolation(t, c.as, "by none and is registered for client_secret_post")

	c, rs = start(t, authtest.AuthMethods("none"), authtest.RegisterAs("client_secret_basic", 0))
	got = c.register(nil)
	require.Equal(t, "client_secret_basic", got.json["token_endpoint_auth_method"])
	c.id = got.string("client_id")
	c.login(rs.URL())
	c.as.AddClient("named", "secret", callback)
	c.id = "named"
	query := with(c.query(rs.URL()), "state", "2", "code_challenge", digestOf(verifier+"2"))
	form = with(c.codeForm(c.authorize(query).Get("code"), rs.URL()), "code_verifier", verifier+"2")
	require.Equal(t, http.StatusOK, c.form("/token", form).status)
}

func TestClientDocuments(t *testing.T) {
	const id = "https://app.example/client.json"
	documents := map[string]string{
		id:                                `{"client_id":"` + id + `","client_name":"app","redirect_uris":["http://127.0.0.1/callback","http://localhost/callback"]}`,
		"https://app.example/other.json":  `{"client_id":"` + id + `","client_name":"app","redirect_uris":["` + callback + `"]}`,
		"https://app.example/secret.json": `{"client_id":"https://app.example/secret.json","client_name":"app","redirect_uris":["x:/"],"token_endpoint_auth_method":"client_secret_post"}`,
	}
	as := authtest.NewServer(t, authtest.AllowViolations(), authtest.ClientDocuments(func(_ context.Context, url string) ([]byte, error) {
		if text, ok := documents[url]; ok {
			return []byte(text), nil
		}
		return nil, errors.New("not found")
	}))
	rs := as.Serve(echo)
	c := &client{t: t, as: as, id: id}
	require.Equal(t, true, c.get(as.URL() + "/.well-known/oauth-authorization-server").json["client_id_metadata_document_supported"])
	query := with(c.query(rs.URL()), "redirect_uri", "http://127.0.0.1:4711/callback")
	form := with(c.codeForm(c.authorize(query).Get("code"), rs.URL()), "redirect_uri", "http://127.0.0.1:4711/callback")
	got := c.form("/token", form)
	require.Equal(t, http.StatusOK, got.status, got.text)
	require.Empty(t, as.Violations())

	page := func(id, redirect string) {
		t.Helper()
		_, err := as.Browser(t.Context(), as.Issuer()+"/authorize?"+with(c.query(rs.URL()), "client_id", id, "redirect_uri", redirect).Encode())
		require.ErrorContains(t, err, "400")
	}
	page(id, "http://localhost:4711/callback")
	requireViolation(t, as, "not registered")
	page("https://app.example/other.json", callback)
	requireViolation(t, as, "client_id is not the URL of the document")
	page("https://app.example/secret.json", "x:/")
	requireViolation(t, as, "cannot hold a secret")
	before := len(as.Violations())
	page("https://app.example/missing.json", callback)
	page("http://app.example/client.json", callback)
	require.Len(t, as.Violations(), before)
}

func TestExactPorts(t *testing.T) {
	c, rs := start(t, authtest.ExactPorts(), authtest.AllowViolations())
	query := with(c.query(rs.URL()), "redirect_uri", "http://127.0.0.1:4711/callback")
	_, err := c.as.Browser(t.Context(), c.as.Issuer()+"/authorize?"+query.Encode())
	require.ErrorContains(t, err, "not registered")
}
