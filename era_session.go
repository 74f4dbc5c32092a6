package mcpclient

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"net/http"

	"github.com/go-json-experiment/json"

	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

// sessionVersions are the protocol versions that begin with a handshake, the
// newest first.
//
//nolint:gochecknoglobals // read-only
var sessionVersions = []string{"2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"}

const (
	sessionEraName   = "session"
	sessionHeader    = "Mcp-Session-Id"
	versionHeader    = "Mcp-Protocol-Version"
	openingMethod    = "initialize"
	maxSessionID     = 4096
	maxErrorVersions = 16 // of a version error's list
)

func isSessionHeader(key string) bool { return http.CanonicalHeaderKey(key) == sessionHeader }

// sessionEra speaks the versions 2024-11-05 to 2025-11-25 over Streamable
// HTTP: a handshake opens a session, whose id goes with every later request.
type sessionEra struct{ core *core }

func (e *sessionEra) name() string { return sessionEraName }

func (e *sessionEra) traits() traits {
	return traits{hasSessions: true, serverAsks: true, oneFeed: true, tasks: tasksNested}
}

// send performs one exchange on b.
func (e *sessionEra) send(ctx context.Context, b *binding, c *call) (*reply, error) {
	header := b.header
	if len(c.header) > 0 {
		header = maps.Clone(header)
		maps.Copy(header, c.header)
	}
	r, err := e.core.post(ctx, b, c, header, c.encode(c.method, c.raw))
	if err != nil {
		return nil, err
	}
	return c.replyOf(b, r, e.messages(ctx, b, c, r)), nil
}

// messages ranges over a 2xx reply. Its stream may be taken up again.
func (e *sessionEra) messages(ctx context.Context, b *binding, c *call, r *httpReply) iter.Seq2[*jsonrpc.Message, error] {
	return e.core.messages(ctx, b, c, r, true)
}

// judge applies the refusals table first: a lost session may be told under any
// status, and with any id in the body.
func (e *sessionEra) judge(b *binding, c *call, a *answer) verdict {
	return e.core.judgeSession(b, c, a, b.id != "")
}

// judgeSession is judge for the eras with sessions. sent: the request carried
// the session.
func (c *core) judgeSession(b *binding, call *call, a *answer, sent bool) verdict {
	r := Refusal{
		HTTPMethod: a.httpMethod, Method: call.method, StatusCode: a.status, Header: a.header, Body: a.body,
		RPC: a.rpc, OurID: a.ours, SessionSent: sent, Resumed: a.resumed, Truncated: a.truncated,
	}
	r.Row, r.Verdict = classifyRefusal(r)
	if hook := c.config.classify; hook != nil && r.SessionSent {
		if own := hook(r); own != VerdictDefault {
			r.Verdict = own
		}
	}
	v := verdict{session: r.Verdict}
	v.delivery, v.err = a.ordinary()
	if v.session == VerdictAlive && call.method != openingMethod {
		r.Row, v.session = changedEra(b, a)
	}
	if v.session != VerdictAlive {
		v.lost = c.lostBy(a, r.Row, v.err)
	}
	return v
}

// lostBy is the error of a session that a refusal has ended.
func (c *core) lostBy(a *answer, row string, cause error) *SessionError {
	lost := &SessionError{StatusCode: a.status, Reason: a.serverWords(), Signal: row, Err: cause}
	lost.final = c.config.policy == ReinitializeNever
	lost.Reason = cmp.Or(lost.Reason, refusalMeans(row), changedEraMeans)
	return lost
}

// probe names a list that the server declared. ping would be no proof: servers
// answer it to sessions that they have not initialized.
func (e *sessionEra) probe(b *binding) string {
	switch offers := b.server.Capabilities; {
	case offers.Tools != nil:
		return "tools/list"
	case offers.Resources != nil:
		return "resources/list"
	case offers.Prompts != nil:
		return "prompts/list"
	default:
		return ""
	}
}

// abandon sends notifications/cancelled, off the caller's path: closing the
// response does not cancel in this era. initialize must never be cancelled, and
// tasks are not cancelled so: they live on (2025-11-25, "Task Cancellation").
func (e *sessionEra) abandon(b *binding, c *call) {
	params, err := json.Marshal(map[string]any{"requestId": c.id, "reason": "the caller does not wait any more"})
	if err != nil || c.method == openingMethod || c.settings.asTask {
		return
	}
	e.core.outbox.put(&letter{binding: b, body: jsonrpc.AppendNotification(nil, "notifications/cancelled", params), timeout: cancelTimeout})
}

// post sends a message that expects no reply.
func (e *sessionEra) post(ctx context.Context, b *binding, body []byte) error {
	r, err := e.core.transport.roundTrip(ctx, &httpRequest{method: http.MethodPost, url: b.endpoint, header: b.header, body: body, jar: b.jar, auth: e.core.credentials(b, new(call))})
	if err != nil {
		return err
	}
	defer r.body.discard()
	if !r.succeeded() {
		return &HTTPError{StatusCode: r.status}
	}
	return nil
}

// close sends DELETE. That the server knows the session no more, or does not
// let clients end it (405), is as good as success.
func (e *sessionEra) close(ctx context.Context, b *binding) error {
	if b.id == "" {
		return nil
	}
	header := maps.Clone(b.header)
	delete(header, "Content-Type")
	r, err := e.core.transport.roundTrip(ctx, &httpRequest{method: http.MethodDelete, url: b.endpoint, header: header, jar: b.jar, repeatable: true, auth: e.core.credentials(b, new(call))})
	if err != nil {
		return err
	}
	if r.succeeded() || r.status == http.StatusMethodNotAllowed {
		r.body.discard()
		return nil
	}
	a := newAnswer(http.MethodDelete, r, 0, b.id)
	v := e.judge(b, &call{}, a)
	if v.session != VerdictAlive {
		return nil
	}
	return v.err
}
