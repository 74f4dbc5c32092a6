package mcptest

import (
	"encoding/json"
	"fmt"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/holdfast-mcp/mcpclient"
)

// encode writes a result. Maps are sorted, so that equal results are equal bytes.
func encode(result any) ([]byte, error) {
	return jsonv2.Marshal(result, jsonv2.Deterministic(true), jsontext.AllowInvalidUTF8(true))
}

// decode reads the params of a request; absent ones leave v as it is. The
// error is the one to answer with.
func decode(params jsontext.Value, v any) error {
	if params == nil {
		return nil
	}
	if err := jsonv2.Unmarshal(params, v, jsontext.AllowInvalidUTF8(true)); err != nil {
		return invalidParams("Invalid params: " + err.Error())
	}
	return nil
}

func invalidParams(message string) error {
	return &mcpclient.RPCError{Code: codeInvalidParams, Message: message}
}

// mustEncode encodes what a test hands in, with the meaning that encoding/json
// gives it; nil stays nil. A value without JSON is a slip in the test.
func mustEncode(v any) json.RawMessage {
	if v == nil {
		return nil
	}
	raw, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("mcptest: cannot encode a %T as JSON: %v", v, err))
	}
	return raw
}

func isObject(raw json.RawMessage) bool { return len(raw) > 0 && raw[0] == '{' }
