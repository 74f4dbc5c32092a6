package jsonrpc

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	MaxDepth        = 10_000   // nesting of one message; the JSON library's own limit
	MaxMessages     = 10_000   // messages of one array: the three bytes of "{}," cost a hundred in memory
	maxMethodSize   = 4 << 10  // bytes of a method's JSON text
	maxIDSize       = 4 << 10  // bytes of an id's JSON text: an answer to the server repeats it
	maxErrorMessage = 64 << 10 // bytes of an error's message
)

// Decode returns the messages of data: one object, or an array of them (a batch, taken in every protocol version) in its order.
//
// The ids, params, results and error data returned alias data without a copy: data must not be changed or reused while any of them
// is in use, and each of them keeps all of data in memory.
//
// Refused are names given twice in one object at any depth, JSON nested deeper than 10,000 levels ([ErrTooDeep]), objects with more
// than 100,000 names ([ErrTooManyNames]; see [MaxNames]), anything after the message, an empty batch, a batch of more than 10,000
// messages ([ErrTooManyMessages]), a message that is no object, a method that is no string, and a method or an id that takes more
// than 4,096 bytes. Accepted are invalid UTF-8 and lone surrogates (they become U+FFFD in strings;
// raw members keep them), null for an absent member, a missing or wrong version, and unknown members; a name in other case is an
// unknown member. What Decode makes of a broken error member is told at [Error].
//
// An error says what is wrong and at which byte of data, and repeats a name of it if that has at most 64 bytes. It wraps [jsontext.ErrDuplicateName] or
// [io.ErrUnexpectedEOF] where one of them is the cause.
func Decode(data []byte) ([]Message, error) {
	if tooManyNames(data) {
		return nil, &decodeError{what: ErrTooManyNames.Error(), cause: ErrTooManyNames}
	}
	r := takeReader(data)
	defer r.put()
	messages, err := readMessages(r.dec)
	if err == nil {
		err = readEnd(r.dec)
	}
	if err != nil {
		return nil, describe(err, data)
	}
	return messages, nil
}

// reader is a decoder that is used again and again: its tables of names cost a dozen allocations to build.
type reader struct {
	dec *jsontext.Decoder
	src bytes.Buffer
}

// readers is a pool, so nobody can tell what is in it.
//
//nolint:gochecknoglobals // see above
var readers = sync.Pool{New: func() any { return &reader{dec: jsontext.NewDecoder(new(bytes.Buffer))} }}

func takeReader(data []byte) *reader {
	r, _ := readers.Get().(*reader)
	r.src = *bytes.NewBuffer(data)
	r.dec.Reset(&r.src, jsontext.AllowInvalidUTF8(true))
	return r
}

// put gives r back without the data, which may be large.
func (r *reader) put() {
	r.src = bytes.Buffer{}
	r.dec.Reset(&r.src)
	readers.Put(r)
}

func readMessages(dec *jsontext.Decoder) ([]Message, error) {
	if dec.PeekKind() != jsontext.KindBeginArray {
		messages := make([]Message, 1)
		return messages, readMessage(dec, &messages[0])
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	var messages []Message
	for dec.PeekKind() != jsontext.KindEndArray {
		if len(messages) == MaxMessages {
			return nil, failAt(dec, ErrTooManyMessages)
		}
		messages = append(messages, Message{})
		if err := readMessage(dec, &messages[len(messages)-1]); err != nil {
			return nil, err
		}
	}
	if len(messages) == 0 {
		return nil, failAt(dec, errors.New("batch without a message"))
	}
	_, err := dec.ReadToken()
	return messages, err
}

// readEnd makes sure that nothing follows the message: a second value would be one that another parser might take for the first.
func readEnd(dec *jsontext.Decoder) error {
	switch _, err := dec.ReadToken(); err {
	case io.EOF:
		return nil
	case nil:
		return failAt(dec, errors.New("more data after the message"))
	default:
		return err
	}
}

func readMessage(dec *jsontext.Decoder, m *Message) error {
	if err := openObject(dec); err != nil {
		return err
	}
	for {
		name, more, err := nextName(dec)
		if !more || err != nil {
			return err
		}
		if string(name) == "error" && dec.PeekKind() == jsontext.KindBeginObject {
			m.Err = new(Error)
			if err := readError(dec, m.Err); err != nil {
				return err
			}
			continue
		}
		value, err := dec.ReadValue()
		if err != nil {
			return err
		}
		if value.Kind() == jsontext.KindNull {
			continue
		}
		switch string(name) {
		case "id":
			if len(value) > maxIDSize {
				return failAt(dec, errors.New("id of more than 4096 bytes"))
			}
			m.ID.raw = value
		case "method":
			if m.Method, err = methodName(dec, value); err != nil {
				return err
			}
		case "params":
			m.Params = value
		case "result":
			m.Result = value
		case "error":
			m.Err = &Error{Message: errorText(value)}
		}
	}
}

func readError(dec *jsontext.Decoder, e *Error) error {
	if err := openObject(dec); err != nil {
		return err
	}
	for {
		name, more, err := nextName(dec)
		if !more || err != nil {
			return err
		}
		value, err := dec.ReadValue()
		if err != nil {
			return err
		}
		if value.Kind() == jsontext.KindNull {
			continue
		}
		switch string(name) {
		case "code":
			e.Code, _ = integer(value)
		case "message":
			e.Message = errorText(value)
		case "data":
			e.Data = value
		}
	}
}

func openObject(dec *jsontext.Decoder) error {
	switch dec.PeekKind() {
	case jsontext.KindBeginObject, jsontext.KindInvalid:
		_, err := dec.ReadToken()
		return err
	default:
		return failAt(dec, errors.New("message is not an object"))
	}
}

// nextName reads the next member name of the open object, without its escapes: "\u0069d" is id for every other parser too. At the
// end of the object it consumes the brace and returns false.
func nextName(dec *jsontext.Decoder) (name []byte, more bool, err error) {
	if dec.PeekKind() == jsontext.KindEndObject {
		_, err := dec.ReadToken()
		return nil, false, err
	}
	token, err := dec.ReadValue()
	if err != nil {
		return nil, false, err
	}
	return unquote(token), true, nil
}

func methodName(dec *jsontext.Decoder, value jsontext.Value) (string, error) {
	switch {
	case value.Kind() != jsontext.KindString:
		return "", failAt(dec, errors.New("method is not a string"))
	case len(value) > maxMethodSize:
		return "", failAt(dec, errors.New("method of more than 4096 bytes"))
	default:
		return string(unquote(value)), nil
	}
}

func errorText(value jsontext.Value) string {
	if value.Kind() == jsontext.KindString {
		return string(cut(unquote(value), maxErrorMessage))
	}
	return strings.ToValidUTF8(string(cut(value, maxErrorMessage)), "\uFFFD")
}
