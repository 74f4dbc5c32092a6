package mcptest_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// oldWire speaks HTTP+SSE by hand: all that the server says is on one stream.
type oldWire struct {
	*wire
	stream   *live
	endpoint string // as the stream has announced it
}

// attach opens a stream, and reads the endpoint that must come first.
func attach(t *testing.T, srv *mcptest.Server) *oldWire {
	t.Helper()
	w := &oldWire{wire: &wire{t: t, srv: srv}}
	w.stream = w.live(http.MethodGet, "")
	ev, err := w.stream.next()
	if err == nil && ev.retry != "" { // comes alone
		ev, err = w.stream.next()
	}
	require.NoError(t, err)
	require.Equal(t, "endpoint", ev.event)
	w.endpoint = ev.data
	return w
}

// openOld starts a server with HTTP+SSE and opens a session on it.
func openOld(t *testing.T, opts ...mcptest.Option) *oldWire {
	t.Helper()
	return connectOld(t, mcptest.New(t, append(opts, mcptest.HTTPSSE())...))
}

func connectOld(t *testing.T, srv *mcptest.Server) *oldWire {
	t.Helper()
	w := attach(t, srv)
	w.call("initialize", initializeParams)
	w.tell(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	return w
}

// id is the session id in the endpoint.
func (w *oldWire) id() string {
	w.t.Helper()
	at, err := url.Parse(w.endpoint)
	require.NoError(w.t, err)
	return at.Query().Get("sessionId")
}

// requestTo is a request for a reference that the stream's URL resolves.
func (w *oldWire) requestTo(method, reference, body string) *http.Request {
	w.t.Helper()
	req := w.request(method, body, nil)
	at, err := req.URL.Parse(reference)
	require.NoError(w.t, err)
	req.URL = at
	req.Header.Del("Accept") // clients of this transport send none with a POST
	return req
}

// post sends a body to the endpoint.
func (w *oldWire) post(body string) reply {
	w.t.Helper()
	r, err := w.try(w.requestTo(http.MethodPost, w.endpoint, body))
	require.NoError(w.t, err)
	return r
}

// tell posts what the server must accept.
func (w *oldWire) tell(body string) {
	w.t.Helper()
	r := w.post(body)
	require.Equal(w.t, http.StatusAccepted, r.status, r.body)
	require.Equal(w.t, "Accepted", r.body)
}

// call posts a request; the next message of the stream must be its result.
func (w *oldWire) call(method, params string) string {
	w.t.Helper()
	w.tell(w.message(method, params))
	return w.result()
}

func (w *oldWire) result() string {
	w.t.Helper()
	a := w.stream.message()
	require.Nil(w.t, a.Error, "%+v", a)
	require.NotNil(w.t, a.Result, "%+v", a)
	return string(a.Result)
}

// callEcho posts a call of the tool of that name.
func (w *oldWire) callEcho(text string) {
	w.t.Helper()
	w.tell(w.echoCall(text))
}

func (w *oldWire) echoCall(text string) string {
	return w.message("tools/call", `{"name":"echo","arguments":{"text":"`+text+`"}}`)
}
