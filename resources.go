package mcpclient

import (
	"context"
	stdjson "encoding/json"
	"iter"

	"github.com/go-json-experiment/json/jsontext"
)

// Resources ranges over the server's resources (`resources/list`), as [Session.Tools] does over its tools.
func (s *Session) Resources(ctx context.Context, options ...CallOption) iter.Seq2[*Resource, error] {
	l := listing[Resource, resourcePage]{
		method: "resources/list", kind: "resource",
		open: func(p *resourcePage) (itemList[Resource], *string) { return p.Resources, p.Cursor },
		key:  func(r *Resource) string { return r.URI },
	}
	return l.all(ctx, s, options)
}

type resourcePage struct {
	Resources itemList[Resource] `json:"resources"`
	Cursor    *string            `json:"nextCursor"`
}

// ResourceTemplates ranges over the server's resource templates (`resources/templates/list`), as
// [Session.Tools] does over its tools.
func (s *Session) ResourceTemplates(ctx context.Context, options ...CallOption) iter.Seq2[*ResourceTemplate, error] {
	l := listing[ResourceTemplate, templatePage]{
		method: "resources/templates/list", kind: "resource template",
		open: func(p *templatePage) (itemList[ResourceTemplate], *string) { return p.Templates, p.Cursor },
		key:  func(t *ResourceTemplate) string { return t.URITemplate },
	}
	return l.all(ctx, s, options)
}

type templatePage struct {
	Templates itemList[ResourceTemplate] `json:"resourceTemplates"`
	Cursor    *string                    `json:"nextCursor"`
}

// ReadResource reads the resource at uri (`resources/read`). The URI is opaque to the client: the server
// gives it its meaning. A server that has no such resource answers with an *[RPCError], by most versions
// of the protocol with code -32002. Contents that cannot be read (base64 that does not decode) fail the
// whole call with a *[ProtocolError].
func (s *Session) ReadResource(ctx context.Context, uri string, options ...CallOption) (*ResourceResult, error) {
	return request[ResourceResult](ctx, s, call{method: "resources/read", target: uri, params: readParams{uri}, options: options})
}

type readParams struct {
	URI string `json:"uri"`
}

// Resource describes something the server can be asked for with [Session.ReadResource].
type Resource struct {
	URI         string                        `json:"uri"`
	Name        string                        `json:"name"`
	Title       string                        `json:"title,omitzero"`
	Description string                        `json:"description,omitzero"`
	MIMEType    string                        `json:"mimeType,omitzero"`
	Size        *int64                        `json:"size,omitzero"` // bytes, before base64; nil: not said
	Annotations *Annotations                  `json:"annotations,omitzero"`
	Icons       []Icon                        `json:"icons,omitzero"`
	Meta        Meta                          `json:"_meta,omitzero"`
	Extra       map[string]stdjson.RawMessage `json:",embed"` // members this package does not know
}

// DisplayName returns the name to show to people: Title, else Name.
func (r *Resource) DisplayName() string { return firstNonEmpty(r.Title, r.Name) }

// ResourceTemplate describes a family of resources by a URI template (RFC 6570).
type ResourceTemplate struct {
	URITemplate string                        `json:"uriTemplate"`
	Name        string                        `json:"name"`
	Title       string                        `json:"title,omitzero"`
	Description string                        `json:"description,omitzero"`
	MIMEType    string                        `json:"mimeType,omitzero"` // of every resource of the family; "": not said
	Annotations *Annotations                  `json:"annotations,omitzero"`
	Icons       []Icon                        `json:"icons,omitzero"`
	Meta        Meta                          `json:"_meta,omitzero"`
	Extra       map[string]stdjson.RawMessage `json:",embed"` // members this package does not know
}

// DisplayName returns the name to show to people: Title, else Name.
func (t *ResourceTemplate) DisplayName() string { return firstNonEmpty(t.Title, t.Name) }

// ResourceContents is the text or the bytes of one resource.
type ResourceContents struct {
	URI      string                        `json:"uri"`
	MIMEType string                        `json:"mimeType,omitzero"`
	Text     string                        `json:"text"` // the contents, unless IsBlob
	Blob     []byte                        `json:"blob"` // the decoded bytes; nil: the contents are text
	Meta     Meta                          `json:"_meta,omitzero"`
	Extra    map[string]stdjson.RawMessage `json:",embed"` // members this package does not know
}

// IsBlob reports whether the contents are bytes, in Blob, which may be empty but is not nil then.
func (c *ResourceContents) IsBlob() bool { return c.Blob != nil }

// ResourceResult is the answer to [Session.ReadResource].
type ResourceResult struct {
	Contents []ResourceContents            `json:"contents"` // several where a resource has parts, such as a folder
	Meta     Meta                          `json:"_meta,omitzero"`
	Extra    map[string]stdjson.RawMessage `json:",embed"` // members this package does not know
}

func firstNonEmpty(title, name string) string {
	if title != "" {
		return title
	}
	return name
}

// MarshalJSON returns the wire form.
func (r Resource) MarshalJSON() ([]byte, error) { return encode((*plainResource)(&r)) }

// UnmarshalJSON decodes the wire form.
func (r *Resource) UnmarshalJSON(data []byte) error { return decode(data, r) }

// UnmarshalJSONFrom decodes the wire form.
func (r *Resource) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	wire := struct {
		Size  looseInt       `json:"size"`
		Plain *plainResource `json:",embed"`
	}{Plain: (*plainResource)(r)}
	err := decodeFrom(dec, &wire)
	r.Size = wire.Size.value
	return err
}

type plainResource Resource // without methods

// MarshalJSON returns the wire form.
func (l Link) MarshalJSON() ([]byte, error) {
	return encode(&struct {
		Type  string         `json:"type"`
		Plain *plainResource `json:",embed"`
	}{typeLink, (*plainResource)(&l)})
}

// UnmarshalJSON decodes the wire form.
func (l *Link) UnmarshalJSON(data []byte) error { return decode(data, l) }

// UnmarshalJSONFrom decodes the wire form.
func (l *Link) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	wire := struct {
		Type  string         `json:"type"`
		Size  looseInt       `json:"size"`
		Plain *plainResource `json:",embed"`
	}{Plain: (*plainResource)(l)}
	err := decodeFrom(dec, &wire)
	l.Size = wire.Size.value
	return err
}

// MarshalJSON returns the wire form: `blob` if IsBlob, else `text`.
func (c ResourceContents) MarshalJSON() ([]byte, error) {
	type plain ResourceContents
	wire := struct {
		Plain *plain       `json:",embed"`
		Text  *string      `json:"text,omitzero"`
		Blob  *base64Bytes `json:"blob,omitzero"`
	}{Plain: (*plain)(&c), Text: &c.Text}
	if c.IsBlob() {
		wire.Text, wire.Blob = nil, (*base64Bytes)(&c.Blob)
	}
	return encode(&wire)
}

// UnmarshalJSON decodes the wire form.
func (c *ResourceContents) UnmarshalJSON(data []byte) error { return decode(data, c) }

// UnmarshalJSONFrom decodes the wire form.
func (c *ResourceContents) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	type plain ResourceContents
	wire := struct {
		Blob  base64Bytes `json:"blob"`
		Plain *plain      `json:",embed"`
	}{Plain: (*plain)(c)}
	err := decodeFrom(dec, &wire)
	c.Blob = wire.Blob
	return err
}
