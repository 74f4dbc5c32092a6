package mcpclient_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// roundTripper is a RoundTripper of an application: it need not report to net/http/httptrace.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestTransportClientIsNotModified: the user's http.Client goes on as it was, with its own redirects, jar and timeout.
func TestTransportClientIsNotModified(t *testing.T) {
	server := mcptest.New(t)
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	redirected := 0
	client := &http.Client{
		Transport: transport, Jar: jar, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { redirected++; return nil },
	}
	before := *client
	session := sessionOf(t, server, &mcpclient.Client{HTTPClient: client})
	server.Next(mcptest.Redirect(307, "/mcp/").On("tools/call"))
	_, err = session.CallTool(t.Context(), "echo", nil)
	require.NoError(t, err)
	require.Zero(t, redirected, "redirects are the library's business")
	require.NoError(t, session.Close())

	require.Same(t, transport, client.Transport)
	require.Equal(t, before.Jar, client.Jar)
	require.Equal(t, before.Timeout, client.Timeout)
	require.Equal(t, reflect.ValueOf(before.CheckRedirect).Pointer(), reflect.ValueOf(client.CheckRedirect).Pointer())
	require.Zero(t, transport.MaxIdleConnsPerHost)
	require.False(t, transport.DisableCompression)
}

// TestTransportOfTheUserStaysOpen: Close gives back the session's own connections, not those of the application.
func TestTransportOfTheUserStaysOpen(t *testing.T) {
	server := newImpostor(t)
	session := server.connect(t, new(mcpclient.Client))
	require.NoError(t, session.Close())
	response, err := server.client.Get(server.url)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.EqualValues(t, 1, server.conns.Load())
}

// TestTransportOfTheSessionIsClosed: without that, its connections would be the server's problem for another while.
func TestTransportOfTheSessionIsClosed(t *testing.T) {
	server := newImpostor(t)
	session, err := mcpclient.Connect(t.Context(), server.url)
	require.NoError(t, err)
	require.NoError(t, session.Ping(t.Context()))
	require.EqualValues(t, 1, server.open.Load())
	require.NoError(t, session.Close())
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second) // 4 s idle would end them, too
	defer cancel()
	server.awaitClosed(ctx)
	require.Zero(t, server.open.Load())
}

// TestTransportTimeout: http.Client.Timeout bounds an exchange. It cuts neither Close nor the next call.
func TestTransportTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory())
		addSlowTool(server, 20, 10*time.Second)
		client := *server.HTTPClient()
		client.Timeout = 90 * time.Second
		session := sessionOf(t, server, &mcpclient.Client{HTTPClient: &client})
		server.Next(mcptest.Hang().On("tools/call"))
		for _, tool := range []string{"echo", "slow"} { // no answer at all, then a stream that is alive
			start := time.Now()
			_, err := session.CallTool(t.Context(), tool, nil, mcpclient.WithProgress(func(mcpclient.Progress) {}))
			var network *mcpclient.NetworkError
			require.ErrorAs(t, err, &network)
			require.ErrorContains(t, err, "http.Client.Timeout")
			require.NotErrorIs(t, err, context.DeadlineExceeded, "no context of the caller has ended")
			var timeout net.Error
			require.ErrorAs(t, err, &timeout)
			require.True(t, timeout.Timeout())
			require.Equal(t, 90*time.Second, time.Since(start))
			requireUnknown(t, err)
		}
		require.Equal(t, 90*time.Second, client.Timeout)
		require.NoError(t, session.Ping(t.Context()))
	})
}

// TestTransportTimeoutDoesNotCutClose: DELETE has the time that Close has.
func TestTransportTimeoutDoesNotCutClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory())
		client := *server.HTTPClient()
		client.Timeout = 100 * time.Millisecond
		session := sessionOf(t, server, &mcpclient.Client{HTTPClient: &client})
		server.Next(mcptest.Slow(time.Second).OnHTTP(http.MethodDelete))
		start := time.Now()
		require.NoError(t, session.Close())
		require.Equal(t, time.Second, time.Since(start))
		require.Empty(t, server.Sessions())
	})
}

// TestTransportTimeoutBoundsTheHandshake: whoever sets a timeout of 5 seconds does not want to wait 30 for a connect.
func TestTransportTimeoutBoundsTheHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory())
		client := *server.HTTPClient()
		client.Timeout = 5 * time.Second
		server.Next(mcptest.Hang().On("initialize"))
		start := time.Now()
		_, err := (&mcpclient.Client{HTTPClient: &client}).Connect(t.Context(), server.URL())
		var network *mcpclient.NetworkError
		require.ErrorAs(t, err, &network)
		require.Equal(t, 5*time.Second, time.Since(start))
	})
}

// TestTransportCookies: the session's jar serves sticky load balancers. It begins anew with each session; a jar of the
// user is the user's.
func TestTransportCookies(t *testing.T) {
	sticky := mcptest.SetHeader("Set-Cookie", "lb=instance-1; Path=/")
	cookies := func(server *mcptest.Server, method string) (all []string) {
		for _, r := range requestsBy(server, http.MethodPost, method) {
			all = append(all, r.Header.Get("Cookie"))
		}
		return all
	}
	run := func(t *testing.T, client *mcpclient.Client) *mcptest.Server {
		server := mcptest.New(t)
		session := sessionOf(t, server, client)
		server.Next(sticky.On("ping"))
		require.NoError(t, session.Ping(t.Context()))
		require.NoError(t, session.Ping(t.Context()))
		server.ForgetSessions()
		require.NoError(t, session.Ping(t.Context()))
		return server
	}
	t.Run("of the session", func(t *testing.T) {
		server := run(t, new(mcpclient.Client))
		require.Equal(t, []string{"", "lb=instance-1", "lb=instance-1", ""}, cookies(server, "ping"))
		require.Equal(t, []string{"", ""}, cookies(server, "initialize"))
	})
	t.Run("off", func(t *testing.T) {
		server := run(t, &mcpclient.Client{NoCookies: true})
		require.Equal(t, []string{"", "", "", ""}, cookies(server, "ping"))
	})
	t.Run("of the user", func(t *testing.T) {
		jar, err := cookiejar.New(nil)
		require.NoError(t, err)
		transport := &http.Transport{}
		defer transport.CloseIdleConnections()
		server := run(t, &mcpclient.Client{HTTPClient: &http.Client{Jar: jar, Transport: transport}})
		require.Equal(t, []string{"", "lb=instance-1", "lb=instance-1", "lb=instance-1"}, cookies(server, "ping"))
		at, err := url.Parse(server.URL())
		require.NoError(t, err)
		require.Len(t, jar.Cookies(at), 1)
	})
}

// TestTransportForeignRoundTripper: one that tells httptrace nothing proves nothing by its silence.
func TestTransportForeignRoundTripper(t *testing.T) {
	server := mcptest.New(t)
	var fails atomic.Pointer[error]
	client := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		if err := fails.Load(); err != nil {
			return nil, *err
		}
		// A context of its own: what the library traces does not get through.
		return server.HTTPClient().Do(r.Clone(context.WithoutCancel(t.Context())))
	})}
	client.Transport = withoutRequestURI(client.Transport)
	session := sessionOf(t, server, &mcpclient.Client{HTTPClient: client})
	_, err := session.CallTool(t.Context(), "echo", nil)
	require.NoError(t, err)

	for _, c := range []struct {
		err  error
		want mcpclient.Delivery
	}{
		{errors.New("out of luck"), mcpclient.DeliveryUnknown},
		{io.ErrUnexpectedEOF, mcpclient.DeliveryUnknown},
		{&net.OpError{Op: "read", Net: "tcp", Err: errors.New("connection reset by peer")}, mcpclient.DeliveryUnknown},
		{&net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}, mcpclient.DeliveryNotSent},
		{fmt.Errorf("proxy: %w", x509.UnknownAuthorityError{}), mcpclient.DeliveryNotSent},
		{x509.HostnameError{Certificate: &x509.Certificate{}, Host: "h"}, mcpclient.DeliveryNotSent},
	} {
		fails.Store(&c.err)
		_, err := session.CallTool(t.Context(), "echo", nil)
		require.ErrorIs(t, err, c.err)
		var network *mcpclient.NetworkError
		require.ErrorAs(t, err, &network)
		require.NotContains(t, err.Error(), server.URL(), "the URL may hold secrets")
		var call *mcpclient.CallError
		require.ErrorAs(t, err, &call)
		require.Equal(t, c.want, call.Delivery, c.err)
		require.Equal(t, c.want == mcpclient.DeliveryNotSent, mcpclient.SafeToRetry(err))
	}
	fails.Store(nil)
	require.NoError(t, session.Ping(t.Context()))
}

// withoutRequestURI lets a RoundTripper hand requests to an http.Client.
func withoutRequestURI(inner http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		r = r.Clone(r.Context())
		r.RequestURI = ""
		return inner.RoundTrip(r)
	})
}

// ownTransport opens a session with the library's own transport.
func (s *impostor) ownTransport(t *testing.T, client *mcpclient.Client) *mcpclient.Session {
	session, err := client.Connect(t.Context(), s.url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, session.Close()) })
	return session
}

// replyKinds are the ways in which servers send an answer: all of them must leave the connection fit for the next call.
func replyKinds() map[string]func(http.ResponseWriter, *wireMessage) {
	large := strings.Repeat("x", 100_000)
	return map[string]func(http.ResponseWriter, *wireMessage){
		"JSON": func(w http.ResponseWriter, m *wireMessage) {
			body := answerTo(m)
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			writeJSON(w, body)
		},
		"chunked JSON": func(w http.ResponseWriter, m *wireMessage) {
			writeJSON(w, `{"jsonrpc":"2.0","id":`+string(m.ID)+`,"result":{"content":[{"type":"text","text":"ok"}],"_meta":{"x":"`+large+`"}}}`)
		},
		"a stream": func(w http.ResponseWriter, m *wireMessage) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, event(answerTo(m))+": bye\n\n")
		},
		"an error": func(w http.ResponseWriter, _ *wireMessage) {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, "out of order "+large[:50_000])
		},
	}
}

// TestTransportReusesConnections: at most one new connection for 1,000 calls, and in parallel no more than callers.
func TestTransportReusesConnections(t *testing.T) {
	for name, reply := range replyKinds() {
		t.Run(name, func(t *testing.T) {
			server := newImpostor(t)
			server.answersCalls(func(w http.ResponseWriter, _ *http.Request, m *wireMessage) { reply(w, m) })
			session := server.ownTransport(t, new(mcpclient.Client))
			call := func() error {
				_, err := session.CallTool(t.Context(), "echo", nil)
				if name == "an error" {
					return nil
				}
				return err
			}
			calls := 1000
			if name == "chunked JSON" {
				calls = 300 // of 100 KB each
			}
			require.NoError(t, call())
			warm := server.conns.Load()
			for range calls {
				require.NoError(t, call())
			}
			require.LessOrEqual(t, server.conns.Load()-warm, int64(1), "one after the other")

			const callers = 16
			gather := make(chan struct{})
			var gathered atomic.Int64
			server.answersCalls(func(w http.ResponseWriter, _ *http.Request, m *wireMessage) {
				if gathered.Add(1) == callers {
					close(gather)
				}
				<-gather
				reply(w, m)
			})
			inParallel := func(each int) {
				var group errgroup.Group
				for range callers {
					group.Go(func() error {
						for range each {
							if err := call(); err != nil {
								return err
							}
						}
						return nil
					})
				}
				require.NoError(t, group.Wait())
			}
			inParallel(1)
			warm = server.conns.Load()
			require.LessOrEqual(t, warm, int64(callers+2), "a connection for each caller")
			inParallel(calls / callers)
			// net/http gives a connection up when its writer gets no processor for 50 ms.
			require.LessOrEqual(t, server.conns.Load()-warm, int64(callers), "in parallel")
		})
	}
}

// TestTransportStreamsHeldOpen: a server that does not end its streams costs neither connections that pile up nor the
// wait for an end on every call.
func TestTransportStreamsHeldOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newImpostorInMemory(t)
		var handlers atomic.Int64
		server.answersCalls(func(w http.ResponseWriter, r *http.Request, m *wireMessage) {
			handlers.Add(1)
			defer handlers.Add(-1)
			startStream(w)(event(answerTo(m)))
			<-r.Context().Done()
		})
		session := server.connect(t, new(mcpclient.Client))
		start := time.Now()
		for range 200 {
			_, err := session.CallTool(t.Context(), "echo", nil)
			require.NoError(t, err)
		}
		require.LessOrEqual(t, time.Since(start), 4*50*time.Millisecond, "one wait in 64 calls, to see whether the server has changed its manners")
		synctest.Wait()
		require.Zero(t, handlers.Load())
		require.LessOrEqual(t, server.open.Load(), int64(1))
	})
}

// TestTransportStreamsEndedLate: the usual server ends its stream a moment after the answer, and the connection is kept.
func TestTransportStreamsEndedLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newImpostorInMemory(t)
		server.answersCalls(func(w http.ResponseWriter, r *http.Request, m *wireMessage) {
			send := startStream(w)
			send(event(answerTo(m)))
			_ = after(r.Context(), 10*time.Millisecond)
			send(": bye\n\n")
		})
		session := server.connect(t, new(mcpclient.Client))
		for range 100 {
			_, err := session.CallTool(t.Context(), "echo", nil)
			require.NoError(t, err)
		}
		require.EqualValues(t, 1, server.conns.Load())
	})
}

// TestTransportOnePacketPerRequest: header and body of a small call leave in one write.
func TestTransportOnePacketPerRequest(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	reads := make(chan string, 100)
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer func() { _ = conn.Close() }()
				answerPackets(conn, reads)
			})
		}
	})
	session, err := (&mcpclient.Client{Header: http.Header{"X-App": {"app"}}}).Connect(t.Context(), "http://"+listener.Addr().String()+"/mcp")
	require.NoError(t, err)
	for range 5 {
		_, err := session.CallTool(t.Context(), "echo", map[string]string{"text": strings.Repeat("x", 1000)}, mcpclient.WithMeta("k", "v"))
		require.NoError(t, err)
	}
	require.NoError(t, session.Ping(t.Context()))
	require.NoError(t, session.Close())
	require.NoError(t, listener.Close())
	conns.Wait()
	close(reads)
	n := 0
	for packet := range reads {
		header, body, whole := strings.Cut(packet, "\r\n\r\n")
		require.True(t, whole, "the header in two packets: %q", packet)
		require.NotContains(t, header, "Idempotency", "it is for net/http, not for the wire")
		require.Contains(t, header, "\r\nAccept-Encoding: identity\r\n")
		if strings.HasPrefix(packet, "DELETE ") {
			require.Empty(t, body)
			continue
		}
		require.Contains(t, header, fmt.Sprintf("\r\nContent-Length: %d\r\n", len(body)), "the body in a packet of its own: %q", packet)
		n++
	}
	require.Equal(t, 3+5+1, n)
}

// answerPackets takes each read for a request, and answers it.
func answerPackets(conn net.Conn, reads chan<- string) {
	buf := make([]byte, 64<<10)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		reads <- string(buf[:n])
		var m wireMessage
		_, body, _ := bytes.Cut(buf[:n], []byte("\r\n\r\n"))
		_ = json.Unmarshal(body, &m)
		result := okResult
		switch {
		case m.Method == "initialize":
			result = rawInitialize
		case m.ID == nil:
			_, _ = io.WriteString(conn, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
			continue
		}
		answer := `{"jsonrpc":"2.0","id":` + string(m.ID) + `,"result":` + result + `}`
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nMcp-Session-Id: raw\r\nContent-Length: %d\r\n\r\n%s", len(answer), answer)
	}
}

// TestTransportIdleConnections: after a pause the server may be closing them at this very moment, so a call that must
// not be sent twice gets a new one. One that may be sent twice takes its chance.
func TestTransportIdleConnections(t *testing.T) {
	server := newImpostor(t)
	session := server.ownTransport(t, new(mcpclient.Client))
	call := func() {
		_, err := session.CallTool(t.Context(), "echo", nil)
		require.NoError(t, err)
	}
	call()
	require.EqualValues(t, 1, server.conns.Load())
	mcpclient.AgeConnections(session, 3900*time.Millisecond)
	call()
	require.EqualValues(t, 1, server.conns.Load(), "a short pause")
	mcpclient.AgeConnections(session, 4*time.Second)
	require.NoError(t, session.Ping(t.Context()))
	require.EqualValues(t, 1, server.conns.Load(), "ping is repeatable")
	mcpclient.AgeConnections(session, 4*time.Second)
	call()
	require.EqualValues(t, 2, server.conns.Load())
	call()
	require.EqualValues(t, 2, server.conns.Load())
}

// TestTransportRepeatable: net/http sends what may be executed twice again when its idle connection turns out to be
// dead, and nothing else.
func TestTransportRepeatable(t *testing.T) {
	server := newImpostor(t)
	session := server.ownTransport(t, new(mcpclient.Client))
	for _, c := range []struct {
		method string
		call   func(context.Context) error
		again  bool
	}{
		{"ping", func(ctx context.Context) error { return session.Ping(ctx) }, true},
		{"tools/list", func(ctx context.Context) error { _, err := mcpclient.Collect(session.Tools(ctx)); return err }, true},
		{"tools/call", func(ctx context.Context) error { _, err := session.CallTool(ctx, "echo", nil); return err }, false},
		{"x/custom", func(ctx context.Context) error { return session.Request(ctx, "x/custom", nil, nil) }, false},
	} {
		t.Run(c.method, func(t *testing.T) {
			server.answers(nil)
			require.NoError(t, session.Ping(t.Context()), "so that there is an idle connection")
			var n atomic.Int64
			server.answers(func(w http.ResponseWriter, _ *http.Request, m *wireMessage) bool {
				if m.Method != c.method {
					return false
				}
				if n.Add(1) == 1 {
					panic(http.ErrAbortHandler)
				}
				writeJSON(w, answerTo(m))
				return true
			})
			err := c.call(t.Context())
			if c.again {
				require.NoError(t, err)
				require.EqualValues(t, 2, n.Load())
				return
			}
			requireUnknown(t, err)
			require.EqualValues(t, 1, n.Load())
		})
	}
	for _, m := range server.arrived(func(*wireMessage) bool { return true }) {
		require.NotContains(t, m.Header, "X-Idempotency-Key")
	}
}

func gzipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

// TestTransportEncodings: identity is asked for. A gzip that comes all the same is decoded, nothing else is.
func TestTransportEncodings(t *testing.T) {
	server := newImpostor(t)
	session := server.ownTransport(t, &mcpclient.Client{MaxMessageSize: 10_000})
	reply := func(encoding, contentType string, status int, body func(*wireMessage) string) {
		server.answersCalls(func(w http.ResponseWriter, _ *http.Request, m *wireMessage) {
			w.Header().Set("Content-Encoding", encoding)
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body(m))
		})
	}
	call := func() (*mcpclient.ToolResult, error) { return session.CallTool(t.Context(), "echo", nil) }
	taken := func() {
		result, err := call()
		require.NoError(t, err)
		require.Equal(t, "ok", result.Text())
	}
	reply("gzip", "application/json", 200, func(m *wireMessage) string { return gzipped(answerTo(m)) })
	taken()
	reply("X-GZIP", "text/event-stream", 200, func(m *wireMessage) string { return gzipped(event(stranger)) + gzipped(event(answerTo(m))) })
	taken()
	reply("identity", "application/json", 200, answerTo)
	taken()
	require.Equal(t, "identity", server.arrived(methodIs("tools/call"))[0].Header.Get("Accept-Encoding"))

	reply("gzip", "application/json", 200, func(*wireMessage) string { return gzipped(strings.Repeat(" ", 1<<20)) })
	_, err := call()
	var limit *mcpclient.LimitError
	require.ErrorAs(t, err, &limit, "counted after decompression")
	require.EqualValues(t, 10_000, limit.Limit)

	reply("gzip", "application/json", 200, answerTo)
	_, err = call()
	var network *mcpclient.NetworkError
	require.ErrorAs(t, err, &network, "not gzip at all")
	requireUnknown(t, err)

	reply("br", "application/json", 200, answerTo)
	_, err = call()
	require.ErrorIs(t, err, mcpclient.ErrProtocol)
	require.ErrorContains(t, err, `"br"`)
	requireUnknown(t, err)

	reply("gzip", "text/plain", 500, func(*wireMessage) string { return gzipped("out of order") })
	_, err = call()
	require.ErrorContains(t, err, "out of order")

	server.answers(once(func(w http.ResponseWriter, _ *http.Request, m *wireMessage) bool {
		if m.Method != "tools/call" {
			return false
		}
		w.Header().Set("Content-Encoding", "gzip")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, gzipped(`{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Bad Request: No valid session ID provided"}}`))
		return true
	}))
	_, err = call()
	require.NoError(t, err, "a lost session is recognised in it, too")
	require.EqualValues(t, 1, session.Stats().Losses)
}

// once uses an answer for the first message that it is for.
func once(answer impostorAnswer) impostorAnswer {
	var done atomic.Bool
	return func(w http.ResponseWriter, r *http.Request, m *wireMessage) bool {
		if done.Load() || !answer(w, r, m) {
			return false
		}
		done.Store(true)
		return true
	}
}

// TestTransportMaxMessageSize: one knob, for a JSON body and for an event alike.
func TestTransportMaxMessageSize(t *testing.T) {
	server := newImpostor(t)
	const limit = 2000
	session := server.ownTransport(t, &mcpclient.Client{MaxMessageSize: limit})
	// padded is an answer of n bytes.
	padded := func(m *wireMessage, n int) string {
		head, tail := `{"jsonrpc":"2.0","id":`+string(m.ID)+`,"result":{"content":[{"type":"text","text":"ok`, `"}]}}`
		return head + strings.Repeat("x", n-len(head)-len(tail)) + tail
	}
	for _, c := range []struct {
		name  string
		write func(w http.ResponseWriter, m *wireMessage)
		over  bool
	}{
		{"JSON at the limit", func(w http.ResponseWriter, m *wireMessage) { writeJSON(w, padded(m, limit)) }, false},
		{"JSON over it", func(w http.ResponseWriter, m *wireMessage) { writeJSON(w, padded(m, limit+1)) }, true},
		{"chunked JSON over it", func(w http.ResponseWriter, m *wireMessage) {
			w.Header().Set("Content-Type", "application/json")
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, padded(m, limit+1))
		}, true},
		{"an event below it", func(w http.ResponseWriter, m *wireMessage) { startStream(w)(event(padded(m, limit-100))) }, false},
		{"an event over it", func(w http.ResponseWriter, m *wireMessage) { startStream(w)(event(padded(m, limit+1))) }, true},
		{"events that are over it together", func(w http.ResponseWriter, m *wireMessage) {
			send := startStream(w)
			for range 10 {
				send(event(stranger) + ": " + strings.Repeat("x", limit/2) + "\n")
			}
			send(event(padded(m, limit-100)))
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			server.answersCalls(func(w http.ResponseWriter, _ *http.Request, m *wireMessage) { c.write(w, m) })
			_, err := session.CallTool(t.Context(), "echo", nil)
			if !c.over {
				require.NoError(t, err)
				return
			}
			var over *mcpclient.LimitError
			require.ErrorAs(t, err, &over)
			require.EqualValues(t, limit, over.Limit)
			require.Contains(t, over.What, "Client.MaxMessageSize")
			require.ErrorIs(t, err, mcpclient.ErrProtocol)
			requireUnknown(t, err)
		})
	}
	require.NoError(t, session.Ping(t.Context()))
}

// TestTransportAnnouncedSize: what is announced to be too large is not waited for.
func TestTransportAnnouncedSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newImpostorInMemory(t)
		session := server.connect(t, new(mcpclient.Client))
		server.answersCalls(func(w http.ResponseWriter, r *http.Request, _ *wireMessage) {
			w.Header().Set("Content-Length", fmt.Sprint(int64(1)<<40))
			writeJSON(w, "{")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := session.CallTool(ctx, "echo", nil)
		var over *mcpclient.LimitError
		require.ErrorAs(t, err, &over)
		require.EqualValues(t, 32<<20, over.Limit, "the default")
	})
}

// TestTransportConcurrentCalls: the bound counts exchanges on the wire. What waits for something else holds no place,
// and what must not wait takes none.
func TestTransportConcurrentCalls(t *testing.T) {
	bound := func(n int) mcpclient.Client { return mcpclient.Client{Limits: mcpclient.Limits{ConcurrentCalls: n}} }
	t.Run("calls", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			server := mcptest.New(t, mcptest.InMemory())
			var running, most atomic.Int64
			server.AddTool(mcpclient.Tool{Name: "work"}, func(ctx context.Context, _ *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
				most.Store(max(most.Load(), running.Add(1)))
				defer running.Add(-1)
				return nil, after(ctx, time.Second)
			})
			client := bound(3)
			session := sessionOf(t, server, &client)
			start := time.Now()
			var group errgroup.Group
			for range 10 {
				group.Go(func() error { _, err := session.CallTool(t.Context(), "work", nil); return err })
			}
			require.NoError(t, group.Wait())
			require.EqualValues(t, 3, most.Load())
			require.Equal(t, 4*time.Second, time.Since(start), "ten in turns of three")
		})
	})
	t.Run("handshakes, and calls that wait for them", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			server := mcptest.New(t, mcptest.InMemory())
			client := bound(1)
			client.Restore = func(ctx context.Context, s *mcpclient.Session) error { return s.Ping(ctx) }
			session := sessionOf(t, server, &client)
			server.ForgetSessions()
			server.Next(mcptest.Slow(time.Minute).On("initialize"))
			var group errgroup.Group
			for range 10 {
				group.Go(func() error { return session.Ping(t.Context()) })
			}
			require.NoError(t, group.Wait())
		})
	})
	t.Run("what Restore calls", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			server := mcptest.New(t, mcptest.InMemory())
			addSlowTool(server, 1, time.Minute)
			client := bound(1)
			client.Restore = func(ctx context.Context, s *mcpclient.Session) error { return s.Ping(ctx) }
			session := sessionOf(t, server, &client)
			done := make(chan struct{})
			go func() {
				defer close(done)
				_, _ = session.CallTool(t.Context(), "slow", nil) // the end of its session may end it
			}()
			synctest.Wait()
			start := time.Now()
			require.NoError(t, session.Reinitialize(t.Context()))
			require.Zero(t, time.Since(start))
			<-done
		})
	})
	t.Run("answers to the server, and cancellations", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			server := mcptest.New(t, mcptest.InMemory())
			client := bound(1)
			session := sessionOf(t, server, &client)
			server.Next(mcptest.Combine(mcptest.ServerRequest("ping", nil), mcptest.Hang()).On("tools/call"))
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := session.CallTool(ctx, "echo", nil)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			server.Next(mcptest.ServerRequest("ping", nil).On("tools/call"))
			_, err = session.CallTool(t.Context(), "echo", nil)
			require.NoError(t, err)
			synctest.Wait()
			require.Len(t, server.Cancelled(), 1)
			require.Len(t, server.Answers(), 1)
		})
	})
	t.Run("calls whose callback panics", func(t *testing.T) {
		server := mcptest.New(t)
		client := bound(1)
		session := sessionOf(t, server, &client)
		server.AddTool(mcpclient.Tool{Name: "talk"}, func(_ context.Context, req *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
			req.Progress(1, 2, "half")
			return nil, nil
		})
		require.PanicsWithValue(t, "not prepared for this", func() {
			_, _ = session.CallTool(t.Context(), "talk", nil, mcpclient.WithProgress(func(mcpclient.Progress) { panic("not prepared for this") }))
		})
		require.NoError(t, session.Ping(t.Context()), "the place has come back")
	})
}

// rawInitialize is the result of a handshake with a server that offers nothing.
const rawInitialize = `{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"raw","version":"1"}}`
