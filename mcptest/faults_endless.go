package mcptest

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
)

// The faults of this file answer in the server's place. But for DepthBomb they
// never come to an end: they go on until the client leaves or the server is closed.

// EndlessBody answers with a JSON body, a tool result whose text never ends.
func EndlessBody() Fault {
	return endless("an endless body", mediaJSON, func(w io.Writer, id string) {
		repeat(w, resultStart(id), strings.Repeat("a", blockSize))
	})
}

// GzipBomb is [EndlessBody] compressed: a thousand times smaller on the wire than in memory.
func GzipBomb() Fault {
	f := Combine(SetHeader("Content-Encoding", "gzip"), endless("", mediaJSON, func(w io.Writer, id string) {
		repeat(gzip.NewWriter(w), resultStart(id), strings.Repeat("a", blockSize))
	}))
	f.name = "a gzip bomb"
	return f
}

// EndlessLine answers with a stream whose first event has a line that never ends.
func EndlessLine() Fault {
	return endless("an endless line", mediaStream, func(w io.Writer, id string) {
		repeat(w, "data: "+resultStart(id), strings.Repeat("a", blockSize))
	})
}

// EndlessEvent answers with a stream whose first event has lines without end.
func EndlessEvent() Fault {
	const line = "data: aaaaaaaaaaaaaaaaaaaaaaaaa\n"
	return endless("an endless event", mediaStream, func(w io.Writer, id string) {
		repeat(w, "data: "+resultStart(id)+"\n", strings.Repeat(line, blockSize/len(line)))
	})
}

// EndlessNotifications answers with a stream of notifications without end.
func EndlessNotifications() Fault {
	const message = "event: message\n" +
		`data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"again"}}` + "\n\n"
	return endless("endless notifications", mediaStream, func(w io.Writer, _ string) {
		repeat(w, "", strings.Repeat(message, blockSize/len(message)))
	})
}

// DepthBomb answers with a tool result that nests depth arrays.
func DepthBomb(depth int) Fault {
	nested := bytes.Repeat([]byte("["), 2*depth)
	copy(nested[depth:], bytes.Repeat([]byte("]"), depth))
	return Fault{name: "a depth bomb", act: func(x *exchange, _ func()) {
		x.writeBody(http.StatusOK, mediaJSON, []byte(resultStart(string(x.request.ID))+`"}],"deep":`+string(nested)+"}}"))
	}}
}

const blockSize = 32 << 10

// resultStart is the beginning of a tool result, up to the inside of a text.
func resultStart(id string) string {
	return `{"jsonrpc":"2.0","id":` + id + `,"result":{"content":[{"type":"text","text":"`
}

func endless(name, contentType string, write func(w io.Writer, id string)) Fault {
	return Fault{name: name, act: func(x *exchange, _ func()) {
		x.w.Header().Set("Content-Type", contentType)
		x.w.WriteHeader(http.StatusOK)
		write(&patientWriter{x}, string(x.request.ID))
		x.cut()
	}}
}

func repeat(w io.Writer, start, block string) {
	_, err := io.WriteString(w, start)
	for text := []byte(block); err == nil; { // converted once: whoever measures memory measures the server's as well
		_, err = w.Write(text)
	}
}

// patientWriter fails once the exchange has ended, also where the connection
// has not: under a foreign http.Server.
type patientWriter struct{ x *exchange }

func (w *patientWriter) Write(p []byte) (int, error) {
	if err := w.x.ctx.Err(); err != nil {
		return 0, err
	}
	return w.x.w.Write(p)
}
