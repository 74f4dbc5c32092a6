package mcpclient_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/auth"
	"github.com/holdfast-mcp/mcpclient/auth/authtest"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

func promiseToken(t *testing.T) {
	for kind, options := range kinds() {
		t.Run(kind, func(t *testing.T) {
			issuer := authtest.NewServer(t)
			tools := mcptest.New(t, options...)
			server := issuer.Serve(tools, authtest.Also("/messages"))
			authorizer, err := auth.NewInteractive(auth.InteractiveConfig{
				Prompter: &auth.LoopbackPrompter{Open: issuer.Open, Output: t.Output()},
			})
			require.NoError(t, err)
			session, err := (&mcpclient.Client{Authorizer: authorizer}).Connect(t.Context(), server.URL())
			require.NoError(t, err)
			defer session.Close()

			const callers = 50
			everyone := func() error {
				return together(t, callers, func(ctx context.Context, i int) error {
					want := fmt.Sprint(i)
					result, err := session.CallTool(ctx, "echo", map[string]any{"text": want})
					if err == nil && result.Text() != want {
						err = fmt.Errorf("caller %s got the answer of %s", want, result.Text())
					}
					return err
				})
			}
			require.NoError(t, everyone())
			issuer.ExpireTokens()
			require.NoError(t, everyone())
			require.Equal(t, 1, issuer.Count(authtest.AuthorizationEndpoint), "the user is asked once")
			require.Equal(t, 2, issuer.Count(authtest.TokenEndpoint), "the code, and one refresh for all")
			require.Equal(t, 2*callers, tools.Executed())
		})
	}
}
