// Command mcpgo-server serves the interop suite's tools with mcp-go, in each way that it can: over Streamable HTTP with the session ids
// checked, stateless, and over HTTP+SSE.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/holdfast-mcp/mcpclient/interop/internal/serve"
)

func main() {
	s := server.NewMCPServer("interop-mcpgo", "1.0.0", server.WithTitle("Interop server"), server.WithCompletions(),
		server.WithPromptCompletionProvider(names{}), server.WithResourceCompletionProvider(names{}),
		server.WithToolCapabilities(true), server.WithResourceCapabilities(true, true), server.WithLogging(),
		server.WithElicitation(), server.WithRoots())
	s.EnableSampling()
	addTools(s)
	addRequests(s)
	addTexts(s)
	log.Fatal(serve.Loopback("/", handler(s)))
}

func handler(s *server.MCPServer) http.Handler {
	switch serve.Mode() {
	case "sse":
		return server.NewSSEServer(s)
	case "stateless":
		return server.NewStreamableHTTPServer(s, server.WithStateLess(true))
	default:
		// By default mcp-go accepts every well-formed session id, also one that it never issued, and so would never lose a session. And
		// it would rather be asked without sessions at all, which the mode "stateless" is for.
		return server.NewStreamableHTTPServer(s, server.WithStateful(true), server.WithStreamableHTTPProtocolVersions("2025-11-25"))
	}
}

type (
	echoArgs struct {
		Text string `json:"text"`
	}
	addArgs struct {
		A float64 `json:"a"`
		B float64 `json:"b"`
	}
	sum struct {
		Sum float64 `json:"sum"`
	}
	slowArgs struct {
		Seconds float64 `json:"seconds"`
		Steps   int     `json:"steps"`
	}
	countArgs struct {
		Nonce   string  `json:"nonce"`
		Seconds float64 `json:"seconds,omitempty" jsonschema:"how long to work after the nonce is recorded"`
	}
)

func addTools(s *server.MCPServer) {
	s.AddTool(mcp.NewTool("echo", mcp.WithDescription("Returns its text."), mcp.WithInputSchema[echoArgs]()),
		mcp.NewTypedToolHandler(func(_ context.Context, _ mcp.CallToolRequest, args echoArgs) (*mcp.CallToolResult, error) {
			return mcp.NewToolResultText(args.Text), nil
		}))
	s.AddTool(mcp.NewTool("add", mcp.WithDescription("Adds two numbers."), mcp.WithInputSchema[addArgs](), mcp.WithOutputSchema[sum]()),
		mcp.NewStructuredToolHandler(func(_ context.Context, _ mcp.CallToolRequest, args addArgs) (sum, error) {
			return sum{Sum: args.A + args.B}, nil
		}))
	s.AddTool(mcp.NewTool("slow", mcp.WithDescription("Works for some seconds and reports each step."), mcp.WithInputSchema[slowArgs]()),
		mcp.NewTypedToolHandler(slow))
	s.AddTool(mcp.NewTool("count", mcp.WithDescription("Records its nonce in the ledger of executions."), mcp.WithInputSchema[countArgs]()),
		mcp.NewTypedToolHandler(func(ctx context.Context, _ mcp.CallToolRequest, args countArgs) (*mcp.CallToolResult, error) {
			if err := serve.Record(args.Nonce); err != nil {
				return nil, err
			}
			return mcp.NewToolResultText(args.Nonce), work(ctx, args.Seconds)
		}))
}

func slow(ctx context.Context, req mcp.CallToolRequest, args slowArgs) (*mcp.CallToolResult, error) {
	for step := range args.Steps {
		if err := work(ctx, args.Seconds/float64(args.Steps)); err != nil {
			return nil, err
		}
		if req.Params.Meta == nil || req.Params.Meta.ProgressToken == nil {
			continue
		}
		err := server.ServerFromContext(ctx).SendNotificationToClient(ctx, "notifications/progress", map[string]any{
			"progressToken": req.Params.Meta.ProgressToken, "progress": step + 1, "total": args.Steps,
		})
		if err != nil {
			return nil, err
		}
	}
	// mcp-go hands notifications to another goroutine: an answer that follows the last one at once overtakes it, and it is dropped.
	return mcp.NewToolResultText("done"), work(ctx, 0.05)
}

func addTexts(s *server.MCPServer) {
	s.AddResource(mcp.NewResource("interop://motto", "motto", mcp.WithMIMEType("text/plain")),
		func(_ context.Context, req mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
			return read(req.Params.URI, "hold fast"), nil
		})
	s.AddResourceTemplate(mcp.NewResourceTemplate("interop://greeting/{name}", "greeting", mcp.WithTemplateMIMEType("text/plain")),
		func(_ context.Context, req mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
			return read(req.Params.URI, "hello, "+strings.TrimPrefix(req.Params.URI, "interop://greeting/")), nil
		})
	s.AddPrompt(mcp.NewPrompt("greet", mcp.WithArgument("name", mcp.RequiredArgument())),
		func(_ context.Context, req mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			text := mcp.NewTextContent(fmt.Sprintf("Please greet %s.", req.Params.Arguments["name"]))
			return mcp.NewGetPromptResult("", []mcp.PromptMessage{mcp.NewPromptMessage(mcp.RoleUser, text)}), nil
		})
}

// names completes every argument of the suite.
type names struct{}

func (names) CompletePromptArgument(
	_ context.Context, _ string, argument mcp.CompleteArgument, _ mcp.CompleteContext,
) (*mcp.Completion, error) {
	values := serve.Names(argument.Value)
	return &mcp.Completion{Values: values, Total: len(values)}, nil
}

func (n names) CompleteResourceArgument(
	ctx context.Context, uri string, argument mcp.CompleteArgument, given mcp.CompleteContext,
) (*mcp.Completion, error) {
	return n.CompletePromptArgument(ctx, uri, argument, given)
}

func read(uri, text string) []mcp.ResourceContents {
	return []mcp.ResourceContents{mcp.TextResourceContents{URI: uri, MIMEType: "text/plain", Text: text}}
}

func work(ctx context.Context, seconds float64) error {
	select {
	case <-time.After(time.Duration(seconds * float64(time.Second))):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
