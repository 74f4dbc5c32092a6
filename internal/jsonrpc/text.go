package jsonrpc

import (
	"bytes"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// unquote returns the text of a JSON string that the decoder accepted. It aliases the token unless something in it must change:
// an escape, or bytes that are no UTF-8 and become U+FFFD.
func unquote(token jsontext.Value) []byte {
	text := token[1 : len(token)-1]
	if bytes.IndexByte(text, '\\') < 0 && utf8.Valid(text) {
		return text
	}
	// The error tells of replaced bytes only, and those are accepted.
	text, _ = jsontext.AppendUnquote(make([]byte, 0, len(token)), token)
	return text
}

func appendQuoted(dst []byte, text string) []byte {
	// The error tells of replaced bytes only.
	dst, _ = jsontext.AppendQuote(dst, text)
	return dst
}

// cut returns at most limit bytes of text, and no part of a character.
func cut(text []byte, limit int) []byte {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}
