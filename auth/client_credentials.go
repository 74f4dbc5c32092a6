package auth

import (
	"context"
	"errors"
)

// ClientCredentialsConfig is a client that acts for itself, registered by hand
// (RFC 6749 section 4.4).
type ClientCredentialsConfig struct {
	// Issuer is the authorization server that knows the client. Required.
	Issuer string
	// ClientID is the client's name there. Required.
	ClientID string
	// Auth is how the client proves to be that. Required; [PrivateKeyJWT] keeps
	// the secret at home, [ClientSecret] sends it.
	Auth ClientAuth

	// Options are what all flows have in common.
	Options Options
}

const clientCredentialsExtension = "io.modelcontextprotocol/oauth-client-credentials"

// NewClientCredentials authorizes a service that has no user, with the client
// credentials grant. Its tokens are not refreshed: the grant is repeated.
//
// It follows the extension io.modelcontextprotocol/oauth-client-credentials. An
// error says what is missing in config.
func NewClientCredentials(config ClientCredentialsConfig) (*Machine, error) {
	if err := checkIssuer("ClientCredentialsConfig.Issuer", config.Issuer); err != nil {
		return nil, err
	}
	if config.ClientID == "" {
		return nil, errors.New("ClientCredentialsConfig.ClientID is empty: register the client with the authorization server and write its id here")
	}
	if config.Auth.isPublic() {
		return nil, errors.New("ClientCredentialsConfig.Auth is empty: set PrivateKeyJWT or ClientSecret, as the client is registered")
	}
	client := identity{clientID: config.ClientID, auth: config.Auth, origin: preRegistered}
	return newMachine(&clientCredentials{issuer: config.Issuer, client: client}, config.Options, clientCredentialsExtension)
}

type clientCredentials struct {
	issuer string
	client identity
}

func (g *clientCredentials) issuers() ([]string, bool) { return []string{g.issuer}, true }

func (g *clientCredentials) needsCode() bool { return false }

func (g *clientCredentials) identity(_ context.Context, i *issuance) (client identity, known bool, err error) {
	return g.client, sameIssuer(i.Issuer, g.issuer) && i.ClientID == g.client.clientID, nil
}

func (g *clientCredentials) obtain(ctx context.Context, r *grantRequest) (*grantAnswer, error) {
	// The engine knows the pin. But a secret is at stake, so here it is looked at.
	if !sameIssuer(r.as.issuer, g.issuer) {
		return nil, &IssuerMismatchError{Kind: "configuration", Expected: g.issuer, Received: r.as.issuer}
	}
	form := grantForm("client_credentials", r.scopes)
	token, err := r.tokens.ask(ctx, r.server, tokenEndpointOf(r.as), g.client, r.resource.resource, form, r.key)
	if err != nil {
		return nil, err
	}
	// One is not to be given here (RFC 6749 section 4.4.3): the client can ask again at any time.
	token.refreshToken = ""
	return &grantAnswer{token: token, client: g.client}, nil
}
