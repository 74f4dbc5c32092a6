package authtest

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// codeLifetime is how long an authorization code is good (RFC 6749 section 4.1.2 allows ten minutes).
const codeLifetime = time.Minute

// code is an authorization code and what it was given for. The server's mutex
// guards used; the rest is never changed.
type code struct {
	client    *client
	redirect  string
	challenge string
	resource  string
	requested []string
	scopes    []string
	nonce     string // of OpenID Connect
	keyID     string // dpop_jkt
	expires   time.Time
	family    *family
	used      bool
}

// authorize answers the user's browser (RFC 6749 section 4.1.1): with a page
// while it is not known where the user came from, from then on with a redirect.
func (s *Server) authorize(x *exchange) {
	query := x.r.URL.Query()
	if x.r.Method == http.MethodPost {
		query = x.record.Form
	}
	if no := once(query); no != nil {
		x.noteRefusal(no)
		x.page(no.status, no.description)
		return
	}
	c := s.lookup(x.r.Context(), query.Get("client_id"))
	if c == nil {
		no := refuse("invalid_client", "the client is not known")
		x.noteRefusal(no)
		x.page(no.status, no.description)
		return
	}
	redirect := query.Get("redirect_uri")
	if !c.mayRedirect(redirect, s.config.exactPorts) {
		no := broken("invalid_request", "the redirect_uri "+redirect+" is not registered")
		x.noteRefusal(no)
		x.page(no.status, no.description)
		return
	}
	no := s.checkAuthorization(query)
	if no == nil && !c.mayGrant(codeGrant) {
		no = refuse("unauthorized_client", "the client is not registered for authorization codes")
	}
	verdict := Verdict{}
	if no == nil {
		verdict = s.ask(x, query)
		if x.r.Context().Err() != nil {
			return // the user left
		}
		if verdict.Error != "" {
			no = refuse(verdict.Error, verdict.Description)
		}
	}
	callback := url.Values{}
	if no != nil {
		x.noteRefusal(no)
		callback.Set("error", no.code)
		if no.description != "" {
			callback.Set("error_description", no.description)
		}
	} else {
		callback.Set("code", s.newCode(c, query))
	}
	s.callBack(x, redirect, query.Get("state"), callback, verdict)
}

// callBack sends the browser to the client with what RFC 6749 section 4.1.2 and RFC 9207 section 2 have it say.
func (s *Server) callBack(x *exchange, redirect, state string, callback url.Values, verdict Verdict) {
	if state != "" {
		callback.Set("state", state)
	}
	if iss := s.config.iss(s.Issuer()); iss != "" {
		callback.Set("iss", iss)
	}
	if verdict.Edit != nil {
		verdict.Edit(callback)
	}
	joint := "?"
	if strings.Contains(redirect, "?") {
		joint = "&"
	}
	x.w.Header().Set("Location", redirect+joint+callback.Encode())
	x.w.Header().Set("Cache-Control", "no-store")
	x.w.WriteHeader(http.StatusFound)
}

func (s *Server) ask(x *exchange, query url.Values) Verdict {
	s.mu.Lock()
	consent := s.script.consent
	s.mu.Unlock()
	if consent == nil {
		return Verdict{}
	}
	return consent(x.r.Context(), query)
}

// checkAuthorization holds a request to what MCP asks for beyond RFC 6749: state, PKCE and the resource.
func (s *Server) checkAuthorization(query url.Values) *refusal {
	challenge := regexp.MustCompile(`^[\w-]{43}$`)
	switch {
	case query.Get("response_type") != "code":
		return broken("unsupported_response_type", "the response_type is not code")
	case query.Get("state") == "":
		return broken("invalid_request", "there is no state")
	case query.Get("code_challenge") == "":
		return broken("invalid_request", "there is no code_challenge (PKCE)")
	case query.Get("code_challenge_method") != "S256":
		return broken("invalid_request", "the code_challenge_method is not S256")
	case !challenge.MatchString(query.Get("code_challenge")):
		return broken("invalid_request", "the code_challenge is not a SHA-256 digest in base64url")
	case query.Has("scope") && query.Get("scope") == "":
		return broken("invalid_scope", "the scope is empty: it should have been left out")
	}
	if no := s.checkResource(query); no != nil {
		return no
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.checkFreshLocked(query)
}

// checkFreshLocked wants a state and a challenge that no other request has had. A
// page that is loaded again is the same request.
func (s *Server) checkFreshLocked(query url.Values) *refusal {
	text := query.Encode()
	for _, value := range []struct {
		name string
		seen map[string]string
	}{{"state", s.seen.states}, {"code_challenge", s.seen.challenges}} {
		if before, ok := value.seen[query.Get(value.name)]; ok && before != text {
			return broken("invalid_request", "the "+value.name+" of an earlier request was used again")
		}
		value.seen[query.Get(value.name)] = text
	}
	return nil
}

// checkResource wants one absolute URI without a fragment (RFC 8707 section 2).
func (s *Server) checkResource(values url.Values) *refusal {
	resource := values.Get("resource")
	if resource == "" && s.config.anyResource {
		return nil
	}
	at, err := url.Parse(resource)
	switch {
	case resource == "":
		return broken("invalid_target", "there is no resource")
	case err != nil || !at.IsAbs() || at.Host == "" || strings.Contains(resource, "#"):
		return broken("invalid_target", "the resource "+resource+" is not an absolute URI without a fragment")
	}
	return nil
}

func (s *Server) newCode(c *client, query url.Values) string {
	requested := strings.Fields(query.Get("scope"))
	granted := s.config.grantScopes(requested)
	value := random(32)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codes[value] = &code{
		client:    c,
		redirect:  query.Get("redirect_uri"),
		challenge: query.Get("code_challenge"),
		resource:  query.Get("resource"),
		requested: requested,
		scopes:    granted,
		nonce:     query.Get("nonce"),
		keyID:     query.Get("dpop_jkt"),
		expires:   time.Now().Add(codeLifetime),
		family:    s.newFamilyLocked(),
	}
	return value
}
