package mcpclient

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// The session id is a credential, and several servers repeat it in their
// refusals. So it is taken out of whatever goes into an error: people log
// errors.

const (
	redactedID         = "[session id]"
	redactedCredential = "[credential]" //nolint:gosec // what stands in the place of one
	// minSecret is the length from which on an id can be one. What is shorter
	// can be guessed anyway, and replacing each "1" would only garble the text.
	minSecret = 4
)

// redact replaces a session id in text, also where it is escaped for JSON, HTML or a URL.
func redact(text []byte, secret string) []byte { return replaceSecret(text, secret, redactedID) }

func replaceSecret(text []byte, secret, with string) []byte {
	if len(secret) < minSecret {
		return text
	}
	for _, form := range formsOf(secret) {
		if bytes.Contains(text, []byte(form)) {
			text = bytes.ReplaceAll(text, []byte(form), []byte(with))
		}
	}
	return text
}

func mentions(text []byte, secret string) bool {
	return len(secret) >= minSecret &&
		slices.ContainsFunc(formsOf(secret), func(form string) bool { return bytes.Contains(text, []byte(form)) })
}

func redactText(text, secret string) string { return string(redact([]byte(text), secret)) }

// redactError is redact for the error of a parser, which may repeat a name that it does not like.
func redactError(err error, secret string) error {
	if text := err.Error(); mentions([]byte(text), secret) {
		return &redactedError{text: redactText(text, secret), cause: errors.Unwrap(err)}
	}
	return err
}

// redactedError leaves the error that has the whole text out of the tree.
type redactedError struct {
	text  string
	cause error // of that error
}

func (e *redactedError) Error() string { return e.text }
func (e *redactedError) Unwrap() error { return e.cause }

// redactable is how many bytes one escaped form of secret takes at most.
func redactable(secret string) int {
	longest := 0
	for _, form := range formsOf(secret) {
		longest = max(longest, len(form))
	}
	return longest
}

// formsOf returns secret as encoders write it, the longest first: a shorter
// one may be a part of it.
func formsOf(secret string) []string {
	if secret == "" {
		return nil
	}
	// Neither can fail: a session id is ASCII.
	forHTML, _ := json.Marshal(secret) // encoding/json escapes what means something in HTML
	plain, _ := jsontext.AppendQuote(nil, secret)
	inside := func(quoted []byte) string { return string(quoted[1 : len(quoted)-1]) }
	forms := []string{
		secret, inside(forHTML), inside(plain),
		strings.ReplaceAll(inside(plain), "/", `\/`), // PHP
		html.EscapeString(secret), url.QueryEscape(secret), url.PathEscape(secret),
	}
	slices.SortFunc(forms, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	return slices.Compact(forms)
}

// redactData is redact for the data of a JSON-RPC error, which has to stay
// JSON and may be as large as any answer.
func redactData(data jsontext.Value, secret string) json.RawMessage {
	if !mentions(data, secret) {
		return json.RawMessage(data)
	}
	if len(data) > maxErrorBody {
		return nil // a second copy would cost more than it tells
	}
	clean := redact(bytes.Clone(data), secret)
	if !json.Valid(clean) {
		return nil // the id was a number
	}
	return clean
}

func redactHeader(header http.Header, secret string) http.Header {
	return replaceInHeader(header, secret, redactedID)
}

func replaceInHeader(header http.Header, secret, with string) http.Header {
	clean := header.Clone()
	for _, values := range clean {
		for i, value := range values {
			values[i] = string(replaceSecret([]byte(value), secret, with))
		}
	}
	return clean
}
