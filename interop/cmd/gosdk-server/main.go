// Command gosdk-server serves the interop suite's tools with the official Go SDK, in each way that it can: with sessions, stateless, and
// over HTTP+SSE.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/holdfast-mcp/mcpclient/interop/internal/serve"
)

func main() {
	server := mcp.NewServer(&mcp.Implementation{Name: "interop-gosdk", Title: "Interop server", Version: "1.0.0"}, &mcp.ServerOptions{
		CompletionHandler:  complete,
		SubscribeHandler:   func(context.Context, *mcp.SubscribeRequest) error { return nil },
		UnsubscribeHandler: func(context.Context, *mcp.UnsubscribeRequest) error { return nil },
	})
	addTools(server)
	addRequests(server)
	addTexts(server)
	one := func(*http.Request) *mcp.Server { return server }
	if serve.Mode() == "sse" {
		log.Fatal(serve.Loopback("/sse", mcp.NewSSEHandler(one, nil)))
	}
	options := &mcp.StreamableHTTPOptions{Stateless: serve.Mode() == "stateless"}
	handler := mcp.NewStreamableHTTPHandler(one, options)
	if p, wanted := protectionOf(); wanted {
		log.Fatal(serve.Loopback("/", p.wrap("/mcp", handler)))
	}
	log.Fatal(serve.Loopback("/mcp", handler))
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

func addTools(server *mcp.Server) {
	mcp.AddTool(server, &mcp.Tool{Name: "echo", Description: "Returns its text."},
		func(_ context.Context, _ *mcp.CallToolRequest, args echoArgs) (*mcp.CallToolResult, any, error) {
			return text(args.Text), nil, nil
		})
	mcp.AddTool(server, &mcp.Tool{Name: "add", Description: "Adds two numbers."},
		func(_ context.Context, _ *mcp.CallToolRequest, args addArgs) (*mcp.CallToolResult, sum, error) {
			return nil, sum{Sum: args.A + args.B}, nil
		})
	mcp.AddTool(server, &mcp.Tool{Name: "slow", Description: "Works for some seconds and reports each step."}, slow)
	mcp.AddTool(server, &mcp.Tool{Name: "count", Description: "Records its nonce in the ledger of executions."},
		func(ctx context.Context, _ *mcp.CallToolRequest, args countArgs) (*mcp.CallToolResult, any, error) {
			if err := serve.Record(args.Nonce); err != nil {
				return nil, nil, err
			}
			return text(args.Nonce), nil, work(ctx, args.Seconds)
		})
}

func slow(ctx context.Context, req *mcp.CallToolRequest, args slowArgs) (*mcp.CallToolResult, any, error) {
	for step := range args.Steps {
		if err := work(ctx, args.Seconds/float64(args.Steps)); err != nil {
			return nil, nil, err
		}
		token := req.Params.GetProgressToken()
		if token == nil {
			continue
		}
		err := req.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{
			ProgressToken: token, Progress: float64(step + 1), Total: float64(args.Steps),
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return text("done"), nil, nil
}

func addTexts(server *mcp.Server) {
	server.AddResource(&mcp.Resource{Name: "motto", URI: "interop://motto", MIMEType: "text/plain"},
		func(_ context.Context, req *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
			return read(req.Params.URI, "hold fast"), nil
		})
	server.AddResourceTemplate(&mcp.ResourceTemplate{Name: "greeting", URITemplate: "interop://greeting/{name}", MIMEType: "text/plain"},
		func(_ context.Context, req *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
			return read(req.Params.URI, "hello, "+strings.TrimPrefix(req.Params.URI, "interop://greeting/")), nil
		})
	server.AddPrompt(&mcp.Prompt{Name: "greet", Arguments: []*mcp.PromptArgument{{Name: "name", Required: true}}},
		func(_ context.Context, req *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			return &mcp.GetPromptResult{Messages: []*mcp.PromptMessage{
				{Role: "user", Content: &mcp.TextContent{Text: fmt.Sprintf("Please greet %s.", req.Params.Arguments["name"])}},
			}}, nil
		})
}

func complete(_ context.Context, req *mcp.CompleteRequest) (*mcp.CompleteResult, error) {
	values := serve.Names(req.Params.Argument.Value)
	return &mcp.CompleteResult{Completion: mcp.CompletionResultDetails{Values: values, Total: len(values)}}, nil
}

func text(s string) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: s}}}
}

func read(uri, s string) *mcp.ReadResourceResult {
	return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{URI: uri, MIMEType: "text/plain", Text: s}}}
}

func work(ctx context.Context, seconds float64) error {
	select {
	case <-time.After(time.Duration(seconds * float64(time.Second))):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
