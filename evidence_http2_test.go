package mcpclient_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/internal/faultnet"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// streamFault is what happens to one stream of HTTP/2. execute lets the MCP server see the request, and drops its answer.
type streamFault func(s *faultnet.Stream, execute func())

// newFramed is a place that speaks HTTP/2 frame by frame: over TLS, or in cleartext to those who know beforehand.
func newFramed(t *testing.T, over string, _ evidenceRow) *place {
	t.Helper()
	p := &place{Server: mcptest.New(t, mcptest.InMemory(), mcptest.WithoutSessions()), http2: true}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p.url = "http://" + l.Addr().String() + "/mcp"
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	if over == "TLS" {
		serving, trusting, err := faultnet.TLSConfig("h2")
		require.NoError(t, err)
		l, p.url = tls.NewListener(l, serving), strings.Replace(p.url, "http:", "https:", 1)
		transport.TLSClientConfig = trusting
		transport.Protocols.SetHTTP2(true)
	}
	p.lead(t, transport)
	server, served := &faultnet.HTTP2Server{Handle: p.handle}, make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		require.ErrorIs(t, <-served, net.ErrClosed)
		server.Close()
	})
	return p
}

// handle passes a request on to the MCP server. Its header is not known, but there is only one that it can have.
func (p *place) handle(s *faultnet.Stream) {
	if len(s.Body) == 0 {
		s.Respond(http.StatusMethodNotAllowed, nil) // GET and DELETE
		return
	}
	request := httptest.NewRequest(http.MethodPost, "/mcp", bytes.NewReader(s.Body))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json, text/event-stream")
	answer := httptest.NewRecorder()
	if bytes.Contains(s.Body, []byte(`"method":"tools/call"`)) || bytes.Contains(s.Body, []byte(`"method":"ping"`)) {
		if fault := p.stream.Swap(nil); fault != nil {
			(*fault)(s, func() { p.ServeHTTP(answer, request) })
			return
		}
	}
	p.ServeHTTP(answer, request)
	s.Respond(answer.Code, answer.Body.Bytes(), "content-type", answer.Header().Get("Content-Type"))
}

// broken lets fault break the stream of the next call.
func broken(fault streamFault) func(*testing.T, *place) {
	return func(_ *testing.T, p *place) { p.stream.Store(&fault) }
}

// evidenceOfHTTP2 has the rows that only HTTP/2 has, and those that it tells in its own way. What net/http repeats itself, it
// repeats for calls that may be executed twice; which failures those are, depends on its version.
func evidenceOfHTTP2() []evidenceRow {
	unprocessed := func(row string, fault streamFault) evidenceRow {
		return evidenceRow{row: row, arm: broken(fault), delivery: mcpclient.DeliveryRefused, cause: isA[*mcpclient.NetworkError], repeats: always}
	}
	unclear := func(row string, fault streamFault) evidenceRow {
		return evidenceRow{row: row, arm: broken(func(s *faultnet.Stream, execute func()) {
			execute()
			fault(s, execute)
		}), delivery: mcpclient.DeliveryUnknown, cause: isA[*mcpclient.NetworkError], executed: true, repeats: whereHarmless}
	}
	goingAway := func(code faultnet.Code) streamFault {
		return func(s *faultnet.Stream, _ func()) { s.GoAway(s.ID-1, code) }
	}
	onAFirstStream := func(e evidenceRow) evidenceRow {
		arm := e.arm
		e.arm = func(t *testing.T, p *place) {
			t.Helper()
			p.anew(t)
			arm(t, p)
		}
		return e
	}
	begun := func(end func(*faultnet.Stream)) streamFault {
		return func(s *faultnet.Stream, _ func()) {
			s.Begin(http.StatusOK, []byte(`{"jsonrpc":`), "content-type", "application/json")
			end(s)
		}
	}
	return []evidenceRow{
		unprocessed("3: refused", func(s *faultnet.Stream, _ func()) { s.Reset(faultnet.RefusedStream) }),
		onAFirstStream(unprocessed("3: refused, the first", func(s *faultnet.Stream, _ func()) { s.Reset(faultnet.RefusedStream) })),
		unprocessed("3: going away, refused", func(s *faultnet.Stream, _ func()) { s.GoAway(s.ID, faultnet.NoError); s.Reset(faultnet.RefusedStream) }),
		unprocessed("3: going away", goingAway(faultnet.NoError)),
		unprocessed("3: going away, and gone", func(s *faultnet.Stream, _ func()) { s.GoAway(s.ID-1, faultnet.NoError); s.Hangup() }),
		unprocessed("3: going away in two steps", func(s *faultnet.Stream, _ func()) {
			s.GoAway(1<<31-1, faultnet.NoError)
			s.GoAway(s.ID-1, faultnet.NoError)
		}),
		onAFirstStream(unprocessed("3: going away, the first", goingAway(faultnet.NoError))),
		unprocessed("3: too much", goingAway(faultnet.EnhanceYourCalm)),
		onAFirstStream(unprocessed("3: too much, the first", goingAway(faultnet.EnhanceYourCalm))),
		unprocessed("3: failing", goingAway(faultnet.InternalError)),

		unclear("4: a protocol error", func(s *faultnet.Stream, _ func()) { s.Reset(faultnet.ProtocolError) }),
		onAFirstStream(unclear("4: a protocol error, the first", func(s *faultnet.Stream, _ func()) { s.Reset(faultnet.ProtocolError) })),

		unclear("5: an internal error", func(s *faultnet.Stream, _ func()) { s.Reset(faultnet.InternalError) }),
		unclear("5: cancelled", func(s *faultnet.Stream, _ func()) { s.Reset(faultnet.Cancel) }),
		unclear("5: no error", func(s *faultnet.Stream, _ func()) { s.Reset(faultnet.NoError) }),
		unclear("5: too much", func(s *faultnet.Stream, _ func()) { s.Reset(faultnet.EnhanceYourCalm) }),
		unclear("5: gone", func(s *faultnet.Stream, _ func()) { s.Hangup() }),
		unclear("5: going away later, and gone", func(s *faultnet.Stream, _ func()) { s.GoAway(s.ID, faultnet.NoError); s.Hangup() }),
		unclear("5: failing later, and gone", func(s *faultnet.Stream, _ func()) { s.GoAway(s.ID, faultnet.ProtocolError); s.Hangup() }),

		unclear("17: reset in the answer", begun(func(s *faultnet.Stream) { s.Reset(faultnet.InternalError) })),
		unclear("17: refused in the answer", begun(func(s *faultnet.Stream) { s.Reset(faultnet.RefusedStream) })),
		unclear("17: a protocol error in the answer", begun(func(s *faultnet.Stream) { s.Reset(faultnet.ProtocolError) })),
		unclear("17: going away in the answer", begun(func(s *faultnet.Stream) { s.GoAway(s.ID-1, faultnet.NoError) })),
		unclear("17: gone in the answer", begun(func(s *faultnet.Stream) { s.Hangup() })),
	}
}

// What the frames of HTTP/2 prove, of a call that net/http must send once at most.
func TestEvidenceOfHTTP2(t *testing.T) {
	t.Parallel()
	eachCase(t, []string{"TLS", "cleartext"}, evidenceOfHTTP2(), newFramed, func(t *testing.T, p *place, e evidenceRow, call kindOfCall) {
		t.Helper()
		session := p.connect(t, e.client, mcpclient.RetryPolicy{Attempts: 1})
		err := e.fault(t, p, session, call)
		switch {
		case !call.harmless:
			e.requireFailure(t, err)
			p.requireExecuted(t, call, e.executed)
		case err != nil && e.delivery == mcpclient.DeliveryUnknown:
			e.requireFailure(t, err)
		case err != nil: // of several sends that nobody has counted, the last alone proves nothing
			require.True(t, e.cause(err), "another cause: %v", err)
		}
		require.Nil(t, p.stream.Load(), "the fault was met")
		require.Zero(t, session.Stats().Retries)
		require.NoError(t, call.make(t.Context(), session, "another"), "one failure is one call's")
	})
}

func TestRepeatsFollowTheEvidenceOfHTTP2(t *testing.T) {
	t.Parallel()
	eachCase(t, []string{"TLS", "cleartext"}, evidenceOfHTTP2(), newFramed, func(t *testing.T, p *place, e evidenceRow, call kindOfCall) {
		t.Helper()
		session := p.connect(t, e.client, mcpclient.RetryPolicy{Base: 1, Cap: 1})
		err := e.fault(t, p, session, call)
		require.Nil(t, p.stream.Load(), "the fault was met")
		if e.repeats == always || call.harmless {
			require.NoError(t, err)
			require.LessOrEqual(t, session.Stats().Retries, int64(1))
			p.requireExecuted(t, call, true, e.executed)
			return
		}
		e.requireFailure(t, err)
		require.Zero(t, session.Stats().Retries)
		p.requireExecuted(t, call, e.executed)
	})
}

// A user's transport that speaks HTTP/2 without TLS must not send a call again either: until Go 1.27 net/http does so after a
// protocol error, if it can.
func TestACleartextTransportSendsACallOnce(t *testing.T) {
	p := newFramed(t, "cleartext", evidenceRow{})
	for name, transport := range map[string]http.RoundTripper{"of net/http": p.usual, "foreign": p.route} {
		t.Run(name, func(t *testing.T) {
			before := p.Executed()
			client := &mcpclient.Client{HTTPClient: &http.Client{Transport: transport}}
			session, err := client.Connect(t.Context(), p.url)
			require.NoError(t, err)
			defer func() { require.NoError(t, session.Close()) }()
			broken(func(s *faultnet.Stream, execute func()) {
				execute()
				s.Reset(faultnet.ProtocolError)
			})(t, p)
			_, err = session.CallTool(t.Context(), "echo", map[string]string{"text": "question"})
			require.Equal(t, mcpclient.DeliveryUnknown, asCallError(t, err).Delivery)
			require.Equal(t, before+1, p.Executed())
		})
	}
}

// A server that refuses every stream gets each call as often as Client.Retry allows; what net/http adds is one more
// for each attempt at a call that may be executed twice.
func TestAServerThatRefusesEveryStream(t *testing.T) {
	for call, most := range map[string]int{"ping": 2 * 3, "tools-call": 3, "tools-call, idempotent": 2 * 3} {
		t.Run(call, func(t *testing.T) {
			p := newFramed(t, "TLS", evidenceRow{})
			session := p.connect(t, nil, mcpclient.RetryPolicy{Base: 1, Cap: 1})
			sent := 0
			var refuse streamFault
			refuse = func(s *faultnet.Stream, _ func()) {
				sent++
				p.stream.Store(&refuse)
				s.Reset(faultnet.RefusedStream)
			}
			broken(refuse)(t, p)
			kind := kindsOfCall()[slices.IndexFunc(kindsOfCall(), func(k kindOfCall) bool { return k.name == call })]
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // net/http would go on for minutes
			defer cancel()
			failed := asCallError(t, kind.make(ctx, session, "question"))
			asCause[*mcpclient.NetworkError](t, failed)
			require.Equal(t, 3, failed.Attempts)
			if !kind.harmless {
				require.Equal(t, mcpclient.DeliveryRefused, failed.Delivery)
				require.Equal(t, most, sent)
			}
			require.LessOrEqual(t, sent, most)
			require.Zero(t, p.Executed())
		})
	}
}

// Once nobody knows, no later proof makes the call unsent.
func TestEvidenceDoesNotImprove(t *testing.T) {
	p := newFramed(t, "TLS", evidenceRow{})
	session := p.connect(t, nil, mcpclient.RetryPolicy{Attempts: 2, Base: 1, Cap: 1})
	broken(func(s *faultnet.Stream, execute func()) {
		broken(func(s *faultnet.Stream, _ func()) { s.Reset(faultnet.RefusedStream) })(t, p)
		execute()
		s.Reset(faultnet.InternalError)
	})(t, p)
	_, err := session.CallTool(t.Context(), "echo", map[string]string{"text": "question"}, mcpclient.WithIdempotent())
	require.ErrorContains(t, err, "REFUSED_STREAM")
	require.Equal(t, mcpclient.DeliveryUnknown, asCallError(t, err).Delivery)
	require.Equal(t, 1, p.Executed())
}

// A server that shuts down in good order answers what it has taken on.
func TestAGracefulShutdownFailsNoCall(t *testing.T) {
	p := newFramed(t, "TLS", evidenceRow{})
	session := p.connect(t, nil, mcpclient.RetryPolicy{Attempts: 1})
	for range 10 {
		broken(func(s *faultnet.Stream, _ func()) {
			s.GoAway(s.ID, faultnet.NoError)
			p.handle(s)
		})(t, p)
		_, err := session.CallTool(t.Context(), "echo", map[string]string{"text": "question"})
		require.NoError(t, err)
	}
	require.Equal(t, 10, p.Executed())
}
