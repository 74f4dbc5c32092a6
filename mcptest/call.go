package mcptest

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

// call is one JSON-RPC request that is being executed.
type call struct {
	server    *Server
	config    *config
	session   *session
	stateless *statelessRequest // nil in the eras with sessions
	task      *task             // nil unless the call runs as one
	message   *jsonrpc.Message
	out       *stream
	anyCursor bool
	cancel    context.CancelCauseFunc
}

// execute runs the requests one after the other and delivers their answers.
func (x *exchange) execute(sess *session, requests []*jsonrpc.Message) {
	s := x.server
	if !s.enter() {
		x.cut()
	}
	s.mu.Lock()
	out := s.sessions.newStreamLocked()
	// An execution that can be resumed belongs to its session, any other to its connection.
	parent := x.ctx
	if x.resumable() {
		parent = sess.ctx
		sess.keepLocked(out)
		out.append(event{}) // priming: a place to resume from before there is anything to say
	}
	s.mu.Unlock()

	go func() {
		defer s.work.Done()
		defer out.end() // also when a handler ends its goroutine, as a failed require does
		x.run(parent, sess, out, requests)
	}()
	x.deliver(out)
}

// run executes the requests one after the other; what they say goes to out.
func (x *exchange) run(parent context.Context, sess *session, out *stream, requests []*jsonrpc.Message) {
	for _, m := range requests {
		c := &call{server: x.server, config: x.config, session: sess, stateless: x.stateless, message: m, out: out, anyCursor: x.anyCursor}
		c.run(parent, x.prefaces, x.edits)
	}
}

// run executes one request and appends its answer to the stream, unless the
// client has cancelled it: then none is owed (protocol 2025-11-25, "Cancellation").
func (c *call) run(parent context.Context, prefaces []func(context.Context, *call), edits []func([]byte) []byte) {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	c.cancel = cancel
	defer context.AfterFunc(c.session.ctx, func() { cancel(errSessionEnded) })() // DELETE, Restart

	var result any
	err := c.begin()
	if err == nil {
		defer c.finish()
		for _, preface := range prefaces {
			preface(ctx, c)
			err = context.Cause(ctx) // a client that leaves while it is asked something
		}
		// A client that has left by now does not keep a server from executing.
		if err == nil {
			result, err = c.dispatch(context.WithValue(ctx, callKey{}, c))
		}
	}
	c.abandoned(ctx)
	if errors.Is(context.Cause(ctx), errCancelled) {
		return
	}
	answer := c.encode(result, err)
	for _, edit := range edits {
		if answer = edit(answer); answer == nil {
			return
		}
	}
	c.out.append(event{data: answer, answer: true, status: c.status(err)})
}

// callKey is the key under which handlers find their call in the context.
type callKey struct{}

var (
	errCancelled    = errors.New("mcptest: the client cancelled the request")
	errSessionEnded = errors.New("mcptest: the session has ended")
)

// begin registers the call for notifications/cancelled, and holds two rules:
// ids are unique within a session, and nothing but ping comes before
// notifications/initialized.
func (c *call) begin() error {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	if !c.session.initialized && c.message.Method != "ping" && c.message.Method != methodInitialize {
		return &mcpclient.RPCError{Code: codeInvalidParams, Message: "Received request before initialization was complete"}
	}
	id := c.message.ID.String()
	// The one session that all clients share sees the same id from several of them.
	if _, used := c.session.inFlight[id]; used && c.session.id != "" {
		return &mcpclient.RPCError{Code: codeInvalidRequest, Message: "Invalid Request: the id is in use"}
	}
	c.session.inFlight[id] = c
	return nil
}

func (c *call) finish() {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	if id := c.message.ID.String(); c.session.inFlight[id] == c {
		delete(c.session.inFlight, id)
	}
}

func (c *call) encode(result any, err error) []byte {
	if err == nil {
		raw, encodeErr := c.encodeResult(result)
		if encodeErr == nil {
			return jsonrpc.AppendResult(nil, c.message.ID, raw)
		}
		err = encodeErr
	}
	rpc, ok := errors.AsType[*mcpclient.RPCError](err)
	if !ok {
		rpc = &mcpclient.RPCError{Code: codeInternal, Message: err.Error()}
	}
	return jsonrpc.AppendError(nil, c.message.ID, &jsonrpc.Error{Code: rpc.Code, Message: rpc.Message, Data: []byte(rpc.Data)})
}

// notify sends a notification in front of the answer.
func (c *call) notify(method string, params json.RawMessage) {
	if c.task != nil {
		c.notifyOfTask(method, params)
		return
	}
	c.out.append(event{data: jsonrpc.AppendNotification(nil, method, params)})
}

// ask is a request of the server that waits for its answer.
type ask struct {
	method string
	// opening is the session whose initialize it is asked on: its client may
	// have to answer before it has read the session id.
	opening *session
	answer  chan Answer // holds one
}

// ask sends the client a request in front of the answer and waits for what it answers.
func (c *call) ask(ctx context.Context, method string, params json.RawMessage) (json.RawMessage, error) {
	s := c.server
	a := &ask{method: method, answer: make(chan Answer, 1)}
	if c.message.Method == methodInitialize {
		a.opening = c.session
	}
	s.mu.Lock()
	s.sessions.asked++
	id := s.sessions.asked
	s.sessions.pending[id] = a
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.sessions.pending, id)
		s.mu.Unlock()
	}()
	c.out.append(event{data: jsonrpc.AppendRequest(nil, id, method, params)})
	select {
	case answer := <-a.answer:
		if answer.Err != nil {
			return nil, answer.Err
		}
		return answer.Result, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// answered takes in a client's answer to a request of the server.
func (s *Server) answered(sess *session, m *jsonrpc.Message) {
	answer := Answer{Time: time.Now(), Session: sess.id, Result: json.RawMessage(m.Result)}
	if m.Err != nil {
		answer.Result = nil
		answer.Err = &mcpclient.RPCError{Code: m.Err.Code, Message: m.Err.Message, Data: json.RawMessage(m.Err.Data)}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id, _ := m.ID.Int64()
	a, waiting := s.sessions.pending[id]
	if waiting {
		delete(s.sessions.pending, id)
		answer.Method = a.method
		a.answer <- answer
	}
	s.ledger.answers = append(s.ledger.answers, answer)
	s.ledger.wakeLocked()
}

// openingLocked returns the session that is being opened by the very request
// that all the messages answer to.
func (s *Server) openingLocked(messages []jsonrpc.Message) (*session, bool) {
	var opening *session
	for _, m := range messages {
		id, _ := m.ID.Int64()
		a, waiting := s.sessions.pending[id]
		if !m.IsResponse() || !waiting || a.opening == nil {
			return nil, false
		}
		opening = a.opening
	}
	return opening, opening != nil
}
