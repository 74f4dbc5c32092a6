package mcpclient

import (
	stdjson "encoding/json"

	"github.com/go-json-experiment/json/jsontext"
)

// ServerInfo is what the server said about itself when the session was opened. It is shared by all who
// ask for it: read it, do not change it.
type ServerInfo struct {
	Name            string
	Title           string // for people; "": not said, use Name
	Version         string // of the server, not of the protocol
	Description     string
	WebsiteURL      string
	Icons           []Icon
	ProtocolVersion string // the version of the protocol that was agreed on
	Capabilities    ServerCapabilities
	Instructions    string // how to use the server, written for a model; "": none
	Meta            Meta
	Extra           map[string]stdjson.RawMessage // members of the server's description that this package does not know
	ResultExtra     map[string]stdjson.RawMessage // members beside the description that this package does not know
}

// ServerCapabilities tell what the server offers. A capability that is absent, null or false on the wire
// is nil or false here; one that is present without further members is not nil.
type ServerCapabilities struct {
	Tools        *ToolsCapability              `json:"tools,omitzero"`
	Resources    *ResourcesCapability          `json:"resources,omitzero"`
	Prompts      *PromptsCapability            `json:"prompts,omitzero"`
	Logging      bool                          `json:"logging,omitzero"`
	Completions  bool                          `json:"completions,omitzero"`
	Tasks        stdjson.RawMessage            `json:"tasks,omitzero"`
	Experimental map[string]stdjson.RawMessage `json:"experimental,omitzero"`
	Extensions   map[string]stdjson.RawMessage `json:"extensions,omitzero"`
	Extra        map[string]stdjson.RawMessage `json:",embed"` // capabilities this package does not know
}

// ToolsCapability says that the server has tools.
type ToolsCapability struct {
	ListChanged bool                          `json:"listChanged,omitzero"` // it tells when the list changes
	Extra       map[string]stdjson.RawMessage `json:",embed"`               // members this package does not know
}

// ResourcesCapability says that the server has resources.
type ResourcesCapability struct {
	Subscribe   bool                          `json:"subscribe,omitzero"`   // it tells on request when a resource changes
	ListChanged bool                          `json:"listChanged,omitzero"` // it tells when the list changes
	Extra       map[string]stdjson.RawMessage `json:",embed"`               // members this package does not know
}

// PromptsCapability says that the server has prompts.
type PromptsCapability struct {
	ListChanged bool                          `json:"listChanged,omitzero"` // it tells when the list changes
	Extra       map[string]stdjson.RawMessage `json:",embed"`               // members this package does not know
}

// serverInfoWire is the form of a ServerInfo in the answer to the handshake, and in a saved session.
type serverInfoWire struct {
	ProtocolVersion string                        `json:"protocolVersion"`
	Capabilities    ServerCapabilities            `json:"capabilities"`
	ServerInfo      implementation                `json:"serverInfo"`
	Instructions    string                        `json:"instructions,omitzero"`
	Meta            Meta                          `json:"_meta,omitzero"`
	Extra           map[string]stdjson.RawMessage `json:",embed"`
}

type implementation struct {
	Name        string                        `json:"name"`
	Title       string                        `json:"title,omitzero"`
	Version     string                        `json:"version"`
	Description string                        `json:"description,omitzero"`
	WebsiteURL  string                        `json:"websiteUrl,omitzero"`
	Icons       []Icon                        `json:"icons,omitzero"`
	Extra       map[string]stdjson.RawMessage `json:",embed"`
}

// MarshalJSON returns the wire form, which is that of the answer to the handshake.
func (s ServerInfo) MarshalJSON() ([]byte, error) {
	return encode(&serverInfoWire{
		ProtocolVersion: s.ProtocolVersion, Capabilities: s.Capabilities, Instructions: s.Instructions,
		Meta: s.Meta, Extra: s.ResultExtra,
		ServerInfo: implementation{
			Name: s.Name, Title: s.Title, Version: s.Version, Description: s.Description,
			WebsiteURL: s.WebsiteURL, Icons: s.Icons, Extra: s.Extra,
		},
	})
}

// UnmarshalJSON decodes the wire form.
func (s *ServerInfo) UnmarshalJSON(data []byte) error { return decode(data, s) }

// UnmarshalJSONFrom decodes the wire form.
func (s *ServerInfo) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	var wire serverInfoWire
	err := decodeFrom(dec, &wire)
	about := wire.ServerInfo
	*s = ServerInfo{
		Name: about.Name, Title: about.Title, Version: about.Version, Description: about.Description,
		WebsiteURL: about.WebsiteURL, Icons: about.Icons, Extra: about.Extra,
		ProtocolVersion: wire.ProtocolVersion, Capabilities: wire.Capabilities, Instructions: wire.Instructions,
		Meta: wire.Meta, ResultExtra: wire.Extra,
	}
	return err
}

// decodeInitialize decodes the result of the handshake of the session era. The error is a *ProtocolError.
func decodeInitialize(raw jsontext.Value) (*ServerInfo, error) {
	info, err := decodeResult[ServerInfo](raw)
	if err == nil && info.ProtocolVersion == "" {
		return nil, &ProtocolError{Reason: "the answer to the handshake names no protocol version"}
	}
	return info, err
}

// MarshalJSON returns the wire form.
func (c ServerCapabilities) MarshalJSON() ([]byte, error) {
	type plain ServerCapabilities
	wire := struct {
		Logging     *struct{} `json:"logging,omitzero"`
		Completions *struct{} `json:"completions,omitzero"`
		Plain       *plain    `json:",embed"`
	}{Plain: (*plain)(&c)}
	if c.Logging {
		wire.Logging = &struct{}{}
	}
	if c.Completions {
		wire.Completions = &struct{}{}
	}
	return encode(&wire)
}

// UnmarshalJSON decodes the wire form.
func (c *ServerCapabilities) UnmarshalJSON(data []byte) error { return decode(data, c) }

// UnmarshalJSONFrom decodes the wire form. What counts is that a capability is there: its members may be
// missing or malformed, and null and false mean that it is not.
func (c *ServerCapabilities) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() != '{' {
		*c = ServerCapabilities{}
		return dec.SkipValue()
	}
	type plain ServerCapabilities
	wire := struct {
		Tools        presence[ToolsCapability]     `json:"tools"`
		Resources    presence[ResourcesCapability] `json:"resources"`
		Prompts      presence[PromptsCapability]   `json:"prompts"`
		Logging      presence[struct{}]            `json:"logging"`
		Completions  presence[struct{}]            `json:"completions"`
		Experimental Meta                          `json:"experimental"`
		Extensions   Meta                          `json:"extensions"`
		Plain        *plain                        `json:",embed"`
	}{Plain: (*plain)(c)}
	err := decodeFrom(dec, &wire)
	c.Tools, c.Resources, c.Prompts = wire.Tools.value, wire.Resources.value, wire.Prompts.value
	c.Logging, c.Completions = wire.Logging.value != nil, wire.Completions.value != nil
	c.Experimental, c.Extensions = wire.Experimental, wire.Extensions
	absentIfNull(&c.Tasks)
	return err
}

// presence decodes a capability: nil for null and false, else not nil.
type presence[T any] struct{ value *T }

func (p *presence[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	p.value = nil
	raw, err := dec.ReadValue()
	if err != nil || raw.Kind() == 'n' || raw.Kind() == 'f' {
		return err
	}
	p.value = new(T)
	if decode(raw, p.value) != nil {
		*p.value = *new(T) // present, but its members cannot be read: sloppy servers send true or []
	}
	return nil
}
