package mcpclient_test

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// The session's own transport speaks TLS 1.2 and newer, and to nobody whose certificate it cannot verify.
func TestTLSOfTheOwnTransport(t *testing.T) {
	for name, c := range map[string]struct {
		versions [2]uint16
		want     string
	}{
		"1.0":                      {[2]uint16{tls.VersionTLS10, tls.VersionTLS10}, "protocol version not supported"},
		"1.1":                      {[2]uint16{tls.VersionTLS10, tls.VersionTLS11}, "protocol version not supported"},
		"1.2, by nobody we know":   {[2]uint16{tls.VersionTLS12, tls.VersionTLS12}, "certificate"},
		"newest, by nobody either": {[2]uint16{tls.VersionTLS10, tls.VersionTLS13}, "certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request has arrived") }))
			server.TLS = &tls.Config{MinVersion: c.versions[0], MaxVersion: c.versions[1]}
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.StartTLS()
			defer server.Close()
			failed := cannotConnect(t, &mcpclient.Client{Retry: tryOnce}, server.URL+"/mcp")
			asCause[*mcpclient.NetworkError](t, failed)
			require.ErrorContains(t, failed, c.want)
			require.Equal(t, mcpclient.DeliveryNotSent, failed.Delivery)
		})
	}
}

// A page that leads elsewhere must not tell where it was left, and a redirect is followed without telling either.
func TestRefererIsNeverSent(t *testing.T) {
	for _, httpClient := range []*http.Client{nil, {}} {
		server := mcptest.New(t)
		server.Always(mcptest.Redirect(http.StatusTemporaryRedirect, "/mcp/").When(func(r mcptest.Request) bool { return r.Path == "/mcp" }))
		session := openSession(t, &mcpclient.Client{HTTPClient: httpClient}, server)
		require.NoError(t, session.Ping(t.Context()))
		for _, r := range server.Requests() {
			require.Empty(t, r.Header.Values("Referer"))
		}
	}
}

// A session id of a megabyte is over the limit of a header, or, where a user's http.Client takes it, over that of an id.
func TestGiantSessionID(t *testing.T) {
	for name, c := range map[string]struct {
		client *mcpclient.Client
		want   string
	}{
		"own transport": {new(mcpclient.Client), "the response header (Limits.ResponseHeader) is over the limit of 65536"},
		"a user's":      {&mcpclient.Client{HTTPClient: new(http.Client)}, "the session id has 1048576 characters"},
	} {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t, mcptest.WithoutSessions(), mcptest.History(1))
			server.Next(opening(mcptest.SetHeader("Mcp-Session-Id", filled(1<<20, "x"))))
			var failed *mcpclient.CallError
			grown := peakHeap(func() { failed = cannotConnect(t, c.client, server.URL()) })
			require.ErrorIs(t, failed, mcpclient.ErrProtocol)
			require.ErrorContains(t, failed, c.want)
			require.Less(t, len(failed.Error()), 500)
			require.LessOrEqual(t, grown, int64(heapAllowance/4))
		})
	}
}

// Numbers beyond what a float64 holds come through as they are: in arguments, in answers, and as they are decoded.
func TestNumbersAreExact(t *testing.T) {
	const big, fine, huge = "9007199254740993", "0.1000000000000000055511151231257827", "1e400"
	server := mcptest.New(t)
	session := openSession(t, new(mcpclient.Client), server)
	arguments := `{"n":` + big + `,"f":` + fine + `,"h":` + huge + `}`
	_, err := session.CallTool(t.Context(), "echo", json.RawMessage(arguments))
	require.NoError(t, err)
	sent := requestsBy(server, http.MethodPost, "tools/call")
	require.Contains(t, string(sent[0].Body), arguments)
	_, err = session.CallTool(t.Context(), "echo", map[string]any{"n": int64(9007199254740993), "m": json.Number(fine)})
	require.NoError(t, err)
	require.Contains(t, string(requestsBy(server, http.MethodPost, "tools/call")[1].Body), `"m":`+fine+`,"n":`+big)

	server.Next(answering("tools/call", `{"content":[],"structuredContent":`+arguments+`,"_meta":{"n":`+big+`},"extra":`+big+`}`))
	result, err := session.CallTool(t.Context(), "echo", nil)
	require.NoError(t, err)
	require.Equal(t, arguments, string(result.Structured))
	require.Equal(t, big, string(result.Extra["extra"]))
	var decoded struct {
		N int64
		F json.Number
	}
	require.NoError(t, result.Decode(&decoded))
	require.Equal(t, int64(9007199254740993), decoded.N)
	require.Equal(t, fine, decoded.F.String())
	again, err := json.Marshal(result)
	require.NoError(t, err)
	require.Equal(t, 3, strings.Count(string(again), big))

	server.Next(answering("tools/list", `{"tools":[{"name":"x","inputSchema":{"maximum":`+big+`}}]}`))
	tools, err := mcpclient.Collect(session.Tools(t.Context()))
	require.NoError(t, err)
	require.JSONEq(t, `{"maximum":`+big+`}`, string(tools[0].InputSchema))
	require.Contains(t, string(tools[0].InputSchema), big)
}

// What differs from our answer by its case, or is there twice, deceives one of two readers, and is none.
func TestDeceptiveAnswers(t *testing.T) {
	good := `{"content":[{"type":"text","text":"good"}]}`
	for body, want := range map[string]string{
		`{"jsonrpc":"2.0","id":3,"Result":` + good + `}`:                       "",
		`{"jsonrpc":"2.0","ID":3,"result":` + good + `}`:                       "",
		`{"jsonrpc":"2.0","id":3,"result":` + good + `,"result":` + good + `}`: "duplicate",
		`{"jsonrpc":"2.0","id":3,"id":4,"result":` + good + `}`:                "duplicate",
		`{"jsonrpc":"2.0","id":3,"result":{"content":[],"content":[]}}`:        "duplicate",
		`{"jsonrpc":"2.0","id":9007199254740995,"result":` + good + `}`:        "",
		`{"jsonrpc":"2.0","id":"4","result":` + good + `}`:                     "",
		`{"jsonrpc":"2.0","id":3.5,"result":` + good + `}`:                     "",
	} {
		for kind, text := range map[string]string{asJSON: body, asStream: "data: " + body + "\n\n"} {
			server := mcptest.New(t)
			session := openSession(t, &mcpclient.Client{Retry: tryOnce}, server)
			server.Next(mcptest.Respond(canned(kind, text)).On("tools/call"))
			_, err := session.CallTool(t.Context(), "echo", nil)
			asCause[*mcpclient.ProtocolError](t, err)
			require.ErrorContains(t, err, want)
			require.Equal(t, mcpclient.DeliveryUnknown, asCallError(t, err).Delivery)
			require.NoError(t, session.Ping(t.Context()))
		}
	}
}
