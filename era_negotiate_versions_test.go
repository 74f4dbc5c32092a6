package mcpclient_test

import (
	"encoding/json"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// handmadeVersions are those that begin with a handshake, the newest first.
func handmadeVersions() []string {
	return []string{newestHandmade, "2025-06-18", "2025-03-26", "2024-11-05"}
}

func TestConnectToAStatelessServer(t *testing.T) {
	for name, options := range map[string][]mcptest.Option{"alone": {mcptest.Stateless()}, "beside the others": {mcptest.DualEra()}} {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t, append(options, mcptest.InMemory(), mcptest.Instructions("be kind"))...)
			client := &mcpclient.Client{HTTPClient: server.HTTPClient()}
			require.Equal(t, []string{"server/discover"}, opensEra(t, client, server, newestVersion), "one round trip, and no handshake")
			require.Equal(t, []string{"server/discover"}, opensEra(t, client, server, newestVersion), "it is also how to learn what the server can do")
			session := connected(t, server, client)
			require.Empty(t, session.ID())
			require.Equal(t, "be kind", session.Server().Instructions)
			require.Equal(t, "mcptest", session.Server().Name)
			require.NotNil(t, session.Server().Capabilities.Tools)
			require.Zero(t, server.Initializes())
		})
	}
}

// TestPinnedVersion: a pin leaves nothing to find out, so nothing else is tried.
func TestPinnedVersion(t *testing.T) {
	for _, version := range handmadeVersions() {
		t.Run(version, func(t *testing.T) {
			for _, options := range [][]mcptest.Option{nil, {mcptest.DualEra()}} {
				server := mcptest.New(t, append(options, mcptest.InMemory())...)
				client := &mcpclient.Client{HTTPClient: server.HTTPClient(), ProtocolVersion: version}
				require.Equal(t, []string{"initialize", "notifications/initialized"}, opensEra(t, client, server, version))
			}
		})
		t.Run(version+" of a server without it", func(t *testing.T) {
			server := mcptest.New(t, mcptest.InMemory(), mcptest.Stateless())
			failed := cannotConnect(t, &mcpclient.Client{HTTPClient: server.HTTPClient(), ProtocolVersion: version}, server.URL())
			require.Equal(t, []string{version}, asCause[*mcpclient.VersionError](t, failed).Wanted)
			require.EqualError(t, failed, "mcpclient: connect "+server.URL()+": the server does not speak protocol version "+version+
				`, which Client.ProtocolVersion asks for: JSON-RPC error -32020: "Header mismatch: the header Mcp-Protocol-Version is missing; this server speaks 2026-07-28"`)
			require.Equal(t, []string{"initialize"}, methodsSent(server, 0))
		})
	}
	t.Run(newestVersion, func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory(), mcptest.DualEra())
		client := &mcpclient.Client{HTTPClient: server.HTTPClient(), ProtocolVersion: newestVersion}
		require.Equal(t, []string{"server/discover"}, opensEra(t, client, server, newestVersion))
	})
}

// TestNewestVersionPinned: no fallback, and an error that tells whether it was an MCP server that answered.
func TestNewestVersionPinned(t *testing.T) {
	for name, tt := range map[string]struct {
		fault   mcptest.Fault
		text    string
		offered []string
		version bool // the error is a VersionError
	}{
		"no fault": {
			mcptest.Slow(0), `the server does not speak protocol version 2026-07-28, which Client.ProtocolVersion asks for: HTTP 400 Bad Request: "Bad Request: Mcp-Session-Id header is required"`, nil, true,
		},
		"an error": {
			refusing(200, -32601, "Method not found"), `the server does not speak protocol version 2026-07-28, which Client.ProtocolVersion asks for: JSON-RPC error -32601: "Method not found"`, nil, true,
		},
		"refused for older ones": {
			mcptest.VersionUnsupported("2025-06-18"), `no common protocol version: the server offers "2025-06-18", this client speaks 2026-07-28`, []string{"2025-06-18"}, true,
		},
		"refused for a future one": {
			mcptest.VersionUnsupported("2031-01-01"), `no common protocol version: the server offers "2031-01-01", this client speaks 2026-07-28`, []string{"2031-01-01"}, true,
		},
		"a discovery of older ones": {
			mcptest.ResultAnswer(map[string]any{"supportedVersions": []string{"2025-06-18"}}), `no common protocol version: the server offers "2025-06-18", this client speaks 2026-07-28`, []string{"2025-06-18"}, true,
		},
		"404":        {mcptest.Status(404, nil, ""), "HTTP 404 Not Found (no MCP endpoint here: check the URL's path, often /mcp)", nil, false},
		"503":        {mcptest.Status(503, nil, ""), "HTTP 503 Service Unavailable (try again later)", nil, false},
		"a web page": {mcptest.Status(200, nil, "OK"), `protocol violation: the answer is "text/plain", neither JSON nor an event stream, beginning with "OK"`, nil, false},
		"cut":        {mcptest.DropBefore(), "network: EOF", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t, mcptest.InMemory())
			server.Always(probe(tt.fault))
			failed := cannotConnect(t, &mcpclient.Client{HTTPClient: server.HTTPClient(), ProtocolVersion: newestVersion}, server.URL())
			require.EqualError(t, failed, "mcpclient: connect "+server.URL()+": "+tt.text)
			require.Equal(t, []string{"server/discover"}, methodsSent(server, 0))
			if !tt.version {
				require.NotErrorAs(t, failed, new(*mcpclient.VersionError))
				return
			}
			require.Equal(t, &mcpclient.VersionError{Wanted: []string{newestVersion}, Offered: tt.offered}, asCause[*mcpclient.VersionError](t, failed))
			require.NotEqual(t, mcpclient.DeliveryUnknown, failed.Delivery)
		})
	}
	t.Run("a silent server gets the time of a handshake", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			server := mcptest.New(t, mcptest.InMemory())
			server.Always(mcptest.Hang())
			start := time.Now()
			failed := cannotConnect(t, &mcpclient.Client{HTTPClient: server.HTTPClient(), ProtocolVersion: newestVersion}, server.URL())
			require.Equal(t, 30*time.Second, time.Since(start))
			require.EqualError(t, asCause[*mcpclient.NetworkError](t, failed), "network: no answer within 30s (Client.HandshakeTimeout): is this an MCP endpoint, and is it up?")
		})
	})
}

// TestProbeRefusedByAStatelessServer: three codes come from servers of this era alone. Then initialize is not tried; where a second
// request can do better it is sent, under another id.
func TestProbeRefusedByAStatelessServer(t *testing.T) {
	ours := func(status int) mcptest.Fault {
		return mcptest.ErrorAnswer(status, &mcpclient.RPCError{Code: -32022, Message: "another instance", Data: json.RawMessage(`{"supported":["2031-01-01","2026-07-28"]}`)})
	}
	missing := mcptest.ErrorAnswer(400, &mcpclient.RPCError{Code: -32021, Message: "needs sampling", Data: json.RawMessage(`{"requiredCapabilities":{"sampling":{}}}`)})
	for name, tt := range map[string]struct {
		fault  mcptest.Fault
		once   bool // it passes by itself, so that a second request succeeds
		probes int  // if it stays
		code   int64
	}{
		"a stripped header":              {mcptest.HeaderMismatch(), true, 3, -32020},
		"a stripped header, 200":         {refusing(200, -32020, "Header mismatch"), true, 3, -32020},
		"a version that is spoken":       {ours(400), true, 3, -32022},
		"a version that is spoken, 200":  {ours(200), true, 3, -32022},
		"a missing capability":           {missing, false, 1, -32021},
		"a version, but none named":      {refusing(400, -32022, "Unsupported"), false, 1, -32022},
		"a version, with an empty list":  {mcptest.VersionUnsupported(), false, 1, -32022},
		"a stripped header under a 403":  {refusing(403, -32020, "Header mismatch"), true, 3, -32020},
		"a missing capability, on a 500": {refusing(500, -32021, "needs sampling"), false, 1, -32021},
	} {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t, mcptest.InMemory(), mcptest.DualEra())
			client := &mcpclient.Client{HTTPClient: server.HTTPClient()}
			stop := server.Always(probe(tt.fault))
			failed := cannotConnect(t, client, server.URL())
			rpc, ok := failed.Err.(*mcpclient.RPCError) //nolint:errorlint // nothing is to hide it
			require.True(t, ok, "%T", failed.Err)
			require.Equal(t, tt.code, rpc.Code)
			require.Equal(t, mcpclient.DeliveryRefused, failed.Delivery)
			require.Equal(t, slices.Repeat([]string{"server/discover"}, tt.probes), methodsSent(server, 0))
			stop()

			server.Next(probe(tt.fault))
			if !tt.once {
				cannotConnect(t, client, server.URL())
				return
			}
			before := len(server.Requests())
			require.Equal(t, []string{"server/discover", "server/discover"}, opensEra(t, client, server, newestVersion))
			sent := server.Requests()[before:]
			require.NotEqual(t, sent[0].ID, sent[1].ID)
		})
	}
}

// TestVersionsNobodySpeaks: a server of this era that names only versions which this client does not know.
func TestVersionsNobodySpeaks(t *testing.T) {
	for name, fault := range map[string]mcptest.Fault{
		"refused":    mcptest.VersionUnsupported("2031-01-01", "DRAFT-2032"),
		"discovered": mcptest.ResultAnswer(map[string]any{"supportedVersions": []string{"2031-01-01", "DRAFT-2032"}}),
	} {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t, mcptest.InMemory())
			server.Always(probe(fault))
			failed := cannotConnect(t, &mcpclient.Client{HTTPClient: server.HTTPClient()}, server.URL())
			require.Equal(t, &mcpclient.VersionError{
				Wanted: append([]string{newestVersion}, handmadeVersions()...), Offered: []string{"2031-01-01", "DRAFT-2032"},
			}, asCause[*mcpclient.VersionError](t, failed))
			require.Equal(t, []string{"server/discover"}, methodsSent(server, 0))
		})
	}
}

// TestOlderVersionWantedByCode: a server of both eras may say by the newer one's code which older version it wants.
func TestOlderVersionWantedByCode(t *testing.T) {
	server := mcptest.New(t, mcptest.InMemory())
	server.Next(probe(mcptest.VersionUnsupported("2025-06-18", "2024-11-05")), opening(mcptest.VersionUnsupported("2025-06-18", "2024-11-05")))
	sent := opensEra(t, &mcpclient.Client{HTTPClient: server.HTTPClient()}, server, "2025-06-18")
	require.Equal(t, []string{"server/discover", "initialize", "initialize", "notifications/initialized"}, sent)
}

// TestPresumedStateless: whoever does not know initialize is of the stateless era, whatever it made of the probe.
func TestPresumedStateless(t *testing.T) {
	unknown := refusing(404, -32601, "Method not found")
	for name, faults := range map[string][]mcptest.Fault{
		"neither is known":            {unknown.On("server/discover", "initialize")},
		"as mcptest refuses it":       {probe(unknown)},
		"a probe that failed":         {probe(mcptest.Status(500, nil, ""))},
		"a probe that was cut":        {probe(mcptest.DropBefore())},
		"a version that is not older": {probe(unknown), opening(mcptest.VersionUnsupported(newestVersion))},
	} {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t, mcptest.InMemory(), mcptest.Stateless())
			for _, fault := range faults {
				server.Always(fault)
			}
			client := &mcpclient.Client{HTTPClient: server.HTTPClient()}
			require.Equal(t, []string{"server/discover", "initialize"}, opensEra(t, client, server, newestVersion))
			server.HTTPClient().CloseIdleConnections() // on an old connection that is cut net/http would try once more
			require.Equal(t, []string{"server/discover", "initialize"}, opensEra(t, client, server, newestVersion), "it may have learned more by then")
		})
	}
	for name, faults := range map[string][]mcptest.Fault{
		"404 of a router":             {mcptest.Status(404, nil, "not found")},
		"an error of another kind":    {refusing(404, -32600, "Invalid Request")},
		"an error on another request": {mcptest.Combine(mcptest.WrongID(), unknown).On("server/discover", "initialize")},
		"no such method, but 200":     {refusing(200, -32601, "Method not found")},
		"only older versions":         {probe(mcptest.VersionUnsupported("2025-06-18")), opening(unknown)},
	} {
		t.Run("not: "+name, func(t *testing.T) {
			server := mcptest.New(t, mcptest.InMemory(), mcptest.Stateless())
			for _, fault := range faults {
				server.Always(fault)
			}
			cannotConnect(t, &mcpclient.Client{HTTPClient: server.HTTPClient()}, server.URL())
			require.Equal(t, 1, countOf(server, "server/discover"))
			require.Equal(t, 1, countOf(server, "initialize"))
		})
	}
}

// TestDiscoverShapes: the description of the server is decoration, and has moved.
func TestDiscoverShapes(t *testing.T) {
	const versions = `"supportedVersions":["2025-11-25","2026-07-28"],`
	for name, tt := range map[string]struct{ result, server string }{
		"nothing more":                 {`{` + versions + `"resultType":"complete"}`, ""},
		"in _meta":                     {`{` + versions + `"capabilities":{"tools":{}},"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"meta","version":"2"}}}`, "meta 2"},
		"in the body, as in drafts":    {`{` + versions + `"capabilities":{},"serverInfo":{"name":"body","version":"1"},"instructions":"x"}`, "body 1"},
		"in both":                      {`{` + versions + `"serverInfo":{"name":"body","version":"1"},"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"meta","version":"2"}}}`, "meta 2"},
		"null in _meta":                {`{` + versions + `"serverInfo":{"name":"body","version":"1"},"_meta":{"io.modelcontextprotocol/serverInfo":null}}`, "body 1"},
		"null":                         {`{` + versions + `"capabilities":null,"serverInfo":null,"_meta":null,"instructions":null}`, ""},
		"in _meta, but no object":      {`{` + versions + `"_meta":{"io.modelcontextprotocol/serverInfo":"me"}}`, ""},
		"in _meta, of the wrong types": {`{` + versions + `"serverInfo":{"name":"body","version":"1"},"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"meta","version":2}}}`, "body 1"},
		"in the body, but no object":   {`{` + versions + `"serverInfo":"me"}`, ""},
		"with cache hints":             {`{` + versions + `"ttlMs":3600000,"cacheScope":"public","resultType":"complete"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t, mcptest.InMemory(), mcptest.Stateless())
			server.Always(probe(mcptest.Combine(answeringAll(tt.result), mcptest.ResultAnswer(struct{}{}))))
			client := &mcpclient.Client{HTTPClient: server.HTTPClient()}
			require.Equal(t, []string{"server/discover"}, opensEra(t, client, server, newestVersion))
			info := connected(t, server, client).Server()
			if tt.server == "" {
				require.Empty(t, info.Name+info.Version)
			} else {
				require.Equal(t, tt.server, info.Name+" "+info.Version)
			}
			require.Equal(t, newestVersion, info.ProtocolVersion)
			require.Empty(t, info.ResultExtra, "what the protocol defines is no extra")
		})
	}
	t.Run("what nobody knows yet is kept", func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory(), mcptest.Stateless())
		server.Always(probe(mcptest.ResultAnswer(map[string]any{
			"supportedVersions": []string{newestVersion}, "mood": "good", "capabilities": map[string]any{"holograms": map[string]any{}},
		})))
		info := connected(t, server, new(mcpclient.Client)).Server()
		require.Equal(t, `"good"`, string(info.ResultExtra["mood"]))
		require.Contains(t, info.Capabilities.Extra, "holograms")
	})
	t.Run("on a stream, behind other messages", func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory(), mcptest.Stateless(), mcptest.Streams())
		server.Always(probe(mcptest.Combine(mcptest.StrayAnswer(), mcptest.Notify("notifications/message", map[string]any{"level": "info", "data": "x"}))))
		require.Equal(t, []string{"server/discover"}, opensEra(t, &mcpclient.Client{HTTPClient: server.HTTPClient()}, server, newestVersion))
	})
}
