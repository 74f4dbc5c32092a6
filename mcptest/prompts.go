package mcptest

import (
	"context"
	"fmt"
	"slices"

	"github.com/holdfast-mcp/mcpclient"
)

// PromptHandler fills a prompt in. An error that is a *[mcpclient.RPCError] is
// the answer; any other becomes an internal error with its text.
type PromptHandler func(ctx context.Context, arguments map[string]string) (*mcpclient.PromptResult, error)

// CompleteHandler proposes values. A nil result proposes none. Errors are
// answered as those of a [PromptHandler].
type CompleteHandler func(ctx context.Context, req *CompleteRequest) (*mcpclient.Completion, error)

// CompleteRequest asks for values of one argument of a prompt, or of one
// variable of a resource template.
type CompleteRequest struct {
	Prompt   string // name of the prompt, "" if it is about a resource
	URI      string // of the resource or template, "" if it is about a prompt
	Argument mcpclient.CompletionArgument
}

type prompt struct {
	mcpclient.Prompt
	handler PromptHandler
}

// AddPrompt adds a prompt, or replaces the one of this name. The handler is
// called only with all required arguments; without one the prompt is empty.
func (s *Server) AddPrompt(p mcpclient.Prompt, h PromptHandler) {
	if h == nil {
		h = func(context.Context, map[string]string) (*mcpclient.PromptResult, error) { return nil, nil }
	}
	s.mu.Lock()
	s.features.prompts.set(p.Name, prompt{p, h})
	s.mu.Unlock()
	s.Broadcast("notifications/prompts/list_changed", nil)
}

// Complete sets who proposes values. Without it the server has no completions.
func (s *Server) Complete(h CompleteHandler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.features.completer = h
}

func (c *call) listPrompts() (any, error) {
	prompts, next, err := page(c, &c.server.features.prompts)
	if err != nil {
		return nil, err
	}
	list := make([]mcpclient.Prompt, len(prompts))
	for i, p := range prompts {
		list[i] = p.Prompt
	}
	return struct {
		Prompts []mcpclient.Prompt `json:"prompts"`
		Next    *string            `json:"nextCursor,omitzero"`
	}{list, next}, nil
}

func (c *call) getPrompt(ctx context.Context) (any, error) {
	var params struct {
		Name      string            `json:"name"`
		Arguments map[string]string `json:"arguments"`
	}
	if err := decode(c.message.Params, &params); err != nil {
		return nil, err
	}
	c.server.mu.Lock()
	p, known := c.server.features.prompts.get(params.Name)
	c.server.mu.Unlock()
	if !known {
		return nil, invalidParams(fmt.Sprintf("Unknown prompt: %s", params.Name))
	}
	missing := slices.IndexFunc(p.Arguments, func(a mcpclient.PromptArgument) bool {
		_, given := params.Arguments[a.Name]
		return a.Required && !given
	})
	if missing >= 0 {
		return nil, invalidParams(fmt.Sprintf("Missing required argument: %s", p.Arguments[missing].Name))
	}
	result, err := p.handler(ctx, params.Arguments)
	if err == nil && result == nil {
		result = &mcpclient.PromptResult{}
	}
	return result, err
}

func (c *call) complete(ctx context.Context) (any, error) {
	var params struct {
		Ref struct {
			Name string `json:"name"`
			URI  string `json:"uri"`
		} `json:"ref"`
		Argument struct {
			Name  string `json:"name"`
			Value string `json:"value"`
		} `json:"argument"`
		Context struct {
			Arguments map[string]string `json:"arguments"`
		} `json:"context"`
	}
	if err := decode(c.message.Params, &params); err != nil {
		return nil, err
	}
	c.server.mu.Lock()
	h := c.server.features.completer
	c.server.mu.Unlock()
	if h == nil {
		return nil, &mcpclient.RPCError{Code: codeNoMethod, Message: "Method not found"}
	}
	completion, err := h(ctx, &CompleteRequest{
		Prompt: params.Ref.Name,
		URI:    params.Ref.URI,
		Argument: mcpclient.CompletionArgument{
			Name: params.Argument.Name, Value: params.Argument.Value, Resolved: params.Context.Arguments,
		},
	})
	if err != nil {
		return nil, err
	}
	if completion == nil {
		completion = &mcpclient.Completion{}
	}
	return struct {
		Completion *mcpclient.Completion `json:"completion"`
	}{completion}, nil
}
