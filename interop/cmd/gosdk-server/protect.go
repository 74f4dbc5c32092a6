package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/oauthex"
)

// protection is what the environment says of the authorization server whose tokens are asked for. Without an issuer there is none.
type protection struct {
	issuer, resource, secret string
}

func protectionOf() (p protection, wanted bool) {
	p = protection{os.Getenv("ISSUER"), os.Getenv("RESOURCE"), os.Getenv("RESOURCE_SECRET")}
	return p, p.issuer != ""
}

// wrap puts the SDK's own token check before a handler, and its metadata beside it.
func (p protection) wrap(path string, mcp http.Handler) http.Handler {
	at, err := url.Parse(p.resource)
	if err != nil {
		panic(err)
	}
	const wellKnown = "/.well-known/oauth-protected-resource"
	about := url.URL{Scheme: at.Scheme, Host: at.Host, Path: wellKnown + at.Path}
	checked := auth.RequireBearerToken(p.introspect, &auth.RequireBearerTokenOptions{
		ResourceMetadataURL: about.String(), Scopes: []string{"tools:read"}, ClockSkew: 0,
	})
	mux := http.NewServeMux()
	mux.Handle(path, checked(mcp))
	mux.Handle(about.Path, auth.ProtectedResourceMetadataHandler(&oauthex.ProtectedResourceMetadata{
		Resource: p.resource, AuthorizationServers: []string{p.issuer},
		ScopesSupported: []string{"tools:read", "tools:call"}, ResourceName: "Interop server",
	}))
	return mux
}

// introspect asks the authorization server about a token (RFC 7662).
func (p protection) introspect(ctx context.Context, token string, _ *http.Request) (*auth.TokenInfo, error) {
	form := url.Values{"token": {token}}.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.issuer+"/token/introspection", strings.NewReader(form))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth("resource", p.secret)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var said struct {
		Active   bool   `json:"active"`
		Scope    string `json:"scope"`
		Expires  int64  `json:"exp"`
		Subject  string `json:"sub"`
		Client   string `json:"client_id"`
		Audience string `json:"aud"`
	}
	if err := json.NewDecoder(response.Body).Decode(&said); err != nil {
		return nil, fmt.Errorf("introspection: HTTP %d: %w", response.StatusCode, err)
	}
	if !said.Active || said.Audience != p.resource {
		return nil, fmt.Errorf("%w: not active, or for another resource", auth.ErrInvalidToken)
	}
	return &auth.TokenInfo{Scopes: strings.Fields(said.Scope), Expiration: time.Unix(said.Expires, 0), UserID: said.Subject + said.Client}, nil
}
