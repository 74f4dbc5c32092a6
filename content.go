package mcpclient

import (
	stdjson "encoding/json"
)

// Content is one block of a tool's answer or of a prompt: *[Text], *[Image], *[Audio], *[Link],
// *[Embedded], or *[Unknown] for what this package does not know or could not read. Messages for a model
// ([SamplingMessage]) may hold *[ToolUse] and *[ToolOutcome] besides. Use a type switch; no other types
// implement it (protocol section "Content").
//
// Blocks encode to their wire form with encoding/json as well as with its version 2. To decode a list
// of them, decode the [ToolResult] or [PromptMessage] around it.
type Content interface {
	content()
}

// Text is text, to be shown or given to a model.
type Text struct {
	Text        string                        `json:"text"`
	Annotations *Annotations                  `json:"annotations,omitzero"`
	Meta        Meta                          `json:"_meta,omitzero"`
	Extra       map[string]stdjson.RawMessage `json:",embed"` // members this package does not know
}

// Image is a picture.
type Image struct {
	Data        []byte                        `json:"data"` // the decoded bytes
	MIMEType    string                        `json:"mimeType"`
	Annotations *Annotations                  `json:"annotations,omitzero"`
	Meta        Meta                          `json:"_meta,omitzero"`
	Extra       map[string]stdjson.RawMessage `json:",embed"` // members this package does not know
}

// Audio is a sound recording.
type Audio struct {
	Data        []byte                        `json:"data"` // the decoded bytes
	MIMEType    string                        `json:"mimeType"`
	Annotations *Annotations                  `json:"annotations,omitzero"`
	Meta        Meta                          `json:"_meta,omitzero"`
	Extra       map[string]stdjson.RawMessage `json:",embed"` // members this package does not know
}

// Link points to a resource that [Session.ReadResource] can read. It has the fields of [Resource]; the
// resource need not appear in [Session.Resources].
type Link Resource

// Embedded carries the contents of a resource.
type Embedded struct {
	Resource    *ResourceContents             `json:"resource"` // never nil in what a Session returns
	Annotations *Annotations                  `json:"annotations,omitzero"`
	Meta        Meta                          `json:"_meta,omitzero"`
	Extra       map[string]stdjson.RawMessage `json:",embed"` // members this package does not know
}

// Unknown is a block of a type this package does not know, or one that does not have the form its type
// asks for (base64 that does not decode, a member of the wrong kind). Nothing of it is lost.
type Unknown struct {
	Type string             // the block's `type`, "" if it had none
	Raw  stdjson.RawMessage // the whole block as it was sent
}

func (*Text) content()        {}
func (*Image) content()       {}
func (*Audio) content()       {}
func (*Link) content()        {}
func (*Embedded) content()    {}
func (*ToolUse) content()     {}
func (*ToolOutcome) content() {}
func (*Unknown) content()     {}

// Annotations tell for whom something is meant and how much it matters. They come from the server: hints, not facts.
type Annotations struct {
	Audience     []string                      `json:"audience,omitzero"`     // "user", "assistant"; nil: not said
	Priority     *float64                      `json:"priority,omitzero"`     // 0 (optional) to 1 (required); nil: not said
	LastModified string                        `json:"lastModified,omitzero"` // ISO 8601, as sent; "": not said
	Extra        map[string]stdjson.RawMessage `json:",embed"`                // members this package does not know
}

// Icon is a picture that stands for a server, a tool, a prompt or a resource. Its source is chosen by
// the server: fetch it only as you would fetch any address from a stranger.
type Icon struct {
	Src      string                        `json:"src"`               // an https: or data: URI
	MIMEType string                        `json:"mimeType,omitzero"` // "": not said
	Sizes    []string                      `json:"sizes,omitzero"`    // such as "48x48" or "any"; nil: any size
	Theme    string                        `json:"theme,omitzero"`    // "light", "dark"; "": both
	Extra    map[string]stdjson.RawMessage `json:",embed"`            // members this package does not know
}
