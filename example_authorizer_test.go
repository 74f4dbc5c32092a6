package mcpclient_test

import (
	"context"
	"fmt"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/auth"
	"github.com/holdfast-mcp/mcpclient/auth/authtest"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// A server wants a token. The user is asked, in a browser, while Connect waits.
func ExampleClient_authorizer() {
	issuer := authtest.Start() // an authorization server
	defer issuer.Close()
	tools := mcptest.Start()
	defer tools.Close()
	server := issuer.Serve(tools) // the tools, behind a check of its tokens

	connect := func(ctx context.Context, url string, browser func(context.Context, string) error) error {
		authorizer, err := auth.NewInteractive(auth.InteractiveConfig{
			ClientName: "mcpclient example",
			Prompter:   &auth.LoopbackPrompter{Open: browser}, // nil: the system's own
		})
		if err != nil {
			return err
		}
		client := &mcpclient.Client{Authorizer: authorizer}
		session, err := client.Connect(ctx, url)
		if err != nil {
			return err
		}
		defer session.Close()
		result, err := session.CallTool(ctx, "echo", map[string]any{"text": "let in"})
		if err != nil {
			return err
		}
		fmt.Println(result.Text())
		return nil
	}
	if err := connect(context.Background(), server.URL(), issuer.Open); err != nil {
		fmt.Println(err)
	}
	// Output: let in
}
