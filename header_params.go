package mcpclient

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// A server may ask that the value of a tool's argument be repeated in an HTTP header, for gateways that route by headers and
// do not read bodies: a property of the input schema then carries `"x-mcp-header": "Region"`, and the value travels as
// Mcp-Param-Region too. A tool whose annotations break a rule (SEP-2243) must not be called at all.

const (
	paramAnnotation   = "x-mcp-header"
	paramHeaderPrefix = "Mcp-Param-"

	// The bounds below are ours. A request with more headers is refused by most servers, and what is remembered of a schema
	// must not be much larger than the schema.
	maxHeaderParams = 128 // annotations of one tool
	maxHeaderDepth  = 32  // properties from the root to an annotation
)

// headerParam is one property of a tool's input schema that is mirrored into an HTTP header.
type headerParam struct {
	header string   // in canonical form, such as "Mcp-Param-Region"
	path   []string // the names of the properties from the root
	kind   string   // the declared type: "string", "integer" or "boolean"
}

// headerParams extracts the annotations of a tool's input schema, in the schema's order. An error means that the tool is
// invalid; its text says which annotation breaks which rule.
func headerParams(schema jsontext.Value) ([]headerParam, error) {
	// Nearly every schema has none, and tells it at the speed of a search. Only \u can hide a letter of the keyword.
	if !bytes.Contains(schema, []byte(paramAnnotation)) && !bytes.Contains(schema, []byte(`\u`)) {
		return nil, nil
	}
	walk := schemaWalk{dec: jsontext.NewDecoder(bytes.NewBuffer(schema), unmarshalOptions)}
	switch err := walk.schema(true); {
	case err == nil:
		return walk.found, nil
	case walk.broken:
		return nil, err
	default:
		return nil, fmt.Errorf("the input schema cannot be read: %s", clip(err.Error()))
	}
}

// schemaWalk reads a JSON Schema once, from its first byte to its last. Annotations are looked for wherever a schema may stand,
// since one in a wrong place makes the tool invalid; in other places (a property of that name, an example, an unknown keyword)
// the same letters are data.
type schemaWalk struct {
	dec    *jsontext.Decoder
	path   []string // the properties around the schema that is being read
	found  []headerParam
	broken bool // an annotation breaks a rule
}

// schema reads one schema. It is reachable if nothing but `properties` leads to it from the root: only there does an
// annotation belong to one value of the arguments.
func (w *schemaWalk) schema(reachable bool) error {
	var annotation, types jsontext.Value
	err := eachMember(w.dec, func(keyword string) (err error) {
		switch keyword {
		case paramAnnotation:
			annotation, err = readClone(w.dec)
		case "type":
			types, err = readClone(w.dec)
		case "properties":
			err = eachMember(w.dec, func(name string) error {
				w.path = append(w.path, name)
				defer func() { w.path = w.path[:len(w.path)-1] }()
				return w.schema(reachable)
			})
		case "patternProperties", "dependentSchemas", "dependencies", "$defs", "definitions":
			err = eachMember(w.dec, func(string) error { return w.schema(false) })
		case "items", "prefixItems", "additionalItems", "unevaluatedItems", "contains",
			"additionalProperties", "unevaluatedProperties", "propertyNames", "contentSchema",
			"allOf", "anyOf", "oneOf", "not", "if", "then", "else":
			err = w.unreachable()
		default:
			err = w.dec.SkipValue()
		}
		return err
	})
	if err != nil || annotation == nil {
		return err
	}
	return w.annotated(annotation, types, reachable)
}

// unreachable reads the value of a keyword that takes a schema, an array of them, or, by version of JSON Schema, either.
func (w *schemaWalk) unreachable() error {
	if w.dec.PeekKind() != '[' {
		return w.schema(false)
	}
	if _, err := w.dec.ReadToken(); err != nil {
		return err
	}
	for w.dec.PeekKind() != ']' {
		if err := w.schema(false); err != nil {
			return err
		}
	}
	_, err := w.dec.ReadToken()
	return err
}

// annotated checks the annotation of the schema that was just read, and keeps it.
func (w *schemaWalk) annotated(annotation, types jsontext.Value, reachable bool) error {
	// Of token characters alone (RFC 9110 section 5.6.2): whatever else would end or split the header.
	const nameChars = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	var name string
	isString := annotation.Kind() == '"' && decode(annotation, &name) == nil
	kind := permittedType(types)
	header := http.CanonicalHeaderKey(paramHeaderPrefix + name)
	switch {
	case !reachable || len(w.path) == 0:
		return w.breach("stands where no argument has its place: only a property may have one, reached by nothing but properties")
	case !isString || name == "":
		return w.breach("is not a name: it must be a string, and not empty")
	case strings.Trim(name, nameChars) != "":
		return w.breach("%s is no name for a header: only letters, digits and !#$%%&'*+-.^_`|~ may stand in one", quote(name))
	case kind == "":
		return w.breach("%s is on a property that is not of one type of string, integer and boolean", quote(name))
	case slices.ContainsFunc(w.found, func(p headerParam) bool { return p.header == header }):
		return w.breach("%s repeats the name of another, case aside", quote(name))
	case len(w.found) == maxHeaderParams:
		return w.breach("is one too many: this client mirrors at most %d", maxHeaderParams)
	case len(w.path) > maxHeaderDepth:
		return w.breach("is too deep: this client mirrors properties up to depth %d", maxHeaderDepth)
	}
	w.found = append(w.found, headerParam{header: header, path: slices.Clone(w.path), kind: kind})
	return nil
}

// breach tells which annotation breaks which rule: the one of the schema that was just read.
func (w *schemaWalk) breach(format string, args ...any) error {
	w.broken = true
	where := "the top"
	if pointer := w.dec.StackPointer(); pointer != "" {
		where = quote(string(pointer))
	}
	return fmt.Errorf("%s at %s %s", paramAnnotation, where, fmt.Sprintf(format, args...))
}

// permittedType returns the type that a schema declares if it is one that may be mirrored, else "". A list of one type says no
// more than the type; one of two, with null or without, is left to the servers that would agree on its meaning.
func permittedType(types jsontext.Value) string {
	var list []string
	if types.Kind() == '[' {
		_ = decode(types, &list)
	} else {
		list = make([]string, 1)
		_ = decode(types, &list[0])
	}
	if len(list) == 1 && slices.Contains([]string{"string", "integer", "boolean"}, list[0]) {
		return list[0]
	}
	return ""
}

// eachMember calls visit for each member of the object that comes next, which has to read or skip its value. Anything but an
// object is skipped.
func eachMember(dec *jsontext.Decoder, visit func(name string) error) error {
	if dec.PeekKind() != '{' {
		return dec.SkipValue()
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return err
		}
		if err := visit(name.String()); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

func readClone(dec *jsontext.Decoder) (jsontext.Value, error) {
	raw, err := dec.ReadValue()
	return raw.Clone(), err
}

// toolHeaders remembers the annotations of the tools that were listed, by name and as most recently fetched: a call names its
// tool, and brings no schema. The zero value is ready, and safe for concurrent use.
type toolHeaders struct {
	mu     sync.RWMutex
	params map[string][]headerParam // guarded by mu; of annotated tools alone
	size   int                      // guarded by mu; what params weighs
}

// maxToolHeaders bounds what toolHeaders keeps, in bytes: some 50,000 annotated tools of the usual size. Calls of a tool that
// finds no room go out without its headers.
const maxToolHeaders = 16 << 20

// admit takes note of a tool that was listed. An error means that the tool is invalid and not to be offered; its text says why.
func (h *toolHeaders) admit(t *Tool) error {
	params, err := headerParams(jsontext.Value(t.InputSchema))
	h.mu.Lock()
	defer h.mu.Unlock()
	if old, known := h.params[t.Name]; known {
		h.size -= weightOf(t.Name, old)
		delete(h.params, t.Name)
	}
	weight := weightOf(t.Name, params)
	if len(params) == 0 || h.size+weight > maxToolHeaders {
		return err
	}
	if h.params == nil {
		h.params = make(map[string][]headerParam)
	}
	h.params[t.Name] = params
	h.size += weight
	return nil
}

// weightOf estimates the memory that a tool's annotations take.
func weightOf(name string, params []headerParam) int {
	const entry, param, element = 64, 64, 16 // what Go needs around the text
	weight := entry + len(name)
	for _, p := range params {
		weight += param + len(p.header)
		for _, name := range p.path {
			weight += element + len(name)
		}
	}
	return weight
}

// forCall returns the headers for one call of a tool, none for a tool that is not annotated or not known. The error is that of
// paramHeaders.
func (h *toolHeaders) forCall(name string, arguments jsontext.Value) (http.Header, error) {
	h.mu.RLock()
	params := h.params[name]
	h.mu.RUnlock()
	return paramHeaders(params, arguments)
}

// has reports whether a tool is annotated.
func (h *toolHeaders) has(name string) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.params[name]) > 0
}
