package wirecheck_test

import (
	"cmp"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-mcp/mcpclient/interop/wirecheck"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	oldVersion = "2025-03-26"
	newVersion = "2026-07-28"

	call   = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","_meta":{}}}`
	events = "text/event-stream"
)

// An exchange is one POST or GET and its response.
type exchange struct {
	version     string // header; "" for none
	sent        string // "" for a GET
	status      int    // 0: 200
	contentType string // "": application/json
	received    string
}

func TestMonitorTellsWhatTheSchemaDoesNotAllow(t *testing.T) {
	withoutParams := strings.Replace(call, `,"params":{"name":"echo","_meta":{}}`, "", 1)
	asTask := strings.Replace(call, `"_meta":{}`, `"task":{}`, 1)
	for _, c := range []struct {
		name               string
		exchanges          []exchange
		ofClient, ofServer []string // a part of each fault's text
	}{
		{"a valid call", []exchange{{version: oldVersion, sent: call, received: `{"jsonrpc":"2.0","id":1,"result":{"content":[]}}`}}, nil, nil},
		{"a request that its definition does not allow", []exchange{{version: oldVersion, sent: withoutParams}},
			[]string{"client, 2025-03-26 tools/call: no CallToolRequest: "}, []string{"no JSON"}},
		{"an envelope", []exchange{{version: oldVersion, sent: `{"id":1,"method":"ping"}`, received: `{"jsonrpc":"2.0","id":1,"result":{}}`}},
			[]string{"no JSONRPCRequest"}, nil},
		{"a result", []exchange{{version: oldVersion, sent: call, received: `{"jsonrpc":"2.0","id":1,"result":{}}`}},
			nil, []string{"server, 2025-03-26 tools/call: no CallToolResult: "}},
		{"a format", []exchange{{version: oldVersion, sent: call, received: `{"jsonrpc":"2.0","id":1,"result":{"content":[],"link":"no uri"}}`}},
			nil, []string{"no CallToolResult"}},
		{"a result of the definition of whole responses", []exchange{
			{version: newVersion, sent: call, received: `{"jsonrpc":"2.0","id":1,"result":{"content":[]}}`},
		}, nil, []string{"no CallToolResultResponse"}},
		{"a result of the tasks extension", []exchange{
			{version: newVersion, sent: call, received: `{"jsonrpc":"2.0","id":1,"result":{"resultType":"task"}}`},
		}, nil, nil},
		{"a task that was asked for", []exchange{
			{version: oldVersion, sent: asTask, received: `{"jsonrpc":"2.0","id":1,"result":{"task":{}}}`},
		}, nil, []string{"no CreateTaskResult"}},
		{"a method of the other side", []exchange{{version: oldVersion, sent: `{"jsonrpc":"2.0","id":1,"method":"roots/list"}`, status: 404}},
			[]string{"a method that this side does not have"}, nil},
		{"a method of another version", []exchange{{version: newVersion, sent: `{"jsonrpc":"2.0","id":1,"method":"ping"}`, status: 404}},
			[]string{"a method that this side does not have"}, nil},
		{"an extension's method", []exchange{
			{version: newVersion, sent: `{"jsonrpc":"2.0","id":1,"method":"skills/list"}`, received: `{"jsonrpc":"2.0","id":1,"result":{}}`},
		}, nil, nil},
		{"a notification that is the only one of its side", []exchange{
			{version: newVersion, sent: `{"jsonrpc":"2.0","method":"notifications/cancelled"}`, status: 202, contentType: "text/plain"},
		}, []string{"no ClientNotification"}, nil},
		{"an error with a form of its own", []exchange{
			{version: newVersion, sent: call, status: 400, received: `{"jsonrpc":"2.0","id":1,"error":{"code":-32022,"message":""}}`},
		}, nil, []string{"no UnsupportedError"}},
		{"an error without a usable id", []exchange{
			{version: newVersion, sent: call, status: 400, received: `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":""}}`},
		}, nil, []string{"no JSONRPCErrorResponse"}},
		{"an answer to nothing", []exchange{{version: oldVersion, sent: call, received: `{"jsonrpc":"2.0","id":2,"result":{}}`}},
			nil, []string{"an answer to a request that was not made"}},
		{"a version without a schema", []exchange{{version: "2099-01-01", sent: call, status: 400, contentType: "text/plain"}},
			[]string{"there is no schema of this version"}, nil},
		{"an array in a version without arrays", []exchange{{version: newVersion, sent: "[" + call + "]", status: 400, contentType: "text/plain"}},
			[]string{"an array of messages"}, nil},
		{"an array in the version of arrays", []exchange{{version: oldVersion, sent: call, received: `[{"jsonrpc":"2.0","id":1,"result":{"content":[]}}]`}}, nil, nil},
		{"JSON of somebody else on a refusal", []exchange{{version: oldVersion, sent: call, status: 502, received: `{"detail":"bad gateway"}`}}, nil, nil},
		{"an acknowledgement", []exchange{
			{version: oldVersion, sent: `{"jsonrpc":"2.0","method":"notifications/initialized"}`, status: 202, received: `{}`},
		}, nil, nil},
		{"the version asked for, agreed on, and remembered", []exchange{
			{sent: `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-03-26"}}`,
				received: `{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2026-07-28","serverInfo":{}}}`},
			{sent: strings.Replace(call, `"_meta":{}`, `"a":1`, 1), status: 202, contentType: "text/plain"},
		}, []string{"client, 2026-07-28 tools/call: no CallToolRequest"}, nil},
		{"a stream: progress, a request of the server, the answer", []exchange{
			{version: oldVersion, sent: call, contentType: events, received: "id: 1\ndata:\n\n: hello\n\nevent: endpoint\ndata: /messages\n\n" +
				"event: message\r\ndata: {\"jsonrpc\":\"2.0\",\r\ndata: \"method\":\"notifications/progress\"}\r\n\r\n" +
				"data: {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"roots/list\"}\r\rdata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\ndata: {\"half"},
			{version: oldVersion, sent: `{"jsonrpc":"2.0","id":1,"result":{}}`, status: 202, contentType: "text/plain"},
		}, []string{"client, 2025-03-26 roots/list: no ListRootsResult"}, []string{"no ProgressNotification", "no CallToolResult"}},
		{"a number where the published schema wants an integer", []exchange{
			{version: oldVersion, sent: call, contentType: events, received: "data: {\"jsonrpc\":\"2.0\",\"id\":8,\"method\":\"elicitation/create\"}\n\n" +
				"data: {\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"elicitation/create\"}\n\n"},
			{version: oldVersion, sent: `{"jsonrpc":"2.0","id":8,"result":{"action":"accept","content":{"n":3.14}}}`, status: 202, contentType: "text/plain"},
			{version: oldVersion, sent: `{"jsonrpc":"2.0","id":9,"result":{"action":"accept","content":{"n":true}}}`, status: 202, contentType: "text/plain"},
		}, []string{"no ElicitResult"}, nil},
		{"an answer on another stream", []exchange{
			{version: oldVersion, sent: call, status: 202, contentType: "text/plain"},
			{version: oldVersion, contentType: events, received: "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\n"},
		}, nil, []string{"no CallToolResult"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			schemas, err := wirecheck.Load("testdata/schemas")
			require.NoError(t, err)
			monitor := schemas.Monitor("skills/list")
			for _, x := range c.exchanges {
				x.pass(t, monitor)
			}
			ofClient, ofServer := monitor.Faults()
			requireFaults(t, c.ofClient, ofClient)
			requireFaults(t, c.ofServer, ofServer)
		})
	}
}

func TestMonitorCountsWhatItChecked(t *testing.T) {
	schemas, err := wirecheck.Load("testdata/schemas")
	require.NoError(t, err)
	monitor := schemas.Monitor()
	exchange{version: oldVersion, sent: call, received: `{"jsonrpc":"2.0","id":1,"result":{"content":[]}}`}.pass(t, monitor)
	exchange{version: newVersion, sent: call, status: 400, contentType: "text/plain"}.pass(t, monitor)
	require.Equal(t, map[string]int{
		"2025-03-26 client JSONRPCRequest": 1, "2025-03-26 client CallToolRequest": 1,
		"2025-03-26 server JSONRPCResponse": 1, "2025-03-26 server CallToolResult": 1,
		"2026-07-28 client JSONRPCRequest": 1, "2026-07-28 client CallToolRequest": 1,
	}, monitor.Checked())
	require.Equal(t, "2 of 2025-03-26, 1 of 2026-07-28", monitor.Summary())
}

func TestABodyThatIsNotReadToItsEndIsNotJudged(t *testing.T) {
	schemas, err := wirecheck.Load("testdata/schemas")
	require.NoError(t, err)
	monitor := schemas.Monitor()
	resp := exchange{version: oldVersion, sent: call, received: `{"jsonrpc":`}.response(t, monitor)
	_, err = io.CopyN(io.Discard, resp.Body, 4)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	_, ofServer := monitor.Faults()
	require.Empty(t, ofServer)
}

func TestSchemasComeFromTheFolderThatTheEnvironmentNames(t *testing.T) {
	t.Setenv(wirecheck.FolderVariable, "testdata/schemas")
	schemas, err := wirecheck.FromEnvironment()
	require.NoError(t, err)
	require.NotNil(t, schemas)
	for _, folder := range []string{"testdata/nowhere", "testdata/broken"} {
		t.Setenv(wirecheck.FolderVariable, folder)
		_, err = wirecheck.FromEnvironment()
		require.ErrorContains(t, err, folder)
	}

	t.Setenv(wirecheck.FolderVariable, "")
	t.Setenv("CI", "true")
	_, err = wirecheck.FromEnvironment()
	require.ErrorContains(t, err, wirecheck.FolderVariable)
	t.Setenv("CI", "")
	schemas, err = wirecheck.FromEnvironment()
	require.NoError(t, err)
	require.Nil(t, schemas)
	require.Equal(t, http.DefaultTransport, schemas.Monitor().Transport(http.DefaultTransport))
}

// pass sends the exchange through the monitor and reads its answer.
func (x exchange) pass(t *testing.T, monitor *wirecheck.Monitor) {
	t.Helper()
	resp := x.response(t, monitor)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, x.received, string(body), "the monitor changes nothing")
	require.NoError(t, resp.Body.Close())
}

func (x exchange) response(t *testing.T, monitor *wirecheck.Monitor) *http.Response {
	t.Helper()
	method := http.MethodPost
	if x.sent == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(t.Context(), method, "http://server/mcp", strings.NewReader(x.sent))
	require.NoError(t, err)
	req.Header.Set("Mcp-Protocol-Version", x.version)
	resp, err := monitor.Transport(backend(func(req *http.Request) (*http.Response, error) {
		arrived, err := io.ReadAll(req.Body)
		require.NoError(t, err)
		require.Equal(t, x.sent, string(arrived), "the monitor changes nothing")
		header := http.Header{"Content-Type": {cmp.Or(x.contentType, "application/json")}}
		// One byte a read: nothing may depend on where a stream is cut.
		body := io.NopCloser(oneByte{strings.NewReader(x.received)})
		return &http.Response{StatusCode: cmp.Or(x.status, http.StatusOK), Header: header, Body: body}, nil
	})).RoundTrip(req)
	require.NoError(t, err)
	return resp
}

func requireFaults(t *testing.T, want []string, got []wirecheck.Fault) {
	t.Helper()
	require.Len(t, got, len(want), "%v", got)
	for i := range want {
		require.Contains(t, got[i].String(), want[i])
	}
}

type backend func(*http.Request) (*http.Response, error)

func (b backend) RoundTrip(req *http.Request) (*http.Response, error) { return b(req) }

type oneByte struct{ io.Reader }

func (r oneByte) Read(p []byte) (int, error) { return r.Reader.Read(p[:min(len(p), 1)]) }
