package auth

import (
	"context"
	"errors"
	"slices"
	"time"
)

// found is what discovery has come to for one server.
type found struct {
	resource *protectedResource
	as       *authServer
}

// replace gets a token in the place of one that the server does not take, or of
// none. Discovery is never answered from memory here: the server may have moved
// to another authorization server.
func (s *site) replace(ctx context.Context, r refusal) error {
	if done, err := s.overtaken(ctx, r); done || err != nil {
		return err
	}
	if old := s.current(); old == nil || old.RefreshToken == "" { // else the user need not be asked
		if err := s.denied(); err != nil {
			return err
		}
	}
	f, err := s.discover(ctx, r)
	if err != nil {
		return s.failed(err)
	}
	if err := s.migrate(ctx, f); err != nil {
		return s.failed(err)
	}
	if old := s.current(); old != nil && old.RefreshToken != "" {
		refreshed, err := s.refresh(ctx, old)
		if refreshed || err != nil {
			return err
		}
		if s.hasOther(r.sent) {
			return nil // another process was faster
		}
	}
	return s.obtain(ctx, r, f, s.initialScopes(r, f))
}

// stepUp gets a token with the scopes that the server misses. Refreshing would
// not help: a refreshed token allows what the old one did.
func (s *site) stepUp(ctx context.Context, r refusal) error {
	if done, err := s.overtaken(ctx, r); done || err != nil {
		return err
	}
	old := s.current()
	if old == nil {
		return s.replace(ctx, r)
	}
	if err := s.denied(); err != nil {
		return err
	}
	insufficient := &InsufficientScopeError{Challenged: r.challenge.scopes, Granted: old.Granted}
	if s.engine.options.policy.NoStepUp || len(r.challenge.scopes) > 0 && contains(old.Granted, r.challenge.scopes) {
		return s.failed(insufficient) // with the very scopes that it asks for, the server refuses
	}
	f, err := s.discover(ctx, r)
	if err != nil {
		return s.failed(err)
	}
	if err := s.migrate(ctx, f); err != nil {
		return s.failed(err)
	}
	wanted := union(old.Requested, r.challenge.scopes)
	if len(r.challenge.scopes) == 0 {
		wanted = union(old.Requested, f.resource.scopes)
	}
	if contains(old.Requested, wanted) || !s.stepUps.allow(f.as.issuer, f.resource.resource, wanted, s.engine.tokens.now()) {
		return s.failed(insufficient)
	}
	s.engine.options.observe(s.event(EventStepUp, f, wanted))
	return s.obtain(ctx, r, f, wanted)
}

// overtaken reports whether the token has been replaced meanwhile, by this
// process or another.
func (s *site) overtaken(ctx context.Context, r refusal) (bool, error) {
	if err := s.reload(ctx); err != nil {
		return false, s.failed(err)
	}
	return s.hasOther(r.sent), nil
}

// hasOther reports whether there is a token, and another one than sent.
func (s *site) hasOther(sent secret) bool {
	token := s.current()
	return token != nil && token.AccessToken != sent
}

// denied returns the user's last word, while he is not to be asked again.
func (s *site) denied() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.engine.tokens.now().Before(s.silentTo) {
		return s.denial
	}
	return nil
}

// discover finds the authorization server of s.
func (s *site) discover(ctx context.Context, r refusal) (*found, error) {
	ctx, cancel := context.WithTimeout(ctx, discoveryTime)
	defer cancel()
	d := s.engine.discover
	var pinned, held []string
	known, only := s.engine.grant.issuers()
	if only {
		pinned = known
	}
	resource, err := d.resource(ctx, s.server, r.challenge.resourceMetadata, r.version, pinned)
	if err != nil {
		return nil, err
	}
	if old := s.current(); old != nil {
		held = append(held, old.Issuer)
	}
	issuer, err := d.chooseIssuer(s.server, resource, pinned, append(held, known...))
	if err != nil {
		return nil, err
	}
	as, err := d.server(ctx, s.server, issuer, s.engine.grant.needsCode(), resource.legacy, r.version)
	if err != nil {
		return nil, err
	}
	f := &found{resource: resource, as: as}
	s.engine.options.observe(s.event(EventDiscovered, f, nil))
	return f, nil
}

// migrate drops a token of an authorization server that the MCP server does not
// name any more: nothing of it, neither client nor refresh token, is of use at another.
func (s *site) migrate(ctx context.Context, f *found) error {
	old := s.current()
	if old == nil || old.Issuer == f.as.issuer && old.Resource == f.resource.resource {
		return nil
	}
	s.engine.options.observe(s.event(EventServerChanged, f, nil))
	_, version := s.held()
	if err := s.engine.records.dropToken(context.WithoutCancel(ctx), s.server.String(), old, version); err != nil && !errors.Is(err, ErrConflict) {
		return err
	}
	s.adopt(nil, 0)
	known, _ := s.engine.grant.issuers()
	if old.Origin == string(preRegistered) && old.Issuer != f.as.issuer && !slices.Contains(known, f.as.issuer) {
		return &ServerChangedError{Server: withoutQuery(s.server), Known: []string{old.Issuer}, Offered: f.resource.issuers}
	}
	return nil
}

// initialScopes are those to ask for where there is no token to build on: what
// the challenge says, else what the server's metadata lists, else what the
// application wants, else none (specification, "Scope Selection Strategy").
func (s *site) initialScopes(r refusal, f *found) []string {
	if old := s.current(); old != nil {
		return union(old.Requested, r.challenge.scopes)
	}
	return initialScopes(r.challenge.scopes, f.resource.scopes, s.engine.options.scopes)
}

// obtain has the grant get a token, and stores it.
func (s *site) obtain(ctx context.Context, r refusal, f *found, scopes []string) error {
	if err := s.denied(); err != nil { // the refresh token turned out to be dead
		return err
	}
	request, err := s.grantRequest(f, scopes)
	if err != nil {
		return s.failed(err)
	}
	request.quiet = r.quiet
	answer, err := s.engine.grant.obtain(ctx, request)
	if err != nil {
		return s.failed(s.noteDenial(err))
	}
	return s.failed(s.accept(context.WithoutCancel(ctx), request.issuanceTo(answer.client), answer.token, request.key))
}

// accept makes the token of a new authorization the current one.
func (s *site) accept(ctx context.Context, issued issuance, answer *tokenAnswer, key *dpopKey) error {
	token := &tokenRecord{V: recordVersion, issuance: issued}
	if err := token.fill(answer, key, s.engine.keys.required, s.engine.tokens.now()); err != nil {
		return err
	}
	if err := s.keep(ctx, token); err != nil {
		return err
	}
	s.engine.options.observe(s.tokenEvent(EventAuthorized, token))
	return nil
}

// grantRequest settles what a grant asks for.
func (s *site) grantRequest(f *found, scopes []string) (*grantRequest, error) {
	key, err := s.keyFor(f)
	if err != nil {
		return nil, err
	}
	o := &s.engine.options
	if o.filter != nil {
		scopes = o.filter(slices.Clone(scopes))
	}
	r := &grantRequest{profile: o.profile, server: s.server, resource: f.resource, as: f.as, key: key, discover: s.engine.discover, tokens: s.engine.tokens}
	r.scopes = withOffline(scopes, f.as, o.refresh)
	r.offline = slices.Contains(r.scopes, offlineAccess)
	return r, nil
}

func (s *site) tokenEvent(kind EventKind, token *tokenRecord) Event {
	e := s.event(kind, nil, token.Granted)
	e.Issuer, e.Resource, e.ClientID = token.Issuer, token.Resource, token.ClientID
	e.ExpiresAt, e.Legacy = token.ExpiresAt, token.Legacy
	return e
}

// keyFor returns the key that the token is to be bound to, nil for a bearer token.
func (s *site) keyFor(f *found) (*dpopKey, error) {
	ring := &s.engine.keys
	if !ring.wanted && !f.resource.wantsDPoP {
		return nil, nil
	}
	key, err := ring.get()
	switch {
	case err != nil:
		return nil, err
	case key.supports(f.as.dpopAlgs) && key.supports(f.resource.dpopAlgs):
		return key, nil
	case ring.required || f.resource.wantsDPoP:
		return nil, &CredentialError{Source: "DPoP key", Err: errors.New("the algorithm " + key.algorithm +
			" is not among those that the MCP server and its authorization server list in dpop_signing_alg_values_supported: set DPoP.Key to one that is")}
	default:
		return nil, nil
	}
}

// fill takes over a token response.
func (r *tokenRecord) fill(t *tokenAnswer, key *dpopKey, bound bool, now time.Time) error {
	r.AccessToken, r.TokenType, r.ExpiresAt, r.IssuedAt = t.accessToken, t.tokenType, t.expiresAt, now
	if t.refreshToken != "" {
		r.RefreshToken = t.refreshToken
	}
	r.Granted = r.Requested
	if t.hasScopes {
		r.Granted = t.scopes
	}
	switch {
	case t.tokenType == typeDPoP && key != nil:
		r.KeyID = key.thumbprint
	case t.tokenType == typeDPoP:
		return &TokenError{Endpoint: r.Issuer, Description: "the token is bound to a key, although none was offered"}
	case t.tokenType != typeBearer:
		return &TokenError{Endpoint: r.Issuer, Description: "the token is of type " + quote(t.tokenType) + ", not Bearer"}
	case bound:
		return &TokenError{Endpoint: r.Issuer, Description: "the token is not bound to the DPoP key, as DPoP.Required wants it"}
	}
	return nil
}

// keep stores a new token and makes it the current one. It is newer than
// whatever another process may have stored meanwhile.
func (s *site) keep(ctx context.Context, token *tokenRecord) error {
	version, err := s.engine.records.saveToken(ctx, s.server.String(), token, 0)
	if err != nil {
		return err
	}
	s.adopt(token, version)
	return nil
}

const (
	// discoveryTime bounds one discovery, whatever its servers do.
	discoveryTime = 30 * time.Second
	// coolDown is how long a user who said no is left in peace: the calls that
	// wait would ask again at once.
	coolDown = 30 * time.Second
)

// noteDenial remembers how asking the user ended.
func (s *site) noteDenial(err error) error {
	denied, interrupted := is[*AccessDeniedError](err), is[*InteractionError](err)
	if !denied && !interrupted {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silentTo = s.engine.tokens.now().Add(coolDown)
	if failed, ok := errors.AsType[*InteractionError](err); ok {
		failed.RetryAt = s.silentTo
	}
	s.denial = err
	return err
}

// failed tells the observer of an error, if it is one, and returns it.
func (s *site) failed(err error) error {
	if err != nil && !errors.Is(err, context.Canceled) {
		e := s.event(EventFailed, nil, nil)
		e.Err = err
		s.engine.options.observe(e)
	}
	return err
}

func (s *site) event(kind EventKind, f *found, scopes []string) Event {
	e := Event{Kind: kind, Server: withoutQuery(s.server), Scopes: slices.Clone(scopes)}
	if f != nil {
		e.Issuer, e.Resource, e.Legacy = f.as.issuer, f.resource.resource, f.resource.legacy
	}
	return e
}

// is reports whether err is, or wraps, an E.
func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
