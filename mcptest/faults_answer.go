package mcptest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
)

// The faults of this file execute the request and then answer it badly. Those
// that need a stream answer with one, even where the server would send JSON.

// Rewrite passes every answer, as JSON, through edit. An edit that returns nil
// withholds the answer. It is the way to any bad answer that has no function
// of its own here.
func Rewrite(edit func(answer []byte) []byte) Fault { return rewrite("rewrite the answer", edit) }

func rewrite(name string, edit func(answer []byte) []byte) Fault {
	return adjust(name, func(x *exchange) { x.edits = append(x.edits, edit) })
}

// Malformed cuts the JSON of the answer off in the middle: the HTTP answer, or
// the event, is whole, its JSON is not.
func Malformed() Fault {
	return rewrite("malformed JSON", func(answer []byte) []byte { return answer[:len(answer)/2] })
}

// WrongID answers under the id of another request.
func WrongID() Fault {
	return rewrite("a wrong id", func(answer []byte) []byte {
		return editMembers(answer, func(m map[string]json.RawMessage) { m["id"] = json.RawMessage("987654321") })
	})
}

// Batch wraps the answer in an array, as servers of version 2025-03-26 may.
func Batch() Fault {
	return rewrite("an array", func(answer []byte) []byte {
		return append(append([]byte("["), answer...), ']')
	})
}

// NextCursor puts this cursor into the answer to a list, and takes any cursor
// that it does not know for the first page: with [Server.Always] the list
// repeats for ever, under the same cursor. Unless narrowed it is for every
// request whose method ends in /list.
func NextCursor(cursor string) Fault {
	return pages("next cursor "+cursor, func() string { return cursor })
}

// EndlessPages is [NextCursor] with another cursor each time. It is meant for [Server.Always].
func EndlessPages() Fault {
	var page atomic.Int64
	return pages("endless pages", func() string { return "endless-" + strconv.FormatInt(page.Add(1), 10) })
}

// DropAfter executes the request and cuts the connection without an answer.
func DropAfter() Fault {
	return adjust("drop after execution", func(x *exchange) { x.beforeAnswer = x.cut })
}

// Truncated sends the first n bytes of the answer's body and cuts the connection.
func Truncated(n int) Fault {
	return adjust(fmt.Sprintf("truncated after %d bytes", n), func(x *exchange) {
		x.w = &truncatingWriter{ResponseWriter: x.w, left: n, cut: x.cut}
	})
}

// SetHeader puts a field into the header of the answer, in place of the answer's own.
func SetHeader(name, value string) Fault {
	return adjust("header "+name, func(x *exchange) {
		if x.header == nil {
			x.header = make(http.Header)
		}
		x.header.Set(name, value)
	})
}

// WrongContentType sends the answer as it is under another content type.
func WrongContentType(contentType string) Fault { return SetHeader("Content-Type", contentType) }

// NoAnswer executes the request and ends the stream, in good order, without its answer.
func NoAnswer() Fault {
	return adjust("a stream without the answer", func(x *exchange) {
		x.streamed = true
		x.edits = append(x.edits, func([]byte) []byte { return nil })
	})
}

// SplitStream sends the answer as a stream, each byte in a chunk of its own.
func SplitStream() Fault {
	return adjust("a stream in single bytes", func(x *exchange) {
		x.streamed = true
		x.w = &splittingWriter{x.w}
	})
}

// HoldOpen answers with a stream that stays open after the answer, until the
// client leaves or the server is closed.
func HoldOpen() Fault {
	return adjust("a stream held open", func(x *exchange) { x.streamed, x.hold = true, true })
}

// BreakStream ends the response, in good order, once it has carried n events;
// 0 ends it before the first. On a [Resumable] server the execution goes on,
// each response starts with a priming event unless it has something to replay,
// and a client that comes back with its Last-Event-ID gets the rest: so
// BreakStream(1) is what a server does that wants to be polled. On any other
// server the call is lost.
func BreakStream(n int) Fault {
	return adjust(fmt.Sprintf("a stream that ends after %d events", n), func(x *exchange) {
		x.streamed, x.breakAfter = true, n
	})
}

// CutStream is [BreakStream], but the connection is cut.
func CutStream(n int) Fault {
	return adjust(fmt.Sprintf("a stream that is cut after %d events", n), func(x *exchange) {
		x.streamed, x.breakAfter, x.breakHard = true, n, true
	})
}

// Notify sends a notification in front of the answer. Its params are anything
// that encoding/json encodes as an object; nil sends none.
func Notify(method string, params any) Fault {
	raw := mustEncode(params)
	return preface("notification "+method, func(_ context.Context, c *call) { c.notify(method, raw) })
}

// ServerRequest sends the client a request in front of the answer and waits
// until the client has answered it; [Server.Answers] shows what it said. The
// wait ends with the call. A [Stateless] server does not wait: there, such a
// request breaks the protocol.
func ServerRequest(method string, params any) Fault {
	raw := mustEncode(params)
	return preface("server request "+method, func(ctx context.Context, c *call) {
		if c.stateless != nil {
			c.request(method, raw) // which breaks the protocol: nothing will answer
			return
		}
		_, _ = c.ask(ctx, method, raw) // the answer is in the ledger; without one the call has ended
	})
}

func preface(name string, before func(context.Context, *call)) Fault {
	return adjust(name, func(x *exchange) {
		x.streamed = true
		x.prefaces = append(x.prefaces, before)
	})
}

func pages(name string, cursor func() string) Fault {
	f := adjust(name, func(x *exchange) {
		x.anyCursor = true
		x.edits = append(x.edits, func(answer []byte) []byte {
			return editMembers(answer, func(m map[string]json.RawMessage) {
				m["result"] = editMembers(m["result"], func(result map[string]json.RawMessage) {
					result["nextCursor"] = mustEncode(cursor())
				})
			})
		})
	})
	f.usual = func(r Request) bool { return usualTarget(r) && strings.HasSuffix(r.Method, "/list") }
	return f
}

// adjust makes a fault that changes how the answer is delivered, before the request is served.
func adjust(name string, set func(x *exchange)) Fault {
	return Fault{name: name, act: func(x *exchange, next func()) {
		set(x)
		next()
	}}
}

// editMembers changes the members of a JSON object; anything else stays as it is.
func editMembers(object []byte, edit func(map[string]json.RawMessage)) []byte {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(object, &members); err != nil || members == nil {
		return object
	}
	edit(members)
	return mustEncode(members)
}

// truncatingWriter passes the first left bytes on and then cuts.
type truncatingWriter struct {
	http.ResponseWriter
	left int
	cut  func()
}

func (w *truncatingWriter) Write(p []byte) (int, error) {
	if len(p) < w.left {
		w.left -= len(p)
		return w.ResponseWriter.Write(p)
	}
	_, _ = w.ResponseWriter.Write(p[:w.left]) // the connection ends here whatever happens
	_ = http.NewResponseController(w.ResponseWriter).Flush()
	w.cut()
	return w.left, http.ErrAbortHandler
}

// Unwrap lets [http.ResponseController] find the writer that can flush.
func (w *truncatingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// splittingWriter flushes after each byte.
type splittingWriter struct{ http.ResponseWriter }

func (w *splittingWriter) Write(p []byte) (int, error) {
	flush := http.NewResponseController(w.ResponseWriter).Flush
	for i := range p {
		if _, err := w.ResponseWriter.Write(p[i : i+1]); err != nil {
			return i, err
		}
		if err := flush(); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

// Unwrap lets [http.ResponseController] find the writer that can flush.
func (w *splittingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
