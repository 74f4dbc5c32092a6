package interop_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/interop/internal/child"
	"github.com/holdfast-mcp/mcpclient/interop/internal/serve"
	"github.com/holdfast-mcp/mcpclient/interop/proxy"
	"github.com/holdfast-mcp/mcpclient/interop/wirecheck"
)

// servers is how many there are: the number of the tests below.
const servers = 16

// patience bounds one server's whole scenario.
const patience = 2 * time.Minute

func TestOfficialGoSDK(t *testing.T)           { scenario(t, 1, goSDK()) }
func TestOfficialGoSDKStateless(t *testing.T)  { scenario(t, 2, goSDKStateless()) }
func TestOfficialGoSDKSSE(t *testing.T)        { scenario(t, 3, goSDKSSE()) }
func TestMCPGo(t *testing.T)                   { scenario(t, 4, mcpGo()) }
func TestMCPGoStateless(t *testing.T)          { scenario(t, 5, mcpGoStateless()) }
func TestMCPGoSSE(t *testing.T)                { scenario(t, 6, mcpGoSSE()) }
func TestServerEverything(t *testing.T)        { scenario(t, 7, everything()) }
func TestServerEverythingSSE(t *testing.T)     { scenario(t, 8, everythingSSE()) }
func TestOfficialTypeScriptV2(t *testing.T)    { scenario(t, 9, typeScriptV2()) }
func TestOfficialPythonBefore126(t *testing.T) { scenario(t, 10, pythonBefore126()) }
func TestOfficialPythonNewest1x(t *testing.T)  { scenario(t, 11, pythonNewest()) }
func TestOfficialPythonStateless(t *testing.T) { scenario(t, 12, pythonStateless()) }
func TestOfficialPythonSSE(t *testing.T)       { scenario(t, 13, pythonSSE()) }
func TestFastMCP(t *testing.T)                 { scenario(t, 14, fastMCP()) }
func TestFastMCPStateless(t *testing.T)        { scenario(t, 15, fastMCPStateless()) }
func TestFastMCPSSE(t *testing.T)              { scenario(t, 16, fastMCPSSE()) }

// A stage is one server, the proxy before it, and the session of the client under test.
type stage struct {
	description
	server  *child.Server
	proxy   *proxy.Proxy
	monitor *wirecheck.Monitor // in the proxy
	session *mcpclient.Session
	ear     *ear
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
	row := &result{Order: order, Server: d.name, Transport: d.transport}
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
	s.checkProbe(ctx, t)
	s.checkRefusal(ctx, t, unknownID[d.transport], d.unknown)
	s.connect(ctx, t)
	s.useFeatures(ctx, t)
	s.listen(ctx, t)
	for _, running := range []int{50, 10, 25} {
		s.loseServer(ctx, t, running)
	}
	s.loseServerUnnoticed(ctx, t)
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
	schemas, err := wirecheck.FromEnvironment()
	require.NoError(t, err)
	monitor := schemas.Monitor()
	between, err := proxy.Start(ctx, front, fmt.Sprintf("http://127.0.0.1:%d", port), monitor)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, between.Close()) })
	return &stage{description: d, server: server, proxy: between, monitor: monitor, ledger: ledger, calls: &callBook{}, result: row}
}

func (s *stage) connect(ctx context.Context, t *testing.T) {
	t.Helper()
	session, err := s.newClient().Connect(ctx, s.proxy.URL()+s.endpoint)
	require.NoError(t, err)
	t.Cleanup(func() { _ = session.Close() }) // for a scenario that broke off; otherwise it is closed already
	s.session = session
	require.Equal(t, s.version, session.Server().ProtocolVersion)
}

// close ends the session as an application does, and sees that the server has let it go.
func (s *stage) close(ctx context.Context, t *testing.T) {
	t.Helper()
	id := s.session.ID()
	require.NoError(t, s.session.Close())
	s.hearTheEnd(t)
	if s.transport == withSessions {
		s.checkRefusal(ctx, t, id, s.deleted)
	}
}

// settle compares the three accounts of what happened: the client's errors, the server's ledger, the proxy's counts.
func (s *stage) settle(t *testing.T) {
	t.Helper()
	seen := s.proxy.Counts()
	executed := readLedger(t, s.ledger)
	s.calls.check(t, executed, s.transport == httpSSE)
	require.Empty(t, seen.Duplicates(), "passed on twice")
	require.Equal(t, s.handshakes(), seen.Initializes[proxy.Answered], "initialize answered; all requests: %v", seen.Requests)
	for version := range seen.Versions {
		require.Equal(t, s.version, version, "a request's header; all: %v", seen.Versions)
	}
	s.result.Protocol = s.version
	s.result.Tells = s.telling.inWords()
	s.result.Loss = "nothing to lose"
	if s.transport != stateless {
		s.result.Loss = inWords(s.unknown)
	}
	s.result.Duplicates = len(seen.Duplicates())
	s.result.Initializes = seen.Initializes[proxy.Answered]
	s.calls.tally(s.result)
	s.judgeMessages(t)
}

// handshakes is how many there have to be: none in the version without, one without sessions, else one more for each loss.
func (s *stage) handshakes() int {
	switch {
	case s.modern():
		return 0
	case s.transport == stateless:
		return 1
	default:
		return 1 + s.result.Kills + s.result.Deletes
	}
}

// judgeMessages holds all that was said against the protocol's schema. The client may not break it; what the server breaks must be
// known.
func (s *stage) judgeMessages(t *testing.T) {
	t.Helper()
	ofClient, ofServer := s.monitor.Faults()
	require.Empty(t, ofClient, "what the client sent")
	unknown, unused := wirecheck.Unexplained(ofServer, append(s.known, wirecheck.NullID())...)
	require.Empty(t, unknown, "what the server sent")
	for _, known := range s.known {
		if s.monitor != nil && slices.Contains(unused, known) {
			t.Logf("%s no longer has this fault, or it did not show: %s", s.name, known.Why)
		}
		s.result.Faults = append(s.result.Faults, known.Why)
	}
	s.result.Validated = s.monitor.Summary()
}

// inWords shortens a refusal for the table: its status, and its JSON-RPC error code or that it is no JSON.
func inWords(r refusal) string {
	var body struct {
		Error struct {
			Code int `json:"code"`
		} `json:"error"`
	}
	switch {
	case r.status == 0:
		return "no answer"
	case json.Unmarshal([]byte(r.body), &body) != nil:
		return fmt.Sprintf("%d text", r.status)
	default:
		return fmt.Sprintf("%d JSON-RPC %d", r.status, body.Error.Code)
	}
}
