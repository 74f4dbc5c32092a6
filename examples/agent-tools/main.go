// Agent-tools stands between a model and a server: the server's tools become the function list that chat APIs take, and
// what the model asks for goes to the server as the model wrote it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

type function struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Parameters  json.RawMessage `json:"parameters"` // the tool's JSON Schema, untouched
}

type toolCall struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"` // JSON text, if the model kept to the schema
}

// functions lists the server's tools for the model.
func functions(ctx context.Context, session *mcpclient.Session) ([]byte, error) {
	var list []any
	for tool, err := range session.Tools(ctx) {
		if err != nil {
			return nil, err
		}
		list = append(list, map[string]any{"type": "function", "function": function{tool.Name, tool.Description, tool.InputSchema}})
	}
	return json.Marshal(list)
}

// perform returns what to tell the model. What the model can mend, a tool that failed or arguments that were refused, is
// an answer to it; an error is what it cannot mend.
func perform(ctx context.Context, tools mcpclient.ToolCaller, call toolCall) (string, error) {
	result, err := tools.CallTool(ctx, call.Name, json.RawMessage(call.Arguments))
	var refused *mcpclient.RPCError
	var malformed *mcpclient.ArgumentError
	switch {
	case errors.As(err, &refused):
		return "error: " + refused.Message, nil
	case errors.As(err, &malformed):
		return "error: " + malformed.Error(), nil
	case err != nil:
		return "", err
	case result.IsError:
		return "the tool failed: " + result.Text(), nil
	default:
		return result.Text(), nil
	}
}

func main() {
	server := mcptest.Start()
	defer server.Close()
	ctx := context.Background()
	session, err := mcpclient.Connect(ctx, server.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	list, err := functions(ctx, session)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("to the model: %s\n", list)
	for _, call := range []toolCall{{"add", `{"a": 2, "b": 40}`}, {"add", `{"a": "two"}`}, {"add", `{"a": 2,`}, {"sub", `{}`}} {
		answer, err := perform(ctx, session, call)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("the model calls %s(%s)\n  %s\n", call.Name, call.Arguments, answer)
	}
}
