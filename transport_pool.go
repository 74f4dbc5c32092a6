package mcpclient

import (
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// idleConnTimeout stays below the keep-alive timeout of Node and uvicorn (5 s):
	// a connection that the server is about to close must not carry a call whose
	// outcome would then be unknown. It holds until a server names its own timeout.
	idleConnTimeout = 4 * time.Second
	// maxIdleConnTimeout bounds how long a connection is kept for a server that
	// would keep it: whatever lies between them may be less patient.
	maxIdleConnTimeout = 90 * time.Second
)

// pool is the connections of one session. It gives up a connection before the
// server does: a request that meets the server's own close is lost, and nobody
// knows whether it was executed. It is safe for concurrent use.
type pool struct {
	limits  Limits
	current atomic.Pointer[http.Transport]
	told    atomic.Pointer[string] // the Keep-Alive header heeded last

	mu      sync.Mutex
	retired []*http.Transport // replaced, but what began on one may still come back to it
}

func newPool(l Limits) *pool {
	p := &pool{limits: l}
	p.current.Store(p.transport(idleConnTimeout))
	return p
}

// roundTrip makes one exchange, and heeds what the answer says of its connection.
func (p *pool) roundTrip(r *http.Request) (*http.Response, error) {
	response, err := p.current.Load().RoundTrip(r)
	if err == nil && response.Header["Keep-Alive"] != nil {
		p.heed(response.Header.Get("Keep-Alive"))
	}
	return response, err
}

func (p *pool) idleTimeout() time.Duration { return p.current.Load().IdleConnTimeout }

func (p *pool) closeIdle() {
	p.mu.Lock()
	all := append(slices.Clone(p.retired), p.current.Load())
	p.mu.Unlock()
	for _, transport := range all {
		transport.CloseIdleConnections()
	}
}

// heed follows the server's keep-alive timeout, with a second for the way. Of
// several servers behind one URL the least patient counts. net/http reads the
// timeout of a transport without a lock, so another transport takes its place;
// what is under way on the old one ends there.
func (p *pool) heed(header string) {
	if told := p.told.Load(); told != nil && *told == header {
		return
	}
	timeout, ok := keepAliveTimeout(header)
	if !ok {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	first := p.told.Swap(&header) == nil
	old := p.current.Load()
	if timeout == old.IdleConnTimeout || timeout > old.IdleConnTimeout && !first {
		return
	}
	p.current.Store(p.transport(timeout))
	p.retired = append(p.retired, old)
	old.CloseIdleConnections()
}

// keepAliveTimeout reads `timeout=5, max=100` and leaves a second of it, or half
// of what is less than two.
func keepAliveTimeout(header string) (time.Duration, bool) {
	for parameter := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(parameter, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "timeout") {
			continue
		}
		seconds, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(value), `"`), 10, 31)
		if err != nil || seconds == 0 {
			return 0, false
		}
		timeout := time.Duration(seconds) * time.Second
		return min(max(timeout-time.Second, timeout/2), maxIdleConnTimeout), true
	}
	return 0, false
}

func (p *pool) transport(idle time.Duration) *http.Transport {
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: (&net.Dialer{
			Timeout:         30 * time.Second,
			KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3},
		}).DialContext,
		ForceAttemptHTTP2: true,
		// The default of 2 would make most parallel calls dial anew.
		MaxIdleConnsPerHost:    p.limits.ConcurrentCalls,
		IdleConnTimeout:        idle,
		TLSHandshakeTimeout:    10 * time.Second,
		ExpectContinueTimeout:  time.Second,
		DisableCompression:     true, // the size limit counts decoded bytes, so decoding is ours
		MaxResponseHeaderBytes: p.limits.ResponseHeader,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second},
	}
}
