package auth

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	oauthAt  = "/.well-known/oauth-authorization-server"
	openIDAt = "/.well-known/openid-configuration"
)

// TestServerPlaces: which documents are asked for, in which order.
func TestServerPlaces(t *testing.T) {
	t.Parallel()
	noPKCE := `"code_challenge_methods_supported":["plain"]`
	for name, c := range map[string]struct {
		issuer string // after the origin
		pages  map[string]page
		asked  []string
	}{
		"OAuth":  {"", map[string]page{oauthAt: serverPage("BASE"), openIDAt: serverPage("BASE/trap")}, []string{oauthAt}},
		"OpenID": {"", map[string]page{openIDAt: serverPage("BASE")}, []string{oauthAt, openIDAt}},
		"lone slash": {
			"/", map[string]page{oauthAt: serverPage("BASE/")}, []string{oauthAt},
		},
		"path, OAuth": {
			"/tenant1", map[string]page{oauthAt + "/tenant1": serverPage("BASE/tenant1"), oauthAt: serverPage("BASE/trap")},
			[]string{oauthAt + "/tenant1"},
		},
		"path, OpenID inserted": {
			"/tenant1", map[string]page{openIDAt + "/tenant1": serverPage("BASE/tenant1")},
			[]string{oauthAt + "/tenant1", openIDAt + "/tenant1"},
		},
		"path, OpenID appended": {
			"/tenant1", map[string]page{"/tenant1" + openIDAt: serverPage("BASE/tenant1"), oauthAt: serverPage("BASE/trap"), openIDAt: serverPage("BASE/trap")},
			[]string{oauthAt + "/tenant1", openIDAt + "/tenant1", "/tenant1" + openIDAt},
		},
		"path with slash": {
			"/t/1/", map[string]page{oauthAt + "/t/1": serverPage("BASE/t/1/")}, []string{oauthAt + "/t/1"},
		},
		"escaped path": {
			"/t%2F1", map[string]page{oauthAt + "/t%2F1": serverPage("BASE/t%2F1")}, []string{oauthAt + "/t%2F1"},
		},
		"PKCE in the second alone": {
			"", map[string]page{oauthAt: serverPage("BASE", noPKCE), openIDAt: serverPage("BASE")}, []string{oauthAt, openIDAt},
		},
		"code flow in the second alone": {
			"", map[string]page{oauthAt: serverPage("BASE", `"authorization_endpoint":null`), openIDAt: serverPage("BASE")}, []string{oauthAt, openIDAt},
		},
		"response types not said": {
			"", map[string]page{oauthAt: serverPage("BASE", `"response_types_supported":null`)}, []string{oauthAt},
		},
		"redirect": {
			"", map[string]page{oauthAt: {status: http.StatusMovedPermanently, location: "/moved"}, "/moved": serverPage("BASE")},
			[]string{oauthAt, "/moved"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, c.pages)
			found, err := strict().server(t.Context(), s.at(t, "/mcp"), s.url+c.issuer, true, false, "")
			require.NoError(t, err)
			require.Equal(t, c.asked, s.requests())
			require.Equal(t, s.url+c.issuer, found.issuer)
			require.Equal(t, s.url+"/oauth/authorize", found.authorization.String())
			require.False(t, found.guessed)
		})
	}
}

func TestServerFields(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]page{oauthAt: serverPage("BASE",
		`"authorization_endpoint":"https://login.example/authorize?tenant=1"`, `"token_endpoint":"https://token.example/t"`,
		`"revocation_endpoint":"BASE/revoke"`, `"scopes_supported":["openid","offline_access"]`,
		`"grant_types_supported":["authorization_code"]`, `"token_endpoint_auth_methods_supported":["none"]`,
		`"token_endpoint_auth_signing_alg_values_supported":["ES256"]`, `"dpop_signing_alg_values_supported":["EdDSA"]`,
		`"authorization_grant_profiles_supported":["p"]`, `"client_id_metadata_document_supported":true`,
		`"authorization_response_iss_parameter_supported":true`, `"require_pushed_authorization_requests":true`)})
	found, err := strict().server(t.Context(), s.at(t, "/mcp"), s.url, true, false, "")
	require.NoError(t, err)
	require.Equal(t, &authServer{
		issuer:        s.url,
		authorization: &url.URL{Scheme: "https", Host: "login.example", Path: "/authorize", RawQuery: "tenant=1"},
		token:         &url.URL{Scheme: "https", Host: "token.example", Path: "/t"},
		registration:  s.at(t, "/oauth/register"),
		revocation:    s.at(t, "/revoke"),
		scopes:        []string{"openid", "offline_access"},
		authMethods:   []string{"none"},
		signingAlgs:   []string{"ES256"},
		dpopAlgs:      []string{"EdDSA"},
		documents:     true,
		sendsIssuer:   true,
		pushRequired:  true,
	}, found)
}

// TestServerSaysLittle: what a document does not say is not assumed, and only true is true.
func TestServerSaysLittle(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]page{oauthAt: object([]string{
		`"issuer":"BASE"`, `"token_endpoint":"BASE/token"`, `"client_id_metadata_document_supported":"true"`,
		`"authorization_response_iss_parameter_supported":1`, `"require_pushed_authorization_requests":false`,
	})})
	found, err := strict().server(t.Context(), s.at(t, "/mcp"), s.url, false, false, "")
	require.NoError(t, err)
	require.Equal(t, &authServer{issuer: s.url, token: s.at(t, "/token")}, found, "no code flow is needed, so none is checked")
	_, err = strict().server(t.Context(), s.at(t, "/mcp"), s.url, true, false, "")
	requireMetadataError(t, err)
	require.ErrorContains(t, err, "authorization_endpoint is missing")
}

func TestServerIssuerMismatch(t *testing.T) {
	t.Parallel()
	for issuer, accepted := range map[string]struct{ strict, slash bool }{
		"BASE/tenant":          {strict: true, slash: true},
		"BASE/tenant/":         {slash: true},
		"BASE/tenant//":        {},
		"BASE":                 {},
		"BASE/Tenant":          {},
		"BASE/%74enant":        {},
		"https://evil.example": {},
		"":                     {},
	} {
		s := newSite(t, map[string]page{
			oauthAt + "/tenant": serverPage(issuer), openIDAt + "/tenant": serverPage("BASE/tenant"),
		})
		for policy, good := range map[*Policy]bool{{}: accepted.strict, {TrailingSlash: true}: accepted.slash} {
			found, err := loose(*policy).server(t.Context(), s.at(t, "/mcp"), s.url+"/tenant", true, true, "")
			issuer := strings.ReplaceAll(issuer, "BASE", s.url)
			if good {
				require.NoError(t, err)
				require.Equal(t, issuer, found.issuer, "the document's own spelling is what counts")
				continue
			}
			mismatch := &IssuerMismatchError{}
			require.ErrorAs(t, err, &mismatch, issuer)
			require.Equal(t, IssuerMismatchError{Kind: "metadata", Expected: s.url + "/tenant", Received: issuer}, *mismatch)
			require.NotContains(t, err.Error(), "evil")
		}
		require.Len(t, s.requests(), 2, "a mismatch ends the search")
	}
}

func TestServerPKCE(t *testing.T) {
	t.Parallel()
	for name, member := range map[string]string{
		"absent": `"code_challenge_methods_supported":null`, "empty": `"code_challenge_methods_supported":[]`,
		"plain": `"code_challenge_methods_supported":["plain"]`, "case": `"code_challenge_methods_supported":["s256"]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, map[string]page{oauthAt: serverPage("BASE", member), openIDAt: {contentType: "text/html", body: "<p>"}})
			for _, legacy := range []bool{false, true} {
				_, err := strict().server(t.Context(), s.at(t, "/mcp"), s.url, true, legacy, "")
				unsupported := &PKCEUnsupportedError{}
				require.ErrorAs(t, err, &unsupported, "also if the second document is a page of the site")
				require.Equal(t, s.url, unsupported.Issuer)
			}
			_, err := loose(Policy{AssumePKCE: []string{s.url + "/"}}).server(t.Context(), s.at(t, "/mcp"), s.url, true, false, "")
			require.Error(t, err, "another issuer")
			found, err := loose(Policy{AssumePKCE: []string{s.url}}).server(t.Context(), s.at(t, "/mcp"), s.url, true, false, "")
			require.NoError(t, err)
			require.Equal(t, s.url, found.issuer)
			_, err = strict().server(t.Context(), s.at(t, "/mcp"), s.url, false, false, "")
			require.NoError(t, err, "no code, no PKCE")
		})
	}
}

// TestServerLacksTwice: of two documents that will not do, the error is about the first.
func TestServerLacksTwice(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]page{
		oauthAt: serverPage("BASE", `"code_challenge_methods_supported":null`), openIDAt: serverPage("BASE", `"authorization_endpoint":null`),
	})
	_, err := strict().server(t.Context(), s.at(t, "/mcp"), s.url, true, false, "")
	unsupported := &PKCEUnsupportedError{}
	require.ErrorAs(t, err, &unsupported)
}

// TestServerPKCEMayFollow: the second document may promise PKCE as soon as it can be had again.
func TestServerPKCEMayFollow(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]page{oauthAt: serverPage("BASE", `"code_challenge_methods_supported":null`), openIDAt: {status: 503}})
	_, err := strict().server(t.Context(), s.at(t, "/mcp"), s.url, true, false, "")
	require.True(t, requireMetadataError(t, err).Temporary())
}

func TestServerBroken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		page page
		text string
	}{
		"HTML":                   {page{contentType: "text/html", body: "<p>"}, "content type"},
		"garbage at the end":     {page{body: serverPage("BASE").body + "x"}, "not JSON"},
		"too large":              {page{body: strings.Repeat(" ", maxDocument) + serverPage("BASE").body}, "over the limit"},
		"issuer of wrong type":   {serverPage("BASE", `"issuer":1`), "issuer is not a string"},
		"no token endpoint":      {serverPage("BASE", `"token_endpoint":null`), "token_endpoint is missing"},
		"endpoint of wrong type": {serverPage("BASE", `"token_endpoint":{}`), "token_endpoint is not a string"},
		"no code":                {serverPage("BASE", `"response_types_supported":["id_token"]`), "response_types_supported does not list code"},
		"empty response types":   {serverPage("BASE", `"response_types_supported":[]`), "response_types_supported does not list code"},
		"response types odd":     {serverPage("BASE", `"response_types_supported":"code"`), "response_types_supported is not a list"},
		"methods odd":            {serverPage("BASE", `"code_challenge_methods_supported":"S256"`), "code_challenge_methods_supported is not a list"},
		"too many algorithms":    {serverPage("BASE", `"dpop_signing_alg_values_supported":["x"`+strings.Repeat(`,"x"`, maxListed)+`]`), "more than 256"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, map[string]page{oauthAt: c.page})
			for _, legacy := range []bool{false, true} {
				_, err := strict().server(t.Context(), s.at(t, "/mcp"), s.url, true, legacy, "")
				require.False(t, requireMetadataError(t, err).Temporary())
				require.ErrorContains(t, err, c.text)
			}
		})
	}
}

// TestServerEndpoints: whatever a browser or a request must not be sent to spoils the document.
func TestServerEndpoints(t *testing.T) {
	t.Parallel()
	names := []string{"authorization_endpoint", "token_endpoint", "registration_endpoint", "revocation_endpoint"}
	for _, name := range names {
		for _, raw := range []string{
			"javascript:alert(1)", "javascript://a.example/%0aalert(1)", "data:text/html,x", "file:///etc/passwd", "vbscript:x",
			"http://as.example/x", "HTTP://as.example/x", "ftp://as.example/x", "/relative", "//as.example/x", "https:///x",
			"https://user:hidden@as.example/x", "https://as.example/x#y", "https://as example/x", "x",
		} {
			s := newSite(t, map[string]page{oauthAt: serverPage("BASE", `"`+name+`":"`+raw+`"`)})
			_, err := strict().server(t.Context(), s.at(t, "/mcp"), s.url, true, true, "")
			insecure := &InsecureURLError{}
			require.ErrorAs(t, err, &insecure, "%s %s", name, raw)
			require.Equal(t, name, insecure.What)
			requireMetadataError(t, err)
			require.NotContains(t, err.Error(), "hidden")
		}
	}
}

func TestServerIssuerForm(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	for _, issuer := range []string{"", "x", "/x", "javascript:alert(1)", "http://as.example", s.url + "?x", s.url + "/?", s.url + "#x", s.url + "/#"} {
		_, err := strict().server(t.Context(), s.at(t, "/mcp"), issuer, true, true, "")
		require.ErrorIs(t, err, ErrAuthorization, issuer)
	}
	require.Empty(t, s.requests())
}

// TestServerAbsent: endpoints are guessed under the rules of 2025-03-26 alone.
func TestServerAbsent(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 401, 403, 404, 405, 410} {
		s := newSite(t, map[string]page{oauthAt: {status: status}, openIDAt: {status: status}})
		_, err := strict().server(t.Context(), s.at(t, "/mcp"), s.url, true, false, "")
		bad := requireMetadataError(t, err)
		require.Equal(t, status, bad.StatusCode)
		require.False(t, bad.Temporary())
		require.ErrorContains(t, err, "publishes no metadata")

		found, err := strict().server(t.Context(), s.at(t, "/mcp"), s.url, true, true, "")
		require.NoError(t, err)
		require.Equal(t, &authServer{
			issuer: s.url, authorization: s.at(t, "/authorize"), token: s.at(t, "/token"), registration: s.at(t, "/register"), guessed: true,
		}, found)
	}
}

func TestServerTrouble(t *testing.T) {
	t.Parallel()
	for _, status := range []int{408, 429, 500, 502, 503, 504} {
		for _, place := range []string{oauthAt, openIDAt} {
			s := newSite(t, map[string]page{place: {status: status}})
			_, err := strict().server(t.Context(), s.at(t, "/mcp"), s.url, true, true, "")
			bad := requireMetadataError(t, err)
			require.Equal(t, status, bad.StatusCode)
			require.True(t, bad.Temporary())
		}
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	_, err := strict().server(t.Context(), newSite(t, nil).at(t, "/mcp"), gone.URL, true, true, "")
	require.True(t, requireMetadataError(t, err).Temporary())
}

// TestServerLegacy: a server of 2025-03-26 may put its endpoints where it likes.
func TestServerLegacy(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]page{oauthAt: serverPage("BASE")})
	pr, err := strict().resource(t.Context(), s.at(t, "/mcp"), "", "2025-03-26", nil)
	require.NoError(t, err)
	require.True(t, pr.legacy)
	issuer, err := strict().chooseIssuer(s.at(t, "/mcp"), pr, nil, nil)
	require.NoError(t, err)
	found, err := strict().server(t.Context(), s.at(t, "/mcp"), issuer, true, pr.legacy, "2025-03-26")
	require.NoError(t, err)
	require.False(t, found.guessed)
	require.Equal(t, s.url+"/oauth/register", found.registration.String())
}

func TestServerSlow(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(`{"issuer":`))
		w.(http.Flusher).Flush()
		cancel()
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	at, err := url.Parse(server.URL + "/mcp")
	require.NoError(t, err)
	_, err = strict().server(ctx, at, server.URL, true, true, "")
	requireMetadataError(t, err)
	require.ErrorIs(t, err, context.Canceled)
}
