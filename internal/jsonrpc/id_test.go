package jsonrpc_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

// idOf decodes an id as it stands in a message.
func idOf(t *testing.T, token string) jsonrpc.ID {
	t.Helper()
	messages, err := jsonrpc.Decode([]byte(`{"id":` + token + `}`))
	require.NoError(t, err)
	return messages[0].ID
}

func TestIDIs(t *testing.T) {
	zeros := strings.Repeat("0", 400)
	for token, want := range map[string]int64{
		`7`: 7, `7.0`: 7, `7e0`: 7, `7E+0`: 7, `0.7e1`: 7, `70e-1`: 7, `7.000e-0`: 7, `"7"`: 7, `"\u0037"`: 7,
		`7` + zeros + `e-400`: 7, `0.` + zeros + `7e401`: 7, `7.` + zeros: 7, `7e000000000000000000000`: 7,
		`0`: 0, `-0`: 0, `0.0`: 0, `0e99999999999999999999`: 0, `"0"`: 0, `"-0"`: 0,
		`-7`: -7, `"-7"`: -7, `1200`: 1200, `1.2e3`: 1200, `1000001`: 1000001, `10.01e2`: 1001,
		`9007199254740993`: 1<<53 + 1, `9007199254740993.0`: 1<<53 + 1,
		`9223372036854775807`: math.MaxInt64, `"9223372036854775807"`: math.MaxInt64, `9223372036854775807.0`: math.MaxInt64,
		`-9223372036854775808`: math.MinInt64, `922337203685477580.7e1`: math.MaxInt64,
	} {
		id := idOf(t, token)
		require.True(t, id.Is(want), token)
		require.False(t, id.Is(want+1), token)
		require.False(t, id.Is(want-1), token)
		require.True(t, id.Usable(), token)
		value, ok := id.Int64()
		require.True(t, ok, token)
		require.Equal(t, want, value, token)
	}
}

func TestIDIsNoInteger(t *testing.T) {
	for _, token := range []string{
		`7.5`, `75e-1`, `1e400`, `1e-400`, `9223372036854775808`, `922337203685477580.8e1`, `-9223372036854775809`, `18446744073709551616`, `18446744073709551623`,
		`7e99999999999999999999`, `7e-99999999999999999999`, `"7.0"`, `"07"`, `"7 "`, `"+7"`, `"-"`, `""`, `"seven"`, `true`, `[7]`, `{"id":7}`, `null`,
	} {
		id := idOf(t, token)
		_, ok := id.Int64()
		require.False(t, ok, token)
		require.False(t, id.Is(7), token)
		require.False(t, id.Is(0), token)
	}
	require.False(t, idOf(t, `9007199254740993`).Is(1<<53), "neighbours that are one float64")
}

func TestIDUsable(t *testing.T) {
	for token, want := range map[string]bool{
		`7`: true, `7.5`: true, `1e400`: true, `"7"`: true, `"-7"`: true, `"123456789012345678901234567890"`: true,
		`null`: false, `""`: false, `"server-error"`: false, `"7x"`: false, `"7.0"`: false, `true`: false, `[]`: false, `{}`: false,
	} {
		require.Equal(t, want, idOf(t, token).Usable(), token)
	}
	require.False(t, jsonrpc.ID{}.Usable())
}

func TestIDZero(t *testing.T) {
	require.True(t, jsonrpc.ID{}.IsZero())
	require.True(t, idOf(t, `null`).IsZero())
	require.False(t, idOf(t, `""`).IsZero())
	require.False(t, jsonrpc.NumberID(0).IsZero())
	require.Equal(t, "null", jsonrpc.ID{}.String())
}

func TestIDMarshalKeepsTheToken(t *testing.T) {
	for _, token := range []string{`7`, `7.0`, `7e0`, `"7"`, `"a\u0062c"`, `12345678901234567890.5`} {
		id := idOf(t, token)
		require.Equal(t, token, id.String())
		text, err := jsonv2.Marshal(id, jsontext.PreserveRawStrings(true))
		require.NoError(t, err)
		require.Equal(t, token, string(text))
		text, err = json.Marshal(struct {
			ID jsonrpc.ID `json:"id"`
		}{id})
		require.NoError(t, err)
		require.Equal(t, `{"id":`+token+`}`, string(text))
	}
	text, err := json.Marshal(jsonrpc.ID{})
	require.NoError(t, err)
	require.Equal(t, "null", string(text))
}

func TestIDConstructors(t *testing.T) {
	require.Equal(t, "-12", jsonrpc.NumberID(-12).String())
	require.True(t, jsonrpc.NumberID(math.MinInt64).Is(math.MinInt64))
	require.Equal(t, `"a\"b"`, jsonrpc.StringID(`a"b`).String())
	require.Equal(t, "\"\uFFFD\"", jsonrpc.StringID("\xff").String())
	require.True(t, jsonrpc.StringID("12").Is(12))
}
