package auth

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
)

const (
	oauthDocument  = "/.well-known/oauth-authorization-server"
	openIDDocument = "/.well-known/openid-configuration"
)

// server finds the metadata of the authorization server issuer (RFC 8414, OpenID
// Connect Discovery 1.0), on account of the MCP server server. needsCode: it has to
// offer the code flow, with PKCE. legacy: issuer is the origin of an MCP server
// without protected resource metadata; if there is none here either, the endpoints
// are those of 2025-03-26. version is the protocol version of the refused request.
func (d *discoverer) server(ctx context.Context, server *url.URL, issuer string, needsCode, legacy bool, version string) (*authServer, error) {
	base, err := d.checkIssuer(server, issuer)
	if err != nil {
		return nil, err
	}
	var absent, unfit error
	for _, place := range serverPlaces(base) {
		at, err := d.fetch.checkURL(server, place, "issuer")
		if err != nil {
			return nil, err
		}
		doc, err := d.document(ctx, server, at, version)
		if isAbsent(err) {
			absent = err
			continue
		}
		if err != nil && unfit != nil && !isTemporary(err) {
			break // a catch-all page, say: the first document is the one to talk about
		}
		if err != nil {
			return nil, err
		}
		found, err := d.readServer(server, at, issuer, doc)
		if err != nil {
			return nil, err
		}
		if !needsCode {
			return found, nil
		}
		lacks := d.lacksCode(found, at, doc)
		if lacks == nil {
			return found, nil
		}
		if unfit == nil { // the OpenID document of the same server may say more
			unfit = lacks
		}
	}
	switch {
	case unfit != nil:
		return nil, unfit
	case legacy:
		return guessedServer(issuer, base), nil
	default:
		return nil, explained(absent, "the authorization server publishes no metadata (RFC 8414), and endpoints are not guessed")
	}
}

// serverPlaces lists where the metadata of an issuer may be, in the order that MCP
// prescribes. An issuer with a path shares its origin with others, so the documents
// of the origin are not its own.
func serverPlaces(issuer *url.URL) []string {
	base := issuer.Scheme + "://" + issuer.Host
	path := strings.TrimSuffix(issuer.EscapedPath(), "/")
	places := []string{base + oauthDocument + path, base + openIDDocument + path}
	if path != "" {
		places = append(places, base+path+openIDDocument)
	}
	return places
}

// readServer validates the document of an issuer.
func (d *discoverer) readServer(server, at *url.URL, issuer string, doc *document) (*authServer, error) {
	named := doc.text("issuer")
	found := &authServer{
		issuer:       named, // with its slash or without: responses name it as it names itself
		scopes:       doc.list("scopes_supported"),
		authMethods:  doc.list("token_endpoint_auth_methods_supported"),
		signingAlgs:  doc.list("token_endpoint_auth_signing_alg_values_supported"),
		dpopAlgs:     doc.list("dpop_signing_alg_values_supported"),
		documents:    doc.flag("client_id_metadata_document_supported"),
		sendsIssuer:  doc.flag("authorization_response_iss_parameter_supported"),
		pushRequired: doc.flag("require_pushed_authorization_requests"),
	}
	if !d.sameIssuer(named, issuer) && doc.err == nil {
		return nil, &IssuerMismatchError{Kind: "metadata", Expected: issuer, Received: named}
	}
	found.authorization = d.endpoint(server, doc, "authorization_endpoint")
	found.token = d.endpoint(server, doc, "token_endpoint")
	found.registration = d.endpoint(server, doc, "registration_endpoint")
	found.revocation = d.endpoint(server, doc, "revocation_endpoint")
	switch {
	case doc.err != nil:
		return nil, badMetadata(at, doc.err)
	case found.token == nil:
		return nil, badMetadata(at, errors.New("token_endpoint is missing"))
	}
	return found, nil
}

// endpoint returns a member that is the URL of an endpoint, on whatever host; nil
// if it is absent. One bad endpoint spoils the document: whoever wrote it is
// careless with what the others are for as well.
func (d *discoverer) endpoint(server *url.URL, doc *document, name string) *url.URL {
	raw := doc.text(name)
	if raw == "" {
		return nil
	}
	at, err := d.fetch.checkURL(server, raw, name)
	if err != nil {
		doc.fail(err)
		return nil
	}
	return at
}

// lacksCode says what an authorization server lacks for a code flow that cannot be
// robbed: PKCE with S256 has to be promised, for a server without it ignores the
// challenge in silence (RFC 9700 section 2.1.1).
func (d *discoverer) lacksCode(as *authServer, at *url.URL, doc *document) error {
	types := doc.list("response_types_supported")
	methods := doc.list("code_challenge_methods_supported")
	assumed := d.contains(d.policy.AssumePKCE, as.issuer)
	switch {
	case doc.err != nil:
		return badMetadata(at, doc.err)
	case as.authorization == nil:
		return badMetadata(at, errors.New("authorization_endpoint is missing"))
	case types != nil && !slices.Contains(types, "code"):
		return badMetadata(at, errors.New("response_types_supported does not list code"))
	case !assumed && !slices.Contains(methods, "S256"):
		return &PKCEUnsupportedError{Issuer: as.issuer}
	}
	return nil
}

// guessedServer has the endpoints of an MCP server that publishes no metadata at
// all (MCP 2025-03-26, Authorization, 2.3.3).
func guessedServer(issuer string, base *url.URL) *authServer {
	at := func(path string) *url.URL { return &url.URL{Scheme: base.Scheme, Host: base.Host, Path: path} }
	return &authServer{
		issuer:        issuer,
		authorization: at("/authorize"),
		token:         at("/token"),
		registration:  at("/register"),
		guessed:       true,
	}
}
