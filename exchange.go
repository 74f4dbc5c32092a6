package mcpclient

import (
	"context"
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

// attempt sends c once, on b. A nil verdict means that result is the answer.
// VerdictVerify does not come out of here: it has been settled.
func (c *core) attempt(ctx context.Context, b *binding, call *call) (jsontext.Value, *verdict) {
	result, v := c.inPlace(ctx, b, call)
	if v == nil {
		c.noteAnswer(b)
		return result, nil
	}
	if v.session == VerdictVerify {
		c.settle(ctx, b, call, v)
	}
	if v.session == VerdictAlive && v.delivery == DeliveryAnswered {
		c.noteAnswer(b)
	}
	return nil, v
}

// inPlace makes the exchange in the place that turn has taken. The place comes
// back however the exchange ends: user code that it runs, such as a progress
// callback, may panic.
func (c *core) inPlace(ctx context.Context, b *binding, call *call) (jsontext.Value, *verdict) {
	if !call.exempt {
		defer c.places.Release(1)
	}
	return c.exchange(ctx, b, call)
}

// settle turns VerdictVerify into one of the other two.
func (c *core) settle(ctx context.Context, b *binding, call *call, v *verdict) {
	v.session = VerdictAlive
	if call.probe || !call.foreign() && c.verify(ctx, b, v) {
		v.session = VerdictLost // for the probe: a medium row met twice in a row
	}
}

// noteAnswer tells the circuit that this generation works, and the retry
// budget that the server does.
func (c *core) noteAnswer(b *binding) {
	c.budget.earn()
	if c.answered.Load() < b.generation {
		c.answered.Store(b.generation)
	}
}

// exchange sends one message on b and reads its reply, in the caller's
// goroutine. It ends with the caller's context, with the session, or with the
// call's own clocks.
func (c *core) exchange(parent context.Context, b *binding, call *call) (jsontext.Value, *verdict) {
	if c.lifetime.Err() != nil { // closed since turn, or under a view; the AfterFunc below would come too late
		return nil, alive(ErrClosed, DeliveryNotSent)
	}
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	defer context.AfterFunc(c.lifetime, func() { cancel(ErrClosed) })()
	ctx, stop := c.startClocks(ctx, call, cancel)
	defer stop()

	call.id = c.nextID()
	call.attempts++
	call.generation = b.generation
	r, err := b.era.send(ctx, b, call)
	switch {
	case err != nil:
		return nil, c.broken(parent, ctx, b, call, err)
	case r.refusal != nil:
		v := b.era.judge(b, call, r.refusal)
		c.config.retry.doubt(&v)
		return nil, &v
	case call.notification:
		return nil, nil
	}
	return c.await(parent, ctx, b, call, r)
}

// startClocks bounds an exchange: by HandshakeTimeout where a healthy server
// answers at once, by the Timeout of the user's http.Client, and by the idle
// timeout of the call.
func (c *core) startClocks(ctx context.Context, call *call, cancel context.CancelCauseFunc) (context.Context, func()) {
	limit, option := c.transport.timeout, clientTimeoutOption
	if prompt(call.method) {
		limit, option = c.config.handshakeTimeout, c.config.handshakeOption
	}
	stopLimit := func() {}
	if limit > 0 {
		ctx, stopLimit = withLimit(ctx, limit, noAnswerWithin(limit, option))
	}
	if call.clock == nil {
		return ctx, stopLimit
	}
	stopClock := call.clock.start(func() { cancel(ErrIdleTimeout) })
	return ctx, func() {
		stopClock()
		stopLimit()
	}
}

// await ranges over the reply until the answer to call.
func (c *core) await(parent, ctx context.Context, b *binding, call *call, r *reply) (jsontext.Value, *verdict) {
	others := 0
	for m, err := range r.messages {
		if c.lifetime.Err() != nil { // what the server says now may be the echo of our own DELETE
			return nil, alive(ErrClosed, DeliveryUnknown)
		}
		if err != nil {
			return nil, c.broken(parent, ctx, b, call, err)
		}
		call.clock.touch()
		switch {
		case isAnswerTo(m, call.id) && m.Err != nil:
			v := b.era.judge(b, call, newErrorAnswer(m, call.id, b.id))
			return nil, &v
		case isAnswerTo(m, call.id) && m.Result == nil:
			return nil, alive(&ProtocolError{Reason: "the answer has neither a result nor an error"}, DeliveryUnknown)
		case isAnswerTo(m, call.id):
			return m.Result, nil
		case others >= c.config.limits.Notifications:
			return nil, alive(c.tooManyNotifications(), DeliveryUnknown)
		case m.Method == "":
			others++
			call.stray(m)
			c.counters.strays.Add(1)
		default:
			others++
			c.route(ctx, b, call, m)
		}
	}
	return nil, c.broken(parent, ctx, b, call, fail(call.unanswered(), DeliveryUnknown))
}

// tooManyNotifications ends a reply that would not end by itself. Whatever is
// not the answer counts: a flood of strays or of empty events is no better.
func (c *core) tooManyNotifications() error {
	limit := c.config.limits.Notifications
	return &LimitError{What: "the number of notifications on one reply (Limits.Notifications)", Limit: int64(limit)}
}

func alive(err error, d Delivery) *verdict {
	return &verdict{session: VerdictAlive, err: err, delivery: d}
}

// isAnswerTo compares ids; an error without a usable id can only concern the
// one request that its HTTP exchange carried.
func isAnswerTo(m *jsonrpc.Message, id int64) bool {
	return m.Method == "" && (m.ID.Is(id) || m.Err != nil && !m.ID.Usable())
}

// broken types the end of an exchange that brought no answer. The caller's own
// context comes first: a cancellation is never reported as a network failure.
// If nobody waits any more for a request that may be running, the server is told.
func (c *core) broken(parent, ctx context.Context, b *binding, call *call, err error) *verdict {
	if refused, ok := errors.AsType[*resumeRefusedError](err); ok {
		return c.resumeFailed(b, call, refused.answer)
	}
	v := alive(unwrapFailure(err), deliveryIn(err))
	switch {
	case parent.Err() != nil:
		v.err = contextError(parent)
	case c.lifetime.Err() != nil: // ctx follows a moment later
		v.err = ErrClosed
	case ctx.Err() != nil:
		v.err = context.Cause(ctx)
	default:
		return v
	}
	switch {
	case v.delivery == DeliveryNotSent, v.delivery == DeliveryRefused: // then the Authorizer was at work on a refusal
	case !call.notification && c.current.Load() == b:
		b.era.abandon(b, call)
	}
	return v
}

// resumeFailed ends a call whose stream could not be taken up again. Its
// outcome is unknown; whether the session is gone is verified for the others.
func (c *core) resumeFailed(b *binding, call *call, a *answer) *verdict {
	suspicious := b.era.judge(b, call, a).session != VerdictAlive && !call.probe
	if suspicious && c.current.Load() == b { // of an older session nothing is left to find out
		c.verifyLater(b)
	}
	return alive(a.httpError(), DeliveryUnknown)
}
