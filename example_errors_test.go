package mcpclient_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// A retry loop needs to know nothing of the protocol: RetryAfter is true only if the server has not acted on the call and
// the cause passes by itself.
func ExampleRetryAfter() {
	server := mcptest.Start()
	defer server.Close()

	ctx := context.Background()
	client := mcpclient.Client{Retry: mcpclient.RetryPolicy{Attempts: 1}} // by default the client itself tries three times
	session, err := client.Connect(ctx, server.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()

	call := func(text string) error {
		for pause := 10 * time.Millisecond; ; pause *= 2 {
			_, err := session.CallTool(ctx, "echo", map[string]any{"text": text})
			wait, again := mcpclient.RetryAfter(err)
			if !again {
				return err
			}
			fmt.Println("again:", err)
			select {
			case <-time.After(max(wait, pause)): // the server's wish, and a backoff where it has none
			case <-ctx.Done():
				return err
			}
		}
	}

	server.Next(mcptest.Status(503, http.Header{"Retry-After": {"0"}}, "starting"))
	fmt.Println("error:", call("first"))

	server.Next(mcptest.DropAfter()) // executes the call and cuts the connection
	if failed, ok := errors.AsType[*mcpclient.CallError](call("second")); ok {
		fmt.Println("failed:", failed.Method, failed.Target, "- delivery", failed.Delivery)
	}
	fmt.Println("executed:", server.Executed())
	// Output:
	// again: mcpclient: tools/call echo: HTTP 503 Service Unavailable: "starting" (the server asks to retry after "0")
	// error: <nil>
	// failed: tools/call echo - delivery unknown
	// executed: 2
}
