package authtest

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// The grant types that the token endpoint knows.
const (
	codeGrant         = "authorization_code"
	refreshGrant      = "refresh_token"
	clientCredentials = "client_credentials"
	jwtBearer         = "urn:ietf:params:oauth:grant-type:jwt-bearer"     //nolint:gosec // a name, no credential
	tokenExchange     = "urn:ietf:params:oauth:grant-type:token-exchange" //nolint:gosec // a name, no credential
)

// grantedToken is an access token. The server's mutex guards ended; the rest is
// never changed.
type grantedToken struct {
	Token

	family *family
	ended  bool // expired before its time, or revoked
}

// refreshToken is a refresh token and what it renews. The server's mutex guards
// used; the rest is never changed.
type refreshToken struct {
	client   *client
	subject  string
	resource string
	scopes   []string
	keyID    string // of a public client's DPoP key
	family   *family
	used     bool
}

// family is all tokens that go back to the same authorization. The server's
// mutex guards ended.
type family struct {
	number int
	ended  bool
}

func (s *Server) newFamilyLocked() *family {
	s.ledger.families++
	return &family{number: s.ledger.families}
}

// endFamilyLocked revokes every token of a family.
func (s *Server) endFamilyLocked(f *family) {
	f.ended = true
	for _, token := range s.access {
		if token.family == f {
			token.ended = true
		}
	}
}

// tokenOf returns the access token if it is good.
func (s *Server) tokenOf(access string) *grantedToken {
	s.mu.Lock()
	defer s.mu.Unlock()
	token := s.access[access]
	if token == nil || token.ended || !token.ExpiresAt.IsZero() && !time.Now().Before(token.ExpiresAt) {
		return nil
	}
	return token
}

// tokenRequest is a token request whose form and DPoP proof are in order.
type tokenRequest struct {
	*exchange

	grant string
	keyID string // thumbprint of the proof's key; "": none
}

// award is what a token request is granted.
type award struct {
	client    *client // nil: a workload, which has no client
	subject   string
	resource  string
	requested []string
	scopes    []string
	family    *family
	renewable bool
	refresh   string         // goes on being used; "": a new one, if renewable
	extra     map[string]any // more members of the answer
}

// serveToken is the token endpoint (RFC 6749 section 3.2).
func (s *Server) serveToken(x *exchange) {
	if nonce := s.nonce(true); nonce != "" {
		x.w.Header().Set("DPoP-Nonce", nonce)
	}
	keyID, no := s.checkTokenRequest(x)
	if no != nil {
		x.fail(no)
		return
	}
	request := &tokenRequest{exchange: x, grant: x.record.Form.Get("grant_type"), keyID: keyID}
	if request.grant == tokenExchange {
		s.exchangeToken(request)
		return
	}
	var granted *award
	switch request.grant {
	case codeGrant:
		granted, no = s.redeemCode(request)
	case refreshGrant:
		granted, no = s.renew(request)
	case clientCredentials:
		granted, no = s.grantClient(request)
	case jwtBearer:
		granted, no = s.grantAssertion(request)
	default:
		no = refuse("unsupported_grant_type", "the grant_type is not known")
	}
	if no != nil {
		x.fail(no)
		return
	}
	x.json(http.StatusOK, s.issue(request, granted))
}

// checkTokenRequest checks what all grants have in common.
func (s *Server) checkTokenRequest(x *exchange) (keyID string, no *refusal) {
	switch {
	case x.r.Method != http.MethodPost:
		no = broken("invalid_request", "the method is not POST")
		no.status = http.StatusMethodNotAllowed
		return "", no
	case x.record.Form == nil:
		return "", broken("invalid_request", "the body is not application/x-www-form-urlencoded")
	case len(x.record.Query) > 0:
		return "", broken("invalid_request", "there are parameters in the URL, where logs keep them")
	}
	if no := once(x.record.Form, "audience"); no != nil {
		return "", no
	}
	if keyID, no = s.checkProof(x, s.endpoint("token"), ""); no != nil {
		if no.code == "use_dpop_nonce" {
			s.mu.Lock()
			delete(s.seen.codes, x.record.Form.Get("code")) // it stays good (RFC 9449 section 8)
			s.mu.Unlock()
		}
		return "", no
	}
	if keyID == "" && s.config.dpopRequired {
		return "", broken("invalid_dpop_proof", "there is no DPoP proof")
	}
	return keyID, nil
}

// issue makes the tokens and the answer (RFC 6749 section 5.1).
func (s *Server) issue(x *tokenRequest, a *award) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	token := &grantedToken{family: a.family, Token: Token{
		Access: random(32), Type: "Bearer", Grant: x.grant, Subject: a.subject, Scopes: slices.Clone(a.scopes),
		Resource: a.resource, KeyID: x.keyID, Family: a.family.number, IssuedAt: time.Now(),
	}}
	if x.keyID != "" {
		token.Type = "DPoP"
	}
	if a.client != nil {
		token.ClientID = a.client.id
	}
	answer := map[string]any{"access_token": token.Access, "token_type": token.Type}
	if s.script.lifetime > 0 {
		token.ExpiresAt = token.IssuedAt.Add(s.script.lifetime)
		answer["expires_in"] = int(s.script.lifetime.Seconds())
	}
	if !slices.Equal(a.requested, a.scopes) {
		answer["scope"] = strings.Join(a.scopes, " ")
	}
	token.Refresh = a.refresh
	if a.renewable && a.refresh == "" && !s.config.noRefresh && a.client.mayGrant(refreshGrant) {
		token.Refresh = random(32)
		renews := &refreshToken{client: a.client, subject: a.subject, resource: a.resource, scopes: a.scopes, family: a.family}
		if a.client.secret == "" && a.client.key == nil {
			renews.keyID = x.keyID // nothing else proves who sends it (RFC 9449 section 5)
		}
		s.refresh[token.Refresh] = renews
	}
	if token.Refresh != "" {
		answer["refresh_token"] = token.Refresh
	}
	maps.Copy(answer, a.extra)
	s.access[token.Access] = token
	s.ledger.tokens = append(s.ledger.tokens, token.Token)
	s.ledger.wakeLocked()
	return answer
}
