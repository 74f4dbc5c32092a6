package mcpclient_test

import (
	"context"
	"fmt"
	"log"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// Connect, look around, call a tool.
func Example() {
	server := mcptest.Start() // yours is at a URL such as https://host/mcp
	defer server.Close()

	ctx := context.Background()
	session, err := mcpclient.Connect(ctx, server.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	fmt.Println(session.Server().Name, session.Server().ProtocolVersion)

	result, err := session.CallTool(ctx, "echo", map[string]any{"text": "hello"})
	if err != nil {
		log.Fatal(err) // the call failed
	}
	if err := result.Err(); err != nil {
		log.Fatal(err) // the call was answered: the tool itself reports an error
	}
	fmt.Println(result.Text())
	// Output:
	// mcptest 2025-11-25
	// hello
}
