package mcpclient_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// The end of a context ends its own call at once and no other. The server is told, without keeping the caller waiting.
func ExampleSession_CallTool_cancel() {
	server := mcptest.Start()
	defer server.Close()
	started, stopped := make(chan struct{}), make(chan struct{})
	server.AddTool(mcpclient.Tool{Name: "mine"}, func(ctx context.Context, _ *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		close(started)
		<-ctx.Done()
		close(stopped)
		return nil, ctx.Err()
	})

	session, err := mcpclient.Connect(context.Background(), server.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()

	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-started
		cancel()
	}()
	_, err = session.CallTool(ctx, "mine", nil)
	fmt.Println("canceled:", errors.Is(err, context.Canceled))
	fmt.Println("safe to repeat:", mcpclient.SafeToRetry(err))
	<-stopped
	fmt.Println("the server stopped, too")
	// Output:
	// canceled: true
	// safe to repeat: false
	// the server stopped, too
}
