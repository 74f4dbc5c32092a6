package jsonrpc_test

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

// members writes n members with short unique names.
func members(n int) string {
	var b []byte
	for i := range n {
		b = append(strconv.AppendInt(append(b, '"'), int64(i), 36), `":0,`...)
	}
	return string(b)
}

func TestTooManyNames(t *testing.T) {
	const most = jsonrpc.MaxNames
	long := func(n, size int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"%0*d":0,`, size, i)
		}
		return b.String()
	}
	for name, tt := range map[string]struct {
		data    string
		tooMany bool
	}{
		"just as many":             {`{"id":1,"result":{` + members(most-3) + `"":0}}`, false},
		"one more":                 {`{"id":1,"result":{` + members(most-2) + `"":0}}`, true},
		"more, one after another":  {`{"id":1,"result":[` + strings.Repeat(`{`+members(most/2)+`"":0},`, 4) + `0]}`, false},
		"more, with a pause":       {`{"id":1,"result":{` + members(most/2) + `"":[{},{"":0}],"-":{` + members(most/2) + `"":0}}}`, true},
		"more, in each other":      {`{"id":1,"result":{` + members(most/2) + `"":{` + members(most/2) + `"":0}}}`, true},
		"spaces before the colons": {`{"id":1,"result":{` + strings.ReplaceAll(members(most), `":`, "\" \n:") + `"":0}}`, true},
		"escaped quotes in names":  {`{"id":1,"result":{` + strings.ReplaceAll(members(most), `":`, `\"":`) + `"":0}}`, true},
		"colons in strings":        {`{"id":1,"result":["` + strings.Repeat(`:`, 2*most) + `","` + strings.Repeat(`\":`, 2*most) + `"]}`, false},
		"strings that are no name": {`{"id":1,"result":[` + strings.Repeat(`"",`, 2*most) + `0]}`, false},
		"a few long names":         {`{"id":1,"result":{` + long(1000, 6000) + `"":0}}`, false},
		"many long names":          {`{"id":1,"result":{` + long(1100, 6000) + `"":0}}`, true},
		"one giant name":           {`{"id":1,"result":{"` + strings.Repeat("x", 64*most) + `":0}}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := jsonrpc.Decode([]byte(tt.data))
			if tt.tooMany {
				require.ErrorIs(t, err, jsonrpc.ErrTooManyNames)
				require.EqualError(t, err, "invalid JSON-RPC message: more than 100000 names in the open objects at byte 0")
			} else {
				require.NoError(t, err)
			}
		})
	}
}

func TestGiantIDsAreRefused(t *testing.T) {
	fits := strings.Repeat("x", 4094)
	_, err := jsonrpc.Decode([]byte(`{"id":"` + fits + `","method":"ping"}`))
	require.NoError(t, err)
	_, err = jsonrpc.Decode([]byte(`{"id":"` + fits + `x","method":"ping"}`))
	require.ErrorContains(t, err, "id of more than 4096 bytes")
}

func TestMoreParts(t *testing.T) {
	for text, parts := range map[string]int{
		`0`: 0, `"a,b"`: 0, `[]`: 1, `{}`: 1, `[1]`: 1, `[1,2]`: 2, `{"a":1,"b":[2,3]}`: 4, `[[],[]]`: 4,
		`{"kept":[1,2,3],"b":4}`: 2, `{"kept":{"x":[1,{"y":2}],"z":3}}`: 1, `{"kept":1,"b":[2]}`: 3, `{"kept":"x","b":["[,"]}`: 3, `[{"kept":[1,2]},{"kept":[]},["kept",3]]`: 7,
	} {
		require.Equal(t, parts, countParts(text, "kept"), text)
	}
	require.False(t, jsonrpc.MoreParts(nil, 0))
}

// countParts finds the count by trying limits. Spaces keep the text from being too short to look at.
func countParts(text string, kept ...string) int {
	padded := []byte(text + strings.Repeat(" ", len(text)+1))
	for limit := 0; ; limit++ {
		if !jsonrpc.MoreParts(padded, limit, kept...) {
			return limit
		}
	}
}

// FuzzMoreParts compares the count with that of a decoder, which takes the text apart by its grammar.
func FuzzMoreParts(f *testing.F) {
	for _, seed := range []string{`{"a":[1,"\"",{}],"kept":[1,[2]],"b\\":{"kept":3}}`, `[[[]],{"":""}]`, `"\\\""`, `{"kept":{"kept":[{}]}}`, ` [ 1 , 2 ] `} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_ = jsonrpc.MoreParts([]byte(text), 1, "kept") // whatever it is, it must not panic
		_, _ = jsonrpc.Decode([]byte(text))
		if len(text) > 4096 || !jsontext.Value(text).IsValid(jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)) {
			return
		}
		require.Equal(t, partsByGrammar(t, text), countParts(text, "kept"), "%q", text)
	})
}

func partsByGrammar(t *testing.T, text string) int {
	t.Helper()
	dec := jsontext.NewDecoder(bytes.NewReader([]byte(text)), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	parts := 0
	var first []bool // whether each open container has had no part yet
	for {
		kind, n := dec.StackIndex(dec.StackDepth())
		inObject, inArray := kind == '{', kind == '['
		if next := dec.PeekKind(); next == 0 {
			return parts
		} else if next != '}' && next != ']' && (inArray || inObject && n%2 == 0) {
			if !first[len(first)-1] {
				parts++ // its comma; the first one's bracket has been counted
			}
			first[len(first)-1] = false
		}
		if inObject && n%2 == 0 && dec.PeekKind() == '"' {
			name, err := dec.ReadValue()
			require.NoError(t, err)
			if slices.Contains([]string{`"kept"`}, string(name)) {
				if k := dec.PeekKind(); k == '{' || k == '[' {
					require.NoError(t, dec.SkipValue())
				}
			}
			continue
		}
		token, err := dec.ReadToken()
		require.NoError(t, err)
		switch token.Kind() {
		case '{', '[':
			parts++
			first = append(first, true)
		case '}', ']':
			first = first[:len(first)-1]
		}
	}
}
