package tour_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// furnish gives the server something of everything, so that answers of every form pass the monitor.
func furnish(server *mcptest.Server, g ground) {
	addTools(server, g)
	addTexts(server)
}

func addTools(server *mcptest.Server, g ground) {
	object := json.RawMessage(`{"type":"object"}`)
	readOnly := true
	server.AddTool(mcpclient.Tool{
		Name: "everything", Description: "Answers with every kind of content.", InputSchema: object, OutputSchema: object,
		Annotations: &mcpclient.ToolAnnotations{Title: "Everything", ReadOnlyHint: &readOnly},
	}, func(context.Context, *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		return &mcpclient.ToolResult{Structured: json.RawMessage(`{"a":1}`), Content: []mcpclient.Content{
			&mcpclient.Text{Text: "hold fast ⚓"},
			&mcpclient.Image{Data: []byte("picture"), MIMEType: "image/png"},
			&mcpclient.Embedded{Resource: &mcpclient.ResourceContents{URI: "tour://motto", Text: "hold fast"}},
			&mcpclient.Embedded{Resource: &mcpclient.ResourceContents{URI: "tour://picture", Blob: []byte("picture")}},
		}}, nil
	})
	addJobs(server, g)
	server.AddTool(mcpclient.Tool{Name: "talkative", InputSchema: object}, talk)
	server.AddTool(mcpclient.Tool{Name: "inquisitive", InputSchema: object}, inquirer(g))
	server.AddTool(mcpclient.Tool{Name: "failing", InputSchema: object}, func(context.Context, *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		return nil, errors.New("it fails")
	})
	server.AddTool(mcpclient.Tool{Name: "endless", InputSchema: object}, func(ctx context.Context, req *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		req.Progress(0, 0, "")
		<-ctx.Done()
		return nil, ctx.Err()
	})
}

// addJobs adds tools that run as tasks, if the client asks for it.
func addJobs(server *mcptest.Server, g ground) {
	job := func(name string, h mcptest.ToolHandler) {
		tool := mcpclient.Tool{Name: name, InputSchema: json.RawMessage(`{"type":"object"}`)}
		if g.hasTasks() {
			tool.Execution = &mcpclient.ToolExecution{TaskSupport: "optional"}
		}
		server.AddTool(tool, h)
	}
	job("job", func(context.Context, *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		return mcptest.Text("done"), nil
	})
	job("asking job", func(ctx context.Context, _ *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		_, err := mcptest.Ask(ctx, "roots/list", nil)
		return mcptest.Text("asked"), err
	})
	job("endless job", func(ctx context.Context, _ *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
}

// addTool adds a tool while the server runs.
func addTool(server *mcptest.Server, name string) {
	server.AddTool(mcpclient.Tool{Name: name, InputSchema: json.RawMessage(`{"type":"object"}`)},
		func(context.Context, *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
			return mcptest.Text(name), nil
		})
}

func talk(_ context.Context, req *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
	req.Progress(0.5, 1, "half")
	req.Log("info", map[string]any{"step": 1})
	req.Progress(1, 0, "")
	return mcptest.Text("said"), nil
}

// inquirer asks the client for all that servers of the version can ask for.
func inquirer(g ground) mcptest.ToolHandler {
	questions := []mcptest.InputRequest{
		{Method: "roots/list"},
		{Method: "sampling/createMessage", Params: map[string]any{
			"maxTokens": 10,
			"messages":  []any{map[string]any{"role": "user", "content": map[string]any{"type": "text", "text": "Say something."}}},
		}},
	}
	if g.asks() {
		questions = append(questions, mcptest.InputRequest{Method: "elicitation/create", Params: map[string]any{
			"message": "Who are you?",
			"requestedSchema": map[string]any{"type": "object", "properties": map[string]any{
				"name": map[string]any{"type": "string", "title": "Name"},
			}},
		}})
	}
	if !g.modern() {
		questions = append(questions, mcptest.InputRequest{Method: "ping"})
	}
	return func(ctx context.Context, _ *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		for _, question := range questions {
			if _, err := mcptest.Ask(ctx, question.Method, question.Params); err != nil {
				return nil, err
			}
		}
		return mcptest.Text("asked"), nil
	}
}

func addTexts(server *mcptest.Server) {
	motto := mcpclient.ResourceContents{URI: "tour://motto", MIMEType: "text/plain", Text: "hold fast"}
	server.AddResource(mcpclient.Resource{URI: motto.URI, Name: "motto", MIMEType: motto.MIMEType}, motto)
	picture := mcpclient.ResourceContents{URI: "tour://picture", MIMEType: "image/png", Blob: []byte("picture")}
	server.AddResource(mcpclient.Resource{URI: picture.URI, Name: "picture"}, picture)
	server.AddResourceTemplate(mcpclient.ResourceTemplate{URITemplate: "tour://greeting/{name}", Name: "greeting"},
		func(_ context.Context, uri string) ([]mcpclient.ResourceContents, error) {
			name := strings.TrimPrefix(uri, "tour://greeting/")
			return []mcpclient.ResourceContents{{URI: uri, Text: "hello, " + name}}, nil
		})
	server.AddPrompt(mcpclient.Prompt{Name: "greet", Arguments: []mcpclient.PromptArgument{{Name: "name"}}},
		func(_ context.Context, arguments map[string]string) (*mcpclient.PromptResult, error) {
			return &mcpclient.PromptResult{Messages: []mcpclient.PromptMessage{
				{Role: "user", Content: &mcpclient.Text{Text: "Please greet " + arguments["name"]}},
				{Role: "assistant", Content: &mcpclient.Image{Data: []byte("picture"), MIMEType: "image/png"}},
			}}, nil
		})
	server.Complete(func(context.Context, *mcptest.CompleteRequest) (*mcpclient.Completion, error) {
		return &mcpclient.Completion{Values: []string{"Ada", "Alan"}, Total: 2}, nil
	})
}
