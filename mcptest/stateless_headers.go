package mcptest

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

const (
	headerMethod = "Mcp-Method"
	headerName   = "Mcp-Name"
	headerParam  = "Mcp-Param-"
)

// mirrored holds what the header repeats of the body to the body (2026-07-28,
// transports, "Standard Request Headers" and "Custom Headers from Tool
// Parameters").
func (x *exchange) mirrored(m *jsonrpc.Message) error {
	if method := x.r.Header.Get(headerMethod); method != m.Method {
		return mismatch("the header %s is %q, the method is %q", headerMethod, method, m.Method)
	}
	var params struct {
		Name      string          `json:"name"`
		URI       string          `json:"uri"`
		TaskID    string          `json:"taskId"`
		Arguments json.RawMessage `json:"arguments"`
	}
	if err := decode(m.Params, &params); err != nil {
		return err
	}
	expected := make(map[string]any)
	switch m.Method {
	case "tools/call":
		x.server.designated(params.Name, params.Arguments, expected)
		expected[headerName] = params.Name
	case "prompts/get":
		expected[headerName] = params.Name
	case "resources/read":
		expected[headerName] = params.URI
	case methodTaskGet, methodTaskUpdate, methodTaskCancel:
		expected[headerName] = params.TaskID
	}
	for _, name := range slices.Sorted(maps.Keys(expected)) {
		if err := x.mirrors(name, expected[name]); err != nil {
			return err
		}
	}
	for name := range x.r.Header {
		if _, known := expected[name]; !known && (strings.HasPrefix(name, headerParam) || name == headerName) {
			return mismatch("the header %s is not expected", name)
		}
	}
	return nil
}

// mirrors compares one header with the value of the body that belongs there.
func (x *exchange) mirrors(name string, value any) error {
	given := x.r.Header.Values(name)
	if len(given) != 1 {
		return mismatch("the header %s is there %d times, not once", name, len(given))
	}
	text, ok := decodeHeader(given[0])
	if !ok {
		return mismatch("the header %s has a value that cannot be read: %q", name, given[0])
	}
	if !sameScalar(text, value) {
		return mismatch("the header %s is %q, the body says %v", name, text, value)
	}
	return nil
}

// decodeHeader undoes =?base64?...?= and refuses what should have been written so.
func decodeHeader(value string) (string, bool) {
	const start, end = "=?base64?", "?="
	if inner, ok := strings.CutPrefix(value, start); ok && strings.HasSuffix(inner, end) {
		text, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSuffix(inner, end))
		return string(text), err == nil
	}
	bad := strings.ContainsFunc(value, func(r rune) bool { return r != '\t' && (r < ' ' || r > '~') })
	return value, !bad
}

// sameScalar compares a header's text with a value of the body. Whole numbers
// are written in digits alone, however the body writes them.
func sameScalar(text string, value any) bool {
	switch value := value.(type) {
	case string:
		return text == value
	case bool:
		return text == strconv.FormatBool(value)
	case float64:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return float64(n) == value && strconv.FormatInt(n, 10) == text
		}
		f, err := strconv.ParseFloat(text, 64)
		return err == nil && f == value && value != float64(int64(value))
	}
	return false
}

// designated adds the headers that the tool's schema asks for: those of its
// x-mcp-header annotations whose argument is there and not null.
func (s *Server) designated(tool string, arguments json.RawMessage, expected map[string]any) {
	s.mu.Lock()
	t, known := s.features.tools.get(tool)
	s.mu.Unlock()
	if !known {
		return
	}
	var schema headerSchema
	var value any
	if json.Unmarshal(t.InputSchema, &schema) == nil && json.Unmarshal(arguments, &value) == nil {
		schema.collect(value, expected)
	}
}

// headerSchema is what matters of a JSON Schema here. Members that are written
// in another way than the protocol allows are not seen.
type headerSchema struct {
	Header     any                        `json:"x-mcp-header"`
	Properties map[string]json.RawMessage `json:"properties"`
}

func (schema *headerSchema) collect(value any, expected map[string]any) {
	if name, ok := schema.Header.(string); ok && name != "" && value != nil {
		expected[http.CanonicalHeaderKey(headerParam+name)] = value
	}
	members, ok := value.(map[string]any)
	if !ok {
		return
	}
	for name, raw := range schema.Properties {
		var inner headerSchema
		if json.Unmarshal(raw, &inner) == nil {
			inner.collect(members[name], expected)
		}
	}
}
