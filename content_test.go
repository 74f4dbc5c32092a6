package mcpclient_test

import (
	"bytes"
	stdjson "encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
)

// decodeBlock decodes one content block the way a tool's answer is decoded.
func decodeBlock(t *testing.T, block string) mcpclient.Content {
	t.Helper()
	var result mcpclient.ToolResult
	require.NoError(t, stdjson.Unmarshal([]byte(`{"content":[`+block+`]}`), &result))
	require.Len(t, result.Content, 1)
	return result.Content[0]
}

func TestContentOfEveryType(t *testing.T) {
	var result mcpclient.ToolResult
	require.NoError(t, stdjson.Unmarshal([]byte(newestWire(t, "call")), &result))
	require.Len(t, result.Content, 6)

	annotations := result.Content[0].(*mcpclient.Text).Annotations
	require.Equal(t, []string{"user", "assistant"}, annotations.Audience)
	require.Equal(t, new(0.7), annotations.Priority)
	require.True(t, strings.HasSuffix(annotations.LastModified, "T15:00:58Z"))
	meta := result.Content[0].(*mcpclient.Text).Meta
	require.Equal(t, `"a-1"`, string(meta["com.example/trace"]))

	icons := result.Content[3].(*mcpclient.Link).Icons
	require.Equal(t, mcpclient.Icon{Src: "https://example.com/icon.png", MIMEType: "image/png", Sizes: []string{"48x48", "96x96"}, Theme: "dark"}, icons[0])

	require.Equal(t, []mcpclient.Content{
		&mcpclient.Text{Text: "Current weather in New York:\nTemperature: 72°F\nConditions: Partly cloudy", Annotations: annotations, Meta: meta},
		&mcpclient.Image{Data: []byte("\x89PNG\r\n\x1a\n"), MIMEType: "image/png", Annotations: annotations, Meta: meta},
		&mcpclient.Audio{Data: []byte("RIFF"), MIMEType: "audio/wav", Annotations: annotations, Meta: meta},
		&mcpclient.Link{
			URI: "file:///project/src/main.rs", Name: "main.rs", Title: "Rust main", Description: "Primary application entry point",
			MIMEType: "text/x-rust", Size: new(int64(2048)), Annotations: annotations, Icons: icons, Meta: meta,
		},
		&mcpclient.Embedded{
			Resource:    &mcpclient.ResourceContents{URI: "file:///project/README.md", MIMEType: "text/markdown", Text: "# Project", Meta: meta},
			Annotations: annotations, Meta: meta,
		},
		&mcpclient.Embedded{
			Resource: &mcpclient.ResourceContents{URI: "file:///project/logo.bin", MIMEType: "application/octet-stream", Blob: []byte{0, 1, 2, 255}, Meta: meta},
		},
	}, result.Content)
}

func TestContentThatIsNotKnownIsKept(t *testing.T) {
	for name, test := range map[string]struct{ block, kind string }{
		"another type":           {`{"type":"hologram","data":{"x":[1,2]},"_meta":{"a":1}}`, "hologram"},
		"no type":                {`{"text":"lost?"}`, ""},
		"a type of another sort": {`{"type":7,"text":"lost?"}`, ""},
		"no object":              {`"just a string"`, ""},
		"null":                   {`null`, ""},
		"a list":                 {`[{"type":"text","text":"a"}]`, ""},
		"base64 that is none":    {`{"type":"image","data":"%%%","mimeType":"image/png"}`, "image"},
		"data that is no string": {`{"type":"audio","data":[1],"mimeType":"audio/wav"}`, "audio"},
		"text that is no string": {`{"type":"text","text":{"a":1}}`, "text"},
		"a blob that is none":    {`{"type":"resource","resource":{"uri":"u","blob":"*"}}`, "resource"},
		"no resource":            {`{"type":"resource"}`, "resource"},
		"a link without form":    {`{"type":"resource_link","uri":["u"]}`, "resource_link"},
	} {
		t.Run(name, func(t *testing.T) {
			sent := `{"content":[{"type":"text","text":"before"},` + test.block + `,{"type":"text","text":"after"}]}`
			bothJSON(t, func(t *testing.T, marshal func(any) ([]byte, error), unmarshal func([]byte, any) error) {
				var result mcpclient.ToolResult
				require.NoError(t, unmarshal([]byte(sent), &result))
				require.Equal(t, []mcpclient.Content{
					&mcpclient.Text{Text: "before"},
					&mcpclient.Unknown{Type: test.kind, Raw: stdjson.RawMessage(test.block)},
					&mcpclient.Text{Text: "after"},
				}, result.Content)
				again, err := marshal(&result)
				require.NoError(t, err)
				require.JSONEq(t, sent, string(again))
			})
		})
	}
}

func TestContentInAnyOrderOfMembers(t *testing.T) {
	require.Equal(t, &mcpclient.Text{Text: "x", Extra: map[string]stdjson.RawMessage{"a": stdjson.RawMessage(`{"type":"image"}`)}},
		decodeBlock(t, `{ "a": {"type":"image"}, "text": "x", "type": "text" }`))
	require.Equal(t, &mcpclient.Image{Data: []byte("hi"), MIMEType: "m"},
		decodeBlock(t, `{"data":"aGk=","mimeType":"m","t\u0079pe":"im\u0061ge"}`))
}

func TestContentBase64AsServersSendIt(t *testing.T) {
	for name, data := range map[string]string{
		"standard":      `+/8v`,
		"url alphabet":  `-_8v`,
		"escaped slash": `+\/8v`,
		"lines":         `+/\r\n8v\n`,
		"spaces":        ` +/8v `,
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, &mcpclient.Image{Data: []byte{0xfb, 0xff, 0x2f}}, decodeBlock(t, `{"type":"image","data":"`+data+`"}`))
		})
	}
	for _, data := range []string{"YQ==", "YQ", "YQ=", "YQ=\\n="} {
		require.Equal(t, &mcpclient.Image{Data: []byte("a")}, decodeBlock(t, `{"type":"image","data":"`+data+`"}`), data)
	}
	require.Equal(t, &mcpclient.Image{Data: []byte{}}, decodeBlock(t, `{"type":"image","data":""}`))
}

// One block where a list belongs, and none at all.
func TestContentListsThatAreNone(t *testing.T) {
	var result mcpclient.ToolResult
	require.NoError(t, stdjson.Unmarshal([]byte(`{"content":{"type":"text","text":"alone"}}`), &result))
	require.Equal(t, "alone", result.Text())
	require.NoError(t, stdjson.Unmarshal([]byte(`{"content":"prose"}`), &result))
	require.Equal(t, []mcpclient.Content{&mcpclient.Unknown{Raw: stdjson.RawMessage(`"prose"`)}}, result.Content)
	require.NoError(t, stdjson.Unmarshal([]byte(`{}`), &result))
	require.Empty(t, result.Content)
	encoded, err := stdjson.Marshal(&result)
	require.NoError(t, err)
	require.JSONEq(t, `{"content":[]}`, string(encoded), "the protocol wants the member")
}

// What only decorates a block must not cost the block.
func TestContentWithSloppyDecoration(t *testing.T) {
	require.Equal(t,
		&mcpclient.Text{Text: "x", Annotations: &mcpclient.Annotations{Audience: []string{"user"}, Priority: new(1.0)}},
		decodeBlock(t, `{"type":"text","text":"x","_meta":[],"annotations":{"audience":"user","priority":1e0}}`))
	require.Equal(t,
		&mcpclient.Link{URI: "u", Name: "n", Icons: []mcpclient.Icon{{Src: "s", Sizes: []string{"16x16", "32x32"}}}},
		decodeBlock(t, `{"type":"resource_link","uri":"u","name":"n","icons":[{"src":"s","sizes":"16x16 32x32"}]}`))
}

func TestContentNumbersOfAnyForm(t *testing.T) {
	for number, want := range map[string]int64{
		"12": 12, "12.0": 12, "1e3": 1000, "12.9": 12, "-1": -1, "0": 0, "-0.0": 0,
		"9223372036854775807": math.MaxInt64, "9223372036854775808": math.MaxInt64, "1e400": math.MaxInt64, "-1e400": math.MinInt64,
	} {
		var resource mcpclient.Resource
		require.NoError(t, stdjson.Unmarshal([]byte(`{"uri":"u","size":`+number+`}`), &resource), number)
		require.Equal(t, &want, resource.Size, number)
	}
	for number, want := range map[string]float64{"1": 1, "5e-1": 0.5, "1e999": math.MaxFloat64, "-1e999": -math.MaxFloat64, "1e-999": 0} {
		var annotations mcpclient.Annotations
		require.NoError(t, stdjson.Unmarshal([]byte(`{"priority":`+number+`}`), &annotations), number)
		require.Equal(t, &want, annotations.Priority, number)
		_, err := stdjson.Marshal(annotations)
		require.NoError(t, err, number)
	}
	require.Error(t, stdjson.Unmarshal([]byte(`{"uri":"u","size":"12"}`), new(mcpclient.Resource)))
}

func TestContentWithInvalidUTF8(t *testing.T) {
	require.Equal(t, &mcpclient.Text{Text: "a\uFFFDb\uFFFD"}, decodeBlock(t, `{"type":"text","text":"a`+"\xff"+`b\ud800"}`))
}

// A block that a program has made, not received.
func TestContentMadeByHand(t *testing.T) {
	result := mcpclient.ToolResult{Content: []mcpclient.Content{
		&mcpclient.Text{Text: "<&>"},
		&mcpclient.Image{Data: []byte("hi"), MIMEType: "image/png"},
		&mcpclient.Audio{Data: []byte("hi"), MIMEType: "audio/wav"},
		&mcpclient.Link{URI: "u", Name: "n"},
		&mcpclient.Embedded{Resource: &mcpclient.ResourceContents{URI: "u", Blob: []byte{}}},
		&mcpclient.Embedded{Resource: &mcpclient.ResourceContents{URI: "u"}},
		&mcpclient.Unknown{Type: "new"},
	}}
	bothJSON(t, func(t *testing.T, marshal func(any) ([]byte, error), _ func([]byte, any) error) {
		got, err := marshal(result)
		require.NoError(t, err)
		require.JSONEq(t, `{"content":[
			{"type":"text","text":"<&>"},
			{"type":"image","data":"aGk=","mimeType":"image/png"},
			{"type":"audio","data":"aGk=","mimeType":"audio/wav"},
			{"type":"resource_link","uri":"u","name":"n"},
			{"type":"resource","resource":{"uri":"u","blob":""}},
			{"type":"resource","resource":{"uri":"u","text":""}},
			{"type":"new"}]}`, string(got))
	})
}

// FuzzContent: whatever valid JSON stands where a content block belongs, nothing fails and nothing is lost, and
// both versions of encoding/json agree.
func FuzzContent(f *testing.F) {
	for _, seed := range []string{
		`{"type":"text","text":"a","annotations":{"audience":["user"],"priority":0.5},"x":1}`,
		`{"type":"image","data":"aGk=","mimeType":"image/png"}`,
		`{"type":"audio","data":"aGk","_meta":{"a":null}}`,
		`{"type":"resource_link","uri":"u","name":"n","size":1e3,"icons":[{"src":"s","sizes":"a b"}]}`,
		`{"type":"resource","resource":{"uri":"u","text":"t"}}`,
		`{"type":"resource","resource":{"uri":"u","blob":"AA==","annotations":{}}}`,
		`{"type":"tool_use","id":"1","name":"n","input":{}}`,
		`{"text":"a","type":null}`, `[]`, `null`, `"\ud800"`, `{"type":"image","data":"!"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, block []byte) {
		if !jsontext.Value(block).IsValid(jsontext.AllowInvalidUTF8(true)) {
			return
		}
		sent := append(append([]byte(`{"content":[`), block...), `]}`...)
		var first, second, third mcpclient.ToolResult
		require.NoError(t, json.Unmarshal(sent, &first, jsontext.AllowInvalidUTF8(true)))
		require.NoError(t, stdjson.Unmarshal(sent, &second))
		require.Equal(t, first, second)
		require.Len(t, first.Content, 1)
		if unknown, ok := first.Content[0].(*mcpclient.Unknown); ok {
			require.Equal(t, string(bytes.TrimSpace(block)), string(unknown.Raw))
		}
		encoded, err := stdjson.Marshal(&first)
		require.NoError(t, err)
		require.NoError(t, stdjson.Unmarshal(encoded, &third))
		again, err := stdjson.Marshal(&third)
		require.NoError(t, err)
		require.Equal(t, string(encoded), string(again))
	})
}
