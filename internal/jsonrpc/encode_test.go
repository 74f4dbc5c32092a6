package jsonrpc_test

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

func TestAppend(t *testing.T) {
	for want, got := range map[string][]byte{
		`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"a":1}}`: jsonrpc.AppendRequest(nil, 7, "tools/call", []byte(`{"a":1}`)),
		`{"jsonrpc":"2.0","id":-1,"method":"ping"}`:                       jsonrpc.AppendRequest(nil, -1, "ping", nil),
		`{"jsonrpc":"2.0","method":"n","params":[]}`:                      jsonrpc.AppendNotification(nil, "n", []byte(`[]`)),
		`{"jsonrpc":"2.0","method":"a\"b"}`:                               jsonrpc.AppendNotification(nil, `a"b`, nil),
		`{"jsonrpc":"2.0","id":"x","result":{"b":2}}`:                     jsonrpc.AppendResult(nil, jsonrpc.StringID("x"), []byte(`{"b":2}`)),
		`{"jsonrpc":"2.0","id":3,"result":{}}`:                            jsonrpc.AppendResult(nil, jsonrpc.NumberID(3), nil),
		`{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"parse"}}`: jsonrpc.AppendError(nil, jsonrpc.ID{},
			&jsonrpc.Error{Code: -32700, Message: "parse"}),
		`{"jsonrpc":"2.0","id":3,"error":{"code":1,"message":"a\nb","data":[1]}}`: jsonrpc.AppendError(nil, jsonrpc.NumberID(3),
			&jsonrpc.Error{Code: 1, Message: "a\nb", Data: jsontext.Value(`[1]`)}),
	} {
		require.Equal(t, want, string(got))
	}
	require.Equal(t, `[{"jsonrpc":"2.0","id":1,"result":{}}`, string(jsonrpc.AppendResult([]byte("["), jsonrpc.NumberID(1), nil)))
}

func TestAppendWithRoomDoesNotAllocate(t *testing.T) {
	params := []byte(`{"name":"weather","arguments":{"city":"Zürich"}}`)
	buffer := make([]byte, 0, 256)
	require.Zero(t, testing.AllocsPerRun(100, func() { jsonrpc.AppendRequest(buffer, 1<<60, "tools/call", params) }))
}
