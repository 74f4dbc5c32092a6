package mcpclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"time"

	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

const (
	// maxFruitlessResumes bounds the GETs in a row that bring no new event id.
	// One that does starts the count anew: a polling server may close every
	// 30 s for hours.
	maxFruitlessResumes = 5
	minRetryWait        = 100 * time.Millisecond
	maxRetryWait        = 60 * time.Second
)

// stream is one reply as server-sent events. A resumable one may outlive its
// connection: if the server gave event ids, a stream that ended or broke before
// the answer is taken up by GET with Last-Event-ID (Streamable HTTP,
// resumability; sessions only). The POST itself is never repeated for that.
type stream struct {
	core    *core
	ctx     context.Context // of the exchange; the stream lives as long as its loop
	binding *binding
	call    *call
	body    *replyBody

	resumable bool
	place     streamPlace
	fruitless int   // GETs in a row without a new event id
	useless   int   // events without a message
	malformed error // the last event that could not be read
}

// streamPlace is where a stream ended, and what a resumption needs.
type streamPlace struct {
	lastID string
	retry  time.Duration // as the server asked for; 0: it did not
}

func (s *stream) messages(yield func(*jsonrpc.Message, error) bool) {
	for {
		done, err := s.drain(yield)
		if done {
			return
		}
		if !s.resumable || s.place.lastID == "" || s.ctx.Err() != nil {
			yield(nil, s.ended(err))
			return
		}
		if err := s.resume(); err != nil {
			yield(nil, err)
			return
		}
	}
}

// drain yields the messages of the present connection. done: the consumer has
// what it wants, or met an error that no resumption mends.
func (s *stream) drain(yield func(*jsonrpc.Message, error) bool) (done bool, err error) {
	defer func() { s.body.discard() }()
	events := newSSEReader(s.body, s.core.config.maxMessageSize)
	for {
		event, err := events.next()
		if err == nil {
			s.note(&event)
		}
		messages, err := s.decode(&event, err)
		switch {
		case is[*LimitError](err):
			yield(nil, fail(err, DeliveryUnknown))
			return true, nil
		case err != nil:
			return false, err
		}
		for i := range messages {
			if !yield(&messages[i], nil) {
				return true, nil
			}
		}
	}
}

// decode returns the messages of an event. One that cannot be read is passed
// over: the answer may still come. Those over a limit end the stream, and so do
// too many that say nothing.
func (s *stream) decode(event *sseEvent, err error) ([]jsonrpc.Message, error) {
	if err != nil {
		return nil, s.core.streamError(err)
	}
	if event.isMessage() { // else a priming event, at best
		messages, err := jsonrpc.Decode(event.data)
		if err == nil {
			return messages, nil
		}
		if bad := unreadable("an event of the reply", err, s.binding.id); is[*LimitError](bad) {
			return nil, bad
		}
		s.malformed = err
	}
	if s.useless++; s.useless > s.core.config.limits.Notifications {
		return nil, s.core.tooManyNotifications()
	}
	return nil, nil
}

// streamError types an error of the reader.
func (c *core) streamError(err error) error {
	switch {
	case errors.Is(err, errEventTooLarge):
		return &LimitError{What: "a server-sent event (Client.MaxMessageSize)", Limit: c.config.maxMessageSize}
	case errors.Is(err, errNoEvent):
		return &LimitError{What: "what an event stream carries between two events", Limit: sseMaxSilence}
	default:
		return err
	}
}

// isMessage reports whether the event is one that carries messages.
func (e *sseEvent) isMessage() bool {
	return (e.name == "" || e.name == "message") && len(e.data) > 0
}

// note keeps what a resumption needs.
func (s *stream) note(event *sseEvent) {
	if event.hasID {
		if event.id != s.place.lastID {
			s.fruitless = 0
		}
		s.place.lastID = event.id
	}
	if event.hasRetry {
		s.place.retry = min(max(event.retry, minRetryWait), maxRetryWait)
	}
}

// ended is the error of a stream that is over without the answer.
func (s *stream) ended(err error) error {
	switch {
	case err != io.EOF:
		return err
	case s.malformed != nil:
		return fail(unreadable("an event of the reply", s.malformed, s.binding.id), DeliveryUnknown)
	default:
		return fail(s.call.unanswered(), DeliveryUnknown)
	}
}

// resume takes the stream up again. Its errors end the call, with an unknown
// outcome: the server has accepted the request long ago.
func (s *stream) resume() error {
	var last error
	for s.fruitless < s.patience(last) {
		if err := s.pause(last); err != nil {
			return err
		}
		s.fruitless++
		r, err := s.get()
		if err != nil {
			if s.ctx.Err() != nil {
				return fail(context.Cause(s.ctx), DeliveryUnknown)
			}
			last = err
			continue
		}
		if r.succeeded() && r.isEventStream() {
			s.body = r.body
			return nil
		}
		if r.succeeded() {
			defer r.body.discard()
			return fail(wrongContentType(r, s.binding.id), DeliveryUnknown)
		}
		a := newAnswer(http.MethodGet, r, s.call.id, s.binding.id)
		a.resumed = true
		if !transientStatus(a.status) && a.status != http.StatusInternalServerError {
			return &resumeRefusedError{answer: a}
		}
		last = a.httpError()
	}
	if last == nil && s.malformed != nil {
		last = unreadable("an event of the reply", s.malformed, s.binding.id) // perhaps the answer
	}
	if last == nil && s.call.strays > 0 {
		last = s.call.unanswered()
	}
	if last == nil {
		last = &ProtocolError{Reason: fmt.Sprintf("the stream was taken up %d times and brought nothing new", s.fruitless)}
	}
	return fail(unwrapFailure(last), DeliveryUnknown)
}

// patience is how often the stream is taken up again and brings nothing new. A
// server that has said what was perhaps the answer, though nobody can read it or
// under another id, has hardly more to say; and a call that may be executed
// twice is better sent again. Not so while the server cannot be reached at all.
func (s *stream) patience(unreachable error) int {
	switch {
	case unreachable != nil:
		return maxFruitlessResumes
	case s.malformed != nil, s.call.strays > 0:
		return 1
	case repeatable(s.call.method), s.call.settings.idempotent:
		return 2
	default:
		return maxFruitlessResumes
	}
}

// pause waits as the server asked by retry or Retry-After, else with backoff.
func (s *stream) pause(last error) error {
	wait := s.place.retry
	if wait == 0 {
		wait = fullJitter(500*time.Millisecond, s.fruitless, 10*time.Second)
	}
	if asked, ok := retryAfterOf(last); ok {
		wait = min(max(wait, asked), maxRetryAfter)
	}
	if !s.core.pause(s.ctx, wait) {
		return fail(context.Cause(s.ctx), DeliveryUnknown)
	}
	return nil
}

func (s *stream) get() (*httpReply, error) {
	header := maps.Clone(s.binding.header)
	maps.Copy(header, s.call.header)
	header.Del("Content-Type")
	header.Set("Accept", "text/event-stream")
	if s.place.lastID != "" {
		header.Set("Last-Event-ID", s.place.lastID)
	}
	return s.core.transport.roundTrip(s.ctx, &httpRequest{
		method: http.MethodGet, url: s.binding.endpoint, header: header, jar: s.binding.jar, secret: s.binding.id,
		repeatable: true, headerWait: s.core.config.handshakeTimeout, silence: s.core.config.silence(),
		auth: s.core.credentials(s.binding, s.call),
	})
}

// resumeRefusedError tells the session that a stream could not be taken up again.
// The call ends with an unknown outcome; whether the session is gone is for
// the session to find out.
type resumeRefusedError struct{ answer *answer }

func (e *resumeRefusedError) Error() string { return e.answer.httpError().Error() }
