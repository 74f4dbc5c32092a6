package mcpclient

import (
	"context"
	stdjson "encoding/json"
	"iter"

	"github.com/go-json-experiment/json/jsontext"
)

// Prompts ranges over the server's prompts (`prompts/list`), as [Session.Tools] does over its tools.
func (s *Session) Prompts(ctx context.Context, options ...CallOption) iter.Seq2[*Prompt, error] {
	l := listing[Prompt, promptPage]{
		method: "prompts/list", kind: "prompt",
		open: func(p *promptPage) (itemList[Prompt], *string) { return p.Prompts, p.Cursor },
		key:  func(p *Prompt) string { return p.Name },
	}
	return l.all(ctx, s, options)
}

type promptPage struct {
	Prompts itemList[Prompt] `json:"prompts"`
	Cursor  *string          `json:"nextCursor"`
}

// GetPrompt asks for a prompt, filled in with args (`prompts/get`). Nil args are none.
func (s *Session) GetPrompt(ctx context.Context, name string, args map[string]string, options ...CallOption) (*PromptResult, error) {
	params := promptParams{Name: name, Arguments: args}
	return request[PromptResult](ctx, s, call{method: "prompts/get", target: name, params: params, options: options})
}

type promptParams struct {
	Name      string            `json:"name"`
	Arguments map[string]string `json:"arguments,omitempty"`
}

// Prompt describes a prompt template of the server.
type Prompt struct {
	Name        string                        `json:"name"` // what GetPrompt takes
	Title       string                        `json:"title,omitzero"`
	Description string                        `json:"description,omitzero"`
	Arguments   []PromptArgument              `json:"arguments,omitzero"`
	Icons       []Icon                        `json:"icons,omitzero"`
	Meta        Meta                          `json:"_meta,omitzero"`
	Extra       map[string]stdjson.RawMessage `json:",embed"` // members this package does not know
}

// DisplayName returns the name to show to people: Title, else Name.
func (p *Prompt) DisplayName() string { return firstNonEmpty(p.Title, p.Name) }

// PromptArgument describes one argument of a prompt.
type PromptArgument struct {
	Name        string                        `json:"name"`
	Title       string                        `json:"title,omitzero"`
	Description string                        `json:"description,omitzero"`
	Required    bool                          `json:"required,omitzero"`
	Extra       map[string]stdjson.RawMessage `json:",embed"` // members this package does not know
}

// PromptResult is a prompt, filled in.
type PromptResult struct {
	Description string                        `json:"description,omitzero"`
	Messages    []PromptMessage               `json:"messages"`
	Meta        Meta                          `json:"_meta,omitzero"`
	Extra       map[string]stdjson.RawMessage `json:",embed"` // members this package does not know
}

// PromptMessage is one message of a prompt.
type PromptMessage struct {
	Role    string                        `json:"role"` // "user", "assistant"
	Content Content                       `json:"content"`
	Extra   map[string]stdjson.RawMessage `json:",embed"` // members this package does not know
}

// MarshalJSON returns the wire form.
func (m PromptMessage) MarshalJSON() ([]byte, error) {
	type plain PromptMessage
	return encode((*plain)(&m))
}

// UnmarshalJSON decodes the wire form.
func (m *PromptMessage) UnmarshalJSON(data []byte) error { return decode(data, m) }

// UnmarshalJSONFrom decodes the wire form.
func (m *PromptMessage) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	type plain PromptMessage
	wire := struct {
		Content contentBlock `json:"content"`
		Plain   *plain       `json:",embed"`
	}{Plain: (*plain)(m)}
	err := decodeFrom(dec, &wire)
	m.Content = wire.Content.content
	return err
}
