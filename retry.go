package mcpclient

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// deliveryOfFailure tells what a request that got no HTTP answer proves.
//
// Not written: the transport asked for a connection and never wrote the
// request's headers (dial, DNS, TLS, a proxy that refused, a context that
// ended while dialling): proven not sent. The hook fires before the bytes are
// flushed, so its absence is sound.
//
// No hook at all: a foreign RoundTripper that does not report to
// net/http/httptrace proves nothing by silence. Only a dial or certificate
// error, which name the phase themselves, count as not sent.
//
// Refused by HTTP/2: the server reset the stream with REFUSED_STREAM, or went
// away naming a last stream before ours (RFC 9113 sections 6.8 and 8.7). Proven
// refused, if net/http sent the request once: where it may send it again, the
// error is that of the last time.
//
// Everything else, first of all EOF and "connection reset": a request that was
// executed and then cut looks the same as one that was never read. Unknown.
func deliveryOfFailure(err error, progress *sendProgress) Delivery {
	switch {
	case progress.sentOnce && refusedByHTTP2(withoutURL(err).Error()):
		return DeliveryRefused
	case progress.wroteHeaders.Load():
		return DeliveryUnknown
	case progress.askedForConn.Load():
		return DeliveryNotSent
	case failedBeforeHTTP(err):
		return DeliveryNotSent
	default:
		return DeliveryUnknown
	}
}

// refusedByHTTP2 recognises what net/http says of a request that it would send
// again, had it a body to send; its types are not exported. The whole beginning
// is compared: the end of such a text may be the server's own words.
func refusedByHTTP2(text string) bool {
	if strings.HasPrefix(text, "http2: Transport received GOAWAY from server ErrCode:") { // streams after the last alone get this
		return true
	}
	inner, ok := strings.CutPrefix(text, "http2: Transport: cannot retry err [")
	inner, _, closed := strings.Cut(inner, "] after Request.Body was written")
	return ok && closed && (inner == "http2: Transport received Server's graceful shutdown GOAWAY" ||
		strings.HasPrefix(inner, "stream error: stream ID ") && strings.HasSuffix(inner, "; REFUSED_STREAM; received from peer"))
}

// failedBeforeHTTP recognises errors of the phases that precede the request.
func failedBeforeHTTP(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial" || badCertificate(err)
}

// badCertificate recognises a server that is not who it should be. No later
// try mends that.
func badCertificate(err error) bool {
	return is[*tls.CertificateVerificationError](err) || is[x509.UnknownAuthorityError](err) ||
		is[x509.HostnameError](err) || is[x509.CertificateInvalidError](err)
}

// deliveryOfStatus tells what an HTTP status proves, where the body says
// nothing better.
//
// 3xx and 4xx: the request was turned away before it was dispatched. Refused.
// But 303 is how a server points at the outcome of a request (RFC 9110 section
// 15.4.4). Unknown.
//
// 503 with Retry-After: an invitation to come again, which overloaded or
// restarting servers and balancers send instead of dispatching. Refused.
//
// Other 5xx: 502 and 504 routinely follow an execution whose answer was lost,
// 500 and 520-530 come from the middle of one. Unknown.
//
// 2xx: the server accepted the request; without a usable answer in the body
// nobody knows how it ended. Unknown.
func deliveryOfStatus(status int, header http.Header) Delivery {
	switch {
	case status == http.StatusSeeOther:
		return DeliveryUnknown
	case status >= 300 && status < 500:
		return DeliveryRefused
	case status == http.StatusServiceUnavailable && header.Get("Retry-After") != "":
		return DeliveryRefused
	default:
		return DeliveryUnknown
	}
}

// passes reports whether a failure that proves that nothing was done is likely
// to be over soon: no connection, or a server with too much to do. Every other
// refusal will be the same next time.
func passes(err error) bool {
	if refused, ok := errors.AsType[*HTTPError](err); ok {
		return refused.StatusCode == http.StatusTooManyRequests || refused.StatusCode == http.StatusServiceUnavailable
	}
	return is[*NetworkError](err) && !badCertificate(err)
}

// mayPass reports whether a failure that proves nothing may be over soon: the
// connection or the reply broke, the reply made no sense, or a server or a
// gateway stumbled. An answer over a limit would be as large again. A refusal
// to take up a reply is about the rest of that reply: whatever it says, the
// request itself has not been refused.
func mayPass(err error) bool {
	if failed, ok := errors.AsType[*HTTPError](err); ok {
		if failed.resumed {
			return true
		}
		switch status := failed.StatusCode; status {
		case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true
		default:
			return status >= 520 && status <= 530 // of CDNs, about the server behind them
		}
	}
	return is[*ProtocolError](err) || is[*NetworkError](err) && !badCertificate(err)
}

// neverConnected: no server noticed anything of the attempt.
func neverConnected(v *verdict) bool {
	return v.delivery == DeliveryNotSent && is[*NetworkError](v.err)
}

// brokenReply: the server took the request, and its reply came to an end before
// the answer.
func brokenReply(err error) bool {
	bad, ok := errors.AsType[*ProtocolError](err)
	return ok && bad.ended || is[*NetworkError](err) && !is[*timeoutError](err)
}

// transientStatus lists the answers that may be different a moment later.
func transientStatus(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	default:
		return false
	}
}

// transientHandshake reports whether a failed handshake is worth another try:
// the network failed, the server is busy or restarting, no answer came in
// time, or the fresh session was refused on its very first message. A definite
// answer (wrong URL or certificate, HTML, another version, unauthorized) is
// not. Opening a session twice harms nobody, so an unknown outcome counts as well.
func transientHandshake(err error) bool {
	if is[*AuthorizationError](err) {
		return authorizationPasses(err)
	}
	if is[*SessionError](err) || is[*NetworkError](err) {
		return !badCertificate(err)
	}
	refused, ok := errors.AsType[*HTTPError](err)
	return ok && transientStatus(refused.StatusCode)
}

// is reports whether err is, or wraps, an E.
func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// maxRetryAfter bounds how long the client follows a server's Retry-After. A
// longer wish fails at once and leaves the decision to the caller.
const maxRetryAfter = 60 * time.Second

// parseRetryAfter reads Retry-After (RFC 9110 section 10.2.3), as seconds or as
// a date. ok is false if the header is absent or unreadable.
func parseRetryAfter(h http.Header, now time.Time) (wait time.Duration, ok bool) {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if value == "" {
		return 0, false
	}
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return max(0, at.Sub(now)), true
}

// retryAfterOf returns the Retry-After of the HTTP answer inside err.
func retryAfterOf(err error) (time.Duration, bool) {
	if failed, ok := errors.AsType[*AuthorizationError](err); ok {
		wait, _ := failed.retryAfter()
		return wait, wait > 0
	}
	refused, ok := errors.AsType[*HTTPError](err)
	if !ok {
		return 0, false
	}
	return parseRetryAfter(refused.Header, time.Now())
}

// fullJitter returns a random wait in [0, base*2^n], the bound capped. Full
// jitter spreads the clients of one restarted server best.
func fullJitter(base time.Duration, n int, limit time.Duration) time.Duration {
	bound := limit
	if n < 32 && base<<n > 0 && base<<n < limit {
		bound = base << n
	}
	return rand.N(bound + 1)
}

// between returns a random duration in [low, high].
func between(low, high time.Duration) time.Duration { return low + rand.N(high-low+1) }

// repeatable lists the methods that a server may execute twice without harm
// (by the protocol's own definition). They are repeated when nobody knows
// whether they were executed, and net/http may re-send them when an idle
// connection turns out to be dead.
func repeatable(method string) bool {
	switch method {
	case "ping", "tools/list", "resources/list", "resources/templates/list", "prompts/list",
		"resources/read", "resources/subscribe", "resources/unsubscribe", "prompts/get", "completion/complete",
		"logging/setLevel", "tasks/get", "tasks/list", "tasks/result":
		return true
	default:
		return false
	}
}

// prompt lists the methods that a healthy server answers quickly: each of
// their exchanges is bounded by Client.HandshakeTimeout. Tools, prompts and
// resources may take as long as the caller's context allows.
func prompt(method string) bool {
	switch method {
	case "ping", "tools/list", "resources/list", "resources/templates/list", "prompts/list", "logging/setLevel",
		"tasks/get", "tasks/list", "tasks/update", "tasks/cancel":
		return true
	default:
		return false
	}
}
