package interop_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/interop/internal/child"
	"github.com/holdfast-mcp/mcpclient/interop/internal/serve"
	"github.com/holdfast-mcp/mcpclient/interop/proxy"
)

// servers is how many there are: the number of the tests below.
const servers = 6

// patience bounds one server's whole scenario.
const patience = 2 * time.Minute

func TestOfficialGoSDK(t *testing.T)           { scenario(t, 1, goSDK()) }
func TestMCPGo(t *testing.T)                   { scenario(t, 2, mcpGo()) }
func TestServerEverything(t *testing.T)        { scenario(t, 3, everything()) }
func TestOfficialPythonBefore126(t *testing.T) { scenario(t, 4, pythonBefore126()) }
func TestOfficialPythonNewest1x(t *testing.T)  { scenario(t, 5, pythonNewest()) }
func TestFastMCP(t *testing.T)                 { scenario(t, 6, fastMCP()) }

// A stage is one server, the proxy before it, and the session of the client under test.
type stage struct {
	description
	server  *child.Server
	proxy   *proxy.Proxy
	session *mcpclient.Session
	ledger  string
	calls   *callBook
	result  *result
}

// scenario is the story that every server is taken through: use all it offers, lose it and its session several times, close.
func scenario(t *testing.T, order int, d description) {
	t.Helper()
	t.Parallel()
	in, err := findInstallation()
	require.NoError(t, err)
	row := &result{Order: order, Server: d.name}
	t.Cleanup(func() {
		row.Failed = t.Failed()
		row.save(t, in)
	})
	found, err := d.locate(in)
	if err != nil {
		row.NotRun = err.Error()
		notRun(t, d, err)
		return
	}
	row.Version = found.version
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()

	s := raise(ctx, t, d, found, row)
	s.checkRefusal(ctx, t, "mcp-session-00000000-0000-4000-8000-000000000000", d.unknown)
	s.connect(ctx, t)
	s.useFeatures(ctx, t)
	for _, running := range []int{50, 10, 25} {
		s.loseServer(ctx, t, running)
	}
	s.loseSession(ctx, t)
	s.close(ctx, t)
	s.settle(t)
}

// notRun fails the test of a server that is not installed, unless the one who runs the suite said that it may be so. CI may not.
func notRun(t *testing.T, d description, why error) {
	t.Helper()
	if os.Getenv("MCPCLIENT_INTEROP_ALLOW_MISSING") == "1" && os.Getenv("CI") != "true" {
		t.Logf("%s: not run: %v", d.name, why)
		return
	}
	t.Errorf("%s: not run: %v (MCPCLIENT_INTEROP_ALLOW_MISSING=1 lets the others pass without it)", d.name, why)
}

// raise starts the server and the proxy before it.
func raise(ctx context.Context, t *testing.T, d description, found installed, row *result) *stage {
	t.Helper()
	folder := t.TempDir()
	ledger, output := filepath.Join(folder, "ledger"), filepath.Join(folder, "output")
	port, err := child.FreePort(ctx, d.ports, d.ports+500)
	require.NoError(t, err)
	server := child.New(found.command, []string{serve.LedgerVariable + "=" + ledger}, port, output)
	t.Cleanup(func() {
		require.NoError(t, server.Kill())
		if printed, err := os.ReadFile(output); err == nil && t.Failed() {
			t.Logf("the server's last words:\n%s", printed[max(0, len(printed)-4000):])
		}
	})
	require.NoError(t, server.Start(ctx))

	front, err := child.FreePort(ctx, d.ports+500, d.ports+1000)
	require.NoError(t, err)
	between, err := proxy.Start(ctx, front, fmt.Sprintf("http://127.0.0.1:%d", port))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, between.Close()) })
	return &stage{description: d, server: server, proxy: between, ledger: ledger, calls: &callBook{}, result: row}
}

func (s *stage) connect(ctx context.Context, t *testing.T) {
	t.Helper()
	client := &mcpclient.Client{Name: "interop", Version: "1.0.0"}
	session, err := client.Connect(ctx, s.proxy.URL()+s.endpoint)
	require.NoError(t, err)
	t.Cleanup(func() { _ = session.Close() }) // for a scenario that broke off; otherwise it is closed already
	s.session = session
}

// close ends the session as an application does, and sees that the server has let it go.
func (s *stage) close(ctx context.Context, t *testing.T) {
	t.Helper()
	id := s.session.ID()
	require.NoError(t, s.session.Close())
	s.checkRefusal(ctx, t, id, s.deleted)
}

// checkRefusal asks the server itself, without proxy and client, with a session id that it does not know.
func (s *stage) checkRefusal(ctx context.Context, t *testing.T, id string, want refusal) {
	t.Helper()
	const list = `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`
	status, contentType, body := s.raw(ctx, t, http.MethodPost, id, list)
	require.Equal(t, want, refusal{status, contentType, body})
}

// raw sends one request to the server itself.
func (s *stage) raw(ctx context.Context, t *testing.T, method, id, message string) (status int, contentType, body string) {
	t.Helper()
	url := fmt.Sprintf("http://127.0.0.1:%d/mcp", s.server.Port())
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(message))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	req.Header.Set("Mcp-Session-Id", id)
	req.Header.Set("Mcp-Protocol-Version", "2025-11-25")
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, resp.Header.Get("Content-Type"), string(content)
}

// settle compares the three accounts of what happened: the client's errors, the server's ledger, the proxy's counts.
func (s *stage) settle(t *testing.T) {
	t.Helper()
	seen := s.proxy.Counts()
	executed := readLedger(t, s.ledger)
	s.calls.check(t, executed)
	require.Empty(t, seen.Duplicates(), "passed on twice")
	losses := s.result.Kills + s.result.Deletes
	require.Equal(t, 1+losses, seen.Initializes[proxy.Answered], "initialize answered; all requests: %v", seen.Requests)
	require.Len(t, seen.Versions, 1)
	for version := range seen.Versions {
		s.result.Protocol = version
	}
	s.result.Loss = fmt.Sprintf("%d %s", s.unknown.status, inWords(s.unknown))
	s.result.Duplicates = len(seen.Duplicates())
	s.result.Initializes = seen.Initializes[proxy.Answered]
	s.calls.tally(s.result)
}

// inWords shortens a refusal for the table: its JSON-RPC error code, or that it is no JSON.
func inWords(r refusal) string {
	var body struct {
		Error struct {
			Code int `json:"code"`
		} `json:"error"`
	}
	if json.Unmarshal([]byte(r.body), &body) != nil {
		return "text"
	}
	return fmt.Sprintf("JSON-RPC %d", body.Error.Code)
}
