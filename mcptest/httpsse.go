package mcptest

import (
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
)

const (
	messagesPath   = "/messages"
	sessionInQuery = "sessionId"

	mediaText = "text/plain; charset=utf-8"
)

// HTTPSSE offers HTTP+SSE, the transport of version 2024-11-05, in place of
// Streamable HTTP. A GET at the server's URL opens a session and a stream. Its
// first event, "endpoint", is the URI to POST messages to:
// /messages?sessionId=..., whose id is the Session of [Request] and
// [Execution]. A POST there is answered with 202 before anything is executed;
// answers and all that the server has to say come as "message" events on the
// one stream. The session ends with its stream, and with it what runs on it.
// Any of the [Versions] can be agreed on.
//
// A POST at the server's own URL is refused, as [PostStatus] says. What comes
// for an unknown session is refused in the way of [PythonSSE]; the TypeScript
// SDK's servers would be
//
//	mcptest.Refusal(mcptest.Status(400, nil, "No transport found for sessionId"))
//
// [Server.ForgetSessions] and [ForgetEvery] end the streams, in good order, so
// calls that are being executed then are not answered; see also [KeepStreams].
// [Server.Broadcast] needs no [StandaloneStream]. [Streams], [Resumable] and
// [WithoutSessions] mean nothing here.
//
// Faults do to a POST what they say: those that answer in the server's place
// answer instead of the 202, those that execute the request change what comes
// on the stream. [DropAfter] cuts the POST's connection after the answer has
// been sent on the stream. [BreakStream] and [CutStream] aimed at a POST end
// the session's stream after n further events; aimed at the GET, by
// OnHTTP("GET"), they count from the endpoint event on. See also [Endpoint],
// [NoEndpoint], [AnswerFirst], [Late], [Twice], [StrayAnswer] and [StreamText].
func HTTPSSE() Option { return func(c *config) { c.httpSSE = true } }

// PostStatus sets the status that a server with [HTTPSSE] gives to a POST at
// its own URL, where it expects a GET: servers of Python say 405, many of
// TypeScript 404. Default: 405.
func PostStatus(code int) Option { return func(c *config) { c.postStatus = code } }

// KeepStreams leaves the streams of [HTTPSSE] open when the server forgets
// their sessions, as behind a load balancer that sends the POSTs to another
// instance from then on: these are refused, and what is being executed is
// answered on the stream.
func KeepStreams() Option { return func(c *config) { c.keepStreams = true } }

// toHTTPSSE settles the options that mean something else with HTTPSSE, or nothing.
func (c *config) toHTTPSSE() {
	c.standalone = true // of each session, which then has no other
	c.resumable, c.sessionless, c.stateless = false, false, false
	if c.postStatus == 0 {
		c.postStatus = http.StatusMethodNotAllowed
	}
	if c.refusal.act == nil {
		c.refusal = Refuse(PythonSSE)
	}
}

// oldExchange is what a fault changes in an exchange that only HTTPSSE has.
type oldExchange struct {
	preamble    []string              // comes on the stream before the endpoint
	late        time.Duration         // wait so long between a stream's header and its first event
	endpoint    []func(string) string // applied to the URI; "" leaves the event out
	answerFirst bool                  // answer the POST after the stream has carried the answer
	answerLate  time.Duration         // and so long after it
}

// serveHTTPSSE is serve for a server with HTTPSSE. The messages' URI counts
// more by its query than by its path: where a client has to send them is the
// endpoint event's to say, and a fault's to change.
func (x *exchange) serveHTTPSSE() {
	at := strings.TrimSuffix(x.r.URL.Path, "/")
	isPost := x.r.Method == http.MethodPost
	switch {
	case isPost && x.request.Session != "" && (at == endpointPath || path.Base(at) == path.Base(messagesPath)):
		x.postMessage()
	case isPost && at == messagesPath:
		x.say(http.StatusBadRequest, sessionInQuery+" is required")
	case isPost && at == endpointPath:
		x.refuseMethod(x.config.postStatus, http.MethodGet)
	case at == messagesPath:
		x.refuseMethod(http.StatusMethodNotAllowed, http.MethodPost)
	case at == endpointPath && x.r.Method == http.MethodGet:
		x.openStream()
	case at == endpointPath:
		x.refuseMethod(http.StatusMethodNotAllowed, http.MethodGet)
	default:
		http.NotFound(x.w, x.r)
	}
}

func (x *exchange) refuseMethod(status int, allowed string) {
	x.w.Header().Set("Allow", allowed)
	x.say(status, http.StatusText(status))
}

// say answers in plain words: over this transport no JSON-RPC answers an HTTP request.
func (x *exchange) say(status int, text string) {
	x.w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	x.writeBody(status, mediaText, []byte(text))
}

// openStream is the GET that opens a session and carries everything that the
// server has to say to it (protocol 2024-11-05, transports, "HTTP with SSE").
func (x *exchange) openStream() {
	if !accepts(strings.Join(x.r.Header.Values("Accept"), ","), mediaStream) {
		x.say(http.StatusNotAcceptable, "Not Acceptable: Client must accept "+mediaStream)
		return
	}
	x.startStream()
	if !pause(x.ctx, x.old.late) {
		x.cut()
	}
	sess := x.openSession()
	defer x.server.streamEnded(sess)
	defer x.takeOver(sess)() // from nobody; but it makes the client one that listens
	x.events(sess.standalone, 0)
}

// openSession opens a session whose stream begins with the endpoint: nothing
// else can come before it, since nobody knows of the session until it is there.
func (x *exchange) openSession() *session {
	s := x.server
	s.mu.Lock()
	sess := s.sessions.nextLocked()
	if sess.standalone == nil { // the server has been redeployed meanwhile
		sess.standalone = s.sessions.newStreamLocked()
	}
	s.mu.Unlock()
	sess.streamStays = x.config.keepStreams
	for _, text := range x.old.preamble {
		sess.standalone.append(event{text: text})
	}
	uri := messagesPath + "?" + sessionInQuery + "=" + sess.id
	for _, edit := range x.old.endpoint {
		uri = edit(uri)
	}
	if uri != "" {
		sess.standalone.append(event{text: "event: endpoint\ndata: " + uri + "\n\n"})
	}
	s.mu.Lock()
	s.sessions.known[sess.id] = sess
	s.ledger.wakeLocked()
	s.mu.Unlock()
	return sess
}

// streamEnded ends the session with its stream, and what runs on it.
func (s *Server) streamEnded(sess *session) {
	s.mu.Lock()
	delete(s.sessions.known, sess.id)
	s.ledger.wakeLocked()
	s.mu.Unlock()
	sess.standalone.end()
	sess.cancel()
}
