package main

import (
	"context"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// addRequests adds the tools that need something of the client, and those that tell it something unasked. The SDK turns what they
// return into requests of the server, or into an answer that asks for input, by the version that the client speaks.
func addRequests(server *mcp.Server) {
	mcp.AddTool(server, &mcp.Tool{Name: "ask", Description: "Asks for a name."}, ask)
	mcp.AddTool(server, &mcp.Tool{Name: "sample", Description: "Lets the client's model say something."}, sample)
	mcp.AddTool(server, &mcp.Tool{Name: "roots", Description: "Lists the client's roots."}, roots)
	mcp.AddTool(server, &mcp.Tool{Name: "log", Description: "Logs a line."},
		func(ctx context.Context, req *mcp.CallToolRequest, _ any) (*mcp.CallToolResult, any, error) {
			err := req.Session.Log(ctx, &mcp.LoggingMessageParams{Level: "info", Logger: "interop", Data: "noted"})
			return text("logged"), nil, err
		})
	mcp.AddTool(server, &mcp.Tool{Name: "change", Description: "Changes the list of tools and the motto."},
		func(ctx context.Context, _ *mcp.CallToolRequest, _ any) (*mcp.CallToolResult, any, error) {
			mcp.AddTool(server, &mcp.Tool{Name: "added"},
				func(context.Context, *mcp.CallToolRequest, any) (*mcp.CallToolResult, any, error) {
					return text("added"), nil, nil
				})
			err := server.ResourceUpdated(ctx, &mcp.ResourceUpdatedNotificationParams{URI: "interop://motto"})
			return text("changed"), nil, err
		})
}

func ask(_ context.Context, req *mcp.CallToolRequest, _ any) (*mcp.CallToolResult, any, error) {
	reply, ok := req.Params.InputResponses["who"].(*mcp.ElicitResult)
	if !ok {
		return &mcp.CallToolResult{RequestState: "asked", InputRequests: mcp.InputRequestMap{"who": &mcp.ElicitParams{
			Message: "Who are you?",
			RequestedSchema: &jsonschema.Schema{Type: "object", Properties: map[string]*jsonschema.Schema{
				"name": {Type: "string", Title: "Name", Default: []byte(`"Ada"`)},
			}},
		}}}, nil, nil
	}
	name, _ := reply.Content["name"].(string)
	return text(strings.TrimSpace(reply.Action + " " + name)), nil, nil
}

func sample(_ context.Context, req *mcp.CallToolRequest, _ any) (*mcp.CallToolResult, any, error) {
	reply, ok := req.Params.InputResponses["words"].(*mcp.CreateMessageWithToolsResult)
	if !ok {
		return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"words": &mcp.CreateMessageParams{
			MaxTokens: 100,
			Messages:  []*mcp.SamplingMessage{{Role: "user", Content: &mcp.TextContent{Text: "Say something."}}},
		}}}, nil, nil
	}
	return &mcp.CallToolResult{Content: reply.Content}, nil, nil
}

func roots(_ context.Context, req *mcp.CallToolRequest, _ any) (*mcp.CallToolResult, any, error) {
	reply, ok := req.Params.InputResponses["roots"].(*mcp.ListRootsResult)
	if !ok {
		return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"roots": &mcp.ListRootsParams{}}}, nil, nil
	}
	var uris []string
	for _, root := range reply.Roots {
		uris = append(uris, root.URI)
	}
	return text(strings.Join(uris, ", ")), nil, nil
}
