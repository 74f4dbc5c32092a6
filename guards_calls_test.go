package mcpclient_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// What is here was missing: each test is the only one that turned red when its guard was taken away (internal/mutants).

// TestGuardPlaceAfterALoss: a call waits for its place on the wire longer than its session lives. It goes out on the
// session of that moment, not on the one that it waited with: where a refused call is not repeated, that would fail it.
func TestGuardPlaceAfterALoss(t *testing.T) {
	for name, policy := range lossPolicies {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := &mcpclient.Client{Reinitialize: policy, Limits: mcpclient.Limits{ConcurrentCalls: 1}}
				stage := newLossStage(t, client, mcptest.InMemory())
				entered, release := heldTool(stage.server)
				old := stage.session.ID()
				var calls sync.WaitGroup
				calls.Go(func() {
					_, err := stage.session.CallTool(t.Context(), "hold", nil)
					require.NoError(t, err)
				})
				<-entered
				calls.Go(func() { require.NoError(t, stage.echo(t.Context())) })
				synctest.Wait() // it has the binding, and waits for the place
				require.NoError(t, stage.session.Reinitialize(t.Context()))
				close(release)
				calls.Wait()
				require.Zero(t, stage.session.Stats().Resends)
				require.Equal(t, 1, stage.count(func(r mcptest.Request) bool { return r.Method == "tools/call" && r.Session == old }))
			})
		})
	}
}

// TestGuardHTTP2SendsNoCallTwice: over HTTP/2 net/http repeats a request by itself after stream errors that prove nothing, if
// it can rewind the body. So it gets no means to, but for what may be executed twice.
func TestGuardHTTP2SendsNoCallTwice(t *testing.T) {
	server := mcptest.New(t)
	behind, err := url.Parse(server.URL())
	require.NoError(t, err)
	transport := new(http.Transport)
	t.Cleanup(transport.CloseIdleConnections)
	var mu sync.Mutex
	rewinds := map[string]bool{}
	client := &mcpclient.Client{HTTPClient: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		mu.Lock()
		rewinds[r.Header.Get("X-Test-Call")] = r.GetBody != nil
		mu.Unlock()
		plain := r.Clone(r.Context())
		plain.URL.Scheme, plain.URL.Host = behind.Scheme, behind.Host
		return transport.RoundTrip(plain)
	})}}
	session, err := client.Connect(t.Context(), "https://mcp.invalid"+behind.Path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, session.Close()) })

	named := func(name string) mcpclient.CallOption { return mcpclient.WithHeader("X-Test-Call", name) }
	require.NoError(t, echoOn(t.Context(), session, named("tool")))
	require.NoError(t, session.Notify(t.Context(), "notifications/x", nil, named("notification")))
	require.NoError(t, session.Ping(t.Context(), named("ping")))
	_, err = mcpclient.Collect(session.Tools(t.Context(), named("list")))
	require.NoError(t, err)
	require.False(t, rewinds["tool"])
	require.False(t, rewinds["notification"])
	require.True(t, rewinds["ping"])
	require.True(t, rewinds["list"])
}

// TestGuardCloseEndsCallsItself: calls in flight end with Close, though the server does not let clients end a session, or has
// none to end: the call's own context has to tell.
func TestGuardCloseEndsCallsItself(t *testing.T) {
	for name, opts := range map[string][]mcptest.Option{
		"session": {mcptest.InMemory()}, "stateless": {mcptest.InMemory(), mcptest.Stateless()}, "streams": {mcptest.InMemory(), mcptest.Streams()},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stage := newLossStage(t, nil, opts...)
				stage.server.Always(mcptest.Status(http.StatusMethodNotAllowed, nil, "").OnHTTP(http.MethodDelete))
				entered, release := heldTool(stage.server)
				defer close(release)
				ended := make(chan error, 1)
				go func() {
					_, err := stage.session.CallTool(t.Context(), "hold", nil)
					ended <- err
				}()
				<-entered
				require.NoError(t, stage.session.Close())
				synctest.Wait()
				select {
				case err := <-ended:
					requireClosed(t, err, mcpclient.DeliveryUnknown)
				default:
					require.Fail(t, "the call goes on")
				}
			})
		})
	}
}

// TestGuardServerTextForgesNoLine: what a server says may be short and still hold a line of its own for somebody's log.
func TestGuardServerTextForgesNoLine(t *testing.T) {
	server := mcptest.New(t)
	session := sessionOf(t, server, new(mcpclient.Client))
	const evil = "no\nERROR all is lost\x1b[31m"
	quoted := strconv.Quote(evil)
	for name, fault := range map[string]mcptest.Fault{
		"body":    mcptest.Status(400, nil, evil),
		"message": mcptest.ErrorAnswer(200, &mcpclient.RPCError{Code: 1, Message: evil}),
	} {
		server.Next(fault.On("tools/call"))
		err := echoOn(t.Context(), session)
		require.ErrorContains(t, err, quoted, name)
		require.NotContains(t, err.Error(), "\n", name)
	}
}

// TestGuardErrorsHideTheURL: its query may be a secret, and net/http repeats it in its errors.
func TestGuardErrorsHideTheURL(t *testing.T) {
	server := mcptest.New(t)
	through := new(rerouted)
	transport := new(http.Transport)
	t.Cleanup(transport.CloseIdleConnections)
	through.set(transport)
	client := &mcpclient.Client{Retry: tryOnce, HTTPClient: &http.Client{Transport: through}}
	session, err := client.Connect(t.Context(), server.URL()+"?key=hunter2")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, session.Close()) })
	through.set(roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("no route") }))
	var seen bytes.Buffer
	writeTree(&seen, echoOn(t.Context(), session))
	require.Contains(t, seen.String(), "no route")
	require.NotContains(t, seen.String(), "hunter2")
	through.set(transport)
}
