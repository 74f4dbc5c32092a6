package jsonrpc

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Limits of one message; an error of Decode wraps the one that it went over.
var (
	ErrTooDeep         = errors.New("nested deeper than 10000 levels")
	ErrTooManyMessages = errors.New("batch of more than 10000 messages")
	ErrTooManyNames    = errors.New("more than 100000 names in the open objects")
)

// maxQuotedSize is how long a name may be that an error text repeats. A longer one is not even repeated in part: it may hold what our
// caller takes out of texts, and would not find in two pieces.
const maxQuotedSize = 64

// decodeError is every error of Decode: what is wrong, and where.
type decodeError struct {
	what   string
	offset int64
	cause  error
}

func (e *decodeError) Error() string {
	return fmt.Sprintf("invalid JSON-RPC message: %s at byte %d", e.what, e.offset)
}

func (e *decodeError) Unwrap() error { return e.cause }

// failAt is for what is valid JSON and no JSON-RPC.
func failAt(dec *jsontext.Decoder, cause error) error {
	return &decodeError{what: cause.Error(), offset: dec.InputOffset(), cause: cause}
}

// describe turns an error of the JSON library into a decodeError. The library's text repeats a whole member name, and its path through
// the data besides.
func describe(err error, data []byte) error {
	if err == io.EOF {
		return &decodeError{what: "no data", cause: io.ErrUnexpectedEOF}
	}
	var syntax *jsontext.SyntacticError
	if !errors.As(err, &syntax) {
		return err
	}
	e := &decodeError{what: syntax.Err.Error(), offset: syntax.ByteOffset, cause: syntax.Err}
	switch {
	case errors.Is(syntax.Err, jsontext.ErrDuplicateName):
		e.what = duplicate(syntax.JSONPointer.LastToken())
	case isTooDeep(syntax, data):
		e.what, e.cause = ErrTooDeep.Error(), ErrTooDeep
	}
	return e
}

func duplicate(name string) string {
	if len(name) > maxQuotedSize {
		return fmt.Sprintf("duplicate name of %d bytes", len(name))
	}
	return "duplicate name " + strconv.Quote(name)
}

// isTooDeep recognises the library's depth error, for which it has no exported value: it stands at the bracket that would open the
// level after the last.
func isTooDeep(e *jsontext.SyntacticError, data []byte) bool {
	if e.ByteOffset >= int64(len(data)) || strings.Count(string(e.JSONPointer), "/") < MaxDepth {
		return false
	}
	return data[e.ByteOffset] == '{' || data[e.ByteOffset] == '['
}
