package mcpclient_test

import (
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
)

// TestHeaderValue has the vectors of SEP-2243, and what lies around them.
func TestHeaderValue(t *testing.T) {
	for value, want := range map[string]string{
		"us-west1":                              "us-west1",
		"Hello, 世界":                             "=?base64?SGVsbG8sIOS4lueVjA==?=",
		" padded ":                              "=?base64?IHBhZGRlZCA=?=",
		"line1\nline2":                          "=?base64?bGluZTEKbGluZTI=?=",
		"=?base64?literal?=":                    "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=",
		"us west 1":                             "us west 1",
		"\tindented":                            "=?base64?CWluZGVudGVk?=",
		"日本語":                                   "=?base64?5pel5pys6Kqe?=",
		" us-west1":                             "=?base64?IHVzLXdlc3Qx?=",
		"file:///path/to/file%20name.txt":       "file:///path/to/file%20name.txt",
		"":                                      "",
		" ":                                     "=?base64?IA==?=",
		"trailing ":                             "=?base64?dHJhaWxpbmcg?=",
		"inner\ttab":                            "=?base64?aW5uZXIJdGFi?=",
		"a\r\nEvil: b":                          "=?base64?YQ0KRXZpbDogYg==?=",
		"a\x00b":                                "=?base64?YQBi?=",
		"\x7f":                                  "=?base64?fw==?=",
		"~ !":                                   "~ !",
		"=?base64?=":                            "=?base64?PT9iYXNlNjQ/PQ==?=", // the ends overlap, and do look like the mark
		"=?base64?":                             "=?base64?",
		"=?base64?unfinished":                   "=?base64?unfinished",
		"=?BASE64?c2hvdXQ=?=":                   "=?BASE64?c2hvdXQ=?=",
		"x=?base64?eA==?=":                      "x=?base64?eA==?=",
		"\xff\xfe":                              "=?base64?77+977+9?=",
		"\u00a0no-break":                        "=?base64?wqBuby1icmVhaw==?=",
		"obs-text as some servers say: caf\xe9": "=?base64?b2JzLXRleHQgYXMgc29tZSBzZXJ2ZXJzIHNheTogY2Fm77+9?=",
	} {
		require.Equal(t, want, mcpclient.HeaderValue(value), "%q", value)
	}
}

// FuzzHeaderValue: HTTP carries what comes out unchanged, and a server that decodes it has what stands in the body.
func FuzzHeaderValue(f *testing.F) {
	for _, seed := range []string{"", "us west 1", " padded ", "=?base64?eA==?=", "=?base64?=", "caf\xe9\xff", "世界\r\n"} {
		f.Add(seed)
	}
	unchanged := regexp.MustCompile("^([!-~]([ -~]*[!-~])?)?$")
	f.Fuzz(func(t *testing.T, value string) {
		sent := mcpclient.HeaderValue(value)
		require.True(t, unchanged.MatchString(sent), "%q", sent)
		if inner, ok := strings.CutPrefix(sent, "=?base64?"); ok && strings.HasSuffix(inner, "?=") {
			decoded, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(inner, "?="))
			require.NoError(t, err)
			sent = string(decoded)
		}
		var body string
		require.NoError(t, json.Unmarshal(mcpclient.AppendJSONString(value), &body))
		require.Equal(t, body, sent)
	})
}

const mirroredSchema = `{"type":"object","properties":{
	"s":{"type":"string","x-mcp-header":"S"},
	"i":{"type":"integer","x-mcp-header":"I"},
	"b":{"type":"boolean","x-mcp-header":"B"},
	"o":{"type":"object","properties":{"s":{"type":"string","x-mcp-header":"O-S"},"o":{"properties":{"i":{"type":"integer","x-mcp-header":"O-O-I"}}}}},
	"plain":{"type":"string"},"float":{"type":"number"}}}`

// TestParamHeaders: which header a value becomes, and which values become none.
func TestParamHeaders(t *testing.T) {
	for arguments, want := range map[string]http.Header{
		``:     nil,
		`{}`:   {},
		`null`: {},
		`{"plain":"x","float":1.5,"S":"another name","unknown":{"s":"x"}}`: {},
		`{"s":"eu","i":42,"b":true}`:                                       {"Mcp-Param-S": {"eu"}, "Mcp-Param-I": {"42"}, "Mcp-Param-B": {"true"}},
		`{"s":"","b":false,"i":0}`:                                         {"Mcp-Param-S": {""}, "Mcp-Param-I": {"0"}, "Mcp-Param-B": {"false"}},
		`{"s":null,"i":null,"b":null,"o":null}`:                            {},
		`{"o":{"s":"in","i":1,"o":{"i":-7,"s":"x"}},"s":"out"}`:            {"Mcp-Param-S": {"out"}, "Mcp-Param-O-S": {"in"}, "Mcp-Param-O-O-I": {"-7"}},
		`{"o":{"o":null,"s":null}}`:                                        {},
		`{"o":"no object"}`:                                                {},
		`{"o":[{"s":"in an array"}]}`:                                      {},
		`{"o":{"o":7}}`:                                                    {},
		`{"s":"\u0048i \u4e16 "}`:                                          {"Mcp-Param-S": {"=?base64?SGkg5LiWIA==?="}},
		`{"s":"\ud800"}`:                                                   {"Mcp-Param-S": {"=?base64?77+9?="}},
		`{"\u0073":"escaped"}`:                                             {"Mcp-Param-S": {"escaped"}},
		`{"s":7,"i":"7","b":"true"}`:                                       {"Mcp-Param-S": {"7"}, "Mcp-Param-I": {"7"}, "Mcp-Param-B": {"true"}},
		`{"s":true,"i":1.50,"b":1.0}`:                                      {"Mcp-Param-S": {"true"}, "Mcp-Param-I": {"1.5"}, "Mcp-Param-B": {"1"}},
		`{"i":9007199254740991}`:                                           {"Mcp-Param-I": {"9007199254740991"}},
		`{"i":-9007199254740991}`:                                          {"Mcp-Param-I": {"-9007199254740991"}},
	} {
		got, err := mcpclient.ParamHeaders(mirroredSchema, arguments)
		require.NoError(t, err, arguments)
		require.Equal(t, want, got, arguments)
	}
}

// TestParamHeadersRefused: nothing is sent, and the text may be shown to the model that wrote the arguments.
func TestParamHeadersRefused(t *testing.T) {
	for arguments, why := range map[string]string{
		`{"s":{}}`:                            `arguments cannot be sent: the value at "/s", declared as string and repeated in the header Mcp-Param-S, must not be an object or array`,
		`{"o":{"o":{"i":[1]}}}`:               `the value at "/o/o/i", declared as integer and repeated in the header Mcp-Param-O-O-I, must not be an object or array`,
		`{"i":9007199254740992}`:              `the value at "/i", declared as integer and repeated in the header Mcp-Param-I, must lie within ±(2^53-1)`,
		`{"i":9007199254740993}`:              `must lie within ±(2^53-1)`,
		`{"i":-9007199254740992}`:             `must lie within ±(2^53-1)`,
		`{"i":1e16}`:                          `must lie within ±(2^53-1)`,
		`{"i":18446744073709551617}`:          `must lie within ±(2^53-1)`,
		`{"s":9007199254740993}`:              `must lie within ±(2^53-1)`,
		`{"i":1e999999999999999999999999999}`: `must lie within ±(2^53-1)`,
		`{"s":"x","s":"y"}`:                   `are not valid JSON`,
		`{"s":"x"`:                            `are not valid JSON`,
		`{"o":{"s":`:                          `are not valid JSON`,
	} {
		header, err := mcpclient.ParamHeaders(mirroredSchema, arguments)
		require.ErrorContains(t, err, why, arguments)
		require.Nil(t, header, arguments)
		var argument *mcpclient.ArgumentError
		require.ErrorAs(t, err, &argument, arguments)
		require.True(t, mcpclient.SafeToRetry(err), arguments)
	}
}

// TestNumberText: whole numbers without exponent and fraction, others as JavaScript writes them.
func TestNumberText(t *testing.T) {
	for number, want := range map[string]string{
		"42": "42", "-7": "-7", "0": "0", "-0": "0", "0.0": "0", "-0e5": "0", "0e999999999999": "0", "42.0": "42", "1e2": "100", "1E+2": "100",
		"-1.20e1": "-12", "4.2e1": "42", "4200e-2": "42", "0.00042e5": "42", "9007199254740991.000": "9007199254740991", "9.007199254740991e15": "9007199254740991",
		"1.5": "1.5", "1.50": "1.5", "-0.5": "-0.5", "15e-1": "1.5", "1e-7": "1e-7", "0.000001": "0.000001", "1e-999999999999": "0",
	} {
		got, err := mcpclient.NumberText(number)
		require.NoError(t, err, number)
		require.Equal(t, want, got, number)
	}
}

// FuzzNumberText compares with arithmetic that rounds nothing.
func FuzzNumberText(f *testing.F) {
	for _, seed := range []string{"42", "42.0", "1e2", "9007199254740993", "-9007199254740991.0", "0.1e1", "1e-2", "100e-2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, number string) {
		_, exponent, _ := strings.Cut(strings.ToLower(number), "e")
		if !json.Valid([]byte(number)) || len(number) > 100 || len(exponent) > 4 || strings.Trim(number, "+-.0123456789eE") != "" {
			return // no number, or one for which the model would need gigabytes
		}
		exact, ok := new(big.Rat).SetString(number)
		require.True(t, ok)
		got, err := mcpclient.NumberText(number)
		switch {
		case !exact.IsInt():
			require.NoError(t, err)
		case new(big.Int).Abs(exact.Num()).Cmp(big.NewInt(1<<53-1)) > 0:
			require.Error(t, err)
		default:
			require.NoError(t, err)
			require.Equal(t, exact.Num().String(), got)
		}
	})
}
