package authtest

import (
	"context"
	"crypto"
	"net/url"
	"slices"
	"time"
)

// script is what a test has told the server to do. The server's mutex guards it.
type script struct {
	queue    []*scripted
	standing []*scripted
	lifetime time.Duration
	consent  func(context.Context, url.Values) Verdict
	edits    []func(map[string]any)
}

type scripted struct {
	at    Endpoint
	fault Fault
}

// takeLocked returns the fault for a request: the first of the queue for this
// endpoint, else the first standing one, else none.
func (sc *script) takeLocked(at Endpoint) Fault {
	forIt := func(f *scripted) bool { return f.at == at }
	if i := slices.IndexFunc(sc.queue, forIt); i >= 0 {
		taken := sc.queue[i]
		sc.queue = slices.Delete(sc.queue, i, i+1)
		return taken.fault
	}
	if i := slices.IndexFunc(sc.standing, forIt); i >= 0 {
		return sc.standing[i].fault
	}
	return noFault
}

// Next queues faults for the endpoint: each meets one request, in their order.
func (s *Server) Next(at Endpoint, faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, fault := range faults {
		s.script.queue = append(s.script.queue, &scripted{at, fault})
	}
}

// Always uses the fault for every request to the endpoint for which none is
// queued, until the returned function is called.
func (s *Server) Always(at Endpoint, fault Fault) (stop func()) {
	standing := &scripted{at, fault}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script.standing = append(s.script.standing, standing)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.script.standing = slices.DeleteFunc(s.script.standing, func(f *scripted) bool { return f == standing })
	}
}

// AddClient makes a client known that registers by no request. An empty secret
// makes it a public one; with one it authenticates by client_secret_basic or
// client_secret_post. A client without redirect URIs has no authorization code.
func (s *Server) AddClient(id, secret string, redirectURIs ...string) {
	s.add(&client{id: id, secret: secret, redirects: slices.Clone(redirectURIs)})
}

// AddKeyClient makes a client known that authenticates by private_key_jwt, with
// the key to this public one: ECDSA on P-256, RSA or Ed25519.
func (s *Server) AddKeyClient(id string, key crypto.PublicKey, redirectURIs ...string) {
	s.add(&client{id: id, key: key, redirects: slices.Clone(redirectURIs)})
}

func (s *Server) add(c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients[c.id] = c
}

// ForgetClients makes every client unknown, as a server does that purges its
// registrations: the token endpoint says invalid_client, and the authorization
// endpoint shows the user an error and calls nobody back.
func (s *Server) ForgetClients() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.clients)
}

// SetTokenLifetime sets how long access tokens that are issued from now on are
// valid. 0: until [Server.ExpireTokens], and nothing is said about it.
func (s *Server) SetTokenLifetime(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script.lifetime = d
}

// ExpireTokens ends every access token issued so far, whatever its lifetime.
// Refresh tokens stay good.
func (s *Server) ExpireTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, token := range s.access {
		token.ended = true
	}
}

// RevokeAll ends every access token and every refresh token, as a user does who
// takes the permission back.
func (s *Server) RevokeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, token := range s.access {
		token.ended = true
	}
	for _, token := range s.refresh {
		token.family.ended = true
	}
}

// EditMetadata changes the metadata documents from now on: edit gets each of
// them before it is sent. It is called by the goroutines that serve requests.
func (s *Server) EditMetadata(edit func(document map[string]any)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script.edits = append(slices.Clip(s.script.edits), edit)
}

// Verdict is what the user says to an authorization request.
type Verdict struct {
	Error       string                    // error code, such as access_denied; "": yes
	Description string                    // goes with Error
	Edit        func(callback url.Values) // has the last word on the callback's query; nil: leaves it
}

// OnConsent lets answer decide on every authorization request, whose query it
// gets. It may wait; ctx ends with the request. Default, and nil: yes at once.
func (s *Server) OnConsent(answer func(ctx context.Context, request url.Values) Verdict) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script.consent = answer
}

// RotateNonces replaces both nonces: proofs with the old ones are refused.
func (s *Server) RotateNonces() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.proofs.rotateLocked()
}
