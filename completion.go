package mcpclient

import (
	"context"
	stdjson "encoding/json"
	"math"

	"github.com/go-json-experiment/json/jsontext"
)

// CompletePrompt asks for values of an argument of the prompt called name (`completion/complete`). A server without
// completions answers with an *[RPCError], code -32601.
func (s *Session) CompletePrompt(ctx context.Context, name string, arg CompletionArgument, options ...CallOption) (*Completion, error) {
	return s.complete(ctx, name, completionRef{Type: "ref/prompt", Name: name}, arg, options)
}

// CompleteResource asks for values of a variable of a URI template (`completion/complete`), like [Session.CompletePrompt].
func (s *Session) CompleteResource(ctx context.Context, uriTemplate string, arg CompletionArgument, options ...CallOption) (*Completion, error) {
	return s.complete(ctx, uriTemplate, completionRef{Type: "ref/resource", URI: uriTemplate}, arg, options)
}

func (s *Session) complete(ctx context.Context, target string, ref completionRef, arg CompletionArgument, options []CallOption) (*Completion, error) {
	params := completionParams{Ref: ref, Argument: completionArgument{Name: arg.Name, Value: arg.Value}}
	if len(arg.Resolved) > 0 {
		params.Context = &completionContext{arg.Resolved}
	}
	result, err := request[completionResult](ctx, s, call{method: "completion/complete", target: target, params: params, options: options})
	if err != nil {
		return nil, err
	}
	result.Completion.Meta = result.Meta
	return &result.Completion, nil
}

type completionParams struct {
	Ref      completionRef      `json:"ref"`
	Argument completionArgument `json:"argument"`
	Context  *completionContext `json:"context,omitempty"`
}

type completionRef struct {
	Type string `json:"type"`
	Name string `json:"name,omitempty"`
	URI  string `json:"uri,omitempty"`
}

type completionArgument struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type completionContext struct {
	Arguments map[string]string `json:"arguments"`
}

type completionResult struct {
	Completion Completion `json:"completion"`
	Meta       Meta       `json:"_meta"`
}

// CompletionArgument is the argument for which values are wanted.
type CompletionArgument struct {
	Name  string // of the prompt's argument, or of the template's variable
	Value string // what has been typed so far; "" asks for all
	// Resolved holds the other arguments that have values already. Servers older than the June 2025
	// version of the protocol ignore it.
	Resolved map[string]string
}

// Completion is a server's proposal for the value of an argument.
type Completion struct {
	Values  []string                      `json:"values"`           // at most 100, the best first
	Total   int                           `json:"total,omitzero"`   // how many there are in all; 0: not said
	HasMore bool                          `json:"hasMore,omitzero"` // there are more than Values, even if Total does not say so
	Meta    Meta                          `json:"-"`                // of the answer, which is not part of the wire form
	Extra   map[string]stdjson.RawMessage `json:",embed"`           // members this package does not know
}

// MarshalJSON returns the wire form.
func (c Completion) MarshalJSON() ([]byte, error) {
	type plain Completion
	return encode((*plain)(&c))
}

// UnmarshalJSON decodes the wire form.
func (c *Completion) UnmarshalJSON(data []byte) error { return decode(data, c) }

// UnmarshalJSONFrom decodes the wire form.
func (c *Completion) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	type plain Completion
	wire := struct {
		Total looseInt `json:"total"`
		Plain *plain   `json:",embed"`
	}{Plain: (*plain)(c)}
	err := decodeFrom(dec, &wire)
	c.Total = 0
	if n := wire.Total.value; n != nil {
		c.Total = int(min(max(*n, 0), math.MaxInt))
	}
	return err
}
