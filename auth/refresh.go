package auth

import (
	"context"
	"errors"
	"net/url"
)

// refresh replaces old by means of its refresh token (RFC 6749 section 6).
// refreshed is false, without an error, if the refresh token is of no use any
// more: only a new authorization helps. An error leaves everything as it is.
//
// What has begun is brought to its end whoever still waits: the authorization
// server has replaced the refresh token by then, and forgets the old one.
func (s *site) refresh(ctx context.Context, old *tokenRecord) (refreshed bool, err error) {
	unlock, err := s.engine.records.lock(ctx, old)
	if err != nil {
		return false, err
	}
	defer unlock()
	ctx = context.WithoutCancel(ctx)
	if err := s.reload(ctx); err != nil { // another process may have had the lock before
		return false, err
	}
	current := s.current()
	switch {
	case current != nil && current.AccessToken != old.AccessToken:
		return true, nil
	case current == nil || current.RefreshToken == "":
		return false, nil
	}
	return s.refreshLocked(ctx, current)
}

func (s *site) refreshLocked(ctx context.Context, old *tokenRecord) (refreshed bool, err error) {
	client, known, err := s.engine.grant.identity(ctx, &old.issuance)
	switch {
	case err != nil:
		return false, err
	case !known:
		return false, s.dropRefreshToken(ctx, old)
	}
	at, err := old.endpoint(s.engine.discover.fetch, s.server)
	if err != nil {
		return false, err
	}
	var key *dpopKey
	if old.TokenType == typeDPoP {
		if key, err = s.engine.keys.get(); err != nil {
			return false, err
		}
	}
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {string(old.RefreshToken)}}
	answer, err := s.engine.tokens.ask(ctx, s.server, at, client, old.Resource, form, key)
	if err != nil {
		return s.refreshFailed(ctx, old, client, err)
	}
	token := *old
	granted := old.Granted
	if err := token.fill(answer, key, s.engine.keys.required, s.engine.tokens.now()); err != nil {
		return false, err
	}
	if !answer.hasScopes {
		token.Granted = granted // those of the token that was refreshed (RFC 6749 section 6)
	}
	if err := s.keep(ctx, &token); err != nil {
		return false, err
	}
	s.engine.options.observe(s.tokenEvent(EventRefreshed, &token))
	return true, nil
}

// refreshFailed sorts the refusals of a refresh. Those that say that the token or
// the client is dead make a new authorization necessary; all others are errors,
// which change nothing: an authorization server that is down must not open a browser.
func (s *site) refreshFailed(ctx context.Context, old *tokenRecord, client identity, err error) (bool, error) {
	e := s.tokenEvent(EventRefreshFailed, old)
	e.Err = err
	s.engine.options.observe(e)
	refused, ok := errors.AsType[*TokenError](err)
	if !ok {
		return false, err
	}
	switch {
	case refused.Code == "invalid_grant":
		return false, s.dropRefreshToken(ctx, old)
	case isForgotten(err) && client.origin == dynamic:
		if err := s.engine.records.dropRegistration(ctx, old.Issuer, old.ClientID); err != nil {
			return false, err
		}
		return false, s.dropRefreshToken(ctx, old)
	default:
		return false, err
	}
}

// dropRefreshToken removes a dead refresh token, unless another process has
// replaced it meanwhile: then that one's token is taken over.
func (s *site) dropRefreshToken(ctx context.Context, old *tokenRecord) error {
	token := *old
	token.RefreshToken = ""
	_, version := s.held()
	saved, err := s.engine.records.saveToken(ctx, s.server.String(), &token, version)
	switch {
	case errors.Is(err, ErrConflict):
		return s.reload(ctx)
	case err != nil:
		return err
	}
	s.adopt(&token, saved)
	return nil
}
