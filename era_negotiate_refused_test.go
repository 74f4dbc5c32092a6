package mcpclient_test

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// What a guard, a busy server or a gateway says of the probe tells nothing about the era behind it.
var saysNothingOfTheEra = map[string]struct {
	fault    mcptest.Fault
	status   int
	text     string
	delivery mcpclient.Delivery
}{
	"401": {
		mcptest.Status(401, http.Header{"Www-Authenticate": {"Bearer"}}, `{"error":"invalid_token"}`), 401,
		"the server wants credentials: set Client.Authorizer or Client.Header", mcpclient.DeliveryRefused,
	},
	"401 with a JSON-RPC error": {refusing(401, -32000, "who are you?"), 401, `"who are you?"`, mcpclient.DeliveryRefused},
	"403":                       {mcptest.Status(403, nil, "no entry"), 403, "these credentials do not allow it", mcpclient.DeliveryRefused},
	"403 with a JSON-RPC error": {refusing(403, -32600, "Invalid origin"), 403, `"Invalid origin"`, mcpclient.DeliveryRefused},
	"408":                       {mcptest.Status(408, nil, ""), 408, "HTTP 408 Request Timeout", mcpclient.DeliveryRefused},
	"425":                       {mcptest.Status(425, nil, ""), 425, "HTTP 425 Too Early", mcpclient.DeliveryRefused},
	"429":                       {mcptest.Status(429, nil, "slowly"), 429, "try again later", mcpclient.DeliveryRefused},
	"429 with a JSON-RPC error": {refusing(429, -32601, "slowly"), 429, `"slowly"`, mcpclient.DeliveryRefused},
	"502":                       {mcptest.Status(502, nil, ""), 502, "a gateway did not reach the server", mcpclient.DeliveryUnknown},
	"503":                       {mcptest.Status(503, nil, "down"), 503, "try again later", mcpclient.DeliveryUnknown},
	"503 with a JSON-RPC error": {refusing(503, -32000, "down"), 503, `"down"`, mcpclient.DeliveryUnknown},
	"503 with a far Retry-After": {
		mcptest.Status(503, http.Header{"Retry-After": {"3600"}}, ""), 503,
		`the server asks to retry after "3600"`, mcpclient.DeliveryRefused,
	},
	"504": {mcptest.Status(504, nil, ""), 504, "a gateway did not reach the server", mcpclient.DeliveryUnknown},
}

// TestProbeRefused: then initialize is not even tried, and nothing is remembered.
func TestProbeRefused(t *testing.T) {
	for name, tt := range saysNothingOfTheEra {
		for era, options := range map[string][]mcptest.Option{newestHandmade: nil, newestVersion: {mcptest.Stateless()}} {
			t.Run(name+" before "+era, func(t *testing.T) {
				server := mcptest.New(t, append(options, mcptest.InMemory())...)
				client := &mcpclient.Client{HTTPClient: server.HTTPClient()}
				server.Next(probe(tt.fault))
				failed := cannotConnect(t, client, server.URL())
				refused, ok := failed.Err.(*mcpclient.HTTPError) //nolint:errorlint // nothing is to hide it
				require.True(t, ok, "%T", failed.Err)
				require.Equal(t, tt.status, refused.StatusCode)
				require.ErrorContains(t, failed, tt.text)
				require.NotContains(t, failed.Error(), "server/discover")
				require.Equal(t, tt.delivery, failed.Delivery)
				if tt.status == 401 || tt.status == 403 {
					require.ErrorIs(t, failed, mcpclient.ErrUnauthorized)
				}
				require.Equal(t, []string{"server/discover"}, methodsSent(server, 0))
				require.Equal(t, "server/discover", opensEra(t, client, server, era)[0])
			})
		}
	}
}

// TestProbeOfABusyServer: Connect waits as long as the server asks, and then goes on with the probe.
func TestProbeOfABusyServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory())
		server.Next(probe(mcptest.Status(503, http.Header{"Retry-After": {"7"}}, "").Times(2)))
		client := &mcpclient.Client{HTTPClient: server.HTTPClient()}
		start := time.Now()
		sent := opensEra(t, client, server, newestHandmade)
		require.Equal(t, []string{"server/discover", "server/discover", "server/discover", "initialize", "notifications/initialized"}, sent)
		require.Equal(t, 14*time.Second, time.Since(start))
	})
}

// TestBusyServerBehindTheProbe: where it is the handshake that has to wait, the era is not known yet.
func TestBusyServerBehindTheProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory())
		server.Next(opening(mcptest.Status(429, http.Header{"Retry-After": {"7"}}, "")))
		client := &mcpclient.Client{HTTPClient: server.HTTPClient()}
		start := time.Now()
		sent := opensEra(t, client, server, newestHandmade)
		require.Equal(t, []string{"server/discover", "initialize", "server/discover", "initialize", "notifications/initialized"}, sent)
		require.Equal(t, 7*time.Second, time.Since(start))
	})
}

// TestProbeThatNeverArrives: whoever cannot be reached is not asked again with another method.
func TestProbeThatNeverArrives(t *testing.T) {
	dials := 0
	failing := func(err error) *http.Client {
		dials = 0
		return &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			dials++
			return nil, err
		}}}
	}
	for name, err := range map[string]error{
		"refused": &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED},
		"no host": &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "mcp.invalid", IsNotFound: true}},
		"timeout": &net.OpError{Op: "dial", Net: "tcp", Err: context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			failed := cannotConnect(t, &mcpclient.Client{HTTPClient: failing(err)}, "http://mcp.invalid/mcp")
			require.ErrorIs(t, asCause[*mcpclient.NetworkError](t, failed), err)
			require.Equal(t, mcpclient.DeliveryNotSent, failed.Delivery)
			require.Equal(t, 1, dials)
			_, transient := mcpclient.RetryAfter(failed)
			require.True(t, transient)
		})
	}
}

// TestProbeOnADeadConnection: the probe changes nothing, so net/http may send it again where an idle connection turns out to be cut.
func TestProbeOnADeadConnection(t *testing.T) {
	server := mcptest.New(t, mcptest.InMemory(), mcptest.Stateless())
	client := &mcpclient.Client{HTTPClient: server.HTTPClient()}
	opensEra(t, client, server, newestVersion)
	server.Next(probe(mcptest.DropBefore()))
	require.Equal(t, []string{"server/discover", "server/discover"}, opensEra(t, client, server, newestVersion))
}

// TestProbeRedirected: as every request, it follows the same origin and no other.
func TestProbeRedirected(t *testing.T) {
	for name, options := range map[string][]mcptest.Option{newestHandmade: nil, newestVersion: {mcptest.Stateless()}} {
		t.Run(name+", followed", func(t *testing.T) {
			server := mcptest.New(t, append(options, mcptest.InMemory())...)
			client := &mcpclient.Client{HTTPClient: server.HTTPClient()}
			server.Always(mcptest.Redirect(308, "/mcp/").When(func(r mcptest.Request) bool { return r.Path == "/mcp" }))
			opensEra(t, client, server, name)
			for _, r := range server.Requests() {
				if r.Method != "server/discover" && r.Method != "initialize" {
					require.Equal(t, "/mcp/", r.Path, "%s stays where the first request was led", r.Method)
				}
			}
		})
	}
	for _, location := range []string{"https://login.example/?session=s3cr3t", "http://localhost/mcp"} {
		t.Run(location, func(t *testing.T) {
			server := mcptest.New(t, mcptest.InMemory())
			client := &mcpclient.Client{HTTPClient: server.HTTPClient()}
			server.Next(probe(mcptest.Redirect(307, location)))
			failed := cannotConnect(t, client, server.URL())
			require.Equal(t, location, asCause[*mcpclient.RedirectError](t, failed).Location)
			require.NotContains(t, failed.Error(), "s3cr3t")
			require.Equal(t, []string{"server/discover"}, methodsSent(server, 0))
			opensEra(t, client, server, newestHandmade)
		})
	}
}

// TestConnectTellsOfBoth: where the handshake leaves a question open, the probe's answer may hold the key to it.
func TestConnectTellsOfBoth(t *testing.T) {
	const before = `; server/discover before it: HTTP 400 Bad Request: "Bad Request: Mcp-Session-Id header is required"`
	speaksForItself := []string{"401", "403", "a redirect to another origin"}
	for _, tt := range foundAtURL {
		t.Run(tt.name, func(t *testing.T) {
			server := mcptest.New(t, mcptest.InMemory())
			server.Always(opening(tt.fault))
			failed := cannotConnect(t, &mcpclient.Client{HTTPClient: server.HTTPClient()}, server.URL())
			text := strings.ReplaceAll(tt.text, "{url}", server.URL())
			if !slices.Contains(speaksForItself, tt.name) {
				text += before
			}
			require.EqualError(t, failed, text)
			require.Equal(t, tt.delivery, failed.Delivery, "the handshake's")
			for _, sentinel := range tt.is {
				require.ErrorIs(t, failed, sentinel)
			}
			posts := slices.DeleteFunc(server.Requests(), func(r mcptest.Request) bool { return r.HTTPMethod != http.MethodPost })
			require.Len(t, posts, 2, "a GET may follow, in search of the older transport")
		})
	}
	t.Run("two of one kind are one", func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory())
		server.Always(opening(mcptest.Status(404, nil, "no POST here")))
		server.Always(probe(mcptest.Status(404, nil, "no such page")))
		failed := cannotConnect(t, &mcpclient.Client{HTTPClient: server.HTTPClient()}, server.URL())
		require.EqualError(t, failed, "mcpclient: connect "+server.URL()+`: HTTP 404 Not Found: "no POST here" (no MCP endpoint here: check the URL's path, often /mcp)`)
	})
	t.Run("the typed errors are the handshake's", func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory())
		server.Always(opening(mcptest.Status(500, nil, "boom")))
		server.Always(probe(refusing(400, -32602, "clientInfo is missing")))
		failed := cannotConnect(t, &mcpclient.Client{HTTPClient: server.HTTPClient()}, server.URL())
		require.EqualError(t, failed, "mcpclient: connect "+server.URL()+`: HTTP 500 Internal Server Error: "boom"; server/discover before it: JSON-RPC error -32602: "clientInfo is missing"`)
		require.Equal(t, 500, asCause[*mcpclient.HTTPError](t, failed).StatusCode)
		require.NotErrorAs(t, failed, new(*mcpclient.RPCError))
	})
}
