package mcpclient_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// A server that nobody has seen yet says 409 for a lost session. Its user need not wait for a release that knows it.
func ExampleRefusal() {
	server := mcptest.Start(mcptest.Refusal(mcptest.Status(409, nil, "whoever you are, I am new here")))
	defer server.Close()

	ctx := context.Background()
	client := &mcpclient.Client{ClassifyRefusal: func(r mcpclient.Refusal) mcpclient.Verdict {
		if r.StatusCode == http.StatusConflict && bytes.Contains(r.Body, []byte("I am new here")) {
			return mcpclient.VerdictLost
		}
		return mcpclient.VerdictDefault
	}}
	session, err := client.Connect(ctx, server.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()

	server.ForgetSessions()
	result, err := session.CallTool(ctx, "echo", map[string]any{"text": "hello again"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Text())
	// Output: hello again
}
