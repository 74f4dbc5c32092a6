package auth

import (
	"context"
	"errors"
	"net/url"
)

// Begin starts an authorization whose user is elsewhere: in a browser that a web
// application talks to. Send the user to the URL of the request, keep the Pending
// with the user's browser session, and call [Interactive.Complete] with the query
// of the callback, which arrives at redirectURI.
//
// server is the URL of the MCP server. scopes are usually those of the
// [*InteractionRequiredError] that made it necessary; nil: as the server's
// metadata says. The user has ten minutes. No prompter is needed, and none is used.
func (a *Interactive) Begin(ctx context.Context, server, redirectURI string, scopes []string) (*AuthorizationRequest, Pending, error) {
	s, err := a.siteAt(server)
	if err != nil {
		return nil, Pending{}, err
	}
	if err := s.load(ctx); err != nil {
		return nil, Pending{}, err
	}
	r := refusal{challenge: challenge{resourceMetadata: s.hint(), scopes: scopes}}
	f, err := s.discover(ctx, r)
	if err != nil {
		return nil, Pending{}, s.failed(err)
	}
	request, err := s.grantRequest(f, s.initialScopes(r, f))
	if err != nil {
		return nil, Pending{}, s.failed(err)
	}
	plan, err := a.code.registrar.plan(ctx, s.server, f.as)
	if err != nil {
		return nil, Pending{}, s.failed(err)
	}
	begun, err := a.code.begin(ctx, request, plan, redirectURI)
	if err != nil {
		return nil, Pending{}, s.failed(err)
	}
	return begun.request, pendingOf(begun.pending), nil
}

// Complete ends an authorization that [Interactive.Begin] started, here or in
// another process with the same Store and configuration: it checks the callback,
// whose complete query is given, exchanges the code and stores the token. The
// requests that follow find it. A callback of another authorization, which any
// web page can cause, changes nothing; see [Pending.Matches].
func (a *Interactive) Complete(ctx context.Context, pending Pending, callback url.Values) error {
	p := pending.authorization()
	switch {
	case p == nil:
		return errors.New("auth: a zero Pending cannot be completed")
	case p.Profile != a.options.profile:
		return errors.New("auth: the authorization was begun for another Profile")
	}
	s, err := a.siteAt(p.Server)
	if err != nil {
		return err
	}
	now := a.tokens.now()
	if err := p.expired(now); err != nil {
		return s.failed(err)
	}
	code, err := p.check(callback)
	if err != nil {
		return s.failed(err)
	}
	client, known, err := a.grant.identity(ctx, &p.issuance)
	if err == nil && !known {
		err = &InteractionError{Issuer: p.Issuer, Err: errors.New("the client that the authorization was begun with is not known here")}
	}
	if err != nil {
		return s.failed(err)
	}
	key, err := a.keys.named(p.KeyID)
	if err != nil {
		return s.failed(err)
	}
	answer, err := a.code.redeem(ctx, s.server, p, client, code, key)
	if err != nil {
		return s.failed(err)
	}
	return s.failed(s.accept(context.WithoutCancel(ctx), p.issuance, answer, key))
}

// siteAt returns what is known of the MCP server with this URL.
func (e *engine) siteAt(server string) (*site, error) {
	at, err := url.Parse(server)
	if err != nil || at.Host == "" {
		return nil, errors.New("auth: " + quote(server) + " is not the URL of an MCP server")
	}
	at.Fragment, at.User = "", nil
	return e.site(at), nil
}
