package mcptest

import (
	"bytes"
	"context"
	"errors"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

const (
	headerSession = "Mcp-Session-Id"
	headerVersion = "Mcp-Protocol-Version"
	headerEventID = "Last-Event-Id"

	mediaJSON   = "application/json"
	mediaStream = "text/event-stream"

	codeParse          = -32700
	codeInvalidRequest = -32600
	codeNoMethod       = -32601
	codeInvalidParams  = -32602
	codeInternal       = -32603
	codeBadRequest     = -32000 // what deployed servers use for the transport's rules
	codeNoResource     = -32002
)

// serve answers the request as a server without faults does.
func (x *exchange) serve() {
	if x.config.httpSSE {
		x.serveHTTPSSE()
		return
	}
	if path := strings.TrimSuffix(x.r.URL.Path, "/"); path != endpointPath {
		http.NotFound(x.w, x.r)
		return
	}
	switch stateless := x.isStateless(); {
	case stateless && x.r.Method == http.MethodPost:
		x.postStateless()
		return
	case stateless:
		x.w.Header().Set("Allow", "POST")
		x.refuse(http.StatusMethodNotAllowed, codeBadRequest, "Method not allowed.")
		return
	}
	switch x.r.Method {
	case http.MethodPost:
		x.post()
	case http.MethodGet:
		x.get()
	case http.MethodDelete:
		x.delete()
	default:
		x.notAllowed()
	}
}

func (x *exchange) notAllowed() {
	x.w.Header().Set("Allow", "GET, POST, DELETE")
	x.refuse(http.StatusMethodNotAllowed, codeBadRequest, "Method not allowed.")
}

// post is a POST of messages (protocol 2025-11-25, transports, "Sending
// Messages to the Server"). The order of the checks is that of the official
// servers.
func (x *exchange) post() {
	if !x.wellFormed() {
		return
	}
	if slices.ContainsFunc(x.messages, isInitialize) {
		x.initialize()
		return
	}
	sess, ok := x.session()
	if !ok {
		return
	}
	if x.inArray() && sess.version != "" && sess.version != versionWithArrays {
		x.refuse(http.StatusBadRequest, codeInvalidRequest, "Invalid Request: an array of messages needs protocol version "+versionWithArrays)
		return
	}
	x.accept(sess)
}

// wellFormed holds what is the same in every era. If it does not hold, the
// request has been answered.
func (x *exchange) wellFormed() bool {
	accept := strings.Join(x.r.Header.Values("Accept"), ",")
	if !accepts(accept, mediaJSON) || !accepts(accept, mediaStream) {
		x.refuse(http.StatusNotAcceptable, codeBadRequest, "Not Acceptable: Client must accept both application/json and text/event-stream")
		return false
	}
	if media, _, err := mime.ParseMediaType(x.r.Header.Get("Content-Type")); err != nil || media != mediaJSON {
		x.refuse(http.StatusUnsupportedMediaType, codeBadRequest, "Unsupported Media Type: Content-Type must be application/json")
		return false
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](x.bad); tooLarge {
		x.refuse(http.StatusRequestEntityTooLarge, codeInvalidRequest, "Request body is too large")
		return false
	}
	if x.bad != nil {
		x.refuse(http.StatusBadRequest, codeParse, "Parse error: "+x.bad.Error())
		return false
	}
	if slices.ContainsFunc(x.messages, isNothing) {
		x.refuse(http.StatusBadRequest, codeInvalidRequest, "Invalid Request: neither a request, nor a notification, nor an answer")
		return false
	}
	return true
}

func isNothing(m jsonrpc.Message) bool {
	return !m.IsRequest() && !m.IsNotification() && !m.IsResponse()
}

func (x *exchange) inArray() bool {
	return bytes.HasPrefix(bytes.TrimSpace(x.request.Body), []byte("["))
}

// accept takes in what wants no answer, and executes what does.
func (x *exchange) accept(sess *session) {
	requests := x.takeIn(sess)
	if len(requests) == 0 {
		x.ready()
		x.w.WriteHeader(http.StatusAccepted)
		return
	}
	x.execute(sess, requests)
}

// takeIn takes in what wants no answer, and returns what does.
func (x *exchange) takeIn(sess *session) (requests []*jsonrpc.Message) {
	for i := range x.messages {
		switch m := &x.messages[i]; {
		case m.IsRequest():
			requests = append(requests, m)
		case m.IsNotification():
			x.server.notified(sess, m)
		default:
			x.server.answered(sess, m)
		}
	}
	return requests
}

// session returns the session that the request belongs to. Where there is none
// the request has been answered.
func (x *exchange) session() (*session, bool) {
	s := x.server
	if x.config.sessionless {
		return s.sessions.shared, x.knownVersion()
	}
	s.mu.Lock()
	sess, known := s.sessions.known[x.request.Session]
	if !known && x.request.Session == "" {
		sess, known = s.openingLocked(x.messages)
	}
	s.mu.Unlock()
	if known {
		return sess, x.knownVersion()
	}
	if x.request.Session == "" {
		x.refuse(http.StatusBadRequest, codeBadRequest, "Bad Request: Mcp-Session-Id header is required")
		return nil, false
	}
	x.config.refusal.act(x, func() { Refuse(TypeScript).act(x, nil) })
	return nil, false
}

// knownVersion checks the version header, which may be absent: such a client
// is taken for one of 2025-03-26, which did not know the header.
func (x *exchange) knownVersion() bool {
	version := x.r.Header.Get(headerVersion)
	if version == "" || slices.Contains(x.config.versions, version) {
		return true
	}
	x.refuse(http.StatusBadRequest, codeBadRequest, "Bad Request: Unsupported protocol version: "+version+
		" (supported versions: "+strings.Join(x.config.versions, ", ")+")")
	return false
}

// get is a GET: the standalone stream, or the rest of a broken one.
func (x *exchange) get() {
	lastEventID := x.r.Header.Get(headerEventID)
	resumes := lastEventID != "" && x.config.resumable
	if !resumes && (!x.config.standalone || x.config.sessionless) {
		x.notAllowed()
		return
	}
	if !accepts(strings.Join(x.r.Header.Values("Accept"), ","), mediaStream) {
		x.refuse(http.StatusNotAcceptable, codeBadRequest, "Not Acceptable: Client must accept text/event-stream")
		return
	}
	sess, ok := x.session()
	if !ok {
		return
	}
	if resumes {
		x.resume(sess, lastEventID)
		return
	}
	x.listen(sess)
}

func (x *exchange) resume(sess *session, lastEventID string) {
	name, last, err := parseEventID(lastEventID)
	x.server.mu.Lock()
	st, known := sess.streamLocked(name)
	x.server.mu.Unlock()
	if err != nil || !known || last < 0 || last >= st.len() {
		x.refuse(http.StatusBadRequest, codeBadRequest, "Bad Request: unknown Last-Event-ID")
		return
	}
	if st.len() == last+1 {
		st.append(event{}) // priming: even a response without news gives a new place to resume from
	}
	if st == sess.standalone {
		defer x.takeOver(sess)()
	}
	x.stream(st, last+1)
}

// listen reads the standalone stream from now on.
func (x *exchange) listen(sess *session) {
	defer x.takeOver(sess)()
	from := sess.standalone.len()
	if x.config.resumable {
		from = sess.standalone.append(event{})
	}
	x.stream(sess.standalone, from)
}

// takeOver makes x the one reader of the standalone stream and cuts the one
// before: a client that comes again has usually lost its connection, and the
// server learns of that late.
func (x *exchange) takeOver(sess *session) (done func()) {
	ctx, hangUp := context.WithCancel(x.ctx)
	x.ctx = ctx
	x.server.mu.Lock()
	previous := sess.hangUp
	sess.hangUp = hangUp
	l := &listener{hangUp: hangUp}
	x.server.listenLocked(l)
	x.server.mu.Unlock()
	if previous != nil {
		previous()
	}
	return func() {
		hangUp()
		x.server.left(l)
	}
}

// delete is a DELETE: the client ends its session, and what runs on it.
func (x *exchange) delete() {
	s := x.server
	if x.config.keepSessions || x.config.sessionless {
		x.notAllowed()
		return
	}
	sess, ok := x.session()
	if !ok {
		return
	}
	s.mu.Lock()
	s.sessions.dropLocked(sess)
	s.mu.Unlock()
	sess.cancel()
	x.ready()
	x.w.WriteHeader(http.StatusNoContent)
}

// accepts reports whether an Accept header names the media type. Wildcards do
// not count: the protocol asks for both types by name.
func accepts(header, mediaType string) bool {
	for part := range strings.SplitSeq(header, ",") {
		media, _, err := mime.ParseMediaType(strings.TrimSpace(part))
		if err == nil && media == mediaType {
			return true
		}
	}
	return false
}
