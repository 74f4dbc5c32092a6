package auth

import (
	"context"
	"net/url"
)

// grant is a way to get a token. The engine discovers, stores, refreshes and
// shares; a grant turns what was discovered into a token. It runs on a context
// of its own, which no caller's cancellation ends. Safe for concurrent use.
type grant interface {
	// issuers are the authorization servers that know the client already, in order
	// of preference. only: no other may be asked.
	issuers() (known []string, only bool)
	// needsCode: the authorization server must offer the code flow with PKCE.
	needsCode() bool
	// identity returns the client that a token is issued to, so that it can be
	// redeemed, refreshed and revoked; known is false if there is no such client
	// any more. An error says that this could not be found out.
	identity(ctx context.Context, i *issuance) (client identity, known bool, err error)
	// obtain gets a token.
	obtain(ctx context.Context, r *grantRequest) (*grantAnswer, error)
}

// grantRequest is what a grant goes by, and what the engine lends to it.
type grantRequest struct {
	profile  string // whose token it is to be
	server   *url.URL
	resource *protectedResource
	as       *authServer
	scopes   []string // to ask for; empty: leave the parameter out
	offline  bool     // offline_access is among them, for a refresh token
	quiet    bool     // the user must not be asked

	discover *discoverer
	tokens   *tokenClient
	key      *dpopKey // what the token is to be bound to; nil: nothing
}

// grantAnswer is a token and the client that it was given to.
type grantAnswer struct {
	token  *tokenAnswer
	client identity
}
