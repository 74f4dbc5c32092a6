// Package jsonrpc is the JSON-RPC 2.0 envelope that the client and its test server share: which members a message has, how ids
// compare, and how a message is written.
//
// It is strict about what deceives (a member given twice has two readings, and two parsers may choose differently) and lenient about
// what is only sloppy (a missing version, an error that is a string). Params, results and error data stay raw; nothing here knows a
// method of any protocol.
package jsonrpc

import "github.com/go-json-experiment/json/jsontext"

// Message is one JSON-RPC message as it came over the wire. A member that is null counts as absent. At most one of IsRequest,
// IsNotification and IsResponse is true; none is for a message such as {"jsonrpc":"2.0","id":1}, which some servers send in place of
// an empty result.
type Message struct {
	ID     ID             // zero: absent or null
	Method string         // "": absent
	Params jsontext.Value // nil: absent
	Result jsontext.Value // nil: absent
	Err    *Error         // nil: absent; outranks a Result beside it
}

// IsRequest reports whether the sender of m waits for an answer.
func (m *Message) IsRequest() bool { return m.Method != "" && !m.ID.IsZero() }

// IsNotification reports whether m names a method and wants no answer.
func (m *Message) IsNotification() bool { return m.Method != "" && m.ID.IsZero() }

// IsResponse reports whether m answers a request, with a result or with an error. Its ID may be absent: servers that could not read
// a request do not know it.
func (m *Message) IsResponse() bool { return m.Method == "" && (m.Result != nil || m.Err != nil) }

// Error is the error member of a response (JSON-RPC 2.0, section 5.1).
//
// Servers that write something else there are still understood: an error that is no object becomes the Message, a code that is no
// integer becomes 0, and a message that is no string becomes its JSON text. A message is cut at 64 KiB, so that an error, which is
// often kept or logged, never holds a second copy of a huge answer.
type Error struct {
	Code    int64
	Message string
	Data    jsontext.Value // nil: absent
}
