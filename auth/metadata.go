package auth

import "net/url"

// protectedResource is what an MCP server says of itself as a protected
// resource (RFC 9728), or what stands for it where it says nothing.
type protectedResource struct {
	resource  string   // value of the resource parameter, byte for byte; "": not sent
	issuers   []string // authorization_servers
	scopes    []string // scopes_supported
	name      string   // resource_name, for display
	wantsDPoP bool     // dpop_bound_access_tokens_required
	dpopAlgs  []string // dpop_signing_alg_values_supported
	legacy    bool     // there is no metadata: the rules of 2025-03-26, issuers holds the server's origin
}

// authServer is the metadata of an authorization server (RFC 8414, OpenID
// Connect Discovery), validated: every endpoint is a URL that may be used.
type authServer struct {
	issuer        string
	authorization *url.URL // nil: none
	token         *url.URL
	registration  *url.URL // nil: none
	revocation    *url.URL // nil: none

	scopes       []string // scopes_supported
	authMethods  []string // token_endpoint_auth_methods_supported; nil: not said
	signingAlgs  []string // token_endpoint_auth_signing_alg_values_supported
	dpopAlgs     []string // dpop_signing_alg_values_supported
	documents    bool     // client_id_metadata_document_supported
	sendsIssuer  bool     // authorization_response_iss_parameter_supported
	pushRequired bool     // require_pushed_authorization_requests
	guessed      bool     // there is no metadata: the endpoints of 2025-03-26
}
