package mcpclient_test

import (
	"context"
	"fmt"
	"log"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// The server forgets the session while many callers use it. They do not notice; whoever wants to know sets Trace.
func ExampleTrace() {
	server := mcptest.Start()
	defer server.Close()

	ctx := context.Background()
	client := &mcpclient.Client{Trace: &mcpclient.Trace{
		SessionLost: func(e mcpclient.SessionEvent) {
			fmt.Printf("session %d is lost: %s\n", e.Generation, e.Reason)
		},
		SessionRestored: func(e mcpclient.SessionEvent) {
			fmt.Printf("session %d takes its place\n", e.Generation)
		},
	}}
	session, err := client.Connect(ctx, server.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()

	server.ForgetSessions() // a restart, an idle timeout, another instance behind the balancer
	group, ctx := errgroup.WithContext(ctx)
	for range 50 {
		group.Go(func() error {
			_, err := session.CallTool(ctx, "echo", map[string]any{"text": "hello"})
			return err
		})
	}
	fmt.Println("error:", group.Wait())
	fmt.Println("executed:", server.Executed())
	// Output:
	// session 1 is lost: "Session not found"
	// session 2 takes its place
	// error: <nil>
	// executed: 50
}
