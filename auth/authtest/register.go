package authtest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// register is the registration endpoint (RFC 7591 section 3), with the rules of
// OpenID Connect Registration section 2 about application_type, which MCP asks for.
func (s *Server) register(x *exchange) {
	switch {
	case x.r.Method != http.MethodPost:
		no := broken("invalid_request", "the method is not POST")
		no.status = http.StatusMethodNotAllowed
		x.fail(no)
		return
	case mediaType(x.r.Header) != "application/json":
		x.fail(broken("invalid_client_metadata", "the body is not application/json"))
		return
	}
	wish, err := jsonObject(x.body)
	if err != nil {
		x.fail(broken("invalid_client_metadata", "the body is no JSON object: "+err.Error()))
		return
	}
	if no := s.checkRegistration(wish); no != nil {
		x.fail(no)
		return
	}
	method := text(wish, "token_endpoint_auth_method")
	if method == "" {
		method = "client_secret_basic" // RFC 7591 section 2
	}
	if s.config.registersAs != "" {
		method = s.config.registersAs
	} else if !slices.Contains(s.config.authMethods, method) {
		x.fail(refuse("invalid_client_metadata", "the token_endpoint_auth_method "+method+" is not offered"))
		return
	}
	c := &client{id: "client-" + random(9), method: method, redirects: list(wish, "redirect_uris"), grants: grantsOf(wish)}
	wish["client_id"], wish["client_id_issued_at"] = c.id, time.Now().Unix()
	wish["token_endpoint_auth_method"], wish["grant_types"] = method, c.grants
	if strings.HasPrefix(method, "client_secret") {
		c.secret = random(32)
		wish["client_secret"], wish["client_secret_expires_at"] = c.secret, 0
		if s.config.secretLifetime > 0 {
			c.expires = time.Now().Add(s.config.secretLifetime)
			wish["client_secret_expires_at"] = c.expires.Unix()
		}
	}
	s.add(c)
	x.json(http.StatusCreated, wish)
}

func grantsOf(wish map[string]any) []string {
	if grants := list(wish, "grant_types"); len(grants) > 0 {
		return grants
	}
	return []string{codeGrant} // RFC 7591 section 2
}

func (s *Server) checkRegistration(wish map[string]any) *refusal {
	kind := text(wish, "application_type")
	redirects := list(wish, "redirect_uris")
	grants := grantsOf(wish)
	switch {
	case kind != "native" && kind != "web":
		return broken("invalid_client_metadata", "the application_type is neither native nor web")
	case slices.Contains(grants, codeGrant) && len(redirects) == 0:
		return broken("invalid_redirect_uri", "there are no redirect_uris")
	case text(wish, "token_endpoint_auth_method") == "private_key_jwt":
		return refuse("invalid_client_metadata", "keys cannot be registered here")
	}
	for _, grant := range grants {
		if !slices.Contains(s.grantTypes(), grant) && grant != refreshGrant {
			return refuse("invalid_client_metadata", "the grant type "+grant+" is not known")
		}
	}
	if types := list(wish, "response_types"); len(types) > 0 && slices.Contains(types, "code") != slices.Contains(grants, codeGrant) {
		return broken("invalid_client_metadata", "response_types and grant_types do not fit (RFC 7591 section 2.1)")
	}
	for _, redirect := range redirects {
		if wrong := redirectFault(kind, redirect); wrong != "" {
			return broken("invalid_redirect_uri", "the redirect URI "+redirect+" "+wrong)
		}
	}
	return nil
}

// redirectFault tells what is wrong with a redirect URI for this kind of application; "": nothing.
func redirectFault(kind, redirect string) string {
	at, err := url.Parse(redirect)
	if err != nil || at.Scheme == "" || strings.Contains(redirect, "#") {
		return "is not an absolute URI without a fragment"
	}
	local := slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, at.Hostname())
	switch {
	case at.Scheme == "http" && !local:
		return "is http on another host than loopback"
	case kind == "web" && (at.Scheme != "https" || local):
		return "is not that of a web application: register as native"
	case kind == "native" && at.Scheme == "https" && local:
		return "is https on loopback"
	}
	return ""
}
