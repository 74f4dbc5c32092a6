package mcptest

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"slices"
	"time"

	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

// postMessage is a POST of messages for a session.
func (x *exchange) postMessage() {
	s := x.server
	if media, _, err := mime.ParseMediaType(x.r.Header.Get("Content-Type")); err != nil || media != mediaJSON {
		x.say(http.StatusBadRequest, "Invalid Content-Type header")
		return
	}
	s.mu.Lock()
	sess, known := s.sessions.known[x.request.Session]
	s.mu.Unlock()
	if !known {
		x.config.refusal.act(x, func() { Refuse(PythonSSE).act(x, nil) })
		return
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](x.bad); tooLarge {
		x.say(http.StatusRequestEntityTooLarge, "Request body is too large")
		return
	}
	if x.bad != nil || slices.ContainsFunc(x.messages, isNothing) {
		x.say(http.StatusBadRequest, "Could not parse message")
		return
	}
	s.mu.Lock()
	version := sess.version
	s.mu.Unlock()
	if x.inArray() && version != versionWithArrays {
		x.say(http.StatusBadRequest, "An array of messages needs protocol version "+versionWithArrays)
		return
	}
	requests := slices.DeleteFunc(x.takeIn(sess), func(m *jsonrpc.Message) bool { return !x.mayOpen(sess, m) })
	x.respond(sess, requests)
}

// mayOpen reports whether a request may be executed, as all but an initialize
// out of place may; that one has been answered.
func (x *exchange) mayOpen(sess *session, m *jsonrpc.Message) bool {
	if m.Method != methodInitialize {
		return true
	}
	params, complete := openingOf(m)
	s := x.server
	s.mu.Lock()
	defer s.mu.Unlock()
	refused := &jsonrpc.Error{Code: codeInvalidRequest, Message: "Invalid Request: Server already initialized"}
	switch {
	case !complete:
		refused = &jsonrpc.Error{Code: codeInvalidParams, Message: openingIncomplete}
	case sess.version == "":
		s.sessions.initializes++
		sess.version, sess.client, sess.offers = x.config.negotiate(params.ProtocolVersion), params.ClientInfo, params.Capabilities
		s.ledger.wakeLocked()
		return true
	}
	sess.standalone.append(event{data: jsonrpc.AppendError(nil, m.ID, refused), answer: true})
	return false
}

// respond executes the requests and answers the POST: before that, unless a
// fault wants it later.
func (x *exchange) respond(sess *session, requests []*jsonrpc.Message) {
	if !x.old.answerFirst && x.beforeAnswer == nil {
		x.say(http.StatusAccepted, "Accepted")
		_ = http.NewResponseController(x.w).Flush() // a client that has left is executed for all the same
		x.launch(sess, requests)
		return
	}
	select {
	case <-x.launch(sess, requests):
		sess.standalone.released(x.ctx)
	case <-x.ctx.Done():
	}
	if !pause(x.ctx, x.old.answerLate) {
		x.cut()
	}
	x.say(http.StatusAccepted, "Accepted")
}

// launch executes the requests for the session's stream; the channel is closed
// when that is done.
func (x *exchange) launch(sess *session, requests []*jsonrpc.Message) (done <-chan struct{}) {
	if !x.server.enter() {
		x.cut()
	}
	if x.breakAfter >= 0 {
		sess.standalone.stopAfter(x.breakAfter, x.breakHard)
	}
	finished := make(chan struct{})
	go func() {
		defer x.server.work.Done()
		defer close(finished)
		x.run(sess.ctx, sess, sess.standalone, requests)
	}()
	return finished
}

// pause waits for d; it reports whether ctx lives on.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
