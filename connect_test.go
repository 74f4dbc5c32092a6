package mcpclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// opening aims a fault at the handshake's first request.
func opening(f mcptest.Fault) mcptest.Fault { return f.On("initialize") }

// connected opens a session with server and closes it with the test.
func connected(t *testing.T, server *mcptest.Server, client *mcpclient.Client) *mcpclient.Session {
	t.Helper()
	if client.HTTPClient == nil {
		client.HTTPClient = server.HTTPClient()
	}
	session, err := client.Connect(t.Context(), server.URL())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, session.Close()) })
	return session
}

// handshakeOf returns the one initialize that has arrived, and all that came after it.
func handshakeOf(t *testing.T, server *mcptest.Server) (handshake mcptest.Request, later []mcptest.Request) {
	t.Helper()
	sent := server.Requests()
	at := slices.IndexFunc(sent, func(r mcptest.Request) bool { return r.Method == "initialize" })
	require.GreaterOrEqual(t, at, 0)
	require.Len(t, requestsBy(server, http.MethodPost, "initialize"), 1)
	return sent[at], sent[at+1:]
}

// cannotConnect returns the error of a Connect that must fail.
func cannotConnect(t *testing.T, client *mcpclient.Client, url string) *mcpclient.CallError {
	t.Helper()
	session, err := client.Connect(t.Context(), url)
	require.Nil(t, session)
	return asCallError(t, err)
}

func asCallError(t *testing.T, err error) *mcpclient.CallError {
	t.Helper()
	require.Error(t, err)
	failed, ok := err.(*mcpclient.CallError) //nolint:errorlint // the outermost error is what is promised
	require.True(t, ok, "%T is no *CallError: %v", err, err)
	return failed
}

// asCause finds the typed cause that a caller would branch on.
func asCause[E error](t *testing.T, err error) E {
	t.Helper()
	var cause E
	require.ErrorAs(t, err, &cause)
	return cause
}

func TestConnectTellsWhatIsWrongWithTheURL(t *testing.T) {
	const secret = "s3cr3t"
	for url, want := range map[string]string{
		"":                                    "the URL is empty: give the server's MCP endpoint, such as https://host/mcp",
		"localhost:8080/mcp":                  "the URL has no scheme: write https://host/mcp",
		"127.0.0.1:8080":                      "the URL cannot be parsed: first path segment in URL cannot contain colon",
		"//host/mcp":                          "the URL has no scheme: write https://host/mcp",
		"host/mcp":                            "the URL has no scheme: write https://host/mcp",
		"ftp://host/mcp":                      `the URL has the scheme "ftp": only http and https are spoken here`,
		"stdio://server":                      `the URL has the scheme "stdio": only http and https are spoken here`,
		"https:///mcp":                        "the URL has no host: write https://host/mcp",
		"http://:8080/mcp":                    "the URL has no host: write https://host/mcp",
		"http://exa mple/mcp":                 `the URL cannot be parsed: invalid character " " in host name`,
		"http://host:port/mcp":                `the URL cannot be parsed: invalid port ":port" after host`,
		"http://user:" + secret + "@exa mple": "the URL cannot be parsed, and holds a password: are user and password percent-encoded?",
		"http://user:" + secret + "/x@host":   "the URL cannot be parsed, and holds a password: are user and password percent-encoded?",
		"http://user:" + secret + "#x@host":   "the URL cannot be parsed, and holds a password: are user and password percent-encoded?",
		"http://user:" + secret + "%zz@host/": "the URL cannot be parsed, and holds a password: are user and password percent-encoded?",
		"user:" + secret + "@host/mcp":        "the URL has no scheme: write https://host/mcp",
	} {
		t.Run(url, func(t *testing.T) {
			failed := cannotConnect(t, new(mcpclient.Client), url)
			require.Equal(t, "mcpclient: connect: "+want, failed.Error())
			require.Equal(t, mcpclient.DeliveryNotSent, failed.Delivery)
			require.Zero(t, failed.Attempts)
			require.NotContains(t, failed.Error(), secret)
			_, transient := mcpclient.RetryAfter(failed)
			require.False(t, transient, "a wrong URL does not mend itself")
		})
	}
}

// What a wrong or sick URL answers to whatever it is asked, and what the user reads. {url} stands for the endpoint.
var foundAtURL = []struct {
	name     string
	fault    mcptest.Fault
	asked    int // requests: one where the answer to the first leaves no question open
	text     string
	delivery mcpclient.Delivery
	is       []error
}{
	{
		"a web page", mcptest.HTML(),
		2,
		`mcpclient: connect {url}: protocol violation: the answer is "text/html", neither JSON nor an event stream (a web page: is the URL an MCP endpoint, often /mcp?), beginning with "<!doctype html><title>Sign in</title><p>Please sign in."`,
		mcpclient.DeliveryUnknown,
		[]error{mcpclient.ErrProtocol},
	},
	{
		"404", mcptest.Status(404, nil, "404 page not found\n"),
		2,
		`mcpclient: connect {url}: HTTP 404 Not Found: "404 page not found" (no MCP endpoint here: check the URL's path, often /mcp)`,
		mcpclient.DeliveryRefused,
		nil,
	},
	{
		"405", mcptest.Status(405, nil, ""),
		2,
		`mcpclient: connect {url}: HTTP 405 Method Not Allowed (no MCP endpoint here: check the URL's path, often /mcp)`,
		mcpclient.DeliveryRefused,
		nil,
	},
	{
		"401", mcptest.Status(401, http.Header{"Www-Authenticate": {"Bearer"}}, `{"error":"invalid_token"}`),
		1,
		`mcpclient: connect {url}: HTTP 401 Unauthorized: "{\"error\":\"invalid_token\"}" (the server wants credentials: set Client.Authorizer or Client.Header)`,
		mcpclient.DeliveryRefused,
		[]error{mcpclient.ErrUnauthorized},
	},
	{
		"403", mcptest.Status(403, nil, "no entry"),
		1,
		`mcpclient: connect {url}: HTTP 403 Forbidden: "no entry" (these credentials do not allow it)`,
		mcpclient.DeliveryRefused,
		[]error{mcpclient.ErrUnauthorized},
	},
	{
		"500", mcptest.Status(500, nil, "boom\x1b[31m"),
		2,
		`mcpclient: connect {url}: HTTP 500 Internal Server Error: "boom\x1b[31m"`,
		mcpclient.DeliveryUnknown,
		nil,
	},
	{
		"502", mcptest.Status(502, nil, ""),
		1,
		`mcpclient: connect {url}: HTTP 502 Bad Gateway (a gateway did not reach the server)`,
		mcpclient.DeliveryUnknown,
		nil,
	},
	{
		"503 without Retry-After", mcptest.Status(503, nil, "down for maintenance"),
		1,
		`mcpclient: connect {url}: HTTP 503 Service Unavailable: "down for maintenance" (try again later)`,
		mcpclient.DeliveryUnknown,
		nil,
	},
	{
		"429 without Retry-After", mcptest.Status(429, nil, ""),
		1,
		`mcpclient: connect {url}: HTTP 429 Too Many Requests (try again later)`,
		mcpclient.DeliveryRefused,
		nil,
	},
	{
		"JSON that is no JSON", mcptest.Status(200, http.Header{"Content-Type": {"application/json"}}, "{'a':1}"),
		2,
		`mcpclient: connect {url}: protocol violation: the reply is not a JSON-RPC message: invalid JSON-RPC message: invalid character '\'' at start of value at byte 1`,
		mcpclient.DeliveryUnknown,
		[]error{mcpclient.ErrProtocol},
	},
	{
		"JSON of another kind", mcptest.Status(200, http.Header{"Content-Type": {"application/json"}}, `{"status":"ok"}`),
		2,
		`mcpclient: connect {url}: protocol violation: the reply ended without an answer`,
		mcpclient.DeliveryUnknown,
		[]error{mcpclient.ErrProtocol},
	},
	{
		"an empty 200", mcptest.EmptyOK(),
		2,
		`mcpclient: connect {url}: protocol violation: HTTP 200 with an empty body: accepted, but not answered`,
		mcpclient.DeliveryUnknown,
		[]error{mcpclient.ErrProtocol},
	},
	{
		"202", mcptest.Accepted(),
		2,
		`mcpclient: connect {url}: protocol violation: HTTP 202 with an empty body: accepted, but not answered`,
		mcpclient.DeliveryUnknown,
		[]error{mcpclient.ErrProtocol},
	},
	{
		"a wrong id", mcptest.Combine(mcptest.WrongID(), mcptest.ResultAnswer(struct{}{})),
		2,
		`mcpclient: connect {url}: protocol violation: the reply carries an answer to another request and none to this one`,
		mcpclient.DeliveryUnknown,
		[]error{mcpclient.ErrProtocol},
	},
	{
		"a stream without the answer", mcptest.Combine(mcptest.NoAnswer(), mcptest.ResultAnswer(struct{}{})),
		2,
		`mcpclient: connect {url}: protocol violation: the reply ended without an answer`,
		mcpclient.DeliveryUnknown,
		[]error{mcpclient.ErrProtocol},
	},
	{
		"a result of another form", mcptest.Combine(answeringAll(`[]`), mcptest.ResultAnswer(struct{}{})),
		2,
		`mcpclient: connect {url}: protocol violation: the result does not have the form its method asks for: a JSON array at its top`,
		mcpclient.DeliveryAnswered,
		[]error{mcpclient.ErrProtocol},
	},
	{
		"a JSON-RPC error", mcptest.ErrorAnswer(0, &mcpclient.RPCError{Code: -32603, Message: "database is down"}),
		2,
		`mcpclient: connect {url}: JSON-RPC error -32603: "database is down"`,
		mcpclient.DeliveryAnswered,
		nil,
	},
	{
		"a redirect to another origin", mcptest.Redirect(307, "https://login.example/?session=s3cr3t"),
		1,
		`mcpclient: connect {url}: HTTP 307 redirects to "https://login.example/", which is not followed: use that URL if you trust it`,
		mcpclient.DeliveryRefused,
		nil,
	},
	{
		"a cut connection", mcptest.DropBefore(),
		2,
		`mcpclient: connect {url}: network: EOF`,
		mcpclient.DeliveryUnknown,
		nil,
	},
}

func TestConnectTellsWhatItFound(t *testing.T) {
	for _, tt := range foundAtURL {
		t.Run(tt.name, func(t *testing.T) {
			server := mcptest.New(t, mcptest.InMemory())
			server.Always(tt.fault)
			failed := cannotConnect(t, &mcpclient.Client{HTTPClient: server.HTTPClient()}, server.URL())
			require.Equal(t, strings.ReplaceAll(tt.text, "{url}", server.URL()), failed.Error())
			require.Equal(t, tt.delivery, failed.Delivery)
			for _, sentinel := range tt.is {
				require.ErrorIs(t, failed, sentinel)
			}
			require.Equal(t, "connect", failed.Method)
			require.Equal(t, server.URL(), failed.Target)
			require.Equal(t, 1, failed.Attempts)
			require.Zero(t, failed.Generation)
			require.Len(t, requestsBy(server, http.MethodPost, ""), tt.asked, "a failed handshake sends nothing more")
		})
	}
}

// refusedPort returns a loopback address that nothing listens at.
func refusedPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

func TestConnectToARefusedPort(t *testing.T) {
	failed := cannotConnect(t, new(mcpclient.Client), "http://"+refusedPort(t)+"/mcp")
	asCause[*mcpclient.NetworkError](t, failed)
	require.ErrorIs(t, failed, syscall.ECONNREFUSED)
	require.Equal(t, mcpclient.DeliveryNotSent, failed.Delivery)
	wait, transient := mcpclient.RetryAfter(failed)
	require.True(t, transient, "a server that is starting is not there yet")
	require.Zero(t, wait)
}

func TestConnectWaitsForABusyServer(t *testing.T) {
	for _, status := range []int{429, 503} {
		synctest.Test(t, func(t *testing.T) {
			server := mcptest.New(t, mcptest.InMemory())
			server.Next(opening(mcptest.Status(status, http.Header{"Retry-After": {"7"}}, "busy").Times(3)))
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			start := time.Now()
			session, err := (&mcpclient.Client{HTTPClient: server.HTTPClient()}).Connect(ctx, server.URL())
			require.NoError(t, err)
			require.GreaterOrEqual(t, time.Since(start), 21*time.Second, "never before the server wants it")
			require.NoError(t, session.Close())
		})
	}
}

func TestConnectDoesNotWaitInVain(t *testing.T) {
	for name, tt := range map[string]struct {
		retryAfter string
		deadline   time.Duration // 0: none
		waited     time.Duration
		requests   int
	}{
		"longer than the deadline":  {"30", 10 * time.Second, 0, 1},
		"longer than anybody waits": {"3600", 2 * time.Hour, 0, 1},
		"a date in an hour":         {"+1h", 2 * time.Hour, 0, 1},
		"no deadline, three tries":  {"20", 0, 40 * time.Second, 3},
		"unreadable":                {"soon", time.Minute, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := mcptest.New(t, mcptest.InMemory())
				value := tt.retryAfter
				if value == "+1h" {
					value = time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
				}
				server.Always(mcptest.Status(503, http.Header{"Retry-After": {value}}, "busy"))
				ctx := t.Context()
				if tt.deadline > 0 {
					deadline, cancel := context.WithTimeout(ctx, tt.deadline)
					defer cancel()
					ctx = deadline
				}
				start := time.Now()
				_, err := (&mcpclient.Client{HTTPClient: server.HTTPClient()}).Connect(ctx, server.URL())
				require.InDelta(t, tt.waited, time.Since(start), float64(time.Second))
				require.ErrorContains(t, err, `(the server asks to retry after "`+value+`")`)
				require.Equal(t, 503, asCause[*mcpclient.HTTPError](t, err).StatusCode)
				require.Equal(t, tt.requests, asCallError(t, err).Attempts)
				require.Len(t, server.Requests(), tt.requests)
			})
		})
	}
}

// A server that says "come again at once" must not be asked thousands of times.
func TestConnectDoesNotHammerABusyServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory())
		server.Always(opening(mcptest.Status(503, http.Header{"Retry-After": {"0"}}, "busy")))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		_, err := (&mcpclient.Client{HTTPClient: server.HTTPClient()}).Connect(ctx, server.URL())
		require.Equal(t, 503, asCause[*mcpclient.HTTPError](t, err).StatusCode, "the server's words, not those of a clock")
		require.LessOrEqual(t, time.Since(start), time.Minute)
		require.Less(t, len(server.Requests()), 100)
	})
}

func TestConnectToASilentServer(t *testing.T) {
	t.Run("HandshakeTimeout", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			server := mcptest.New(t, mcptest.InMemory())
			server.Always(mcptest.Hang())
			start := time.Now()
			client := &mcpclient.Client{HTTPClient: server.HTTPClient(), ProbeTimeout: 2 * time.Second, HandshakeTimeout: 5 * time.Second}
			failed := cannotConnect(t, client, server.URL())
			require.Equal(t, 7*time.Second, time.Since(start))
			require.Equal(t, "mcpclient: connect "+server.URL()+": network: no answer within 5s (Client.HandshakeTimeout): is this an MCP endpoint, and is it up?", failed.Error())
			timeout := asCause[net.Error](t, asCause[*mcpclient.NetworkError](t, failed))
			require.True(t, timeout.Timeout())
			require.NotErrorIs(t, failed, context.DeadlineExceeded, "nobody's context has ended")
		})
	})
	t.Run("the default is 30 s, also for notifications/initialized", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			server := mcptest.New(t, mcptest.InMemory())
			server.Next(mcptest.Hang().On("notifications/initialized"))
			start := time.Now()
			failed := cannotConnect(t, &mcpclient.Client{HTTPClient: server.HTTPClient()}, server.URL())
			require.Equal(t, 30*time.Second, time.Since(start))
			require.ErrorContains(t, failed, "no answer within 30s")
		})
	})
	t.Run("a stream that says nothing", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			server := mcptest.New(t, mcptest.InMemory())
			server.Next(opening(mcptest.Combine(mcptest.NoAnswer(), mcptest.HoldOpen())))
			failed := cannotConnect(t, &mcpclient.Client{HTTPClient: server.HTTPClient()}, server.URL())
			require.ErrorContains(t, failed, "no answer within 30s")
		})
	})
}

func TestConnectHonoursItsContext(t *testing.T) {
	reason := errors.New("the user pressed Ctrl-C")
	for name, end := range map[string]func(context.Context) (context.Context, func()){
		"deadline": func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
			return ctx, cancel
		},
		"cancelled": func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(3*time.Second, cancel)
			return ctx, cancel
		},
		"cancelled with a cause": func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithCancelCause(ctx)
			time.AfterFunc(3*time.Second, func() { cancel(reason) })
			return ctx, func() { cancel(nil) }
		},
	} {
		for _, method := range []string{"initialize", "notifications/initialized"} {
			t.Run(name+" in "+method, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					server := mcptest.New(t, mcptest.InMemory())
					server.Next(mcptest.Hang().On(method))
					ctx, stop := end(t.Context())
					defer stop()
					start := time.Now()
					_, err := (&mcpclient.Client{HTTPClient: server.HTTPClient()}).Connect(ctx, server.URL())
					require.Equal(t, 3*time.Second, time.Since(start))
					require.ErrorIs(t, err, ctx.Err())
					require.ErrorIs(t, err, context.Cause(ctx))
					require.NotErrorAs(t, err, new(*mcpclient.NetworkError), "a context that ended is no network failure: %v", err)
				})
			})
		}
	}
}

// A context that has ended before, or while dialling, proves that nothing was sent.
func TestConnectThatNeverDialled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	server := mcptest.New(t)
	_, err := mcpclient.Connect(ctx, server.URL())
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, mcpclient.DeliveryNotSent, asCallError(t, err).Delivery)
	require.Empty(t, server.Requests())
}

func TestFailedConnectLeavesNothingBehind(t *testing.T) {
	for name, fault := range map[string]mcptest.Fault{
		"refused":                  opening(mcptest.Status(404, nil, "")),
		"a stream held open":       opening(mcptest.Combine(mcptest.WrongID(), mcptest.HoldOpen())),
		"an endless body":          opening(mcptest.Combine(mcptest.SetHeader("Content-Type", "text/html"), mcptest.EndlessBody())),
		"lost at once":             mcptest.Status(404, nil, "").On("notifications/initialized"),
		"a version nobody speaks":  opening(rewritten(`"2025-11-25"`, `"1999-01-01"`)),
		"cut in the second half":   mcptest.DropAfter().On("notifications/initialized"),
		"pings that are answered":  opening(mcptest.Combine(mcptest.ServerRequest("ping", nil), mcptest.WrongID())),
		"a session id too strange": opening(mcptest.SetHeader("Mcp-Session-Id", "with space")),
	} {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t)
			server.Always(fault)
			before := goleak.IgnoreCurrent()
			cannotConnect(t, &mcpclient.Client{HandshakeTimeout: 300 * time.Millisecond}, server.URL())
			goleak.VerifyNone(t, before) // while the server stands: it must be the client that ends it all
		})
	}
}

// rewritten changes one text in the answer.
func rewritten(from, to string) mcptest.Fault {
	return mcptest.Rewrite(func(answer []byte) []byte { return []byte(strings.ReplaceAll(string(answer), from, to)) })
}

func TestSessionID(t *testing.T) {
	for name, id := range map[string]string{
		"one character": "x", "4,096 characters": strings.Repeat("a", 4096), "the whole alphabet": visibleASCII(),
	} {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t, mcptest.InMemory(), mcptest.WithoutSessions())
			server.Next(opening(mcptest.SetHeader("Mcp-Session-Id", id)))
			session := connected(t, server, new(mcpclient.Client))
			require.Equal(t, id, session.ID())
			require.NoError(t, session.Ping(t.Context()))
			handshake, later := handshakeOf(t, server)
			require.Empty(t, handshake.Session, "the handshake carries no id")
			for _, r := range later {
				require.Equal(t, id, r.Session, r.Method)
			}
		})
	}
	for name, id := range map[string]string{
		"too long": strings.Repeat("a", 4097), "a space": "s3cr3t id", "a tab": "s3cr3t\tid", "not ASCII": "s3cr3t-\xe9",
	} {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t, mcptest.InMemory(), mcptest.WithoutSessions())
			server.Next(opening(mcptest.SetHeader("Mcp-Session-Id", id)))
			failed := cannotConnect(t, &mcpclient.Client{HTTPClient: server.HTTPClient()}, server.URL())
			asCause[*mcpclient.ProtocolError](t, failed)
			require.ErrorContains(t, failed, "the session id has "+strconv.Itoa(len(id))+" characters; allowed are 1 to 4096, of visible ASCII only")
			require.NotContains(t, failed.Error(), id[:min(len(id), 8)])
		})
	}
	t.Run("not even a header", func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory(), mcptest.WithoutSessions())
		server.Always(mcptest.SetHeader("Mcp-Session-Id", "s3cr3t\x7f")) // net/http refuses it, and would print it
		failed := cannotConnect(t, &mcpclient.Client{HTTPClient: server.HTTPClient()}, server.URL())
		require.Equal(t, "mcpclient: connect "+server.URL()+": protocol violation: the answer has a malformed HTTP header", failed.Error())
	})
	t.Run("no id at all", func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory(), mcptest.WithoutSessions())
		session := connected(t, server, new(mcpclient.Client))
		require.Empty(t, session.ID())
		_, err := session.CallTool(t.Context(), "echo", nil)
		require.NoError(t, err)
		require.NoError(t, session.Close())
		for _, r := range server.Requests() {
			require.NotContains(t, r.Header, "Mcp-Session-Id")
			require.NotEqual(t, http.MethodDelete, r.HTTPMethod, "there is nothing to end")
		}
	})
	t.Run("only the handshake's answer gives one", func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory())
		server.Next(
			opening(mcptest.Status(503, http.Header{"Retry-After": {"0"}, "Mcp-Session-Id": {"from-an-error"}}, "")),
			mcptest.SetHeader("Mcp-Session-Id", "from-a-list").On("tools/list"),
		)
		session := connected(t, server, new(mcpclient.Client))
		id := session.ID()
		require.NotContains(t, []string{"", "from-an-error"}, id)
		_, err := mcpclient.Collect(session.Tools(t.Context()))
		require.NoError(t, err)
		require.NoError(t, session.Ping(t.Context()))
		require.Equal(t, id, session.ID())
		for _, r := range server.Requests() {
			require.Contains(t, []string{"", id}, r.Session)
		}
	})
}

func visibleASCII() string {
	var all strings.Builder
	for c := byte(0x21); c <= 0x7E; c++ {
		all.WriteByte(c)
	}
	return all.String()
}

func TestVersionNegotiation(t *testing.T) {
	for _, version := range []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"} {
		t.Run("the server speaks "+version, func(t *testing.T) {
			server := mcptest.New(t, mcptest.InMemory(), mcptest.Versions(version))
			session := connected(t, server, new(mcpclient.Client))
			require.Equal(t, version, session.Server().ProtocolVersion)
			require.NoError(t, session.Ping(t.Context()))
			handshake, later := handshakeOf(t, server)
			require.Contains(t, string(handshake.Body), `"protocolVersion":"2025-11-25"`)
			require.Empty(t, handshake.Header.Get("Mcp-Protocol-Version"), "nothing is negotiated yet")
			for _, r := range later {
				require.Equal(t, version, r.Header.Get("Mcp-Protocol-Version"), r.Method)
			}
		})
		t.Run("the client pins "+version, func(t *testing.T) {
			server := mcptest.New(t, mcptest.InMemory())
			session := connected(t, server, &mcpclient.Client{ProtocolVersion: version})
			require.Equal(t, version, session.Server().ProtocolVersion)
			require.Contains(t, string(server.Requests()[0].Body), `"protocolVersion":"`+version+`"`)
		})
	}
	t.Run("a version nobody knows", func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory(), mcptest.Versions("2031-01-01"))
		failed := cannotConnect(t, &mcpclient.Client{HTTPClient: server.HTTPClient()}, server.URL())
		require.Equal(t, "mcpclient: connect "+server.URL()+`: no common protocol version: the server offers "2031-01-01", this client speaks 2025-11-25, 2025-06-18, 2025-03-26, 2024-11-05`, failed.Error())
		require.Equal(t, []string{"2031-01-01"}, asCause[*mcpclient.VersionError](t, failed).Offered)
		require.Empty(t, server.Sessions(), "the session that cannot be used is ended")
	})
	t.Run("a pinned version that the server does not speak", func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory(), mcptest.Versions("2025-06-18"))
		client := &mcpclient.Client{HTTPClient: server.HTTPClient(), ProtocolVersion: "2025-11-25"}
		version := asCause[*mcpclient.VersionError](t, cannotConnect(t, client, server.URL()))
		require.Equal(t, &mcpclient.VersionError{Wanted: []string{"2025-11-25"}, Offered: []string{"2025-06-18"}}, version)
	})
	t.Run("a pinned version that the client does not speak", func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory())
		client := &mcpclient.Client{HTTPClient: server.HTTPClient(), ProtocolVersion: "2031-01-01"}
		failed := cannotConnect(t, client, server.URL())
		require.Equal(t, "mcpclient: connect "+server.URL()+`: this client does not speak protocol version "2031-01-01"`, failed.Error())
		require.Equal(t, mcpclient.DeliveryNotSent, failed.Delivery)
		require.Empty(t, server.Requests())
	})
}

// Some servers answer an unknown version with an error that lists theirs, instead of offering one.
func TestVersionNegotiationByError(t *testing.T) {
	refusal := func(status int, supported string) mcptest.Fault {
		return opening(mcptest.ErrorAnswer(status, &mcpclient.RPCError{
			Code: -32602, Message: "Unsupported protocol version", Data: json.RawMessage(`{"supported":` + supported + `,"requested":"2025-11-25"}`),
		}))
	}
	withoutID := mcptest.Rewrite(func(answer []byte) []byte {
		return regexp.MustCompile(`"id":\d+`).ReplaceAll(answer, []byte(`"id":null`))
	})
	for name, fault := range map[string]mcptest.Fault{
		"200": refusal(200, `["2024-11-05","2025-03-26"]`), "400": refusal(400, `["2025-03-26"]`),
		"400 without id": opening(mcptest.Combine(withoutID, refusal(400, `["1999-01-01","2025-03-26"]`))),
	} {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t, mcptest.InMemory())
			server.Next(fault)
			session := connected(t, server, new(mcpclient.Client))
			require.Equal(t, "2025-03-26", session.Server().ProtocolVersion, "the newest that both speak")
		})
	}
	t.Run("none in common", func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory())
		server.Always(refusal(400, `["1999-01-01"]`))
		failed := cannotConnect(t, &mcpclient.Client{HTTPClient: server.HTTPClient()}, server.URL())
		require.Equal(t, []string{"1999-01-01"}, asCause[*mcpclient.VersionError](t, failed).Offered)
		require.Len(t, requestsBy(server, http.MethodPost, "initialize"), 1)
	})
	t.Run("the one that was refused", func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory())
		server.Always(refusal(400, `["2025-11-25"]`))
		failed := cannotConnect(t, &mcpclient.Client{HTTPClient: server.HTTPClient()}, server.URL())
		require.EqualValues(t, -32602, asCause[*mcpclient.RPCError](t, failed).Code, "no version is missing; something else is")
		require.Len(t, requestsBy(server, http.MethodPost, "initialize"), 1)
	})
}

func TestUserinfoOfTheURL(t *testing.T) {
	server := mcptest.New(t)
	withUser := strings.Replace(server.URL(), "http://", "http://aladdin:open%20sesame@", 1)
	session, err := mcpclient.Connect(t.Context(), withUser)
	require.NoError(t, err)
	require.NoError(t, session.Ping(t.Context()))
	require.NotContains(t, session.State().Endpoint, "sesame")
	require.NoError(t, session.Close())
	for _, r := range server.Requests() {
		require.Equal(t, "Basic YWxhZGRpbjpvcGVuIHNlc2FtZQ==", r.Header.Get("Authorization"), r.HTTPMethod+" "+r.Method)
	}

	t.Run("a header of the client goes before it", func(t *testing.T) {
		client := mcpclient.Client{Header: http.Header{"authorization": {"Bearer t"}}}
		session, err := client.Connect(t.Context(), withUser)
		require.NoError(t, err)
		require.NoError(t, session.Close())
		requests := server.Requests()
		require.Equal(t, []string{"Bearer t"}, requests[len(requests)-1].Header.Values("Authorization"))
	})
	t.Run("no error shows it", func(t *testing.T) {
		for _, fault := range []mcptest.Fault{mcptest.Status(401, nil, "who?"), mcptest.DropBefore(), mcptest.HTML(), mcptest.Redirect(302, "/login")} {
			server.Next(opening(fault))
			failed := cannotConnect(t, new(mcpclient.Client), withUser)
			require.NotContains(t, failed.Error()+failed.Target, "sesame")
			require.NotContains(t, failed.Error()+failed.Target, "aladdin")
		}
		failed := cannotConnect(t, &mcpclient.Client{HTTPClient: &http.Client{}}, "http://aladdin:sesame@"+refusedPort(t))
		require.NotContains(t, failed.Error(), "sesame")
	})
}

func TestServerTalksDuringTheHandshake(t *testing.T) {
	server := mcptest.New(t)
	server.Next(opening(mcptest.Combine(
		mcptest.Notify("notifications/message", map[string]any{"level": "info", "data": "starting"}),
		mcptest.ServerRequest("ping", nil),
		mcptest.ServerRequest("roots/list", nil),
	)))
	session, err := mcpclient.Connect(t.Context(), server.URL())
	require.NoError(t, err)
	defer func() { require.NoError(t, session.Close()) }()
	answers := server.Answers()
	require.Len(t, answers, 2)
	require.Equal(t, "ping", answers[0].Method)
	require.JSONEq(t, "{}", string(answers[0].Result))
	require.EqualValues(t, -32601, answers[1].Err.Code)
	for _, r := range server.Requests() {
		if r.HTTPMethod == http.MethodPost && r.Method == "" {
			require.Equal(t, session.ID(), r.Session, "answered on the session that is being opened")
		}
	}
}

// 202 is what the protocol says; servers say 200 and 204 as well.
func TestInitializedIsAnsweredWithAny2xx(t *testing.T) {
	for _, status := range []int{200, 202, 204} {
		server := mcptest.New(t)
		front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			server.ServeHTTP(&statusInstead{w, http.StatusAccepted, status}, r)
		}))
		session, err := mcpclient.Connect(t.Context(), front.URL+"/mcp")
		require.NoError(t, err)
		_, err = session.CallTool(t.Context(), "echo", nil)
		require.NoError(t, err)
		require.NoError(t, session.Close())
		front.Close()
	}
}

type statusInstead struct {
	http.ResponseWriter
	from, to int
}

func (w *statusInstead) WriteHeader(status int) {
	if status == w.from {
		status = w.to
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusInstead) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// A session that is refused on its very first message was lost before its first call.
func TestInitializedIsRefused(t *testing.T) {
	server := mcptest.New(t, mcptest.InMemory())
	server.Next(mcptest.Refuse(mcptest.TypeScriptExample).On("notifications/initialized"))
	failed := cannotConnect(t, &mcpclient.Client{HTTPClient: server.HTTPClient()}, server.URL())
	require.ErrorIs(t, failed, mcpclient.ErrSessionInvalid)
	require.Equal(t, "S5", asCause[*mcpclient.SessionError](t, failed).Signal)
	require.Equal(t, mcpclient.DeliveryRefused, failed.Delivery)

	server.Next(mcptest.Status(500, nil, "boom").On("notifications/initialized"))
	failed = cannotConnect(t, &mcpclient.Client{HTTPClient: server.HTTPClient()}, server.URL())
	require.Equal(t, 500, asCause[*mcpclient.HTTPError](t, failed).StatusCode)
}

func TestClientIntroducesItself(t *testing.T) {
	for name, tt := range map[string]struct{ client, want string }{
		"as told":    {"my agent/1.2", `{"name":"my agent","version":"1.2"}`},
		"as a name":  {"my agent/", `{"name":"my agent","version":"0.0.0"}`},
		"as nothing": {"/", `{"name":"mcpclient","version":"0.0.0"}`}, // the main module of this test
	} {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t, mcptest.InMemory())
			clientName, version, _ := strings.Cut(tt.client, "/")
			session := connected(t, server, &mcpclient.Client{Name: clientName, Version: version})
			info, known := server.Session(session.ID())
			require.True(t, known)
			require.JSONEq(t, tt.want, string(info.Client))
			require.JSONEq(t, "{}", string(info.Capabilities), "nothing is offered that nobody handles")
			require.True(t, info.Initialized)
			require.NotEmpty(t, server.Requests()[0].Header.Get("User-Agent"))
		})
	}
}

func TestHeadersOfTheLibraryCannotBeOverridden(t *testing.T) {
	server := mcptest.New(t)
	header := http.Header{
		"X-Api-Key": {"k"}, "x-lower": {"l"}, "X-Two": {"1", "2"}, "User-Agent": {"me"},
		"mcp-session-id": {"stolen"}, "Mcp-Protocol-Version": {"1999-01-01"}, "MCP-Future": {"f"},
		"Host": {"elsewhere.example"}, "Content-Type": {"text/plain"}, "accept": {"text/html"}, "Content-Length": {"1"},
	}
	client := &mcpclient.Client{Header: header}
	session, err := client.Connect(t.Context(), server.URL())
	require.NoError(t, err)
	header.Set("X-Api-Key", "changed")
	header["X-Two"][0] = "changed"
	header.Set("X-New", "n")
	options := []mcpclient.CallOption{
		mcpclient.WithHeader("X-Call", "c"), mcpclient.WithHeader("X-Api-Key", "of the call"),
		mcpclient.WithHeader("Mcp-Session-Id", "stolen"), mcpclient.WithHeader("content-type", "text/plain"), mcpclient.WithHeader("ACCEPT", "text/html"), mcpclient.WithHeader("host", "elsewhere.example"),
	}
	require.NoError(t, session.Ping(t.Context(), options...))
	require.NoError(t, session.Ping(t.Context()))
	id := session.ID()
	requests := server.Requests()
	require.Equal(t, "initialize", requests[1].Method, "behind the probe")
	t.Run("nor can the headers of a new session be changed by now", func(t *testing.T) {
		require.NoError(t, session.Reinitialize(t.Context()))
		reopened := server.Requests()[len(requests)]
		require.Equal(t, "initialize", reopened.Method)
		require.Equal(t, []string{"1", "2"}, reopened.Header["X-Two"])
		require.Equal(t, []string{"k"}, reopened.Header["X-Api-Key"])
		require.NotContains(t, reopened.Header, "X-New")
	})
	require.NoError(t, session.Close())
	for i, r := range requests {
		what := r.HTTPMethod + " " + r.Method
		require.Equal(t, []string{"l"}, r.Header["X-Lower"], what)
		require.Equal(t, []string{"1", "2"}, r.Header["X-Two"], what)
		require.Equal(t, []string{"me"}, r.Header["User-Agent"], what)
		require.Equal(t, []string{"application/json, text/event-stream"}, r.Header["Accept"], what)
		require.NotContains(t, r.Header, "Mcp-Future", what)
		require.NotContains(t, r.Header, "X-New", what)
		if r.HTTPMethod == http.MethodPost {
			require.Equal(t, []string{"application/json"}, r.Header["Content-Type"], what)
		}
		if i > 1 {
			require.Equal(t, []string{id}, r.Header["Mcp-Session-Id"], what)
			require.Equal(t, []string{"2025-11-25"}, r.Header["Mcp-Protocol-Version"], what)
		}
	}
	require.Equal(t, []string{"of the call"}, requests[3].Header["X-Api-Key"])
	require.Equal(t, []string{"c"}, requests[3].Header["X-Call"])
	require.Equal(t, []string{"k"}, requests[4].Header["X-Api-Key"], "the option was for one call, and the map was cloned")
	require.NotContains(t, requests[4].Header, "X-Call")
}
