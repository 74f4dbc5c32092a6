package mcpclient

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"

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

// open performs initialize and notifications/initialized (lifecycle of the
// specification, versions up to 2025-11-25).
func (e *sessionEra) open(ctx context.Context, at *url.URL, generation uint64) (*binding, error) {
	versions := sessionVersions
	if pinned := e.core.config.protocolVersion; pinned != "" {
		if !slices.Contains(sessionVersions, pinned) {
			return nil, fail(&VersionError{Wanted: []string{pinned}, Offered: nil}, DeliveryNotSent)
		}
		versions = []string{pinned}
	}
	b, err := e.initialize(ctx, at, generation, versions[0])
	if offered := offeredVersions(err); len(offered) > 0 {
		// Some servers answer an unknown version with an error that lists theirs.
		mutual := slices.IndexFunc(versions, func(v string) bool { return slices.Contains(offered, v) })
		if mutual == 0 {
			return nil, err // the version is not what it minds
		}
		if mutual < 0 {
			return nil, fail(&VersionError{Wanted: versions, Offered: offered}, DeliveryRefused)
		}
		b, err = e.initialize(ctx, at, generation, versions[mutual])
	}
	if err != nil {
		return nil, err
	}
	e.core.counters.initializes.Add(1)
	if !slices.Contains(versions, b.version) {
		e.core.leave(b)
		return nil, fail(&VersionError{Wanted: versions, Offered: []string{b.version}}, DeliveryAnswered)
	}
	unused := true
	defer func() { // deferred: a hook may end this goroutine
		if unused {
			e.core.leave(b)
		}
	}()
	if err = e.initialized(ctx, b); err != nil {
		// Whoever gives up on Connect does not wait for a DELETE either.
		gaveUp := ctx.Err() != nil && e.core.lifetime.Err() == nil
		unused = !gaveUp && !errors.Is(err, ErrSessionInvalid)
		return nil, err
	}
	unused = false
	return b, nil
}

// initialize sends the first request. It carries no session id, and only its
// successful answer assigns one.
func (e *sessionEra) initialize(ctx context.Context, at *url.URL, generation uint64, version string) (*binding, error) {
	ctx, cancel := e.core.config.boundHandshake(ctx)
	defer cancel()
	params, err := json.Marshal(e.initializeParams(version))
	if err != nil {
		return nil, fail(err, DeliveryNotSent)
	}
	b := &binding{generation: generation, era: e, endpoint: at, header: e.core.config.baseHeader(), jar: e.newJar()}
	c := &call{method: openingMethod, id: e.core.nextID(), raw: params}
	r, err := e.exchange(ctx, b, c)
	if err != nil {
		return nil, err
	}
	if !r.succeeded() {
		a := newAnswer(http.MethodPost, r, c.id, "")
		a.opening = true
		delivery, err := a.ordinary()
		return nil, fail(err, delivery)
	}
	b.endpoint = r.url
	if b.id, err = validSessionID(r.header.Get(sessionHeader)); err != nil {
		r.body.discard()
		return nil, fail(err, DeliveryAnswered)
	}
	b.stamp() // a ping that comes before the answer is answered on the new session
	if b.server, err = e.initializeResult(ctx, b, c, r); err != nil {
		return nil, err
	}
	b.version = b.server.ProtocolVersion
	b.stamp()
	return b, nil
}

// newJar returns an empty jar: what a load balancer pinned the old session to
// is gone with it.
func (e *sessionEra) newJar() http.CookieJar {
	if !e.core.config.cookies {
		return nil
	}
	jar, _ := cookiejar.New(nil) // New never fails
	return jar
}

// stamp prepares the headers that every request on b carries.
func (b *binding) stamp() {
	if b.id != "" {
		b.header.Set(sessionHeader, b.id)
	}
	if b.version != "" {
		b.header.Set(versionHeader, b.version)
	}
}

type initializeParams struct {
	ProtocolVersion string   `json:"protocolVersion"`
	Capabilities    struct{} `json:"capabilities"`
	ClientInfo      struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	} `json:"clientInfo"`
}

func (e *sessionEra) initializeParams(version string) *initializeParams {
	p := &initializeParams{ProtocolVersion: version}
	p.ClientInfo.Name, p.ClientInfo.Version = e.core.config.name, e.core.config.version
	return p
}

// initializeResult reads the answer. A server may ping and log before it.
func (e *sessionEra) initializeResult(ctx context.Context, b *binding, c *call, r *httpReply) (*ServerInfo, error) {
	for m, err := range e.messages(ctx, b, c, r) {
		switch {
		case err != nil:
			return nil, err
		case m.Method != "":
			e.core.route(b, c, m)
		case !isAnswerTo(m, c.id):
			c.stray(m)
		case m.Err != nil:
			return nil, fail(newErrorAnswer(m, c.id, b.id).rpc, DeliveryAnswered)
		default:
			info, err := decodeInitialize(m.Result)
			if err != nil {
				return nil, fail(err, DeliveryAnswered)
			}
			return info, nil
		}
	}
	return nil, fail(c.unanswered(), DeliveryUnknown)
}

// initialized completes the handshake. Its refusal tells that the session
// just opened is gone again, or never reached the instance that answers now.
func (e *sessionEra) initialized(ctx context.Context, b *binding) error {
	ctx, cancel := e.core.config.boundHandshake(ctx)
	defer cancel()
	c := &call{method: "notifications/initialized", notification: true}
	r, err := e.send(ctx, b, c)
	if err != nil {
		return err
	}
	if r.refusal == nil {
		return nil
	}
	v := e.judge(b, c, r.refusal)
	if v.session == VerdictLost {
		e.core.counters.losses.Add(1) // opened, and lost before its first call
		return fail(v.lost, DeliveryRefused)
	}
	return fail(v.err, v.delivery)
}

// validSessionID checks an id: visible ASCII characters only (Streamable HTTP,
// session management). The error tells its length, not its value.
func validSessionID(id string) (string, error) {
	visible := !strings.ContainsFunc(id, func(c rune) bool { return c < 0x21 || c > 0x7E })
	if len(id) > maxSessionID || !visible {
		return "", &ProtocolError{Reason: fmt.Sprintf("the session id has %d characters; allowed are 1 to %d, of visible ASCII only", len(id), maxSessionID)}
	}
	return id, nil
}

// offeredVersions returns the versions that an error of initialize lists, nil
// if it is no version error.
func offeredVersions(err error) []string {
	rpc, ok := errors.AsType[*RPCError](err)
	if !ok || len(rpc.Data) == 0 || len(rpc.Data) > maxErrorBody {
		return nil
	}
	var data struct {
		Supported []string `json:"supported"`
	}
	if json.Unmarshal(rpc.Data, &data, unmarshalOptions) != nil {
		return nil
	}
	return data.Supported[:min(len(data.Supported), maxErrorVersions)]
}

// send performs one exchange on b.
func (e *sessionEra) send(ctx context.Context, b *binding, c *call) (*reply, error) {
	r, err := e.exchange(ctx, b, c)
	switch {
	case err != nil:
		return nil, err
	case !r.succeeded():
		return &reply{refusal: newAnswer(http.MethodPost, r, c.id, b.id)}, nil
	case c.notification:
		r.body.discard() // 202 by the specification; 200 and 204 are as good
		return &reply{}, nil
	default:
		return &reply{messages: e.messages(ctx, b, c, r)}, nil
	}
}

// exchange POSTs the message of c.
func (e *sessionEra) exchange(ctx context.Context, b *binding, c *call) (*httpReply, error) {
	body := c.encode()
	header := b.header
	if len(c.header) > 0 {
		header = maps.Clone(header)
		maps.Copy(header, c.header)
	}
	return e.core.transport.roundTrip(ctx, &httpRequest{
		method: http.MethodPost, url: b.endpoint, header: header, body: body,
		repeatable: repeatable(c.method), jar: b.jar, secret: b.id,
	})
}

// judge applies the refusals table first: a lost session may be told under any
// status, and with any id in the body.
func (e *sessionEra) judge(b *binding, c *call, a *answer) verdict {
	r := Refusal{
		HTTPMethod: a.httpMethod, Method: c.method, StatusCode: a.status, Header: a.header, Body: a.body,
		RPC: a.rpc, OurID: a.ours, SessionSent: b.id != "", Resumed: a.resumed,
	}
	r.Row, r.Verdict = classifyRefusal(r)
	if hook := e.core.config.classify; hook != nil && r.SessionSent {
		if own := hook(r); own != VerdictDefault {
			r.Verdict = own
		}
	}
	v := verdict{session: r.Verdict}
	v.delivery, v.err = a.ordinary()
	if v.session != VerdictAlive {
		v.lost = &SessionError{StatusCode: a.status, Reason: a.serverWords(), Signal: r.Row, Err: v.err}
		v.lost.final = e.core.config.policy == ReinitializeNever
		if v.lost.Reason == "" {
			v.lost.Reason = refusalMeans(r.Row)
		}
	}
	return v
}

// abandon sends notifications/cancelled, off the caller's path: closing the
// response does not cancel in this era. initialize must never be cancelled.
func (e *sessionEra) abandon(b *binding, c *call) {
	params, err := json.Marshal(map[string]any{"requestId": c.id, "reason": "the caller does not wait any more"})
	if err != nil || c.method == openingMethod {
		return
	}
	e.core.outbox.put(&letter{binding: b, body: jsonrpc.AppendNotification(nil, "notifications/cancelled", params), timeout: cancelTimeout})
}

// post sends a message that expects no reply.
func (e *sessionEra) post(ctx context.Context, b *binding, body []byte) error {
	r, err := e.core.transport.roundTrip(ctx, &httpRequest{method: http.MethodPost, url: b.endpoint, header: b.header, body: body, jar: b.jar})
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
	r, err := e.core.transport.roundTrip(ctx, &httpRequest{method: http.MethodDelete, url: b.endpoint, header: header, jar: b.jar, repeatable: true})
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

func (e *sessionEra) name() string { return sessionEraName }

// adopt rebuilds the binding of a session that another process opened.
func (e *sessionEra) adopt(state SessionState, at *url.URL) (*binding, error) {
	if !slices.Contains(sessionVersions, state.Version) {
		return nil, &VersionError{Wanted: sessionVersions, Offered: []string{state.Version}}
	}
	b := &binding{generation: 1, era: e, endpoint: at, version: state.Version, server: state.Server, header: e.core.config.baseHeader(), jar: e.newJar()}
	if b.server == nil {
		b.server = &ServerInfo{ProtocolVersion: state.Version}
	}
	var err error
	if b.id, err = validSessionID(state.ID); err != nil {
		return nil, err
	}
	b.stamp()
	return b, nil
}
