package mcpclient

import (
	"context"
	"net/http"

	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

// feed opens the standalone stream: a GET, which takes up the last one where
// that ended (Streamable HTTP, "Listening for Messages from the Server").
func (e *sessionEra) feed(ctx context.Context, b *binding, f *feed) (*reply, error) {
	s := &stream{core: e.core, ctx: ctx, binding: b, call: new(call), place: f.place}
	r, err := s.get()
	switch {
	case err != nil:
		return nil, err
	case !r.succeeded():
		a := newAnswer(http.MethodGet, r, 0, b.id)
		a.resumed = f.place.lastID != "" || f.expected
		return &reply{refusal: a}, nil
	case !r.isEventStream():
		defer r.body.discard()
		return nil, fail(wrongContentType(r, b.id), DeliveryUnknown)
	}
	s.body = r.body
	return &reply{messages: func(yield func(*jsonrpc.Message, error) bool) {
		defer func() { f.place = s.place }()
		s.messages(yield)
	}}, nil
}
