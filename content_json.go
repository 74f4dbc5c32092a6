package mcpclient

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// The values of `type` that tell content blocks apart.
const (
	typeText     = "text"
	typeImage    = "image"
	typeAudio    = "audio"
	typeLink     = "resource_link"
	typeEmbedded = "resource"

	// In messages for a model alone.
	typeToolUse     = "tool_use"
	typeToolOutcome = "tool_result"
)

// contentList is the wire form of []Content. A block that cannot be read becomes an *Unknown: it costs
// neither its neighbours nor itself.
type contentList []Content

// UnmarshalJSONFrom decodes an array; anything else but null is a single block.
func (l *contentList) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	return l.read(dec, newContent)
}

// read decodes blocks of the types that create knows.
func (l *contentList) read(dec *jsontext.Decoder, create func(kind string) Content) error {
	*l = nil
	if dec.PeekKind() != '[' {
		raw, err := dec.ReadValue()
		if err == nil && raw.Kind() != 'n' {
			*l = contentList{decodeContent(raw, create)}
		}
		return err
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	list := contentList{}
	for dec.PeekKind() != ']' {
		raw, err := dec.ReadValue()
		if err != nil {
			return err
		}
		list = append(list, decodeContent(raw, create))
	}
	*l = list
	_, err := dec.ReadToken()
	return err
}

// contentBlock is the wire form of a Content that stands alone.
type contentBlock struct{ content Content }

// UnmarshalJSONFrom decodes one block, null as an absent one.
func (b *contentBlock) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	b.content = nil
	raw, err := dec.ReadValue()
	if err == nil && raw.Kind() != 'n' {
		b.content = decodeContent(raw, newContent)
	}
	return err
}

// decodeContent decodes one block. A decoder has read raw already, so only its form can be wrong, and
// then it is kept as it is.
func decodeContent(raw jsontext.Value, create func(kind string) Content) Content {
	kind := contentType(raw)
	block := create(kind)
	if block == nil || decode(raw, block) != nil {
		return &Unknown{Type: kind, Raw: bytes.Clone(raw)}
	}
	return block
}

func newContent(kind string) Content {
	switch kind {
	case typeText:
		return new(Text)
	case typeImage:
		return new(Image)
	case typeAudio:
		return new(Audio)
	case typeLink:
		return new(Link)
	case typeEmbedded:
		return new(Embedded)
	default:
		return nil
	}
}

// contentType finds the `type` of a block, "" if it has none. Nearly every server sends it first, and
// without white space: that needs no decoder.
func contentType(raw jsontext.Value) string {
	if rest, first := bytes.CutPrefix(raw, []byte(`{"type":"`)); first {
		special := bytes.IndexFunc(rest, func(r rune) bool { return r == '"' || r == '\\' || r >= utf8.RuneSelf })
		if special >= 0 && rest[special] == '"' {
			return string(rest[:special])
		}
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(raw), unmarshalOptions)
	if tok, err := dec.ReadToken(); err != nil || tok.Kind() != '{' {
		return ""
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return ""
		}
		if name.String() == "type" && dec.PeekKind() == '"' {
			kind, _ := dec.ReadToken()
			return kind.String()
		}
		if dec.SkipValue() != nil {
			return ""
		}
	}
	return ""
}

// base64Bytes takes what servers send for binary data: either alphabet, with or without padding, in one
// line or many. It is nil only if the member is absent or null.
type base64Bytes []byte

var errNotBase64 = errors.New("not a base64 string")

// UnmarshalJSONFrom decodes a string.
func (b *base64Bytes) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	raw, err := dec.ReadValue()
	if err != nil {
		return err
	}
	switch raw.Kind() {
	case 'n':
		*b = nil
		return nil
	case '"':
		text := []byte(raw[1 : len(raw)-1])
		if bytes.IndexByte(text, '\\') >= 0 {
			if text, err = jsontext.AppendUnquote(nil, raw); err != nil {
				return err
			}
		}
		*b, err = decodeBase64(text)
		return err
	default:
		return errNotBase64
	}
}

func decodeBase64(text []byte) ([]byte, error) {
	// The room for text without padding: Decode writes past what StdEncoding.DecodedLen tells if it meets some.
	out := make([]byte, base64.RawStdEncoding.DecodedLen(len(text)))
	if n, err := base64.StdEncoding.Decode(out, text); err == nil {
		return out[:n], nil
	}
	plain := bytes.TrimRight(bytes.Map(func(r rune) rune {
		switch r {
		case '-':
			return '+'
		case '_':
			return '/'
		case ' ', '\t', '\r', '\n':
			return -1
		default:
			return r
		}
	}, text), "=")
	n, err := base64.RawStdEncoding.Decode(out, plain)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNotBase64, err)
	}
	return out[:n], nil
}

// MarshalJSON returns the wire form.
func (t Text) MarshalJSON() ([]byte, error) {
	type plain Text
	return encode(&struct {
		Type  string `json:"type"`
		Plain *plain `json:",embed"`
	}{typeText, (*plain)(&t)})
}

// UnmarshalJSON decodes the wire form.
func (t *Text) UnmarshalJSON(data []byte) error { return decode(data, t) }

// UnmarshalJSONFrom decodes the wire form.
func (t *Text) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	type plain Text
	return decodeFrom(dec, &struct {
		Type  string `json:"type"`
		Plain *plain `json:",embed"`
	}{Plain: (*plain)(t)})
}

// MarshalJSON returns the wire form.
func (i Image) MarshalJSON() ([]byte, error) { return encode(newMedia(typeImage, &i)) }

// UnmarshalJSON decodes the wire form.
func (i *Image) UnmarshalJSON(data []byte) error { return decode(data, i) }

// UnmarshalJSONFrom decodes the wire form.
func (i *Image) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	return newMedia(typeImage, i).decodeFrom(dec)
}

// MarshalJSON returns the wire form.
func (a Audio) MarshalJSON() ([]byte, error) { return encode(newMedia(typeAudio, (*Image)(&a))) }

// UnmarshalJSON decodes the wire form.
func (a *Audio) UnmarshalJSON(data []byte) error { return decode(data, a) }

// UnmarshalJSONFrom decodes the wire form.
func (a *Audio) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	return newMedia(typeAudio, (*Image)(a)).decodeFrom(dec)
}

// media is the wire form of Image and Audio, whose fields are the same.
type media struct {
	Type  string      `json:"type"`
	Data  base64Bytes `json:"data"`
	Plain *plainImage `json:",embed"`
}

type plainImage Image // without methods

func newMedia(kind string, fields *Image) *media {
	return &media{Type: kind, Data: fields.Data, Plain: (*plainImage)(fields)}
}

func (m *media) decodeFrom(dec *jsontext.Decoder) error {
	err := decodeFrom(dec, m)
	m.Plain.Data = m.Data
	return err
}

// MarshalJSON returns the wire form.
func (e Embedded) MarshalJSON() ([]byte, error) {
	type plain Embedded
	return encode(&struct {
		Type  string `json:"type"`
		Plain *plain `json:",embed"`
	}{typeEmbedded, (*plain)(&e)})
}

// UnmarshalJSON decodes the wire form.
func (e *Embedded) UnmarshalJSON(data []byte) error { return decode(data, e) }

var errNoResource = errors.New("an embedded resource without a resource")

// UnmarshalJSONFrom decodes the wire form.
func (e *Embedded) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	type plain Embedded
	err := decodeFrom(dec, &struct {
		Type  string `json:"type"`
		Plain *plain `json:",embed"`
	}{Plain: (*plain)(e)})
	if err == nil && e.Resource == nil {
		err = errNoResource // users may rely on a Resource
	}
	return err
}

// MarshalJSON returns Raw.
func (u Unknown) MarshalJSON() ([]byte, error) {
	if len(u.Raw) == 0 {
		return encode(map[string]string{"type": u.Type})
	}
	return u.Raw, nil
}

// UnmarshalJSON keeps the block as it is.
func (u *Unknown) UnmarshalJSON(data []byte) error {
	u.Type, u.Raw = contentType(data), bytes.Clone(data)
	return nil
}

// MarshalJSON returns the wire form.
func (a Annotations) MarshalJSON() ([]byte, error) {
	type plain Annotations
	return encode((*plain)(&a))
}

// UnmarshalJSON decodes the wire form.
func (a *Annotations) UnmarshalJSON(data []byte) error { return decode(data, a) }

// UnmarshalJSONFrom decodes the wire form.
func (a *Annotations) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	type plain Annotations
	wire := struct {
		Audience stringList `json:"audience"`
		Priority looseFloat `json:"priority"`
		Plain    *plain     `json:",embed"`
	}{Plain: (*plain)(a)}
	err := decodeFrom(dec, &wire)
	a.Audience, a.Priority = wire.Audience, wire.Priority.value
	return err
}

// MarshalJSON returns the wire form.
func (i Icon) MarshalJSON() ([]byte, error) {
	type plain Icon
	return encode((*plain)(&i))
}

// UnmarshalJSON decodes the wire form.
func (i *Icon) UnmarshalJSON(data []byte) error { return decode(data, i) }

// UnmarshalJSONFrom decodes the wire form.
func (i *Icon) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	type plain Icon
	wire := struct {
		Sizes stringList `json:"sizes"`
		Plain *plain     `json:",embed"`
	}{Plain: (*plain)(i)}
	err := decodeFrom(dec, &wire)
	i.Sizes = wire.Sizes
	return err
}
