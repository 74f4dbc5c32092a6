package mcptest_test

import (
	"context"
	"fmt"
	"log"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// A test calls mcptest.New(t), which closes the server with the test. Programs
// and examples call Start.
func Example() {
	srv := mcptest.Start()
	defer srv.Close()
	srv.AddTool(mcpclient.Tool{Name: "greet", Description: "Greets someone."},
		func(_ context.Context, req *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
			var args struct{ Name string }
			if err := req.Decode(&args); err != nil {
				return nil, err
			}
			return mcptest.Text("Hello, " + args.Name + "!"), nil
		})

	ctx := context.Background()
	session, err := mcpclient.Connect(ctx, srv.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	for tool, err := range session.Tools(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("tool:", tool.Name)
	}
	result, err := session.CallTool(ctx, "greet", map[string]any{"name": "Ada"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Text())
	// Output:
	// tool: echo
	// tool: add
	// tool: greet
	// Hello, Ada!
}
