package mcpclient

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

func (h *inputHandlers) answerSampling(ctx context.Context, r *inputRequest) (jsontext.Value, *inputError) {
	request := new(SamplingRequest)
	if wrong := decodeInput(r, request); wrong != nil {
		return nil, wrong
	}
	if reason := request.check(); reason != "" {
		return nil, badInput(r.method, reason)
	}
	reply, err := h.sample(ctx, request)
	if err == nil {
		err = reply.check()
	}
	if err != nil {
		return nil, handlerFailed(r.method, err)
	}
	result, err := encode(reply)
	if err != nil {
		return nil, handlerFailed(r.method, fmt.Errorf("its reply cannot be encoded: %w", err))
	}
	return result, nil
}

// check tells what is wrong with a request, "" if nothing is.
func (r *SamplingRequest) check() string {
	if r.MaxTokens <= 0 {
		return "maxTokens must be a number above 0"
	}
	for _, tool := range r.Tools {
		if tool.Name == "" {
			return "a tool has no name"
		}
	}
	return checkToolUse(r.Messages)
}

// checkToolUse holds a conversation to the order that models insist on (protocol section "Sampling"): outcomes stand in
// messages of their own, and every use has its outcome before anything else is said.
func checkToolUse(messages []SamplingMessage) string {
	open := map[string]bool{} // uses without an outcome
	for i := range messages {
		message := &messages[i]
		if message.Role != userRole && message.Role != assistantRole {
			return fmt.Sprintf("message %d has the role %s, neither user nor assistant", i, quote(message.Role))
		}
		outcomes := 0
		for _, block := range message.Content {
			if outcome, ok := block.(*ToolOutcome); ok {
				outcomes++
				delete(open, outcome.ToolUseID)
			}
		}
		switch {
		case outcomes > 0 && (outcomes < len(message.Content) || message.Role != userRole):
			return fmt.Sprintf("message %d has a tool_result and is not a user message of nothing else", i)
		case outcomes == 0 && len(open) > 0:
			return fmt.Sprintf("message %d comes before every tool_use has its tool_result", i)
		}
		for _, block := range message.Content {
			if use, ok := block.(*ToolUse); ok {
				open[use.ID] = true
			}
		}
	}
	if len(open) > 0 {
		return "a tool_use has no tool_result"
	}
	return ""
}

// check makes sure that a handler returned what can be sent.
func (r *SamplingReply) check() error {
	switch {
	case r == nil:
		return errNoReply
	case r.Role != "" && r.Role != userRole && r.Role != assistantRole:
		return fmt.Errorf("the role %q of its reply is neither user nor assistant", r.Role)
	case r.Model == "":
		return errors.New("its reply does not name the model")
	case slices.Contains(r.Content, nil):
		return errors.New("its reply holds a nil block of content")
	default:
		return nil
	}
}

func (h *inputHandlers) answerRoots(ctx context.Context) (jsontext.Value, *inputError) {
	roots, err := h.roots(ctx)
	if err == nil {
		err = checkRoots(roots)
	}
	if err != nil {
		return nil, handlerFailed(rootsMethod, err)
	}
	result, err := encode(&struct {
		Roots []Root `json:"roots"`
	}{roots})
	if err != nil {
		return nil, handlerFailed(rootsMethod, fmt.Errorf("its roots cannot be encoded: %w", err))
	}
	return result, nil
}

// checkRoots holds an application to the protocol's rules: files alone, and none of which a reader must guess where it is.
func checkRoots(roots []Root) error {
	for _, root := range roots {
		at, err := url.Parse(root.URI)
		switch {
		case err != nil:
			return fmt.Errorf("the root %q is no URI", root.URI)
		case at.Scheme != "file" || !strings.HasPrefix(root.URI[len(at.Scheme):], "://"):
			return fmt.Errorf("the root %q does not begin with file://", root.URI)
		case slices.Contains(strings.Split(at.Path, "/"), ".."):
			return fmt.Errorf("the root %q has .. in its path", root.URI)
		}
	}
	return nil
}
