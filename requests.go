package mcpclient

import (
	"context"
	"errors"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

// serverRequests are the requests of the server whose handlers run. Only the
// eras with sessions have any; elsewhere input is asked for by results.
type serverRequests struct {
	most int // Limits.ServerRequests; immutable

	mu      sync.Mutex
	running map[serverRequest]*runningRequest
	bytes   int // of the params of those running
}

// maxRequestBytes bounds the params of the requests that are handled at once,
// all taken together: they stay in memory for as long as people take to answer.
const maxRequestBytes = 8 << 20

// runningRequest keeps its place until its handler has returned, taken back or
// not: else a server that takes back what it asks could have any number run.
type runningRequest struct {
	cancel   context.CancelCauseFunc
	bytes    int
	unwanted bool // the server has taken it back; serverRequests.mu guards it
}

type serverRequest struct {
	binding *binding
	id      string // JSON text
}

// answerServer answers a request of the server, off the caller's path. Every
// request gets exactly one answer, unless the server itself takes it back.
func (c *core) answerServer(ctx context.Context, b *binding, call *call, m *jsonrpc.Message) {
	if m.Method == "ping" {
		c.reply(b, jsonrpc.AppendResult(nil, m.ID, []byte("{}")))
		return
	}
	request := &inputRequest{method: m.Method, params: m.Params, server: b.server, completion: c.pages.of}
	if wrong := c.config.input.offered(request); wrong != nil {
		c.reply(b, jsonrpc.AppendError(nil, m.ID, wrong.rpc()))
		return
	}
	c.startHandler(ctx, b, call, m.ID.Clone(), request)
}

// busy: a server that has so much to ask may ask again.
func busy(id jsonrpc.ID) []byte {
	return jsonrpc.AppendError(nil, id, &jsonrpc.Error{Code: codeInternalError, Message: "busy: too many requests are being handled, or two under one id"})
}

// reply sends an answer that took no time to find.
func (c *core) reply(b *binding, body []byte) {
	c.outbox.put(&letter{binding: b, body: body, timeout: c.config.handshakeTimeout})
}

// startHandler runs the application's handler in a goroutine of the session. It
// may take as long as people take. Its context ends with ctx, which is that of
// the reply on which the request came; the answer is sent all the same.
func (c *core) startHandler(ctx context.Context, b *binding, call *call, id jsonrpc.ID, request *inputRequest) {
	key := serverRequest{b, id.String()}
	ctx, cancel := context.WithCancelCause(context.WithValue(ctx, handlerKey{}, true))
	if !c.requests.begin(key, &runningRequest{cancel: cancel, bytes: len(request.params)}) {
		cancel(nil)
		c.reply(b, busy(id))
		return
	}
	request.params = request.params.Clone() // the bytes of the message are used again
	call.hold()
	started := c.spawn("handler of "+request.method, func() {
		failed := handlerFailed(request.method, errHookExit)
		var result jsontext.Value
		defer func() { // deferred: a handler may end this goroutine
			call.release()
			cancel(nil)
			if c.requests.end(key) {
				c.respond(b, id, result, failed)
			}
		}()
		result, failed = c.config.input.answer(ctx, request)
		if failed == nil {
			result = aboutTask(request.params, result)
		}
	})
	if !started { // closed
		call.release()
		cancel(nil)
		c.requests.end(key)
	}
}

// respond sends what a handler has found, from the handler's own goroutine:
// unlike a letter in the outbox, it cannot be dropped.
func (c *core) respond(b *binding, id jsonrpc.ID, result jsontext.Value, failed *inputError) {
	body := jsonrpc.AppendResult(nil, id, result)
	if failed != nil {
		c.config.logger.Warn("mcpclient: a request of the server could not be answered", "err", failed)
		body = jsonrpc.AppendError(nil, id, failed.rpc())
	}
	ctx, cancel := c.config.boundHandshake(c.lifetime)
	defer cancel()
	if err := b.era.post(ctx, b, body); err != nil {
		c.config.logger.Warn("mcpclient: an answer to the server was not accepted", "err", err)
	}
}

// begin counts a request in. It reports false if there are too many, or too large ones.
func (r *serverRequests) begin(key serverRequest, one *runningRequest) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, twice := r.running[key]; twice || len(r.running) >= r.most || r.bytes+one.bytes > maxRequestBytes {
		return false
	}
	if r.running == nil {
		r.running = make(map[serverRequest]*runningRequest)
	}
	r.running[key] = one
	r.bytes += one.bytes
	return true
}

// end counts a request out. It reports whether the server still wants the answer.
func (r *serverRequests) end(key serverRequest) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.running[key]
	delete(r.running, key)
	r.bytes -= one.bytes
	return !one.unwanted
}

// takeBack marks the request under key as unwanted and returns what ends its
// handler; nil if none runs.
func (r *serverRequests) takeBack(key serverRequest) context.CancelCauseFunc {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.running[key]
	if one == nil {
		return nil
	}
	one.unwanted = true
	return one.cancel
}

// takenBack ends the handler of a request that the server has cancelled.
func (c *core) takenBack(b *binding, params jsontext.Value) {
	var p struct {
		ID jsontext.Value `json:"requestId"`
	}
	if json.Unmarshal(params, &p, unmarshalOptions) != nil {
		return
	}
	if cancel := c.requests.takeBack(serverRequest{b, string(p.ID)}); cancel != nil {
		cancel(errTakenBack)
	}
}

// errTakenBack is the cause of a handler's context when the server does not
// want the answer any more.
var errTakenBack = errors.New("the server has taken its request back")

// pages are the web pages that users were asked to open, by the ids of the
// server's requests, until the server says that a page is done with.
type pages struct {
	mu   sync.Mutex
	open map[string]chan struct{}
}

// What is remembered is bounded: servers need not ever say it.
const (
	maxPagesOpen = 1024
	maxPageID    = 1024 // bytes
)

// of returns the channel that is closed when the page is done with, nil if
// nobody will tell.
func (p *pages) of(id string) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	done, known := p.open[id]
	switch {
	case known:
		return done
	case id == "" || len(id) > maxPageID || len(p.open) >= maxPagesOpen:
		return nil
	case p.open == nil:
		p.open = make(map[string]chan struct{})
	}
	done = make(chan struct{})
	p.open[id] = done
	return done
}

// completed handles notifications/elicitation/complete. Unknown ids are ignored.
func (p *pages) completed(params jsontext.Value) {
	var notice struct {
		ID string `json:"elicitationId"`
	}
	if json.Unmarshal(params, &notice, unmarshalOptions) != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if done, known := p.open[notice.ID]; known {
		close(done)
		delete(p.open, notice.ID)
	}
}
