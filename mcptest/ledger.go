package mcptest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/holdfast-mcp/mcpclient"
)

// Request is an HTTP request that arrived. It is shared by all who ask for it:
// Header and Body must not be changed.
type Request struct {
	Time       time.Time
	HTTPMethod string
	Path       string
	Header     http.Header
	Body       []byte
	Session    string // the session id that it carried, "" for none

	Method string          // JSON-RPC method, of the first message in an array; "" for an answer, GET and DELETE
	ID     json.RawMessage // id of that message, nil for a notification
	Target string          // what the method is about: a tool's or prompt's name, a resource's URI

	Status int    // HTTP status of the answer; 0: none yet, or the connection was cut before it
	Fault  string // the fault that the request met, "" for none
}

// Execution is a tool call that was executed: its handler was called.
type Execution struct {
	Time      time.Time
	Tool      string
	Arguments json.RawMessage
	Session   string
	Nonce     string // member nonce of _meta, else of the arguments: a string, or any other value as JSON; "" for none
	Count     int    // how many executions there were with this nonce, this one included; 0 without a nonce
}

// Answer is what a client answered to a request of the server.
type Answer struct {
	Time    time.Time
	Method  string // of the server's request, "" if the server has sent none with this id
	Session string
	Result  json.RawMessage // nil if Err is set
	Err     *mcpclient.RPCError
}

// ledger remembers what happened. The server's mutex guards it.
type ledger struct {
	limit      int
	requests   []*Request
	executions []Execution
	repeated   []Execution
	answers    []Answer
	cancelled  []string
	abandoned  []string
	nonces     map[string]int
	executed   int
	changed    chan struct{} // nil unless somebody waits; closed at the next change
}

func newLedger(limit int) ledger {
	return ledger{limit: max(1, limit), nonces: make(map[string]int)}
}

// trimmed drops the oldest entries once there are twice as many as are kept,
// so that each is moved at most once.
func trimmed[T any](entries []T, limit int) []T {
	if len(entries) < 2*limit {
		return entries
	}
	return slices.Clone(entries[len(entries)-limit:])
}

func newest[T any](entries []T, limit int) []T {
	return entries[max(0, len(entries)-limit):]
}

func (l *ledger) wakeLocked() {
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

func (l *ledger) requestLocked(r *Request) {
	l.requests = trimmed(append(l.requests, r), l.limit)
	l.wakeLocked()
}

func (l *ledger) executionLocked(e Execution) {
	l.executed++
	if e.Nonce != "" {
		l.nonces[e.Nonce]++
		e.Count = l.nonces[e.Nonce]
	}
	l.executions = trimmed(append(l.executions, e), l.limit)
	if e.Count > 1 {
		l.repeated = append(l.repeated, e)
	}
	l.wakeLocked()
}

// Requests returns the requests that have arrived, in their order: those of
// every kind, also refused ones.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	requests := make([]Request, 0, len(s.ledger.requests))
	for _, r := range newest(s.ledger.requests, s.ledger.limit) {
		requests = append(requests, *r)
	}
	return requests
}

// Executions returns the tool calls that were executed, in the order in which
// their handlers were called.
func (s *Server) Executions() []Execution {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(newest(s.ledger.executions, s.ledger.limit))
}

// Repeated returns the executions whose nonce had been executed before. It is
// complete whatever [History] keeps, and empty if nothing was executed twice.
func (s *Server) Repeated() []Execution {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ledger.repeated)
}

// Executed counts the tool calls that were executed.
func (s *Server) Executed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ledger.executed
}

// Answers returns what clients answered to requests of the server.
func (s *Server) Answers() []Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ledger.answers)
}

// Cancelled returns the request ids, as JSON, of the notifications/cancelled that arrived.
func (s *Server) Cancelled() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ledger.cancelled)
}

// Abandoned returns the ids, as JSON, of the requests of 2026-07-28 whose
// response was closed while they were executed: by the client, which cancels a
// request in this way, or by a fault or [Server.Restart].
func (s *Server) Abandoned() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ledger.abandoned)
}

// Await waits until condition holds. It asks at once, and again whenever a
// request arrives or is answered, a tool is executed, a session is opened or
// lost, a client begins or ends to listen, or a task changes. The condition may call the server. The error is that of ctx, or tells
// that the server was closed.
func (s *Server) Await(ctx context.Context, condition func() bool) error {
	for {
		s.mu.Lock()
		if s.ledger.changed == nil {
			s.ledger.changed = make(chan struct{})
		}
		changed := s.ledger.changed
		s.mu.Unlock()
		if condition() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.ctx.Done():
			return errors.New("mcptest: the server was closed")
		}
	}
}
