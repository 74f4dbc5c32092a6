package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// addRequests adds the tools that need something of the client, and those that tell it something unasked. mcp-go turns what they
// return into requests of the server, or into an answer that asks for input, by the version that the client speaks.
func addRequests(s *server.MCPServer) {
	s.AddTool(mcp.NewTool("ask", mcp.WithDescription("Asks for a name.")), ask)
	s.AddTool(mcp.NewTool("sample", mcp.WithDescription("Lets the client's model say something.")), sample)
	s.AddTool(mcp.NewTool("roots", mcp.WithDescription("Lists the client's roots.")), roots)
	s.AddTool(mcp.NewTool("log", mcp.WithDescription("Logs a line.")),
		func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			err := s.SendLogMessageToClient(ctx, mcp.NewLoggingMessageNotification(mcp.LoggingLevelInfo, "interop", "noted"))
			if err != nil {
				return nil, err
			}
			return mcp.NewToolResultText("logged"), work(ctx, 0.05) // see slow
		})
	s.AddTool(mcp.NewTool("change", mcp.WithDescription("Changes the list of tools and the motto.")),
		func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			s.AddTool(mcp.NewTool("added"), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
				return mcp.NewToolResultText("added"), nil
			})
			s.SendNotificationToAllClients(mcp.MethodNotificationResourceUpdated, map[string]any{"uri": "interop://motto"})
			return mcp.NewToolResultText("changed"), work(ctx, 0.05) // see slow
		})
}

func ask(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	reply := server.ElicitationResponse(req.Params.InputResponses, "who")
	if reply == nil {
		return server.NewInputRequestBuilder("asked").Elicit("who", mcp.ElicitationParams{
			Message: "Who are you?",
			RequestedSchema: map[string]any{"type": "object", "properties": map[string]any{
				"name": map[string]any{"type": "string", "title": "Name", "default": "Ada"},
			}},
		}).ToolResult(), nil
	}
	content, _ := reply.Content.(map[string]any)
	name, _ := content["name"].(string)
	return mcp.NewToolResultText(strings.TrimSpace(fmt.Sprint(reply.Action, " ", name))), nil
}

func sample(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	reply := server.SamplingResponse(req.Params.InputResponses, "words")
	if reply == nil {
		return server.NewInputRequestBuilder("").Sample("words", mcp.CreateMessageParams{
			MaxTokens: 100,
			Messages:  []mcp.SamplingMessage{{Role: mcp.RoleUser, Content: mcp.NewTextContent("Say something.")}},
		}).ToolResult(), nil
	}
	if said, ok := mcp.AsTextContent(reply.Content); ok {
		return mcp.NewToolResultText(said.Text), nil
	}
	// In the stateless design mcp-go leaves the content as it was decoded.
	members, _ := reply.Content.(map[string]any)
	return mcp.NewToolResultText(fmt.Sprint(members["text"])), nil
}

func roots(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	reply := server.RootsResponse(req.Params.InputResponses, "roots")
	if reply == nil {
		return server.NewInputRequestBuilder("").Roots("roots").ToolResult(), nil
	}
	var uris []string
	for _, root := range reply.Roots {
		uris = append(uris, root.URI)
	}
	return mcp.NewToolResultText(strings.Join(uris, ", ")), nil
}
