package mcpclient

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"net/http"

	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

// What the eras over Streamable HTTP have in common: a message is one POST, and
// its response carries the answer, as JSON or as an event stream.

// post makes the one exchange of call.
func (c *core) post(ctx context.Context, b *binding, call *call, header http.Header, body []byte) (*httpReply, error) {
	r := &httpRequest{
		method: http.MethodPost, url: b.endpoint, header: header, body: body,
		repeatable: repeatable(call.method) || call.method == discoverMethod, jar: b.jar, secret: b.id,
		headerWait: call.headerWait, auth: c.credentials(b, call),
	}
	if r.headerWait > 0 { // an error made ahead, which most calls need not pay for
		r.silence = c.config.silence()
	}
	return c.transport.roundTrip(ctx, r)
}

// replyOf sorts the answer to c's POST: a refusal, an accepted notification, or messages.
func (c *call) replyOf(b *binding, r *httpReply, messages iter.Seq2[*jsonrpc.Message, error]) *reply {
	switch {
	case !r.succeeded():
		return &reply{refusal: newAnswer(http.MethodPost, r, c.id, b.id)}
	case c.notification:
		r.body.discard() // 202 by the specification; 200 and 204 are as good
		return &reply{}
	default:
		return &reply{messages: messages, url: r.url}
	}
}

// messages ranges over a 2xx reply, JSON or event stream. It ends the reply.
func (c *core) messages(ctx context.Context, b *binding, call *call, r *httpReply, resumable bool) iter.Seq2[*jsonrpc.Message, error] {
	if r.isEventStream() {
		return (&stream{core: c, ctx: ctx, binding: b, call: call, body: r.body, resumable: resumable}).messages
	}
	return func(yield func(*jsonrpc.Message, error) bool) {
		defer r.body.discard()
		messages, err := r.readJSON(b.id)
		if err != nil {
			yield(nil, err)
			return
		}
		for i := range messages {
			if !yield(&messages[i], nil) {
				return
			}
		}
	}
}

// readJSON reads a reply that is no stream. The errors are failures: the server
// has accepted the request.
func (r *httpReply) readJSON(secret string) ([]jsonrpc.Message, error) {
	if !r.isJSON() {
		return nil, fail(wrongContentType(r, secret), DeliveryUnknown)
	}
	text, err := r.body.readAll()
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, fail(&ProtocolError{Reason: fmt.Sprintf("HTTP %d with an empty body: accepted, but not answered", r.status)}, DeliveryUnknown)
	}
	messages, err := jsonrpc.Decode(text)
	if err != nil {
		return nil, fail(unreadable("the reply", err, secret), DeliveryUnknown)
	}
	return messages, nil
}
