package auth

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

func jagAnswer(changed map[string]any) func(url.Values) (int, map[string]any) {
	body := map[string]any{"access_token": "the.id.jag", "token_type": "N_A", "issued_token_type": idJAG, "expires_in": 300}
	maps.Copy(body, changed)
	return func(url.Values) (int, map[string]any) { return http.StatusOK, body }
}

func enterpriseConfig(idp, host *tokenHost) EnterpriseConfig {
	return EnterpriseConfig{
		Provider: IdentityProvider{Issuer: idp.URL, TokenEndpoint: idp.URL + "/token", ClientID: "desktop"},
		Subject: func(context.Context) (string, SubjectKind, error) {
			return "the.id.token", SubjectIDToken, nil
		},
		Clients: []Registration{
			{Issuer: "https://other.example.com", ClientID: "other", Auth: ClientSecret("hunter2-other")},
			{Issuer: host.URL, ClientID: "at mcp", Auth: ClientSecret("hunter2")},
		},
	}
}

func TestEnterpriseOnTheWire(t *testing.T) {
	idp, host := newTokenHost(t, jagAnswer(nil)), newTokenHost(t, granting)
	m, err := NewEnterprise(enterpriseConfig(idp, host))
	g := grantOf(t, m, err)
	answer, err := g.obtain(t.Context(), host.at(t, "https://mcp.example.com/mcp", "read", "write"))
	require.NoError(t, err)
	require.Equal(t, secret("access"), answer.token.accessToken)
	require.Equal(t, "at mcp", answer.client.clientID)
	require.Equal(t, []url.Values{{
		"grant_type":           {"urn:ietf:params:oauth:grant-type:token-exchange"},
		"requested_token_type": {"urn:ietf:params:oauth:token-type:id-jag"},
		"audience":             {host.URL},
		"resource":             {"https://mcp.example.com/mcp"},
		"scope":                {"read write"},
		"subject_token":        {"the.id.token"},
		"subject_token_type":   {"urn:ietf:params:oauth:token-type:id_token"},
		"client_id":            {"desktop"},
	}}, idp.forms)
	require.Equal(t, []url.Values{{
		"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {"the.id.jag"}, "scope": {"read write"},
	}}, host.forms, "no resource: the grant names it")
	require.Equal(t, "Basic "+base64.StdEncoding.EncodeToString([]byte("at+mcp:hunter2")), host.header[0].Get("Authorization"))
	require.NotContains(t, fmt.Sprintf("%+v %+v", answer.token, answer.client.clientID), "jag")
}

func TestEnterpriseFindsTheTokenEndpointOfTheIdP(t *testing.T) {
	idp, host := newTokenHost(t, jagAnswer(nil)), newTokenHost(t, granting)
	config := enterpriseConfig(idp, host)
	config.Provider.TokenEndpoint = ""
	config.Provider.Auth = ClientSecret("hunter2-idp")
	m, err := NewEnterprise(config)
	g := grantOf(t, m, err)
	_, err = g.obtain(t.Context(), host.at(t, "https://mcp.example.com/mcp"))
	require.NoError(t, err)
	require.Len(t, idp.forms, 1)
	require.Equal(t, "Basic "+base64.StdEncoding.EncodeToString([]byte("desktop:hunter2-idp")), idp.header[0].Get("Authorization"))
}

// What the company allows may be less than what was asked for.
func TestEnterpriseAsksForWhatTheCompanyAllows(t *testing.T) {
	idp, host := newTokenHost(t, jagAnswer(map[string]any{"scope": "read"})), newTokenHost(t, granting)
	m, err := NewEnterprise(enterpriseConfig(idp, host))
	g := grantOf(t, m, err)
	answer, err := g.obtain(t.Context(), host.at(t, "https://mcp.example.com/mcp", "read", "write"))
	require.NoError(t, err)
	require.Equal(t, "read", host.forms[0].Get("scope"))
	require.True(t, answer.token.hasScopes)
	require.Equal(t, []string{"read"}, answer.token.scopes)
}

func TestOnlyAnIDJAGIsPassedOn(t *testing.T) {
	for name, changed := range map[string]map[string]any{
		"an access token":  {"issued_token_type": "urn:ietf:params:oauth:token-type:access_token"},
		"no type":          {"issued_token_type": ""},
		"a bearer token":   {"token_type": "Bearer"},
		"an empty ID-JAG":  {"access_token": ""},
		"an error inside":  {"error": "invalid_grant"},
		"not even a token": {"access_token": nil},
	} {
		t.Run(name, func(t *testing.T) {
			idp, host := newTokenHost(t, jagAnswer(changed)), newTokenHost(t, granting)
			m, err := NewEnterprise(enterpriseConfig(idp, host))
			g := grantOf(t, m, err)
			_, err = g.obtain(t.Context(), host.at(t, "https://mcp.example.com/mcp"))
			refused, ok := errors.AsType[*TokenError](err)
			require.True(t, ok, err)
			require.Equal(t, idp.Listener.Addr().String(), refused.Endpoint)
			require.NotContains(t, err.Error(), "the.id")
			require.Empty(t, host.forms)
			require.Len(t, idp.forms, 1)
		})
	}
}

func TestEnterpriseRefusals(t *testing.T) {
	idp, host := newTokenHost(t, refusing("access_denied")), newTokenHost(t, refusing("invalid_grant"))
	m, err := NewEnterprise(enterpriseConfig(idp, host))
	g := grantOf(t, m, err)
	_, err = g.obtain(t.Context(), host.at(t, "https://mcp.example.com/mcp"))
	refused, ok := errors.AsType[*TokenError](err)
	require.True(t, ok, err)
	require.Equal(t, "access_denied", refused.Code)
	require.Empty(t, host.forms)

	idp.answer = jagAnswer(nil)
	_, err = g.obtain(t.Context(), host.at(t, "https://mcp.example.com/mcp"))
	refused, ok = errors.AsType[*TokenError](err)
	require.True(t, ok, err)
	require.Equal(t, "invalid_grant", refused.Code)
	require.Equal(t, host.Listener.Addr().String(), refused.Endpoint)
	require.Len(t, host.forms, 1)
	require.Len(t, idp.forms, 2)
	require.NotContains(t, err.Error(), "the.id")
}

func TestEnterpriseSubject(t *testing.T) {
	idp, host := newTokenHost(t, jagAnswer(nil)), newTokenHost(t, granting)
	signedOut := errors.New("signed out")
	for name, subject := range map[string]func(context.Context) (string, SubjectKind, error){
		"error":   func(context.Context) (string, SubjectKind, error) { return "", "", signedOut },
		"empty":   func(context.Context) (string, SubjectKind, error) { return "", SubjectIDToken, nil },
		"no kind": func(context.Context) (string, SubjectKind, error) { return "hunter2", "", nil },
	} {
		t.Run(name, func(t *testing.T) {
			config := enterpriseConfig(idp, host)
			config.Subject = subject
			m, err := NewEnterprise(config)
			g := grantOf(t, m, err)
			_, err = g.obtain(t.Context(), host.at(t, "https://mcp.example.com/mcp"))
			_, ok := errors.AsType[*CredentialError](err)
			require.True(t, ok, err)
			require.ErrorIs(t, err, ErrAuthorization)
			require.NotContains(t, err.Error(), "hunter2")
			require.Empty(t, idp.forms)
			require.Empty(t, host.forms)
		})
	}
	config := enterpriseConfig(idp, host)
	config.Subject = func(context.Context) (string, SubjectKind, error) { return "old", SubjectRefreshToken, nil }
	m, err := NewEnterprise(config)
	g := grantOf(t, m, err)
	_, err = g.obtain(t.Context(), host.at(t, "https://mcp.example.com/mcp"))
	require.NoError(t, err)
	require.Equal(t, string(SubjectRefreshToken), idp.forms[0].Get("subject_token_type"))
}

func TestEnterpriseStaysWithItsIssuers(t *testing.T) {
	idp, host, stranger := newTokenHost(t, jagAnswer(nil)), newTokenHost(t, granting), newTokenHost(t, granting)
	m, err := NewEnterprise(enterpriseConfig(idp, host))
	g := grantOf(t, m, err)
	pinned, only := g.issuers()
	require.True(t, only)
	require.Equal(t, []string{"https://other.example.com", host.URL}, pinned)
	require.False(t, g.needsCode())
	_, err = g.obtain(t.Context(), stranger.at(t, "https://mcp.example.com/mcp"))
	_, ok := errors.AsType[*IssuerMismatchError](err)
	require.True(t, ok, err)
	require.Empty(t, idp.forms)
	require.Empty(t, stranger.forms)

	client, known, err := g.identity(t.Context(), &issuance{Issuer: "https://other.example.com", ClientID: "other"})
	require.NoError(t, err)
	require.True(t, known)
	require.Equal(t, "other", client.clientID)
	require.False(t, client.auth.isPublic())
	_, known, err = g.identity(t.Context(), &issuance{Issuer: "https://other.example.com", ClientID: "at mcp"})
	require.NoError(t, err)
	require.False(t, known)
}
