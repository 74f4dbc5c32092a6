package jsonrpc_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

// FuzzDecode holds two properties: no input panics, and what decodes is the same message after it was written and decoded again.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"ping"}`,
		`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":0.5}}`,
		`{"jsonrpc":"2.0","id":"7","result":{"content":[{"type":"text","text":"\ud800"}]}}`,
		`[{"id":7.0,"error":{"code":-32001.0,"message":"m","data":null}},{"id":null,"error":"x"}]`,
		`{"id":1e400,"error":[1],"result":null}`, `{}`, `[]`, `[[]]`, "{\"id\":\"\xff\",\"error\":{\"message\":[\"\xff\"]}}", `{"a":1,"a":2}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		before := string(data)
		messages, err := jsonrpc.Decode(data)
		require.Equal(t, before, string(data), "data is only read")
		if err != nil {
			require.Nil(t, messages)
			require.Less(t, len(err.Error()), 512)
			return
		}
		require.NotEmpty(t, messages)
		for i := range messages {
			m := &messages[i]
			for _, text := range reencode(m) {
				again, err := jsonrpc.Decode([]byte(text.encoded))
				require.NoError(t, err, text.encoded)
				require.Len(t, again, 1)
				require.Equal(t, text.want, show(&again[0]))
			}
			if n, ok := m.ID.Int64(); ok {
				require.True(t, m.ID.Is(n))
				require.True(t, jsonrpc.NumberID(n).Is(n))
				require.True(t, m.ID.Usable())
			}
		}
	})
}

type reencoded struct{ encoded, want string }

// reencode writes what m says with the package's own encoders. They write no message with both a method and an answer, and no
// request with an id that is no number, so such a message is checked part by part.
func reencode(m *jsonrpc.Message) []reencoded {
	var parts []reencoded
	add := func(encoded []byte, want jsonrpc.Message) {
		parts = append(parts, reencoded{string(encoded), show(&want)})
	}
	// A method is bounded by its JSON text, and that grows where a byte that is no UTF-8 becomes the three of U+FFFD.
	fits := len(jsonrpc.AppendNotification(nil, m.Method, nil)) <= 4<<10
	if m.Method != "" && fits {
		add(jsonrpc.AppendNotification(nil, m.Method, m.Params), jsonrpc.Message{Method: m.Method, Params: m.Params})
		if n, ok := m.ID.Int64(); ok {
			add(jsonrpc.AppendRequest(nil, n, m.Method, m.Params),
				jsonrpc.Message{ID: jsonrpc.NumberID(n), Method: m.Method, Params: m.Params})
		}
	}
	if m.Result != nil {
		add(jsonrpc.AppendResult(nil, m.ID, m.Result), jsonrpc.Message{ID: m.ID, Result: m.Result})
	}
	if m.Err != nil {
		add(jsonrpc.AppendError(nil, m.ID, m.Err), jsonrpc.Message{ID: m.ID, Err: m.Err})
	}
	return parts
}

func BenchmarkDecode(b *testing.B) {
	text := strings.Repeat("The quick brown fox jumps over the lazy dog. ", 19)
	for _, c := range []struct{ name, data string }{
		{"answer-1KB", `{"jsonrpc":"2.0","id":12345,"result":{"content":[{"type":"text","text":"` + text +
			`"}],"structuredContent":{"temperature":21.5,"unit":"C"},"isError":false}}`},
		{"progress", `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t","progress":1}}`},
	} {
		b.Run(c.name, func(b *testing.B) {
			data := []byte(c.data)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := jsonrpc.Decode(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendRequest(b *testing.B) {
	params := []byte(`{"name":"weather","arguments":{"city":"Berlin"}}`)
	var buffer []byte
	b.ReportAllocs()
	for b.Loop() {
		buffer = jsonrpc.AppendRequest(buffer[:0], 12345, "tools/call", params)
	}
}
