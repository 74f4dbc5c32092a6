package auth

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/oauth2"
)

// Status is what an authorizer has for one server. It holds no secret.
type Status struct {
	Authorized  bool // there is a token; it may have expired
	Issuer      string
	Resource    string
	ClientID    string
	Scopes      []string  // what the token allows
	ExpiresAt   time.Time // zero: not said
	Refreshable bool      // it can be replaced without the user
	Legacy      bool      // by the rules of protocol version 2025-03-26, for want of metadata
}

// Status returns what there is for the MCP server with this URL, in the store or
// in memory. It asks no authorization server.
func (e *engine) Status(ctx context.Context, server string) (Status, error) {
	s, err := e.siteAt(server)
	if err != nil {
		return Status{}, err
	}
	if err := s.load(ctx); err != nil {
		return Status{}, err
	}
	token := s.current()
	if token == nil {
		return Status{}, nil
	}
	return Status{
		Authorized: true, Issuer: token.Issuer, Resource: token.Resource, ClientID: token.ClientID,
		Scopes: slices.Clone(token.Granted), ExpiresAt: token.ExpiresAt, Refreshable: token.RefreshToken != "", Legacy: token.Legacy,
	}, nil
}

// Logout forgets the token for the MCP server with this URL and, where the
// authorization server takes that, revokes it (RFC 7009). The error is that of
// the store, or that of the revocation: the token is forgotten all the same.
func (e *engine) Logout(ctx context.Context, server string) error {
	s, err := e.siteAt(server)
	if err != nil {
		return err
	}
	if err := s.reload(ctx); err != nil {
		return err
	}
	token, version := s.held()
	if token == nil {
		return nil
	}
	if err := e.records.dropToken(ctx, s.server.String(), token, version); err != nil && !errors.Is(err, ErrConflict) {
		return err
	}
	s.adopt(nil, 0)
	return s.revoke(ctx, token)
}

// revoke tells the authorization server that a token is not used any more. With
// the refresh token goes the access token that came of it (RFC 7009 section 2.1).
func (s *site) revoke(ctx context.Context, token *tokenRecord) error {
	if token.Revocation == "" {
		return nil
	}
	client, known, err := s.engine.grant.identity(ctx, &token.issuance)
	if err != nil || !known {
		return err
	}
	endpoint, err := s.engine.discover.fetch.checkURL(s.server, token.Revocation, "revocation_endpoint")
	if err != nil {
		return err
	}
	at, err := token.endpoint(s.engine.discover.fetch, s.server)
	if err != nil {
		return err
	}
	value, hint := token.AccessToken, "access_token"
	if token.RefreshToken != "" {
		value, hint = token.RefreshToken, "refresh_token"
	}
	return s.engine.tokens.revoke(ctx, s.server, endpoint, at, client, value, hint)
}

// TokenSource returns the tokens for the MCP server with this URL in the form that
// other packages take. Token gets one if there is none, and so may ask the user;
// it waits no longer than ctx. A token that is bound to a key (DPoP) is of no use there.
func (e *engine) TokenSource(ctx context.Context, server string) oauth2.TokenSource {
	return siteTokens(func() (*oauth2.Token, error) { return e.token(ctx, server) })
}

type siteTokens func() (*oauth2.Token, error)

// Token implements oauth2.TokenSource.
func (f siteTokens) Token() (*oauth2.Token, error) { return f() }

func (e *engine) token(ctx context.Context, server string) (*oauth2.Token, error) {
	s, err := e.siteAt(server)
	if err != nil {
		return nil, err
	}
	token, err := s.usable(ctx)
	if err == nil && (token == nil || !token.ExpiresAt.IsZero() && !e.tokens.now().Before(token.ExpiresAt)) {
		var old secret
		if token != nil {
			old = token.AccessToken
		}
		if _, err = s.recoverFrom(ctx, refusal{sent: old, challenge: challenge{resourceMetadata: s.hint()}}, s.replace); err == nil {
			token = s.current()
		}
	}
	switch {
	case err != nil:
		return nil, err
	case token == nil:
		return nil, &InteractionRequiredError{Server: withoutQuery(s.server)}
	}
	return &oauth2.Token{AccessToken: string(token.AccessToken), TokenType: token.TokenType, Expiry: token.ExpiresAt}, nil
}

var _ oauth2.TokenSource = siteTokens(nil)

// hint is where the server's last refusal said that its metadata is; "": it did not.
func (s *site) hint() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hinted
}

func (s *site) held() (*tokenRecord, uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.token, s.version
}
