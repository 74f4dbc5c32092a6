package authtest

import (
	"context"
	"crypto"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// client is a client that the server knows. Its fields are never changed.
type client struct {
	id        string
	secret    string // "": none
	expires   time.Time
	key       crypto.PublicKey // for private_key_jwt; nil: none
	method    string           // token_endpoint_auth_method; "": whatever its credentials allow
	redirects []string
	grants    []string // grant_types; nil: all
}

// lookup finds a client, or makes one of a client ID metadata document.
func (s *Server) lookup(ctx context.Context, id string) *client {
	s.mu.Lock()
	known := s.clients[id]
	s.mu.Unlock()
	if known != nil {
		return known
	}
	at, err := url.Parse(id)
	if err != nil || s.config.clientDocument == nil || at.Scheme != "https" || len(at.Path) < 2 || at.Fragment != "" || at.User != nil {
		return nil
	}
	raw, err := s.config.clientDocument(ctx, id)
	if err != nil {
		return nil
	}
	document, err := jsonObject(raw)
	if err != nil {
		return nil
	}
	return s.ofDocument(id, document)
}

// ofDocument makes a client of its metadata document, or records what is wrong with it.
func (s *Server) ofDocument(id string, document map[string]any) *client {
	c := &client{id: id, redirects: list(document, "redirect_uris"), method: text(document, "token_endpoint_auth_method")}
	if _, ok := document["grant_types"]; ok {
		c.grants = list(document, "grant_types")
	}
	wrong := ""
	switch {
	case text(document, "client_id") != id:
		wrong = "client_id is not the URL of the document"
	case text(document, "client_name") == "":
		wrong = "there is no client_name"
	case len(c.redirects) == 0:
		wrong = "there are no redirect_uris"
	case strings.HasPrefix(c.method, "client_secret"), text(document, "client_secret") != "":
		wrong = "a public document cannot hold a secret"
	case c.method == "private_key_jwt":
		keys, _ := document["jwks"].(map[string]any) // nil has no keys
		first, _ := keys["keys"].([]any)
		if len(first) > 0 {
			member, _ := first[0].(map[string]any)
			c.key, _ = parseJWK(member)
		}
		if c.key == nil {
			wrong = "there is no key in its jwks"
		}
	case c.method == "":
		c.method = "none"
	}
	if wrong != "" {
		s.violation(AuthorizationEndpoint, "client ID metadata document: "+wrong)
		return nil
	}
	return c
}

func list(object map[string]any, name string) []string {
	values, _ := object[name].([]any) // anything else is as good as nothing
	var texts []string
	for _, value := range values {
		if text, ok := value.(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

// mayRedirect tells whether the client has registered the URI.
func (c *client) mayRedirect(uri string, exact bool) bool {
	return slices.ContainsFunc(c.redirects, func(registered string) bool {
		return registered == uri || (!exact && sameLoopback(registered, uri))
	})
}

// sameLoopback compares two URIs on a loopback address without their ports,
// which a native client cannot know in advance (RFC 8252 section 7.3).
func sameLoopback(registered, uri string) bool {
	a, err := url.Parse(registered)
	if err != nil {
		return false
	}
	b, err := url.Parse(uri)
	if err != nil || !net.ParseIP(a.Hostname()).IsLoopback() {
		return false
	}
	a.Host, b.Host = a.Hostname(), b.Hostname()
	return *a == *b
}

func (c *client) mayGrant(grant string) bool {
	return c.grants == nil || slices.Contains(c.grants, grant)
}

// credentials are what a token request says about its client.
type credentials struct {
	id, secret, method string
	assertion          string
}

// credentialsOf reads them. More than one way at once is forbidden (RFC 6749 section 2.3).
func credentialsOf(x *exchange) (credentials, *refusal) {
	form := x.record.Form
	c := credentials{id: form.Get("client_id"), method: "none"}
	ways := 0
	if id, secret, ok := x.r.BasicAuth(); ok {
		ways++
		// Both are form-encoded before they are joined (RFC 6749 section 2.3.1).
		id, errID := url.QueryUnescape(id)
		secret, errSecret := url.QueryUnescape(secret)
		if errID != nil || errSecret != nil {
			return c, broken("invalid_client", "the id or the secret in the Basic header is not form-encoded")
		}
		if c.id != "" && c.id != id {
			return c, broken("invalid_request", "the Basic header and client_id name two clients")
		}
		c.id, c.secret, c.method = id, secret, "client_secret_basic"
	} else if x.r.Header.Get("Authorization") != "" {
		return c, broken("invalid_request", "the Authorization header of a token request is not Basic")
	}
	if form.Has("client_secret") {
		ways++
		c.secret, c.method = form.Get("client_secret"), "client_secret_post"
	}
	if form.Has("client_assertion") {
		ways++
		c.assertion, c.method = form.Get("client_assertion"), "private_key_jwt"
		if form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
			return c, broken("invalid_request", "client_assertion_type is wrong")
		}
		if assertion, err := parseJWS(c.assertion); err == nil && c.id == "" {
			c.id = assertion.claim("sub")
		}
	}
	if ways > 1 {
		return c, broken("invalid_request", "the client authenticated in two ways at once")
	}
	return c, nil
}

// authenticate finds out which client a request is from (RFC 6749 section 3.2.1).
func (s *Server) authenticate(x *exchange) (*client, *refusal) {
	given, no := credentialsOf(x)
	if no != nil {
		return nil, no
	}
	no = refuse("invalid_client", "the client is not known, or did not authenticate")
	no.status = http.StatusUnauthorized
	c := s.lookup(x.r.Context(), given.id)
	switch {
	case c == nil:
		return nil, no
	case !slices.Contains(s.config.authMethods, given.method):
		no.violation, no.description = true, "the client authenticated by "+given.method+", which is not offered"
		return nil, no
	case c.method != given.method && slices.Contains(s.config.authMethods, c.method):
		no.violation, no.description = true, "the client authenticated by "+given.method+" and is registered for "+c.method
		return nil, no
	}
	switch given.method {
	case "none":
		if c.secret != "" && c.method == "" && s.takesSecrets() || c.key != nil {
			return nil, no
		}
	case "private_key_jwt":
		if wrong := s.checkClientAssertion(c, given.assertion); wrong != "" {
			no.violation, no.description = true, "client assertion: "+wrong
			return nil, no
		}
	default:
		if given.secret == "" || given.secret != c.secret || !c.expires.IsZero() && !time.Now().Before(c.expires) {
			return nil, no
		}
	}
	return c, nil
}

func (s *Server) takesSecrets() bool {
	return slices.ContainsFunc(s.config.authMethods, func(method string) bool { return strings.HasPrefix(method, "client_secret") })
}

// checkClientAssertion holds an assertion to RFC 7523 section 3, with the
// issuer as its audience and each jti once; "" means that it is right.
func (s *Server) checkClientAssertion(c *client, raw string) string {
	assertion, err := parseJWS(raw)
	if err != nil {
		return err.Error()
	}
	if c.key == nil {
		return "the client has no key"
	}
	if err := assertion.verify(c.key); err != nil {
		return err.Error()
	}
	if err := assertion.checkTimes(time.Now()); err != nil {
		return err.Error()
	}
	switch {
	case assertion.claim("iss") != c.id, assertion.claim("sub") != c.id:
		return "iss and sub are not the client_id"
	case !assertion.names(s.audience()):
		return "its aud is not " + s.audience()
	case assertion.claim("jti") == "":
		return "it has no jti"
	case !s.firstTime(c.id, assertion.claim("jti")):
		return "it was sent twice"
	}
	return ""
}

func (s *Server) audience() string {
	if s.config.endpointAudience {
		return s.endpoint("token")
	}
	return s.Issuer()
}

func (s *Server) firstTime(issuer, jti string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := issuer + " " + jti
	first := !s.seen.assertions[key]
	s.seen.assertions[key] = true
	return first
}
