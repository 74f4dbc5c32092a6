package auth

import (
	"encoding/base64"
	"errors"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestClientCredentialsOnTheWire(t *testing.T) {
	host := newTokenHost(t, granting)
	m, err := NewClientCredentials(ClientCredentialsConfig{Issuer: host.URL, ClientID: "a client", Auth: ClientSecret("hunter:2")})
	g := grantOf(t, m, err)

	answer, err := g.obtain(t.Context(), host.at(t, "https://mcp.example.com", "read", "write"))
	require.NoError(t, err)
	require.Equal(t, secret("access"), answer.token.accessToken)
	require.Empty(t, answer.token.refreshToken, "the grant is repeated")
	require.Equal(t, "a client", answer.client.clientID)
	require.Equal(t, []url.Values{{
		"grant_type": {"client_credentials"}, "resource": {"https://mcp.example.com"}, "scope": {"read write"},
	}}, host.forms)
	// RFC 6749 section 2.3.1: each half is form-encoded before they are joined.
	require.Equal(t, "Basic "+base64.StdEncoding.EncodeToString([]byte("a+client:hunter%3A2")), host.header[0].Get("Authorization"))

	_, err = g.obtain(t.Context(), host.at(t, ""))
	require.NoError(t, err)
	require.Equal(t, url.Values{"grant_type": {"client_credentials"}}, host.forms[1], "neither scope nor resource if there are none")
}

func TestClientCredentialsStepUpAsksAgain(t *testing.T) {
	host := newTokenHost(t, granting)
	m, err := NewClientCredentials(ClientCredentialsConfig{Issuer: host.URL, ClientID: "client", Auth: ClientSecret("hunter2")})
	g := grantOf(t, m, err)
	request := host.at(t, "https://mcp.example.com", "read", "write")
	_, err = g.obtain(t.Context(), request)
	require.NoError(t, err)
	require.Equal(t, "client_credentials", host.forms[0].Get("grant_type"))
	require.Equal(t, "read write", host.forms[0].Get("scope"))
}

func TestClientCredentialsStayWithTheirIssuer(t *testing.T) {
	host := newTokenHost(t, granting)
	m, err := NewClientCredentials(ClientCredentialsConfig{Issuer: "https://login.example.com", ClientID: "client", Auth: ClientSecret("hunter2")})
	g := grantOf(t, m, err)
	pinned, only := g.issuers()
	require.True(t, only)
	require.Equal(t, []string{"https://login.example.com"}, pinned)
	require.False(t, g.needsCode())

	_, err = g.obtain(t.Context(), host.at(t, "https://mcp.example.com"))
	mismatch, ok := errors.AsType[*IssuerMismatchError](err)
	require.True(t, ok, err)
	require.Equal(t, "configuration", mismatch.Kind)
	require.Empty(t, host.forms)

	_, known, err := g.identity(t.Context(), &issuance{Issuer: "https://login.example.com", ClientID: "client"})
	require.NoError(t, err)
	require.True(t, known)
	_, known, err = g.identity(t.Context(), &issuance{Issuer: host.URL, ClientID: "client"})
	require.NoError(t, err)
	require.False(t, known)
	_, known, err = g.identity(t.Context(), &issuance{Issuer: "https://login.example.com", ClientID: "former"})
	require.NoError(t, err)
	require.False(t, known)
}

func TestClientCredentialsErrorIsThatOfTheServer(t *testing.T) {
	host := newTokenHost(t, refusing("invalid_client"))
	m, err := NewClientCredentials(ClientCredentialsConfig{Issuer: host.URL, ClientID: "client", Auth: ClientSecret("hunter2")})
	g := grantOf(t, m, err)
	_, err = g.obtain(t.Context(), host.at(t, "https://mcp.example.com"))
	refused, ok := errors.AsType[*TokenError](err)
	require.True(t, ok, err)
	require.Equal(t, "invalid_client", refused.Code)
	require.Len(t, host.forms, 1)
	require.NotContains(t, err.Error(), "hunter2")
}
