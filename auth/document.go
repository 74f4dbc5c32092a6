package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"strings"
)

// maxListed bounds a list in a metadata document, in entries. A longer one is an
// error: a cut list could lose the very entry that a decision hangs on.
const maxListed = 256

// document is a metadata document: a JSON object whose members are read by their
// exact name (encoding/json would take "Issuer" for "issuer"). A member of a wrong
// type reads as absent and leaves its mark in err, to be looked at when all are read.
type document struct {
	members map[string]json.RawMessage
	err     error
}

// parseDocument reads the body of an answer of the given content type.
func parseDocument(contentType string, body []byte) (*document, error) {
	if !isJSON(contentType) {
		return nil, fmt.Errorf("the content type is %s, not application/json", quote(contentType))
	}
	if !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		return nil, errors.New("the document is not a JSON object")
	}
	doc := &document{}
	if err := json.Unmarshal(body, &doc.members); err != nil {
		return nil, fmt.Errorf("the document is not JSON: %w", err)
	}
	return doc, nil
}

// isJSON reports whether a Content-Type is application/json or a type built on
// it (RFC 6839 section 3.1), whatever its parameters.
func isJSON(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return false
	}
	return kind == "application/json" || strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json")
}

// text returns a member that is a string; "" if it is absent.
func (d *document) text(name string) string {
	return member[string](d, name, "a string")
}

// list returns a member that is a list of strings; nil if it is absent.
func (d *document) list(name string) []string {
	list := member[[]string](d, name, "a list of strings")
	if len(list) > maxListed {
		d.fail(fmt.Errorf("%s has more than %d entries", name, maxListed))
		return nil
	}
	return list
}

// flag reports whether a member is true. Nothing else counts, "true" neither: a
// permission has to be given in so many words.
func (d *document) flag(name string) bool {
	return string(d.members[name]) == "true"
}

// fail keeps the first thing that is wrong with the document.
func (d *document) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

func member[T any](d *document, name, kind string) T {
	var value, none T
	raw, ok := d.members[name]
	if !ok {
		return none
	}
	if err := json.Unmarshal(raw, &value); err != nil {
		d.fail(fmt.Errorf("%s is not %s", name, kind))
		return none
	}
	return value
}
