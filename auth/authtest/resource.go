package authtest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Resource is the handler of an MCP server behind a token check: a protected
// resource (RFC 9728). What it is asked is in the ledger of the server that made
// it.
type Resource struct {
	owner  *Server
	next   http.Handler
	config resourceConfig
	origin string // "": whatever the request names

	mu      sync.Mutex
	servers []*Server
	edits   []func(map[string]any)
}

// Protect wraps the handler of an MCP server, for a server of the test's own,
// such as one of net/http/httptest. It lets those requests for the MCP endpoint
// through that carry a token of s for this resource.
func (s *Server) Protect(next http.Handler, opts ...ResourceOption) *Resource {
	return &Resource{owner: s, next: next, config: newResourceConfig(opts), servers: []*Server{s}}
}

// Serve is [Server.Protect] on a port of its own, closed with s.
func (s *Server) Serve(next http.Handler, opts ...ResourceOption) *Resource {
	r := s.Protect(next, opts...)
	s.listen(r)
	return r
}

// Mount is [Server.Protect] at the origin of s itself, where servers of
// 2025-03-26 have their authorization server.
func (s *Server) Mount(next http.Handler, opts ...ResourceOption) *Resource {
	r := s.Protect(next, opts...)
	r.origin = s.url
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mounted = append(s.mounted, r)
	return r
}

// URL is the MCP endpoint of a resource of [Server.Serve] or [Server.Mount].
func (r *Resource) URL() string { return r.origin + r.config.path }

// SetServers names other authorization servers from now on, the first one
// preferred: only their tokens are taken. So a resource moves.
func (r *Resource) SetServers(servers ...*Server) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.servers = slices.Clone(servers)
}

// EditMetadata changes the metadata document from now on: edit gets it before
// it is sent. It is called by the goroutines that serve requests.
func (r *Resource) EditMetadata(edit func(document map[string]any)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.edits = append(slices.Clip(r.edits), edit)
}

// ServeHTTP implements [http.Handler].
func (r *Resource) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	switch {
	case r.isMetadata(request.URL.Path):
		r.owner.serve(w, request, ResourceMetadata, r.serveMetadata)
	case r.isEndpoint(request.URL.Path):
		r.owner.serve(w, request, MCPEndpoint, r.guard)
	default:
		r.owner.serve(w, request, Elsewhere, notFound)
	}
}

func (r *Resource) isEndpoint(path string) bool {
	return path == r.config.path || slices.Contains(r.config.also, path)
}

func (r *Resource) isMetadata(path string) bool {
	return r.config.metadata != "" && path == r.config.metadata
}

// at is the origin that the request has reached.
func (r *Resource) at(request *http.Request) string {
	switch {
	case r.origin != "":
		return r.origin
	case request.TLS != nil:
		return "https://" + request.Host
	}
	return "http://" + request.Host
}

// value is what tokens must be for.
func (r *Resource) value(request *http.Request) string {
	switch {
	case r.config.value != "":
		return r.config.value
	case r.config.root:
		return r.at(request)
	}
	return r.at(request) + r.config.path
}

func (r *Resource) issuedBy() []*Server {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.servers
}

func (r *Resource) serveMetadata(x *exchange) {
	if x.r.Header.Get("Authorization") != "" {
		r.owner.violation(ResourceMetadata, "credentials were sent with a request for public metadata")
	}
	var issuers []string
	for _, server := range r.issuedBy() {
		issuers = append(issuers, server.Issuer())
	}
	document := map[string]any{
		"resource":                 r.value(x.r),
		"authorization_servers":    issuers,
		"bearer_methods_supported": []string{"header"},
	}
	if r.config.scopes != nil {
		document["scopes_supported"] = r.config.scopes
	}
	if r.owner.config.dpop {
		document["dpop_signing_alg_values_supported"] = signingAlgs()
	}
	if r.owner.config.dpopRequired {
		document["dpop_bound_access_tokens_required"] = true
	}
	r.mu.Lock()
	edits := r.edits
	r.mu.Unlock()
	for _, edit := range edits {
		edit(document)
	}
	x.json(http.StatusOK, document)
}

// guard checks the token of a request for the MCP endpoint.
func (r *Resource) guard(x *exchange) {
	if nonce := r.owner.nonce(false); nonce != "" {
		x.w.Header().Set("DPoP-Nonce", nonce)
	}
	var required []string
	if r.config.required != nil {
		required = r.config.required(x.r, x.body)
	}
	no := r.check(x, required)
	if no == nil {
		r.next.ServeHTTP(x.w, x.r)
		return
	}
	x.noteRefusal(no)
	for _, line := range r.challenges(x.r, no, required) {
		x.w.Header().Add("WWW-Authenticate", line)
	}
	x.page(no.status, no.description)
}

func (r *Resource) check(x *exchange, required []string) *refusal {
	if x.r.URL.Query().Has("access_token") {
		return broken("invalid_request", "the token was sent in the query, where logs keep it (OAuth 2.1 section 5)")
	}
	if len(x.r.Header.Values("Authorization")) > 1 {
		return broken("invalid_request", "there were several Authorization headers")
	}
	scheme, access, _ := strings.Cut(x.r.Header.Get("Authorization"), " ")
	if access == "" {
		if r.config.open != nil && r.config.open(x.r, x.body) {
			return nil
		}
		return &refusal{status: http.StatusUnauthorized, description: "a token is needed"}
	}
	var token *grantedToken
	for _, server := range r.issuedBy() {
		if token = server.tokenOf(access); token != nil {
			break
		}
	}
	if no := r.checkToken(x, token, scheme); no != nil {
		no.status = http.StatusUnauthorized
		return no
	}
	for _, scope := range required {
		if !slices.Contains(token.Scopes, scope) {
			return &refusal{status: http.StatusForbidden, code: "insufficient_scope", description: "the token does not allow this"}
		}
	}
	return nil
}

func (r *Resource) checkToken(x *exchange, token *grantedToken, scheme string) *refusal {
	switch {
	case token == nil:
		return refuse("invalid_token", "the token is not known, expired or revoked")
	case token.Resource != "" && token.Resource != r.value(x.r):
		return broken("invalid_token", "the token of another resource was sent")
	case !strings.EqualFold(scheme, token.Type):
		return broken("invalid_token", "the token has the type "+token.Type+" and was sent as "+scheme)
	case token.KeyID == "" && r.owner.config.dpopRequired:
		return refuse("invalid_token", "the token is bound to no key")
	case token.KeyID == "":
		return nil
	}
	keyID, no := r.owner.checkProof(x, r.at(x.r)+x.r.URL.Path, token.Access)
	switch {
	case no != nil:
		return no
	case keyID == "":
		return broken("invalid_dpop_proof", "the token is bound to a key, and there was no DPoP proof")
	case keyID != token.KeyID:
		return broken("invalid_token", "the token is bound to another key than the proof's")
	}
	return nil
}

// challenges are the lines of WWW-Authenticate (RFC 6750 section 3, RFC 9728 section 5.1, RFC 9449 section 7.1).
func (r *Resource) challenges(request *http.Request, no *refusal, required []string) []string {
	parameters := []string{}
	add := func(name, value string) {
		if value != "" {
			parameters = append(parameters, name+"="+quoted(value))
		}
	}
	add("error", no.code)
	if no.code != "" {
		add("error_description", no.description)
	}
	add("scope", strings.Join(required, " "))
	if r.config.metadata != "" && !r.config.silent {
		add("resource_metadata", r.at(request)+r.config.metadata)
	}
	scheme, given := "Bearer", request.Header.Get("Authorization")
	if r.owner.config.dpopRequired || r.owner.config.dpop && strings.HasPrefix(strings.ToLower(given), "dpop ") {
		scheme = "DPoP"
		add("algs", strings.Join(signingAlgs(), " "))
	}
	challenge := strings.TrimSuffix(scheme+" "+strings.Join(parameters, ", "), " ")
	if r.config.challenge != nil {
		return r.config.challenge(challenge)
	}
	return []string{challenge}
}

func quoted(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}

// RPC reads the method of a JSON-RPC message, and what it is about: the name of
// a tool or a prompt, or the URI of a resource. Both are "" where there is none.
func RPC(body []byte) (method, target string) {
	var message struct {
		Method string `json:"method"`
		Params struct {
			Name string `json:"name"`
			URI  string `json:"uri"`
		} `json:"params"`
	}
	if json.Unmarshal(body, &message) != nil {
		return "", ""
	}
	if message.Params.Name != "" {
		return message.Method, message.Params.Name
	}
	return message.Method, message.Params.URI
}
