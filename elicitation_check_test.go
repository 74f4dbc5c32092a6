package mcpclient_test

import (
	"context"
	stdjson "encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
)

// formOf decodes a form with the one field x, of the given schema.
func formOf(t *testing.T, schema string) *mcpclient.Elicitation {
	t.Helper()
	fields, err := mcpclient.DecodeForm([]byte(`{"type":"object","properties":{"x":` + schema + `}}`))
	require.NoError(t, err)
	return &mcpclient.Elicitation{Fields: fields}
}

// Every rule of every kind: values of x that fit, and values that do not, with what is said of them.
func TestElicitationRules(t *testing.T) {
	type refusals map[string]string
	for name, test := range map[string]struct {
		schema string
		fit    []string
		unfit  refusals
	}{
		"string": {
			`{"type":"string"}`,
			[]string{`""`, `"a"`, `"\u0000"`, `null`},
			refusals{`1`: "must be a string", `true`: "must be a string", `[]`: "must be a string", `{}`: "must be a string"},
		},
		"length in characters": {
			`{"type":"string","minLength":2,"maxLength":3}`,
			[]string{`"ab"`, `"äöü"`, `"😀😀"`, `"\ud83d\ude00\ud83d\ude00\ud83d\ude00"`},
			refusals{`"ä"`: "must have 2 or more characters", `"abcd"`: "must have 3 or fewer characters", `""`: "must have 2 or more characters"},
		},
		"email": {
			`{"type":"string","format":"email"}`,
			[]string{`"a@b.example"`, `"first.last+tag@b.example"`, `"ü@ü.example"`},
			refusals{`"a"`: "must be of the format email", `"A <a@b.example>"`: "must be of the format email", `"<a@b.example>"`: "must be of the format email", `"a@b.example (A)"`: "must be of the format email", `"a@"`: "must be of the format email", `""`: "must be of the format email"},
		},
		"uri": {
			`{"type":"string","format":"uri"}`,
			[]string{`"https://a.example/b?c#d"`, `"urn:isbn:0451450523"`, `"mailto:a@b.example"`},
			refusals{`"a.example"`: "must be of the format uri", `"/a"`: "must be of the format uri", `"http://a b"`: "must be of the format uri", `"http://a/b c"`: "must be of the format uri", `":"`: "must be of the format uri"},
		},
		"date": {
			`{"type":"string","format":"date"}`,
			[]string{`"2024-02-29"`},
			refusals{`"2023-02-29"`: "must be of the format date", `"2024-2-9"`: "must be of the format date", `"2024-02-29T00:00:00Z"`: "must be of the format date"},
		},
		"date-time": {
			`{"type":"string","format":"date-time"}`,
			[]string{`"2024-02-29T23:59:59Z"`, `"2024-02-29t23:59:59.123z"`, `"2024-02-29T23:59:59+02:00"`},
			refusals{`"2024-02-29"`: "must be of the format date-time", `"2024-02-29T23:59:59"`: "must be of the format date-time", `"2024-02-29 23:59:59Z"`: "must be of the format date-time"},
		},
		"another format":              {`{"type":"string","format":"ipv4"}`, []string{`"no"`}, nil},
		"pattern":                     {`{"type":"string","pattern":"^[a-z]+$"}`, []string{`"abc"`}, refusals{`"aBc"`: `must match "^[a-z]+$"`, `""`: `must match "^[a-z]+$"`}},
		"loose pattern":               {`{"type":"string","pattern":"b"}`, []string{`"abc"`}, refusals{`"ac"`: `must match "b"`}},
		"pattern of JavaScript":       {`{"type":"string","pattern":"^(?=a)\\w+$"}`, []string{`"b"`}, nil},
		"pattern that would not end":  {`{"type":"string","pattern":"^((a{30}){30}){12}$"}`, []string{`"b"`}, nil},
		"pattern that takes its time": {`{"type":"string","pattern":"^(a{30}){30}$"}`, nil, refusals{`"b"`: `must match "^(a{30}){30}$"`}},
		"pattern of too many parts":   {`{"type":"string","pattern":"^` + strings.Repeat("(a{99})", 100) + `"}`, []string{`"b"`}, nil},
		"pattern of too many letters": {`{"type":"string","pattern":"^` + strings.Repeat("a", 10_000) + `"}`, []string{`"b"`}, nil},
		"pattern for a long text":     {`{"type":"string","pattern":"^(a{30}){30}$"}`, []string{`"` + strings.Repeat("b", 1000) + `"`}, refusals{`"` + strings.Repeat("b", 50) + `"`: `must match "^(a{30}){30}$"`}},
		"number": {
			`{"type":"number","minimum":-1.5,"maximum":2}`,
			[]string{`-1.5`, `2`, `2.0`, `0.1e1`},
			refusals{`-1.6`: "must be at least -1.5", `2.001`: "must be at most 2", `1e999`: "must be at most 2", `"1"`: "must be a number", `false`: "must be a number"},
		},
		"integer": {
			`{"type":"integer","minimum":0,"maximum":9007199254740993}`,
			[]string{`0`, `3.0`, `3e2`, `9007199254740993`},
			refusals{`0.5`: "must be a whole number", `-1`: "must be at least 0", `1e17`: "must be at most 9.007199254740992e+15", `"1"`: "must be a number"},
		},
		"boolean":           {`{"type":"boolean"}`, []string{`true`, `false`}, refusals{`0`: "must be true or false", `"true"`: "must be true or false"}},
		"enum":              {`{"type":"string","enum":["a",""]}`, []string{`"a"`, `""`, `"\u0061"`}, refusals{`"A"`: `"A" is none of its choices`, `1`: "must be a string"}},
		"enum with names":   {`{"type":"string","enum":["a"],"enumNames":["Alpha"]}`, []string{`"a"`}, refusals{`"Alpha"`: `"Alpha" is none of its choices`}},
		"titled enum":       {`{"type":"string","oneOf":[{"const":"a","title":"Alpha"},{"title":"nothing"}]}`, []string{`"a"`}, refusals{`"Alpha"`: `"Alpha" is none of its choices`, `""`: `"" is none of its choices`}},
		"enum without type": {`{"enum":["a"]}`, []string{`"a"`}, refusals{`"b"`: `"b" is none of its choices`}},
		"multi-select": {
			`{"type":"array","items":{"type":"string","enum":["a","b","c"]},"minItems":1,"maxItems":2}`,
			[]string{`["a"]`, `["b","c"]`, `["a","a"]`},
			refusals{`[]`: "must have 1 or more of its choices", `["a","b","c"]`: "must have 2 or fewer of its choices", `["d"]`: `"d" is none of its choices`, `[1]`: "must be a list of strings", `[null]`: "must be a list of strings", `"a"`: "must be a list of strings"},
		},
		"titled multi-select": {`{"type":"array","items":{"anyOf":[{"const":"a","title":"Alpha"}]}}`, []string{`["a"]`, `[]`}, refusals{`["Alpha"]`: `"Alpha" is none of its choices`}},
		"string or null":      {`{"anyOf":[{"type":"string","maxLength":1},{"type":"null"}],"default":null,"title":"X"}`, []string{`"a"`, `null`}, refusals{`"ab"`: "must have 1 or fewer characters"}},
		"null or integer":     {`{"anyOf":[{"type":"null"},{"type":"integer"}]}`, []string{`1`, `null`}, refusals{`1.5`: "must be a whole number"}},
		"list of types":       {`{"type":["null","integer"]}`, []string{`1`, `null`}, refusals{`1.5`: "must be a whole number"}},
	} {
		t.Run(name, func(t *testing.T) {
			form := formOf(t, test.schema)
			for _, value := range test.fit {
				require.NoError(t, form.Validate(stdjson.RawMessage(`{"x":`+value+`}`)), value)
			}
			for value, reason := range test.unfit {
				err := form.Validate(stdjson.RawMessage(`{"x":` + value + `}`))
				require.Equal(t, &mcpclient.FieldError{Field: "x", Reason: reason}, err, value)
			}
			require.NoError(t, form.Validate(nil), "it is not required")
		})
	}
}

func TestElicitationRequiredAndUnknownFields(t *testing.T) {
	fields, err := mcpclient.DecodeForm([]byte(`{"type":"object","properties":{"z":{"type":"string"},"a":{"type":"string"},"d":{"type":"string","default":""}},"required":["a","z","d"]}`))
	require.NoError(t, err)
	form := &mcpclient.Elicitation{Fields: fields}
	for content, want := range map[string]string{
		`{}`:                          `field "z" is required`,
		`{"z":null}`:                  `field "z" is required`,
		`{"z":""}`:                    `field "a" is required`,
		`{"Z":"","z":"","a":""}`:      `field "Z" is not in the form`,
		`{"z":"","a":"","c":1,"b":1}`: `field "b" is not in the form`,
		`{"z":"","z":"","a":""}`:      `answers are not valid JSON`,
		`[]`:                          `answers must be a JSON object`,
	} {
		require.ErrorContains(t, form.Validate(stdjson.RawMessage(content)), want, content)
	}
	require.NoError(t, form.Validate(map[string]string{"z": "", "a": ""}))
	require.EqualError(t, form.Validate(map[string]string{"\n": ""}), `field "z" is required`)
	require.EqualError(t, formOf(t, `{"type":"string"}`).Validate(map[string]string{"\n": ""}), `field "\n" is not in the form`)
}

// A default counts unless it breaks the field's own rules.
func TestElicitationDefaults(t *testing.T) {
	for name, test := range map[string]struct {
		schema string
		value  any    // what the handler sees
		sent   string // what the server gets for an empty form
	}{
		"string":                     {`{"type":"string","default":"a\u0062"}`, "ab", `{"x":"a\u0062"}`},
		"empty string":               {`{"type":"string","default":""}`, "", `{"x":""}`},
		"number":                     {`{"type":"number","default":1.50}`, stdjson.Number("1.50"), `{"x":1.50}`},
		"large integer":              {`{"type":"integer","default":9007199254740993}`, stdjson.Number("9007199254740993"), `{"x":9007199254740993}`},
		"false":                      {`{"type":"boolean","default":false}`, false, `{"x":false}`},
		"enum":                       {`{"type":"string","enum":["a"],"default":"a"}`, "a", `{"x":"a"}`},
		"titled enum":                {`{"type":"string","oneOf":[{"const":"a","title":"A"}],"default":"a"}`, "a", `{"x":"a"}`},
		"multi-select":               {`{"type":"array","items":{"enum":["a","b"]},"default":["b","a"]}`, []string{"b", "a"}, `{"x":["b","a"]}`},
		"no choice":                  {`{"type":"array","items":{"enum":["a"]},"default":[]}`, []string{}, `{"x":[]}`},
		"null":                       {`{"type":"string","default":null}`, nil, `{}`},
		"string of another type":     {`{"type":"string","default":1}`, nil, `{}`},
		"too long":                   {`{"type":"string","maxLength":1,"default":"ab"}`, nil, `{}`},
		"not whole":                  {`{"type":"integer","default":1.5}`, nil, `{}`},
		"out of range":               {`{"type":"number","maximum":1,"default":2}`, nil, `{}`},
		"boolean of another type":    {`{"type":"boolean","default":"true"}`, nil, `{}`},
		"none of the choices":        {`{"type":"string","enum":["a"],"default":"b"}`, nil, `{}`},
		"some are none of them":      {`{"type":"array","items":{"enum":["a"]},"default":["a","b"]}`, nil, `{}`},
		"of a string or null":        {`{"anyOf":[{"type":"string","default":"inner"},{"type":"null"}],"default":"outer"}`, "outer", `{"x":"outer"}`},
		"inside of a string or null": {`{"anyOf":[{"type":"string","default":"inner"},{"type":"null"}]}`, "inner", `{"x":"inner"}`},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.value, formOf(t, test.schema).Fields[0].Default)
			asked := &mcpclient.Asked{
				Method: "elicitation/create", Params: `{"message":"m","requestedSchema":{"type":"object","properties":{"x":` + test.schema + `}}}`,
				Elicit: func(context.Context, *mcpclient.Elicitation) (*mcpclient.ElicitationReply, error) {
					return mcpclient.Accept(nil), nil
				},
			}
			require.Equal(t, `{"action":"accept","content":`+test.sent+`}`, asked.Answer(t.Context()).Result)
		})
	}
}

func TestElicitationKeepsTheOrderOfTheSchema(t *testing.T) {
	var schema, want strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&schema, `,"%d":{"type":"integer","default":%d}`, i*7919%1000, i)
		fmt.Fprintf(&want, `,"%d":%d`, i*7919%1000, i)
	}
	asked := &mcpclient.Asked{
		Method: "elicitation/create", Params: `{"message":"m","requestedSchema":{"type":"object","properties":{` + schema.String()[1:] + `}}}`,
		Elicit: elicits,
	}
	require.Equal(t, `{"action":"accept","content":{`+want.String()[1:]+`}}`, asked.Answer(t.Context()).Result)
}
