package mcpclient

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

// take hands on what an event carries. Events of other names mean nothing to
// us; a further endpoint least of all.
func (s *sharedStream) take(event *sseEvent) {
	if !event.isMessage() {
		return
	}
	messages, err := jsonrpc.Decode(event.data)
	if err != nil {
		s.misread(event.data, err)
		return
	}
	for i := range messages {
		s.deliver(&messages[i])
	}
}

// deliver finds out whose m is. The bytes of m are reused: who is to keep them
// gets a copy.
func (s *sharedStream) deliver(m *jsonrpc.Message) {
	switch m.Method {
	case "":
		id, _ := m.ID.Int64()
		s.answer(id, arrival{message: m})
	case "notifications/progress":
		s.report(m)
	case logNotice:
		s.log(m)
		fallthrough
	default:
		var asking *call
		if m.IsRequest() {
			asking = s.only()
		}
		s.core.route(s.ctx, s.binding.Load(), asking, m)
	}
}

// only returns the call that waits if it is the only one: it is the one that the
// server asks something for. nil: nothing tells which one is.
func (s *sharedStream) only() *call {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 1 {
		for _, x := range s.waiting {
			return x.call
		}
	}
	return nil
}

// answer ends the wait of the request that it answers. Only the first answer counts.
func (s *sharedStream) answer(id int64, a arrival) {
	s.mu.Lock()
	x := s.waiting[id]
	if x != nil {
		s.removeLocked(x)
	}
	s.mu.Unlock()
	if x == nil {
		s.core.counters.strays.Add(1)
		return
	}
	x.take(a)
}

// report hands progress to the call that it is about, whose own goroutine runs
// the callback: here a slow one would hold up everybody.
func (s *sharedStream) report(m *jsonrpc.Message) {
	var p struct {
		Token jsontext.Value `json:"progressToken"`
	}
	var token string
	if json.Unmarshal(m.Params, &p, unmarshalOptions) != nil || json.Unmarshal(p.Token, &token) != nil {
		return // not one of ours
	}
	s.mu.Lock()
	x := s.tokens[token]
	s.mu.Unlock()
	if x != nil {
		x.begin()
		x.note(m)
	}
}

// log hands a log message to every call that wants some: which of them it is
// about, nothing tells.
func (s *sharedStream) log(m *jsonrpc.Message) {
	s.mu.Lock()
	var listeners []*sharedCall
	if s.loggers > 0 {
		for _, x := range s.waiting {
			if x.call.settings.logs != nil {
				listeners = append(listeners, x)
			}
		}
	}
	s.mu.Unlock()
	for _, x := range listeners {
		x.note(m)
	}
}

// take gives the call its answer.
func (x *sharedCall) take(a arrival) {
	if a.message != nil {
		a.message = cloneMessage(a.message)
	}
	x.answer <- a
	x.begin()
}

// note queues a notification for the call. One that finds no room is let go: the
// caller is busy with others.
func (x *sharedCall) note(m *jsonrpc.Message) {
	size := int64(len(m.Params))
	if before := x.waiting.Add(size) - size; before == 0 || before+size <= noticeBytes {
		select {
		case x.notices <- cloneMessage(m):
			return
		default:
		}
	}
	x.waiting.Add(-size)
	x.stream.core.dropped("notifications whose call is busy with others", nil)
}

// begin tells the call that the server is at work on it: it speaks of it.
func (x *sharedCall) begin() {
	if !x.begun {
		x.begun = true
		close(x.heard)
	}
}

// cloneMessage copies what came with an event, for somebody to keep.
func cloneMessage(m *jsonrpc.Message) *jsonrpc.Message {
	clone := *m
	clone.ID = m.ID.Clone()
	clone.Params, clone.Result = bytes.Clone(m.Params), bytes.Clone(m.Result)
	if m.Err != nil {
		failed := *m.Err
		failed.Data = bytes.Clone(m.Err.Data)
		clone.Err = &failed
	}
	return &clone
}

// misread passes over an event that cannot be read. If that much can be read
// that it answers a request, the call fails: no other answer will come.
func (s *sharedStream) misread(data []byte, err error) {
	err = unreadable("an event of the stream", err, s.opening.id)
	s.core.dropped("what cannot be read", err)
	if id, ok := answeredIn(data); ok {
		s.answer(id, arrival{err: fail(err, DeliveryUnknown)})
	}
}

// answeredIn returns the id of the request that a malformed message answers, if
// it says both, that it answers and whom, before what is malformed.
func answeredIn(data []byte) (id int64, ok bool) {
	dec := jsontext.NewDecoder(bytes.NewReader(data), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	if begin, err := dec.ReadToken(); err != nil || begin.Kind() != jsontext.KindBeginObject {
		return 0, false
	}
	named, answers := false, false
	for !named || !answers {
		name, err := dec.ReadToken()
		if err != nil || name.Kind() != jsontext.KindString {
			return 0, false
		}
		switch name.String() {
		case "method": // a request of the server, which counts its own ids
			return 0, false
		case "result", "error":
			if answers = true; named {
				return id, true
			}
		case "id":
			value, err := dec.ReadValue()
			if err != nil {
				return 0, false
			}
			if id, named = idOf(value); !named {
				return 0, false
			}
			continue
		}
		if dec.SkipValue() != nil {
			return 0, false
		}
	}
	return id, true
}

func idOf(value jsontext.Value) (int64, bool) {
	messages, err := jsonrpc.Decode(slices.Concat([]byte(`{"id":`), value, []byte(`}`)))
	if err != nil {
		return 0, false
	}
	return messages[0].ID.Int64()
}
