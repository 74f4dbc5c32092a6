package mcpclient_test

import (
	"context"
	stdjson "encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
)

// What is no form, and what the server is told about it.
func TestElicitationSchemasThatAreNone(t *testing.T) {
	var many strings.Builder
	for i := range 1001 {
		fmt.Fprintf(&many, `,"%d":{"type":"string"}`, i)
	}
	for schema, reason := range map[string]string{
		``:                     "requestedSchema is not a JSON object",
		`null`:                 "requestedSchema is not a JSON object",
		`[]`:                   "requestedSchema is not a JSON object",
		`{"type":"string"}`:    `requestedSchema has the type "string", not object`,
		`{"type":1}`:           `requestedSchema: a JSON number at "/type"`,
		`{"properties":[]}`:    `requestedSchema: a JSON array at "/properties"`,
		`{"required":"x"}`:     `requestedSchema: a JSON string at "/required"`,
		`{"required":["x\n"]}`: `requestedSchema requires the property "x\n", which it does not have`,
		`{"properties":{` + many.String()[1:] + `}}`: "requestedSchema has more than 1000 properties",
	} {
		_, err := mcpclient.DecodeForm([]byte(schema))
		require.EqualError(t, err, reason, schema)
	}
	for property, reason := range map[string]string{
		`true`:     "has a JSON true at its top",
		`"string"`: "has a JSON string at its top",
		`{}`:       "has no type",
		`null`:     "has no type",
		`{"type":"object","properties":{"y":{"type":"string"}}}`: "is not flat: object is neither a string, number, boolean nor a choice of strings",
		`{"type":"array"}`: "is not flat: array is neither a string, number, boolean nor a choice of strings",
		`{"type":"array","items":{"type":"integer"}}`: "is not flat: array is neither a string, number, boolean nor a choice of strings",
		`{"type":"array","items":{"type":"string"}}`:  "offers no choice",
		`{"type":"null"}`:                                                           "is not flat: null is neither a string, number, boolean nor a choice of strings",
		`{"type":"str\n"}`:                                                          `is not flat: "str\n" is neither a string, number, boolean nor a choice of strings`,
		`{"type":["string","integer"]}`:                                             `has a value that does not belong there at "/type": a choice of types`,
		`{"type":["null"]}`:                                                         `has a value that does not belong there at "/type": a choice of types`,
		`{"$ref":"#/$defs/x"}`:                                                      "has no type",
		`{"type":"string","enum":[]}`:                                               "offers no choice",
		`{"type":"string","enum":[1]}`:                                              `has a JSON number at "/enum/0"`,
		`{"type":"integer","enum":["1"]}`:                                           "is a choice of another type than string",
		`{"type":"string","oneOf":[{"const":1}]}`:                                   `has a JSON number at "/oneOf/0/const"`,
		`{"type":"string","oneOf":[{"title":"A"}]}`:                                 "offers no choice",
		`{"type":"string","minLength":"1"}`:                                         `has a JSON string at "/minLength"`,
		`{"anyOf":[{"type":"string"},{"type":"integer"}]}`:                          "has no type",
		`{"anyOf":[{"type":"null"},{"type":"object"}]}`:                             "is not flat: object is neither a string, number, boolean nor a choice of strings",
		`{"anyOf":[{"type":"null"},7]}`:                                             "has a JSON number at its top",
		`{"anyOf":[{"anyOf":[{"type":"string"},{"type":"null"}]},{"type":"null"}]}`: "has no type",
	} {
		_, err := mcpclient.DecodeForm([]byte(`{"properties":{"a\n":` + property + `}}`))
		require.EqualError(t, err, `property "a\n" `+reason, property)
	}
	_, err := mcpclient.DecodeForm([]byte(`{"properties":{"a":{"type":"string"},"a":{"type":"string"}}}`))
	require.Error(t, err, "a duplicate name deceives")
}

// FuzzElicitationSchema: whatever a server sends for a schema, decoding ends without a panic, and a form that was decoded
// keeps its promises: an answer that Validate accepts and the defaults fill in is valid JSON, and is accepted again.
func FuzzElicitationSchema(f *testing.F) {
	f.Add([]byte(oneForm), []byte(`{"name":"Bo"}`))
	f.Add([]byte(`{"properties":{"x":{"type":"string","pattern":"^(a{9}){9}$","format":"uri"}}}`), []byte(`{"x":"a"}`))
	f.Add([]byte(`{"properties":{"x":{"anyOf":[{"type":["null","string"]},{"type":"null"}],"default":[]}},"required":["x"]}`), []byte(`{"x":null}`))
	f.Add([]byte(`{"properties":{"\ud800":{"type":"array","items":{"oneOf":[{"const":"\ud800"}]},"default":["\ud800"]}}}`), []byte(`{}`))
	f.Add([]byte(`{"type":"object","properties":{"n":{"type":"integer","minimum":-1e999,"maximum":1e999,"default":1e400}}}`), []byte(`{"n":2}`))
	f.Fuzz(func(t *testing.T, schema, content []byte) {
		if !jsontext.Value(schema).IsValid(jsontext.AllowInvalidUTF8(true)) {
			return
		}
		fields, err := mcpclient.DecodeForm(schema)
		if err != nil {
			require.LessOrEqual(t, len(err.Error()), 2000)
			return
		}
		require.LessOrEqual(t, len(fields), 1000)
		for _, field := range fields {
			require.NotEmpty(t, field.Kind)
			require.Equal(t, field.Kind == mcpclient.FieldEnum || field.Kind == mcpclient.FieldMultiEnum, field.Choices != nil)
		}
		form := &mcpclient.Elicitation{Fields: fields}
		asked := &mcpclient.Asked{
			Method: "elicitation/create", Params: `{"message":"m","requestedSchema":` + string(schema) + `}`,
			Elicit: func(context.Context, *mcpclient.Elicitation) (*mcpclient.ElicitationReply, error) {
				return mcpclient.Accept(stdjson.RawMessage(content)), nil
			},
		}
		told := asked.Answer(t.Context())
		require.Equal(t, form.Validate(stdjson.RawMessage(content)) == nil, told.Err == nil)
		if told.Err != nil {
			return
		}
		var reply struct {
			Content jsontext.Value `json:"content"`
		}
		require.NoError(t, json.Unmarshal([]byte(told.Result), &reply, jsontext.AllowInvalidUTF8(true)))
		require.NoError(t, form.Validate(reply.Content))
	})
}
