package mcpclient

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// The most that one request is sent again because of its authorization, so that
// not even a bad Authorizer goes round in circles.
const (
	maxUnauthorized = 1 // after 401
	maxForbidden    = 2 // after 403: a token may have to grow twice
	maxNonces       = 1 // after 401 that only hands out a nonce (RFC 9449 section 9)
)

// authRounds counts how often one request was refused.
type authRounds struct{ unauthorized, forbidden, nonces int }

// allow counts a refusal and reports whether the Authorizer is told of it.
func (n *authRounds) allow(r *httpReply) bool {
	challenge := strings.ToLower(strings.Join(r.header.Values("WWW-Authenticate"), ","))
	switch {
	case r.status == http.StatusUnauthorized && strings.Contains(challenge, "use_dpop_nonce"):
		n.nonces++
		return n.nonces <= maxNonces
	case r.status == http.StatusUnauthorized:
		n.unauthorized++
		return n.unauthorized <= maxUnauthorized
	case r.status == http.StatusForbidden && challenge != "":
		n.forbidden++
		return n.forbidden <= maxForbidden
	default:
		return false
	}
}

// authorized makes the exchange as often as its Authorizer asks for. A refused
// request was not executed, and its body is still here.
func (t *transport) authorized(ctx context.Context, r *httpRequest) (*httpReply, error) {
	var rounds authRounds
	for refused := false; ; refused = true {
		reply, err := t.follow(ctx, r)
		switch {
		case err != nil && refused && deliveryIn(err) == DeliveryNotSent:
			return nil, fail(unwrapFailure(err), DeliveryRefused)
		case err != nil:
			return nil, err
		}
		r.auth.observe(reply)
		again, err := r.auth.refused(ctx, reply, &rounds)
		switch {
		case err != nil:
			return nil, err
		case !again:
			return reply, nil
		}
	}
}

// authorize adds the credentials to a request that is about to be sent.
func (c *credentials) authorize(ctx context.Context, request *http.Request) error {
	if c.ofCall {
		request.Header.Del("Authorization")
	}
	var plain http.Header // without credentials, where none may be sent
	if !maySend(request.URL, c.insecure) {
		plain = request.Header.Clone()
	}
	defer c.hold(ctx)()
	if err := c.authorizer.Authorize(ctx, c.server, request); err != nil {
		return c.failed(ctx, err, nil)
	}
	if plain != nil && !maps.EqualFunc(plain, request.Header, slices.Equal) {
		return c.failed(ctx, insecureError(request.URL), nil)
	}
	return nil
}

// hold stops the clocks while the Authorizer is at work.
func (c *credentials) hold(ctx context.Context) (release func()) {
	c.call.hold()
	restart := holdLimits(ctx)
	return func() {
		restart()
		c.call.release()
	}
}

// observe shows an answer to an Authorizer that wants to see them all.
func (c *credentials) observe(r *httpReply) {
	observer, ok := c.authorizer.(interface {
		Responded(server *url.URL, resp *http.Response)
	})
	if ok {
		observer.Responded(c.server, r.asResponse(r.header, nil))
	}
}

// refused tells the Authorizer of a refusal. It reports whether to send the request again.
func (c *credentials) refused(ctx context.Context, r *httpReply, rounds *authRounds) (again bool, err error) {
	if nobodyWaits(ctx) || r.status != http.StatusUnauthorized && r.status != http.StatusForbidden {
		return false, nil
	}
	text := r.body.keepRefusal()
	if c.ofSession(r) || !rounds.allow(r) {
		return false, nil
	}
	if !maySend(r.request.URL, c.insecure) {
		return false, c.failed(ctx, insecureError(r.request.URL), r)
	}
	defer c.hold(ctx)()
	again, err = c.authorizer.Refused(ctx, c.server, r.request, r.asResponse(r.header.Clone(), text))
	if err != nil {
		return false, c.failed(ctx, err, r)
	}
	return again, nil
}

// failed types an error of the Authorizer. refusal is nil if nothing was sent.
func (c *credentials) failed(ctx context.Context, err error, refusal *httpReply) error {
	delivery := DeliveryNotSent
	failed := &AuthorizationError{Err: err}
	if refusal != nil {
		delivery = DeliveryRefused
		failed.refusal = newAnswer(refusal.request.Method, refusal, 0, "").httpError()
		failed.refusal.hint = "" // there is an Authorizer
	}
	if ctx.Err() != nil {
		return fail(context.Cause(ctx), delivery)
	}
	return fail(failed, delivery)
}

// asResponse is the answer as an Authorizer gets it, with a body of its own.
func (r *httpReply) asResponse(header http.Header, body []byte) *http.Response {
	return &http.Response{
		Status: strconv.Itoa(r.status) + " " + http.StatusText(r.status), StatusCode: r.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: r.request,
	}
}

// credential is what was sent as Authorization, without its scheme. Servers
// repeat it in their refusals.
func (r *httpReply) credential() string {
	if r.request == nil {
		return ""
	}
	scheme, value, found := strings.Cut(r.request.Header.Get("Authorization"), " ")
	if !found {
		return scheme
	}
	return strings.TrimSpace(value)
}
