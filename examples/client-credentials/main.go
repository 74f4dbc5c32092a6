// Client-credentials calls a tool in the name of a service that has no user: it proves to the authorization server who it is
// with a key that never leaves it. It brings both servers: go run ./examples/client-credentials
package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"log"
	"os"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/auth"
	"github.com/holdfast-mcp/mcpclient/auth/authtest"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

func main() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader) // auth.ParsePrivateKey reads one from a PEM file
	if err != nil {
		log.Fatal(err)
	}
	issuer := authtest.Start()
	defer issuer.Close()
	issuer.AddKeyClient("nightly-report", key.Public())
	tools := mcptest.Start()
	defer tools.Close()
	if err := run(context.Background(), log.New(os.Stdout, "", 0), issuer.Serve(tools).URL(), issuer.Issuer(), key); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out *log.Logger, url, issuer string, key crypto.Signer) error {
	authorizer, err := auth.NewClientCredentials(auth.ClientCredentialsConfig{
		Issuer:   issuer, // the only one that gets to see the proof, whatever the MCP server says
		ClientID: "nightly-report",
		Auth:     auth.PrivateKeyJWT(key),
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
	result, err := session.CallTool(ctx, "echo", map[string]any{"text": "no user was asked"})
	if err != nil {
		return err
	}
	out.Print(result.Text())
	return nil
}
