package mcpclient

import (
	"context"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Tools ranges over the server's tools, page after page (`tools/list`). An error ends the range; the
// items before it are good. An item that cannot be read, or whose schema is larger than Limits.SchemaSize, is left out,
// counted and logged. A name that the list has twice is logged. Ranging again asks the server again.
//
// If the server loses the session on the way, the range starts over on the new one and leaves out the
// tools that it has yielded already.
func (s *Session) Tools(ctx context.Context, options ...CallOption) iter.Seq2[*Tool, error] {
	l := listing[Tool, toolPage]{
		method: "tools/list", kind: "tool",
		open: func(p *toolPage) (itemList[Tool], *string) { return p.Tools, p.Cursor },
		key:  func(t *Tool) string { return t.Name }, admit: s.admit,
	}
	return l.all(ctx, s, options)
}

// admit tells why a tool is left out of lists; nil: it is not. A schema goes to models, validators and interfaces, all of
// which a giant one would choke.
func (s *Session) admit(t *Tool) error {
	limit := s.maxSchema()
	tooLarge := func(which string) error {
		return fmt.Errorf("the tool %s: %w", quote(t.Name), &LimitError{What: "its " + which + " schema (Limits.SchemaSize)", Limit: limit})
	}
	switch {
	case int64(len(t.InputSchema)) > limit:
		return tooLarge("input")
	case int64(len(t.OutputSchema)) > limit:
		return tooLarge("output")
	default:
		return s.admitTool(t)
	}
}

type toolPage struct {
	Tools  itemList[Tool] `json:"tools"`
	Cursor *string        `json:"nextCursor"`
}

// CallTool calls a tool (`tools/call`) and returns its answer. A tool that reports a failure of its own
// has answered: see [ToolResult.IsError], and [ToolResult.Err] to treat it as an error. A tool whose
// Execution requires a task is called with [Session.CallToolAsTask] instead.
//
// The arguments are whatever encoding/json makes a JSON object of, a struct or a map; a
// [encoding/json.RawMessage], such as a model's, is checked and sent byte for byte. Nil, an empty
// RawMessage and null mean no arguments. Anything else, and a duplicate name in raw JSON, is an error
// with DeliveryNotSent.
func (s *Session) CallTool(ctx context.Context, name string, args any, options ...CallOption) (*ToolResult, error) {
	params, err := toolParams(name, args)
	return request[ToolResult](ctx, s, call{method: callToolMethod, target: name, params: params, invalid: err, options: options})
}

const callToolMethod = "tools/call"

// toolParams is put together by hand because an encoder would rewrite the raw arguments in between.
func toolParams(name string, args any) (checkedParams, error) {
	arguments, err := marshalArguments(args)
	if err != nil {
		return nil, err
	}
	params := make(checkedParams, 0, len(name)+len(arguments)+48)
	params = append(params, `{"name":`...)
	params, _ = jsontext.AppendQuote(params, name) // the error tells of replaced bytes only
	params = append(params, `,"arguments":`...)
	params = append(params, arguments...)
	return append(params, '}'), nil
}

// ToolCaller calls tools: a *[Session], a wrapper of your own around one, or a stub in a test.
type ToolCaller interface {
	// CallTool calls a tool, as [Session.CallTool] does.
	CallTool(ctx context.Context, name string, args any, options ...CallOption) (*ToolResult, error)
}

// CallAs calls a tool and decodes its answer into a T, as [ToolResult.Decode] does. Further errors than
// those of CallTool: a *[ToolError] if the tool reports a failure, and a *[DecodeError] if the answer
// does not fit T. Both come in a *[CallError] with DeliveryAnswered and carry the whole answer.
func CallAs[T any](ctx context.Context, caller ToolCaller, name string, args any, options ...CallOption) (T, error) {
	var value T
	result, err := caller.CallTool(ctx, name, args, options...)
	if err != nil {
		return value, err
	}
	if result.IsError {
		err = &ToolError{Tool: name, Result: result}
	} else {
		err = result.Decode(&value)
	}
	if err != nil {
		var none T // what was decoded before the error must not pass for an answer
		return none, &CallError{Method: callToolMethod, Target: name, Attempts: 1, Delivery: DeliveryAnswered, Err: err}
	}
	return value, nil
}

// Tool describes a tool of the server. Everything in it was written by the server: show it, but trust
// it only as far as you trust the server.
type Tool struct {
	Name         string                        `json:"name"` // what CallTool takes
	Title        string                        `json:"title,omitzero"`
	Description  string                        `json:"description,omitzero"`
	InputSchema  stdjson.RawMessage            `json:"inputSchema,omitzero"`  // JSON Schema of the arguments, as sent
	OutputSchema stdjson.RawMessage            `json:"outputSchema,omitzero"` // JSON Schema of ToolResult.Structured; nil: none
	Annotations  *ToolAnnotations              `json:"annotations,omitzero"`
	Icons        []Icon                        `json:"icons,omitzero"`
	Execution    *ToolExecution                `json:"execution,omitzero"`
	Meta         Meta                          `json:"_meta,omitzero"`
	Extra        map[string]stdjson.RawMessage `json:",embed"` // members this package does not know
}

// DisplayName returns the name to show to people: Title, else the title in the annotations, else Name.
func (t *Tool) DisplayName() string {
	switch {
	case t.Title != "":
		return t.Title
	case t.Annotations != nil && t.Annotations.Title != "":
		return t.Annotations.Title
	default:
		return t.Name
	}
}

// ToolAnnotations describe how a tool behaves, in the words of its server. The protocol asks clients to
// consider them untrusted unless the server is trusted. A nil hint was not given; the methods, which
// work on a nil *ToolAnnotations too, fill in the protocol's defaults.
type ToolAnnotations struct {
	Title           string                        `json:"title,omitzero"`
	ReadOnlyHint    *bool                         `json:"readOnlyHint,omitzero"`
	DestructiveHint *bool                         `json:"destructiveHint,omitzero"`
	IdempotentHint  *bool                         `json:"idempotentHint,omitzero"`
	OpenWorldHint   *bool                         `json:"openWorldHint,omitzero"`
	Extra           map[string]stdjson.RawMessage `json:",embed"` // members this package does not know
}

// ReadOnly reports whether the tool changes nothing. Default: false.
func (a *ToolAnnotations) ReadOnly() bool {
	return a != nil && a.ReadOnlyHint != nil && *a.ReadOnlyHint
}

// Destructive reports whether the tool may destroy or overwrite something. Default: true. A read-only
// tool never does, whatever its hint says.
func (a *ToolAnnotations) Destructive() bool {
	return !a.ReadOnly() && (a == nil || a.DestructiveHint == nil || *a.DestructiveHint)
}

// Idempotent reports whether calling the tool again with the same arguments has no further effect.
// Default: false. A read-only tool always is, whatever its hint says.
func (a *ToolAnnotations) Idempotent() bool {
	return a.ReadOnly() || (a != nil && a.IdempotentHint != nil && *a.IdempotentHint)
}

// OpenWorld reports whether the tool deals with things outside the server, such as the web. Default: true.
func (a *ToolAnnotations) OpenWorld() bool {
	return a == nil || a.OpenWorldHint == nil || *a.OpenWorldHint
}

// ToolExecution tells how a tool can be run.
type ToolExecution struct {
	TaskSupport string                        `json:"taskSupport,omitzero"` // "forbidden" (also ""), "optional", "required"
	Extra       map[string]stdjson.RawMessage `json:",embed"`               // members this package does not know
}

// ToolResult is what a tool answered.
type ToolResult struct {
	Content    []Content                     `json:"content"`                    // for people and models; may be empty
	Structured stdjson.RawMessage            `json:"structuredContent,omitzero"` // for programs, as sent; nil: none; the JSON value null is `null`
	IsError    bool                          `json:"isError,omitzero"`           // the tool failed; Content says how
	Meta       Meta                          `json:"_meta,omitzero"`
	Extra      map[string]stdjson.RawMessage `json:",embed"` // members this package does not know
}

// Text returns the text blocks of Content, joined by newlines.
func (r *ToolResult) Text() string {
	var lines []string
	for _, block := range r.Content {
		if text, ok := block.(*Text); ok {
			lines = append(lines, text.Text)
		}
	}
	return strings.Join(lines, "\n")
}

// Decode stores the structured answer in the value that v points to, with encoding/json. A server that
// has none to give, because it speaks an older version of the protocol or does not bother, often sends
// the same JSON as text: so without Structured, the text is decoded if Content holds exactly one text
// block and that is JSON. Decode does not look at IsError. Its error is a *[DecodeError].
func (r *ToolResult) Decode(v any) error {
	data := r.structured()
	if data == nil {
		return &DecodeError{Result: r, Err: errUnstructured}
	}
	if err := stdjson.Unmarshal(data, v); err != nil {
		return &DecodeError{Result: r, Raw: data, Err: err}
	}
	return nil
}

var errUnstructured = errors.New("it has no structured content, and no single text block that is JSON")

func (r *ToolResult) structured() stdjson.RawMessage {
	if r.Structured != nil {
		return r.Structured
	}
	var only *Text
	for _, block := range r.Content {
		if text, ok := block.(*Text); ok {
			if only != nil {
				return nil
			}
			only = text
		}
	}
	if only == nil || !stdjson.Valid([]byte(only.Text)) {
		return nil
	}
	return stdjson.RawMessage(only.Text)
}

// Err returns nil, or a *[ToolError] if the tool reports a failure. The result does not know its tool,
// so the error's Tool is empty; [CallAs] fills it in.
func (r *ToolResult) Err() error {
	if !r.IsError {
		return nil
	}
	return &ToolError{Result: r}
}

// MarshalJSON returns the wire form.
func (t Tool) MarshalJSON() ([]byte, error) {
	type plain Tool
	return encode((*plain)(&t))
}

// UnmarshalJSON decodes the wire form.
func (t *Tool) UnmarshalJSON(data []byte) error { return decode(data, t) }

// UnmarshalJSONFrom decodes the wire form.
func (t *Tool) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	type plain Tool
	err := decodeFrom(dec, (*plain)(t))
	absentIfNull(&t.InputSchema)
	absentIfNull(&t.OutputSchema)
	return err
}

// MarshalJSON returns the wire form.
func (r ToolResult) MarshalJSON() ([]byte, error) {
	type plain ToolResult
	return encode((*plain)(&r))
}

// UnmarshalJSON decodes the wire form.
func (r *ToolResult) UnmarshalJSON(data []byte) error { return decode(data, r) }

// UnmarshalJSONFrom decodes the wire form.
func (r *ToolResult) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	type plain ToolResult
	wire := struct {
		Content contentList `json:"content"`
		Plain   *plain      `json:",embed"`
	}{Plain: (*plain)(r)}
	err := decodeFrom(dec, &wire)
	r.Content = wire.Content
	return err
}
