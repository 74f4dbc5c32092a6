package auth

import (
	"maps"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
)

func TestAuthorizationURL(t *testing.T) {
	base := func(p *pendingAuthorization) url.Values {
		return url.Values{
			"response_type": {"code"}, "client_id": {"client"}, "redirect_uri": {"http://127.0.0.1:1234/callback"}, "state": {string(p.State)},
			"code_challenge": {oauth2.S256ChallengeFromVerifier(string(p.Verifier))}, "code_challenge_method": {"S256"},
		}
	}
	for _, test := range []struct {
		name     string
		endpoint string
		change   func(*pendingAuthorization)
		options  authorizeOptions
		extra    url.Values
	}{
		{"everything", "https://as.example/authorize", func(p *pendingAuthorization) { p.KeyID = "jkt" }, authorizeOptions{consent: true, loginHint: "a b@c"},
			url.Values{"resource": {"https://mcp.example/mcp"}, "scope": {"a b"}, "dpop_jkt": {"jkt"}, "prompt": {"consent"}, "login_hint": {"a b@c"}}},
		{"nothing to ask for", "https://as.example/authorize", func(p *pendingAuthorization) { p.Resource, p.Requested = "", nil }, authorizeOptions{}, nil},
		{"resource byte for byte", "https://as.example/authorize", func(p *pendingAuthorization) { p.Resource = "https://MCP.example:443/a%2fb/?q=1" }, authorizeOptions{},
			url.Values{"resource": {"https://MCP.example:443/a%2fb/?q=1"}, "scope": {"a b"}}},
		{"own parameters", "https://as.example/authorize?p=B2C&q&p=2", func(*pendingAuthorization) {}, authorizeOptions{},
			url.Values{"resource": {"https://mcp.example/mcp"}, "scope": {"a b"}, "p": {"B2C", "2"}, "q": {""}}},
		{"no parameter twice", "https://as.example/authorize?client_id=evil&st%61te=known&&code_challenge=x&audience=y", func(*pendingAuthorization) {}, authorizeOptions{},
			url.Values{"resource": {"https://mcp.example/mcp"}, "scope": {"a b"}, "audience": {"y"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, _ := pendingFor(t)
			test.change(p)
			endpoint := parsedURL(t, test.endpoint)
			before := *endpoint
			at := p.url(endpoint, test.options)
			require.Equal(t, before, *endpoint, "the endpoint is left as it was")

			query, err := url.ParseQuery(at.RawQuery)
			require.NoError(t, err)
			want := base(p)
			maps.Copy(want, test.extra)
			require.Equal(t, want, query)
			require.NotContains(t, at.String(), string(p.Verifier))
			require.Equal(t, "https://as.example/authorize", shownURL(at.String()))

			request := p.request(at, "Tools")
			require.Equal(t, &AuthorizationRequest{
				URL: at.String(), RedirectURI: p.RedirectURI, State: string(p.State), Server: p.Server, ResourceName: "Tools",
				Resource: p.Resource, Issuer: p.Issuer, ClientID: p.ClientID, Scopes: p.Requested, ExpiresAt: p.ExpiresAt,
			}, request)
		})
	}
}

func TestAuthorizationURLKeepsTheOwnQueryAsWritten(t *testing.T) {
	p, _ := pendingFor(t)
	at := p.url(parsedURL(t, "https://as.example/authorize?z=%7e&a=1+2#part"), authorizeOptions{})
	require.Regexp(t, `^https://as\.example/authorize\?z=%7e&a=1\+2&client_id=client&[^#]*$`, at.String())
}
