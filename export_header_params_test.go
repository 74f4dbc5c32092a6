package mcpclient

import (
	"errors"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Seams for header_params_test.go and header_values_test.go: the rules are too many to be tested through a server.

// HeaderParams writes each annotation of a schema as "Mcp-Param-Region=/address/region:string".
func HeaderParams(schema string) (found []string, err error) {
	params, err := headerParams(jsontext.Value(schema))
	for _, p := range params {
		found = append(found, p.header+"=/"+strings.Join(p.path, "/")+":"+p.kind)
	}
	return found, err
}

// ParamHeaders are the headers for the arguments of one call of a tool with that schema.
func ParamHeaders(schema, arguments string) (http.Header, error) {
	params, err := headerParams(jsontext.Value(schema))
	if err != nil {
		return nil, err
	}
	header, err := paramHeaders(params, jsontext.Value(arguments))
	return header, asCalled(err)
}

// HeaderValue encodes a value for Mcp-Name and Mcp-Param-*.
func HeaderValue(s string) string { return headerValue(s) }

// NumberText writes a JSON number as it stands in a header.
func NumberText(number string) (string, error) { return numberText(number) }

// AppendJSONString writes a string as the body does.
func AppendJSONString(s string) []byte {
	quoted, _ := jsontext.AppendQuote(nil, s) // the error tells of replaced bytes only
	return quoted
}

// ToolHeaders is toolHeaders for tests outside the package.
type ToolHeaders struct{ known toolHeaders }

func (h *ToolHeaders) Admit(t *Tool) error { return h.known.admit(t) }

func (h *ToolHeaders) ForCall(name string, arguments []byte) (http.Header, error) {
	header, err := h.known.forCall(name, jsontext.Value(arguments))
	return header, asCalled(err)
}

func (h *ToolHeaders) Size() int { return h.known.size }

// MaxToolHeaders bounds ToolHeaders.Size.
const MaxToolHeaders = maxToolHeaders

// asCalled shows what err proves, as a call does.
func asCalled(err error) error {
	if f, ok := errors.AsType[*failure](err); ok {
		return &CallError{Method: callToolMethod, Delivery: f.delivery, Err: f.err}
	}
	return err
}
