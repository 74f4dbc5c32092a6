package mcpclient_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
)

// TestHeaderParamsFound: which annotations count, and what they say.
func TestHeaderParamsFound(t *testing.T) {
	for _, c := range []struct {
		name, schema string
		want         []string
	}{
		{"none", `{"type":"object","properties":{"q":{"type":"string"}}}`, nil},
		{"no schema", `null`, nil},
		{"every type that is permitted", `{"type":"object","properties":{
			"region":{"type":"string","x-mcp-header":"Region"},
			"count":{"x-mcp-header":"count","type":"integer"},
			"dry":{"type":["boolean"],"x-mcp-header":"DRY-run"}}}`,
			[]string{"Mcp-Param-Region=/region:string", "Mcp-Param-Count=/count:integer", "Mcp-Param-Dry-Run=/dry:boolean"}},
		{"nested properties, whatever they lie in", `{"properties":{"a":{"type":"object","properties":{"b":{"properties":{
			"c":{"type":"string","x-mcp-header":"C"}}}}},"d":{"type":"string","x-mcp-header":"D"}}}`,
			[]string{"Mcp-Param-C=/a/b/c:string", "Mcp-Param-D=/d:string"}},
		{"names of standard headers", `{"properties":{"m":{"type":"string","x-mcp-header":"Method"},"n":{"type":"string","x-mcp-header":"Name"}}}`,
			[]string{"Mcp-Param-Method=/m:string", "Mcp-Param-Name=/n:string"}},
		{"every token character", "{\"properties\":{\"a\":{\"type\":\"string\",\"x-mcp-header\":\"!#$%&'*+-.^_`|~09azAZ\"}}}",
			[]string{"Mcp-Param-!#$%&'*+-.^_`|~09azaz=/a:string"}},
		{"escaped letters", `{"properties":{"a":{"type":"string","x-mcp\u002dheader":"\u0041"}}}`, []string{"Mcp-Param-A=/a:string"}},
		{"beside a reference", `{"properties":{"a":{"$ref":"#/$defs/a","type":"string","x-mcp-header":"A"}},"$defs":{"a":{"type":"string"}}}`,
			[]string{"Mcp-Param-A=/a:string"}},
		{"properties that are true or false", `{"properties":{"yes":true,"no":false,"a":{"type":"string","x-mcp-header":"A"}}}`,
			[]string{"Mcp-Param-A=/a:string"}},
		{"a property of that name", `{"properties":{"x-mcp-header":{"type":"string","x-mcp-header":"A"},"b":{"properties":{"x-mcp-header":{"type":"array"}}}}}`,
			[]string{"Mcp-Param-A=/x-mcp-header:string"}},
		{"a definition of that name", `{"$defs":{"x-mcp-header":{"type":"string"}},"patternProperties":{"x-mcp-header":{}}}`, nil},
		{"data", `{"default":{"x-mcp-header":""},"const":{"x-mcp-header":1},"enum":[{"x-mcp-header":""}],"examples":[{"x-mcp-header":""}],
			"x-vendor":{"x-mcp-header":""},"required":["x-mcp-header"],"properties":{"a":{"default":{"properties":{"b":{"x-mcp-header":""}}}}}}`, nil},
		{"what is no schema", `{"properties":["x-mcp-header"],"items":"x-mcp-header","allOf":{"b":{"x-mcp-header":"A"}},"$defs":[{"x-mcp-header":"A"}],
			"dependencies":{"a":["x-mcp-header"]}}`, nil},
	} {
		got, err := mcpclient.HeaderParams(c.schema)
		require.NoError(t, err, c.name)
		require.Equal(t, c.want, got, c.name)
	}
}

// TestHeaderParamsBroken: each rule that makes a tool invalid, with a text that tells which.
func TestHeaderParamsBroken(t *testing.T) {
	property := func(schema string) string {
		return `{"properties":{"ok":{"type":"string","x-mcp-header":"Ok"},"a":` + schema + `}}`
	}
	named := func(name string) string { return property(`{"type":"string","x-mcp-header":` + name + `}`) }
	typed := func(types string) string { return property(`{"type":` + types + `,"x-mcp-header":"A"}`) }
	for why, schemas := range map[string][]string{
		`x-mcp-header at "/properties/a" is not a name: it must be a string, and not empty`: {
			named(`""`), named(`null`), named(`7`), named(`true`), named(`["A"]`), named(`{}`),
		},
		"is no name for a header": {
			named(`"A B"`), named(`"A:"`), named(`"\r\nA"`), named(`"A\u0000"`), named(`"A\t"`), named(`"Région"`), named(`" "`),
			named(`"A/B"`), named(`"(A)"`), named(`"A,B"`), named(`"\u007f"`), named(`"\ud800"`),
		},
		`"A" is on a property that is not of one type of string, integer and boolean`: {
			typed(`"number"`), typed(`"object"`), typed(`"array"`), typed(`"null"`), typed(`"String"`), typed(`7`), typed(`null`), typed(`{}`),
			typed(`["string","null"]`), typed(`["string","integer"]`), typed(`[]`), typed(`[null]`), typed(`["string",7]`),
			property(`{"x-mcp-header":"A"}`), property(`{"enum":["a"],"x-mcp-header":"A"}`), property(`{"const":1,"x-mcp-header":"A"}`),
			property(`{"$ref":"#/$defs/a","x-mcp-header":"A"}`),
		},
		`at "/properties/a" "Ok" repeats the name of another, case aside`: {named(`"Ok"`)},
		`at "/properties/a" "oK" repeats the name of another, case aside`: {named(`"oK"`)},
		"repeats the name": {property(`{"properties":{"b":{"type":"string","x-mcp-header":"OK"}}}`)},
		"x-mcp-header at the top stands where no argument has its place": {`{"type":"string","x-mcp-header":"A"}`, `{"type":"object","x-mcp-header":""}`},
		"the input schema cannot be read":                                {`{"x-mcp-header`, `["x-mcp-header"`, `{"properties":{"a":{"x-mcp-header":"A","x-mcp-header":"B"}}}`, `{"allOf":["x-mcp-header"`, `{"x-mcp-header":1,`},
	} {
		for _, schema := range schemas {
			got, err := mcpclient.HeaderParams(schema)
			require.ErrorContains(t, err, why, schema)
			require.Empty(t, got, schema)
		}
	}
}

// TestHeaderParamsMisplaced: below any keyword but properties, an annotation belongs to no one value of the arguments.
func TestHeaderParamsMisplaced(t *testing.T) {
	for _, schema := range []string{`{"type":"string","x-mcp-header":"A"}`, `{"properties":{"b":{"type":"string","x-mcp-header":"A"}}}`} {
		for form, keywords := range map[string]string{
			schema: `items additionalItems unevaluatedItems contains additionalProperties unevaluatedProperties propertyNames
				contentSchema not if then else`,
			`[true,` + schema + `]`:       `items prefixItems allOf anyOf oneOf`,
			`{"a":{},"b":` + schema + `}`: `patternProperties dependentSchemas dependencies $defs definitions`,
		} {
			for keyword := range strings.FieldsSeq(keywords) {
				for _, place := range []string{`{%q:%s}`, `{"properties":{"a":{%q:%s}}}`, `{"anyOf":[{"properties":{"a":{%q:%s}}}]}`} {
					_, err := mcpclient.HeaderParams(fmt.Sprintf(place, keyword, form))
					require.ErrorContains(t, err, "stands where no argument has its place", place, keyword, form)
				}
			}
		}
	}
}

// TestHeaderParamsBounds: many annotations, and deep ones, are refused before they cost memory.
func TestHeaderParamsBounds(t *testing.T) {
	many := func(n int) string {
		var properties []string
		for i := range n {
			properties = append(properties, fmt.Sprintf(`"p%d":{"type":"string","x-mcp-header":"P%d"}`, i, i))
		}
		return `{"properties":{` + strings.Join(properties, ",") + `}}`
	}
	deep := func(n int) string {
		return strings.Repeat(`{"properties":{"a":`, n) + `{"type":"string","x-mcp-header":"A"}` + strings.Repeat(`}}`, n)
	}
	found, err := mcpclient.HeaderParams(many(128))
	require.NoError(t, err)
	require.Len(t, found, 128)
	_, err = mcpclient.HeaderParams(many(129))
	require.ErrorContains(t, err, "one too many")

	found, err = mcpclient.HeaderParams(deep(32))
	require.NoError(t, err)
	require.Len(t, found, 1)
	_, err = mcpclient.HeaderParams(deep(33))
	require.ErrorContains(t, err, "too deep")
	require.Less(t, len(err.Error()), 500)
	_, err = mcpclient.HeaderParams(deep(1_000_000))
	require.ErrorContains(t, err, "cannot be read")
	require.Less(t, len(err.Error()), 500)

	hostile := strings.Repeat("%s\n", 100_000)
	name, err := json.Marshal(hostile)
	require.NoError(t, err)
	_, err = mcpclient.HeaderParams(fmt.Sprintf(`{"x-mcp-header":"",%s:1,%s:2}`, name, name))
	require.ErrorContains(t, err, "cannot be read")
	require.Less(t, len(err.Error()), 500)
	_, err = mcpclient.HeaderParams(fmt.Sprintf(`{"properties":{%s:{"type":"string","x-mcp-header":%s}}}`, name, name))
	require.ErrorContains(t, err, `%s`)
	require.NotContains(t, err.Error(), "\n")
	require.Less(t, len(err.Error()), 1500)
}

// TestHeaderParamsAbsent: tools without annotations, nearly all there are, cost a search and nothing else.
func TestHeaderParamsAbsent(t *testing.T) {
	schema := `{"type":"object","properties":{"q":{"type":"string","description":"` + strings.Repeat("words ", 1000) + `"}}}`
	tool := &mcpclient.Tool{Name: "search", InputSchema: json.RawMessage(schema)}
	var known mcpclient.ToolHeaders
	require.Zero(t, testing.AllocsPerRun(100, func() { require.NoError(t, known.Admit(tool)) }))
	arguments := []byte(`{"q":"words"}`)
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = known.ForCall("search", arguments) }))
}

// FuzzHeaderParams: whatever a server calls a schema, what is found obeys the rules, and no walk runs away.
func FuzzHeaderParams(f *testing.F) {
	f.Add(`{"properties":{"a":{"type":"string","x-mcp-header":"A"},"b":{"properties":{"c":{"x-mcp-header":"C","type":["integer"]}}}}}`)
	f.Add(`{"items":[{"x-mcp-header":"A"}],"$defs":{"x-mcp-header":{}},"enum":["x-mcp-header"]}`)
	f.Add(`{"x-mcp\u002dheader":"`)
	f.Fuzz(func(t *testing.T, schema string) {
		found, err := mcpclient.HeaderParams(schema)
		if err != nil {
			require.Empty(t, found)
			return
		}
		headers := map[string]bool{}
		for _, param := range found {
			header, rest, _ := strings.Cut(param, "=/")
			require.Regexp(t, "^Mcp-Param-[!#$%&'*+.^_`|~0-9A-Za-z-]+$", header)
			require.Regexp(t, "(?s)^.*:(string|integer|boolean)$", rest)
			require.False(t, headers[strings.ToLower(header)], header)
			headers[strings.ToLower(header)] = true
		}
	})
}

func toolWith(name, property string) *mcpclient.Tool {
	return &mcpclient.Tool{Name: name, InputSchema: json.RawMessage(`{"properties":{"a":` + property + `}}`)}
}

// TestToolHeaders: the schema fetched last counts, also where it has no annotation any more, or a bad one.
func TestToolHeaders(t *testing.T) {
	var known mcpclient.ToolHeaders
	sent := func(name string) string {
		header, err := known.ForCall(name, []byte(`{"a":"x"}`))
		require.NoError(t, err)
		text, err := json.Marshal(header)
		require.NoError(t, err)
		return string(text)
	}
	const first, second = `{"type":"string","x-mcp-header":"First"}`, `{"type":"string","x-mcp-header":"Second"}`
	require.Equal(t, `null`, sent("tool"))
	require.NoError(t, known.Admit(toolWith("tool", first)))
	require.Equal(t, `{"Mcp-Param-First":["x"]}`, sent("tool"))
	require.Equal(t, `null`, sent("Tool"))
	require.NoError(t, known.Admit(toolWith("tool", second)))
	require.Equal(t, `{"Mcp-Param-Second":["x"]}`, sent("tool"))
	require.NoError(t, known.Admit(toolWith("other", first)))
	size := known.Size()

	require.Error(t, known.Admit(toolWith("tool", `{"x-mcp-header":""}`)))
	require.Equal(t, `null`, sent("tool"))
	require.Less(t, known.Size(), size)
	require.NoError(t, known.Admit(toolWith("tool", first)))
	require.NoError(t, known.Admit(toolWith("tool", `{}`)))
	require.Equal(t, `null`, sent("tool"))
	require.Equal(t, `{"Mcp-Param-First":["x"]}`, sent("other"))

	require.NoError(t, known.Admit(toolWith("other", `{}`)))
	require.Equal(t, `null`, sent("other"))
	require.Zero(t, known.Size(), "nothing is kept of tools without annotations")
}

// TestToolHeadersBound: a server with tools without end does not fill the client's memory, and may replace those it has.
func TestToolHeadersBound(t *testing.T) {
	var known mcpclient.ToolHeaders
	const property = `{"type":"string","x-mcp-header":"A"}`
	long := strings.Repeat("n", mcpclient.MaxToolHeaders/4)
	for i := range 8 {
		require.NoError(t, known.Admit(toolWith(fmt.Sprint(long, i), property)))
		require.LessOrEqual(t, known.Size(), mcpclient.MaxToolHeaders)
	}
	header, err := known.ForCall(long+"0", []byte(`{"a":""}`))
	require.NoError(t, err)
	require.Len(t, header, 1)
	header, err = known.ForCall(long+"7", []byte(`{"a":""}`))
	require.NoError(t, err)
	require.Empty(t, header)

	require.Error(t, known.Admit(toolWith(long+"7", `{"x-mcp-header":""}`)), "invalid, with or without room")
	require.NoError(t, known.Admit(toolWith(long+"0", `{}`)))
	require.NoError(t, known.Admit(toolWith(long+"7", property)))
	header, err = known.ForCall(long+"7", []byte(`{"a":""}`))
	require.NoError(t, err)
	require.Len(t, header, 1)
}

// TestToolHeadersConcurrent is for the race detector; and what a call gets is a map of its own.
func TestToolHeadersConcurrent(t *testing.T) {
	var known mcpclient.ToolHeaders
	arguments := []byte(`{"a":"x"}`)
	require.NoError(t, known.Admit(toolWith("shared", `{"type":"string","x-mcp-header":"A"}`)))
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 100 {
				_ = known.Admit(toolWith(fmt.Sprint("tool", i), `{"type":"string","x-mcp-header":"A"}`))
				header, _ := known.ForCall("shared", arguments)
				header.Set("Mcp-Param-A", "y")
			}
		})
	}
	wg.Wait()
	header, err := known.ForCall("shared", arguments)
	require.NoError(t, err)
	require.Equal(t, "x", header.Get("Mcp-Param-A"))
}
