package mcpclient

import (
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// idleConnTimeout stays below the keep-alive timeout of Node and uvicorn (5 s):
// a connection that the server is about to close must not carry a call whose
// outcome would then be unknown.
const idleConnTimeout = 4 * time.Second

// newTransport builds the session's transport: one of its own, tuned for many
// parallel calls to one host, or the user's http.Client, copied so that it
// stays unmodified.
func newTransport(c *config) *transport {
	t := &transport{maxReply: c.maxMessageSize, lastUse: new(atomic.Int64), skipDrains: new(atomic.Int32)}
	if c.httpClient == nil {
		t.own = tunedTransport(c.limits)
		t.maxHeader, t.headerOption = c.limits.ResponseHeader, "Limits.ResponseHeader"
		t.do = t.own.RoundTrip // no redirect engine, fewer allocations
		return t
	}
	client := *c.httpClient
	t.timeout, client.Timeout = client.Timeout, 0 // the client's timeout would cut streams
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.do = client.Do
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

func tunedTransport(l Limits) *http.Transport {
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: (&net.Dialer{
			Timeout:         30 * time.Second,
			KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3},
		}).DialContext,
		ForceAttemptHTTP2: true,
		// The default of 2 would make most parallel calls dial anew.
		MaxIdleConnsPerHost:    l.ConcurrentCalls,
		IdleConnTimeout:        idleConnTimeout,
		TLSHandshakeTimeout:    10 * time.Second,
		ExpectContinueTimeout:  time.Second,
		DisableCompression:     true, // the size limit counts decoded bytes, so decoding is ours
		MaxResponseHeaderBytes: l.ResponseHeader,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second},
	}
}
