package mcpclient_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// A tool that takes its time is bounded by its silence, not by a guess how long it takes.
func ExampleWithProgress() {
	server := mcptest.Start()
	defer server.Close()
	server.AddTool(mcpclient.Tool{Name: "bake"}, func(_ context.Context, call *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		call.Progress(1, 2, "kneading")
		call.Progress(2, 2, "in the oven")
		return mcptest.Text("bread"), nil
	})

	ctx := context.Background()
	session, err := mcpclient.Connect(ctx, server.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()

	result, err := session.CallTool(ctx, "bake", nil,
		mcpclient.WithIdleTimeout(time.Minute), // each sign of progress starts it anew
		mcpclient.WithProgress(func(p mcpclient.Progress) {
			fmt.Printf("%.0f of %.0f: %s\n", p.Progress, p.Total, p.Message)
		}))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Text())
	// Output:
	// 1 of 2: kneading
	// 2 of 2: in the oven
	// bread
}
