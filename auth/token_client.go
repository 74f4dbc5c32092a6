package auth

import (
	"net/url"
	"time"
)

// tokenEndpoint is where tokens come from, and what is known of it: all that is
// needed to ask for one without a further discovery.
type tokenEndpoint struct {
	issuer      string
	url         *url.URL
	authMethods []string // token_endpoint_auth_methods_supported; nil: not said
	signingAlgs []string // token_endpoint_auth_signing_alg_values_supported
}

// tokenEndpointOf returns the token endpoint of as.
func tokenEndpointOf(as *authServer) tokenEndpoint {
	return tokenEndpoint{issuer: as.issuer, url: as.token, authMethods: as.authMethods, signingAlgs: as.signingAlgs}
}

// tokenAnswer is a token response (RFC 6749 section 5.1).
type tokenAnswer struct {
	accessToken  secret
	tokenType    string // "Bearer" or "DPoP", as we write them; "N_A" of a token exchange
	refreshToken secret // "": none
	issuedType   string // issued_token_type (RFC 8693)
	scopes       []string
	hasScopes    bool      // the answer says which; else they are those asked for
	expiresAt    time.Time // zero: not said
}
