package mcpclient

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

// open performs initialize and notifications/initialized (lifecycle of the
// specification, versions up to 2025-11-25).
func (e *sessionEra) open(ctx context.Context, at *url.URL, generation uint64) (*binding, error) {
	return e.core.openSession(ctx, func(ctx context.Context, version string) (*binding, error) {
		return e.initialize(ctx, at, generation, version)
	})
}

// openSession performs the handshake of the eras with sessions. initialize
// makes its first half, in one version; servers that do not speak that one may
// list those they do.
func (c *core) openSession(ctx context.Context, initialize func(context.Context, string) (*binding, error)) (*binding, error) {
	versions, err := c.config.sessionVersions()
	if err != nil {
		return nil, err
	}
	b, err := initialize(ctx, versions[0])
	if offered := offeredVersions(err); len(offered) > 0 {
		mutual := slices.IndexFunc(versions, func(v string) bool { return slices.Contains(offered, v) })
		switch {
		case mutual == 0, mutual < 0 && is[*otherEraError](err):
			return nil, err // the version is not what it minds
		case mutual < 0:
			return nil, fail(&VersionError{Wanted: versions, Offered: offered}, DeliveryRefused)
		}
		b, err = initialize(ctx, versions[mutual])
	}
	if err != nil {
		return nil, err
	}
	c.counters.initializes.Add(1)
	if !slices.Contains(versions, b.version) {
		c.leave(b)
		return nil, fail(&VersionError{Wanted: versions, Offered: []string{b.version}}, DeliveryAnswered)
	}
	unused := true
	defer func() { // deferred: a hook may end this goroutine
		if unused {
			c.leave(b)
		}
	}()
	if err = c.initialized(ctx, b); err != nil {
		// Whoever gives up on Connect does not wait for a DELETE either.
		gaveUp := ctx.Err() != nil && c.lifetime.Err() == nil
		unused = !gaveUp && !errors.Is(err, ErrSessionInvalid)
		return nil, err
	}
	unused = false
	return b, nil
}

// sessionVersions are the versions to offer in a handshake, the best first.
func (c *config) sessionVersions() ([]string, error) {
	switch pinned := c.protocolVersion; {
	case pinned == "":
		return sessionVersions, nil
	case slices.Contains(sessionVersions, pinned):
		return []string{pinned}, nil
	default:
		return nil, fail(&VersionError{Wanted: []string{pinned}, Offered: nil}, DeliveryNotSent)
	}
}

// initialize sends the first request. It carries no session id, and only its
// successful answer assigns one.
func (e *sessionEra) initialize(ctx context.Context, at *url.URL, generation uint64, version string) (*binding, error) {
	ctx, cancel := e.core.config.boundHandshake(ctx)
	defer cancel()
	c, err := e.core.newInitialize(version)
	if err != nil {
		return nil, err
	}
	b := e.core.newBinding(e, at, generation)
	r, err := e.core.post(ctx, b, c, b.header, c.encode(c.method, c.raw))
	if err != nil {
		return nil, err
	}
	if !r.succeeded() {
		return nil, newAnswer(http.MethodPost, r, c.id, "").refusedOpening()
	}
	b.endpoint = r.url
	if b.id, err = validSessionID(r.header.Get(sessionHeader)); err != nil {
		r.body.discard()
		return nil, fail(err, DeliveryAnswered)
	}
	b.stamp() // a ping that comes before the answer is answered on the new session
	info, err := e.core.introduced(ctx, b, c, e.messages(ctx, b, c, r))
	if err != nil {
		return nil, err
	}
	return b.introduced(info), nil
}

// introduced returns what the handshake makes of b, which may still be in use: a
// ping that came before the answer is being answered.
func (b *binding) introduced(info *ServerInfo) *binding {
	complete := b.feed.core.newBinding(b.era, b.endpoint, b.generation)
	complete.id, complete.jar, complete.shared = b.id, b.jar, b.shared
	complete.server, complete.version = info, info.ProtocolVersion
	complete.stamp()
	return complete
}

// newBinding begins a binding of e with what goes with every request, and an
// empty jar: what a load balancer pinned the old session to is gone with it.
func (c *core) newBinding(e era, at *url.URL, generation uint64) *binding {
	b := &binding{generation: generation, era: e, endpoint: at, header: c.config.baseHeader()}
	if c.config.cookies {
		b.jar = newBoundedJar()
	}
	b.life, b.end = context.WithCancel(context.WithoutCancel(c.lifetime)) // no child of lifetime: most bindings of an outage are never used, nor ended
	b.feed = newKeeper(c, b)
	return b
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
	ProtocolVersion string              `json:"protocolVersion"`
	Capabilities    *clientCapabilities `json:"capabilities"`
	ClientInfo      clientInfo          `json:"clientInfo"`
}

// newInitialize is the first request of a session.
func (c *core) newInitialize(version string) (*call, error) {
	params, err := encode(&initializeParams{
		ProtocolVersion: version,
		Capabilities:    c.config.capabilities().inSession(),
		ClientInfo:      c.config.clientInfo(),
	})
	if err != nil {
		return nil, fail(err, DeliveryNotSent)
	}
	return &call{method: openingMethod, id: c.nextID(), raw: params}, nil
}

// introduced reads the answer to initialize, sent on b. A server may ping and log before it.
func (c *core) introduced(ctx context.Context, b *binding, call *call, messages iter.Seq2[*jsonrpc.Message, error]) (*ServerInfo, error) {
	for m, err := range messages {
		switch {
		case err != nil:
			return nil, err
		case m.Method != "":
			c.route(ctx, b, call, m)
		case !isAnswerTo(m, call.id):
			call.stray(m)
		case m.Err != nil:
			return nil, newErrorAnswer(m, call.id, b.id).refusedOpening()
		default:
			info, err := decodeInitialize(m.Result)
			if err != nil {
				return nil, fail(err, DeliveryAnswered)
			}
			return info, nil
		}
	}
	return nil, fail(call.unanswered(), DeliveryUnknown)
}

// initialized completes the handshake. Its refusal tells that the session
// just opened is gone again, or never reached the instance that answers now.
func (c *core) initialized(ctx context.Context, b *binding) error {
	ctx, cancel := c.config.boundHandshake(ctx)
	defer cancel()
	call := &call{method: "notifications/initialized", notification: true}
	r, err := b.era.send(ctx, b, call)
	if err != nil {
		return err
	}
	if r.refusal == nil {
		return nil
	}
	v := b.era.judge(b, call, r.refusal)
	if v.session == VerdictLost {
		c.counters.losses.Add(1) // opened, and lost before its first call
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

// offeredVersions returns the versions that an error of the server lists, nil
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

// adopt rebuilds the binding of a session that another process opened.
func (e *sessionEra) adopt(state SessionState, at *url.URL) (*binding, error) {
	if !slices.Contains(sessionVersions, state.Version) {
		return nil, &VersionError{Wanted: sessionVersions, Offered: []string{state.Version}}
	}
	b := e.core.newBinding(e, at, 1)
	b.version, b.server = state.Version, state.Server
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
