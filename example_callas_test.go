package mcpclient_test

import (
	"context"
	"fmt"
	"log"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// Go values in, a Go value out. A tool's own failure is an error here.
func ExampleCallAs() {
	server := mcptest.Start()
	defer server.Close()

	ctx := context.Background()
	session, err := mcpclient.Connect(ctx, server.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()

	type terms struct {
		A int `json:"a"`
		B int `json:"b"`
	}
	type answer struct {
		Sum int `json:"sum"`
	}
	got, err := mcpclient.CallAs[answer](ctx, session, "add", terms{A: 40, B: 2})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(got.Sum)

	_, err = mcpclient.CallAs[answer](ctx, session, "add", map[string]string{"a": "forty"})
	fmt.Println("failed:", err != nil)
	// Output:
	// 42
	// failed: true
}
