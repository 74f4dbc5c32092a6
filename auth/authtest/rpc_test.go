package authtest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/auth/authtest"
)

func TestRPC(t *testing.T) {
	for body, want := range map[string][2]string{
		`{"method":"tools/call","params":{"name":"echo"}}`:         {"tools/call", "echo"},
		`{"method":"resources/read","params":{"uri":"file:///a"}}`: {"resources/read", "file:///a"},
		`{"jsonrpc":"2.0","method":"tools/list"}`:                  {"tools/list", ""},
		`{"jsonrpc":"2.0","id":1,"result":{}}`:                     {"", ""},
		`[{"method":"ping"}]`:                                      {"", ""},
		`{"method":"x","params":{"name":1}}`:                       {"", ""},
		``:                                                         {"", ""},
	} {
		method, target := authtest.RPC([]byte(body))
		require.Equal(t, want, [2]string{method, target}, body)
	}
}
