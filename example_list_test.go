package mcpclient_test

import (
	"context"
	"fmt"
	"log"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// Lists are iterators over all pages: a page is asked for when the one before it has been ranged over. Collect makes a
// slice of one.
func ExampleCollect() {
	server := mcptest.Start(mcptest.PageSize(1)) // so the two tools are on two pages
	defer server.Close()

	ctx := context.Background()
	session, err := mcpclient.Connect(ctx, server.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()

	for tool, err := range session.Tools(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(tool.Name)
		break // the second page is never asked for
	}

	tools, err := mcpclient.Collect(session.Tools(ctx))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(tools), "tools, the last one takes", string(tools[1].InputSchema))
	// Output:
	// echo
	// 2 tools, the last one takes {"type":"object","properties":{"a":{"type":"number"},"b":{"type":"number"}},"required":["a","b"]}
}
