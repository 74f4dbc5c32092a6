package mcpclient

import (
	"context"
	stdjson "encoding/json"
	"errors"
	"fmt"
)

// This file holds what newer versions of the protocol advise against and servers still use: sampling and
// roots. Nothing of it goes away before the protocol lets it go.

// ErrDeclined is what a handler returns when the user said no.
var ErrDeclined = errors.New("the user declined")

// SamplingRequest asks for a completion from the application's model (`sampling/createMessage`). The protocol
// asks that a person can see and refuse both the request and its reply. Everything in it was written by
// the server. It is the handler's own.
//
// Deprecated: the newest version of the protocol deprecates sampling; a version that removes it comes in July 2027
// at the earliest. Servers are to call the providers of models themselves.
type SamplingRequest struct {
	Messages         []SamplingMessage             `json:"messages"`
	MaxTokens        int64                         `json:"maxTokens"` // the reply must not be longer
	ModelPreferences *ModelPreferences             `json:"modelPreferences,omitzero"`
	SystemPrompt     string                        `json:"systemPrompt,omitzero"`
	IncludeContext   string                        `json:"includeContext,omitzero"` // "none" (also ""), "thisServer", "allServers"; may be ignored
	Temperature      *float64                      `json:"temperature,omitzero"`    // nil: not said
	StopSequences    []string                      `json:"stopSequences,omitzero"`
	Metadata         stdjson.RawMessage            `json:"metadata,omitzero"` // for the provider of the model, as sent; nil: none
	Tools            []*Tool                       `json:"tools,omitzero"`    // that the model may use; the server runs them
	ToolChoice       string                        `json:"-"`                 // "auto" (also ""), "required", "none"
	Meta             Meta                          `json:"_meta,omitzero"`
	Extra            map[string]stdjson.RawMessage `json:",embed"` // members this package does not know
}

// SamplingMessage is one message of a conversation with a model.
//
// Deprecated: see [SamplingRequest].
type SamplingMessage struct {
	Role    string                        `json:"role"`    // "user", "assistant"
	Content []Content                     `json:"content"` // *[ToolUse] and *[ToolOutcome] may be among it
	Meta    Meta                          `json:"_meta,omitzero"`
	Extra   map[string]stdjson.RawMessage `json:",embed"` // members this package does not know
}

// ModelPreferences tell which model the server would like. They may be ignored.
//
// Deprecated: see [SamplingRequest].
type ModelPreferences struct {
	Hints                []ModelHint `json:"hints,omitzero"` // the first that fits counts, and before the priorities
	CostPriority         *float64    `json:"costPriority,omitzero"`
	SpeedPriority        *float64    `json:"speedPriority,omitzero"`
	IntelligencePriority *float64    `json:"intelligencePriority,omitzero"` // each 0 (does not matter) to 1; nil: not said
}

// ModelHint names a model or a family of models.
//
// Deprecated: see [SamplingRequest].
type ModelHint struct {
	Name string `json:"name,omitzero"` // a part of the model's name
}

// ToolUse is a model's wish to call a tool. The server that gave the tool calls it.
//
// Deprecated: see [SamplingRequest].
type ToolUse struct {
	ID    string                        `json:"id"` // chosen by the model, unique in the conversation
	Name  string                        `json:"name"`
	Input stdjson.RawMessage            `json:"input"` // an object; nil is an empty one
	Meta  Meta                          `json:"_meta,omitzero"`
	Extra map[string]stdjson.RawMessage `json:",embed"` // members this package does not know
}

// ToolOutcome tells a model what became of a [ToolUse].
//
// Deprecated: see [SamplingRequest].
type ToolOutcome struct {
	ToolUseID  string                        `json:"toolUseId"`
	Content    []Content                     `json:"content"`                    // without *[ToolUse] and *[ToolOutcome]
	Structured stdjson.RawMessage            `json:"structuredContent,omitzero"` // as sent; nil: none
	IsError    bool                          `json:"isError,omitzero"`
	Meta       Meta                          `json:"_meta,omitzero"`
	Extra      map[string]stdjson.RawMessage `json:",embed"` // members this package does not know
}

// SamplingReply is what the model said.
//
// Deprecated: see [SamplingRequest].
type SamplingReply struct {
	Role       string    // "" is "assistant"
	Content    []Content // *[ToolUse] only if the request has tools
	Model      string    // the name of the model that was asked; required
	StopReason string    // "endTurn", "stopSequence", "maxTokens", "toolUse" or another word; "": not said
	Meta       Meta
}

// RootsChanged tells the server that [Client.Roots] would answer otherwise now.
// Where there are no sessions nobody needs to be told, and nothing is sent.
//
// Deprecated: roots are, see [Client.Roots].
func (s *Session) RootsChanged(ctx context.Context) error {
	c := call{method: "notifications/roots/list_changed", notification: true}
	if s.core.config.input.roots == nil {
		c.invalid = fmt.Errorf("no Client.Roots, so the server was offered none: %w", ErrUnsupported)
	}
	_, err := s.do(ctx, &c)
	return err
}

// Root is a folder or file that the server may consider its place of work.
//
// Deprecated: the newest version of the protocol deprecates roots; a version that removes them comes in July 2027 at the
// earliest. Tell servers in the arguments of tools what to work on.
type Root struct {
	URI  string `json:"uri"`           // begins with file://, and has no ".." in its path
	Name string `json:"name,omitzero"` // to show to people
	Meta Meta   `json:"_meta,omitzero"`
}
