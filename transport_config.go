package mcpclient

import (
	"net/http"
	"sync/atomic"
)

// newTransport builds the session's transport: one of its own, tuned for many
// parallel calls to one host, or the user's http.Client, copied so that it
// stays unmodified.
func newTransport(c *config) *transport {
	t := &transport{maxReply: c.maxMessageSize, lastUse: new(atomic.Int64), skipDrains: new(atomic.Int32)}
	if c.httpClient == nil {
		t.own = newPool(c.limits)
		t.maxHeader, t.headerOption = c.limits.ResponseHeader, "Limits.ResponseHeader"
		t.do = t.own.roundTrip // no redirect engine, fewer allocations
		return t
	}
	client := *c.httpClient
	t.timeout, client.Timeout = client.Timeout, 0 // the client's timeout would cut streams
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.do = client.Do
	t.cleartextHTTP2 = maySpeakHTTP2(client.Transport)
	t.maxHeader, t.headerOption = headerLimitOf(client.Transport), "http.Transport.MaxResponseHeaderBytes"
	return t
}

// headerLimitOf returns the limit that a user's RoundTripper sets, for the text
// of an error: net/http's default where it does not tell.
func headerLimitOf(roundTripper http.RoundTripper) int64 {
	const byDefault = 10 << 20
	if std, ok := roundTripper.(*http.Transport); ok && std.MaxResponseHeaderBytes > 0 {
		return std.MaxResponseHeaderBytes
	}
	return byDefault
}

// maySpeakHTTP2 reports whether a user's RoundTripper may speak HTTP/2 over
// plain http. One that is not net/http's may do anything.
func maySpeakHTTP2(roundTripper http.RoundTripper) bool {
	if roundTripper == nil {
		roundTripper = http.DefaultTransport
	}
	std, ok := roundTripper.(*http.Transport)
	return !ok || std.Protocols != nil && std.Protocols.UnencryptedHTTP2()
}
