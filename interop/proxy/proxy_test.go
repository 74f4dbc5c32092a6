package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-mcp/mcpclient/interop/internal/child"
	"github.com/holdfast-mcp/mcpclient/interop/proxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestProxyCountsInitializesByOutcome(t *testing.T) {
	status := http.StatusServiceUnavailable
	p := start(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	const initialize = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}`
	require.NoError(t, post(t, p, initialize))
	status = http.StatusOK
	require.NoError(t, post(t, p, initialize))

	counts := p.Counts()
	require.Equal(t, map[proxy.Outcome]int{proxy.Refused: 1, proxy.Answered: 1}, counts.Initializes)
	require.Equal(t, map[string]int{"POST initialize 503": 1, "POST initialize 200": 1}, counts.Requests)
}

func TestProxyReportsACallPassedOnTwiceUnlessItWasRefused(t *testing.T) {
	status := http.StatusNotFound
	p := start(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	require.NoError(t, post(t, p, call("refused-then-answered")))
	status = http.StatusOK
	require.NoError(t, post(t, p, call("refused-then-answered")))
	require.NoError(t, post(t, p, call("answered-twice")))
	require.NoError(t, post(t, p, call("answered-twice")))

	counts := p.Counts()
	require.Equal(t, []proxy.Outcome{proxy.Refused, proxy.Answered}, counts.Calls["refused-then-answered"])
	require.Equal(t, []string{"answered-twice"}, counts.Duplicates())
}

func TestProxyPassesEachEventOnAtOnce(t *testing.T) {
	read := make(chan struct{})
	p := start(t, func(w http.ResponseWriter, r *http.Request) {
		stream(t, w, "data: 1\n\n")
		select {
		case <-read:
			stream(t, w, "data: 2\n\n")
		case <-r.Context().Done():
		}
	})
	resp, err := send(t, p, http.MethodPost, "{}")
	require.NoError(t, err)
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	line, err := lines.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "data: 1\n", line)
	close(read)
	rest, err := io.ReadAll(lines)
	require.NoError(t, err)
	require.Equal(t, "\ndata: 2\n\n", string(rest))
}

func TestProxyCutsTheConnectionWhenTheBackendIsDown(t *testing.T) {
	backend := httptest.NewServer(http.NotFoundHandler())
	backend.Close()
	p := startBefore(t, backend.URL)
	require.ErrorIs(t, post(t, p, call("lost")), io.EOF)
	require.Equal(t, []proxy.Outcome{proxy.Undelivered}, p.Counts().Calls["lost"])
}

func TestProxyCutsTheConnectionWhenTheBackendDiesWithinAnAnswer(t *testing.T) {
	p := start(t, func(w http.ResponseWriter, _ *http.Request) {
		stream(t, w, "data: 1\n\n")
		panic(http.ErrAbortHandler)
	})
	require.ErrorIs(t, post(t, p, call("half")), io.ErrUnexpectedEOF)
	require.Equal(t, []proxy.Outcome{proxy.Answered}, p.Counts().Calls["half"])
}

func TestProxyRefusesConnectionsWhileCut(t *testing.T) {
	p := start(t, func(http.ResponseWriter, *http.Request) {})
	require.NoError(t, p.Cut())
	require.ErrorIs(t, post(t, p, "{}"), syscall.ECONNREFUSED)
	require.NoError(t, p.Restore(t.Context()))
	require.NoError(t, post(t, p, "{}"))
}

func TestProxyCountsProtocolVersions(t *testing.T) {
	p := start(t, func(http.ResponseWriter, *http.Request) {})
	resp, err := send(t, p, http.MethodDelete, "")
	require.NoError(t, err)
	resp.Body.Close()
	require.NoError(t, post(t, p, `{"jsonrpc":"2.0","id":1,"method":"server/discover"}`))
	require.Equal(t, map[string]int{"2025-06-18": 1}, p.Counts().Versions, "that of the probe is not counted")
	require.Equal(t, map[string]int{"DELETE 200": 1, "POST server/discover 200": 1}, p.Counts().Requests)
}

func start(t *testing.T, handler http.HandlerFunc) *proxy.Proxy {
	t.Helper()
	backend := httptest.NewServer(handler)
	t.Cleanup(backend.Close)
	return startBefore(t, backend.URL)
}

func startBefore(t *testing.T, backend string) *proxy.Proxy {
	t.Helper()
	port, err := child.FreePort(t.Context(), 29000, 30000)
	require.NoError(t, err)
	p, err := proxy.Start(t.Context(), port, backend, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

// stream writes what must reach the client at once.
func stream(t *testing.T, w http.ResponseWriter, events string) {
	t.Helper()
	w.Header().Set("Content-Type", "text/event-stream")
	_, err := io.WriteString(w, events)
	require.NoError(t, err)
	require.NoError(t, http.NewResponseController(w).Flush())
}

// send sends one request over a connection of its own, so that no test depends on what an earlier one left open.
func send(t *testing.T, p *proxy.Proxy, method, body string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, p.URL(), strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Mcp-Protocol-Version", "2025-06-18")
	transport := &http.Transport{DisableKeepAlives: true}
	return transport.RoundTrip(req)
}

// post sends a message and reads its whole answer.
func post(t *testing.T, p *proxy.Proxy, message string) error {
	t.Helper()
	resp, err := send(t, p, http.MethodPost, message)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.ReadAll(resp.Body)
	return err
}

func call(nonce string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"count","arguments":{"nonce":%q}}}`, nonce)
}
