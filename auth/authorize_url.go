package auth

import (
	"net/url"
	"slices"
	"strings"

	"golang.org/x/oauth2"
)

// authorizeOptions are the parameters of an authorization request that do not
// follow from the pending authorization.
type authorizeOptions struct {
	consent   bool   // prompt=consent, which OpenID Connect wants with offline_access
	loginHint string // "": none
}

// url returns the URL that the user's browser opens: endpoint with the parameters
// of the code flow (RFC 6749 section 4.1.1), PKCE (RFC 7636 section 4.3), the
// resource (RFC 8707 section 2) and the DPoP key (RFC 9449 section 10).
func (p *pendingAuthorization) url(endpoint *url.URL, o authorizeOptions) *url.URL {
	ours := url.Values{
		"response_type":         {"code"},
		"client_id":             {p.ClientID},
		"redirect_uri":          {p.RedirectURI},
		"state":                 {string(p.State)},
		"code_challenge":        {oauth2.S256ChallengeFromVerifier(string(p.Verifier))},
		"code_challenge_method": {"S256"},
	}
	optional := func(name, value string) {
		if value != "" {
			ours.Set(name, value)
		}
	}
	optional("resource", p.Resource)
	optional("scope", strings.Join(p.Requested, " "))
	optional("dpop_jkt", p.KeyID)
	optional("login_hint", o.loginHint)
	if o.consent {
		ours.Set("prompt", "consent")
	}
	at := *endpoint
	at.Fragment, at.RawFragment = "", ""
	at.RawQuery = strings.Join(append(foreignPairs(at.RawQuery, ours), ours.Encode()), "&")
	return &at
}

// foreignPairs returns the pairs of an endpoint's own query, which has to be kept
// (RFC 6749 section 3.1): as they are written, apart from those that ours says
// anew, since no parameter may come twice.
func foreignPairs(rawQuery string, ours url.Values) []string {
	var kept []string
	for pair := range strings.SplitSeq(rawQuery, "&") {
		written, _, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(written)
		if pair != "" && err == nil && !ours.Has(name) {
			kept = append(kept, pair)
		}
	}
	return kept
}

// request returns what a [Prompt] is asked with. at is the URL to open,
// resourceName what the MCP server calls itself.
func (p *pendingAuthorization) request(at *url.URL, resourceName string) *AuthorizationRequest {
	return &AuthorizationRequest{
		URL:          at.String(),
		RedirectURI:  p.RedirectURI,
		State:        string(p.State),
		Server:       p.Server,
		ResourceName: resourceName,
		Resource:     p.Resource,
		Issuer:       p.Issuer,
		ClientID:     p.ClientID,
		Scopes:       slices.Clone(p.Requested),
		ExpiresAt:    p.ExpiresAt,
	}
}
