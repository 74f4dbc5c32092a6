package auth_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/auth"
)

func goodDocument() auth.ClientDocument {
	return auth.ClientDocument{
		ClientID:     "https://app.example/oauth/client.json",
		ClientName:   "An App",
		RedirectURIs: []string{"http://127.0.0.1/callback", "http://[::1]/callback"},
	}
}

func TestClientDocumentDefaults(t *testing.T) {
	require.NoError(t, goodDocument().Validate())
	text, err := json.Marshal(goodDocument())
	require.NoError(t, err)
	require.JSONEq(t, `{
		"client_id": "https://app.example/oauth/client.json",
		"client_name": "An App",
		"redirect_uris": ["http://127.0.0.1/callback", "http://[::1]/callback"],
		"grant_types": ["authorization_code", "refresh_token"],
		"response_types": ["code"],
		"application_type": "native",
		"token_endpoint_auth_method": "none"
	}`, string(text))
}

func TestClientDocumentValidate(t *testing.T) {
	const publicKey = `{"keys":[{"kty":"EC","crv":"P-256","x":"eA","y":"eQ"}]}`
	for _, c := range []struct {
		name   string
		change func(*auth.ClientDocument)
		fault  string
	}{
		{"web", func(d *auth.ClientDocument) { d.RedirectURIs = []string{"https://app.example/callback"} }, ""},
		{"everything", func(d *auth.ClientDocument) {
			d.ClientURI, d.LogoURI, d.PolicyURI, d.TermsURI = "https://app.example", "https://app.example/logo.png", "https://app.example/p", "https://app.example/t"
			d.Contacts, d.Scope, d.SoftwareID, d.SoftwareVersion, d.OnlyDPoP = []string{"a@app.example"}, "a b", "id", "1", true
		}, ""},
		{"keys in it", func(d *auth.ClientDocument) {
			d.TokenEndpointAuthMethod, d.TokenEndpointAuthSigningAlg, d.JWKS = "private_key_jwt", "ES256", json.RawMessage(publicKey)
		}, ""},
		{"keys elsewhere", func(d *auth.ClientDocument) {
			d.TokenEndpointAuthMethod, d.JWKSURI = "private_key_jwt", "https://app.example/jwks.json"
		}, ""},
		{"mixed, and said", func(d *auth.ClientDocument) {
			d.RedirectURIs, d.ApplicationType = append(d.RedirectURIs, "https://app.example/callback"), "native"
		}, ""},

		{"no id", func(d *auth.ClientDocument) { d.ClientID = "" }, "not an https URL"},
		{"no name", func(d *auth.ClientDocument) { d.ClientName = " " }, "client_name"},
		{"no redirect URI", func(d *auth.ClientDocument) { d.RedirectURIs = nil }, "redirect_uris is missing"},
		{"bad redirect URI", func(d *auth.ClientDocument) { d.RedirectURIs = []string{"http://app.example/"} }, "neither https nor http on loopback"},
		{"mixed", func(d *auth.ClientDocument) {
			d.RedirectURIs = append(d.RedirectURIs, "https://app.example/callback")
		}, "application_type"},
		{"odd type", func(d *auth.ClientDocument) { d.ApplicationType = "phone" }, "application_type"},
		{"no code", func(d *auth.ClientDocument) { d.GrantTypes = []string{"client_credentials"} }, "authorization_code"},
		{"no code as response", func(d *auth.ClientDocument) { d.ResponseTypes = []string{"token"} }, `"code"`},
		{"shared secret", func(d *auth.ClientDocument) { d.TokenEndpointAuthMethod = "client_secret_basic" }, "takes a secret"},
		{"no keys", func(d *auth.ClientDocument) { d.TokenEndpointAuthMethod = "private_key_jwt" }, "needs jwks_uri or jwks"},
		{"keys twice", func(d *auth.ClientDocument) {
			d.JWKS, d.JWKSURI = json.RawMessage(publicKey), "https://app.example/jwks.json"
		}, "exclude each other"},
		{"no key set", func(d *auth.ClientDocument) { d.JWKS = json.RawMessage(`[]`) }, "no set of keys"},
		{"empty key set", func(d *auth.ClientDocument) { d.JWKS = json.RawMessage(`{"keys":[]}`) }, "no set of keys"},
		{"private key", func(d *auth.ClientDocument) {
			d.JWKS = json.RawMessage(`{"keys":[{"kty":"EC","crv":"P-256","x":"eA","y":"eQ","d":"c2VjcmV0"}]}`)
		}, "private or a shared key"},
		{"shared key", func(d *auth.ClientDocument) { d.JWKS = json.RawMessage(`{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`) }, "private or a shared key"},
		{"logo", func(d *auth.ClientDocument) { d.LogoURI = "http://app.example/logo.png" }, "logo_uri"},
		{"home page", func(d *auth.ClientDocument) { d.ClientURI = "javascript:alert(1)" }, "client_uri"},
		{"scope", func(d *auth.ClientDocument) { d.Scope = `say "please"` }, "scope"},
		{"size", func(d *auth.ClientDocument) { d.ClientName = strings.Repeat("x", 5<<10) }, "advised to read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			document := goodDocument()
			c.change(&document)
			err := document.Validate()
			if c.fault == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.fault)
			require.NotContains(t, err.Error(), "c2VjcmV0")
			_, err = document.Handler()
			require.ErrorContains(t, err, c.fault)
		})
	}
}

func TestClientDocumentURL(t *testing.T) {
	for id, fault := range map[string]string{
		"https://app.example/client.json":           "",
		"https://app.example:8443/a/b?v=1":          "",
		"https://conformance-test.local/client":     "",
		"http://app.example/client.json":            "not an https URL",
		"http://127.0.0.1/client.json":              "not an https URL",
		"https://app.example":                       "no path",
		"https://app.example/":                      "no path",
		"https://app.example/client.json#part":      "fragment",
		"https://app.example/client.json#":          "fragment",
		"https://user:geheim@app.example/c":         "user name",
		"https://app.example/a/../client.json":      "dot segments",
		"https://app.example/./client.json":         "dot segments",
		"https://app.example/%2e%2e/client.json":    "dot segments",
		"https://app.example/a/..":                  "dot segments",
		"https://app.example/cl ient.json":          "not a URL",
		"https://app.example/client.json\nforged\t": "not a URL",
		"client.json": "not an https URL",
	} {
		document := goodDocument()
		document.ClientID = id
		err := document.Validate()
		if fault == "" {
			require.NoError(t, err, id)
			continue
		}
		require.ErrorContains(t, err, fault, id)
		require.NotContains(t, err.Error(), "geheim")
		require.NotContains(t, err.Error(), "\n")
	}
}

func TestClientDocumentHandler(t *testing.T) {
	document := goodDocument()
	handler, err := document.Handler()
	require.NoError(t, err)
	document.RedirectURIs[0] = "https://changed.example/" // after the fact
	server := httptest.NewServer(handler)
	defer server.Close()

	ask := func(method, tag string) *http.Response {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, server.URL, http.NoBody)
		require.NoError(t, err)
		if tag != "" {
			request.Header.Set("If-None-Match", tag)
		}
		response, err := server.Client().Do(request)
		require.NoError(t, err)
		t.Cleanup(func() { response.Body.Close() })
		return response
	}

	got := ask(http.MethodGet, "")
	require.Equal(t, http.StatusOK, got.StatusCode)
	require.Equal(t, "application/json", got.Header.Get("Content-Type"))
	require.Equal(t, "public, max-age=3600", got.Header.Get("Cache-Control"))
	var served auth.ClientDocument
	require.NoError(t, json.NewDecoder(got.Body).Decode(&served))
	require.Equal(t, goodDocument().RedirectURIs, served.RedirectURIs)
	require.Equal(t, "none", served.TokenEndpointAuthMethod)

	tag := got.Header.Get("Etag")
	require.NotEmpty(t, tag)
	require.Equal(t, http.StatusNotModified, ask(http.MethodGet, tag).StatusCode)
	require.Equal(t, http.StatusOK, ask(http.MethodGet, `"other"`).StatusCode)
	require.Equal(t, http.StatusOK, ask(http.MethodHead, "").StatusCode)
	refused := ask(http.MethodPost, "")
	require.Equal(t, http.StatusMethodNotAllowed, refused.StatusCode)
	require.Equal(t, "GET, HEAD", refused.Header.Get("Allow"))
}
