package mcpclient

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

const (
	// noticeQueue is how many notifications wait for a call whose callbacks are
	// slow; noticeBytes is what they may add up to, the first aside.
	noticeQueue = 64
	noticeBytes = 256 << 10
	// lossGrace is how long a call waits, after the end of the stream, for what
	// becomes of its POST: a refusal proves more than the end does.
	lossGrace = time.Second
)

// sharedCall is a request whose answer comes on the shared stream. Its POST is
// made in a goroutine that ends before the call returns: server and stream may
// be well ahead of the response, and the callbacks belong to the caller's own.
type sharedCall struct {
	stream  *sharedStream
	call    *call
	id      int64
	notices chan *jsonrpc.Message // nil if the call wants none
	answer  chan arrival          // holds one, and gets no more
	posted  chan posted           // holds one
	endPost context.CancelCauseFunc
	waiting atomic.Int64 // bytes in notices

	heard chan struct{} // closed when the server is at work on the request
	begun bool          // heard is closed; the reader's own

	// The caller's own.
	pending bool     // the POST has not been answered
	got     *arrival // taken from answer
}

// arrival is the answer, or why it cannot be read.
type arrival struct {
	message *jsonrpc.Message
	err     error
}

func newSharedCall(s *sharedStream, c *call) *sharedCall {
	x := &sharedCall{stream: s, call: c, id: c.id, answer: make(chan arrival, 1), posted: make(chan posted, 1), heard: make(chan struct{})}
	if c.settings.progress != nil || c.settings.logs != nil {
		x.notices = make(chan *jsonrpc.Message, noticeQueue)
	}
	return x
}

// post sends the request.
func (x *sharedCall) post(ctx context.Context, r *httpRequest) {
	ctx, x.endPost = context.WithCancelCause(ctx)
	x.pending = true
	go func() {
		p := posted{err: errHookExit} // of the caller's http.RoundTripper
		defer func() { x.posted <- p }()
		p = x.stream.send(ctx, r, x.id)
	}()
}

// accepted waits until the server has the request: it says so by its response
// to the POST, or by what it sends on the stream.
func (x *sharedCall) accepted(ctx context.Context) (*reply, error) {
	whole := &reply{messages: func(yield func(*jsonrpc.Message, error) bool) { x.messages(ctx, yield) }}
	select {
	case <-x.heard:
	case p := <-x.posted:
		x.pending = false
		switch {
		case p == posted{}, x.answered(ctx, p):
		case p.refusal != nil:
			return &reply{refusal: p.refusal}, nil
		default:
			return nil, p.err
		}
	case <-x.stream.done:
		if !x.answered(ctx, posted{}) {
			return x.unanswered(ctx)
		}
	}
	return whole, nil
}

// answered reports whether the answer is there. It outranks what became of the
// POST, and may be on its way where that has been cut.
func (x *sharedCall) answered(ctx context.Context, p posted) bool {
	if x.got != nil {
		return true
	}
	wait := time.Duration(0)
	if p.err != nil && deliveryIn(p.err) == DeliveryUnknown && ctx.Err() == nil {
		wait = drainWait
	}
	select {
	case a := <-x.answer:
		x.got = &a
	default:
		if wait == 0 {
			break
		}
		moment := time.NewTimer(wait)
		defer moment.Stop()
		select {
		case a := <-x.answer:
			x.got = &a
		case <-moment.C:
		case <-ctx.Done():
		case <-x.stream.done:
			return x.answered(ctx, posted{})
		}
	}
	return x.got != nil
}

// unanswered is how a request ends whose stream is over before anything came:
// with a refusal if its POST still gets one, and with that of an unsent request
// if it did not even leave.
func (x *sharedCall) unanswered(ctx context.Context) (*reply, error) {
	grace := time.NewTimer(lossGrace)
	defer grace.Stop()
	select {
	case p := <-x.posted:
		x.pending = false
		switch {
		case p.refusal != nil:
			return &reply{refusal: p.refusal}, nil
		case ctx.Err() != nil && p.err != nil:
			return nil, p.err
		case p.err != nil && deliveryIn(p.err) == DeliveryNotSent:
			return &reply{refusal: x.stream.lost()}, nil
		}
	case <-grace.C:
	case <-ctx.Done():
		return nil, fail(context.Cause(ctx), DeliveryUnknown)
	}
	return nil, x.stream.lossError()
}

// messages ranges over what the server says on the request, the answer last.
func (x *sharedCall) messages(ctx context.Context, yield func(*jsonrpc.Message, error) bool) {
	defer x.finish()
	for {
		m, err := x.next(ctx)
		if !yield(m, err) || err != nil || m.Method == "" {
			return
		}
	}
}

// next returns the next message. Notifications that came before the answer, or
// before the end, come before it.
func (x *sharedCall) next(ctx context.Context) (*jsonrpc.Message, error) {
	over := false
	for {
		select {
		case m := <-x.notices:
			if x.took(m) {
				return m, nil
			}
			continue
		default:
		}
		switch {
		case x.answered(ctx, posted{}):
			return x.got.message, x.got.err
		case over:
			return nil, x.stream.lossError()
		}
		select {
		case m := <-x.notices:
			if x.took(m) {
				return m, nil
			}
		case a := <-x.answer:
			x.got = &a
		case p := <-x.posted:
			x.pending = false
			if bad := p.failure(); bad != nil && !x.answered(ctx, p) {
				return nil, bad
			}
		case <-x.stream.done:
			over = true
		case <-ctx.Done():
			return nil, fail(context.Cause(ctx), DeliveryUnknown)
		}
	}
}

// took takes m from the count of what waits. Log messages end here: they are
// told to each call that wants some, and only once to everybody else.
func (x *sharedCall) took(m *jsonrpc.Message) (goesOn bool) {
	x.waiting.Add(-int64(len(m.Params)))
	if m.Method != logNotice {
		return true
	}
	x.call.clock.touch()
	x.call.log(m.Params)
	return false
}

// failure is what a POST's fate means for a request that the server is known
// to be at work on. nil: nothing.
func (p posted) failure() error {
	switch {
	case p.err != nil:
		return fail(unwrapFailure(p.err), DeliveryUnknown)
	case p.refusal != nil:
		return fail(p.refusal.httpError(), DeliveryUnknown)
	default:
		return nil
	}
}

// finish ends the request. Its POST gets a moment to end by itself, if the
// server has answered: a connection that is closed before the end of its
// response cannot be used again.
func (x *sharedCall) finish() {
	x.stream.forget(x)
	if x.pending && x.got != nil {
		moment := time.AfterFunc(drainWait, func() { x.endPost(errCutShort) })
		defer moment.Stop()
	} else {
		x.endPost(errCutShort)
	}
	if x.pending {
		<-x.posted
		x.pending = false
	}
	x.endPost(nil)
}
