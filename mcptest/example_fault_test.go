package mcptest_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// Two calls meet a fault, each its own. The third finds a server that behaves.
func ExampleServer_Next() {
	srv := mcptest.Start()
	defer srv.Close()

	ctx := context.Background()
	session, err := mcpclient.Connect(ctx, srv.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()

	srv.Next(
		mcptest.Status(500, nil, "out of order").On("tools/call"),
		mcptest.DropAfter().On("tools/call"),
	)
	for range 3 {
		_, err := session.CallTool(ctx, "echo", map[string]any{"text": "hi"})
		if call, failed := errors.AsType[*mcpclient.CallError](err); failed {
			fmt.Printf("failed, delivery %s, executed %d\n", call.Delivery, srv.Executed())
			continue
		}
		fmt.Println("answered")
	}
	// Output:
	// failed, delivery unknown, executed 0
	// failed, delivery unknown, executed 1
	// answered
}
