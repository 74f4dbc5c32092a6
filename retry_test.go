package mcpclient_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// proof is what a caller may conclude from a failed call.
type proof struct {
	delivery  mcpclient.Delivery
	transient bool          // RetryAfter's second result
	wait      time.Duration // and its first
}

func requireProof(t *testing.T, want proof, err error) {
	t.Helper()
	failed := asCallError(t, err)
	require.Equal(t, want.delivery.String(), failed.Delivery.String(), "%v", err)
	proven := want.delivery == mcpclient.DeliveryNotSent || want.delivery == mcpclient.DeliveryRefused
	require.Equal(t, proven, mcpclient.SafeToRetry(err))
	wait, transient := mcpclient.RetryAfter(err)
	require.Equal(t, want.transient, transient, "RetryAfter of %v", err)
	require.Equal(t, want.wait, wait)
}

// rerouted is an http.Client whose RoundTripper can be exchanged under a live session.
type rerouted struct {
	to atomic.Pointer[http.RoundTripper]
}

func (r *rerouted) RoundTrip(request *http.Request) (*http.Response, error) {
	return (*r.to.Load()).RoundTrip(request)
}

func (r *rerouted) set(to http.RoundTripper) { r.to.Store(&to) }

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// dialing is net/http's transport over another way to dial.
func dialing(t *testing.T, dial func(ctx context.Context, network, address string) (net.Conn, error)) *http.Transport {
	t.Helper()
	transport := &http.Transport{DialContext: dial}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// What fails before HTTP, and whether that proves that nothing was sent (reliability table, rows 1 and 2).
func TestEvidenceOfFailuresBelowHTTP(t *testing.T) {
	notSent := proof{delivery: mcpclient.DeliveryNotSent, transient: true}
	unknown := proof{delivery: mcpclient.DeliveryUnknown}
	refused := refusedPort(t)
	noRoute := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.EHOSTUNREACH}
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	stranger := httptest.NewUnstartedServer(http.NotFoundHandler())
	stranger.Config.ErrorLog = log.New(io.Discard, "", 0)
	stranger.StartTLS()
	defer stranger.Close()
	closedProxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer closedProxy.Close()

	toTLS := func(address string, transport *http.Transport) http.RoundTripper {
		t.Cleanup(transport.CloseIdleConnections)
		return roundTripFunc(func(r *http.Request) (*http.Response, error) {
			secure := r.Clone(r.Context())
			secure.URL.Scheme, secure.URL.Host = "https", address
			return transport.RoundTrip(secure)
		})
	}
	for name, tt := range map[string]struct {
		through http.RoundTripper
		want    proof
		cause   error // nil: any
	}{
		"refused": {dialing(t, func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", refused)
		}), notSent, syscall.ECONNREFUSED},
		"no route": {dialing(t, func(context.Context, string, string) (net.Conn, error) { return nil, noRoute }), notSent, syscall.EHOSTUNREACH},
		"an unknown name": {dialing(t, func(ctx context.Context, _, _ string) (net.Conn, error) {
			resolver := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, noRoute }}
			return (&net.Dialer{Resolver: resolver}).DialContext(ctx, "tcp", "nobody.invalid:80")
		}), notSent, nil},
		"no TLS there":        {toTLS(plain.Listener.Addr().String(), new(http.Transport)), notSent, nil},
		"a wrong certificate": {toTLS(stranger.Listener.Addr().String(), new(http.Transport)), proof{delivery: mcpclient.DeliveryNotSent}, nil},
		"a refused proxy": {toTLS("nobody.invalid:443", &http.Transport{Proxy: func(*http.Request) (*url.URL, error) {
			return &url.URL{Scheme: "http", Host: refused}, nil
		}}), notSent, syscall.ECONNREFUSED},
		"a proxy that refuses": {toTLS("nobody.invalid:443", &http.Transport{Proxy: func(*http.Request) (*url.URL, error) {
			return url.Parse(closedProxy.URL)
		}}), notSent, nil},
		"a connection that cannot be written": {dialing(t, func(context.Context, string, string) (net.Conn, error) {
			here, there := net.Pipe()
			t.Cleanup(func() { _ = there.Close() })
			return unwritable{here}, nil
		}), unknown, nil}, // the transport believed that it wrote
		"foreign, dial":                {failing(noRoute), notSent, syscall.EHOSTUNREACH},
		"foreign, certificate":         {failing(x509.UnknownAuthorityError{}), proof{delivery: mcpclient.DeliveryNotSent}, nil},
		"foreign, wrapped certificate": {failing(fmt.Errorf("tls: %w", x509.HostnameError{Certificate: new(x509.Certificate), Host: "h"})), proof{delivery: mcpclient.DeliveryNotSent}, nil},
		"foreign, EOF":                 {failing(io.EOF), unknown, io.EOF},
		"foreign, reset":               {failing(&net.OpError{Op: "read", Err: syscall.ECONNRESET}), unknown, syscall.ECONNRESET},
		"foreign, anything":            {failing(errors.New("quota used up")), unknown, nil},
	} {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t)
			route := new(rerouted)
			route.set(server.HTTPClient().Transport)
			session := connected(t, server, &mcpclient.Client{HTTPClient: &http.Client{Transport: route}})
			route.set(tt.through)
			_, err := session.CallTool(t.Context(), "echo", nil)
			requireProof(t, tt.want, err)
			asCause[*mcpclient.NetworkError](t, err)
			if tt.cause != nil {
				require.ErrorIs(t, err, tt.cause)
			}
			route.set(server.HTTPClient().Transport)
			_, err = session.CallTool(t.Context(), "echo", nil)
			require.NoError(t, err, "a dead network never loses a session")
			require.Equal(t, 1, server.Executed())
			require.Equal(t, 1, server.Initializes())
		})
	}
}

// unwritable is a connection whose other end has gone, as its first write finds out.
type unwritable struct{ net.Conn }

func (unwritable) Write([]byte) (int, error) {
	return 0, &net.OpError{Op: "write", Net: "tcp", Err: syscall.EPIPE}
}

func failing(err error) http.RoundTripper {
	return roundTripFunc(func(*http.Request) (*http.Response, error) { return nil, err })
}

func TestEvidenceOfAContextThatEndsWhileDialling(t *testing.T) {
	server := mcptest.New(t)
	route := new(rerouted)
	route.set(server.HTTPClient().Transport)
	session := connected(t, server, &mcpclient.Client{HTTPClient: &http.Client{Transport: route}})
	ctx, cancel := context.WithCancel(t.Context())
	route.set(dialing(t, func(ctx context.Context, _, _ string) (net.Conn, error) {
		cancel()
		<-ctx.Done()
		return nil, ctx.Err()
	}))
	_, err := session.CallTool(ctx, "echo", nil)
	require.ErrorIs(t, err, context.Canceled)
	requireProof(t, proof{delivery: mcpclient.DeliveryNotSent}, err)
	route.set(server.HTTPClient().Transport)
	require.NoError(t, session.Ping(t.Context()))
	require.Empty(t, server.Cancelled(), "nothing was sent, so there is nothing to cancel")
}

// What net/http will not even try to send is nobody's failure but the caller's.
func TestEvidenceOfARequestThatCannotBeSent(t *testing.T) {
	server := mcptest.New(t)
	session, err := mcpclient.Connect(t.Context(), server.URL())
	require.NoError(t, err)
	defer func() { require.NoError(t, session.Close()) }()
	err = session.Ping(t.Context(), mcpclient.WithHeader("X-Broken", "s3cr3t\r\nvalue"))
	requireProof(t, proof{delivery: mcpclient.DeliveryNotSent}, err)
	require.ErrorContains(t, err, `invalid header field value for "X-Broken"`)
	require.NotContains(t, err.Error(), "s3cr3t")
	require.NotErrorAs(t, err, new(*mcpclient.NetworkError))
}

// A connection that ends after the request was written proves nothing: executed and not executed look the same (rows 5 and 17).
func TestEvidenceOfBrokenConnections(t *testing.T) {
	unknown := proof{delivery: mcpclient.DeliveryUnknown}
	for name, tt := range map[string]struct {
		fault    mcptest.Fault
		executed int
	}{
		"EOF before execution":     {mcptest.DropBefore(), 0},
		"EOF after execution":      {mcptest.DropAfter(), 1},
		"reset":                    {mcptest.Respond(http.HandlerFunc(reset)), 0},
		"a body cut":               {mcptest.Truncated(20), 1},
		"a stream cut":             {mcptest.CutStream(0), 1},
		"a stream cut in an event": {mcptest.Combine(mcptest.SplitStream(), mcptest.Truncated(30)), 1},
	} {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t)
			session := connected(t, server, new(mcpclient.Client))
			for range 2 { // on a new connection, and on one that is used again
				before := server.Executed()
				server.Next(tt.fault.On("tools/call"))
				_, err := session.CallTool(t.Context(), "echo", map[string]string{"text": strings.Repeat("x", 100)})
				requireProof(t, unknown, err)
				asCause[*mcpclient.NetworkError](t, err)
				// A stream may be cut before the tool that it is for has been entered in the ledger.
				require.NoError(t, server.Await(t.Context(), func() bool { return server.Executed() == before+tt.executed }))
			}
			_, err := session.CallTool(t.Context(), "echo", nil)
			require.NoError(t, err)
			require.Equal(t, 1, server.Initializes())
		})
	}
}

// reset closes the connection so that the client sees ECONNRESET.
func reset(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}

// What each HTTP status proves where the body says nothing (rows 11 to 15).
func TestEvidenceOfStatuses(t *testing.T) {
	refused, unknown := mcpclient.DeliveryRefused, mcpclient.DeliveryUnknown
	type row struct {
		status     int
		retryAfter string
		want       proof
	}
	rows := []row{
		{429, "", proof{refused, true, 0}},
		{429, "30", proof{refused, true, 30 * time.Second}},
		{429, "86400", proof{refused, true, 24 * time.Hour}}, // the caller decides
		{429, "-1", proof{refused, true, 0}},
		{429, "soon", proof{refused, true, 0}},
		{408, "", proof{refused, true, 0}},
		{425, "", proof{refused, true, 0}},
		{503, "5", proof{refused, true, 5 * time.Second}},
		{503, "Fri, 31 Dec 1999 23:59:59 GMT", proof{refused, true, 0}},
		{503, "", proof{unknown, false, 0}},
		{502, "5", proof{unknown, false, 0}},
		{503, "", proof{unknown, false, 0}},
	}
	for _, status := range []int{300, 304, 400, 401, 402, 403, 405, 406, 407, 409, 411, 412, 413, 414, 415, 417, 418, 421, 422, 424, 426, 428, 431, 451, 499} {
		rows = append(rows, row{status, "", proof{refused, false, 0}}, row{status, "5", proof{refused, false, 5 * time.Second}})
	}
	for _, status := range []int{500, 501, 502, 504, 505, 507, 508, 511, 520, 522, 530, 599} {
		rows = append(rows, row{status, "", proof{unknown, false, 0}})
	}
	server := mcptest.New(t, mcptest.InMemory())
	session := connected(t, server, &mcpclient.Client{Retry: tryOnce})
	for _, r := range rows {
		t.Run(strconv.Itoa(r.status)+" "+r.retryAfter, func(t *testing.T) {
			header := http.Header{}
			if r.retryAfter != "" {
				header.Set("Retry-After", r.retryAfter)
			}
			failed := failingCall(t, server, session, mcptest.Status(r.status, header, ""))
			if r.status == 300 {
				require.Equal(t, r.status, asCause[*mcpclient.RedirectError](t, failed).StatusCode)
				r.want.wait = 0
			} else {
				require.Equal(t, r.status, asCause[*mcpclient.HTTPError](t, failed).StatusCode)
			}
			requireProof(t, r.want, failed)
			require.Equal(t, 1, failed.Attempts)
		})
	}
	_, err := session.CallTool(t.Context(), "echo", nil)
	require.NoError(t, err)
	require.Equal(t, 1, server.Initializes(), "none of these loses the session")
}

// 303 is how a server points at the outcome of what it has done.
func TestEvidenceOfRedirects(t *testing.T) {
	server := mcptest.New(t, mcptest.InMemory())
	session := connected(t, server, new(mcpclient.Client))
	for status, want := range map[int]mcpclient.Delivery{
		301: mcpclient.DeliveryRefused, 302: mcpclient.DeliveryRefused, 303: mcpclient.DeliveryUnknown, 307: mcpclient.DeliveryRefused, 308: mcpclient.DeliveryRefused,
	} {
		failed := failingCall(t, server, session, mcptest.Redirect(status, "https://elsewhere.example/"))
		requireProof(t, proof{delivery: want}, failed)
	}
}

// The ids that servers put into an answer, and whose answer each is.
func TestEvidenceOfAnswerIDs(t *testing.T) {
	type outcome int
	const (
		success outcome = iota
		rpcAnswered
		httpWithRPC // *HTTPError that unwraps to the *RPCError
		httpAlone
		protocol
	)
	const result, failure = `"result":{"content":[]}`, `"error":{"code":-32000,"message":"no luck"}`
	for _, tt := range []struct {
		id     string // {id}: ours
		status int
		answer string
		want   outcome
	}{
		{`{id}`, 200, result, success},
		{`{id}.0`, 200, result, success},
		{`"{id}"`, 200, result, success},
		{`null`, 200, result, protocol},
		{``, 200, result, protocol},
		{`""`, 200, result, protocol},
		{`"server-error"`, 200, result, protocol},
		{`987654`, 200, result, protocol},
		{`"987654"`, 200, result, protocol},
		{`{id}.5`, 200, result, protocol},

		{`{id}`, 200, failure, rpcAnswered},
		{`{id}.0`, 200, failure, rpcAnswered},
		{`"{id}"`, 200, failure, rpcAnswered},
		{`null`, 200, failure, rpcAnswered},
		{``, 200, failure, rpcAnswered},
		{`""`, 200, failure, rpcAnswered},
		{`"server-error"`, 200, failure, rpcAnswered},
		{`987654`, 200, failure, protocol},

		{`{id}`, 400, failure, rpcAnswered},
		{`{id}e0`, 500, failure, rpcAnswered},
		{`"{id}"`, 422, failure, rpcAnswered},
		{`null`, 500, failure, httpWithRPC},
		{``, 400, failure, httpWithRPC},
		{`""`, 400, failure, httpWithRPC},
		{`"server-error"`, 500, failure, httpWithRPC},
		{`987654`, 500, failure, httpAlone},
		{`{id}`, 500, result, httpAlone},
	} {
		t.Run(fmt.Sprintf("%d %s %s", tt.status, tt.id, tt.answer[:8]), func(t *testing.T) {
			server := mcptest.New(t, mcptest.InMemory())
			session := connected(t, server, new(mcpclient.Client))
			server.Next(answerAs(tt.status, tt.id, tt.answer))
			_, err := session.CallTool(t.Context(), "echo", nil)
			switch tt.want {
			case success:
				require.NoError(t, err)
			case rpcAnswered:
				require.Equal(t, &mcpclient.RPCError{Code: -32000, Message: "no luck"}, asCallError(t, err).Err)
				requireProof(t, proof{delivery: mcpclient.DeliveryAnswered}, err)
			case httpWithRPC:
				require.Equal(t, tt.status, asCause[*mcpclient.HTTPError](t, err).StatusCode)
				require.EqualValues(t, -32000, asCause[*mcpclient.RPCError](t, err).Code)
				require.Equal(t, tt.status == 400, mcpclient.SafeToRetry(err), "by the status")
			case httpAlone:
				require.Equal(t, tt.status, asCause[*mcpclient.HTTPError](t, err).StatusCode)
				require.NotErrorAs(t, err, new(*mcpclient.RPCError), "that is not about our request")
			case protocol:
				asCause[*mcpclient.ProtocolError](t, err)
				requireProof(t, proof{delivery: mcpclient.DeliveryUnknown}, err)
			}
			require.Equal(t, 1, server.Initializes())
		})
	}
}

// answerAs answers a tool call, which is not executed, with a status and a JSON-RPC message. In id, {id} stands for the
// id of the request; an empty one is left out.
func answerAs(status int, id, rest string) mcptest.Fault {
	var ours atomic.Pointer[string]
	return mcptest.Respond(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		member := ""
		if id != "" {
			member = `"id":` + strings.ReplaceAll(id, "{id}", *ours.Load()) + ","
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"jsonrpc":"2.0",`+member+rest+`}`)
	})).When(func(r mcptest.Request) bool {
		id := string(r.ID)
		ours.Store(&id)
		return r.Method == "tools/call"
	})
}

// An accepted request whose answer cannot be used may have been executed (rows 17 and 19).
func TestEvidenceOfUselessAnswers(t *testing.T) {
	for name, fault := range map[string]mcptest.Fault{
		"malformed":            mcptest.Malformed(),
		"a wrong content type": mcptest.WrongContentType("text/plain"),
		"a web page":           mcptest.HTML(),
		"empty":                mcptest.EmptyOK(),
		"202":                  mcptest.Accepted(),
		"no answer":            mcptest.NoAnswer(),
		"a wrong id":           mcptest.WrongID(),
		"over the limit":       mcptest.EndlessBody(),
		"too deep":             mcptest.DepthBomb(20_000),
		"another encoding":     mcptest.SetHeader("Content-Encoding", "zstd"),
		"no gzip":              mcptest.SetHeader("Content-Encoding", "gzip"),
		"neither nor":          answerAs(200, "{id}", `"other":1`),
	} {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t, mcptest.InMemory())
			session := connected(t, server, &mcpclient.Client{MaxMessageSize: 1 << 20})
			failed := failingCall(t, server, session, fault)
			requireProof(t, proof{delivery: mcpclient.DeliveryUnknown}, failed)
			_, err := session.CallTool(t.Context(), "echo", nil)
			require.NoError(t, err)
			require.Equal(t, 1, server.Initializes())
		})
	}
	t.Run("a result that does not fit was answered", func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory())
		session := connected(t, server, new(mcpclient.Client))
		_, err := mcpclient.CallAs[struct{ Text int }](t.Context(), session, "echo", map[string]string{"text": "x"})
		requireProof(t, proof{delivery: mcpclient.DeliveryAnswered}, err)
		require.NotNil(t, asCause[*mcpclient.DecodeError](t, err).Result)
		require.NotErrorIs(t, err, mcpclient.ErrProtocol)

		failed := failingCall(t, server, session, mcptest.Rewrite(resultInstead(`[]`)))
		requireProof(t, proof{delivery: mcpclient.DeliveryAnswered}, failed)
		asCause[*mcpclient.ProtocolError](t, failed)
	})
}

// What a lost session lets a caller conclude, under each policy.
func TestEvidenceOfALostSession(t *testing.T) {
	for name, tt := range map[string]struct {
		policy mcpclient.ReinitializePolicy
		want   proof
	}{
		"only":  {mcpclient.ReinitializeOnly, proof{mcpclient.DeliveryRefused, true, 0}},
		"never": {mcpclient.ReinitializeNever, proof{mcpclient.DeliveryRefused, false, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t, mcptest.InMemory())
			session := connected(t, server, &mcpclient.Client{Reinitialize: tt.policy})
			requireProof(t, tt.want, failingCall(t, server, session, mcptest.Refuse(mcptest.MCPGo)))
		})
	}
	t.Run("no new session yet", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			server := mcptest.New(t, mcptest.InMemory())
			session := connected(t, server, new(mcpclient.Client))
			server.Always(opening(mcptest.Status(503, http.Header{"Retry-After": {"40"}}, "starting")))
			failed := failingCall(t, server, session, mcptest.Refuse(mcptest.MCPGo))
			requireProof(t, proof{mcpclient.DeliveryRefused, true, 40 * time.Second}, failed)
			require.EqualError(t, failed, `mcpclient: tools/call weather: session invalid (HTTP 404): "Invalid session ID"; no new session yet: HTTP 503 Service Unavailable: "starting" (the server asks to retry after "40"); next try after `+
				time.Now().Add(40*time.Second).Format(time.RFC3339))

			<-time.After(15 * time.Second)
			_, err := session.CallTool(t.Context(), "echo", nil)
			requireProof(t, proof{mcpclient.DeliveryNotSent, true, 25 * time.Second}, err)
		})
	})
}

// An answer is judged once, in the order of the design's section 3.
func TestJudgingOrder(t *testing.T) {
	judged := func(t *testing.T, fault mcptest.Fault, options ...mcptest.Option) *mcpclient.CallError {
		t.Helper()
		server := mcptest.New(t, append(options, mcptest.InMemory())...)
		session := connected(t, server, &mcpclient.Client{Reinitialize: mcpclient.ReinitializeNever, Retry: tryOnce})
		return failingCall(t, server, session, fault)
	}
	rpc := func(status int, id, code string) mcptest.Fault {
		return answerAs(status, id, `"error":{"code":`+code+`,"message":"told"}`)
	}
	challenge := http.Header{"Www-Authenticate": {`Bearer error="invalid_token"`}}

	t.Run("a: a lost session goes first, whatever id the body carries", func(t *testing.T) {
		for _, id := range []string{"{id}", "null", `"server-error"`, "", "987654"} {
			require.ErrorIs(t, judged(t, rpc(404, id, "-32000")), mcpclient.ErrSessionInvalid)
		}
		require.ErrorIs(t, judged(t, rpc(404, "null", "-32601")), mcpclient.ErrSessionInvalid, "not about our request")
		require.ErrorIs(t, judged(t, mcptest.Status(404, challenge, "")), mcpclient.ErrSessionInvalid)
		require.ErrorIs(t, judged(t, mcptest.Combine(mcptest.SetHeader("Content-Encoding", "br"), mcptest.Status(404, nil, "?"))), mcpclient.ErrSessionInvalid, "an unreadable body takes nothing from the status")
	})
	t.Run("a: only 'no such method' with our id outranks a 404", func(t *testing.T) {
		failed := judged(t, rpc(404, "{id}", "-32601"))
		require.NotErrorIs(t, failed, mcpclient.ErrSessionInvalid)
		require.Equal(t, &mcpclient.RPCError{Code: -32601, Message: "told"}, failed.Err)
		require.Equal(t, mcpclient.DeliveryAnswered, failed.Delivery)
	})
	t.Run("a: a 401 that is really a lost session stands before any authorization", func(t *testing.T) {
		for _, way := range []mcptest.Way{mcptest.RMCPOld, mcptest.PunkpeyeChallenge} {
			failed := judged(t, mcptest.Refuse(way))
			require.ErrorIs(t, failed, mcpclient.ErrSessionInvalid)
			require.Equal(t, way.Row(), asCause[*mcpclient.SessionError](t, failed).Signal)
		}
	})
	t.Run("a: only if the request carried a session", func(t *testing.T) {
		failed := judged(t, mcptest.Status(404, nil, "session not found"), mcptest.WithoutSessions())
		require.NotErrorIs(t, failed, mcpclient.ErrSessionInvalid)
		require.Equal(t, 404, asCause[*mcpclient.HTTPError](t, failed).StatusCode)
	})
	t.Run("b: 401 and 403 before what their body says", func(t *testing.T) {
		for _, status := range []int{401, 403} {
			failed := judged(t, rpc(status, "{id}", "-32000"))
			require.ErrorIs(t, failed, mcpclient.ErrUnauthorized)
			require.Equal(t, mcpclient.DeliveryRefused, failed.Delivery)
			require.Equal(t, "told", asCause[*mcpclient.RPCError](t, failed).Message)
		}
		require.ErrorIs(t, judged(t, mcptest.Status(401, challenge, "")), mcpclient.ErrUnauthorized)
	})
	t.Run("c: the errors of the stateless era are ordinary ones here", func(t *testing.T) {
		for _, code := range []string{"-32020", "-32021", "-32022"} {
			failed := judged(t, rpc(400, "{id}", code))
			require.Equal(t, code, strconv.FormatInt(asCause[*mcpclient.RPCError](t, failed).Code, 10))
			require.Equal(t, mcpclient.DeliveryAnswered, failed.Delivery)
		}
	})
	t.Run("d: a JSON-RPC error with our id, on any other status", func(t *testing.T) {
		for _, status := range []int{200, 202, 299, 400, 405, 406, 409, 410 + 1, 413, 418, 422, 500, 501, 505, 520} {
			failed := judged(t, rpc(status, "{id}", "-32099"))
			require.Equal(t, &mcpclient.RPCError{Code: -32099, Message: "told"}, failed.Err, status)
			require.Equal(t, mcpclient.DeliveryAnswered, failed.Delivery)
		}
	})
	t.Run("d: but not where a gateway speaks", func(t *testing.T) {
		for status, want := range map[int]mcpclient.Delivery{429: mcpclient.DeliveryRefused, 502: mcpclient.DeliveryUnknown, 503: mcpclient.DeliveryUnknown, 504: mcpclient.DeliveryUnknown} {
			failed := judged(t, rpc(status, "{id}", "-32099"))
			require.Equal(t, status, asCause[*mcpclient.HTTPError](t, failed).StatusCode)
			require.Equal(t, want, failed.Delivery, status)
		}
	})
	t.Run("e: a JSON-RPC error without a usable id counts by its status", func(t *testing.T) {
		for _, id := range []string{"null", `""`, "", `"server-error"`} {
			for status, want := range map[int]mcpclient.Delivery{400: mcpclient.DeliveryRefused, 500: mcpclient.DeliveryUnknown} {
				failed := judged(t, rpc(status, id, "-32099"))
				require.Equal(t, status, asCause[*mcpclient.HTTPError](t, failed).StatusCode)
				require.EqualValues(t, -32099, asCause[*mcpclient.RPCError](t, failed).Code)
				require.Equal(t, want, failed.Delivery)
			}
			require.Equal(t, &mcpclient.RPCError{Code: -32099, Message: "told"}, judged(t, rpc(200, id, "-32099")).Err)
		}
	})
	t.Run("f: everything else", func(t *testing.T) {
		require.Equal(t, 500, asCause[*mcpclient.HTTPError](t, judged(t, mcptest.Status(500, nil, "boom"))).StatusCode)
		asCause[*mcpclient.ProtocolError](t, judged(t, mcptest.HTML()))
		asCause[*mcpclient.HTTPError](t, judged(t, rpc(400, "987654", "-32099")))
		asCause[*mcpclient.ProtocolError](t, judged(t, rpc(200, "987654", "-32099")))
	})
}
