package authtest

import (
	"net/http"
	"slices"
)

// Document is a place where the metadata of an authorization server may lie.
type Document string

// The places that MCP clients look at, in their order. Without [IssuerPath] the
// last two are one.
const (
	OAuthDocument        Document = "oauth"          // /.well-known/oauth-authorization-server[/path] (RFC 8414)
	OpenIDDocument       Document = "openid"         // /.well-known/openid-configuration[/path] (RFC 8414 section 5)
	OpenIDDocumentBehind Document = "openid, behind" // [/path]/.well-known/openid-configuration (OpenID Connect Discovery)
)

func (s *Server) servesMetadata(path string) bool {
	return slices.ContainsFunc(s.config.documents, func(d Document) bool {
		switch d {
		case OAuthDocument:
			return path == "/.well-known/oauth-authorization-server"+s.config.issuerPath
		case OpenIDDocument:
			return path == "/.well-known/openid-configuration"+s.config.issuerPath
		case OpenIDDocumentBehind:
			return path == s.config.issuerPath+"/.well-known/openid-configuration"
		default:
			return false
		}
	})
}

func (s *Server) serveMetadata(x *exchange) {
	if x.r.Header.Get("Authorization") != "" {
		s.violation(ServerMetadata, "credentials were sent with a request for public metadata")
	}
	document := s.metadata()
	s.mu.Lock()
	edits := s.script.edits
	s.mu.Unlock()
	for _, edit := range edits {
		edit(document)
	}
	x.json(http.StatusOK, document)
}

// metadata is what RFC 8414 section 2 asks for, and what extensions add.
func (s *Server) metadata() map[string]any {
	c := s.config
	document := map[string]any{
		"issuer":                                s.Issuer(),
		"authorization_endpoint":                s.endpoint("authorize"),
		"token_endpoint":                        s.endpoint("token"),
		"revocation_endpoint":                   s.endpoint("revoke"),
		"jwks_uri":                              s.endpoint("jwks"),
		"response_types_supported":              []string{"code"},
		"response_modes_supported":              []string{"query"},
		"code_challenge_methods_supported":      []string{"S256"},
		"grant_types_supported":                 s.grantTypes(),
		"token_endpoint_auth_methods_supported": c.authMethods,
		"authorization_grant_profiles_supported": []string{
			"urn:ietf:params:oauth:grant-profile:id-jag",
		},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"ES256"},
	}
	if slices.Contains(c.authMethods, "private_key_jwt") {
		document["token_endpoint_auth_signing_alg_values_supported"] = signingAlgs()
	}
	if !c.noRegistration {
		document["registration_endpoint"] = s.endpoint("register")
	}
	if c.scopes != nil {
		document["scopes_supported"] = c.scopes
	}
	if c.clientDocument != nil {
		document["client_id_metadata_document_supported"] = true
	}
	if c.issAdvertised {
		document["authorization_response_iss_parameter_supported"] = true
	}
	if c.dpop {
		document["dpop_signing_alg_values_supported"] = signingAlgs()
	}
	return document
}

func (s *Server) grantTypes() []string {
	types := []string{codeGrant, clientCredentials, jwtBearer, tokenExchange}
	if !s.config.noRefresh {
		types = append(types, refreshGrant)
	}
	return types
}

// serveKeys is the key set for ID tokens and ID-JAGs (RFC 7517 section 5).
func (s *Server) serveKeys(x *exchange) {
	key, err := publicJWK(s.key.Public())
	if err != nil {
		x.page(http.StatusInternalServerError, err.Error())
		return
	}
	key["use"], key["alg"] = "sig", "ES256"
	x.json(http.StatusOK, map[string]any{"keys": []any{key}})
}
