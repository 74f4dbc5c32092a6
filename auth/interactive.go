package auth

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"slices"
)

// InteractiveConfig says who the application is and how it reaches its user. The
// zero value is ready for an application that completes authorizations itself,
// by [Interactive.Begin] and [Interactive.Complete].
type InteractiveConfig struct {
	// Prompter asks the user: a request that needs a token then waits until the
	// user is done, or its context. nil: the request fails with an
	// [*InteractionRequiredError].
	Prompter Prompter

	// ClientName is what the user reads on the consent page of an authorization
	// server that the client registers with by itself. Default: the program's name.
	ClientName string
	// ClientURI and LogoURI are the application's web page and its logo, for the
	// same page. Optional.
	ClientURI, LogoURI string

	// ClientMetadataURL is where the application has published its client metadata
	// document, see [ClientDocument]. It is the client's id with every
	// authorization server that takes such documents. Optional.
	ClientMetadataURL string

	// Registered are the clients that were registered by hand. They go before all
	// else, each with its own authorization server alone.
	Registered []Registration

	// LoginHint is who the user probably is, for the login page. Optional.
	LoginHint string

	// Confirm is asked before the user is: an error ends the authorization. It is
	// the place to show where a token comes from and what it will allow; what the
	// MCP server says of itself is not verified. nil: go on.
	Confirm func(ctx context.Context, request *AuthorizationRequest) error

	// NoRefresh asks for no refresh tokens. The user is then asked again whenever a
	// token has expired.
	NoRefresh bool

	// Options are what all flows have in common.
	Options Options
}

// Interactive authorizes with the code flow of OAuth 2.1 (specification,
// "Authorization"): it discovers the authorization server, gets the client known
// there, has the user agree in a browser, and keeps the token, which it refreshes
// and, when a server asks for more, replaces. Requests that are refused at the
// same time share one flow. It is safe for concurrent use, by any number of
// sessions with any number of servers: each gets a token of its own.
type Interactive struct {
	*engine

	code *codeGrant
}

// NewInteractive returns an authorizer for config. An error says what is wrong with config.
func NewInteractive(config InteractiveConfig) (*Interactive, error) {
	if config.ClientName == "" {
		config.ClientName = filepath.Base(os.Args[0])
	}
	options, err := config.Options.engine()
	if err != nil {
		return nil, err
	}
	options.refresh = !config.NoRefresh
	e := newEngine(nil, options)
	g := &codeGrant{
		engine: e, prompter: config.Prompter, confirm: config.Confirm, loginHint: config.LoginHint,
		registrar: &registrar{
			fetch: e.discover.fetch, keeper: e.records, now: e.tokens.now,
			registered: slices.Clone(config.Registered), documentURL: config.ClientMetadataURL,
			client: clientMetadata{
				name: config.ClientName, uri: config.ClientURI, logoURI: config.LogoURI,
				onlyDPoP: options.bound,
			},
		},
	}
	if err := g.registrar.validate(); err != nil {
		return nil, err
	}
	e.grant = g
	return &Interactive{engine: e, code: g}, nil
}

// codeGrant gets tokens by the authorization code grant with PKCE.
type codeGrant struct {
	engine    *engine
	registrar *registrar
	prompter  Prompter
	confirm   func(context.Context, *AuthorizationRequest) error
	loginHint string
}

func (g *codeGrant) issuers() (known []string, only bool) {
	for i := range g.registrar.registered {
		known = append(known, g.registrar.registered[i].Issuer)
	}
	return known, false
}

func (g *codeGrant) needsCode() bool { return true }

func (g *codeGrant) identity(ctx context.Context, i *issuance) (client identity, known bool, err error) {
	return g.registrar.known(ctx, i)
}

// obtain asks the user. A registration that turns out to be forgotten by its
// authorization server is dropped, and all is begun anew, once.
func (g *codeGrant) obtain(ctx context.Context, r *grantRequest) (*grantAnswer, error) {
	if r.quiet || g.prompter == nil {
		return nil, &InteractionRequiredError{
			Server: withoutQuery(r.server), Resource: r.resource.resource, Issuer: r.as.issuer, Scopes: slices.Clone(r.scopes),
		}
	}
	plan, err := g.registrar.plan(ctx, r.server, r.as)
	if err != nil {
		return nil, err
	}
	answer, client, err := g.ask(ctx, r, plan)
	if !isForgotten(err) || plan.registers || client.origin != dynamic {
		return answer, err
	}
	if err := g.registrar.forget(context.WithoutCancel(ctx), r.as.issuer, client.clientID); err != nil {
		return nil, err
	}
	if plan, err = g.registrar.plan(ctx, r.server, r.as); err != nil {
		return nil, err
	}
	answer, _, err = g.ask(ctx, r, plan)
	return answer, err
}

// isForgotten reports whether an authorization server does not know the client.
func isForgotten(err error) bool {
	refused, ok := errors.AsType[*TokenError](err)
	return ok && (refused.Code == "invalid_client" || refused.Code == "unauthorized_client")
}

// ask leads the user through one authorization.
func (g *codeGrant) ask(ctx context.Context, r *grantRequest, plan *identityPlan) (*grantAnswer, identity, error) {
	prompt, err := g.prompter.Prepare(ctx, plan.hint())
	if err != nil {
		return nil, identity{}, g.interrupted(ctx, r, err)
	}
	defer func() { _ = prompt.Close() }() // whatever it says, the answer is there or is not
	begun, err := g.begin(ctx, r, plan, prompt.RedirectURI())
	if err != nil {
		return nil, begun.client, err
	}
	g.engine.options.observe(Event{
		Kind: EventPrompting, Server: withoutQuery(r.server), Issuer: r.as.issuer, Resource: r.resource.resource,
		ClientID: begun.client.clientID, Scopes: slices.Clone(r.scopes), Legacy: r.resource.legacy,
	})
	query, err := prompt.Ask(ctx, begun.request)
	if err != nil {
		return nil, begun.client, g.interrupted(ctx, r, err)
	}
	code, err := begun.pending.check(query)
	if errors.Is(err, errForeignState) {
		err = &InteractionError{Issuer: r.as.issuer, Err: err}
	}
	if err != nil {
		return nil, begun.client, err
	}
	token, err := g.redeem(ctx, r.server, begun.pending, begun.client, code, r.key)
	if err != nil {
		return nil, begun.client, err
	}
	return &grantAnswer{token: token, client: begun.client}, begun.client, nil
}

// interrupted types an error of a prompter.
func (g *codeGrant) interrupted(ctx context.Context, r *grantRequest, err error) error {
	if ctx.Err() != nil || is[*InteractionError](err) {
		return err
	}
	return &InteractionError{Issuer: r.as.issuer, Err: withoutAnswer(err)} // the URL that was shown holds the state
}

// begunAuthorization is an authorization that waits for the user.
type begunAuthorization struct {
	pending *pendingAuthorization
	request *AuthorizationRequest
	client  identity
}

// begin settles all of an authorization that has to be settled before the user is
// sent away.
func (g *codeGrant) begin(ctx context.Context, r *grantRequest, plan *identityPlan, receiver string) (begun begunAuthorization, err error) {
	if r.as.pushRequired {
		return begun, &MetadataError{URL: r.as.issuer, Err: errors.New("the authorization server takes pushed authorization requests alone (RFC 9126), which MCP does not have")}
	}
	client, callback, err := plan.identify(ctx, receiver, r.scopes)
	if err != nil {
		return begun, err
	}
	begun.client = client
	if plan.registers {
		g.engine.options.observe(Event{Kind: EventRegistered, Server: withoutQuery(r.server), Issuer: r.as.issuer, ClientID: client.clientID})
	}
	begun.pending = newPending(r, client, callback, g.engine.tokens.now())
	at := begun.pending.url(r.as.authorization, authorizeOptions{consent: r.offline, loginHint: g.loginHint})
	if err := checkBrowserURL(at.String()); err != nil {
		return begun, err
	}
	begun.request = begun.pending.request(at, r.resource.name)
	if g.confirm != nil {
		if err := g.confirm(ctx, begun.request); err != nil {
			return begun, &InteractionError{Issuer: r.as.issuer, Err: err}
		}
	}
	return begun, nil
}

// redeem exchanges the code for a token, at the place that was settled before it
// was asked for. It is brought to its end whoever still waits: a code is good for one try.
func (g *codeGrant) redeem(ctx context.Context, server *url.URL, p *pendingAuthorization, client identity, code secret, key *dpopKey) (*tokenAnswer, error) {
	at, err := p.endpoint(g.engine.discover.fetch, server)
	if err != nil {
		return nil, err
	}
	form := url.Values{
		"grant_type":    {"authorization_code"},
		"code":          {string(code)},
		"redirect_uri":  {p.RedirectURI},
		"code_verifier": {string(p.Verifier)},
	}
	token, err := g.engine.tokens.ask(context.WithoutCancel(ctx), server, at, client, p.Resource, form, key)
	if err != nil {
		return nil, err
	}
	if !token.hasScopes {
		token.scopes = slices.Clone(p.Requested)
	}
	return token, nil
}
