package mcpclient

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

//nolint:gochecknoglobals // read-only
var (
	// unmarshalOptions are the rules for everything a server sends: strict about what deceives
	// (duplicate names, names in another case), lenient about what is only sloppy (invalid UTF-8
	// becomes U+FFFD). They are spelled out in full because our UnmarshalJSONFrom methods may be
	// reached from a decoder that runs under other rules, those of encoding/json for one.
	unmarshalOptions = json.JoinOptions(json.DefaultOptionsV2(), jsontext.AllowInvalidUTF8(true))

	// marshalOptions make equal values equal bytes, so that logs can be compared and a re-sent call
	// carries what it carried before.
	marshalOptions = json.JoinOptions(json.DefaultOptionsV2(), json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
)

// maxParts bounds the items and members of a result, all its lists taken together. Decoded, each takes up to a hundred times the
// room of its text: without a bound, 32 MiB of [{},{},... would become a gigabyte.
const maxParts = 200_000

// decodeResult decodes the result of an answer, once. The error is a *ProtocolError or a *LimitError.
func decodeResult[T any](raw jsontext.Value) (*T, error) {
	if jsonrpc.MoreParts(raw, maxParts, "structuredContent", "inputSchema", "outputSchema") {
		return nil, &LimitError{What: "the number of items and members of a result, structured content and schemas aside,", Limit: maxParts}
	}
	result := new(T)
	if err := json.Unmarshal(raw, result, unmarshalOptions); err != nil {
		return nil, &ProtocolError{Reason: "the result does not have the form its method asks for: " + misfit(err)}
	}
	return result, nil
}

// misfit tells what of the JSON did not fit. The library's own text names Go types of this package, and
// varies its words from process to process so that nobody compares them.
func misfit(err error) string {
	var kind jsontext.Kind
	var where jsontext.Pointer
	why := ""
	if semantic, ok := errors.AsType[*json.SemanticError](err); ok {
		kind, where = semantic.JSONKind, semantic.JSONPointer
		if semantic.Err != nil {
			why = ": " + clip(semantic.Err.Error())
		}
	} else if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		where = syntax.JSONPointer
	}
	what := "a value that does not belong there"
	switch kind {
	case jsontext.KindBeginObject:
		what = "a JSON object"
	case jsontext.KindBeginArray:
		what = "a JSON array"
	case jsontext.KindString, jsontext.KindNumber, jsontext.KindTrue, jsontext.KindFalse, jsontext.KindNull:
		what = "a JSON " + kind.String()
	}
	if where == "" {
		return what + " at its top" + why
	}
	return what + " at " + quote(string(where)) + why
}

// marshalParams encodes the params of a request. Raw JSON goes as it is, after one check; every other
// value may be the user's, so it goes through encoding/json and keeps that package's meaning. The
// result is nil where there are no params: nil, empty raw JSON, and whatever encodes as null.
func marshalParams(params any) (jsontext.Value, error) {
	if checked, ok := params.(checkedParams); ok {
		return jsontext.Value(checked), nil
	}
	return encodeObject("params", params)
}

// checkedParams are params that need no check any more.
type checkedParams jsontext.Value

// marshalArguments encodes the arguments of a tool call as marshalParams does, but what stands for "none"
// becomes an empty object: servers of every make take it, and not all take an absent member.
func marshalArguments(args any) (jsontext.Value, error) {
	raw, err := encodeObject("arguments", args)
	if err == nil && raw == nil {
		raw = jsontext.Value("{}")
	}
	return raw, err
}

func encodeObject(what string, v any) (jsontext.Value, error) {
	raw, isRaw := rawJSON(v)
	if !isRaw {
		var buf bytes.Buffer
		enc := stdjson.NewEncoder(&buf)
		enc.SetEscapeHTML(false) // the reader is a server, not a browser
		if err := enc.Encode(v); err != nil {
			return nil, &ArgumentError{What: what, Reason: "cannot be encoded: " + err.Error(), Err: err}
		}
		raw = bytes.TrimSuffix(buf.Bytes(), []byte("\n")) // the encoder's own
	}
	text := bytes.TrimSpace(raw)
	if len(text) == 0 || string(text) == "null" {
		return nil, nil
	}
	if err := checkObject(what, text); err != nil {
		return nil, err
	}
	return raw, nil
}

// rawJSON reports whether v is JSON text already. Two assertions instead of one type switch: the two
// types are one where encoding/json is built on its version 2, and the switch would not compile there.
func rawJSON(v any) (jsontext.Value, bool) {
	if raw, ok := v.(stdjson.RawMessage); ok {
		return jsontext.Value(raw), true
	}
	raw, ok := v.(jsontext.Value)
	return raw, ok
}

// checkObject makes sure that text is one valid JSON object. A duplicate name is refused: two readers of
// one text may pick different values, so what a guard has approved need not be what the server runs.
func checkObject(what string, text jsontext.Value) error {
	const quoted = 64 // bytes of the caller's text to repeat
	head := text[:min(len(text), quoted)]
	switch valid := text.IsValid(jsontext.AllowInvalidUTF8(true)); {
	case valid && text.Kind() == '{':
		return nil
	case valid:
		return &ArgumentError{What: what, Reason: fmt.Sprintf("must be a JSON object, not %q", head)}
	default:
		cause := decode(text, new(jsontext.Value)) // says what IsValid does not
		return &ArgumentError{What: what, Reason: fmt.Sprintf("are not valid JSON: %v, in %q", cause, head), Err: cause}
	}
}

// member returns a member of a JSON object as it stands there, nil if it is
// absent or null. What stands beside it is skipped, what follows it not read.
func member(object jsontext.Value, name string) (jsontext.Value, error) {
	if !bytes.Contains(object, []byte(`"`+name+`"`)) {
		return nil, nil
	}
	start, end, err := memberSpan(object, name)
	if err != nil || start == end || object[start] == 'n' {
		return nil, err
	}
	return object[start:end].Clone(), nil
}

// memberSpan tells where in object the value of a member stands, however the name is written; 0, 0 if there is none.
func memberSpan(object jsontext.Value, name string) (start, end int64, err error) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(object), unmarshalOptions)
	if opening, err := dec.ReadToken(); err != nil || opening.Kind() != '{' {
		return 0, 0, err
	}
	for dec.PeekKind() == '"' {
		token, err := dec.ReadToken()
		if err != nil {
			return 0, 0, err
		}
		if token.String() != name {
			if err := dec.SkipValue(); err != nil {
				return 0, 0, err
			}
			continue
		}
		value, err := dec.ReadValue()
		end := dec.InputOffset()
		return end - int64(len(value)), end, err
	}
	return 0, 0, nil
}
