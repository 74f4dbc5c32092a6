package mcptest_test

import (
	"context"
	"fmt"
	"log"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// The ledger proves what the server did, whatever the client believes. The
// argument nonce tells the calls apart.
func ExampleServer_Repeated() {
	srv := mcptest.Start()
	defer srv.Close()

	ctx := context.Background()
	session, err := mcpclient.Connect(ctx, srv.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()

	srv.Next(mcptest.Refuse(mcptest.GoSDK)) // this call is sent again
	for _, nonce := range []string{"order-1", "order-2"} {
		if _, err := session.CallTool(ctx, "echo", map[string]any{"nonce": nonce}); err != nil {
			log.Fatal(err)
		}
	}
	for _, e := range srv.Executions() {
		fmt.Println(e.Tool, e.Nonce, e.Count)
	}
	calls := 0
	for _, r := range srv.Requests() {
		if r.Method == "tools/call" {
			calls++
		}
	}
	fmt.Println("calls that arrived:", calls)
	fmt.Println("executed twice:", len(srv.Repeated()))
	// Output:
	// echo order-1 1
	// echo order-2 1
	// calls that arrived: 3
	// executed twice: 0
}
