package mcpclient

import (
	stdjson "encoding/json"

	"github.com/go-json-experiment/json/jsontext"
)

// The roles of messages for a model.
const (
	userRole      = "user"
	assistantRole = "assistant"
)

// messageContent is the wire form of the content of a message for a model. One block stands alone, as
// every version of the protocol takes it; newer ones take lists too.
type messageContent []Content

// UnmarshalJSONFrom decodes one block, or an array of them.
func (l *messageContent) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	return (*contentList)(l).read(dec, newMessageContent)
}

func newMessageContent(kind string) Content {
	switch kind {
	case typeToolUse:
		return new(ToolUse)
	case typeToolOutcome:
		return new(ToolOutcome)
	default:
		return newContent(kind)
	}
}

// MarshalJSON returns the wire form.
func (l messageContent) MarshalJSON() ([]byte, error) {
	if len(l) == 1 {
		return encode(l[0])
	}
	return encode([]Content(l))
}

// MarshalJSON returns the wire form.
func (r SamplingRequest) MarshalJSON() ([]byte, error) {
	type plain SamplingRequest
	wire := struct {
		Plain      *plain      `json:",embed"`
		ToolChoice *toolChoice `json:"toolChoice,omitzero"`
	}{Plain: (*plain)(&r)}
	if r.ToolChoice != "" {
		wire.ToolChoice = &toolChoice{Mode: r.ToolChoice}
	}
	return encode(&wire)
}

type toolChoice struct {
	Mode string `json:"mode"`
}

// UnmarshalJSON decodes the wire form.
func (r *SamplingRequest) UnmarshalJSON(data []byte) error { return decode(data, r) }

// UnmarshalJSONFrom decodes the wire form.
func (r *SamplingRequest) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	type plain SamplingRequest
	wire := struct {
		MaxTokens  looseInt   `json:"maxTokens"`
		Tools      []Tool     `json:"tools"`
		ToolChoice toolChoice `json:"toolChoice"`
		Plain      *plain     `json:",embed"`
	}{Plain: (*plain)(r)}
	err := decodeFrom(dec, &wire)
	r.MaxTokens, r.ToolChoice = 0, wire.ToolChoice.Mode
	if wire.MaxTokens.value != nil {
		r.MaxTokens = *wire.MaxTokens.value
	}
	r.Tools = nil
	for i := range wire.Tools { // none of them nil, as null would be
		r.Tools = append(r.Tools, &wire.Tools[i])
	}
	absentIfNull(&r.Metadata)
	return err
}

// MarshalJSON returns the wire form.
func (m SamplingMessage) MarshalJSON() ([]byte, error) {
	type plain SamplingMessage
	return encode(&struct {
		Plain   *plain         `json:",embed"`
		Content messageContent `json:"content"`
	}{(*plain)(&m), m.Content})
}

// UnmarshalJSON decodes the wire form.
func (m *SamplingMessage) UnmarshalJSON(data []byte) error { return decode(data, m) }

// UnmarshalJSONFrom decodes the wire form.
func (m *SamplingMessage) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	type plain SamplingMessage
	wire := struct {
		Content messageContent `json:"content"`
		Plain   *plain         `json:",embed"`
	}{Plain: (*plain)(m)}
	err := decodeFrom(dec, &wire)
	m.Content = wire.Content
	return err
}

// MarshalJSON returns the wire form, with "assistant" where there is no role.
func (r SamplingReply) MarshalJSON() ([]byte, error) {
	return encode(&struct {
		Role       string         `json:"role"`
		Content    messageContent `json:"content"`
		Model      string         `json:"model"`
		StopReason string         `json:"stopReason,omitzero"`
		Meta       Meta           `json:"_meta,omitzero"`
	}{firstNonEmpty(r.Role, assistantRole), r.Content, r.Model, r.StopReason, r.Meta})
}

// MarshalJSON returns the wire form.
func (u ToolUse) MarshalJSON() ([]byte, error) {
	type plain ToolUse
	if u.Input == nil {
		u.Input = stdjson.RawMessage("{}")
	}
	return encode(&struct {
		Type  string `json:"type"`
		Plain *plain `json:",embed"`
	}{typeToolUse, (*plain)(&u)})
}

// UnmarshalJSON decodes the wire form.
func (u *ToolUse) UnmarshalJSON(data []byte) error { return decode(data, u) }

// UnmarshalJSONFrom decodes the wire form.
func (u *ToolUse) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	type plain ToolUse
	err := decodeFrom(dec, &struct {
		Type  string `json:"type"`
		Plain *plain `json:",embed"`
	}{Plain: (*plain)(u)})
	absentIfNull(&u.Input)
	return err
}

// MarshalJSON returns the wire form.
func (o ToolOutcome) MarshalJSON() ([]byte, error) {
	type plain ToolOutcome
	return encode(&struct {
		Type  string `json:"type"`
		Plain *plain `json:",embed"`
	}{typeToolOutcome, (*plain)(&o)})
}

// UnmarshalJSON decodes the wire form.
func (o *ToolOutcome) UnmarshalJSON(data []byte) error { return decode(data, o) }

// UnmarshalJSONFrom decodes the wire form. An outcome in an outcome stays an [Unknown]: the protocol has none, and a
// thousand of them in each other would be read a thousand times.
func (o *ToolOutcome) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	type plain ToolOutcome
	wire := struct {
		Type    string      `json:"type"`
		Content contentList `json:"content"`
		Plain   *plain      `json:",embed"`
	}{Plain: (*plain)(o)}
	err := decodeFrom(dec, &wire)
	o.Content = wire.Content
	return err
}
