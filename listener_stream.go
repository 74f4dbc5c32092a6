package mcpclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

// subscribe keeps a stream of the listener's own, where there are no sessions.
// It lasts as long as one response, and the server remembers nothing of it:
// each time all is asked for anew.
func (l *listener) subscribe(ctx context.Context, b *binding, again *bool) error {
	worked := false
	for {
		began := time.Now()
		s := &ownStream{listener: l, binding: b, again: again, worked: worked}
		err := s.read(ctx)
		worked = s.worked
		switch {
		case l.isOver(b):
			return nil
		case err != nil && !s.comesAgain(err):
			return err
		}
		l.pace.ended(err == nil && (s.heard || time.Since(began) >= settledAfter))
		l.core.config.logger.Debug("mcpclient: a subscription is to be opened again", "err", err)
		if !l.core.pause(ctx, l.pace.wait(0, err)) {
			return nil
		}
	}
}

// ownStream is one connection of a listener's own.
type ownStream struct {
	listener *listener
	binding  *binding
	again    *bool

	worked   bool   // on this or an earlier connection the server has acknowledged
	heard    bool   // the server has said something
	acked    bool   // it has acknowledged on this connection
	name     string // how the server calls the subscription; "": not said
	doubtful bool   // whether the server still is who it was could not be found out
}

// read opens the stream and reads it to its end, of which there are many kinds:
// the answer or an error, the server's word, or that of the network. nil: a good one.
func (s *ownStream) read(ctx context.Context) error {
	l, b := s.listener, s.binding
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f := &feed{filter: l.filter.askable(b)}
	if f.filter.isEmpty() {
		return fail(errNothingOffered, DeliveryNotSent)
	}
	r, err := b.era.feed(ctx, b, f)
	switch {
	case err != nil:
		return err
	case r.refusal != nil:
		return s.refused(ctx, r.refusal)
	}
	for m, err := range r.messages {
		switch {
		case err != nil:
			return err
		case isAnswerTo(m, f.id) && m.Err != nil:
			return s.refused(ctx, newErrorAnswer(m, f.id, b.id))
		case isAnswerTo(m, f.id), endsSubscription(m):
			return nil
		case m.Method == "":
			l.core.counters.strays.Add(1)
			continue
		}
		if err := s.take(m, f.filter); err != nil {
			return err
		}
	}
	return nil
}

// take handles a notification. Those of another subscription are none of ours,
// whoever mixed them up.
func (s *ownStream) take(m *jsonrpc.Message, asked Filter) error {
	s.heard = true
	name := subscriptionOf(m)
	accepted, isAck := acknowledgement(m, asked)
	switch {
	case isAck && !s.acked:
		s.acked, s.worked, s.name = true, true, name
		s.listener.pace.opened()
		if accepted.isEmpty() {
			return fail(errNothingOffered, DeliveryAnswered)
		}
		s.listener.established(s.binding, accepted, s.again)
	case isAck:
	case s.name != "" && name != "" && name != s.name:
		s.listener.core.counters.strays.Add(1)
	default:
		s.listener.noticed(s.binding, m)
	}
	return nil
}

// refused judges a refusal. nil: the server is of another era now, and the
// binding is lost.
func (s *ownStream) refused(ctx context.Context, a *answer) error {
	core, b := s.listener.core, s.binding
	v := b.era.judge(b, new(call), a)
	if v.session == VerdictVerify {
		v.session = VerdictAlive
		lost, certain := core.verifyAnew(ctx, b)
		if s.doubtful = !certain; lost {
			v.session = VerdictLost
		}
	}
	if v.session == VerdictLost {
		core.lose(b, v.lost)
		return nil
	}
	unknown := a.rpc != nil && a.rpc.Code == codeMethodNotFound
	switch a.status {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		unknown = unknown || a.rpc == nil && !s.worked && !s.doubtful
	}
	if unknown {
		return fail(fmt.Errorf("the server offers no subscriptions: %w: %w", ErrUnsupported, v.err), v.delivery)
	}
	return fail(v.err, v.delivery)
}

// comesAgain tells from the end of a connection whether another is worth while.
func (s *ownStream) comesAgain(err error) bool {
	refused, isHTTP := errors.AsType[*HTTPError](err)
	rpc, isRPC := errors.AsType[*RPCError](err)
	broken, isBroken := errors.AsType[*ProtocolError](err)
	switch {
	case is[*AuthorizationError](err):
		return authorizationPasses(err)
	case errors.Is(err, ErrUnsupported), errors.Is(err, ErrUnauthorized):
		return false
	case s.doubtful, is[*NetworkError](err), isBroken && broken.ended:
		return true
	case isHTTP:
		return s.worked || transientStatus(refused.StatusCode) || refused.StatusCode >= http.StatusInternalServerError
	case isRPC:
		return rpc.Code != codeInvalidParams && rpc.Code != codeMissingCapability
	default:
		return s.worked
	}
}
