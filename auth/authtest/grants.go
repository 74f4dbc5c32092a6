package authtest

import (
	"crypto/sha256"
	"regexp"
	"slices"
	"strings"
	"time"
)

// subject is the one user that all authorizations are of.
const subject = "user"

// redeemCode grants an authorization code (RFC 6749 section 4.1.3, RFC 7636 section 4.6).
func (s *Server) redeemCode(x *tokenRequest) (*award, *refusal) {
	c, no := s.authenticate(x.exchange)
	if no != nil {
		return nil, no
	}
	form := x.record.Form
	s.mu.Lock()
	defer s.mu.Unlock()
	code := s.codes[form.Get("code")]
	switch {
	case code == nil:
		return nil, refuse("invalid_grant", "the code is not known")
	case code.used:
		// That it came twice is on record.
		s.endFamilyLocked(code.family)
		return nil, refuse("invalid_grant", "the code has been used")
	}
	code.used = true
	verifier := form.Get("code_verifier")
	digest := sha256.Sum256([]byte(verifier))
	switch {
	case code.client.id != c.id:
		return nil, broken("invalid_grant", "the code of another client was sent")
	case !time.Now().Before(code.expires):
		return nil, refuse("invalid_grant", "the code has expired")
	case form.Get("redirect_uri") != code.redirect:
		return nil, broken("invalid_grant", "the redirect_uri is not that of the authorization request")
	case verifier == "":
		return nil, broken("invalid_request", "there is no code_verifier (PKCE)")
	case !regexp.MustCompile(`^[\w.~-]{43,128}$`).MatchString(verifier):
		return nil, broken("invalid_request", "the code_verifier is not 43 to 128 unreserved characters")
	case encode(digest[:]) != code.challenge:
		return nil, broken("invalid_grant", "the code_verifier does not fit the code_challenge")
	case form.Get("resource") != code.resource:
		return nil, broken("invalid_target", "the resource is not that of the authorization request")
	case code.keyID != "" && code.keyID != x.keyID:
		return nil, broken("invalid_dpop_proof", "the key of the proof is not that of dpop_jkt")
	}
	granted := &award{
		client: code.client, subject: subject, resource: code.resource,
		requested: code.requested, scopes: code.scopes, family: code.family, renewable: true,
	}
	if slices.Contains(code.scopes, "openid") {
		granted.extra = map[string]any{"id_token": s.idToken(c.id, code.nonce)}
	}
	return granted, nil
}

// renew grants a refresh token (RFC 6749 section 6), and ends the family of one
// that comes again after it was replaced (RFC 9700 section 4.14.2).
func (s *Server) renew(x *tokenRequest) (*award, *refusal) {
	c, no := s.authenticate(x.exchange)
	if no != nil {
		return nil, no
	}
	if !c.mayGrant(refreshGrant) {
		return nil, refuse("unauthorized_client", "the client is not registered for refresh tokens")
	}
	form := x.record.Form
	s.mu.Lock()
	defer s.mu.Unlock()
	value := form.Get("refresh_token")
	token := s.refresh[value]
	switch {
	case token == nil, token.family.ended && !token.used:
		return nil, refuse("invalid_grant", "the refresh token is not known, or was revoked")
	case token.client.id != c.id:
		return nil, broken("invalid_grant", "the refresh token of another client was sent")
	case token.used:
		s.ledger.reused++
		s.endFamilyLocked(token.family)
		return nil, broken("invalid_grant", "a refresh token was sent again after it had been replaced")
	case form.Get("resource") != token.resource:
		return nil, broken("invalid_target", "the resource is not that of the token to refresh")
	case token.keyID != "" && token.keyID != x.keyID:
		return nil, broken("invalid_dpop_proof", "the key of the proof is not that of the refresh token")
	}
	granted := &award{
		client: token.client, subject: token.subject, resource: token.resource,
		requested: token.scopes, scopes: token.scopes, family: token.family, renewable: true,
	}
	if narrower := strings.Fields(form.Get("scope")); len(narrower) > 0 {
		for _, scope := range narrower {
			if !slices.Contains(token.scopes, scope) {
				return nil, broken("invalid_scope", "a refresh cannot widen the scope by "+scope)
			}
		}
		granted.requested, granted.scopes = narrower, narrower
	}
	if s.config.keepRefresh {
		granted.refresh = value
	} else {
		token.used = true
	}
	return granted, nil
}

// grantClient grants a client's own credentials (RFC 6749 section 4.4).
func (s *Server) grantClient(x *tokenRequest) (*award, *refusal) {
	c, no := s.authenticate(x.exchange)
	switch {
	case no != nil:
		return nil, no
	case c.secret == "" && c.key == nil, !c.mayGrant(clientCredentials):
		return nil, refuse("unauthorized_client", "the client has no credentials of its own")
	}
	if no := s.checkResource(x.record.Form); no != nil {
		return nil, no
	}
	return s.awardDirectly(x, c, c.id, x.record.Form.Get("resource")), nil
}

// awardDirectly grants what a token request asks for without a user.
func (s *Server) awardDirectly(x *tokenRequest, c *client, subject, resource string) *award {
	requested := strings.Fields(x.record.Form.Get("scope"))
	granted := &award{client: c, subject: subject, resource: resource, requested: requested, scopes: s.config.grantScopes(requested)}
	s.mu.Lock()
	defer s.mu.Unlock()
	granted.family = s.newFamilyLocked()
	return granted
}

// revoke is the revocation endpoint (RFC 7009): a token that is not known is as good as revoked.
func (s *Server) revoke(x *exchange) {
	if x.record.Form == nil || x.record.Form.Get("token") == "" {
		x.fail(broken("invalid_request", "there is no token in a form"))
		return
	}
	c, no := s.authenticate(x)
	if no != nil {
		x.fail(no)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	value := x.record.Form.Get("token")
	if token := s.refresh[value]; token != nil && token.client.id == c.id {
		s.endFamilyLocked(token.family)
	}
	if token := s.access[value]; token != nil && token.ClientID == c.id {
		token.ended = true
	}
}
