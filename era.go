package mcpclient

import (
	"context"
	"iter"
	"net/http"
	"net/url"

	"github.com/go-json-experiment/json/jsontext"

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
	meta       jsontext.Value // what the stateless era says in every request
	shared     *sharedStream  // of HTTP+SSE: where all answers come; nil elsewhere

	life context.Context // ends when the session does not use the binding any more
	end  context.CancelFunc
	feed *keeper // of the stream of what belongs to no call

	check *check // the verification of this session, once asked for; core.mu guards it
}

// era is a family of protocol versions over one transport. The interface
// separates the files: what depends on a version stands behind it and nowhere
// else. Implementations are safe for concurrent use.
type era interface {
	// name is how a SessionState calls the era.
	name() string
	// traits are what the rest of the package needs to know of the era.
	traits() traits
	// open performs the handshake. Its errors are failures or typed errors.
	open(ctx context.Context, at *url.URL, generation uint64) (*binding, error)
	// send stamps and sends one message and returns its reply.
	send(ctx context.Context, b *binding, c *call) (*reply, error)
	// judge tells what an answer means. Pure.
	judge(b *binding, c *call, a *answer) verdict
	// again prepares the next round of c where its outcome asks for one: input
	// that the server wants, or headers that it missed. false: the outcome is final.
	again(ctx context.Context, b *binding, c *call, o outcome) (bool, error)
	// feed opens the stream of what belongs to no call.
	feed(ctx context.Context, b *binding, f *feed) (*reply, error)
	// probe names a method that only a server which knows b answers; "": there is none.
	probe(b *binding) string
	// abandon tells the server that nobody waits for c any more. Does not block.
	abandon(b *binding, c *call)
	// post sends a message that expects no reply: an answer to the server.
	post(ctx context.Context, b *binding, body []byte) error
	// adopt rebuilds the binding of a session that another process opened.
	adopt(state SessionState, at *url.URL) (*binding, error)
	// close ends the session at the server.
	close(ctx context.Context, b *binding) error
}

// traits are the differences between eras that others than the era act on.
type traits struct {
	hasSessions  bool // a loss costs the state that the server kept
	serverAsks   bool // the server sends requests of its own
	oneFeed      bool // one stream carries every notice that belongs to no call
	emptyCursors bool // a cursor may be the empty string
	headerParams bool // tool arguments are mirrored into headers, and tools that ask for it wrongly are invalid
	cacheHints   bool // results say how long they are good for
	tasks        taskDesign
}

// taskDesign is how an era makes a long call a task.
type taskDesign int

const (
	tasksNested taskDesign = iota // the caller asks for a task, whose result is fetched on its own
	tasksFlat                     // the server decides, and the task carries its result
)

// outcome is how an attempt ended: with a result, or with a verdict.
type outcome struct {
	result  jsontext.Value
	verdict *verdict
}

// reply is the answer to one message. Either refusal is set, or messages
// ranges, once, over what the server sends until it ends the reply. Leaving
// the loop ends the reply.
type reply struct {
	refusal  *answer
	url      *url.URL // where it came from, after redirects
	messages iter.Seq2[*jsonrpc.Message, error]
}

// eraNamed returns the era that a SessionState was taken from.
func (c *core) eraNamed(name string) (era, bool) {
	switch name {
	case sessionEraName:
		return &sessionEra{core: c}, true
	case statelessEraName:
		return &statelessEra{core: c}, true
	case sseEraName:
		return newSSEEra(c), true
	default:
		return nil, false
	}
}
