package mcpclient_test

import (
	"bytes"
	stdjson "encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
)

// wireForms are the kinds of messages under testdata/wire, one folder a protocol version. Each file is valid by the
// schema of its version and uses every member that this schema has.
var wireForms = []struct {
	file   string
	member string // the part of the message that has a type of its own, "" for all of it
	into   func() any
}{
	{"initialize", "", func() any { return new(mcpclient.ServerInfo) }},
	{"tools", "tools", func() any { return new([]*mcpclient.Tool) }},
	{"call", "", func() any { return new(mcpclient.ToolResult) }},
	{"resources", "resources", func() any { return new([]*mcpclient.Resource) }},
	{"templates", "resourceTemplates", func() any { return new([]*mcpclient.ResourceTemplate) }},
	{"read", "", func() any { return new(mcpclient.ResourceResult) }},
	{"prompts", "prompts", func() any { return new([]*mcpclient.Prompt) }},
	{"prompt", "", func() any { return new(mcpclient.PromptResult) }},
	{"completion", "completion", func() any { return new(mcpclient.Completion) }},
	{"log", "", func() any { return new(mcpclient.LogMessage) }},
}

// wireVersions returns the folders under testdata/wire, oldest version first.
func wireVersions(t *testing.T) []string {
	t.Helper()
	versions, err := filepath.Glob(filepath.Join("testdata", "wire", "*"))
	require.NoError(t, err)
	require.Len(t, versions, 4)
	return versions
}

// newestWire returns a message of the newest version, without white space.
func newestWire(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(wireVersions(t)[3], file+".json"))
	require.NoError(t, err)
	var compact bytes.Buffer
	require.NoError(t, stdjson.Compact(&compact, data))
	return compact.String()
}

// wirePart returns the member of the message, or the message itself.
func wirePart(t *testing.T, message []byte, member string) []byte {
	t.Helper()
	if member == "" {
		return message
	}
	var members map[string]stdjson.RawMessage
	require.NoError(t, stdjson.Unmarshal(message, &members))
	require.Contains(t, members, member)
	return members[member]
}

// bothJSON runs a test with either version of encoding/json.
func bothJSON(t *testing.T, test func(t *testing.T, marshal func(any) ([]byte, error), unmarshal func([]byte, any) error)) {
	t.Run("encoding/json", func(t *testing.T) { test(t, stdjson.Marshal, stdjson.Unmarshal) })
	t.Run("version 2", func(t *testing.T) {
		test(t,
			func(v any) ([]byte, error) { return json.Marshal(v) },
			func(data []byte, v any) error { return json.Unmarshal(data, v) })
	})
}

// parsed is JSON in a form that can be compared, numbers to the last digit.
func parsed(t *testing.T, data []byte) any {
	t.Helper()
	dec := stdjson.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	require.NoError(t, dec.Decode(&v))
	return v
}

func TestWireEveryMemberOfEveryVersionSurvives(t *testing.T) {
	for _, folder := range wireVersions(t) {
		for _, form := range wireForms {
			t.Run(filepath.Base(folder)+"/"+form.file, func(t *testing.T) {
				message, err := os.ReadFile(filepath.Join(folder, form.file+".json"))
				require.NoError(t, err)
				sent := wirePart(t, message, form.member)
				bothJSON(t, func(t *testing.T, marshal func(any) ([]byte, error), unmarshal func([]byte, any) error) {
					value := form.into()
					require.NoError(t, unmarshal(sent, value))
					require.Empty(t, unknownMembers(reflect.ValueOf(value)), "members of the schema without a field")
					again, err := marshal(value)
					require.NoError(t, err)
					require.Equal(t, parsed(t, sent), parsed(t, again))
				})
			})
		}
	}
}

// unknownMembers collects what is in the Extra fields of v and of everything in it.
func unknownMembers(v reflect.Value) (names []string) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			names = unknownMembers(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			names = append(names, unknownMembers(v.Index(i))...)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			switch v.Type().Field(i).Name {
			case "Extra", "ResultExtra":
				for _, name := range v.Field(i).MapKeys() {
					names = append(names, v.Type().Name()+"."+name.String())
				}
			default:
				names = append(names, unknownMembers(v.Field(i))...)
			}
		}
	}
	return names
}

func TestWireUnknownMembersSurvive(t *testing.T) {
	for _, form := range wireForms {
		t.Run(form.file, func(t *testing.T) {
			future := parsed(t, wirePart(t, []byte(newestWire(t, form.file)), form.member))
			require.NotZero(t, addFutureMembers(future))
			sent, err := stdjson.Marshal(future)
			require.NoError(t, err)
			bothJSON(t, func(t *testing.T, marshal func(any) ([]byte, error), unmarshal func([]byte, any) error) {
				value := form.into()
				require.NoError(t, unmarshal(sent, value))
				again, err := marshal(value)
				require.NoError(t, err)
				require.Equal(t, future, parsed(t, again))
			})
		})
	}
}

// addFutureMembers adds a member that no version knows to every object that this package takes apart, and
// returns to how many.
func addFutureMembers(v any) (count int) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			count += addFutureMembers(item)
		}
	case map[string]any:
		for name, member := range v {
			switch name {
			case "_meta", "inputSchema", "outputSchema", "structuredContent", "data", "experimental", "tasks":
				// kept as they are anyway
			case "logging", "completions":
				// presence is all that these tell
			default:
				count += addFutureMembers(member)
			}
		}
		v["futureMember"] = map[string]any{"k": []any{stdjson.Number("1.50"), nil, "é"}}
		count++
	}
	return count
}

// A value of our types inside a user's type must not need a pointer to be encoded right.
func TestWireValuesEncodeLikePointers(t *testing.T) {
	bothJSON(t, func(t *testing.T, marshal func(any) ([]byte, error), _ func([]byte, any) error) {
		got, err := marshal(struct {
			Tool mcpclient.Tool
			Icon any
			Text any
		}{
			Tool: mcpclient.Tool{Name: "n", Extra: map[string]stdjson.RawMessage{"x": stdjson.RawMessage(`1`)}},
			Icon: mcpclient.Icon{Src: "s"},
			Text: mcpclient.Text{Text: "t"},
		})
		require.NoError(t, err)
		require.JSONEq(t, `{"Tool":{"name":"n","x":1},"Icon":{"src":"s"},"Text":{"type":"text","text":"t"}}`, string(got))
	})
}

func TestWireStrictAboutWhatDeceives(t *testing.T) {
	bothJSON(t, func(t *testing.T, _ func(any) ([]byte, error), unmarshal func([]byte, any) error) {
		var result mcpclient.ToolResult
		require.NoError(t, unmarshal([]byte(`{"content":[],"IsError":true,"StructuredContent":{"a":1}}`), &result))
		require.False(t, result.IsError, "a name in another case is another name")
		require.Nil(t, result.Structured)

		require.Error(t, unmarshal([]byte(`{"content":[],"isError":false,"isError":true}`), new(mcpclient.ToolResult)))
		require.Error(t, unmarshal([]byte(`{"name":"a","inputSchema":{"type":"object","type":"array"}}`), new(mcpclient.Tool)))
	})
}

func TestWireNullIsAbsent(t *testing.T) {
	bothJSON(t, func(t *testing.T, _ func(any) ([]byte, error), unmarshal func([]byte, any) error) {
		var tool mcpclient.Tool
		require.NoError(t, unmarshal([]byte(`{"name":"a","title":null,"description":null,"inputSchema":null,"outputSchema":null,
			"annotations":null,"icons":null,"execution":null,"_meta":null}`), &tool))
		require.Equal(t, mcpclient.Tool{Name: "a"}, tool)

		var resource mcpclient.Resource
		require.NoError(t, unmarshal([]byte(`{"uri":"u","name":null,"size":null,"annotations":{"priority":null,"audience":null}}`), &resource))
		require.Equal(t, mcpclient.Resource{URI: "u", Annotations: &mcpclient.Annotations{}}, resource)

		var result mcpclient.ToolResult
		require.NoError(t, unmarshal([]byte(`{"content":null,"isError":null,"_meta":null}`), &result))
		require.Equal(t, mcpclient.ToolResult{}, result)
	})
}

// Users put our types into types of their own, so each is encoded and decoded right on its own.
func TestWireEveryTypeStandsAlone(t *testing.T) {
	extra := map[string]stdjson.RawMessage{"futureMember": stdjson.RawMessage(`[1]`)}
	meta := mcpclient.Meta{"k": stdjson.RawMessage(`1`)}
	contents := mcpclient.ResourceContents{URI: "u", Blob: []byte{1}, Meta: meta, Extra: extra}
	annotations := &mcpclient.Annotations{Audience: []string{"user"}, Priority: new(0.5), Extra: extra}
	for _, value := range []any{
		&mcpclient.Text{Text: "t", Annotations: annotations, Meta: meta, Extra: extra},
		&mcpclient.Image{Data: []byte{1}, Annotations: annotations, Extra: extra},
		&mcpclient.Audio{Data: []byte{1}, Meta: meta, Extra: extra},
		&mcpclient.Link{URI: "u", Name: "n", Size: new(int64(1)), Extra: extra},
		&mcpclient.Embedded{Resource: &contents, Extra: extra},
		&mcpclient.Unknown{Type: "t", Raw: stdjson.RawMessage(`{"type":"t"}`)},
		annotations,
		&mcpclient.Icon{Src: "s", Sizes: []string{"any"}, Extra: extra},
		&mcpclient.Tool{Name: "n", InputSchema: stdjson.RawMessage(`{}`), Extra: extra},
		&mcpclient.ToolAnnotations{ReadOnlyHint: new(false), Extra: extra},
		&mcpclient.ToolExecution{TaskSupport: "optional", Extra: extra},
		&mcpclient.ToolResult{Content: []mcpclient.Content{&mcpclient.Text{Text: "t"}}, Structured: stdjson.RawMessage(`null`), Extra: extra},
		&mcpclient.Resource{URI: "u", Size: new(int64(0)), Extra: extra},
		&mcpclient.ResourceTemplate{URITemplate: "u", Extra: extra},
		&contents,
		&mcpclient.ResourceResult{Contents: []mcpclient.ResourceContents{contents}, Extra: extra},
		&mcpclient.Prompt{Name: "n", Extra: extra},
		&mcpclient.PromptArgument{Name: "n", Required: true, Extra: extra},
		&mcpclient.PromptMessage{Role: "user", Content: &mcpclient.Image{Data: []byte{1}}, Extra: extra},
		&mcpclient.PromptResult{Messages: []mcpclient.PromptMessage{{Role: "user", Content: &mcpclient.Text{}}}, Extra: extra},
		&mcpclient.Completion{Values: []string{"v"}, Total: 1, Extra: extra},
		&mcpclient.LogMessage{Level: mcpclient.LogInfo, Data: stdjson.RawMessage(`{}`), Extra: extra},
		&mcpclient.ServerInfo{Name: "n", Capabilities: mcpclient.ServerCapabilities{Logging: true}, Extra: extra, ResultExtra: extra},
		&mcpclient.ServerCapabilities{Tools: &mcpclient.ToolsCapability{}, Completions: true, Extra: extra},
		&mcpclient.ToolsCapability{ListChanged: true, Extra: extra},
		&mcpclient.ResourcesCapability{Subscribe: true, Extra: extra},
		&mcpclient.PromptsCapability{ListChanged: true, Extra: extra},
	} {
		kind := reflect.TypeOf(value).Elem()
		t.Run(kind.Name(), func(t *testing.T) {
			bothJSON(t, func(t *testing.T, marshal func(any) ([]byte, error), unmarshal func([]byte, any) error) {
				encoded, err := marshal(value)
				require.NoError(t, err)
				require.NotContains(t, string(encoded), "Extra")
				again := reflect.New(kind).Interface()
				require.NoError(t, unmarshal(encoded, again))
				require.Equal(t, value, again)
			})
		})
	}
}

// Whatever part of a message arrives, the rest is missed.
func TestWireCutAnywhere(t *testing.T) {
	for _, form := range wireForms {
		t.Run(form.file, func(t *testing.T) {
			whole := wirePart(t, []byte(newestWire(t, form.file)), form.member)
			for n := range whole {
				require.Error(t, json.Unmarshal(whole[:n], form.into()), "%s", whole[:n])
			}
		})
	}
}
