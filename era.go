package mcpclient

import (
	"context"
	"iter"
	"net/http"
	"net/url"

	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

// binding is the outcome of one handshake. It is immutable, but for its
// verification and the cookies in its jar: a call takes the pointer once, and comparing pointers
// tells whether the session it used is still the current one.
type binding struct {
	generation uint64
	era        era
	endpoint   *url.URL // after redirects
	id         string   // "" for a server without session ids; a credential
	version    string
	server     *ServerInfo
	header     http.Header    // of every request on this binding
	jar        http.CookieJar // nil: no cookies

	check *check // the verification of this session, once asked for; core.mu guards it
}

// era is a family of protocol versions over one transport. The interface
// separates the files: what depends on a version stands behind it and nowhere
// else. Implementations are safe for concurrent use.
type era interface {
	// name is how a SessionState calls the era.
	name() string
	// open performs the handshake. Its errors are failures or typed errors.
	open(ctx context.Context, at *url.URL, generation uint64) (*binding, error)
	// send stamps and sends one message and returns its reply.
	send(ctx context.Context, b *binding, c *call) (*reply, error)
	// judge tells what an answer means. Pure.
	judge(b *binding, c *call, a *answer) verdict
	// abandon tells the server that nobody waits for c any more. Does not block.
	abandon(b *binding, c *call)
	// post sends a message that expects no reply: an answer to the server.
	post(ctx context.Context, b *binding, body []byte) error
	// adopt rebuilds the binding of a session that another process opened.
	adopt(state SessionState, at *url.URL) (*binding, error)
	// close ends the session at the server.
	close(ctx context.Context, b *binding) error
}

// reply is the answer to one message. Either refusal is set, or messages
// ranges, once, over what the server sends until it ends the reply. Leaving
// the loop ends the reply.
type reply struct {
	refusal  *answer
	messages iter.Seq2[*jsonrpc.Message, error]
}

// negotiate opens a session in the newest era that the server speaks.
func (c *core) negotiate(ctx context.Context, at *url.URL, generation uint64) (*binding, error) {
	return (&sessionEra{core: c}).open(ctx, at, generation)
}

// eraNamed returns the era that a SessionState was taken from.
func (c *core) eraNamed(name string) (era, bool) {
	if name == sessionEraName {
		return &sessionEra{core: c}, true
	}
	return nil, false
}
