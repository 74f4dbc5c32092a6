package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/auth"
)

// What the suite takes for granted: where nobody listens for a callback, and where nobody serves the client's document.
const (
	redirectURI = "http://localhost:3000/callback"
	documentURL = "https://conformance-test.local/client-metadata.json"
)

// known is what the suite tells a client of the server's authorization beforehand, in few scenarios.
type known struct {
	ClientID      string `json:"client_id"`
	ClientSecret  string `json:"client_secret"`
	Issuer        string `json:"issuer"`
	PrivateKey    string `json:"private_key_pem"`
	Assertion     string `json:"valid_jwt"`
	IDPClientID   string `json:"idp_client_id"`
	IDPToken      string `json:"idp_id_token"`
	IDPIssuer     string `json:"idp_issuer"`
	IDPTokenPoint string `json:"idp_token_endpoint"`
}

// authorizerFor returns the authorizer that an application would choose for a scenario; nil where none is asked for.
func authorizerFor(ctx context.Context, scenario, server string) (mcpclient.Authorizer, error) {
	if !strings.HasPrefix(scenario, "auth/") {
		return nil, nil
	}
	var given known
	if text := os.Getenv(contextVariable); text != "" {
		if err := json.Unmarshal([]byte(text), &given); err != nil {
			return nil, fmt.Errorf("%s: %w", contextVariable, err)
		}
	}
	options := auth.Options{Observer: auth.LogEvents(slog.New(slog.NewTextHandler(os.Stderr, nil)))}
	switch scenario {
	case "auth/client-credentials-basic", "auth/client-credentials-jwt", "auth/enterprise-managed-authorization", "auth/wif-jwt-bearer":
		// An administrator would write the issuer down. The suite names none, so it is looked up as he would.
		issuer, err := issuerOf(ctx, server)
		if err != nil {
			return nil, err
		}
		given.Issuer = issuer
		return machineFor(scenario, given, options)
	default:
		return interactive(scenario, given, options)
	}
}

func machineFor(scenario string, given known, options auth.Options) (mcpclient.Authorizer, error) {
	secret := auth.ClientSecret(given.ClientSecret)
	switch scenario {
	case "auth/client-credentials-basic":
		return auth.NewClientCredentials(auth.ClientCredentialsConfig{Issuer: given.Issuer, ClientID: given.ClientID, Auth: secret, Options: options})
	case "auth/client-credentials-jwt":
		key, err := auth.ParsePrivateKey([]byte(given.PrivateKey))
		if err != nil {
			return nil, err
		}
		return auth.NewClientCredentials(auth.ClientCredentialsConfig{Issuer: given.Issuer, ClientID: given.ClientID, Auth: auth.PrivateKeyJWT(key), Options: options})
	case "auth/wif-jwt-bearer":
		return auth.NewWorkload(auth.WorkloadConfig{
			Issuer: given.Issuer, ClientID: given.ClientID, Options: options,
			Assertion: func(context.Context, auth.AssertionRequest) (string, error) { return given.Assertion, nil },
		})
	default:
		return auth.NewEnterprise(auth.EnterpriseConfig{
			Provider: auth.IdentityProvider{Issuer: given.IDPIssuer, TokenEndpoint: given.IDPTokenPoint, ClientID: given.IDPClientID},
			Subject: func(context.Context) (string, auth.SubjectKind, error) {
				return given.IDPToken, auth.SubjectIDToken, nil
			},
			Clients: []auth.Registration{{Issuer: given.Issuer, ClientID: given.ClientID, Auth: secret}},
			Options: options,
		})
	}
}

func interactive(scenario string, given known, options auth.Options) (mcpclient.Authorizer, error) {
	if strings.HasPrefix(scenario, "auth/dpop") {
		options.DPoP = &auth.DPoP{Required: true}
	}
	config := auth.InteractiveConfig{
		Prompter:          auth.PromptFunc(redirectURI, browse),
		ClientName:        "mcpclient-conformance",
		ClientMetadataURL: documentURL,
		Options:           options,
	}
	if given.ClientID != "" {
		config.Registered = []auth.Registration{{
			Issuer: given.Issuer, ClientID: given.ClientID, Auth: auth.ClientSecret(given.ClientSecret), RedirectURI: redirectURI,
		}}
	}
	return auth.NewInteractive(config)
}

// browse is the user with a browser: the suite's authorization servers agree at once, and say so by a redirect.
func browse(ctx context.Context, request *auth.AuthorizationRequest) (url.Values, error) {
	answer, err := fetch(ctx, request.URL)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	callback, err := answer.Location()
	if err != nil {
		return nil, fmt.Errorf("the authorization endpoint answers HTTP %d, no redirect", answer.StatusCode)
	}
	return callback.Query(), nil
}

// issuerOf reads which authorization server an MCP server names.
func issuerOf(ctx context.Context, server string) (string, error) {
	at, err := url.Parse(server)
	if err != nil {
		return "", err
	}
	at.Path = "/.well-known/oauth-protected-resource" + strings.TrimSuffix(at.Path, "/")
	answer, err := fetch(ctx, at.String())
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	var resource struct {
		Servers []string `json:"authorization_servers"`
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, 1<<20)).Decode(&resource); err != nil {
		return "", err
	}
	if len(resource.Servers) == 0 {
		return "", errors.New("the server names no authorization server")
	}
	return resource.Servers[0], nil
}

func fetch(ctx context.Context, at string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at, http.NoBody) //nolint:gosec // the suite says where
	if err != nil {
		return nil, err
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return client.Do(request) //nolint:gosec // the suite says where
}
