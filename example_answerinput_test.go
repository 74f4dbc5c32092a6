package mcpclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// An application whose user is not there, a web server between two requests for instance, keeps the pending call and goes
// on with it when the user has answered.
func ExampleSession_AnswerInput() {
	server := mcptest.Start(mcptest.Stateless())
	defer server.Close()
	server.AddTool(mcpclient.Tool{Name: "book"}, bookTable)

	ctx := context.Background()
	session, err := mcpclient.Connect(ctx, server.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()

	_, err = session.CallTool(ctx, "book", nil, mcpclient.WithDeferredInput())
	pending, ok := errors.AsType[*mcpclient.InputRequiredError](err)
	if !ok {
		log.Fatal(err)
	}
	kept, err := json.Marshal(pending) // an hour passes
	if err != nil {
		log.Fatal(err)
	}

	var later mcpclient.InputRequiredError
	if err := json.Unmarshal(kept, &later); err != nil {
		log.Fatal(err)
	}
	answers := make(map[string]any)
	for key, request := range later.Requests {
		fmt.Println("asked by", request.Method)
		answers[key] = mcpclient.Accept(map[string]any{"guests": 4, "smoking": false})
	}
	var result mcpclient.ToolResult
	if err := session.AnswerInput(ctx, &later, answers, &result); err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Text())
	// Output:
	// asked by elicitation/create
	// booked: {"action":"accept","content":{"guests":4,"smoking":false}}
}
