package mcpclient_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// A worker that lives for one request hands its session to the next one. Detach leaves it open at the server, and Resume
// sends nothing.
func ExampleClient_Resume() {
	server := mcptest.Start()
	defer server.Close()

	ctx := context.Background()
	session, err := mcpclient.Connect(ctx, server.URL())
	if err != nil {
		log.Fatal(err)
	}
	state, err := session.Detach()
	if err != nil {
		log.Fatal(err)
	}
	stored, err := json.Marshal(state) // holds the session id: keep it like a password
	if err != nil {
		log.Fatal(err)
	}

	// In the next process:
	var found mcpclient.SessionState
	if err := json.Unmarshal(stored, &found); err != nil {
		log.Fatal(err)
	}
	session, err = new(mcpclient.Client).Resume(ctx, found)
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	result, err := session.CallTool(ctx, "echo", map[string]any{"text": "still here"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Text())
	fmt.Println("sessions opened:", server.Initializes())
	// Output:
	// still here
	// sessions opened: 1
}
