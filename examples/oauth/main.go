// Oauth calls a tool of a server that wants a token: the library finds the server's authorization server, registers the
// program there, and has the user agree in a browser. Without an argument it brings server, authorization server and a user
// who agrees at once: go run ./examples/oauth [https://host/mcp]
package main

import (
	"context"
	"log"
	"os"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/auth"
	"github.com/holdfast-mcp/mcpclient/auth/authtest"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

func main() {
	issuer := authtest.Start()
	defer issuer.Close()
	tools := mcptest.Start()
	defer tools.Close()
	url, browser := issuer.Serve(tools).URL(), issuer.Open
	if len(os.Args) > 1 {
		url, browser = os.Args[1], nil // the system's own
	}
	if err := run(context.Background(), log.New(os.Stdout, "", 0), url, browser); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out *log.Logger, url string, browser func(context.Context, string) error) error {
	authorizer, err := auth.NewInteractive(auth.InteractiveConfig{
		ClientName: "mcpclient example",
		Prompter:   &auth.LoopbackPrompter{Open: browser, Output: out.Writer()}, // nil: the system's browser, and os.Stderr
		Options: auth.Options{
			// A Store of NewFileStore keeps the token for the next run.
			Observer: func(e auth.Event) { out.Printf("authorization: %s %s", e.Kind, e.Issuer) },
		},
	})
	if err != nil {
		return err
	}
	client := &mcpclient.Client{Authorizer: authorizer}
	session, err := client.Connect(ctx, url) // waits until the user is done
	if err != nil {
		return err
	}
	defer session.Close()
	tools, err := mcpclient.Collect(session.Tools(ctx))
	if err != nil {
		return err
	}
	for _, tool := range tools {
		out.Printf("tool: %s", tool.Name)
	}
	status, err := authorizer.Status(ctx, url)
	out.Printf("token: from %s, for %s, good until %s", status.Issuer, status.Resource, status.ExpiresAt.Format("15:04:05"))
	return err
}
