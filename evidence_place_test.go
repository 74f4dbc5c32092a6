package mcpclient_test

import (
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/internal/faultnet"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// A place is a server with its ledger and the way to it, which can be broken.
type place struct {
	*mcptest.Server
	url    string
	http2  bool
	route  *rerouted
	usual  *http.Transport               // with faults in its connections
	faults *faultnet.Net                 // over them
	coming atomic.Pointer[faultnet.Plan] // of the next connection; nil: peace
	stream atomic.Pointer[streamFault]   // of the next call, where frames are at hand; nil: peace
}

func newPlace(t *testing.T, protocol string, e evidenceRow) *place {
	t.Helper()
	p := &place{Server: mcptest.New(t, append([]mcptest.Option{mcptest.InMemory()}, e.options...)...), http2: protocol == "HTTP/2"}
	site := httptest.NewUnstartedServer(p.Server)
	site.Config.ErrorLog = log.New(io.Discard, "", 0)
	site.EnableHTTP2 = p.http2
	if p.http2 {
		site.StartTLS()
	} else {
		site.Start()
	}
	t.Cleanup(site.Close)
	t.Cleanup(site.CloseClientConnections)
	p.url = site.URL + "/mcp"
	p.lead(t, site.Client().Transport.(*http.Transport))
	return p
}

// lead makes transport, with faults, the usual way to p.
func (p *place) lead(t *testing.T, transport *http.Transport) {
	t.Helper()
	p.faults = faultnet.New(func(int) faultnet.Plan {
		if plan := p.coming.Swap(nil); plan != nil {
			return *plan
		}
		return faultnet.Plan{}
	})
	p.usual = transport
	p.usual.DialContext = p.faults.Dial(new(net.Dialer).DialContext)
	t.Cleanup(p.usual.CloseIdleConnections)
	p.route = new(rerouted)
	p.route.set(p.usual)
}

func (p *place) connect(t *testing.T, configure func(*mcpclient.Client), retry mcpclient.RetryPolicy) *mcpclient.Session {
	t.Helper()
	client := &mcpclient.Client{HTTPClient: &http.Client{Transport: p.route}, Retry: retry}
	if configure != nil {
		configure(client)
	}
	session, err := client.Connect(t.Context(), p.url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, session.Close()) })
	return session
}

// once sends the next request through other, and all that follow the usual way.
func (p *place) once(other http.RoundTripper) {
	var used atomic.Bool
	p.route.set(roundTripFunc(func(r *http.Request) (*http.Response, error) {
		if used.CompareAndSwap(false, true) {
			return other.RoundTrip(r)
		}
		return p.usual.RoundTrip(r)
	}))
}

// requireExecuted: the calls of the tool have been executed once for each true.
func (p *place) requireExecuted(t *testing.T, call kindOfCall, executed ...bool) {
	t.Helper()
	want := 0
	for _, once := range executed {
		if once && call.tool {
			want++
		}
	}
	require.NoError(t, p.Await(t.Context(), func() bool { return p.Executed() >= want }))
	require.Equal(t, want, p.Executed())
}

// anew sends the next request over a connection of its own. Over HTTP/2 nobody can tell when an old one has become idle.
func (p *place) anew(t *testing.T) {
	t.Helper()
	fresh := p.usual.Clone()
	t.Cleanup(fresh.CloseIdleConnections)
	p.once(fresh)
}

// met lets a fault of the server meet the next call. Over HTTP/1.1 that opens a connection, as net/http repeats some
// requests itself whose connection has been used before.
func met(fault mcptest.Fault) func(*testing.T, *place) {
	return func(t *testing.T, p *place) {
		t.Helper()
		if !p.http2 {
			p.anew(t)
		}
		p.Next(fault.On("ping", "tools/call"))
	}
}

// struck lets plan strike the next call: over HTTP/1.1 on a connection of its own, over HTTP/2 on the one that there is.
func struck(plan faultnet.Plan) func(*testing.T, *place) {
	return func(t *testing.T, p *place) {
		t.Helper()
		if p.http2 {
			p.faults.Change(plan)
		} else {
			struckAnew(plan)(t, p)
		}
	}
}

// struckAnew lets plan strike a new connection.
func struckAnew(plan faultnet.Plan) func(*testing.T, *place) {
	return func(t *testing.T, p *place) {
		t.Helper()
		p.anew(t)
		p.coming.Store(&plan)
	}
}

// foreign is a RoundTripper that tells net/http/httptrace nothing.
func foreign(err error) func(*testing.T, *place) {
	return func(_ *testing.T, p *place) { p.once(failing(err)) }
}

func isA[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func isError(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func isStatus(status int) func(error) bool {
	return func(err error) bool {
		refused, ok := errors.AsType[*mcpclient.HTTPError](err)
		return ok && refused.StatusCode == status
	}
}
