package auth

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	// maxDocument bounds a metadata document and the answer of an endpoint, in
	// bytes after decompression.
	maxDocument       = 1 << 20
	maxResponseHeader = 64 << 10
	maxRedirects      = 3
	connectTimeout    = 5 * time.Second // TCP, and TLS again
	headerTimeout     = 10 * time.Second
)

var errTooSlow = errors.New("there is no complete answer within HTTPPolicy.Timeout")

// fetcher makes the requests to authorization servers and for metadata. server
// is the MCP server on whose account a request is made: what it may reach is
// measured by where that server is.
//
// Nothing is kept between requests, and a fetcher needs no Close. They are a
// handful an hour, and a connection opened on one server's account must not
// carry a request on another's, past the guard.
type fetcher struct {
	policy   HTTPPolicy
	proxy    func(*http.Request) (*url.URL, error)
	resolver *net.Resolver // nil: the system's
}

// webReply is an answer, read to its end.
type webReply struct {
	status int
	header http.Header
	body   []byte
}

func newFetcher(policy HTTPPolicy) *fetcher {
	policy.AllowedHosts = slices.Clone(policy.AllowedHosts)
	policy.InsecureHosts = slices.Clone(policy.InsecureHosts)
	return &fetcher{policy: policy, proxy: http.ProxyFromEnvironment}
}

// get fetches a document, without credentials. version is the protocol version that
// the refused request carried; "": none. Redirects are followed where the document
// itself might have been. Errors: *InsecureURLError, *BlockedAddressError, *RequestError.
func (f *fetcher) get(ctx context.Context, server, at *url.URL, version string) (*webReply, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, f.policy.timeout(), errTooSlow)
	defer cancel()
	header := http.Header{"Accept": {"application/json"}}
	if version != "" {
		header.Set("Mcp-Protocol-Version", version)
	}
	for hop := 0; ; hop++ {
		reply, err := f.exchange(ctx, server, http.MethodGet, at, header, nil)
		if err != nil || !isRedirect(reply.status) {
			return reply, err
		}
		if hop == maxRedirects {
			return nil, &RequestError{Host: at.Host, Err: errors.New("too many redirects: 3 are followed")}
		}
		if at, err = redirected(at, reply.header.Get("Location")); err != nil {
			return nil, err
		}
	}
}

// post sends a body to an endpoint, once. A redirect is not followed: it would take
// the secrets in the body to somebody else. Errors as of get.
func (f *fetcher) post(ctx context.Context, server, at *url.URL, header http.Header, body []byte) (*webReply, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, f.policy.timeout(), errTooSlow)
	defer cancel()
	reply, err := f.exchange(ctx, server, http.MethodPost, at, header, body)
	if err == nil && reply.status/100 == 3 {
		return nil, &RequestError{Host: at.Host, Err: errors.New("the endpoint answers with a redirect, which is not followed: it would take secrets along")}
	}
	return reply, err
}

// exchange sends one request and reads its answer. ctx ends with the call of get
// or post, and the connection ends with ctx.
func (f *fetcher) exchange(ctx context.Context, server *url.URL, method string, at *url.URL, header http.Header, body []byte) (*webReply, error) {
	if err := f.check(server, at, "the URL of a request"); err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, method, at.String(), bytes.NewReader(body))
	if err != nil { // its text repeats the URL
		return nil, &RequestError{Host: at.Host, Err: errors.New("the URL is not fit for a request")}
	}
	maps.Copy(request.Header, header)
	request.Header.Set("Accept-Encoding", "identity") // the limit is for what is read
	transport, err := f.transport(ctx, server, request)
	if err != nil {
		return nil, err
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return nil, failed(ctx, at, err)
	}
	defer response.Body.Close()
	if coding := response.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return nil, &RequestError{Host: at.Host, Err: errors.New("the answer is compressed, which nobody asked for")}
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxDocument+1))
	switch {
	case err != nil:
		return nil, failed(ctx, at, err)
	case len(text) > maxDocument:
		return nil, &RequestError{Host: at.Host, Err: errors.New("the answer is over the limit of 1 MiB")}
	}
	return &webReply{status: response.StatusCode, header: response.Header, body: text}, nil
}

// failed sorts out why a request has no answer. What the guard refused was never
// sent. A caller who is gone is no failure of the network: only the latter passes.
func failed(ctx context.Context, at *url.URL, err error) error {
	if blocked, ok := errors.AsType[*BlockedAddressError](err); ok {
		return blocked
	}
	switch cause := context.Cause(ctx); {
	case cause == nil:
		return &RequestError{Host: at.Host, Err: err, Passing: true}
	case errors.Is(cause, errTooSlow):
		return &RequestError{Host: at.Host, Err: errTooSlow, Passing: true}
	default:
		return &RequestError{Host: at.Host, Err: ctx.Err()}
	}
}

// transport returns what sends one request: the application's own transport as it
// is, or one for this request alone.
func (f *fetcher) transport(ctx context.Context, server *url.URL, request *http.Request) (http.RoundTripper, error) {
	if f.policy.Transport != nil {
		return f.policy.Transport, nil
	}
	at := request.URL
	g := &guard{server: server, target: at, allowed: names(f.policy.AllowedHosts, at), resolver: f.resolver}
	dialer := &net.Dialer{Timeout: connectTimeout, ControlContext: g.control, Resolver: f.resolver}
	proxy, err := f.proxy(request)
	if err != nil { // its text may hold the proxy's password
		return nil, &RequestError{Host: at.Host, Err: errors.New("the proxy that the environment names is not a URL")}
	}
	if proxy != nil {
		if err := g.admitTarget(ctx); err != nil {
			return nil, err
		}
		dialer.ControlContext = nil // the proxy is the user's choice
	}
	return &http.Transport{
		Proxy: http.ProxyURL(proxy),
		// The context that net/http passes outlives the request, for the sake of a
		// pool: a goroutine would be left behind, dialing.
		DialContext: func(_ context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err == nil {
				context.AfterFunc(ctx, func() { _ = conn.Close() })
			}
			return conn, err
		},
		DisableKeepAlives:      true,
		DisableCompression:     true,
		TLSHandshakeTimeout:    connectTimeout,
		ResponseHeaderTimeout:  headerTimeout,
		MaxResponseHeaderBytes: maxResponseHeader,
	}, nil
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	default:
		return false
	}
}

// redirected returns where a redirect leads; exchange checks it as any other URL.
func redirected(from *url.URL, location string) (*url.URL, error) {
	to, err := from.Parse(location)
	if err != nil || location == "" {
		return nil, &RequestError{Host: from.Host, Err: errors.New("a redirect that leads nowhere")}
	}
	if from.Scheme == "https" && to.Scheme != "https" {
		return nil, &InsecureURLError{What: "a redirect to", URL: withoutQuery(to), Reason: "leaves https"}
	}
	to.Fragment, to.RawFragment = "", "" // RFC 9110 section 10.2.2: it is for a reader
	return to, nil
}
