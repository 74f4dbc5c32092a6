package authtest

import (
	"crypto"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	idJAG        = "urn:ietf:params:oauth:token-type:id-jag"
	idTokenType  = "urn:ietf:params:oauth:token-type:id_token" //nolint:gosec // a name, no credential
	refreshType  = "urn:ietf:params:oauth:token-type:refresh_token"
	jagHeader    = "oauth-id-jag+jwt"
	assertionTTL = 5 * time.Minute
)

// Trust takes assertions of that issuer for a grant (RFC 7523): the public key
// of a platform that vouches for its workloads.
func (s *Server) Trust(issuer string, key crypto.PublicKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trusted[issuer] = key
}

// TrustServer takes the ID-JAGs of idp for a grant: s is the authorization
// server of an MCP server, idp the enterprise's identity provider, itself a
// Server. [AnyResource] suits idp, where users sign in to no resource.
func (s *Server) TrustServer(idp *Server) { s.Trust(idp.Issuer(), idp.key.Public()) }

// LinkClient tells s as an identity provider the id that its client has at the
// authorization server with that issuer. Default: the same.
func (s *Server) LinkClient(id, issuer, idThere string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.aliases[clientAt{id, issuer}] = idThere
}

// platform is the issuer of the workload tokens that the server itself makes.
func (s *Server) platform() string { return s.url + "/platform" }

// WorkloadToken makes the token that a platform gives to one of its workloads,
// valid for that time, and that s takes for a grant if audience is what it
// expects: [Server.Issuer] by default.
func (s *Server) WorkloadToken(workload, audience string, lifetime time.Duration) string {
	now := time.Now()
	return s.vouch(nil, map[string]any{
		"iss": s.platform(), "sub": workload, "aud": audience, "iat": now.Unix(), "exp": now.Add(lifetime).Unix(), "jti": random(16),
	})
}

// IDToken makes the ID token that a client of s got when its user signed in
// (OpenID Connect Core section 2).
func (s *Server) IDToken(clientID string) string { return s.idToken(clientID, "") }

func (s *Server) idToken(clientID, nonce string) string {
	now := time.Now()
	claims := map[string]any{
		"iss": s.Issuer(), "sub": subject, "aud": clientID, "iat": now.Unix(), "exp": now.Add(assertionTTL).Unix(),
	}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	return s.vouch(nil, claims)
}

func (s *Server) vouch(header, claims map[string]any) string {
	token, err := SignJWT(s.key, header, claims)
	if err != nil {
		panic("authtest: " + err.Error()) // cannot be: a key of our own, and texts
	}
	return token
}

// grantAssertion grants an assertion (RFC 7523 section 2.1): an ID-JAG, or the token of a workload.
func (s *Server) grantAssertion(x *tokenRequest) (*award, *refusal) {
	raw := x.record.Form.Get("assertion")
	s.mu.Lock()
	again := s.seen.refused[raw]
	s.mu.Unlock()
	if again {
		return nil, broken("invalid_grant", "an assertion was sent again after it had been refused")
	}
	granted, no := s.judgeAssertion(x, raw)
	if no != nil {
		s.mu.Lock()
		s.seen.refused[raw] = true
		s.mu.Unlock()
	}
	return granted, no
}

func (s *Server) judgeAssertion(x *tokenRequest, raw string) (*award, *refusal) {
	assertion, err := parseJWS(raw)
	if err != nil {
		return nil, broken("invalid_grant", "the assertion is no JWT: "+err.Error())
	}
	s.mu.Lock()
	key := s.trusted[assertion.claim("iss")]
	s.mu.Unlock()
	if key == nil {
		return nil, refuse("invalid_grant", "the issuer of the assertion is not trusted")
	}
	if err := errors.Join(assertion.verify(key), assertion.checkTimes(time.Now())); err != nil {
		return nil, refuse("invalid_grant", "the assertion is not valid: "+err.Error())
	}
	if !assertion.names(s.audience()) {
		return nil, refuse("invalid_grant", "the audience of the assertion is not "+s.audience())
	}
	if text(assertion.header, "typ") == jagHeader {
		return s.grantJAG(x, assertion)
	}
	var c *client
	if x.record.Form.Has("client_id") || x.r.Header.Get("Authorization") != "" || x.record.Form.Has("client_assertion") {
		known, no := s.authenticate(x.exchange)
		if no != nil {
			return nil, no
		}
		c = known
	}
	if no := s.checkResource(x.record.Form); no != nil {
		return nil, no
	}
	return s.awardDirectly(x, c, assertion.claim("sub"), x.record.Form.Get("resource")), nil
}

// grantJAG grants an identity assertion of an enterprise's identity provider,
// once, and to the client that it names.
func (s *Server) grantJAG(x *tokenRequest, assertion *jws) (*award, *refusal) {
	c, no := s.authenticate(x.exchange)
	switch {
	case no != nil:
		return nil, no
	case assertion.claim("client_id") != c.id:
		return nil, broken("invalid_grant", "the ID-JAG is of the client "+assertion.claim("client_id"))
	case assertion.claim("jti") == "" || !s.firstTime(assertion.claim("iss"), assertion.claim("jti")):
		return nil, broken("invalid_grant", "the ID-JAG was sent twice")
	}
	granted := s.awardDirectly(x, c, assertion.claim("sub"), assertion.claim("resource"))
	if !x.record.Form.Has("scope") {
		granted.scopes = strings.Fields(assertion.claim("scope"))
	}
	return granted, nil
}

// exchangeToken is what an identity provider does: an ID-JAG for the proof that
// the user has signed in (RFC 8693 section 2).
func (s *Server) exchangeToken(x *tokenRequest) {
	c, no := s.authenticate(x.exchange)
	if no == nil {
		no = s.checkExchange(x, c)
	}
	if no != nil {
		x.fail(no)
		return
	}
	form := x.record.Form
	there := form.Get("audience")
	scopes := s.config.grantScopes(strings.Fields(form.Get("scope")))
	s.mu.Lock()
	id, ok := s.aliases[clientAt{c.id, there}]
	s.mu.Unlock()
	if !ok {
		id = c.id
	}
	now := time.Now()
	x.json(http.StatusOK, map[string]any{
		"issued_token_type": idJAG,
		"token_type":        "N_A",
		"expires_in":        int(assertionTTL.Seconds()),
		"scope":             strings.Join(scopes, " "),
		"access_token": s.vouch(map[string]any{"typ": jagHeader}, map[string]any{
			"iss": s.Issuer(), "sub": subject, "aud": there, "client_id": id, "resource": form.Get("resource"),
			"scope": strings.Join(scopes, " "), "iat": now.Unix(), "exp": now.Add(assertionTTL).Unix(), "jti": random(16),
		}),
	})
}

func (s *Server) checkExchange(x *tokenRequest, c *client) *refusal {
	form := x.record.Form
	switch {
	case form.Get("requested_token_type") != idJAG:
		return refuse("invalid_request", "only ID-JAGs are given out")
	case len(form["audience"]) != 1 || form.Get("audience") == "":
		return broken("invalid_request", "there is not one audience")
	case form.Get("resource") == "":
		return broken("invalid_target", "there is no resource")
	case !slices.Contains([]string{idTokenType, refreshType}, form.Get("subject_token_type")):
		return refuse("invalid_request", "the subject_token_type is not known")
	}
	if form.Get("subject_token_type") == refreshType {
		s.mu.Lock()
		defer s.mu.Unlock()
		token := s.refresh[form.Get("subject_token")]
		if token == nil || token.used || token.family.ended || token.client.id != c.id {
			return refuse("invalid_grant", "the refresh token is not good")
		}
		return nil
	}
	token, err := parseJWS(form.Get("subject_token"))
	switch {
	case err != nil:
		return broken("invalid_grant", "the ID token is no JWT: "+err.Error())
	case errors.Join(token.verify(s.key.Public()), token.checkTimes(time.Now())) != nil:
		return refuse("invalid_grant", "the ID token is not valid")
	case !token.names(c.id):
		return broken("invalid_grant", "the ID token is of another client")
	}
	return nil
}
