package jsonrpc_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"unsafe"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

// show renders what Decode made of a message, so that a table can hold it in one line.
func show(m *jsonrpc.Message) string {
	kind := "other"
	switch {
	case m.IsRequest():
		kind = "request"
	case m.IsNotification():
		kind = "notification"
	case m.IsResponse():
		kind = "response"
	}
	text := kind + " id=" + m.ID.String()
	if m.Method != "" {
		text += " method=" + m.Method
	}
	if m.Params != nil {
		text += " params=" + string(m.Params)
	}
	if m.Result != nil {
		text += " result=" + string(m.Result)
	}
	if m.Err != nil {
		text += fmt.Sprintf(" error=%d %q", m.Err.Code, m.Err.Message)
		if m.Err.Data != nil {
			text += " " + string(m.Err.Data)
		}
	}
	return text
}

func TestDecode(t *testing.T) {
	for _, c := range []struct{ name, data, want string }{
		{"request", `{"jsonrpc":"2.0","id":1,"method":"ping"}`, `request id=1 method=ping`},
		{"request with params", `{"id":"a","method":"m","params":[ 1, {"b":2} ]}`, `request id="a" method=m params=[ 1, {"b":2} ]`},
		{"notification", `{"method":"m","params":{}}`, `notification id=null method=m params={}`},
		{"null id makes a notification", `{"method":"m","id":null}`, `notification id=null method=m`},
		{"result", `{"jsonrpc":"2.0","id":1,"result":{"a":[1,2]}}`, `response id=1 result={"a":[1,2]}`},
		{"result that is no object", `{"id":1,"result":false}`, `response id=1 result=false`},
		{"error", `{"id":1,"error":{"code":-32601,"message":"no","data":{"x":1}}}`, `response id=1 error=-32601 "no" {"x":1}`},
		{"error without id", `{"error":{"code":-32000,"message":"Session not found"}}`, `response id=null error=-32000 "Session not found"`},
		{"error with null id", `{"id":null,"error":{"code":1,"message":"m"}}`, `response id=null error=1 "m"`},
		{"id of a word", `{"id":"server-error","error":{"code":1,"message":"m"}}`, `response id="server-error" error=1 "m"`},
		{"null result beside an error", `{"id":1,"result":null,"error":{"code":1,"message":"m"}}`, `response id=1 error=1 "m"`},
		{"null error beside a result", `{"id":1,"result":{},"error":null}`, `response id=1 result={}`},
		{"result and error", `{"id":1,"result":{},"error":{"code":1}}`, `response id=1 result={} error=1 ""`},
		{"null members", `{"id":1,"method":"m","params":null}`, `request id=1 method=m`},
		{"neither method nor answer", `{"jsonrpc":"2.0","id":1}`, `other id=1`},
		{"null result alone", `{"jsonrpc":"2.0","id":1,"result":null}`, `other id=1`},
		{"empty object", `{}`, `other id=null`},
		{"no version", `{"id":1,"result":{}}`, `response id=1 result={}`},
		{"wrong version", `{"jsonrpc":1,"id":1,"result":{}}`, `response id=1 result={}`},
		{"unknown members", `{"id":1,"x":{"id":2},"result":{},"y":[[]]}`, `response id=1 result={}`},
		{"other case is unknown", `{"ID":2,"id":1,"Result":{"x":1},"result":{},"METHOD":"m"}`, `response id=1 result={}`},
		{"escaped name", `{"\u0069d":1,"res\u0075lt":{}}`, `response id=1 result={}`},
		{"white space", " \r\n\t{ \"id\" : 1 , \"result\" : { } } \n", `response id=1 result={ }`},
		{"lone surrogate", `{"id":1,"result":{"a":"\ud800"}}`, `response id=1 result={"a":"\ud800"}`},
		{"lone surrogate in a string", `{"method":"a\udc00b"}`, "notification id=null method=a\uFFFDb"},
		{"invalid UTF-8", "{\"id\":1,\"result\":\"a\xffb\"}", "response id=1 result=\"a\xffb\""},
		{"invalid UTF-8 in a string", "{\"method\":\"a\xffb\"}", "notification id=null method=a\uFFFDb"},
		{"escapes in a string", `{"method":"tools\/call"}`, `notification id=null method=tools/call`},
		{"id of a broken peer", `{"id":{"a":1},"result":{}}`, `response id={"a":1} result={}`},
		{"error text", `{"id":1,"error":"it \"broke\""}`, `response id=1 error=0 "it \"broke\""`},
		{"error of another kind", `{"id":1,"error":[1,2]}`, `response id=1 error=0 "[1,2]"`},
		{"empty error", `{"id":1,"error":{}}`, `response id=1 error=0 ""`},
		{"code of a word", `{"id":1,"error":{"code":"ERR","message":"m"}}`, `response id=1 error=0 "m"`},
		{"code in a string", `{"id":1,"error":{"code":"-32001","message":"m"}}`, `response id=1 error=-32001 "m"`},
		{"code with a fraction", `{"id":1,"error":{"code":-32001.0,"message":"m"}}`, `response id=1 error=-32001 "m"`},
		{"code out of range", `{"id":1,"error":{"code":1e99,"message":"m"}}`, `response id=1 error=0 "m"`},
		{"message of another kind", "{\"id\":1,\"error\":{\"code\":1,\"message\":{\"t\":\"\xff\"}}}", "response id=1 error=1 \"{\\\"t\\\":\\\"\uFFFD\\\"}\""},
		{"null error members", `{"id":1,"error":{"code":null,"message":null,"data":null}}`, `response id=1 error=0 ""`},
		{"unknown error members", `{"id":1,"error":{"code":1,"name":"x","message":"m"}}`, `response id=1 error=1 "m"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			messages, err := jsonrpc.Decode([]byte(c.data))
			require.NoError(t, err)
			require.Len(t, messages, 1)
			require.Equal(t, c.want, show(&messages[0]))
		})
	}
}

func TestDecodeBatch(t *testing.T) {
	messages, err := jsonrpc.Decode([]byte(` [ {"id":1,"result":{}}, {"method":"n"} , {"id":2,"error":{"code":3,"message":"m"}} ] `))
	require.NoError(t, err)
	require.Len(t, messages, 3)
	require.Equal(t, `response id=1 result={}`, show(&messages[0]))
	require.Equal(t, `notification id=null method=n`, show(&messages[1]))
	require.Equal(t, `response id=2 error=3 "m"`, show(&messages[2]))

	full := "[" + strings.Repeat("{},", 9_999) + "{}"
	messages, err = jsonrpc.Decode([]byte(full + "]"))
	require.NoError(t, err)
	require.Len(t, messages, 10_000)
	_, err = jsonrpc.Decode([]byte(full + ",{}]"))
	require.ErrorIs(t, err, jsonrpc.ErrTooManyMessages)
}

func TestDecodeRefuses(t *testing.T) {
	for _, c := range []struct {
		name, data, want string
		at               int
		is               error
	}{
		{"nothing", ``, "no data", 0, io.ErrUnexpectedEOF},
		{"white space", " \n", "no data", 0, io.ErrUnexpectedEOF},
		{"cut", `{"id":1,"result":{"a":`, "unexpected EOF", 22, io.ErrUnexpectedEOF},
		{"HTML", `<html>`, "invalid character '<'", 0, nil},
		{"number", `12`, "message is not an object", 0, nil},
		{"string", `"x"`, "message is not an object", 0, nil},
		{"null", `null`, "message is not an object", 0, nil},
		{"empty batch", `[ ]`, "batch without a message", 1, nil},
		{"number in a batch", `[{"id":1},7]`, "message is not an object", 9, nil},
		{"batch in a batch", `[[{"id":1}]]`, "message is not an object", 1, nil},
		{"batch without a comma", `[{} {}]`, "after array element", 4, nil},
		{"cut batch", `[{}`, "unexpected EOF", 3, io.ErrUnexpectedEOF},
		{"trailing garbage", `{"id":1} x`, "invalid character 'x'", 9, nil},
		{"trailing bracket", `{"id":1}]`, "invalid character ']'", 8, nil},
		{"second message", `{"id":1} {"id":2}`, "more data after the message", 10, nil},
		{"duplicate name", `{"id":1,"result":{},"id":2}`, `duplicate name "id"`, 20, jsontext.ErrDuplicateName},
		{"duplicate escaped name", `{"id":1,"\u0069d":2}`, `duplicate name "id"`, 8, jsontext.ErrDuplicateName},
		{"duplicate null member", `{"result":null,"result":{}}`, `duplicate name "result"`, 15, jsontext.ErrDuplicateName},
		{"duplicate unknown name", `{"x":1,"x":1}`, `duplicate name "x"`, 7, jsontext.ErrDuplicateName},
		{"duplicate nested name", `{"result":[{"a":{"k":1,"k":2}}]}`, `duplicate name "k"`, 23, jsontext.ErrDuplicateName},
		{"duplicate name in an error", `{"error":{"code":1,"code":2}}`, `duplicate name "code"`, 19, jsontext.ErrDuplicateName},
		{"long duplicate name", `{"` + strings.Repeat("é", 99) + `":1,"` + strings.Repeat("é", 99) + `":1}`,
			`duplicate name of 198 bytes at`, 204, jsontext.ErrDuplicateName},
		{"method that is no string", `{"method":1}`, "method is not a string", 11, nil},
		{"long method", `{"method":"` + strings.Repeat("m", 5000) + `"}`, "method of more than 4096 bytes", 5012, nil},
		{"bad number", `{"id":01}`, "invalid character '1'", 7, nil},
		{"bad escape", `{"id":"\x"}`, "invalid escape", 7, nil},
		{"name that is no string", `{1:2}`, "object member name must be a string", 1, nil},
		{"bad error object", `{"error":{"code":}}`, "invalid character '}'", 17, nil},
		{"BOM", "\ufeff{}", "invalid character", 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			messages, err := jsonrpc.Decode([]byte(c.data))
			require.Nil(t, messages)
			require.ErrorContains(t, err, "invalid JSON-RPC message: ")
			require.ErrorContains(t, err, c.want)
			require.True(t, strings.HasSuffix(err.Error(), fmt.Sprintf(" at byte %d", c.at)), err.Error())
			require.Less(t, len(err.Error()), 160)
			if c.is != nil {
				require.ErrorIs(t, err, c.is)
			}
			require.NotErrorIs(t, err, jsonrpc.ErrTooDeep)
		})
	}
}

func TestDecodeDepth(t *testing.T) {
	nested := func(open, inner, end string, levels int) []byte {
		return []byte(`{"id":1,"result":` + strings.Repeat(open, levels) + inner + strings.Repeat(end, levels) + `}`)
	}
	for _, c := range []struct{ open, inner, end string }{{"[", "", "]"}, {`{"/":`, "1", "}"}} {
		messages, err := jsonrpc.Decode(nested(c.open, c.inner, c.end, 9_999))
		require.NoError(t, err)
		require.True(t, messages[0].IsResponse())
		_, err = jsonrpc.Decode(nested(c.open, c.inner, c.end, 10_000))
		require.ErrorIs(t, err, jsonrpc.ErrTooDeep)
		require.Less(t, len(err.Error()), 160)
		_, err = jsonrpc.Decode(nested(c.open, c.inner, c.end, 1_000_000))
		require.ErrorIs(t, err, jsonrpc.ErrTooDeep)
	}
	// Another fault at the deepest level is not one of depth.
	_, err := jsonrpc.Decode(nested("[", "x", "]", 9_999))
	require.NotErrorIs(t, err, jsonrpc.ErrTooDeep)
	_, err = jsonrpc.Decode([]byte(strings.Repeat("[", 20)))
	require.NotErrorIs(t, err, jsonrpc.ErrTooDeep)
}

func TestDecodeCutsErrorMessages(t *testing.T) {
	messages, err := jsonrpc.Decode([]byte(`{"error":{"message":"` + strings.Repeat("é", 1<<17) + `"}}`))
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("é", 1<<15), messages[0].Err.Message)

	messages, err = jsonrpc.Decode([]byte(`{"error":"x` + strings.Repeat("é", 1<<17) + `"}`))
	require.NoError(t, err)
	require.Equal(t, "x"+strings.Repeat("é", 1<<15-1), messages[0].Err.Message, "a character is not cut in half")
}

func TestDecodeAliasesData(t *testing.T) {
	data := []byte(`{"id":1,"params":{"a":1},"result":{"b":2}}`)
	before := string(data)
	messages, err := jsonrpc.Decode(data)
	require.NoError(t, err)
	require.Equal(t, before, string(data))
	require.Same(t, &data[17], unsafe.SliceData(messages[0].Params))
	require.Same(t, &data[34], unsafe.SliceData(messages[0].Result))
	require.Equal(t, len(messages[0].Params), cap(messages[0].Params), "an append must not write into data")
}
