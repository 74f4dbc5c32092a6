package auth

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"slices"
)

// EnterpriseConfig is a client whose users sign in with their company, which then
// says what MCP servers they may use.
type EnterpriseConfig struct {
	// Provider is the company's identity provider. Required.
	Provider IdentityProvider
	// Subject returns what the identity provider gave for the user: a token and
	// its kind. It is called whenever a token for an MCP server is needed,
	// concurrently, and gets a new one first if the old has expired. ctx is not
	// that of one call: several may wait for the token. The errors must not hold
	// the user's token. Required.
	Subject func(ctx context.Context) (token string, kind SubjectKind, err error)
	// Clients are the client as the authorization servers of the MCP servers know
	// it, one for each, the preferred first. At least one is required. RedirectURI
	// is not used. A public client, such as one whose id is the URL of a client
	// metadata document, leaves Auth empty.
	Clients []Registration

	// Options are what all flows have in common.
	Options Options
}

// IdentityProvider is a company's authorization server, and the client as it is
// known there.
type IdentityProvider struct {
	// Issuer identifies it. Required.
	Issuer string
	// TokenEndpoint is its token endpoint. "": as its metadata says.
	TokenEndpoint string
	// ClientID is the client that Subject's tokens were given to. Required.
	ClientID string
	// Auth is how the client proves to be that. The zero value: a public client.
	Auth ClientAuth
}

// SubjectKind is a kind of token that says who a user is, a token type identifier
// of RFC 8693 section 3.
type SubjectKind string

const (
	// SubjectIDToken is an ID token of OpenID Connect.
	SubjectIDToken SubjectKind = "urn:ietf:params:oauth:token-type:id_token" //nolint:gosec // a name, no secret
	// SubjectSAML2 is an assertion of SAML 2.0, in base64url.
	SubjectSAML2 SubjectKind = "urn:ietf:params:oauth:token-type:saml2"
	// SubjectRefreshToken is a refresh token of the identity provider.
	SubjectRefreshToken SubjectKind = "urn:ietf:params:oauth:token-type:refresh_token" //nolint:gosec // a name, no secret
)

const enterpriseExtension = "io.modelcontextprotocol/enterprise-managed-authorization"

// NewEnterprise authorizes with what a company's identity provider says of a user.
// The identity provider turns the user's token into a grant for one MCP server (a
// token exchange, RFC 8693), and the authorization server of that MCP server
// turns the grant into an access token (RFC 7523). The grant is used once and
// kept nowhere. The user sees none of that, and the company can end it: a
// refusal, of either server, is a [*TokenError].
//
// Users that share a Store need a Profile each. It follows the extension
// io.modelcontextprotocol/enterprise-managed-authorization. An error says what is
// missing in config.
func NewEnterprise(config EnterpriseConfig) (*Machine, error) {
	if err := checkIssuer("EnterpriseConfig.Provider.Issuer", config.Provider.Issuer); err != nil {
		return nil, err
	}
	at, err := url.Parse(cmp.Or(config.Provider.TokenEndpoint, config.Provider.Issuer))
	switch {
	case err != nil || at.Host == "":
		return nil, errors.New("EnterpriseConfig.Provider.TokenEndpoint is not a URL such as https://idp.example.com/token")
	case config.Provider.ClientID == "":
		return nil, errors.New("EnterpriseConfig.Provider.ClientID is empty: write the id of the client that the user signs in to at the identity provider")
	case config.Subject == nil:
		return nil, errors.New("EnterpriseConfig.Subject is nil: set a function that returns the user's ID token")
	}
	if len(config.Clients) == 0 {
		return nil, errors.New("EnterpriseConfig.Clients is empty: register the client with the authorization server of the MCP server and name it here")
	}
	if err := checkRegistrations("EnterpriseConfig.Clients", config.Clients); err != nil {
		return nil, err
	}
	return newMachine(&enterprise{
		idp: config.Provider, idpAt: at, subject: config.Subject, clients: slices.Clone(config.Clients),
	}, config.Options, enterpriseExtension)
}

type enterprise struct {
	idp     IdentityProvider
	idpAt   *url.URL // what the configuration says of where the identity provider is
	subject func(context.Context) (string, SubjectKind, error)
	clients []Registration
}

func (g *enterprise) issuers() (known []string, only bool) {
	for _, client := range g.clients {
		known = append(known, client.Issuer)
	}
	return known, true
}

func (g *enterprise) needsCode() bool { return false }

func (g *enterprise) identity(_ context.Context, i *issuance) (client identity, known bool, err error) {
	client, ok := g.clientAt(i.Issuer)
	return client, ok && i.ClientID == client.clientID, nil
}

// clientAt returns the client as an authorization server of MCP servers knows it.
func (g *enterprise) clientAt(issuer string) (identity, bool) {
	i := slices.IndexFunc(g.clients, func(c Registration) bool { return sameIssuer(c.Issuer, issuer) })
	if i < 0 {
		return identity{}, false
	}
	return identity{clientID: g.clients[i].ClientID, auth: g.clients[i].Auth, origin: preRegistered}, true
}

func (g *enterprise) obtain(ctx context.Context, r *grantRequest) (*grantAnswer, error) {
	client, ok := g.clientAt(r.as.issuer)
	if !ok {
		return nil, &IssuerMismatchError{Kind: "configuration", Expected: g.clients[0].Issuer, Received: r.as.issuer}
	}
	jag, err := g.exchange(ctx, r)
	if err != nil {
		return nil, err
	}
	token, err := redeem(ctx, r, client, jag)
	if err != nil {
		return nil, err
	}
	return &grantAnswer{token: token, client: client}, nil
}
