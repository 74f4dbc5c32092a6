package mcpclient_test

import (
	"context"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

const (
	newestVersion  = "2026-07-28"
	newestHandmade = "2025-11-25" // the newest that begins with a handshake
	defaultProbe   = 5 * time.Second
)

// probe aims a fault at the first request of all.
func probe(f mcptest.Fault) mcptest.Fault { return f.On("server/discover") }

// refusing is a JSON-RPC error without data.
func refusing(status int, code int64, message string) mcptest.Fault {
	return mcptest.ErrorAnswer(status, &mcpclient.RPCError{Code: code, Message: message})
}

// methodsSent returns the JSON-RPC methods that have arrived since the first n requests; "DELETE" for one.
func methodsSent(server *mcptest.Server, n int) []string {
	var methods []string
	for _, r := range server.Requests()[n:] {
		if r.Method == "" {
			r.Method = r.HTTPMethod
		}
		methods = append(methods, r.Method)
	}
	return methods
}

func countOf(server *mcptest.Server, method string) int {
	return len(requestsBy(server, http.MethodPost, method))
}

// opensEra connects, makes one call, closes, and returns what arrived before the call.
func opensEra(t *testing.T, client *mcpclient.Client, server *mcptest.Server, version string) []string {
	t.Helper()
	before := len(server.Requests())
	session, err := client.Connect(t.Context(), server.URL())
	require.NoError(t, err)
	sent := methodsSent(server, before)
	require.Equal(t, version, session.Server().ProtocolVersion)
	_, err = session.CallTool(t.Context(), "echo", nil)
	require.NoError(t, err)
	require.NoError(t, session.Close())
	return sent
}

// What servers that know nothing of server/discover make of it. All of them know initialize.
func legacyAnswers() map[string]mcptest.Fault {
	result := mcptest.ResultAnswer
	empty := result(struct{}{})
	answers := map[string]mcptest.Fault{
		"an error in the wrong place":     mcptest.Status(200, http.Header{"Content-Type": {"application/json"}}, `{"error":"unknown method"}`),
		"404 of a router":                 mcptest.Status(404, nil, "404 page not found\n"),
		"404 without a word":              mcptest.Status(404, nil, ""),
		"404, no such method":             refusing(404, -32601, "Method not found"),
		"405":                             mcptest.Status(405, http.Header{"Allow": {"GET"}}, ""),
		"406":                             mcptest.Status(406, nil, ""),
		"410":                             mcptest.Status(410, nil, ""),
		"415":                             mcptest.Status(415, nil, ""),
		"422":                             mcptest.Status(422, nil, `{"detail":"Field required"}`),
		"500":                             mcptest.Status(500, nil, "Internal Server Error"),
		"500 with an error":               refusing(500, -32603, "Internal error"),
		"501":                             mcptest.Status(501, nil, ""),
		"a web page":                      mcptest.HTML(),
		"plain text":                      mcptest.Status(200, nil, "OK"),
		"202":                             mcptest.Accepted(),
		"204":                             mcptest.Status(204, nil, ""),
		"an empty 200":                    mcptest.EmptyOK(),
		"an empty stream":                 mcptest.Status(200, http.Header{"Content-Type": {"text/event-stream"}}, ""),
		"JSON that ends in the middle":    mcptest.Combine(mcptest.Malformed(), empty),
		"a body that is cut":              mcptest.Combine(mcptest.Truncated(10), empty),
		"a stream that ends":              mcptest.Combine(mcptest.NoAnswer(), empty),
		"a stream that is cut":            mcptest.Combine(mcptest.CutStream(0), empty),
		"a connection that is cut":        mcptest.DropBefore(),
		"an encoding that nobody knows":   mcptest.Combine(mcptest.SetHeader("Content-Encoding", "br"), empty),
		"a header that is none":           mcptest.SetHeader("X", "a\x7f"),
		"a body without an end":           mcptest.EndlessBody(),
		"the answer to another request":   mcptest.Combine(mcptest.WrongID(), result(map[string]any{"supportedVersions": []string{newestVersion}})),
		"an empty object":                 empty,
		"an array":                        mcptest.Combine(answeringAll(`[]`), empty),
		"no versions":                     result(map[string]any{"supportedVersions": []string{}, "resultType": "complete"}),
		"versions that are none":          result(map[string]any{"supportedVersions": newestVersion}),
		"the answer to initialize":        result(map[string]any{"protocolVersion": newestHandmade, "capabilities": map[string]any{}, "serverInfo": map[string]any{"name": "n", "version": "v"}}),
		"only versions with a handshake":  result(map[string]any{"supportedVersions": []string{newestHandmade, "2025-06-18"}, "capabilities": map[string]any{}}),
		"refused for those, with 400":     mcptest.VersionUnsupported("2024-11-05", newestHandmade),
		"refused for those, with 200":     mcptest.ErrorAnswer(200, &mcpclient.RPCError{Code: -32022, Message: "no", Data: []byte(`{"supported":["` + newestHandmade + `"]}`)}),
		"a version in the message alone":  refusing(400, -32000, "Bad Request: Unsupported protocol version: 2026-07-28 (supported versions: 2025-11-25)"),
		"a code just below the reserved":  refusing(400, -32019, "no"),
		"a code just above the reserved":  refusing(400, -32023, "no"),
		"the reserved codes, not as such": mcptest.Status(400, http.Header{"Content-Type": {"application/json"}}, `{"code":-32022,"message":"no"}`),
	}
	for _, code := range []int64{-32700, -32600, -32601, -32602, -32603, -32000, -32001} {
		text := http.StatusText(http.StatusBadRequest) + ": no"
		answers["400 with "+codeName(code)] = refusing(400, code, text)
		answers["200 with "+codeName(code)] = refusing(200, code, text)
	}
	return answers
}

func codeName(code int64) string {
	return map[int64]string{
		-32700: "a parse error", -32600: "an invalid request", -32601: "no such method", -32602: "invalid params",
		-32603: "an internal error", -32000: "the server's own error", -32001: "the server's own second error",
	}[code]
}

// TestProbeOfALegacyServer: whatever it answers, it costs one round trip, once for each Client and URL.
func TestProbeOfALegacyServer(t *testing.T) {
	handshake := []string{"initialize", "notifications/initialized"}
	for name, answer := range legacyAnswers() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := mcptest.New(t, mcptest.InMemory())
				server.Always(probe(answer))
				client := &mcpclient.Client{HTTPClient: server.HTTPClient(), MaxMessageSize: 64 << 10}
				start := time.Now()
				require.Equal(t, append([]string{"server/discover"}, handshake...), opensEra(t, client, server, newestHandmade))
				require.Zero(t, time.Since(start), "nobody waits")
				require.Equal(t, handshake, opensEra(t, client, server, newestHandmade), "the era is remembered")
				other := &mcpclient.Client{HTTPClient: server.HTTPClient()}
				require.Contains(t, opensEra(t, other, server, newestHandmade), "server/discover", "by each Client for itself")
			})
		})
	}
}

// TestProbeThatNobodyAnswers: the wait is bounded, by ProbeTimeout or by half of the time that the caller has.
func TestProbeThatNobodyAnswers(t *testing.T) {
	silences := map[string]mcptest.Fault{
		"no status":         mcptest.Hang(),
		"a silent stream":   mcptest.Combine(mcptest.HoldOpen(), mcptest.NoAnswer(), mcptest.ResultAnswer(struct{}{})),
		"a talkative one":   mcptest.Combine(mcptest.Notify("notifications/message", map[string]any{"level": "info", "data": "x"}), mcptest.HoldOpen(), mcptest.NoAnswer(), mcptest.ResultAnswer(struct{}{})),
		"half of an answer": mcptest.Respond(halfAnswer()),
		"too slow":          mcptest.Slow(time.Minute),
	}
	for name, tt := range map[string]struct {
		probe, handshake time.Duration // options of the Client
		deadline         time.Duration // 0: none
		waits            time.Duration
	}{
		"by default":                      {waits: defaultProbe},
		"ProbeTimeout":                    {probe: 40 * time.Second, handshake: time.Minute, waits: 40 * time.Second},
		"HandshakeTimeout, if shorter":    {handshake: 2 * time.Second, waits: 2 * time.Second},
		"half of the time that is left":   {deadline: 3 * time.Second, waits: 1500 * time.Millisecond},
		"not longer for a later one":      {deadline: time.Hour, waits: defaultProbe},
		"half of it under a ProbeTimeout": {probe: 10 * time.Second, deadline: 12 * time.Second, waits: 6 * time.Second},
	} {
		for silence, fault := range silences {
			t.Run(name+", "+silence, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					server := mcptest.New(t, mcptest.InMemory())
					server.Always(probe(fault))
					client := &mcpclient.Client{HTTPClient: server.HTTPClient(), ProbeTimeout: tt.probe, HandshakeTimeout: tt.handshake}
					ctx := t.Context()
					if tt.deadline > 0 {
						deadline, cancel := context.WithTimeout(ctx, tt.deadline)
						defer cancel()
						ctx = deadline
					}
					start := time.Now()
					session, err := client.Connect(ctx, server.URL())
					require.NoError(t, err)
					require.Equal(t, tt.waits, time.Since(start))
					require.NoError(t, session.Close())
					require.Equal(t, 1, countOf(server, "server/discover"))
					start = time.Now()
					opensEra(t, client, server, newestHandmade)
					require.Zero(t, time.Since(start), "once")
				})
			})
		}
	}
}

// halfAnswer sends the beginning of an answer and then nothing more.
func halfAnswer() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		writeJSON(w, `{"jsonrpc":"2.0",`)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
}

// TestProbeEndsWithItsCaller: who gives up while the probe is out is told so, and nothing more is sent.
func TestProbeEndsWithItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory())
		server.Always(probe(mcptest.Hang()))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		_, err := (&mcpclient.Client{HTTPClient: server.HTTPClient()}).Connect(ctx, server.URL())
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, time.Second, time.Since(start))
		require.NotErrorAs(t, err, new(*mcpclient.NetworkError))
		require.Equal(t, mcpclient.DeliveryUnknown, asCallError(t, err).Delivery, "of the probe, which was sent")
		synctest.Wait()
		require.Equal(t, []string{"server/discover"}, methodsSent(server, 0))
	})
}

// TestProbeWhileDialling: a server that is slow to be reached has the time of a handshake, not of a probe.
func TestProbeWhileDialling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newImpostorInMemory(t)
		server.pipes.deaf.Store(true)
		time.AfterFunc(defaultProbe-time.Second, func() { server.pipes.deaf.Store(false) })
		start := time.Now()
		server.connect(t, new(mcpclient.Client))
		require.Equal(t, defaultProbe, time.Since(start))
	})
	synctest.Test(t, func(t *testing.T) {
		server := newImpostorInMemory(t)
		server.pipes.deaf.Store(true)
		client := &mcpclient.Client{HTTPClient: server.client}
		start := time.Now()
		failed := cannotConnect(t, client, server.url)
		require.Equal(t, defaultProbe+30*time.Second, time.Since(start))
		require.EqualError(t, asCause[*mcpclient.NetworkError](t, failed), "network: no answer within 30s (Client.HandshakeTimeout): is this an MCP endpoint, and is it up?")
		require.NotContains(t, failed.Error(), "server/discover", "one silence tells as much as two")
		require.Equal(t, mcpclient.DeliveryNotSent, failed.Delivery)
	})
}

// TestEraIsNotRememberedOnAGuess: only a handshake that succeeded proves what the server speaks.
func TestEraIsNotRememberedOnAGuess(t *testing.T) {
	for name, failing := range map[string]mcptest.Fault{
		"500": mcptest.Status(500, nil, "boom"), "503": mcptest.Status(503, nil, ""), "404": mcptest.Status(404, nil, ""), "cut": mcptest.DropBefore(),
		"an unknown version": rewritten(newestHandmade, "1999-01-01"), "no version": answeringAll(`{}`),
	} {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t, mcptest.InMemory())
			client := &mcpclient.Client{HTTPClient: server.HTTPClient()}
			server.Next(opening(failing))
			cannotConnect(t, client, server.URL())
			require.Contains(t, opensEra(t, client, server, newestHandmade), "server/discover")
			require.NotContains(t, opensEra(t, client, server, newestHandmade), "server/discover")
		})
	}
}

// TestRememberedEra: what says nothing about the era does not change what is remembered of it; what speaks against it does.
func TestRememberedEra(t *testing.T) {
	for name, tt := range map[string]struct {
		fault  mcptest.Fault
		probes int // of the Connect that meets it
		again  int // of the next one
	}{
		"401": {mcptest.Status(401, nil, ""), 0, 0}, "403": {mcptest.Status(403, nil, ""), 0, 0}, "429": {mcptest.Status(429, nil, ""), 0, 0},
		"500": {mcptest.Status(500, nil, ""), 0, 0}, "502": {mcptest.Status(502, nil, ""), 0, 0}, "503": {mcptest.Status(503, nil, ""), 0, 0},
		"cut": {mcptest.DropBefore(), 0, 0}, "an error": {refusing(200, -32603, "database is down"), 0, 0},
		"400": {mcptest.Status(400, nil, ""), 1, 1}, "404": {mcptest.Status(404, nil, ""), 1, 1}, "405": {mcptest.Status(405, nil, ""), 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t, mcptest.InMemory())
			client := &mcpclient.Client{HTTPClient: server.HTTPClient()}
			opensEra(t, client, server, newestHandmade)
			before := countOf(server, "server/discover")
			server.Next(opening(tt.fault))
			cannotConnect(t, client, server.URL())
			require.Equal(t, before+tt.probes, countOf(server, "server/discover"))
			opensEra(t, client, server, newestHandmade)
			require.Equal(t, before+tt.probes+tt.again, countOf(server, "server/discover"))
		})
	}
	t.Run("by URL", func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory())
		client := &mcpclient.Client{HTTPClient: server.HTTPClient()}
		opensEra(t, client, server, newestHandmade)
		session, err := client.Connect(t.Context(), server.URL()+"/")
		require.NoError(t, err)
		require.NoError(t, session.Close())
		require.Equal(t, 2, countOf(server, "server/discover"), "gateways have endpoints of different eras on one origin")
	})
}

// TestEraMemoryIsBounded: a program that connects to ever new URLs must not grow by it.
func TestEraMemoryIsBounded(t *testing.T) {
	const endpoints = 1024
	server := mcptest.New(t, mcptest.InMemory(), mcptest.History(10))
	client := &mcpclient.Client{HTTPClient: server.HTTPClient()}
	connect := func(n int) {
		session, err := client.Connect(t.Context(), server.URL()+"?tenant="+strconv.Itoa(n))
		require.NoError(t, err)
		require.NoError(t, session.Close())
	}
	var probes atomic.Int64
	server.Always(probe(mcptest.Respond(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		probes.Add(1)
		w.WriteHeader(http.StatusNotFound)
	}))))
	for n := range endpoints {
		connect(n)
	}
	connect(0)
	require.EqualValues(t, endpoints, probes.Load(), "all are remembered")
	connect(endpoints)
	connect(0)
	require.EqualValues(t, endpoints+2, probes.Load(), "that was one too many: it begins anew")
}
