package authtest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/auth/authtest"
)

func TestFaults(t *testing.T) {
	c, rs := start(t)
	first := c.login(rs.URL())
	form := c.refreshForm(first.string("refresh_token"), rs.URL())
	c.as.Next(authtest.TokenEndpoint,
		authtest.Status(503, "busy"),
		authtest.Refuse("temporarily_unavailable", "later"),
		authtest.Redirect(307, "http://127.0.0.1:1/elsewhere"),
		authtest.Edit(func(answer map[string]any) { answer["token_type"] = "mac" }))
	require.Equal(t, 503, c.form("/token", form).status)
	require.Equal(t, "temporarily_unavailable", c.form("/token", form).string("error"))
	_, err := c.as.HTTPClient().PostForm(c.as.Issuer()+"/token", form)
	require.Error(t, err, "a client that follows the redirect goes elsewhere")
	edited := c.form("/token", form)
	require.Equal(t, "mac", edited.json["token_type"])

	stop := c.as.Always(authtest.TokenEndpoint, authtest.Refuse("invalid_client", ""))
	form = c.refreshForm(edited.string("refresh_token"), rs.URL())
	require.Equal(t, 401, c.form("/token", form).status)
	stop()
	c.as.Next(authtest.TokenEndpoint, authtest.Drop(), authtest.DropAfter())
	for range 2 {
		// Without a fresh connection net/http would send it again by itself.
		c.as.HTTPClient().CloseIdleConnections()
		_, err = c.as.HTTPClient().PostForm(c.as.Issuer()+"/token", form)
		require.Error(t, err)
	}
	require.Len(t, c.as.Tokens(), 3, "the last one was executed")
	statuses := []int{}
	for _, request := range c.as.Requests(authtest.TokenEndpoint) {
		statuses = append(statuses, request.Status)
	}
	require.Equal(t, []int{200, 503, 400, 307, 200, 401, 0, 0}, statuses)
}

func TestFaultsThatTakeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := start(t, authtest.InMemory())
		document := c.as.URL() + "/.well-known/oauth-authorization-server"
		began := time.Now()
		c.as.Next(authtest.ServerMetadata, authtest.Slow(time.Minute))
		require.Equal(t, 200, c.get(document).status)
		require.Equal(t, time.Minute, time.Since(began))

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for _, fault := range []authtest.Fault{authtest.Hang(), authtest.Slow(time.Hour), authtest.Hold(nil)} {
			c.as.Next(authtest.ServerMetadata, fault)
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, document, http.NoBody)
			require.NoError(t, err)
			_, err = c.as.HTTPClient().Do(request)
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}

		released := make(chan struct{})
		c.as.Next(authtest.ServerMetadata, authtest.Hold(released))
		go func() {
			defer close(released)
			_ = c.as.Await(t.Context(), func() bool { return c.as.Count(authtest.ServerMetadata) == 3 })
		}()
		require.Equal(t, 200, c.get(document).status)
	})
}

func TestEndless(t *testing.T) {
	c, _ := start(t)
	c.as.Next(authtest.ServerMetadata, authtest.Endless())
	response, err := c.as.HTTPClient().Get(c.as.URL() + "/.well-known/oauth-authorization-server")
	require.NoError(t, err)
	n, err := response.Body.Read(make([]byte, 1<<10))
	require.NoError(t, err)
	require.Positive(t, n)
	response.Body.Close()
}

func TestConsent(t *testing.T) {
	c, rs := start(t)
	c.as.OnConsent(func(_ context.Context, request url.Values) authtest.Verdict {
		require.Equal(t, "app", request.Get("client_id"))
		return authtest.Verdict{Error: "access_denied", Description: "the user said no"}
	})
	back := c.authorize(c.query(rs.URL()))
	require.Equal(t, "access_denied", back.Get("error"))
	require.Equal(t, c.as.Issuer(), back.Get("iss"))
	require.Equal(t, "state-1", back.Get("state"))
	c.as.OnConsent(func(context.Context, url.Values) authtest.Verdict {
		return authtest.Verdict{Edit: func(callback url.Values) { callback.Set("state", "forged") }}
	})
	require.Equal(t, "forged", c.authorize(c.query(rs.URL())).Get("state"))
}

func TestResponseIssuer(t *testing.T) {
	for name, test := range map[string]struct {
		advertised bool
		value      func(string) string
		want       func(issuer string) []string
	}{
		"right, in silence": {false, nil, func(issuer string) []string { return []string{issuer} }},
		"left out":          {true, func(string) string { return "" }, func(string) []string { return nil }},
		"with a slash":      {true, func(issuer string) string { return issuer + "/" }, func(issuer string) []string { return []string{issuer + "/"} }},
	} {
		t.Run(name, func(t *testing.T) {
			c, rs := start(t, authtest.ResponseIssuer(test.advertised, test.value))
			require.Equal(t, test.want(c.as.Issuer()), c.authorize(c.query(rs.URL()))["iss"])
			metadata := c.get(c.as.URL() + "/.well-known/oauth-authorization-server").json
			_, advertised := metadata["authorization_response_iss_parameter_supported"]
			require.Equal(t, test.advertised, advertised)
		})
	}
}

// TestOpen: the browser calls the client back where the client listens.
func TestOpen(t *testing.T) {
	for _, opts := range [][]authtest.Option{{authtest.TLS()}, {authtest.InMemory()}} {
		c, rs := start(t, opts...)
		came := make(chan url.Values, 1)
		status := http.StatusOK
		receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			came <- r.URL.Query()
			w.WriteHeader(status)
		}))
		defer receiver.Close()
		query := with(c.query(rs.URL()), "redirect_uri", receiver.URL+"/callback")
		require.NoError(t, c.as.Open(t.Context(), c.as.Issuer()+"/authorize?"+query.Encode()))
		require.NotEmpty(t, (<-came).Get("code"))
		status = http.StatusBadRequest
		require.ErrorContains(t, c.as.Open(t.Context(), c.as.Issuer()+"/authorize?"+query.Encode()), "400")
	}
}

func TestPlacesOfMetadata(t *testing.T) {
	as := authtest.NewServer(t, authtest.IssuerPath("/tenant1/"), authtest.EndpointPath("/oauth"), authtest.Scopes("read", "offline_access"),
		authtest.MetadataAt(authtest.OpenIDDocument, authtest.OpenIDDocumentBehind))
	c := &client{t: t, as: as}
	for path, status := range map[string]int{
		"/.well-known/oauth-authorization-server/tenant1": 404,
		"/.well-known/oauth-authorization-server":         404,
		"/.well-known/openid-configuration":               404,
		"/.well-known/openid-configuration/tenant1":       200,
		"/tenant1/.well-known/openid-configuration":       200,
	} {
		got := c.get(as.URL() + path)
		require.Equal(t, status, got.status, path)
		if status == 200 {
			require.Equal(t, as.URL()+"/tenant1/oauth/token", got.json["token_endpoint"])
			require.Equal(t, []any{"read", "offline_access"}, got.json["scopes_supported"])
		}
	}
	require.Equal(t, 3, as.Count(authtest.Elsewhere))
	as.EditMetadata(func(document map[string]any) { delete(document, "code_challenge_methods_supported") })
	require.NotContains(t, c.get(as.URL()+"/.well-known/openid-configuration/tenant1").json, "code_challenge_methods_supported")
}

// TestSameOrigin is a server of 2025-03-26: no metadata, and all at one origin.
func TestSameOrigin(t *testing.T) {
	as := authtest.NewServer(t, authtest.MetadataAt(), authtest.AnyResource())
	rs := as.Mount(echo, authtest.WithoutMetadata())
	c := &client{t: t, as: as}
	require.Equal(t, as.URL()+"/mcp", rs.URL())
	require.Equal(t, "Bearer", c.call(rs.URL(), "", "").header.Get("WWW-Authenticate"))
	for _, path := range []string{"/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource", "/.well-known/oauth-authorization-server"} {
		require.Equal(t, 404, c.get(as.URL()+path).status)
	}
	c.id = c.register(nil).string("client_id")
	got := c.form("/token", with(c.codeForm(c.authorize(with(c.query(""), "resource", "")).Get("code"), ""), "resource", ""))
	require.Equal(t, 200, got.status, got.text)
	require.Equal(t, 200, c.call(rs.URL(), "bearer "+got.string("access_token"), "").status)
}

func TestPlacesOfResourceMetadata(t *testing.T) {
	as := authtest.NewServer(t)
	c := &client{t: t, as: as}
	root := as.Serve(echo, authtest.At("/v1/mcp"), authtest.MetadataAtRoot(), authtest.Unannounced())
	origin := strings.TrimSuffix(root.URL(), "/v1/mcp")
	require.Equal(t, "Bearer", c.call(root.URL(), "", "").header.Get("WWW-Authenticate"))
	require.Equal(t, 404, c.get(origin+"/.well-known/oauth-protected-resource/v1/mcp").status)
	require.Equal(t, origin, c.get(origin + "/.well-known/oauth-protected-resource").json["resource"])

	custom := as.Serve(echo, authtest.MetadataAtPath("/about.json"), authtest.ResourceValue("https://evil.example/mcp"),
		authtest.RewriteChallenge(func(challenge string) []string { return []string{`Basic realm="x"`, challenge} }))
	origin = strings.TrimSuffix(custom.URL(), "/mcp")
	require.Equal(t, []string{`Basic realm="x"`, `Bearer resource_metadata="` + origin + `/about.json"`},
		c.call(custom.URL(), "", "").header.Values("WWW-Authenticate"))
	custom.EditMetadata(func(document map[string]any) { document["resource_name"] = "Evil" })
	document := c.get(origin + "/about.json").json
	require.Equal(t, "https://evil.example/mcp", document["resource"])
	require.Equal(t, "Evil", document["resource_name"])

	two := as.Serve(echo, authtest.Also("/messages"))
	require.Equal(t, 401, c.call(strings.TrimSuffix(two.URL(), "/mcp")+"/messages?session=1", "", "").status)
	require.Equal(t, 404, c.call(two.URL()+"/more", "", "").status)

	own := httptest.NewTLSServer(as.Protect(echo))
	defer own.Close()
	response, err := own.Client().Get(own.URL + "/.well-known/oauth-protected-resource/mcp")
	require.NoError(t, err)
	require.Equal(t, 200, response.StatusCode)
	response.Body.Close()
}

// TestAwait: a wait ends with what it waits for, with its context, and with the server.
func TestAwait(t *testing.T) {
	c, _ := start(t)
	waited := make(chan error)
	go func() { waited <- c.as.Await(t.Context(), func() bool { return c.as.Count(authtest.Elsewhere) == 1 }) }()
	c.get(c.as.URL() + "/nothing")
	require.NoError(t, <-waited)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, c.as.Await(ctx, func() bool { return false }), context.Canceled)
	c.as.Close()
	require.ErrorContains(t, c.as.Await(t.Context(), func() bool { return false }), "closed")
}

// TestStreams: what is behind the check may answer piece by piece.
func TestStreams(t *testing.T) {
	as := authtest.NewServer(t)
	as.AddClient("app", "", callback)
	wait := make(chan struct{})
	rs := as.Serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("first"))
		w.(http.Flusher).Flush()
		<-wait
		_ = http.NewResponseController(w).Flush()
	}))
	c := &client{t: t, as: as, id: "app"}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, rs.URL(), http.NoBody)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+c.login(rs.URL()).string("access_token"))
	response, err := as.HTTPClient().Do(request)
	require.NoError(t, err)
	n, err := response.Body.Read(make([]byte, 10))
	require.NoError(t, err)
	require.Equal(t, 5, n)
	close(wait)
	response.Body.Close()
}
