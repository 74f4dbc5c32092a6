package mcpclient_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// A tool may want to know something from the user before it goes on. Whether the server asks by a request in its
// session or by an answer that requires input is not the handler's concern.
func ExampleClient_elicit() {
	server := mcptest.Start()
	defer server.Close()
	server.AddTool(mcpclient.Tool{Name: "book"}, bookTable)

	client := &mcpclient.Client{Elicit: func(_ context.Context, form *mcpclient.Elicitation) (*mcpclient.ElicitationReply, error) {
		fmt.Println("asked:", form.Message)
		for _, field := range form.Fields {
			fmt.Println("field:", field.DisplayName(), field.Kind, field.Required)
		}
		return mcpclient.Accept(map[string]any{"guests": 4}), nil // "smoking" has a default
	}}
	ctx := context.Background()
	session, err := client.Connect(ctx, server.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()

	result, err := session.CallTool(ctx, "book", nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Text())
	// Output:
	// asked: For how many?
	// field: Guests integer true
	// field: smoking boolean false
	// booked: {"action":"accept","content":{"guests":4,"smoking":false}}
}

// bookTable is a tool that asks.
func bookTable(ctx context.Context, call *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
	answer, err := call.Ask(ctx, "elicitation/create", json.RawMessage(`{
		"mode": "form", "message": "For how many?",
		"requestedSchema": {"type": "object", "required": ["guests"], "properties": {
			"guests": {"type": "integer", "title": "Guests", "minimum": 1},
			"smoking": {"type": "boolean", "default": false}
		}}
	}`))
	if err != nil {
		return nil, err
	}
	return mcptest.Text("booked: " + string(answer)), nil
}
