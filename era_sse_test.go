package mcpclient_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// asked lists the requests that arrived, by HTTP method and JSON-RPC method.
func asked(server *mcptest.Server) (all []string) {
	for _, r := range server.Requests() {
		all = append(all, strings.TrimSpace(r.HTTPMethod+" "+r.Method))
	}
	return all
}

// sseOpening is what a Connect sends that knows nothing of the server: each question once.
func sseOpening() []string {
	return []string{"POST server/discover", "POST initialize", "GET", "POST initialize", "POST notifications/initialized"}
}

func TestSSEConnect(t *testing.T) {
	for _, status := range []int{http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			stage := newLossStage(t, nil, mcptest.HTTPSSE(), mcptest.PostStatus(status))
			require.NoError(t, stage.echo(t.Context()))
			require.Equal(t, append(sseOpening(), "POST tools/call"), asked(stage.server))
			require.Equal(t, "sse", stage.session.State().Era)
			require.Equal(t, []string{stage.session.ID()}, stage.server.Sessions())
			require.Equal(t, stage.server.URL(), stage.session.State().Endpoint)
			require.Equal(t, "mcptest", stage.session.Server().Name)
		})
	}
}

// TestSSERequests: both endpoints get the user's headers and cookies, and nothing that later versions brought.
func TestSSERequests(t *testing.T) {
	server := mcptest.New(t, mcptest.HTTPSSE())
	server.Next(mcptest.Combine(mcptest.SetHeader("Set-Cookie", "node=7")).OnHTTP(http.MethodGet))
	session := connectLoss(t, server, &mcpclient.Client{Header: http.Header{"Authorization": {"Bearer secret"}}})
	require.NoError(t, echoOn(t.Context(), session, mcpclient.WithHeader("X-Own", "1")))
	requests := server.Requests()[2:]
	require.Len(t, requests, 4)
	for i, r := range requests {
		require.Equal(t, "Bearer secret", r.Header.Get("Authorization"))
		require.Empty(t, r.Header.Values("Mcp-Session-Id"))
		require.Empty(t, r.Header.Values("Mcp-Protocol-Version"))
		if i == 0 {
			require.Equal(t, "text/event-stream", r.Header.Get("Accept"))
			require.Empty(t, r.Header.Values("Content-Type"))
			continue
		}
		require.Equal(t, "application/json", r.Header.Get("Content-Type"))
		require.Equal(t, "/messages", r.Path)
		require.Equal(t, "node=7", r.Header.Get("Cookie"))
	}
	require.Equal(t, "1", requests[3].Header.Get("X-Own"))
}

// TestSSEEraIsRemembered by the Client, for the sessions to come and for the next one of this session.
func TestSSEEraIsRemembered(t *testing.T) {
	client := new(mcpclient.Client)
	stage := newLossStage(t, client, mcptest.HTTPSSE())
	again := connectLoss(t, stage.server, client)
	require.NoError(t, again.Reinitialize(t.Context()))
	opening := []string{"GET", "POST initialize", "POST notifications/initialized"}
	require.Equal(t, append(append(sseOpening(), opening...), opening...), asked(stage.server))
}

// TestSSEMemoryIsDoubted: where it turns out wrong the server is asked anew.
func TestSSEMemoryIsDoubted(t *testing.T) {
	client := new(mcpclient.Client)
	stage := newLossStage(t, client, mcptest.HTTPSSE())
	stage.server.Next(mcptest.Status(http.StatusMethodNotAllowed, nil, "no stream").OnHTTP(http.MethodGet), mcptest.Status(http.StatusBadGateway, nil, "down"))
	call := cannotConnect(t, client, stage.server.URL())
	refused, ok := call.Err.(*mcpclient.HTTPError) //nolint:errorlint // nothing is wrapped around it
	require.True(t, ok, "%T", call.Err)
	require.Equal(t, "down", string(refused.Body))
	require.Equal(t, []string{"GET", "POST server/discover"}, asked(stage.server)[5:])
	connectLoss(t, stage.server, client)
	require.Equal(t, sseOpening(), asked(stage.server)[7:])
}

// TestSSEPinned: a version with a handshake may be offered over the old transport as well.
func TestSSEPinned(t *testing.T) {
	for _, folder := range wireVersions(t) {
		version := filepath.Base(folder)
		server := mcptest.New(t, mcptest.HTTPSSE())
		session, err := (&mcpclient.Client{ProtocolVersion: version}).Connect(t.Context(), server.URL())
		require.NoError(t, err)
		require.Equal(t, version, session.Server().ProtocolVersion)
		require.Equal(t, sseOpening()[1:], asked(server))
		require.NoError(t, session.Close())
	}
}

// TestSSEVersionError: a server that answers in a version of its own is left.
func TestSSEVersionError(t *testing.T) {
	server := mcptest.New(t, mcptest.HTTPSSE(), mcptest.Versions("1999-01-01"))
	_, err := new(mcpclient.Client).Connect(t.Context(), server.URL())
	require.Equal(t, []string{"1999-01-01"}, asCause[*mcpclient.VersionError](t, err).Offered)
	require.NoError(t, server.Await(t.Context(), func() bool { return len(server.Sessions()) == 0 }))
}

// TestSSENotThisEra: where the GET finds no such server either, initialize stays what failed.
func TestSSENotThisEra(t *testing.T) {
	status := func(code int) mcptest.Fault { return mcptest.Status(code, nil, "no") }
	for name, fault := range map[string]mcptest.Fault{
		"refused":                 status(http.StatusMethodNotAllowed),
		"no status":               mcptest.DropBefore().Times(9), // net/http asks again
		"busy":                    status(http.StatusServiceUnavailable),
		"redirected":              mcptest.Redirect(http.StatusFound, "/login"),
		"web page":                mcptest.HTML(),
		"JSON":                    mcptest.EmptyOK(),
		"no endpoint":             mcptest.Combine(mcptest.NoEndpoint(), mcptest.BreakStream(0)),
		"cut before the endpoint": mcptest.CutStream(0),
		"message first":           mcptest.StreamText(event(`{"jsonrpc":"2.0","method":"notifications/message"}`)),
		"endless comment":         mcptest.StreamText(":" + strings.Repeat("a", 2<<20)),
	} {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t, mcptest.HTTPSSE())
			server.Next(fault.OnHTTP(http.MethodGet))
			_, err := (&mcpclient.Client{MaxMessageSize: 1 << 20}).Connect(t.Context(), server.URL())
			require.Equal(t, http.StatusMethodNotAllowed, asCause[*mcpclient.HTTPError](t, err).StatusCode)
			require.Equal(t, []string{"POST server/discover", "POST initialize", "GET"}, slices.Compact(asked(server)))
		})
	}
	t.Run("credentials", func(t *testing.T) {
		server := mcptest.New(t, mcptest.HTTPSSE())
		server.Next(status(http.StatusUnauthorized).OnHTTP(http.MethodGet))
		_, err := new(mcpclient.Client).Connect(t.Context(), server.URL())
		require.ErrorIs(t, err, mcpclient.ErrUnauthorized)
	})
}

// TestSSENotTried: other refusals of initialize say nothing of the transport.
func TestSSENotTried(t *testing.T) {
	for _, status := range []int{401, 403, 406, 429, 500, 503} {
		server := mcptest.New(t, mcptest.HTTPSSE(), mcptest.PostStatus(status))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		_, err := new(mcpclient.Client).Connect(ctx, server.URL())
		cancel()
		require.Equal(t, status, asCause[*mcpclient.HTTPError](t, err).StatusCode)
		require.NotContains(t, asked(server), "GET")
	}
}

// TestSSEEndpoint: the URI is resolved like any reference, within the origin.
func TestSSEEndpoint(t *testing.T) {
	const good = ""
	for name, c := range map[string]struct {
		edit func(origin, uri string) string
		want string // of the error
	}{
		"absolute":       {func(origin, uri string) string { return origin + uri }, good},
		"relative":       {func(_, uri string) string { return uri[1:] }, good},
		"query":          {func(_, uri string) string { return strings.TrimPrefix(uri, "/messages") }, good},
		"spaces":         {func(_, uri string) string { return " " + uri + " " }, good},
		"another host":   {func(_, uri string) string { return "http://elsewhere.invalid" + uri }, `names another origin, to which credentials would follow: "http://elsewhere.invalid/messages`},
		"another port":   {func(origin, uri string) string { return origin + "0" + uri }, "names another origin"},
		"another scheme": {func(origin, uri string) string { return "https" + strings.TrimPrefix(origin, "http") + uri }, "names another origin"},
		"user": {func(origin, uri string) string {
			return "http://me:secret@" + strings.TrimPrefix(origin, "http://") + uri
		}, "names another origin"},
		"no URI": {func(_, _ string) string { return "http://[" }, "holds no usable URI"},
		"empty":  {func(_, _ string) string { return " " }, "holds no usable URI"},
		"long":   {func(_, uri string) string { return uri + strings.Repeat("a", 8<<10) }, "holds no usable URI"},
	} {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t, mcptest.HTTPSSE())
			origin := strings.TrimSuffix(server.URL(), "/mcp")
			server.Next(mcptest.Endpoint(func(uri string) string { return c.edit(origin, uri) }))
			session, err := new(mcpclient.Client).Connect(t.Context(), server.URL())
			if c.want == good {
				require.NoError(t, err)
				require.NoError(t, echoOn(t.Context(), session))
				require.NoError(t, session.Close())
				return
			}
			require.Contains(t, asCause[*mcpclient.ProtocolError](t, err).Reason, c.want)
			require.NotContains(t, err.Error(), "secret")
			require.Equal(t, "GET", asked(server)[2])
			require.Len(t, asked(server), 3, "nothing is sent there")
		})
	}
}

// TestSSELateEndpoint: HandshakeTimeout bounds the wait for it, and whatever else comes meanwhile does not matter.
func TestSSELateEndpoint(t *testing.T) {
	for name, c := range map[string]struct {
		fault mcptest.Fault
		ok    bool
	}{
		"late":         {mcptest.Late(29 * time.Second), true},
		"after others": {mcptest.Combine(mcptest.StreamText(": hello\n\nretry: 1\n\nevent: ping\ndata: 1\n\ndata:\n\n"), mcptest.Late(time.Second)), true},
		"too late":     {mcptest.Late(31 * time.Second), false},
		"never":        {mcptest.NoEndpoint(), false},
		"no header":    {mcptest.Hang(), false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := mcptest.New(t, mcptest.HTTPSSE(), mcptest.InMemory())
				server.Next(c.fault.OnHTTP(http.MethodGet))
				start := time.Now()
				session, err := (&mcpclient.Client{HTTPClient: server.HTTPClient()}).Connect(t.Context(), server.URL())
				if c.ok {
					require.NoError(t, err)
					<-time.After(time.Hour) // no clock of the handshake goes on
					require.NoError(t, echoOn(t.Context(), session))
					require.NoError(t, session.Close())
					return
				}
				require.Equal(t, 30*time.Second, time.Since(start))
				require.Equal(t, http.StatusMethodNotAllowed, asCause[*mcpclient.HTTPError](t, err).StatusCode)
			})
		})
	}
}

// TestSSEConnectIsCancelled wherever it is, and leaves nothing behind.
func TestSSEConnectIsCancelled(t *testing.T) {
	for name, fault := range map[string]mcptest.Fault{
		"before the header":   mcptest.Hang().OnHTTP(http.MethodGet),
		"before the endpoint": mcptest.NoEndpoint(),
		"before the answer":   mcptest.Late(time.Hour).On("initialize").When(func(r mcptest.Request) bool { return r.Session != "" }),
		"in the POST":         mcptest.Hang().On("initialize").When(func(r mcptest.Request) bool { return r.Session != "" }),
		"in the second POST":  mcptest.Hang().On("notifications/initialized"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := mcptest.New(t, mcptest.HTTPSSE(), mcptest.InMemory())
				server.Next(fault)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err := (&mcpclient.Client{HTTPClient: server.HTTPClient()}).Connect(ctx, server.URL())
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.Empty(t, server.Unused())
				synctest.Wait()
				require.Empty(t, server.Sessions(), "the stream has been closed")
			})
		})
	}
}

// TestSSEServerOfAnotherEra: the memory is wrong after a redeploy, in either direction.
func TestSSEServerOfAnotherEra(t *testing.T) {
	old, newer := mcptest.New(t, mcptest.HTTPSSE()), mcptest.New(t)
	to := new(rerouted)
	client := &mcpclient.Client{HTTPClient: &http.Client{Transport: to}}
	move := func(server *mcptest.Server) {
		to.set(roundTripFunc(func(r *http.Request) (*http.Response, error) {
			r = r.Clone(r.Context())
			r.URL.Host = strings.TrimSuffix(strings.TrimPrefix(server.URL(), "http://"), "/mcp")
			return server.HTTPClient().Transport.RoundTrip(r)
		}))
	}
	move(old)
	session, err := client.Connect(t.Context(), "http://moving.invalid/mcp")
	require.NoError(t, err)
	defer func() { require.NoError(t, session.Close()) }()
	for i, server := range []*mcptest.Server{newer, old, newer} {
		move(server)
		before := len(asked(server))
		require.NoError(t, session.Reinitialize(t.Context()))
		require.Equal(t, [][]string{ // what is remembered first, and no question twice
			{"GET", "POST server/discover", "POST initialize", "POST notifications/initialized"},
			{"POST initialize", "POST server/discover", "GET", "POST initialize", "POST notifications/initialized"},
		}[i%2], asked(server)[before:][:4+i%2])
		require.NoError(t, echoOn(t.Context(), session))
		require.Equal(t, []string{"session", "sse"}[i%2], session.State().Era)
	}
	require.NoError(t, old.Await(t.Context(), func() bool { return len(old.Sessions()) == 0 }))
}

// TestSSEClose hangs up, and that is all.
func TestSSEClose(t *testing.T) {
	server := mcptest.New(t, mcptest.HTTPSSE())
	session, err := new(mcpclient.Client).Connect(t.Context(), server.URL())
	require.NoError(t, err)
	entered, _ := heldTool(server)
	failed := make(chan error)
	go func() {
		_, err := session.CallTool(t.Context(), "hold", nil)
		failed <- err
	}()
	<-entered
	require.NoError(t, session.Close())
	requireClosed(t, <-failed, mcpclient.DeliveryUnknown)
	requireClosed(t, echoOn(t.Context(), session), mcpclient.DeliveryNotSent)
	require.NoError(t, server.Await(t.Context(), func() bool { return len(server.Sessions()) == 0 }))
	require.NotContains(t, asked(server), "DELETE")
}

// TestSSEIsNotResumed: a connection cannot be handed over.
func TestSSEIsNotResumed(t *testing.T) {
	server := mcptest.New(t, mcptest.HTTPSSE())
	session, err := new(mcpclient.Client).Connect(t.Context(), server.URL())
	require.NoError(t, err)
	state, err := session.Detach()
	require.NoError(t, err)
	require.Equal(t, "sse", state.Era)
	require.NotEmpty(t, state.ID)
	require.NotContains(t, fmt.Sprint(state), state.ID)
	stored, err := json.Marshal(state)
	require.NoError(t, err)
	var restored mcpclient.SessionState
	require.NoError(t, json.NewDecoder(bytes.NewReader(stored)).Decode(&restored))
	_, err = new(mcpclient.Client).Resume(t.Context(), restored)
	require.ErrorIs(t, err, mcpclient.ErrUnsupported)
	require.ErrorContains(t, err, "use Connect")
	require.NoError(t, server.Await(t.Context(), func() bool { return len(server.Sessions()) == 0 }))
}
