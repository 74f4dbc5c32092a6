package authtest

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// Endpoint is what a request is for.
type Endpoint string

// The endpoints of an authorization server and of the resources that it protects.
const (
	ServerMetadata        Endpoint = "server metadata"
	AuthorizationEndpoint Endpoint = "authorization"
	TokenEndpoint         Endpoint = "token"
	RegistrationEndpoint  Endpoint = "registration"
	RevocationEndpoint    Endpoint = "revocation"
	KeySet                Endpoint = "key set"
	ResourceMetadata      Endpoint = "resource metadata"
	MCPEndpoint           Endpoint = "mcp"       // of a resource: what the token is for
	Elsewhere             Endpoint = "elsewhere" // a path where there is nothing
)

// Request is an HTTP request that arrived. Nothing is left out of it: it is
// there for tests. It is shared by all who ask for it: its maps and Body must
// not be changed.
type Request struct {
	Time     time.Time
	Endpoint Endpoint
	Method   string
	Host     string
	Path     string
	Header   http.Header
	Query    url.Values
	Form     url.Values // of a POSTed form; nil: there was none
	Body     []byte

	Status int    // of the answer; 0: none yet, or the connection was cut before it
	Error  string // OAuth error code of the answer; "": none
}

// Token is an access token that was issued.
type Token struct {
	Access    string
	Refresh   string // issued with it, "": none
	Type      string // Bearer or DPoP
	Grant     string // grant_type of the request
	ClientID  string
	Subject   string
	Scopes    []string
	Resource  string // what it is for; "": anything
	KeyID     string // thumbprint of the DPoP key that it is bound to (RFC 7638); "": none
	Family    int    // all tokens that go back to the same authorization have the same
	IssuedAt  time.Time
	ExpiresAt time.Time // zero: not said
}

// ledger remembers what happened. The server's mutex guards it.
type ledger struct {
	requests   []*Request
	tokens     []Token
	violations []string
	reused     int
	replayed   int
	families   int
	changed    chan struct{} // nil unless somebody waits; closed at the next change
}

func (l *ledger) wakeLocked() {
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// Requests returns the requests for these endpoints, for all without an
// argument, in the order in which they arrived: also refused ones, and those
// that met a fault.
func (s *Server) Requests(endpoints ...Endpoint) []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	var requests []Request
	for _, r := range s.ledger.requests {
		if len(endpoints) == 0 || slices.Contains(endpoints, r.Endpoint) {
			requests = append(requests, *r)
		}
	}
	return requests
}

// Count counts the requests for these endpoints, for all without an argument.
func (s *Server) Count(endpoints ...Endpoint) int { return len(s.Requests(endpoints...)) }

// Tokens returns the access tokens that were issued, in their order, also those
// that have expired.
func (s *Server) Tokens() []Token {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ledger.tokens)
}

// Reused counts the refresh tokens that were sent after they had been replaced.
// Each has ended its family of tokens (RFC 9700 section 4.14.2).
func (s *Server) Reused() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ledger.reused
}

// Replayed counts the DPoP proofs that were sent again.
func (s *Server) Replayed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ledger.replayed
}

// Violations lists what clients have done against the specifications, a
// sentence each.
func (s *Server) Violations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ledger.violations)
}

func (s *Server) violation(at Endpoint, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.violationLocked(at, text)
}

func (s *Server) violationLocked(at Endpoint, text string) {
	s.ledger.violations = append(s.ledger.violations, string(at)+": "+text)
	s.ledger.wakeLocked()
}

// Await waits until condition holds. It asks at once, and again whenever a
// request arrives or is answered, or a token is issued. The condition may call
// the server. The error is that of ctx, or tells that the server was closed.
func (s *Server) Await(ctx context.Context, condition func() bool) error {
	for {
		s.mu.Lock()
		if s.ledger.changed == nil {
			s.ledger.changed = make(chan struct{})
		}
		changed := s.ledger.changed
		s.mu.Unlock()
		if condition() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.ctx.Done():
			return errors.New("authtest: the server was closed")
		}
	}
}
