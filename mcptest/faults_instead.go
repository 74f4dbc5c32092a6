package mcptest

import (
	"net/http"
	"strconv"
	"time"
)

// The faults of this file answer in the server's place: the request is not
// executed, and no session is opened, used or closed by it.

// Respond lets h answer. It is the way to any answer that has no function of its own here.
// The request's body has been read already; [Server.Requests] shows it.
func Respond(h http.Handler) Fault {
	return Fault{name: "respond with a handler", act: func(x *exchange, _ func()) { h.ServeHTTP(x.w, x.r) }}
}

// Status answers with an HTTP status, header fields and a body. Without a
// Content-Type in the header the body is sent as plain text.
func Status(code int, header http.Header, body string) Fault {
	header = header.Clone()
	f := Respond(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		for name, values := range header {
			w.Header()[http.CanonicalHeaderKey(name)] = values
		}
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body)) // fails only if the client has left
	}))
	f.name = "status " + strconv.Itoa(code)
	return f
}

// Redirect answers with a 3xx status and a Location. The server serves /mcp
// and /mcp/ alike, so Redirect(307, "/mcp/") is a redirect that works.
func Redirect(code int, location string) Fault {
	f := Status(code, http.Header{"Location": {location}}, "")
	f.name = "redirect to " + location
	return f
}

// HTML answers 200 with a web page, as a login page or a captive portal does.
func HTML() Fault {
	f := Status(http.StatusOK, http.Header{"Content-Type": {"text/html; charset=utf-8"}}, "<!doctype html><title>Sign in</title><p>Please sign in.")
	f.name = "a web page"
	return f
}

// EmptyOK answers 200 with an empty JSON body.
func EmptyOK() Fault {
	f := Status(http.StatusOK, http.Header{"Content-Type": {"application/json"}}, "")
	f.name = "an empty 200"
	return f
}

// Accepted answers 202 without a body, which the protocol keeps for notifications.
func Accepted() Fault {
	f := Respond(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) }))
	f.name = "202 without an answer"
	return f
}

// DropBefore cuts the connection without an answer. The request was not executed.
func DropBefore() Fault {
	return Fault{name: "drop before execution", act: func(x *exchange, _ func()) { x.cut() }}
}

// Hang does not answer: not even a status, until the client gives up or the
// server is closed. The request is not executed.
func Hang() Fault {
	return Fault{name: "hang", act: func(x *exchange, _ func()) {
		<-x.ctx.Done()
		x.cut()
	}}
}

// Slow waits for d before the request is looked at. If the client gives up
// meanwhile the request is not executed.
func Slow(d time.Duration) Fault {
	return Fault{name: "slow by " + d.String(), act: func(x *exchange, next func()) {
		late := time.NewTimer(d)
		defer late.Stop()
		select {
		case <-late.C:
			next()
		case <-x.ctx.Done():
			x.cut()
		}
	}}
}
