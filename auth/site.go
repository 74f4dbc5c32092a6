package auth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// site is one MCP server as an authorizer knows it: its token, and the one
// flight at a time that replaces the token for all requests that wait for it.
type site struct {
	engine *engine
	server *url.URL

	stepUps stepUpMemory

	mu       sync.Mutex
	loaded   bool         // the store has been asked
	token    *tokenRecord // immutable; nil: none
	version  uint64       // of the token in the store
	flight   *flight      // nil: none under way
	denial   error        // how asking the user ended last
	silentTo time.Time    // until then the user is not asked again
	hinted   string       // resource_metadata of the last challenge
}

// flight is one recovery, shared by all who wait for it. It runs on a context of
// its own, and is given up when nobody waits any more.
type flight struct {
	cancel  context.CancelFunc
	done    chan struct{}
	quiet   bool  // it asks nobody: what it fails with is not the last word
	err     error // once done is closed
	waiting int   // site.mu guards it
}

// refusal is what a server's refusal tells.
type refusal struct {
	challenge challenge
	version   string // of the protocol, as the request said
	sent      secret // the token that was refused; "": none
	quiet     bool   // the user must not be asked
}

// sentToken returns the token of a request.
func sentToken(req *http.Request) secret {
	_, token, _ := strings.Cut(req.Header.Get("Authorization"), " ")
	return secret(strings.TrimSpace(token))
}

// usable returns the token to send, nil if there is none.
func (s *site) usable(ctx context.Context) (*tokenRecord, error) {
	if err := s.load(ctx); err != nil {
		return nil, err
	}
	token := s.current()
	if token == nil {
		// What is being asked for now will be ours as well.
		if err := s.await(ctx); err != nil {
			return nil, err
		}
		return s.current(), nil
	}
	now := s.engine.tokens.now()
	if token.RefreshToken == "" || !token.expiresSoon(now) {
		return token, nil
	}
	_, err := s.join(ctx, false, func(ctx context.Context) error {
		_, err := s.refresh(ctx, token)
		return err
	})
	switch newer := s.current(); {
	case newer != nil && newer != token:
		return newer, nil
	case err != nil && ctx.Err() != nil:
		return nil, err
	case err != nil && !now.Before(token.ExpiresAt):
		return nil, err
	default: // it is still good for a moment; or the server is to say what it wants
		return s.current(), nil
	}
}

func (s *site) current() *tokenRecord {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.token
}

// load asks the store for the token of an earlier run.
func (s *site) load(ctx context.Context) error {
	s.mu.Lock()
	loaded := s.loaded
	s.mu.Unlock()
	if loaded {
		return nil
	}
	return s.reload(ctx)
}

// reload takes over what the store has: another process may have replaced the token.
func (s *site) reload(ctx context.Context) error {
	token, version, err := s.engine.records.token(ctx, s.server.String())
	if err != nil {
		return err
	}
	if token != nil && !s.engine.holdsKeyOf(token) {
		token = nil // who has lost the key has lost the token
	}
	s.adopt(token, version)
	return nil
}

// holdsKeyOf reports whether a bound token can be used.
func (e *engine) holdsKeyOf(token *tokenRecord) bool {
	if token.TokenType != typeDPoP {
		return !e.keys.required
	}
	key, err := e.keys.get()
	return err == nil && key.thumbprint == token.KeyID
}

func (s *site) adopt(token *tokenRecord, version uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token != nil && token != nil && s.token.AccessToken == token.AccessToken && s.version == version {
		s.loaded = true
		return // keeps the identity of the record
	}
	s.token, s.version, s.loaded = token, version, true
}

// recoverFrom has work replace the token that was refused, unless that has
// happened already. It reports whether there is another token now.
func (s *site) recoverFrom(ctx context.Context, r refusal, work func(context.Context, refusal) error) (retry bool, err error) {
	s.mu.Lock()
	if r.challenge.resourceMetadata != "" {
		s.hinted = r.challenge.resourceMetadata
	}
	s.mu.Unlock()
	for !s.hasOther(r.sent) {
		f, err := s.join(ctx, r.quiet, func(ctx context.Context) error { return work(ctx, r) })
		switch {
		case f.own:
			return err == nil && s.hasOther(r.sent), err
		case ctx.Err() != nil, err != nil && !f.quiet:
			return false, err
		}
	}
	return true, nil
}

// boarded is a flight as one of its waiters sees it.
type boarded struct {
	*flight
	own bool // it was started for this waiter
}

// join waits for the flight under way, or for a new one that does work.
func (s *site) join(ctx context.Context, quiet bool, work func(context.Context) error) (boarded, error) {
	s.mu.Lock()
	f := boarded{flight: s.flight}
	if f.own = f.flight == nil; f.own {
		f.flight = s.launch(ctx, quiet, work)
	}
	f.waiting++
	s.mu.Unlock()
	return f, s.wait(ctx, f.flight)
}

// await waits for the flight under way, if there is one that may ask the user.
func (s *site) await(ctx context.Context) error {
	s.mu.Lock()
	f := s.flight
	if f == nil || f.quiet {
		s.mu.Unlock()
		return nil
	}
	f.waiting++
	s.mu.Unlock()
	return s.wait(ctx, f)
}

// launch starts a flight; the caller holds s.mu. The goroutine ends by itself
// soon after its last waiter has left: all that it does is bound to its context,
// or to the time limit of one request.
func (s *site) launch(ctx context.Context, quiet bool, work func(context.Context) error) *flight {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f := &flight{cancel: cancel, done: make(chan struct{}), quiet: quiet}
	s.flight = f
	go func() {
		defer cancel()
		f.err = errFlightLost
		defer func() { // deferred: a hook of the application may end this goroutine
			s.mu.Lock()
			if s.flight == f {
				s.flight = nil
			}
			s.mu.Unlock()
			close(f.done)
		}()
		f.err = work(ctx)
	}()
	return f
}

var errFlightLost = errors.New("a hook of the application ended the goroutine of the authorization")

// wait waits for f. Whoever leaves last takes it along.
func (s *site) wait(ctx context.Context, f *flight) error {
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.waiting--; f.waiting == 0 {
		f.cancel()
		if s.flight == f { // who comes now begins anew
			s.flight = nil
		}
	}
	return context.Cause(ctx)
}
