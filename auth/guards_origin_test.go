package auth_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/auth"
)

// TestGuardTokenStaysWithItsOrigin: a token is for one MCP server, whatever its HTTP client asks for.
func TestGuardTokenStaysWithItsOrigin(t *testing.T) {
	authorizer, err := auth.NewClientCredentials(auth.ClientCredentialsConfig{Issuer: "https://login.example.com", ClientID: "client", Auth: auth.ClientSecret("hunter2")})
	require.NoError(t, err)
	server, err := url.Parse("https://mcp.example.com/mcp")
	require.NoError(t, err)
	for at, allowed := range map[string]bool{
		"https://mcp.example.com/mcp":      true,
		"https://mcp.example.com/else":     true,
		"https://mcp.example.com:443/mcp":  true,
		"http://mcp.example.com/mcp":       false,
		"https://mcp.example.com:8443/mcp": false,
		"https://mcp.example.com.evil/mcp": false,
		"https://evil.example.com/mcp":     false,
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, at, http.NoBody)
		require.NoError(t, err)
		err = authorizer.Authorize(t.Context(), server, request)
		require.Equal(t, allowed, err == nil, "%s: %v", at, err)
		if !allowed {
			require.ErrorIs(t, err, auth.ErrAuthorization)
		}
	}
}
