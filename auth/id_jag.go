package auth

import (
	"context"
	"errors"
	"net/http"
)

// An identity assertion authorization grant (ID-JAG) is what an identity provider
// writes for one client, one user and one MCP server. It lives between the two
// functions of this file and is seen by nobody else.

const (
	idJAG = "urn:ietf:params:oauth:token-type:id-jag"
)

// exchange gets an ID-JAG for the MCP server of r (RFC 8693 section 2).
func (g *enterprise) exchange(ctx context.Context, r *grantRequest) (*tokenAnswer, error) {
	at, err := g.idpEndpoint(ctx, r)
	if err != nil {
		return nil, err
	}
	const source = "user's token"
	subject, kind, err := g.subject(ctx)
	if err != nil {
		return nil, &CredentialError{Source: source, Err: withoutAnswer(err)}
	}
	if err := checkToken(subject); err != nil {
		return nil, &CredentialError{Source: source, Err: err}
	}
	if kind == "" {
		return nil, &CredentialError{Source: source, Err: errors.New("its kind is empty: return SubjectIDToken or what it is")}
	}
	form := grantForm(grantTokenExchange, r.scopes)
	form.Set("requested_token_type", idJAG)
	form.Set("audience", r.as.issuer)
	form.Set("subject_token", subject)
	form.Set("subject_token_type", string(kind))
	client := identity{clientID: g.idp.ClientID, auth: g.idp.Auth, origin: preRegistered}
	answer, err := r.tokens.ask(ctx, g.idpAt, at, client, r.resource.resource, form, nil)
	if err != nil {
		return nil, err
	}
	// Anything else is another token, perhaps for another audience: it must not be
	// shown to the authorization server of an MCP server.
	var wrong string
	switch {
	case answer.issuedType != idJAG:
		wrong = "the issued_token_type is not that of an ID-JAG but " + quote(answer.issuedType)
	case answer.tokenType != typeNone:
		wrong = "the token_type of an ID-JAG is N_A, not " + quote(answer.tokenType)
	default:
		return answer, nil
	}
	return nil, &TokenError{Endpoint: at.url.Host, StatusCode: http.StatusOK, Description: wrong}
}

// idpEndpoint returns the token endpoint of the identity provider. What that may
// reach is measured by where it is itself, here and in exchange: a company's own
// may well be at an address that is more internal than the MCP server's.
func (g *enterprise) idpEndpoint(ctx context.Context, r *grantRequest) (tokenEndpoint, error) {
	if g.idp.TokenEndpoint != "" {
		at, err := r.discover.fetch.checkURL(g.idpAt, g.idp.TokenEndpoint, "EnterpriseConfig.Provider.TokenEndpoint")
		return tokenEndpoint{issuer: g.idp.Issuer, url: at}, err
	}
	as, err := r.discover.server(ctx, g.idpAt, g.idp.Issuer, false, false, "")
	if err != nil {
		return tokenEndpoint{}, err
	}
	return tokenEndpointOf(as), nil
}

// redeem turns an ID-JAG into an access token (RFC 7523 section 2.1). The grant
// itself names the resource, and the scopes that the company allows may be fewer
// than were asked for.
func redeem(ctx context.Context, r *grantRequest, client identity, jag *tokenAnswer) (*tokenAnswer, error) {
	scopes, narrowed := r.scopes, len(jag.scopes) > 0 && jag.hasScopes
	if narrowed {
		scopes = jag.scopes
	}
	form := grantForm(jwtBearer, scopes)
	form.Set("assertion", string(jag.accessToken))
	token, err := r.tokens.ask(ctx, r.server, tokenEndpointOf(r.as), client, "", form, r.key)
	if err != nil {
		return nil, err
	}
	if narrowed && !token.hasScopes {
		token.scopes, token.hasScopes = scopes, true
	}
	return token, nil
}
