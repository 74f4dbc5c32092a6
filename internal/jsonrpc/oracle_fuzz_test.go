package jsonrpc_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

// FuzzOracle compares with encoding/json: it reads what Decode accepts, and finds the same members in it; and Decode accepts what
// encoding/json reads, unless it is of the kinds that the documentation names.
func FuzzOracle(f *testing.F) {
	for _, seed := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"ping"}`, `[{"id":7.0,"error":{"code":-32001.0,"message":"m","data":null}},{"id":null,"error":"x"}]`,
		`{"\u0069d":"\ud800","method":"a\/b","params":[ 1 , 2 ]}`, "{\"method\":\"\xff\",\"error\":{\"message\":[\"\xff\"]}}", `{"ID":1,"Method":"x","id":2}`,
		`{"id":1}{"id":2}`, `{"error":{"code":1e3,"message":"a","Code":7}}`, `[]`, `[1]`, `{"method":7}`, `{"a":{"b":[{"c":1,"c":2}]}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		messages, err := jsonrpc.Decode(data)
		model, valid := modelMessages(data)
		if err != nil {
			require.True(t, !valid || deceives(data, model), "%v", err)
			return
		}
		require.True(t, valid, "encoding/json cannot read it")
		require.Len(t, messages, len(model))
		for i := range messages {
			requireSame(t, model[i], &messages[i])
		}
	})
}

// modelMessages is data as encoding/json reads it.
func modelMessages(data []byte) (messages []map[string]json.RawMessage, ok bool) {
	if len(bytes.TrimLeft(data, " \t\r\n")) > 0 && bytes.TrimLeft(data, " \t\r\n")[0] == '[' {
		err := json.Unmarshal(data, &messages)
		return messages, err == nil
	}
	var one map[string]json.RawMessage
	err := json.Unmarshal(data, &one)
	return []map[string]json.RawMessage{one}, err == nil
}

// deceives tells whether messages that encoding/json reads are of a kind that Decode refuses.
func deceives(data []byte, messages []map[string]json.RawMessage) bool {
	if len(messages) == 0 || len(messages) > jsonrpc.MaxMessages || namesTwice(data) {
		return true
	}
	for _, m := range messages {
		method := present(m, "method")
		if m == nil || len(present(m, "id")) > 4<<10 || len(method) > 4<<10 || method != nil && method[0] != '"' {
			return true
		}
	}
	return false
}

// namesTwice tells whether an object of data has two names that are equal after encoding/json has read them: it puts U+FFFD for every
// byte that is no UTF-8, so two names may be equal here that differ there.
func namesTwice(data []byte) bool {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return valueNamesTwice(dec)
}

func valueNamesTwice(dec *json.Decoder) bool {
	token, err := dec.Token()
	if err != nil {
		return false
	}
	known := map[string]bool{}
	for token == json.Delim('{') && dec.More() {
		name, _ := dec.Token()
		text, _ := name.(string)
		if known[text] || valueNamesTwice(dec) {
			return true
		}
		known[text] = true
	}
	for token == json.Delim('[') && dec.More() {
		if valueNamesTwice(dec) {
			return true
		}
	}
	if token == json.Delim('{') || token == json.Delim('[') {
		_, _ = dec.Token()
	}
	return false
}

// present returns a member, nil if it is absent or null.
func present(m map[string]json.RawMessage, name string) json.RawMessage {
	if string(m[name]) == "null" {
		return nil
	}
	return m[name]
}

func requireSame(t *testing.T, want map[string]json.RawMessage, got *jsonrpc.Message) {
	t.Helper()
	id := "null"
	if raw := present(want, "id"); raw != nil {
		id = string(raw)
	}
	require.Equal(t, id, got.ID.String())
	require.Equal(t, textOf(t, present(want, "method")), got.Method)
	require.Equal(t, string(present(want, "params")), string(got.Params))
	require.Equal(t, string(present(want, "result")), string(got.Result))
	failed := present(want, "error")
	require.Equal(t, failed != nil, got.Err != nil)
	if failed == nil {
		return
	}
	var members map[string]json.RawMessage
	if failed[0] != '{' {
		requireMessage(t, errorMessage(t, failed), got.Err)
		return
	}
	require.NoError(t, json.Unmarshal(failed, &members))
	requireMessage(t, errorMessage(t, present(members, "message")), got.Err)
	require.Equal(t, string(present(members, "data")), string(got.Err.Data))
	var code int64
	if json.Unmarshal(present(members, "code"), &code) == nil && present(members, "code") != nil {
		require.Equal(t, code, got.Err.Code)
	}
}

// textOf reads a string; nil is "".
func textOf(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	var text string
	if raw != nil {
		require.NoError(t, json.Unmarshal(raw, &text))
	}
	return text
}

// errorMessage is a string, or the JSON text of what stands in its place.
func errorMessage(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	if raw == nil || raw[0] == '"' {
		return textOf(t, raw)
	}
	return strings.ToValidUTF8(string(raw), "\uFFFD")
}

// requireMessage compares as much of a message as Decode keeps.
func requireMessage(t *testing.T, want string, got *jsonrpc.Error) {
	t.Helper()
	if kept := 64<<10 - utf8.UTFMax; len(want) > kept {
		require.Equal(t, want[:kept], got.Message[:kept])
		return
	}
	require.Equal(t, want, got.Message)
}
