package authtest_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/auth/authtest"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// TestBehindIt: a real MCP server works behind the check, streams and all, in every era.
func TestBehindIt(t *testing.T) {
	for name, opts := range map[string][]mcptest.Option{
		"sessions":   {mcptest.Resumable(), mcptest.StandaloneStream()},
		"stateless":  {mcptest.Stateless()},
		"two paths":  {mcptest.HTTPSSE()},
		"both, JSON": {mcptest.DualEra()},
	} {
		t.Run(name, func(t *testing.T) {
			as := authtest.NewServer(t)
			as.AddClient("app", "", callback)
			rs := as.Serve(mcptest.New(t, opts...), authtest.Also("/messages"))
			c := &client{t: t, as: as, id: "app"}
			token := c.login(rs.URL()).string("access_token")

			bearer := &http.Client{Transport: withToken{token, as.HTTPClient().Transport}}
			session, err := (&mcpclient.Client{HTTPClient: bearer}).Connect(t.Context(), rs.URL())
			require.NoError(t, err)
			defer session.Close()
			result, err := session.CallTool(t.Context(), "echo", map[string]any{"text": "hello"})
			require.NoError(t, err)
			require.Equal(t, "hello", result.Text())

			as.ExpireTokens()
			_, err = session.CallTool(t.Context(), "echo", map[string]any{"text": "hello"})
			require.ErrorIs(t, err, mcpclient.ErrUnauthorized)
		})
	}
}

// withToken sends a token with every request.
type withToken struct {
	token string
	next  http.RoundTripper
}

func (w withToken) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+w.token)
	return w.next.RoundTrip(r)
}
