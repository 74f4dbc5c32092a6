package auth

import (
	"context"
	"crypto"
)

// ClientAuth is how a client proves to a token endpoint who it is (RFC 6749
// section 2.3). The zero value is a public client, which proves nothing. It never prints its secret.
type ClientAuth struct {
	secret    secret
	key       crypto.Signer
	keyID     string
	audience  string
	assertion func(context.Context, AssertionRequest) (string, error)
}

// AssertionRequest says what an assertion is to be for.
type AssertionRequest struct {
	Issuer        string // the authorization server's issuer identifier
	TokenEndpoint string
	Resource      string // the MCP server, as the resource parameter names it
	ClientID      string
}

// ClientSecret authenticates with a shared secret.
func ClientSecret(value string) ClientAuth { return ClientAuth{secret: secret(value)} }

// identity is a client as one authorization server knows it.
type identity struct {
	clientID string
	auth     ClientAuth
	method   string // token_endpoint_auth_method as registered; "": not said
	origin   identityOrigin
}

// identityOrigin is how the client came by its identity.
type identityOrigin string

const (
	preRegistered identityOrigin = "registered" // named in the configuration
	metadataURL   identityOrigin = "document"   // a client ID metadata document
	dynamic       identityOrigin = "dynamic"    // RFC 7591
)
