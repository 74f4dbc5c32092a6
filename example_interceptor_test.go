package mcpclient_test

import (
	"context"
	"fmt"
	"log"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// An interceptor runs around every call: for a trace id in _meta, a header, a log line, a guard.
func ExampleInterceptor() {
	server := mcptest.Start()
	defer server.Close()

	ctx := context.Background()
	client := &mcpclient.Client{Interceptors: []mcpclient.Interceptor{
		func(ctx context.Context, call *mcpclient.Call, next func(context.Context) error) error {
			if call.Target == "add" {
				return fmt.Errorf("%s is not allowed here", call.Target)
			}
			call.Meta["traceparent"] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
			call.Header.Set("X-Tenant", "blue")
			err := next(ctx)
			fmt.Println(call.Method, call.Target, string(call.Params), err)
			return err
		},
	}}
	session, err := client.Connect(ctx, server.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()

	if _, err := session.CallTool(ctx, "echo", map[string]any{"text": "hello"}); err != nil {
		log.Fatal(err)
	}
	_, err = session.CallTool(ctx, "add", nil)
	fmt.Println(err)
	// Output:
	// tools/call echo {"name":"echo","arguments":{"text":"hello"}} <nil>
	// mcpclient: tools/call add: add is not allowed here
}
