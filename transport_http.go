package mcpclient

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// maxRedirects is how many same-origin redirects one request follows.
const maxRedirects = 3

// transport turns one POST, GET or DELETE into one reply. It knows HTTP and
// the limits of this client, but nothing of sessions or versions.
//
// All fields are immutable; a transport is safe for concurrent use.
type transport struct {
	do       func(*http.Request) (*http.Response, error)
	own      *pool         // nil if the user brought an http.Client
	timeout  time.Duration // http.Client.Timeout of the user's client, moved to the call
	maxReply int64         // Client.MaxMessageSize

	cleartextHTTP2 bool // http URLs, too, may be spoken to in HTTP/2

	maxHeader    int64  // bytes of a response header; net/http enforces it
	headerOption string // what sets maxHeader

	lastUse    *atomic.Int64 // UnixNano of the last request sent
	skipDrains *atomic.Int32 // see replyBody.discard
}

// close gives the idle connections back. Only the session's own transport is closed.
func (t *transport) close() {
	if t.own != nil {
		t.own.closeIdle()
	}
}

// httpRequest is one HTTP exchange to be made.
type httpRequest struct {
	method     string
	url        *url.URL
	header     http.Header    // complete; owned by the request
	body       []byte         // nil for GET and DELETE
	repeatable bool           // net/http may re-send it on a dead idle connection
	headerWait time.Duration  // for the response header; 0: as long as the context
	silence    error          // what ends the request when it is over
	jar        http.CookieJar // nil: no cookies
	secret     string         // a credential in header that no error may repeat
	auth       *credentials   // nil: the header has all that there is
}

// httpReply is the answer to an httpRequest. Its body must be closed.
type httpReply struct {
	status int
	header http.Header
	url    *url.URL // where the answer came from, after redirects
	body   *replyBody

	request *http.Request // as sent; nil without an Authorizer
}

// isEventStream, isJSON: the media type, parameters aside. An absent type
// counts as JSON: several servers forget it, and the parser tells the rest.
func (r *httpReply) isEventStream() bool { return r.mediaType() == "text/event-stream" }

func (r *httpReply) isJSON() bool {
	kind := r.mediaType()
	return kind == "" || kind == "application/json" || strings.HasSuffix(kind, "+json")
}

// mediaType leaves the parameters out unread: nothing depends on them, and a
// malformed one does no harm.
func (r *httpReply) mediaType() string {
	kind, _, _ := strings.Cut(r.header.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(kind))
}

// succeeded reports a 2xx status.
func (r *httpReply) succeeded() bool { return r.status >= 200 && r.status < 300 }

// sendProgress records what net/http/httptrace saw of one request.
type sendProgress struct {
	sentOnce     bool // net/http does not send the request again on its own account
	askedForConn atomic.Bool
	wroteHeaders atomic.Bool
}

func (p *sendProgress) observe(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:      func(string) { p.askedForConn.Store(true) },
		WroteHeaders: func() { p.wroteHeaders.Store(true) },
	})
}

// roundTrip makes one exchange, authorized if there is an Authorizer. Its errors
// are failures: typed, with their Delivery. The reply ends with ctx.
func (t *transport) roundTrip(ctx context.Context, r *httpRequest) (*httpReply, error) {
	if r.auth != nil {
		return t.authorized(ctx, r)
	}
	return t.follow(ctx, r)
}

// follow makes one exchange and follows same-origin redirects.
func (t *transport) follow(ctx context.Context, r *httpRequest) (*httpReply, error) {
	for hop := 0; ; hop++ {
		reply, err := t.exchange(ctx, r)
		if err != nil || reply.status < 300 || reply.status > 399 || reply.status == http.StatusNotModified {
			return reply, err
		}
		next, err := redirectTarget(reply, r, hop)
		reply.body.discard()
		if err != nil {
			return nil, fail(err, deliveryOfStatus(reply.status, reply.header))
		}
		followed := *r
		followed.url = next
		r = &followed
	}
}

// redirectTarget returns where to repeat the request. Nothing, neither token
// nor session id nor body, is ever sent to another origin.
func redirectTarget(reply *httpReply, r *httpRequest, hop int) (*url.URL, error) {
	location := reply.header.Get("Location")
	next, err := r.url.Parse(location)
	if err != nil || location == "" {
		return nil, &RedirectError{StatusCode: reply.status, Location: redactText(location, r.secret)}
	}
	keepsMethod := reply.status == http.StatusTemporaryRedirect || reply.status == http.StatusPermanentRedirect
	if !keepsMethod || hop >= maxRedirects || next.User != nil || !sameOrigin(next, r.url) {
		next.User = nil
		return nil, &RedirectError{StatusCode: reply.status, Location: redactText(next.String(), r.secret)}
	}
	next.Fragment = ""
	return next, nil
}

// sameOrigin compares scheme, host and port (RFC 6454 section 4).
func sameOrigin(a, b *url.URL) bool {
	return strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(a.Hostname(), b.Hostname()) && portOf(a) == portOf(b)
}

func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	if strings.EqualFold(u.Scheme, "https") {
		return "443"
	}
	return "80"
}

func (t *transport) exchange(ctx context.Context, r *httpRequest) (*httpReply, error) {
	if ctx.Err() != nil { // net/http would say so, too, but not that it has done nothing yet
		return nil, fail(context.Cause(ctx), DeliveryNotSent)
	}
	t.dropStaleConns(r)
	progress := new(sendProgress)
	sendCtx, cancel := context.WithCancelCause(progress.observe(ctx)) // of this exchange alone: see replyBody.end
	request, err := newHTTPRequest(sendCtx, r)
	if err != nil {
		cancel(nil)
		return nil, fail(withoutURL(err), DeliveryNotSent)
	}
	t.limitResends(request, r)
	progress.sentOnce = r.body != nil && request.GetBody == nil
	if r.auth != nil {
		if err := r.auth.authorize(ctx, request); err != nil {
			cancel(nil)
			return nil, err
		}
	}
	headersArrived := startHeaderClock(r, cancel)
	response, err := t.do(request)
	headersArrived()
	if err != nil {
		err = t.sendFailure(sendCtx, r, err, progress)
		cancel(nil)
		return nil, err
	}
	if r.jar != nil && (r.auth == nil || !r.auth.ofCall) { // what a server sets for one user is not to go with another's calls
		if cookies := response.Cookies(); len(cookies) > 0 {
			r.jar.SetCookies(r.url, cookies)
		}
	}
	body := &replyBody{ctx: sendCtx, cancel: cancel, raw: response.Body, length: response.ContentLength, transport: t}
	reply := &httpReply{status: response.StatusCode, header: response.Header, url: r.url, body: body}
	if r.auth != nil {
		reply.request = request
	}
	encoding := response.Header.Get("Content-Encoding")
	if body.decode(encoding) {
		return reply, nil
	}
	if reply.succeeded() {
		body.end()
		return nil, fail(&ProtocolError{Reason: "content encoding " + quote(redactText(encoding, r.secret)) + " was not asked for"}, DeliveryUnknown)
	}
	body.decoded = http.NoBody // the status of a refusal tells most of it
	return reply, nil
}

// startHeaderClock ends the exchange if no response header arrives in time. The
// returned function stops the clock; the body may then take its time.
func startHeaderClock(r *httpRequest, cancel context.CancelCauseFunc) (headersArrived func()) {
	if r.headerWait <= 0 {
		return func() {}
	}
	clock := time.AfterFunc(r.headerWait, func() { cancel(r.silence) })
	return func() { clock.Stop() }
}

// clientTimeoutOption is how errors call the timeout of the user's http.Client.
const clientTimeoutOption = "http.Client.Timeout"

// noAnswerWithin is the error of a server that stays silent for longer than an
// option allows.
func noAnswerWithin(wait time.Duration, option string) error {
	return &NetworkError{Err: &timeoutError{wait: wait, option: option}}
}

type timeoutError struct {
	wait   time.Duration
	option string
}

func (e *timeoutError) Error() string {
	return "no answer within " + e.wait.String() + " (" + e.option + "): is this an MCP endpoint, and is it up?"
}

// Timeout reports true. With Temporary it makes a net.Error, by which programs
// recognise a timeout of any make.
func (e *timeoutError) Timeout() bool { return true }

// Temporary reports true, as the timeouts of package net do.
func (e *timeoutError) Temporary() bool { return true }

// dropStaleConns closes idle connections before a call that must not be sent
// twice, when they have been idle so long that the server may be closing them
// at this very moment.
func (t *transport) dropStaleConns(r *httpRequest) {
	now := time.Now().UnixNano()
	last := t.lastUse.Swap(now)
	if t.own != nil && !r.repeatable && last != 0 && time.Duration(now-last) >= t.own.idleTimeout() {
		t.own.closeIdle()
	}
}

// sendFailure types an error of RoundTrip.
func (t *transport) sendFailure(ctx context.Context, r *httpRequest, err error, progress *sendProgress) error {
	delivery := deliveryOfFailure(err, progress)
	if ctx.Err() != nil {
		return fail(context.Cause(ctx), delivery)
	}
	err = withoutURL(err)
	if t.own != nil && !progress.askedForConn.Load() {
		return fail(err, DeliveryNotSent) // such a request, net/http does not even try to send
	}
	if bad := t.badAnswer(redactText(err.Error(), r.secret)); bad != nil {
		return fail(bad, DeliveryUnknown)
	}
	return fail(&NetworkError{Err: err}, delivery)
}

// badAnswer types what net/http has no types for: there was an answer, which
// it would not take. A field of its header is not shown: it may be the one
// with the session id.
func (t *transport) badAnswer(text string) error {
	switch _, malformed, ok := strings.Cut(text, "transport connection broken: malformed "); {
	case ok && strings.Contains(malformed, "header"):
		return &ProtocolError{Reason: "the answer has a malformed HTTP header"}
	case ok:
		return &ProtocolError{Reason: "the answer is not HTTP: malformed " + clip(malformed)}
	case strings.Contains(text, "failed to parse Location header"):
		return &ProtocolError{Reason: "the answer redirects to an unreadable Location"}
	case strings.Contains(text, "server response headers exceeded"), strings.Contains(text, "response header list larger than"):
		return &LimitError{What: "the response header (" + t.headerOption + ")", Limit: t.maxHeader}
	default:
		return nil
	}
}

// withoutURL drops the URL, whose query may hold a secret, from an error of net/http.
func withoutURL(err error) error {
	if repeating, ok := errors.AsType[*url.Error](err); ok {
		return repeating.Err
	}
	return err
}

// idempotencyHeader with an empty value list stays off the wire but lets
// net/http repeat a POST whose idle connection turned out to be dead.
const idempotencyHeader = "X-Idempotency-Key"

func newHTTPRequest(ctx context.Context, r *httpRequest) (*http.Request, error) {
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body) // a type of our own would cost a packet per request
	}
	request, err := http.NewRequestWithContext(ctx, r.method, r.url.String(), body)
	if err != nil {
		return nil, err
	}
	if r.auth == nil {
		request.Header = maps.Clone(r.header)
	} else {
		request.Header = r.header.Clone() // an Authorizer may add to its values, which other requests share
	}
	if r.repeatable && request.Header[idempotencyHeader] == nil {
		request.Header[idempotencyHeader] = nil
	}
	if r.jar != nil {
		for _, cookie := range r.jar.Cookies(r.url) {
			request.AddCookie(cookie)
		}
	}
	return request, nil
}

// limitResends bounds how often net/http itself sends a request again where it
// may speak HTTP/2. Up to Go 1.26 it does so even after a stream error that
// proves nothing, unless it cannot rewind the body; and a server that refuses
// every stream would get each harmless request eight times.
func (t *transport) limitResends(request *http.Request, r *httpRequest) {
	switch rewind := request.GetBody; {
	case rewind == nil || r.url.Scheme == "http" && !t.cleartextHTTP2:
	case !r.repeatable:
		request.GetBody = nil
	default:
		resent := false
		request.GetBody = func() (io.ReadCloser, error) {
			if resent {
				return nil, errResent
			}
			resent = true
			return rewind()
		}
	}
}

var errResent = errors.New("the server, or what is before it, refused the request twice on the level of connections")
