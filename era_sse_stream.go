package mcpclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
)

// sharedStream is the one stream of a binding over HTTP+SSE, and the table of
// those who wait for something on it. One goroutine reads it and never waits
// for anybody else. Its end is the loss of the session.
type sharedStream struct {
	core     *core
	opening  *binding    // as it was before the handshake
	header   http.Header // of every request
	endpoint *url.URL    // where to POST
	ctx      context.Context
	cancel   context.CancelCauseFunc
	binding  atomic.Pointer[binding] // opening, then what the handshake made of it
	done     chan struct{}           // closed when nothing more comes

	// The reader's, or his who opens the stream.
	body      *replyBody
	events    *sseReader
	announced string // what the endpoint event said

	mu      sync.Mutex
	waiting map[int64]*sharedCall  // by request id; until the answer is there
	tokens  map[string]*sharedCall // of waiting, those that asked for progress, by token
	loggers int                    // of waiting, those that asked for log messages
	retired *SessionError          // nothing more is sent; why
	ended   error                  // why the stream ended
}

var (
	errStreamEnded = fmt.Errorf("the event stream ended: %w", io.ErrUnexpectedEOF)
	errHungUp      = errors.New("the session was replaced, and its event stream closed, before the answer")
)

// read reads the stream to its end. The end is deferred: a hook may end this goroutine.
func (s *sharedStream) read() {
	err := errHookExit
	defer func() {
		s.body.end()
		s.end(err)
	}()
	for {
		event, next := s.events.next()
		if next != nil {
			err = s.core.streamError(next)
			return
		}
		s.take(&event)
	}
}

// end gives the session up with its stream, unless it was the client that left.
func (s *sharedStream) end(err error) {
	err = unwrapFailure(err)
	left := s.ctx.Err() != nil
	broken, ok := errors.AsType[*NetworkError](err)
	switch {
	case left:
		err = &NetworkError{Err: errHungUp}
	case err == io.EOF:
		err = &NetworkError{Err: errStreamEnded}
	case ok:
		err = &NetworkError{Err: fmt.Errorf("the event stream broke: %w", broken.Err)}
	}
	s.mu.Lock()
	s.ended = err
	close(s.done)
	s.mu.Unlock()
	s.cancel(nil)
	if !left {
		s.core.lose(s.binding.Load(), s.lost().lost)
	}
}

// lost is the refusal of what can no longer be sent; nil while the stream serves.
func (s *sharedStream) lost() *answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	why := s.retired
	switch {
	case why != nil:
	case s.ended != nil:
		why = &SessionError{Reason: s.ended.Error(), Err: s.ended, final: s.core.config.policy == ReinitializeNever}
	default:
		return nil
	}
	return &answer{httpMethod: http.MethodPost, lost: why}
}

// lossError is the error of a call that the server may be executing.
func (s *sharedStream) lossError() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fail(s.ended, DeliveryUnknown)
}

// hangUp leaves the server.
func (s *sharedStream) hangUp() { s.cancel(errHungUp) }

// retire hangs up as soon as nobody waits.
func (s *sharedStream) retire(why *SessionError) {
	s.mu.Lock()
	s.retired = why
	idle := len(s.waiting) == 0
	s.mu.Unlock()
	if idle {
		s.hangUp()
	}
}

// expect makes room for the answer to c, before anything is sent. nil: the
// session is lost.
func (s *sharedStream) expect(c *call) *sharedCall {
	x := newSharedCall(s, c)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != nil || s.retired != nil {
		return nil
	}
	s.waiting[x.id] = x
	if c.settings.token != "" {
		s.tokens[c.settings.token] = x
	}
	if c.settings.logs != nil {
		s.loggers++
	}
	return x
}

// forget takes x out of the table.
func (s *sharedStream) forget(x *sharedCall) {
	s.mu.Lock()
	s.removeLocked(x)
	left := s.retired != nil && len(s.waiting) == 0
	s.mu.Unlock()
	if left {
		s.hangUp()
	}
}

func (s *sharedStream) removeLocked(x *sharedCall) {
	if s.waiting[x.id] != x {
		return
	}
	delete(s.waiting, x.id)
	delete(s.tokens, x.call.settings.token)
	if x.call.settings.logs != nil {
		s.loggers--
	}
}
