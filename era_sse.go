package mcpclient

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
)

const sseEraName = "sse"

// sseEra speaks HTTP+SSE, the transport of version 2024-11-05 with two
// endpoints: a GET whose stream carries all that the server says, and the URI
// to POST to, which is the first thing said there. The session is that stream;
// there is no session header, no version header, no resumption and no DELETE.
// All that is not the transport's it has in common with sessionEra.
type sseEra struct{ sessionEra }

func newSSEEra(c *core) *sseEra { return &sseEra{sessionEra{core: c}} }

func (e *sseEra) name() string { return sseEraName }

// open attaches to the stream and performs the handshake over it.
func (e *sseEra) open(ctx context.Context, at *url.URL, generation uint64) (*binding, error) {
	s, err := e.attach(ctx, at, generation)
	if err != nil {
		return nil, err
	}
	return e.introduce(ctx, s)
}

// send posts one message. Its answer comes on the stream of the binding, before
// or after that of the POST.
func (e *sseEra) send(ctx context.Context, b *binding, c *call) (*reply, error) {
	s := b.shared
	post := s.newPost(c)
	if c.notification {
		if why := s.lost(); why != nil {
			return &reply{refusal: why}, nil
		}
		p := s.send(ctx, post, 0)
		return &reply{refusal: p.refusal}, p.err
	}
	x := s.expect(c)
	if x == nil {
		return &reply{refusal: s.lost()}, nil
	}
	x.post(ctx, post)
	r, err := x.accepted(ctx)
	if err != nil || r.refusal != nil {
		x.finish()
	}
	return r, err
}

// judge: where Streamable HTTP asks whether a request carried the session, here
// each one does, since it went to the URI that is the session's alone.
func (e *sseEra) judge(b *binding, c *call, a *answer) verdict {
	if a.lost != nil {
		return verdict{session: VerdictLost, lost: a.lost, err: a.lost, delivery: DeliveryNotSent}
	}
	return e.core.judgeSession(b, c, a, true)
}

// feed has nothing to open: what belongs to no call comes on the stream that
// the session has, and goes from its reader to core.route.
func (e *sseEra) feed(context.Context, *binding, *feed) (*reply, error) { return nil, errNoFeed }

// post sends a message that expects no reply.
func (e *sseEra) post(ctx context.Context, b *binding, body []byte) error {
	s := b.shared
	if why := s.lost(); why != nil {
		return why.lost
	}
	p := s.send(ctx, &httpRequest{header: s.header, body: body, auth: e.core.credentials(b, new(call))}, 0)
	if p.refusal != nil {
		return &HTTPError{StatusCode: p.refusal.status}
	}
	return p.err
}

// adopt fails: a session that is a connection ends with the process that has it.
func (e *sseEra) adopt(SessionState, *url.URL) (*binding, error) {
	return nil, fmt.Errorf("a session over HTTP+SSE is the connection of the process that opened it, and ended with it: use Connect: %w", ErrUnsupported)
}

// close hangs up, which is all that this transport has to say at the end, and
// waits for the reader.
func (e *sseEra) close(ctx context.Context, b *binding) error {
	b.shared.hangUp()
	select {
	case <-b.shared.done:
		return nil
	case <-ctx.Done():
		return contextError(ctx)
	}
}

// retire is for a binding that has been lost: nothing more is sent on it. What
// the server is executing may still be answered, so a stream that lives on is
// left with the last call that waits for it.
func (b *binding) retire(why *SessionError) {
	if b.shared != nil {
		b.shared.retire(why)
	}
}

// loseEnded loses b if its stream ended before b became the current binding:
// what the reader said of it then was said of a stranger.
func (c *core) loseEnded(b *binding) {
	if b.shared == nil {
		return
	}
	if why := b.shared.lost(); why != nil {
		c.lose(b, why.lost)
	}
}

// newPost is the POST of c.
func (s *sharedStream) newPost(c *call) *httpRequest {
	header := s.header
	if len(c.header) > 0 {
		header = maps.Clone(header)
		maps.Copy(header, c.header)
	}
	return &httpRequest{
		header: header, body: c.encode(c.method, c.raw), repeatable: repeatable(c.method),
		auth: s.core.credentials(s.binding.Load(), c),
	}
}

// posted is what became of a POST: accepted, which is the zero value, refused,
// or failed.
type posted struct {
	refusal *answer
	err     error
}

// send makes the exchange of a POST, whose request has this id. Any 2xx accepts
// it, whatever it says.
func (s *sharedStream) send(ctx context.Context, r *httpRequest, id int64) posted {
	r.method, r.url, r.jar, r.secret = http.MethodPost, s.endpoint, s.opening.jar, s.opening.id
	reply, err := s.core.transport.roundTrip(ctx, r)
	switch {
	case err != nil:
		return posted{err: err}
	case !reply.succeeded():
		return posted{refusal: newAnswer(http.MethodPost, reply, id, s.opening.id)}
	}
	reply.body.discard()
	return posted{}
}
