package mcpclient_test

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// A restarting server is waited for. A connection that breaks in the middle of a call is another matter: only a call that
// may be executed twice is repeated then.
func ExampleRetryPolicy() {
	server := mcptest.Start()
	defer server.Close()

	ctx := context.Background()
	client := &mcpclient.Client{Retry: mcpclient.RetryPolicy{Attempts: 5, TrustAnnotations: true}}
	session, err := client.Connect(ctx, server.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()

	server.Next(mcptest.Status(503, http.Header{"Retry-After": {"0"}}, "restarting").On("tools/call"))
	_, err = session.CallTool(ctx, "echo", map[string]any{"text": "one"})
	fmt.Println("restarting:", err)

	server.Next(mcptest.DropAfter().On("tools/call")) // executes the call and cuts the connection
	_, err = session.CallTool(ctx, "echo", map[string]any{"text": "two"}, mcpclient.WithIdempotent())
	fmt.Println("marked:", err)

	server.Next(mcptest.DropAfter().On("tools/call"))
	_, err = session.CallTool(ctx, "echo", map[string]any{"text": "three"})
	fmt.Println("unmarked:", err)
	// Output:
	// restarting: <nil>
	// marked: <nil>
	// unmarked: mcpclient: tools/call echo: network: EOF; the server may have acted on it
}
