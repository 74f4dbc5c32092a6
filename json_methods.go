package mcpclient

import "github.com/go-json-experiment/json/jsontext"

// The methods in this file give the types that have nothing peculiar their wire form in both versions of
// encoding/json: version 1 knows neither the embedding of Extra nor our rules for what servers send.
// Version 2 prefers UnmarshalJSONFrom, which reads from the running decoder instead of scanning the value
// a second time. The local type has no methods, so that none of them calls itself.

// MarshalJSON returns the wire form.
func (a ToolAnnotations) MarshalJSON() ([]byte, error) {
	type plain ToolAnnotations
	return encode((*plain)(&a))
}

// UnmarshalJSON decodes the wire form.
func (a *ToolAnnotations) UnmarshalJSON(data []byte) error { return decode(data, a) }

// UnmarshalJSONFrom decodes the wire form.
func (a *ToolAnnotations) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	type plain ToolAnnotations
	return decodeFrom(dec, (*plain)(a))
}

// MarshalJSON returns the wire form.
func (t ToolExecution) MarshalJSON() ([]byte, error) {
	type plain ToolExecution
	return encode((*plain)(&t))
}

// UnmarshalJSON decodes the wire form.
func (t *ToolExecution) UnmarshalJSON(data []byte) error { return decode(data, t) }

// UnmarshalJSONFrom decodes the wire form.
func (t *ToolExecution) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	type plain ToolExecution
	return decodeFrom(dec, (*plain)(t))
}

// MarshalJSON returns the wire form.
func (t ResourceTemplate) MarshalJSON() ([]byte, error) {
	type plain ResourceTemplate
	return encode((*plain)(&t))
}

// UnmarshalJSON decodes the wire form.
func (t *ResourceTemplate) UnmarshalJSON(data []byte) error { return decode(data, t) }

// UnmarshalJSONFrom decodes the wire form.
func (t *ResourceTemplate) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	type plain ResourceTemplate
	return decodeFrom(dec, (*plain)(t))
}

// MarshalJSON returns the wire form.
func (r ResourceResult) MarshalJSON() ([]byte, error) {
	type plain ResourceResult
	return encode((*plain)(&r))
}

// UnmarshalJSON decodes the wire form.
func (r *ResourceResult) UnmarshalJSON(data []byte) error { return decode(data, r) }

// UnmarshalJSONFrom decodes the wire form.
func (r *ResourceResult) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	type plain ResourceResult
	return decodeFrom(dec, (*plain)(r))
}

// MarshalJSON returns the wire form.
func (p Prompt) MarshalJSON() ([]byte, error) {
	type plain Prompt
	return encode((*plain)(&p))
}

// UnmarshalJSON decodes the wire form.
func (p *Prompt) UnmarshalJSON(data []byte) error { return decode(data, p) }

// UnmarshalJSONFrom decodes the wire form.
func (p *Prompt) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	type plain Prompt
	return decodeFrom(dec, (*plain)(p))
}

// MarshalJSON returns the wire form.
func (p PromptArgument) MarshalJSON() ([]byte, error) {
	type plain PromptArgument
	return encode((*plain)(&p))
}

// UnmarshalJSON decodes the wire form.
func (p *PromptArgument) UnmarshalJSON(data []byte) error { return decode(data, p) }

// UnmarshalJSONFrom decodes the wire form.
func (p *PromptArgument) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	type plain PromptArgument
	return decodeFrom(dec, (*plain)(p))
}

// MarshalJSON returns the wire form.
func (p PromptResult) MarshalJSON() ([]byte, error) {
	type plain PromptResult
	return encode((*plain)(&p))
}

// UnmarshalJSON decodes the wire form.
func (p *PromptResult) UnmarshalJSON(data []byte) error { return decode(data, p) }

// UnmarshalJSONFrom decodes the wire form.
func (p *PromptResult) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	type plain PromptResult
	return decodeFrom(dec, (*plain)(p))
}

// MarshalJSON returns the wire form.
func (l LogMessage) MarshalJSON() ([]byte, error) {
	type plain LogMessage
	return encode((*plain)(&l))
}

// UnmarshalJSON decodes the wire form.
func (l *LogMessage) UnmarshalJSON(data []byte) error { return decode(data, l) }

// UnmarshalJSONFrom decodes the wire form.
func (l *LogMessage) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	type plain LogMessage
	return decodeFrom(dec, (*plain)(l))
}

// MarshalJSON returns the wire form.
func (t ToolsCapability) MarshalJSON() ([]byte, error) {
	type plain ToolsCapability
	return encode((*plain)(&t))
}

// UnmarshalJSON decodes the wire form.
func (t *ToolsCapability) UnmarshalJSON(data []byte) error { return decode(data, t) }

// UnmarshalJSONFrom decodes the wire form.
func (t *ToolsCapability) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	type plain ToolsCapability
	return decodeFrom(dec, (*plain)(t))
}

// MarshalJSON returns the wire form.
func (r ResourcesCapability) MarshalJSON() ([]byte, error) {
	type plain ResourcesCapability
	return encode((*plain)(&r))
}

// UnmarshalJSON decodes the wire form.
func (r *ResourcesCapability) UnmarshalJSON(data []byte) error { return decode(data, r) }

// UnmarshalJSONFrom decodes the wire form.
func (r *ResourcesCapability) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	type plain ResourcesCapability
	return decodeFrom(dec, (*plain)(r))
}

// MarshalJSON returns the wire form.
func (p PromptsCapability) MarshalJSON() ([]byte, error) {
	type plain PromptsCapability
	return encode((*plain)(&p))
}

// UnmarshalJSON decodes the wire form.
func (p *PromptsCapability) UnmarshalJSON(data []byte) error { return decode(data, p) }

// UnmarshalJSONFrom decodes the wire form.
func (p *PromptsCapability) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	type plain PromptsCapability
	return decodeFrom(dec, (*plain)(p))
}
