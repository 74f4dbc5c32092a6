package mcptest

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"time"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

// maxBody bounds the body of a request.
const maxBody = 64 << 20

// exchange is one HTTP request on its way through the server:
//
//	receive -> the fault that meets it, if any -> serve -> deliver
//
// A fault stands around serve: it may answer in its place, or change below how
// the answer is delivered and then call it. All but request belongs to the
// goroutine that serves the request; the fault's settings are fixed once serve begins.
type exchange struct {
	server   *Server
	config   *config
	w        http.ResponseWriter
	r        *http.Request
	ctx      context.Context // ends when the client has left, and with Close
	request  Request         // as it arrived
	messages []jsonrpc.Message
	bad      error // why there are no messages

	stateless *statelessRequest // nil in the eras with sessions

	streamed     bool                           // answer with a stream
	header       http.Header                    // goes over the answer's own
	prefaces     []func(context.Context, *call) // run before the execution
	edits        []func([]byte) []byte          // applied to every answer
	anyCursor    bool                           // an unknown cursor means the first page
	beforeAnswer func()                         // runs when the answer is ready, before it is written
	breakAfter   int                            // events after which a stream ends; -1: none
	breakHard    bool                           // cut the connection then
	hold         bool                           // keep a stream open after its answer
	old          oldExchange                    // what only HTTPSSE knows
}

// ServeHTTP serves MCP at /mcp and /mcp/. A Server is an [http.Handler] so
// that it can also stand behind a handler or a server of the test's own.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		panic(http.ErrAbortHandler)
	}
	defer s.work.Done()
	// Under a foreign http.Server the request's context does not know of Close.
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()

	x := s.receive(ctx, w, r)
	entry := x.request
	s.mu.Lock()
	fault, met := s.script.takeLocked(x.request)
	if met {
		entry.Fault = fault.name
	}
	s.ledger.requestLocked(&entry)
	s.mu.Unlock()

	x.w = &recorder{ResponseWriter: w, x: x, entry: &entry}
	if met {
		fault.act(x, x.serve)
		return
	}
	x.serve()
}

func (s *Server) receive(ctx context.Context, w http.ResponseWriter, r *http.Request) *exchange {
	x := &exchange{server: s, config: s.settings(), r: r, ctx: ctx, breakAfter: -1}
	x.request = Request{
		Time:       time.Now(),
		HTTPMethod: r.Method,
		Path:       r.URL.Path,
		Header:     r.Header.Clone(),
		Session:    r.Header.Get(headerSession),
	}
	if x.config.httpSSE {
		x.request.Session = r.URL.Query().Get(sessionInQuery)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	x.request.Body = body
	if r.Method != http.MethodPost {
		return x
	}
	if err == nil {
		x.messages, err = jsonrpc.Decode(body)
	}
	x.bad = err
	if len(x.messages) > 0 {
		first := &x.messages[0]
		x.request.Method = first.Method
		x.request.Target = target(first)
		if !first.ID.IsZero() && first.Method != "" {
			x.request.ID = json.RawMessage(first.ID.String())
		}
	}
	return x
}

// target reads what a method is about from its params: whichever of the
// members it has.
func target(m *jsonrpc.Message) string {
	var params struct {
		Name string `json:"name"`
		URI  string `json:"uri"`
	}
	if err := jsonv2.Unmarshal(m.Params, &params); err != nil {
		return ""
	}
	if params.Name != "" {
		return params.Name
	}
	return params.URI
}

// resumable reports whether the answer's stream outlives its connection.
func (x *exchange) resumable() bool { return x.config.resumable && x.stateless == nil }

// cut ends the connection at once, without an answer or in the middle of one.
func (x *exchange) cut() { panic(http.ErrAbortHandler) }

// ready runs the fault's last chance before an answer is written.
func (x *exchange) ready() {
	if x.beforeAnswer != nil {
		x.beforeAnswer()
	}
}

// writeBody writes a whole answer.
func (x *exchange) writeBody(status int, contentType string, body []byte) {
	x.ready()
	if len(body) > 0 {
		x.w.Header().Set("Content-Type", contentType)
	}
	x.w.WriteHeader(status)
	_, _ = x.w.Write(body) // fails only if the client has left
}

// refuse answers with a status and a JSON-RPC error that names no request, as
// servers do for what they refuse before they look into it.
func (x *exchange) refuse(status int, code int64, message string) {
	body := jsonrpc.AppendError(nil, jsonrpc.ID{}, &jsonrpc.Error{Code: code, Message: message})
	if x.isStateless() { // where an id that is not known is left out
		body = editMembers(body, func(m map[string]json.RawMessage) { delete(m, "id") })
	}
	x.writeBody(status, mediaJSON, body)
}

// recorder tells the ledger the status of an answer, and has the last word on its header.
type recorder struct {
	http.ResponseWriter
	x     *exchange
	entry *Request // guarded by the server's mutex
	done  bool
}

func (w *recorder) WriteHeader(code int) {
	if !w.done {
		w.done = true
		maps.Copy(w.Header(), w.x.header)
		w.x.server.mu.Lock()
		w.entry.Status = code
		w.x.server.ledger.wakeLocked()
		w.x.server.mu.Unlock()
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w *recorder) Write(p []byte) (int, error) {
	if !w.done {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets [http.ResponseController] find the writer that can flush.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
