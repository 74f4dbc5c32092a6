package mcptest

import (
	"context"
	"net/http"
	"time"
)

// The faults of this file are what can go wrong with a stream that outlives
// its requests. Those that do not speak of HTTPSSE work on any stream.

// Endpoint passes the URI of the endpoint event of [HTTPSSE], an absolute path
// with a query, through edit: for a URI of another form, or of another origin.
// POSTs are served at any path that ends in /messages, and at the server's own
// URL, as long as the query stays. Unless narrowed it is for every GET.
func Endpoint(edit func(uri string) string) Fault {
	f := adjust("another endpoint", func(x *exchange) { x.old.endpoint = append(x.old.endpoint, edit) })
	f.usual = func(r Request) bool { return r.HTTPMethod == http.MethodGet }
	return f
}

// NoEndpoint opens the stream of [HTTPSSE] without an endpoint event. Unless
// narrowed it is for every GET.
func NoEndpoint() Fault {
	f := Endpoint(func(string) string { return "" })
	f.name = "no endpoint"
	return f
}

// AnswerFirst sends the answer on the stream of [HTTPSSE] first, and the 202 to
// the POST when the stream has carried it, d later. Elsewhere it does nothing.
func AnswerFirst(d time.Duration) Fault {
	return adjust("the answer before the 202", func(x *exchange) { x.old.answerFirst, x.old.answerLate = true, d })
}

// Late accepts the request at once and begins to execute it after d: the 202 of
// [HTTPSSE] comes at once, or the header of the stream that carries the answer.
// Aimed at the GET of HTTPSSE it delays the endpoint event, not the header.
func Late(d time.Duration) Fault {
	return adjust("late by "+d.String(), func(x *exchange) {
		x.streamed, x.old.late = true, d
		x.prefaces = append(x.prefaces, func(ctx context.Context, _ *call) { pause(ctx, d) }) // an ended ctx ends the call
	})
}

// Twice sends the answer in two equal events.
func Twice() Fault {
	return adjust("the answer twice", func(x *exchange) {
		x.streamed = true
		x.edits = append(x.edits, func(answer []byte) []byte {
			return append(append(answer, "\n\nevent: message\ndata: "...), answer...)
		})
	})
}

// StrayAnswer sends the answer to a request that nobody has sent, in front of
// the right one.
func StrayAnswer() Fault {
	return preface("a stray answer", func(_ context.Context, c *call) {
		c.out.append(event{data: []byte(`{"jsonrpc":"2.0","id":987654321,"result":{}}`)})
	})
}

// StreamText sends text on the stream, as it is, in front of the answer; aimed
// at the GET of [HTTPSSE], in front of the endpoint event. It is the way to
// events that no other function makes: malformed, huge, of another type, an
// array, or another endpoint. Nothing ends the event if text does not.
func StreamText(text string) Fault {
	return adjust("text on the stream", func(x *exchange) {
		x.streamed = true
		x.old.preamble = append(x.old.preamble, text)
		x.prefaces = append(x.prefaces, func(_ context.Context, c *call) { c.out.append(event{text: text}) })
	})
}
