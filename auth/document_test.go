package auth

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDocumentContentType(t *testing.T) {
	t.Parallel()
	for contentType, good := range map[string]bool{
		"application/json":                  true,
		"Application/JSON; charset=utf-8":   true,
		"application/json; charset":         true, // badly written, but clear
		"application/jwk-set+json":          true,
		"application/jsonp":                 false,
		"text/html; charset=utf-8":          false,
		"text/plain":                        false,
		"text/x+json":                       false,
		"":                                  false,
		"application/json, text/html":       false,
		"application/x; y=application/json": false,
	} {
		_, err := parseDocument(contentType, []byte(`{}`))
		require.Equal(t, good, err == nil, "%q: %v", contentType, err)
	}
}

func TestDocumentIsOneObject(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", " ", "null", "[]", `"x"`, "1", "{", `{}{}`, `{} x`, "{}\n[]", "<p>{}", "\ufeff{}", `{"a":}`, `{"a":1,}`} {
		_, err := parseDocument("application/json", []byte(body))
		require.Error(t, err, "%q", body)
	}
	_, err := parseDocument("application/json", []byte(" \r\n\t{\"a\":[{\"b\":null}]}\n"))
	require.NoError(t, err)
	_, err = parseDocument("application/json", []byte(`{"a":`+strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000)+"}"))
	require.Error(t, err, "depth")
}

func TestDocumentMembers(t *testing.T) {
	t.Parallel()
	doc := parsed(t, `{"a":"x","l":["1","2"],"e":[],"n":null,"t":true,"f":false,"A":"y","s":"true","o":1}`)
	require.Equal(t, "x", doc.text("a"), "names are compared with their case")
	require.Equal(t, "y", doc.text("A"))
	require.Empty(t, doc.text("missing"))
	require.Empty(t, doc.text("n"))
	require.Equal(t, []string{"1", "2"}, doc.list("l"))
	require.NotNil(t, doc.list("e"))
	require.Nil(t, doc.list("n"))
	require.Nil(t, doc.list("missing"))
	require.True(t, doc.flag("t"))
	for _, name := range []string{"f", "s", "o", "n", "missing", "l"} {
		require.False(t, doc.flag(name), name)
	}
	require.NoError(t, doc.err)
}

func TestDocumentOfWrongTypes(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"1", "true", "[]", "{}", `["x"]`} {
		doc := parsed(t, `{"a":`+value+`,"b":1}`)
		require.Empty(t, doc.text("a"))
		require.Empty(t, doc.list("b"))
		require.EqualError(t, doc.err, "a is not a string", "the first of two")
	}
	for _, value := range []string{"1", "true", `"x"`, "{}", `["x",1]`, `[["x"]]`} {
		doc := parsed(t, `{"a":`+value+`,"b":"x"}`)
		require.Nil(t, doc.list("a"))
		require.Equal(t, "x", doc.text("b"))
		require.EqualError(t, doc.err, "a is not a list of strings")
	}
}

func TestDocumentListIsBounded(t *testing.T) {
	t.Parallel()
	long := strings.TrimSuffix(strings.Repeat(`"x",`, maxListed), ",")
	doc := parsed(t, `{"a":[`+long+`],"b":[`+long+`,"x"]}`)
	require.Len(t, doc.list("a"), maxListed)
	require.NoError(t, doc.err)
	require.Nil(t, doc.list("b"))
	require.EqualError(t, doc.err, fmt.Sprintf("b has more than %d entries", maxListed))
}

func FuzzDocument(f *testing.F) {
	f.Add("application/json", `{"issuer":"https://a.example","scopes_supported":["x"],"flag":true}`)
	f.Add("application/json; charset", `{"issuer":1,"scopes_supported":"x","flag":"true"}`)
	f.Add("text/html", `<p>`)
	f.Add("application/json", `{"issuer":null,"issuer":{}}{`)
	f.Fuzz(func(t *testing.T, contentType, body string) {
		doc, err := parseDocument(contentType, []byte(body))
		if err != nil {
			require.Nil(t, doc)
			return
		}
		issuer, scopes := doc.text("issuer"), doc.list("scopes_supported")
		require.LessOrEqual(t, len(scopes), maxListed)
		if doc.err != nil {
			require.True(t, issuer == "" || scopes == nil)
		}
		doc.flag("flag")
	})
}

func parsed(t *testing.T, body string) *document {
	t.Helper()
	doc, err := parseDocument("application/json", []byte(body))
	require.NoError(t, err)
	return doc
}
