package mcpclient

import (
	"context"
	stdjson "encoding/json"
	"net/url"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// maxOpenings bounds how often the first request is sent: a server may name the
// version it wants, or a proxy may have stripped a header once.
const maxOpenings = 3

// open asks who is there. An *otherEraError says that no server of this era
// answers so, and that an older one may (2026-07-28, versioning, "Backward
// Compatibility").
func (e *statelessEra) open(ctx context.Context, at *url.URL, generation uint64) (*binding, error) {
	b := e.bind(at, generation, statelessVersions[0])
	for try := 1; ; try++ {
		a, err := e.discover(ctx, b)
		if a == nil {
			return b, err
		}
		if !a.isModern() {
			return nil, e.refusedProbe(a)
		}
		offered, unsupported := offeredVersions(a.rpc), a.rpc.Code == codeUnsupportedVersion
		switch {
		case unsupported && len(offered) > 0 && !offersStateless(offered):
			return nil, e.noCommonVersion(offered)
		case unsupported && len(offered) == 0, a.rpc.Code == codeMissingCapability, try >= maxOpenings:
			return nil, fail(a.rpc, DeliveryRefused)
		}
	}
}

// bind makes a binding for a server of which nothing is known yet.
func (e *statelessEra) bind(at *url.URL, generation uint64, version string) *binding {
	b := e.core.newBinding(e, at, generation)
	b.version = version
	b.server = &ServerInfo{ProtocolVersion: version}
	b.stamp()
	b.meta, _ = encode(&statelessMeta{version, e.core.config.clientInfo(), e.core.config.capabilities(), ""}) // of our own types: cannot fail
	return b
}

// presume binds to a server that is of this era, by the way it refused
// initialize, but does not say what it can do.
func (e *statelessEra) presume(at *url.URL, generation uint64) *binding {
	return e.bind(at, generation, statelessVersions[0])
}

// discover sends server/discover, at most once, and reads its answer into b.
// A refusal comes back as the answer.
func (e *statelessEra) discover(ctx context.Context, b *binding) (*answer, error) {
	key := e.core.cacheKey(b, discoverMethod, nil)
	if known, ok := e.core.config.cache.get(key, time.Now()); ok && b.generation == 1 { // a lost binding is opened on fresh facts
		return nil, e.learn(b, known)
	}
	token := e.core.config.cache.begin(key)
	probe, cancel := e.core.config.boundProbe(ctx)
	defer cancel()
	c := &call{method: discoverMethod, id: e.core.nextID()}
	r, err := e.send(probe, b, c)
	if err == nil && r.refusal != nil {
		return r.refusal, nil
	}
	if err == nil {
		var a *answer
		b.endpoint = r.url
		if a, err = e.discovered(probe, b, c, r, token); a != nil {
			return a, nil
		}
	}
	if err == nil || ctx.Err() != nil || is[*VersionError](err) {
		return nil, err
	}
	return nil, e.failedProbe(err)
}

// boundProbe bounds how long a server may think about the probe: a legacy one
// may never answer. A caller in a hurry gets half of his time for what comes
// after. Where nothing comes after it, it is as patient as any handshake.
func (c *config) boundProbe(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.protocolVersion != "" {
		return c.boundHandshake(ctx)
	}
	wait := min(c.probeTimeout, c.handshakeTimeout)
	if deadline, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(deadline)/2)
	}
	return withLimit(ctx, wait, noAnswerWithin(wait, "Client.ProbeTimeout"))
}

// discovered reads the reply to the probe.
func (e *statelessEra) discovered(ctx context.Context, b *binding, c *call, r *reply, token cacheToken) (*answer, error) {
	for m, err := range r.messages {
		switch {
		case err != nil:
			return nil, err
		case m.Method != "":
			e.core.route(ctx, b, c, m)
		case !isAnswerTo(m, c.id):
			c.stray(m)
		case m.Err != nil:
			return newErrorAnswer(m, c.id, ""), nil
		default:
			err := e.learn(b, m.Result)
			if err == nil {
				e.core.config.cache.put(token, m.Result, time.Now())
			}
			return nil, err
		}
	}
	return nil, fail(c.unanswered(), DeliveryUnknown)
}

// learn takes over what the server says of itself.
func (e *statelessEra) learn(b *binding, result jsontext.Value) error {
	info, versions, err := decodeDiscover(result)
	if err != nil {
		return fail(err, DeliveryAnswered)
	}
	if !offersStateless(versions) {
		return e.noCommonVersion(versions)
	}
	info.ProtocolVersion = b.version
	b.server = info
	return nil
}

// noCommonVersion: a server that lists only versions with a handshake wants one.
func (e *statelessEra) noCommonVersion(offered []string) error {
	wanted := slices.Concat(statelessVersions, sessionVersions)
	if pinned := e.core.config.protocolVersion; pinned != "" {
		wanted = []string{pinned}
	}
	err := fail(&VersionError{Wanted: wanted, Offered: offered}, DeliveryRefused)
	if slices.ContainsFunc(offered, func(v string) bool { return slices.Contains(sessionVersions, v) }) {
		return &otherEraError{err}
	}
	return err
}

func offersStateless(offered []string) bool {
	return slices.ContainsFunc(offered, func(v string) bool { return slices.Contains(statelessVersions, v) })
}

// refusedProbe: whatever a guard, a busy server or a gateway says tells nothing
// about the era. All else is how servers answer that do not know the method.
func (e *statelessEra) refusedProbe(a *answer) error {
	a.opening = true
	delivery, err := a.ordinary()
	err = fail(err, delivery)
	if a.status < 300 || mayBeOlder(a.status) {
		return &otherEraError{err}
	}
	return err
}

// failedProbe sorts what was no answer. A server that cannot be reached is
// asked nothing else; one that accepts the request and then hangs up, or sends
// something unreadable, may do better with initialize. So may one that is slow to
// be reached: that takes its time out of the probe's, which is short.
func (e *statelessEra) failedProbe(err error) error {
	if is[*RedirectError](err) || is[*AuthorizationError](err) || deliveryIn(err) == DeliveryNotSent && !is[*timeoutError](err) {
		return err
	}
	return &otherEraError{err}
}

// discoverResult is the result of server/discover.
type discoverResult struct {
	Versions     []string                      `json:"supportedVersions"`
	Capabilities ServerCapabilities            `json:"capabilities"`
	Instructions string                        `json:"instructions"`
	ServerInfo   jsontext.Value                `json:"serverInfo"` // as early servers sent it
	Meta         Meta                          `json:"_meta"`
	Rest         map[string]stdjson.RawMessage `json:",embed"`
}

// decodeDiscover decodes the answer to the probe. Without supportedVersions it
// is none: some servers answer anything with an empty object.
func decodeDiscover(raw jsontext.Value) (*ServerInfo, []string, error) {
	result, err := decodeResult[discoverResult](raw)
	if err != nil {
		return nil, nil, err
	}
	if len(result.Versions) == 0 {
		return nil, nil, &ProtocolError{Reason: "the answer to " + discoverMethod + " names no protocol version"}
	}
	about := describedBy(jsontext.Value(result.Meta[metaServerInfo]), result.ServerInfo)
	for _, known := range []string{"ttlMs", "cacheScope", "resultType"} {
		delete(result.Rest, known)
	}
	return &ServerInfo{
		Name: about.Name, Title: about.Title, Version: about.Version, Description: about.Description,
		WebsiteURL: about.WebsiteURL, Icons: about.Icons, Extra: about.Extra,
		Capabilities: result.Capabilities, Instructions: result.Instructions,
		Meta: result.Meta, ResultExtra: result.Rest,
	}, result.Versions, nil
}

// describedBy returns the first that is a description. They are unverified
// decoration: one that is malformed costs nothing.
func describedBy(candidates ...jsontext.Value) implementation {
	for _, raw := range candidates {
		about := implementation{}
		if raw.Kind() == '{' && decode(raw, &about) == nil {
			return about
		}
	}
	return implementation{}
}
