package mcpclient

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// negotiate opens a session in the newest era that the server speaks: the
// stateless one first, since a server of both would accept initialize and never
// show the other side; then initialize over Streamable HTTP; then HTTP+SSE. An
// endpoint's era is remembered, and asked for anew when the memory turns out wrong.
func (c *core) negotiate(ctx context.Context, at *url.URL, generation uint64) (*binding, error) {
	switch pinned := c.config.protocolVersion; {
	case slices.Contains(statelessVersions, pinned):
		b, err := (&statelessEra{core: c}).open(ctx, at, generation)
		return b, pinnedOnly(pinned, err)
	case pinned != "":
		b, err := c.openLegacy(ctx, at, generation)
		return b, pinnedOnly(pinned, err)
	}
	b, err := c.tryEras(ctx, at, generation)
	if err == nil {
		c.config.eras.remember(at, b.era.name())
	}
	return b, err
}

// tryEras asks with the first request of each era in turn. Where the endpoint's
// era is remembered to be an older one, that one comes first.
func (c *core) tryEras(ctx context.Context, at *url.URL, generation uint64) (*binding, error) {
	var err error
	remembered, known := c.eraNamed(c.config.eras.of(at))
	known = known && remembered.name() != statelessEraName
	if known {
		var b *binding
		if b, err = remembered.open(ctx, at, generation); err == nil || !otherEra(err) {
			return b, err
		}
		c.config.eras.forget(at)
	}
	stateless := &statelessEra{core: c}
	b, probed := stateless.open(ctx, at, generation)
	if !is[*otherEraError](probed) {
		return b, probed
	}
	if known && remembered.name() == sessionEraName { // initialize has been refused
		b, err = c.openOldest(ctx, at, generation, err)
	} else {
		b, err = c.openLegacy(ctx, at, generation)
	}
	if is[*otherEraError](err) && !is[*VersionError](probed) { // it knows no initialize: it is stateless, whatever it made of the probe
		return stateless.presume(at, generation), nil
	}
	if err != nil && ctx.Err() == nil {
		err = bothFailed(withoutEra(err), withoutEra(probed))
	}
	return b, err
}

// openLegacy opens a session by initialize: over Streamable HTTP, and where that
// is not what the server speaks over HTTP+SSE (transports of the specification,
// "Backwards Compatibility").
func (c *core) openLegacy(ctx context.Context, at *url.URL, generation uint64) (*binding, error) {
	b, err := (&sessionEra{core: c}).open(ctx, at, generation)
	if err != nil {
		return c.openOldest(ctx, at, generation, err)
	}
	return b, nil
}

// openOldest opens a session over HTTP+SSE, if refused, the error of
// initialize, is how a server of that transport takes a POST at its URL. Where
// it turns out not to be one, initialize stays what failed.
func (c *core) openOldest(ctx context.Context, at *url.URL, generation uint64, refused error) (*binding, error) {
	if is[*otherEraError](refused) || !otherEra(refused) {
		return nil, refused
	}
	e := newSSEEra(c)
	s, err := e.attach(ctx, at, generation)
	switch {
	case err == nil:
		return e.introduce(ctx, s)
	case errors.Is(err, ErrUnauthorized): // it wants credentials first
		return nil, err
	default:
		return nil, refused
	}
}

// otherEraError marks an answer that a server of this era would not give.
type otherEraError struct{ err error }

func (e *otherEraError) Error() string { return e.err.Error() }
func (e *otherEraError) Unwrap() error { return e.err }

// withoutEra takes the mark off an error that goes out.
func withoutEra(err error) error {
	if marked, ok := errors.AsType[*otherEraError](err); ok {
		return marked.err
	}
	return err
}

// pinnedOnly is the error where one version is pinned and the other eras are not tried. A server that
// speaks JSON-RPC does not speak that version; what else answers may be anything.
func pinnedOnly(pinned string, err error) error {
	unmarked := withoutEra(err)
	if !is[*otherEraError](err) || !is[*RPCError](err) {
		return unmarked
	}
	version := &VersionError{Wanted: []string{pinned}, Offered: offeredVersions(err)}
	return fail(&pinnedError{version: version, err: unwrapFailure(unmarked)}, deliveryIn(err))
}

type pinnedError struct {
	version *VersionError
	err     error
}

func (e *pinnedError) Error() string {
	return "the server does not speak protocol version " + e.version.Wanted[0] + ", which Client.ProtocolVersion asks for: " + e.err.Error()
}

func (e *pinnedError) Unwrap() []error { return []error{e.version, e.err} }

// The codes by which a server of the stateless era is recognised (2026-07-28,
// "Error codes"). Those from -32000 to -32019 mean nothing across servers.
const (
	codeHeaderMismatch     = -32020
	codeMissingCapability  = -32021
	codeUnsupportedVersion = -32022
)

// isModern reports whether only a server of the stateless era gives this answer.
func (a *answer) isModern() bool {
	return a.rpc != nil && a.rpc.Code <= codeHeaderMismatch && a.rpc.Code >= codeUnsupportedVersion
}

// refusedOpening is the error of a refused initialize. A stateless server does
// not know that method, and says so with 404 and -32601.
func (a *answer) refusedOpening() error {
	a.opening = true
	delivery, err := a.ordinary()
	err = fail(err, delivery)
	unknown := a.status == http.StatusNotFound && a.rpc != nil && a.ours && a.rpc.Code == codeMethodNotFound
	if a.isModern() || unknown {
		return &otherEraError{err}
	}
	return err
}

// changedEraMeans is the sentence for the user where the server gives none.
const changedEraMeans = "the server has been replaced by one that works differently"

// changedEra tells whether an answer to a call on b, one that is no refusal of
// its session, is how a server answers that has been replaced: by one of the
// stateless era, which misses what every request has to carry there, by one that
// takes no POST at this URL, or, where there were no session ids, by one that
// wants them.
func changedEra(b *binding, a *answer) (row string, v Verdict) {
	const reserved = "io.modelcontextprotocol/"
	switch {
	case b.id == "" && a.status == http.StatusBadRequest && a.wantsSession():
		return "E4", VerdictVerify
	case a.isModern(), a.status == http.StatusBadRequest && a.rpc != nil && a.rpc.Code == codeInvalidParams && strings.Contains(a.rpc.Message, reserved):
		return "E1", VerdictVerify
	case a.httpMethod == http.MethodPost && a.status == http.StatusMethodNotAllowed, b.id == "" && a.status == http.StatusNotFound && a.rpc == nil:
		return "E5", VerdictVerify
	default:
		return "", VerdictAlive
	}
}

// otherEra reports whether a failed handshake shows that the endpoint speaks
// another era than the one remembered.
func otherEra(err error) bool {
	if is[*otherEraError](err) {
		return true
	}
	refused, ok := errors.AsType[*HTTPError](err)
	return ok && refused.opening && noSuchEndpoint(refused.StatusCode)
}

// noSuchEndpoint: the statuses of a URL that does not take this POST
// (transports of the specification, "Backwards Compatibility").
func noSuchEndpoint(status int) bool {
	return status == http.StatusBadRequest || status == http.StatusNotFound || status == http.StatusMethodNotAllowed
}

// mayBeOlder: statuses that say nothing about the era are those of guards,
// of busy servers and of gateways.
func mayBeOlder(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return false
	default:
		return status >= 400
	}
}

// bothFailed is the error of a server that speaks no era: the handshake's, and
// the probe's where that one tells more. It does not if the handshake's leaves no
// question open, if both are the same, or if the server kept silent.
func bothFailed(err, probed error) error {
	mine, ok := errors.AsType[*HTTPError](err)
	first, too := errors.AsType[*HTTPError](probed)
	switch {
	case is[*VersionError](err), is[*RedirectError](err), errors.Is(err, ErrUnauthorized),
		ok && too && mine.StatusCode == first.StatusCode, err.Error() == probed.Error(), is[*timeoutError](probed):
		return err
	}
	return fail(&bothFailedError{err: unwrapFailure(err), probed: unwrapFailure(probed)}, deliveryIn(err))
}

type bothFailedError struct{ err, probed error }

func (e *bothFailedError) Error() string {
	return e.err.Error() + "; " + discoverMethod + " before it: " + e.probed.Error()
}

// Unwrap returns the handshake's error: that is the one to act on.
func (e *bothFailedError) Unwrap() error { return e.err }

// eraMemory remembers, for the sessions of one Client, which era an endpoint
// spoke last. The zero value is ready; it is safe for concurrent use.
type eraMemory struct {
	mu    sync.Mutex
	names map[string]string // by URL
}

// maxEndpoints bounds the memory: a program that connects to ever new URLs must not grow by it.
const maxEndpoints = 1024

func (m *eraMemory) of(at *url.URL) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.names[at.String()]
}

func (m *eraMemory) remember(at *url.URL, name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := at.String()
	if _, known := m.names[key]; !known && (m.names == nil || len(m.names) >= maxEndpoints) {
		m.names = make(map[string]string)
	}
	m.names[key] = name
}

func (m *eraMemory) forget(at *url.URL) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.names, at.String())
}
