package mcpclient

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxEndpoint bounds the URI of an endpoint event, in bytes. Servers refuse
// longer request lines.
const maxEndpoint = 8 << 10

// attach opens the stream and waits for its endpoint event. What shows that
// the URL is none of this transport is an *otherEraError.
func (e *sseEra) attach(ctx context.Context, at *url.URL, generation uint64) (*sharedStream, error) {
	bounded, release := e.core.config.boundHandshake(ctx)
	defer release()
	s := newSharedStream(e, at, generation)
	unbind := context.AfterFunc(bounded, func() { s.cancel(context.Cause(bounded)) })
	if err := s.get(); err != nil {
		s.cancel(nil)
		return nil, err
	}
	err := s.meet()
	if !unbind() && err == nil {
		err = fail(context.Cause(bounded), DeliveryUnknown)
	}
	if is[*timeoutError](err) && ctx.Err() == nil {
		err = notThisEra("no endpoint event came within %v", e.core.config.handshakeTimeout)
	}
	if err != nil {
		s.drop()
		return nil, err
	}
	return s, nil
}

// drop ends a stream that nobody reads.
func (s *sharedStream) drop() {
	s.hangUp()
	s.body.end()
}

// notThisEra is the error of an answer to the GET that no server of this
// transport gives.
func notThisEra(format string, args ...any) error {
	return &otherEraError{fail(&ProtocolError{Reason: "HTTP+SSE: " + fmt.Sprintf(format, args...)}, DeliveryUnknown)}
}

// get sends the GET that opens the stream, and with it the session.
func (s *sharedStream) get() error {
	header := s.header.Clone()
	header.Del("Content-Type")
	header.Set("Accept", "text/event-stream")
	r, err := s.core.transport.roundTrip(s.ctx, &httpRequest{
		method: http.MethodGet, url: s.opening.endpoint, header: header, jar: s.opening.jar, repeatable: true,
		auth: s.core.credentials(s.opening, new(call)),
	})
	switch {
	case err != nil:
		return err
	case !r.succeeded():
		a := newAnswer(http.MethodGet, r, 0, "")
		a.opening = true
		delivery, err := a.ordinary()
		if err = fail(err, delivery); mayBeOlder(a.status) {
			err = &otherEraError{err}
		}
		return err
	case !r.isEventStream():
		defer r.body.discard()
		return notThisEra("the answer to the GET is %s, no event stream", quote(r.mediaType()))
	}
	s.opening.endpoint = r.url
	s.body, s.events = r.body, newSSEReader(r.body, s.core.config.maxMessageSize)
	return nil
}

// meet reads up to the endpoint event, before which no message may come.
func (s *sharedStream) meet() error {
	for {
		event, err := s.events.next()
		switch {
		case err == io.EOF:
			return notThisEra("the event stream ended before the endpoint event")
		case err != nil:
			return s.core.streamError(err)
		case event.name == "endpoint":
			s.announced = strings.TrimSpace(string(event.data))
			return nil
		case event.isMessage():
			return notThisEra("the event stream begins with a message, where the endpoint event has to come first")
		}
	}
}

// endpointOf resolves what an endpoint event holds against the URL of its
// stream. Credentials go to where messages go, so that must be the same origin.
func endpointOf(stream *url.URL, text string) (*url.URL, error) {
	at, err := stream.Parse(text)
	switch {
	case text == "", len(text) > maxEndpoint, err != nil:
		return nil, &ProtocolError{Reason: "HTTP+SSE: the endpoint event holds no usable URI: " + quote(text)}
	case !sameOrigin(at, stream), at.User != nil:
		at.User = nil
		return nil, &ProtocolError{Reason: "HTTP+SSE: the endpoint event names another origin, to which credentials would follow: " + quote(withoutSecrets(at.String()))}
	}
	at.Fragment = ""
	return at, nil
}

// sessionIn returns the session id that an endpoint URI holds: servers name the
// parameter as they like, so it is the longest there is. It serves to tell
// sessions apart, and to keep it out of errors.
func sessionIn(endpoint *url.URL) string {
	longest := ""
	for _, values := range endpoint.Query() {
		for _, value := range values {
			if len(value) > len(longest) || len(value) == len(longest) && value > longest {
				longest = value
			}
		}
	}
	return longest
}

// introduce performs the handshake over a stream. Whatever comes of it, the
// server has shown that it is of this era.
func (e *sseEra) introduce(ctx context.Context, s *sharedStream) (*binding, error) {
	var err error
	if s.endpoint, err = endpointOf(s.opening.endpoint, s.announced); err != nil {
		s.drop()
		return nil, fail(err, DeliveryUnknown)
	}
	s.opening.id = sessionIn(s.endpoint)
	if !e.core.spawn("event stream", s.read) {
		s.drop()
		return nil, fail(ErrClosed, DeliveryUnknown)
	}
	b, err := e.core.openSession(ctx, func(ctx context.Context, version string) (*binding, error) {
		return e.greet(ctx, s, version)
	})
	if err != nil {
		s.hangUp()
		return nil, withoutEra(err)
	}
	return b, nil
}

// greet sends the first request. The binding is a new one, complete before the
// reader gets to see it: it may be routing messages meanwhile.
func (e *sseEra) greet(ctx context.Context, s *sharedStream, version string) (*binding, error) {
	ctx, release := e.core.config.boundHandshake(ctx)
	defer release()
	c, err := e.core.newInitialize(version)
	if err != nil {
		return nil, err
	}
	b := e.core.newBinding(e, s.opening.endpoint, s.opening.generation)
	b.id, b.jar, b.shared = s.opening.id, s.opening.jar, s
	r, err := e.send(ctx, b, c)
	switch {
	case err != nil:
		return nil, err
	case r.refusal != nil:
		v := e.judge(b, c, r.refusal)
		return nil, fail(v.err, v.delivery)
	}
	info, err := e.core.introduced(ctx, b, c, r.messages)
	if err != nil {
		return nil, err
	}
	b = b.introduced(info)
	s.binding.Store(b)
	return b, nil
}

// newSharedStream prepares the stream of a new binding. It lives as long as
// the session, unless it is hung up.
func newSharedStream(e *sseEra, at *url.URL, generation uint64) *sharedStream {
	s := &sharedStream{
		core: e.core, opening: e.core.newBinding(e, at, generation), done: make(chan struct{}),
		waiting: make(map[int64]*sharedCall), tokens: make(map[string]*sharedCall),
	}
	s.header = s.opening.header
	s.opening.shared = s
	s.binding.Store(s.opening)
	s.ctx, s.cancel = context.WithCancelCause(e.core.lifetime)
	return s
}
