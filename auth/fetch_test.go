package auth

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// serve starts a server on loopback and returns its URL.
func serve(t *testing.T, handler http.HandlerFunc) *url.URL {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return urlOf(t, server.URL)
}

// never fails the test: no request may arrive.
func never(t *testing.T) http.HandlerFunc {
	t.Helper()
	return func(_ http.ResponseWriter, r *http.Request) { t.Errorf("a request arrived: %s %s", r.Method, r.URL) }
}

func onLoopback() *url.URL { return &url.URL{Scheme: "http", Host: "localhost:1", Path: "/mcp"} }

func TestGet(t *testing.T) {
	at := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/missing" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("X-Seen", fmt.Sprint(r.Method, r.URL, r.Header))
		_, _ = io.WriteString(w, `{"issuer":"x"}`)
	})
	f := newFetcher(HTTPPolicy{})
	reply, err := f.get(t.Context(), onLoopback(), at.JoinPath("doc"), "2025-11-25")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, reply.status)
	require.JSONEq(t, `{"issuer":"x"}`, string(reply.body))
	require.Equal(t, "GET/doc map[Accept:[application/json] Accept-Encoding:[identity] Connection:[close] Mcp-Protocol-Version:[2025-11-25] User-Agent:[Go-http-client/1.1]]",
		reply.header.Get("X-Seen"))

	reply, err = f.get(t.Context(), onLoopback(), at.JoinPath("missing"), "")
	require.NoError(t, err, "a status is the caller's to judge")
	require.Equal(t, http.StatusNotFound, reply.status)
}

func TestPost(t *testing.T) {
	at := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Dpop-Nonce", "n")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, r.Method, r.Header.Get("Content-Type"), string(body))
	})
	header := http.Header{"Content-Type": {"text/x"}}
	reply, err := newFetcher(HTTPPolicy{}).post(t.Context(), onLoopback(), at, header, []byte("a=b"))
	require.NoError(t, err)
	require.Equal(t, "POSTtext/xa=b", string(reply.body))
	require.Equal(t, "n", reply.header.Get("Dpop-Nonce"))
	require.Equal(t, http.Header{"Content-Type": {"text/x"}}, header, "the caller's header stays as it was")
}

func TestGetFollowsThreeRedirects(t *testing.T) {
	other := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "there") })
	var hops atomic.Int32
	at := serve(t, func(w http.ResponseWriter, r *http.Request) {
		hops.Add(1)
		switch r.URL.Path {
		case "/1":
			http.Redirect(w, r, "/2#part", http.StatusFound)
		case "/2":
			http.Redirect(w, r, "3", http.StatusPermanentRedirect)
		case "/3":
			http.Redirect(w, r, other.String(), http.StatusTemporaryRedirect)
		case "/nowhere":
			w.WriteHeader(http.StatusFound)
		case "/choices":
			w.WriteHeader(http.StatusMultipleChoices)
		default:
			http.Redirect(w, r, "/loop", http.StatusSeeOther)
		}
	})
	f := newFetcher(HTTPPolicy{})
	reply, err := f.get(t.Context(), onLoopback(), at.JoinPath("1"), "")
	require.NoError(t, err)
	require.Equal(t, "there", string(reply.body))

	hops.Store(0)
	_, err = f.get(t.Context(), onLoopback(), at.JoinPath("loop"), "")
	requireRequestError(t, err, "too many redirects", false)
	require.EqualValues(t, maxRedirects+1, hops.Load())

	_, err = f.get(t.Context(), onLoopback(), at.JoinPath("nowhere"), "")
	requireRequestError(t, err, "leads nowhere", false)

	reply, err = f.get(t.Context(), onLoopback(), at.JoinPath("choices"), "")
	require.NoError(t, err)
	require.Equal(t, http.StatusMultipleChoices, reply.status)
}

func TestPostFollowsNoRedirect(t *testing.T) {
	other := serve(t, never(t))
	for _, status := range []int{300, 301, 302, 303, 304, 307, 308} {
		at := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", other.String())
			w.WriteHeader(status)
		})
		_, err := newFetcher(HTTPPolicy{}).post(t.Context(), onLoopback(), at, nil, []byte("client_secret=hush"))
		requireRequestError(t, err, "redirect", false)
	}
}

func TestRedirectIsCheckedAnew(t *testing.T) {
	target := serve(t, never(t))
	var location string
	at := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", location)
		w.WriteHeader(http.StatusFound)
	})
	public := urlOf(t, "https://mcp.test/mcp")
	f := newFetcher(HTTPPolicy{AllowedHosts: []string{at.Host}, InsecureHosts: []string{"127.0.0.1"}})
	f.resolver = resolverOf(map[string][]string{"mcp.test": {"93.184.216.34"}})

	location = target.String()
	_, err := f.get(t.Context(), public, at, "")
	require.Equal(t, &BlockedAddressError{Host: target.Host, Address: "127.0.0.1"}, err)

	for _, location = range []string{"http://as.test/", "javascript:alert(1)", "file:///etc/passwd", "https://u:p@as.test/", "ftp://as.test/"} {
		_, err = f.get(t.Context(), public, at, "")
		var insecure *InsecureURLError
		require.ErrorAs(t, err, &insecure, location)
	}
}

func TestRedirectLeavesNoHTTPS(t *testing.T) {
	target := serve(t, never(t))
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, target.String()+"/x?code=hush", http.StatusFound)
	}))
	t.Cleanup(server.Close)
	f := newFetcher(HTTPPolicy{Transport: server.Client().Transport, InsecureHosts: []string{target.Host}})
	_, err := f.get(t.Context(), onLoopback(), urlOf(t, server.URL), "")
	var insecure *InsecureURLError
	require.ErrorAs(t, err, &insecure)
	require.Equal(t, "leaves https", insecure.Reason)
	require.NotContains(t, err.Error(), "hush")
}

func TestLimits(t *testing.T) {
	at := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/fits":
			_, _ = io.WriteString(w, strings.Repeat("x", maxDocument))
		case "/body":
			_, _ = io.WriteString(w, strings.Repeat("x", maxDocument+1))
		case "/header":
			w.Header().Set("X-Long", strings.Repeat("x", 2*maxResponseHeader))
		case "/gzip":
			w.Header().Set("Content-Encoding", "gzip")
			packed := gzip.NewWriter(w)
			_, _ = io.WriteString(packed, strings.Repeat("x", 2*maxDocument))
			_ = packed.Close()
		case "/cut":
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "short")
		}
	})
	f := newFetcher(HTTPPolicy{})
	reply, err := f.get(t.Context(), onLoopback(), at.JoinPath("fits"), "")
	require.NoError(t, err)
	require.Len(t, reply.body, maxDocument)
	_, err = f.get(t.Context(), onLoopback(), at.JoinPath("body"), "")
	requireRequestError(t, err, "over the limit", false)
	_, err = f.post(t.Context(), onLoopback(), at.JoinPath("body"), nil, nil)
	requireRequestError(t, err, "over the limit", false)
	_, err = f.get(t.Context(), onLoopback(), at.JoinPath("header"), "")
	requireRequestError(t, err, "header", true)
	_, err = f.get(t.Context(), onLoopback(), at.JoinPath("gzip"), "")
	requireRequestError(t, err, "compressed", false)
	_, err = f.get(t.Context(), onLoopback(), at.JoinPath("cut"), "")
	requireRequestError(t, err, "EOF", true)
}

// An application's transport may unpack by itself: the limit is for what comes out.
func TestLimitHoldsForTheApplicationsTransport(t *testing.T) {
	f := newFetcher(HTTPPolicy{Transport: roundTripFunc(func(r *http.Request) (*http.Response, error) {
		require.Equal(t, "as.test", r.URL.Host)
		return &http.Response{StatusCode: http.StatusOK, Uncompressed: true, Body: io.NopCloser(strings.NewReader(strings.Repeat("x", maxDocument+1)))}, nil
	})})
	_, err := f.get(t.Context(), nil, urlOf(t, "https://as.test/"), "")
	requireRequestError(t, err, "over the limit", false)
}

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestTimeoutAndCaller(t *testing.T) {
	arrived := make(chan struct{}, 1)
	at := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/drip" {
			_, _ = io.WriteString(w, "x")
			_ = http.NewResponseController(w).Flush()
		}
		_, _ = io.Copy(io.Discard, r.Body) // only then is the client's leaving noticed
		arrived <- struct{}{}
		<-r.Context().Done()
	})
	f := newFetcher(HTTPPolicy{Timeout: 50 * time.Millisecond})
	for _, path := range []string{"hang", "drip"} {
		_, err := f.get(t.Context(), onLoopback(), at.JoinPath(path), "")
		requireRequestError(t, err, "HTTPPolicy.Timeout", true)
		<-arrived
	}

	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	_, err := newFetcher(HTTPPolicy{}).post(ctx, onLoopback(), at, nil, []byte("x"))
	require.ErrorIs(t, err, context.Canceled)
	requireRequestError(t, err, "canceled", false)
}

func TestNetworkFailuresPass(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	f := newFetcher(HTTPPolicy{})
	f.resolver = resolverOf(nil)
	_, err = f.get(t.Context(), onLoopback(), urlOf(t, "http://"+listener.Addr().String()+"/?code=hush"), "")
	requireRequestError(t, err, "refused", true)
	require.NotContains(t, err.Error(), "hush")
	_, err = f.get(t.Context(), nil, urlOf(t, "https://unknown.test/"), "")
	requireRequestError(t, err, "no such host", true)

	server := httptest.NewTLSServer(never(t))
	t.Cleanup(server.Close)
	server.Config.ErrorLog = nil
	_, err = f.get(t.Context(), onLoopback(), urlOf(t, server.URL), "")
	requireRequestError(t, err, "certificate", true)
}

// A request that is given up leaves nothing behind, whichever phase it was in.
func TestNoGoroutineStaysBehind(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and never says a word
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	at := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 2*maxDocument))
	})
	before := goleak.IgnoreCurrent()
	f := newFetcher(HTTPPolicy{Timeout: 30 * time.Millisecond})
	for _, scheme := range []string{"http", "https"} {
		_, err = f.get(t.Context(), onLoopback(), urlOf(t, scheme+"://"+listener.Addr().String()), "")
		requireRequestError(t, err, "HTTPPolicy.Timeout", true)
	}
	f.resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	_, err = f.get(t.Context(), onLoopback(), urlOf(t, "https://as.test/"), "")
	requireRequestError(t, err, "HTTPPolicy.Timeout", true)
	_, err = newFetcher(HTTPPolicy{}).get(t.Context(), onLoopback(), at, "")
	requireRequestError(t, err, "over the limit", false)
	goleak.VerifyNone(t, before)
}

// A name that means a public address when it is looked at, and this machine when it is dialed.
func TestRebindingIsCaughtAtTheDial(t *testing.T) {
	target := serve(t, never(t))
	var lookups atomic.Int32
	f := newFetcher(HTTPPolicy{InsecureHosts: []string{"as.test"}})
	f.resolver = resolverBy(func(name string) []string {
		switch {
		case name == "mcp.test":
			return []string{"93.184.216.34"}
		case lookups.Add(1) <= 2: // A and AAAA of the first look
			return []string{"93.184.216.34"}
		default:
			return []string{"127.0.0.1"}
		}
	})
	first, err := f.resolver.LookupNetIP(t.Context(), "ip", "as.test")
	require.NoError(t, err)
	require.Equal(t, "93.184.216.34", first[0].String())
	_, err = f.get(t.Context(), urlOf(t, "https://mcp.test/"), urlOf(t, "http://as.test:"+target.Port()), "")
	var blocked *BlockedAddressError
	require.ErrorAs(t, err, &blocked)
	require.Equal(t, "127.0.0.1", blocked.Address)
	require.ErrorIs(t, err, ErrAuthorization)
}

func TestWhereRequestsMayGo(t *testing.T) {
	at := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") })
	known := resolverOf(map[string][]string{"as.test": {"127.0.0.1"}, "mcp.test": {"10.0.0.1"}, "inside.test": {"127.0.0.1"}, "meta.test": {"169.254.169.254", "fd00:ec2::254"}})
	named := urlOf(t, "http://as.test:"+at.Port())
	for _, c := range []struct {
		server  string
		target  *url.URL
		allowed []string
		blocked bool
	}{
		{"http://localhost:1/", at, nil, false},
		{"https://inside.test/", named, nil, false},
		{"https://mcp.test/", named, nil, true},
		{"https://mcp.test/", at, nil, true},
		{"https://mcp.test/", named, []string{"as.test"}, false},
		{"https://mcp.test/", named, []string{named.Host}, false},
		{"https://mcp.test/", named, []string{"as.test:1", "127.0.0.1"}, true},
		{"http://localhost:1/", urlOf(t, "http://meta.test/latest"), nil, true},
		{"http://localhost:1/", urlOf(t, "https://[::ffff:169.254.169.254]/latest"), nil, true},
	} {
		f := newFetcher(HTTPPolicy{AllowedHosts: c.allowed, InsecureHosts: []string{"as.test", "meta.test", "127.0.0.1"}})
		f.resolver = known
		for _, send := range []func() (*webReply, error){
			func() (*webReply, error) { return f.get(t.Context(), urlOf(t, c.server), c.target, "") },
			func() (*webReply, error) { return f.post(t.Context(), urlOf(t, c.server), c.target, nil, nil) },
		} {
			reply, err := send()
			if c.blocked {
				var blocked *BlockedAddressError
				require.ErrorAs(t, err, &blocked, "%v", c)
				require.Equal(t, c.target.Host, blocked.Host)
				continue
			}
			require.NoError(t, err, "%v", c)
			require.Equal(t, "here", string(reply.body))
		}
	}
}

func TestThroughAProxy(t *testing.T) {
	var asked atomic.Value
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.URL.String())
		_, _ = io.WriteString(w, "by proxy")
	})
	f := newFetcher(HTTPPolicy{InsecureHosts: []string{"as.test", "lan.test", "unknown.test", "10.0.0.7"}})
	f.proxy = http.ProxyURL(proxy)
	f.resolver = resolverOf(map[string][]string{"as.test": {"93.184.216.34"}, "mcp.test": {"93.184.216.34"}, "lan.test": {"93.184.216.34", "10.0.0.7"}})
	server := urlOf(t, "https://mcp.test/")
	for _, target := range []string{"http://as.test/token", "http://unknown.test/token"} {
		reply, err := f.get(t.Context(), server, urlOf(t, target), "")
		require.NoError(t, err)
		require.Equal(t, "by proxy", string(reply.body))
		require.Equal(t, target, asked.Swap(""))
	}
	for _, target := range []string{"http://lan.test/", "http://10.0.0.7/", "https://169.254.169.254/"} {
		_, err := f.get(t.Context(), server, urlOf(t, target), "")
		var blocked *BlockedAddressError
		require.ErrorAs(t, err, &blocked, target)
		require.Empty(t, asked.Load(), "the proxy is not asked")
	}

	f.proxy = func(*http.Request) (*url.URL, error) { return nil, errors.New("http://me:hush@proxy") }
	_, err := f.get(t.Context(), server, urlOf(t, "https://as.test/"), "")
	requireRequestError(t, err, "proxy", false)
	require.NotContains(t, err.Error(), "hush")
}

func TestNothingInsecureIsSent(t *testing.T) {
	at := serve(t, never(t))
	f := newFetcher(HTTPPolicy{AllowedHosts: []string{"127.0.0.1"}})
	_, err := f.post(t.Context(), urlOf(t, "https://mcp.test/"), at, nil, []byte("client_secret=hush"))
	var insecure *InsecureURLError
	require.ErrorAs(t, err, &insecure)
}

func TestErrorForgesNoLine(t *testing.T) {
	err := &RequestError{Host: "as.test", Err: errors.New("valid for a\nlevel=ERROR\x1b[2J\xff")}
	require.Equal(t, `"as.test": valid for a level=ERROR [2J`, err.Error())
}

func TestFetcherKeepsItsOwnPolicy(t *testing.T) {
	hosts := []string{"as.test"}
	f := newFetcher(HTTPPolicy{AllowedHosts: hosts, InsecureHosts: hosts})
	hosts[0] = "evil.test"
	require.True(t, names(f.policy.AllowedHosts, urlOf(t, "https://as.test/")))
	require.True(t, names(f.policy.InsecureHosts, urlOf(t, "https://as.test/")))
	require.Equal(t, 15*time.Second, f.policy.timeout())
}

func requireRequestError(t *testing.T, err error, text string, passing bool) {
	t.Helper()
	var failure *RequestError
	require.ErrorAs(t, err, &failure)
	require.ErrorContains(t, err, text)
	require.Equal(t, passing, failure.Temporary(), "%v", err)
	require.ErrorIs(t, err, ErrAuthorization)
}
