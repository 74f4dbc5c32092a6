package mcptest

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strconv"
)

// deliver writes what out collects: as a JSON body if that is the server's
// habit and nothing but answers come, else as a stream.
func (x *exchange) deliver(out *stream) {
	if !x.streamed && !x.config.streamed {
		events, plain := out.answers(x.ctx)
		if x.ctx.Err() != nil {
			x.cut()
		}
		if plain {
			x.writeAnswers(events)
			return
		}
	}
	x.stream(out, 0)
}

func (x *exchange) writeAnswers(events []event) {
	var body []byte
	for i, ev := range events {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, ev.data...)
	}
	switch {
	case len(events) == 0: // the client has cancelled: nothing is owed to it
		x.writeBody(http.StatusNoContent, "", nil)
		return
	case x.inArray():
		body = append(append([]byte{'['}, body...), ']')
	}
	x.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	x.writeBody(cmp.Or(events[0].status, http.StatusOK), mediaJSON, body)
}

// startStream sends the header of a stream, which must not wait for the first event.
func (x *exchange) startStream() {
	x.w.Header().Set("Content-Type", mediaStream)
	x.w.Header().Set("Cache-Control", "no-cache")
	if x.stateless != nil {
		x.w.Header().Set("X-Accel-Buffering", "no")
	}
	x.w.WriteHeader(http.StatusOK)
	if retry := x.config.retry; retry > 0 {
		x.send("retry: " + strconv.FormatInt(retry.Milliseconds(), 10) + "\n\n")
	} else {
		x.send("")
	}
}

// stream writes the events of out from the given one on.
func (x *exchange) stream(out *stream, from int) {
	x.startStream()
	x.events(out, from)
}

// events writes those of out from the given one on, each as it comes, until
// out ends or a fault or the polling interval ends the response.
func (x *exchange) events(out *stream, from int) {
	config, ctx := x.config, x.ctx
	if config.poll > 0 && x.resumable() {
		poll, cancel := context.WithTimeout(ctx, config.poll)
		defer cancel()
		ctx = poll
	}
	for i := 0; i != x.breakAfter; i++ {
		ev, ok := x.next(ctx, out, from+i)
		if !ok && out.stopsHard() {
			x.cut()
		}
		if !ok {
			x.finish(ctx)
			return
		}
		if ev.answer {
			x.ready()
		}
		x.send(x.frame(out, from+i, ev))
		if config.httpSSE {
			out.release(from + i + 1)
		}
	}
	if x.breakHard {
		x.cut()
	}
}

// next waits for event i, and lets the client know meanwhile that the stream lives.
func (x *exchange) next(ctx context.Context, out *stream, i int) (event, bool) {
	silence := x.config.keepAlive
	if silence <= 0 {
		return out.next(ctx, i)
	}
	for {
		silent, cancel := context.WithTimeout(ctx, silence)
		ev, ok := out.next(silent, i)
		passed := silent.Err() != nil
		cancel()
		if ok || !passed || ctx.Err() != nil {
			return ev, ok
		}
		x.send(": keep-alive\n\n")
	}
}

// finish is reached when no further event comes. A response whose client has
// left, or whose server is being closed, must not look complete.
func (x *exchange) finish(ctx context.Context) {
	if x.hold && ctx.Err() == nil {
		<-x.ctx.Done()
	}
	if x.ctx.Err() != nil {
		x.cut()
	}
}

// frame encodes an event. JSON as it is written here holds no line breaks; what
// a fault has made of it may, and is sent on.
func (x *exchange) frame(out *stream, i int, ev event) string {
	if ev.text != "" {
		return ev.text
	}
	text := ""
	if x.resumable() {
		text = "id: " + out.eventID(i) + "\n"
	}
	if ev.data != nil {
		text = "event: message\n" + text
	}
	return text + "data: " + string(ev.data) + "\n\n"
}

// send writes a piece of a stream and flushes it. A client that has left ends the exchange.
func (x *exchange) send(text string) {
	_, err := x.w.Write([]byte(text))
	if err = errors.Join(err, http.NewResponseController(x.w).Flush()); err != nil {
		x.cut()
	}
}
