package mcpclient_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/internal/faultnet"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// The evidence table: which failure proves what, and what follows from it. Every row is tried over HTTP/1.1 and HTTP/2, for
// a method that may be executed twice by definition (ping), a call that may not (tools/call), and such a call whose caller
// says that it may.

// repeats is what Client.Retry does about a failure.
type repeats int

const (
	never           repeats = iota
	whereHarmless           // if the call may be executed twice
	always                  // it was not executed
	noneIsNecessary         // the call succeeds all the same
)

// evidenceRow is one row.
type evidenceRow struct {
	row      string // number of the row in the table of reliability, and what happens
	over     string // the only protocol that has it; "": both
	arm      func(t *testing.T, p *place)
	ctx      func(t *testing.T, p *place) context.Context // nil: the test's own
	client   func(*mcpclient.Client)                      // nil: nothing to set
	options  []mcptest.Option
	big      bool // the call is too large for the buffers on its way
	delivery mcpclient.Delivery
	cause    func(error) bool
	executed bool // by the attempt that met the fault
	repeats  repeats
}

// evidenceTable has the rows that do not depend on the frames of HTTP/2; those are in evidenceOfHTTP2.
func evidenceTable() []evidenceRow {
	return slices.Concat(beforeTheRequest(), onTheWire(), lostSessions(), refusedByStatus(), failedByStatus(), answeredRows(), uselessReplies())
}

// Rows 1 and 2.
func beforeTheRequest() []evidenceRow {
	noRoute := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.EHOSTUNREACH}
	dialFails := func(err error) func(*testing.T, *place) {
		return func(t *testing.T, p *place) {
			t.Helper()
			p.once(dialing(t, func(context.Context, string, string) (net.Conn, error) { return nil, err }))
		}
	}
	notSent := mcpclient.DeliveryNotSent
	return []evidenceRow{
		{row: "1: nobody listens", arm: dialFails(&net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}),
			delivery: notSent, cause: isA[*mcpclient.NetworkError], repeats: always},
		{row: "1: no such host", arm: dialFails(&net.DNSError{Err: "no such host", Name: "nobody.invalid", IsNotFound: true}),
			delivery: notSent, cause: isA[*net.DNSError], repeats: always},
		{row: "1: cut during the TLS handshake", over: "HTTP/2", arm: struckAnew(faultnet.Plan{Down: faultnet.Flow{After: 100, End: faultnet.Reset}}),
			delivery: notSent, cause: isError(syscall.ECONNRESET), repeats: always},
		{row: "1: ended during the TLS handshake", over: "HTTP/2", arm: struckAnew(faultnet.Plan{Down: faultnet.Flow{End: faultnet.Close}}),
			delivery: notSent, cause: isA[*mcpclient.NetworkError], repeats: always},
		{row: "1: a certificate of someone else", over: "HTTP/2", arm: func(t *testing.T, p *place) {
			t.Helper()
			p.once(dialing(t, nil)) // which trusts the system's roots
		}, delivery: notSent, cause: isA[x509.UnknownAuthorityError], repeats: never},
		{row: "1: a proxy that refuses", over: "HTTP/2", arm: func(t *testing.T, p *place) {
			t.Helper()
			proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
			t.Cleanup(proxy.Close)
			through := dialing(t, nil)
			through.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse(proxy.URL) }
			p.once(through)
		}, delivery: notSent, cause: isA[*mcpclient.NetworkError], repeats: always},
		{row: "1: the context ends while dialling", ctx: func(t *testing.T, p *place) context.Context {
			t.Helper()
			ctx, cancel := context.WithCancel(t.Context())
			p.once(dialing(t, func(ctx context.Context, _, _ string) (net.Conn, error) {
				cancel()
				<-ctx.Done()
				return nil, ctx.Err()
			}))
			return ctx
		}, delivery: notSent, cause: isError(context.Canceled), repeats: never},

		{row: "2: a foreign transport fails", arm: foreign(io.ErrUnexpectedEOF),
			delivery: mcpclient.DeliveryUnknown, cause: isError(io.ErrUnexpectedEOF), repeats: whereHarmless},
		{row: "2: a foreign transport cannot dial", arm: foreign(noRoute),
			delivery: notSent, cause: isError(syscall.EHOSTUNREACH), repeats: always},
		{row: "2: a foreign transport does not trust", arm: foreign(x509.UnknownAuthorityError{}),
			delivery: notSent, cause: isA[x509.UnknownAuthorityError], repeats: never},
	}
}

// Rows 5 to 7. To cut what the server sends is to cut after it has executed.
func onTheWire() []evidenceRow {
	unknown, network := mcpclient.DeliveryUnknown, isA[*mcpclient.NetworkError]
	after := func(n int64, end faultnet.End) faultnet.Flow { return faultnet.Flow{After: n, End: end} }
	return []evidenceRow{
		{row: "5: ended before it was read", arm: struck(faultnet.Plan{Up: after(40, faultnet.Close)}),
			delivery: unknown, cause: network, repeats: whereHarmless},
		{row: "5: reset before it was read", arm: struck(faultnet.Plan{Up: after(40, faultnet.Reset)}),
			delivery: unknown, cause: isError(syscall.ECONNRESET), repeats: whereHarmless},
		{row: "5: ended instead of the answer", arm: struck(faultnet.Plan{Down: after(0, faultnet.Close)}),
			delivery: unknown, cause: network, executed: true, repeats: whereHarmless},
		{row: "5: reset instead of the answer", arm: struck(faultnet.Plan{Down: after(0, faultnet.Reset)}),
			delivery: unknown, cause: isError(syscall.ECONNRESET), executed: true, repeats: whereHarmless},
		{row: "5: half-closed instead of the answer", arm: struck(faultnet.Plan{Down: after(0, faultnet.HalfClose)}),
			delivery: unknown, cause: network, executed: true, repeats: whereHarmless},
		{row: "5: cut within the header of the answer", arm: struck(faultnet.Plan{Down: after(15, faultnet.Close)}),
			delivery: unknown, cause: network, executed: true, repeats: whereHarmless},
		{row: "5: the server drops the request", arm: met(mcptest.DropBefore()), delivery: unknown, cause: network, repeats: whereHarmless},
		{row: "5: the server drops the answer", arm: met(mcptest.DropAfter()), delivery: unknown, cause: network, executed: true, repeats: whereHarmless},
		{row: "6: a large request, cut in the middle", arm: struck(faultnet.Plan{Up: after(64<<10, faultnet.Reset)}), big: true,
			delivery: unknown, cause: network, repeats: whereHarmless},
		{row: "7: cancelled after it was sent", ctx: func(t *testing.T, p *place) context.Context {
			t.Helper()
			ctx, cancel := context.WithCancel(t.Context())
			p.Next(mcptest.Respond(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				cancel()
				<-r.Context().Done()
			})).On("ping", "tools/call"))
			return ctx
		}, delivery: unknown, cause: isError(context.Canceled), repeats: never},
		{row: "7: nothing arrives before the deadline", over: "HTTP/1.1", arm: struck(faultnet.Plan{Down: after(0, faultnet.BlackHole)}),
			ctx: soon, delivery: unknown, cause: isError(context.DeadlineExceeded), executed: true, repeats: never},
		{row: "7: no answer before the deadline", arm: met(mcptest.Hang()),
			ctx: soon, delivery: unknown, cause: isError(context.DeadlineExceeded), repeats: never},
	}
}

// soon is a context that ends while the call waits for its answer.
func soon(t *testing.T, _ *place) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

// Rows 8 to 10. The bare evidence is what ReinitializeOnly leaves to the caller.
func lostSessions() []evidenceRow {
	lost := func(row string, fault mcptest.Fault) evidenceRow {
		return evidenceRow{row: row, arm: met(fault), client: func(c *mcpclient.Client) { c.Reinitialize = mcpclient.ReinitializeOnly },
			delivery: mcpclient.DeliveryRefused, cause: isA[*mcpclient.SessionError], repeats: never}
	}
	return []evidenceRow{
		lost("8: 404, plain", mcptest.Refuse(mcptest.MCPGo)),
		lost("8: 404, -32001", mcptest.Refuse(mcptest.TypeScript)),
		lost("9: 400, no valid session", mcptest.Refuse(mcptest.TypeScriptEverything)),
		lost("10: 410", mcptest.Status(http.StatusGone, nil, "")),
	}
}

// Rows 11 to 13.
func refusedByStatus() []evidenceRow {
	refused := func(row, status int, repeats repeats, header http.Header) evidenceRow {
		return evidenceRow{row: fmt.Sprintf("%d: %d", row, status), arm: met(mcptest.Status(status, header, "no")),
			delivery: mcpclient.DeliveryRefused, cause: isStatus(status), repeats: repeats}
	}
	rows := []evidenceRow{refused(11, 401, never, nil), refused(11, 403, never, nil)}
	for _, status := range []int{400, 405, 406, 408, 411, 413, 414, 415, 417, 421, 425, 426, 431} {
		rows = append(rows, refused(12, status, never, nil))
	}
	return append(rows, refused(13, 429, always, nil), refused(13, 429, always, http.Header{"Retry-After": {"0"}}),
		refused(13, 429, never, http.Header{"Retry-After": {"61"}}))
}

// Rows 14 and 15.
func failedByStatus() []evidenceRow {
	soon, later := http.Header{"Retry-After": {"0"}}, http.Header{"Retry-After": {"3600"}}
	unavailable := func(row string, header http.Header, delivery mcpclient.Delivery, repeats repeats) evidenceRow {
		return evidenceRow{row: row, arm: met(mcptest.Status(503, header, "restarting")), delivery: delivery, cause: isStatus(503), repeats: repeats}
	}
	strict := unavailable("14: 503, strict", soon, mcpclient.DeliveryUnknown, whereHarmless)
	strict.client = func(c *mcpclient.Client) { c.Retry.Strict = true }
	rows := []evidenceRow{
		unavailable("14: 503 with Retry-After", soon, mcpclient.DeliveryRefused, always),
		unavailable("14: 503 with a Retry-After of an hour", later, mcpclient.DeliveryRefused, never),
		strict,
		unavailable("15: 503 without Retry-After", nil, mcpclient.DeliveryUnknown, whereHarmless),
	}
	for _, status := range []int{500, 502, 504, 520, 521, 522, 523, 524, 525, 526, 527, 530} {
		rows = append(rows, evidenceRow{row: fmt.Sprintf("15: %d", status), arm: met(mcptest.Status(status, soon, "oh")),
			delivery: mcpclient.DeliveryUnknown, cause: isStatus(status), repeats: whereHarmless})
	}
	return rows
}

// Row 16.
func answeredRows() []evidenceRow {
	var rows []evidenceRow
	for _, code := range []int64{-32700, -32600, -32601, -32602, -32603, -32000, 1} {
		for _, status := range []int{200, 400, 500} {
			rows = append(rows, evidenceRow{row: fmt.Sprintf("16: %d, error %d", status, code),
				arm:      met(mcptest.ErrorAnswer(status, &mcpclient.RPCError{Code: code, Message: "not like this"})),
				delivery: mcpclient.DeliveryAnswered, cause: isA[*mcpclient.RPCError], repeats: never})
		}
	}
	return rows
}

// Rows 17 to 19.
func uselessReplies() []evidenceRow {
	resumable := []mcptest.Option{mcptest.Resumable()}
	useless := func(row string, cause func(error) bool, repeats repeats, fault mcptest.Fault) evidenceRow {
		return evidenceRow{row: row, arm: met(fault), delivery: mcpclient.DeliveryUnknown, cause: cause, executed: true, repeats: repeats,
			client: func(c *mcpclient.Client) { c.MaxMessageSize = 1 << 20 }}
	}
	notExecuted := func(e evidenceRow) evidenceRow {
		e.executed = false
		return e
	}
	network, protocol := isA[*mcpclient.NetworkError], isA[*mcpclient.ProtocolError]
	return []evidenceRow{
		useless("17: a body cut", network, whereHarmless, mcptest.Truncated(20)),
		useless("17: a stream cut", network, whereHarmless, mcptest.CutStream(0)),
		useless("17: a stream cut in an event", network, whereHarmless, mcptest.Combine(mcptest.SplitStream(), mcptest.Truncated(20))),
		useless("17: a stream that ends too early", protocol, whereHarmless, mcptest.NoAnswer()),
		{row: "17: a stream with an event id, cut", arm: met(mcptest.CutStream(1)), options: resumable, executed: true, repeats: noneIsNecessary},
		{row: "17: a stream with an event id, ended", arm: met(mcptest.BreakStream(1)), options: resumable, executed: true, repeats: noneIsNecessary},
		{row: "18: the way back is refused", options: resumable, arm: func(t *testing.T, p *place) {
			t.Helper()
			met(mcptest.CutStream(1))(t, p)
			p.Next(mcptest.Status(http.StatusNotFound, nil, "no such stream").OnHTTP(http.MethodGet))
		}, delivery: mcpclient.DeliveryUnknown, cause: isStatus(404), executed: true, repeats: whereHarmless},
		{row: "18: the session is lost meanwhile", options: resumable, arm: func(t *testing.T, p *place) {
			t.Helper()
			met(mcptest.CutStream(1))(t, p)
			p.Next(mcptest.Respond(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				p.ForgetSessions()
				w.WriteHeader(http.StatusNotFound)
			})).OnHTTP(http.MethodGet))
		}, delivery: mcpclient.DeliveryUnknown, cause: isStatus(404), executed: true, repeats: whereHarmless},
		useless("19: a foreign id", protocol, whereHarmless, mcptest.WrongID()),
		useless("19: a wrong content type", protocol, whereHarmless, mcptest.WrongContentType("text/plain")),
		useless("19: malformed", protocol, whereHarmless, mcptest.Malformed()),
		useless("19: another encoding", protocol, whereHarmless, mcptest.SetHeader("Content-Encoding", "zstd")),
		notExecuted(useless("19: a web page", protocol, whereHarmless, mcptest.HTML())),
		notExecuted(useless("19: empty", protocol, whereHarmless, mcptest.EmptyOK())),
		notExecuted(useless("19: 202", protocol, whereHarmless, mcptest.Accepted())),
		notExecuted(useless("19: over the limit", isA[*mcpclient.LimitError], never, mcptest.EndlessBody())),
	}
}

// A kind of call, as far as the evidence cares.
type kindOfCall struct {
	name     string
	harmless bool // may be executed twice
	tool     bool // the ledger counts its executions
	make     func(ctx context.Context, session *mcpclient.Session, text string) error
}

func kindsOfCall() []kindOfCall {
	callTool := func(ctx context.Context, session *mcpclient.Session, text string, options ...mcpclient.CallOption) error {
		_, err := session.CallTool(ctx, "echo", map[string]string{"text": text}, options...)
		return err
	}
	return []kindOfCall{
		{name: "ping", harmless: true, make: func(ctx context.Context, session *mcpclient.Session, text string) error {
			return session.Request(ctx, "ping", map[string]string{"text": text}, nil)
		}},
		{name: "tools-call", tool: true, make: func(ctx context.Context, session *mcpclient.Session, text string) error {
			return callTool(ctx, session, text)
		}},
		{name: "tools-call, idempotent", harmless: true, tool: true, make: func(ctx context.Context, session *mcpclient.Session, text string) error {
			return callTool(ctx, session, text, mcpclient.WithIdempotent())
		}},
	}
}

func bothProtocols() []string { return []string{"HTTP/1.1", "HTTP/2"} }

// eachCase runs check for each row, protocol and kind of call, each in a place of its own.
func eachCase(t *testing.T, protocols []string, table []evidenceRow, open func(*testing.T, string, evidenceRow) *place, check func(t *testing.T, p *place, e evidenceRow, call kindOfCall)) {
	t.Helper()
	for _, protocol := range protocols {
		for _, e := range table {
			if e.over != "" && e.over != protocol {
				continue
			}
			for _, call := range kindsOfCall() {
				t.Run(protocol+"/"+e.row+"/"+call.name, func(t *testing.T) {
					t.Parallel()
					check(t, open(t, protocol, e), e, call)
				})
			}
		}
	}
}

// fault makes a call that meets the fault of e.
func (e *evidenceRow) fault(t *testing.T, p *place, session *mcpclient.Session, call kindOfCall) error {
	t.Helper()
	text := "question"
	if e.big {
		text = strings.Repeat("x", 1<<20)
	}
	if e.arm != nil {
		e.arm(t, p)
	}
	ctx := t.Context()
	if e.ctx != nil {
		ctx = e.ctx(t, p)
	}
	return call.make(ctx, session, text)
}

// requireFailure: err says of the call what e says that it proves.
func (e *evidenceRow) requireFailure(t *testing.T, err error) {
	t.Helper()
	failed := asCallError(t, err)
	require.Equal(t, e.delivery.String(), failed.Delivery.String(), "%v", err)
	require.True(t, e.cause(err), "another cause: %v", err)
	require.Equal(t, 1, failed.Attempts)
	require.Equal(t, e.delivery == mcpclient.DeliveryNotSent || e.delivery == mcpclient.DeliveryRefused, mcpclient.SafeToRetry(err))
}

// What a failure proves, with nothing repeated.
func TestEvidence(t *testing.T) {
	t.Parallel()
	eachCase(t, bothProtocols(), evidenceTable(), newPlace, requireEvidence)
}

func requireEvidence(t *testing.T, p *place, e evidenceRow, call kindOfCall) {
	t.Helper()
	session := p.connect(t, e.client, mcpclient.RetryPolicy{Attempts: 1})
	err := e.fault(t, p, session, call)
	if e.repeats == noneIsNecessary {
		require.NoError(t, err)
	} else {
		e.requireFailure(t, err)
	}
	require.Empty(t, p.Unused())
	p.requireExecuted(t, call, e.executed)
	require.Zero(t, session.Stats().Retries)
	require.NoError(t, call.make(t.Context(), session, "another"), "one failure is one call's")
}

// What Client.Retry makes of it. No call is executed twice whose caller has not allowed it.
func TestRepeatsFollowTheEvidence(t *testing.T) {
	t.Parallel()
	eachCase(t, bothProtocols(), evidenceTable(), newPlace, requireRepeat)
}

func requireRepeat(t *testing.T, p *place, e evidenceRow, call kindOfCall) {
	t.Helper()
	session := p.connect(t, e.client, mcpclient.RetryPolicy{Base: time.Millisecond, Cap: time.Millisecond})
	err := e.fault(t, p, session, call)
	repeated := e.repeats == always || e.repeats == whereHarmless && call.harmless
	switch {
	case repeated:
		require.NoError(t, err)
		require.EqualValues(t, 1, session.Stats().Retries)
		p.requireExecuted(t, call, true, e.executed)
	case e.repeats == noneIsNecessary:
		require.NoError(t, err)
		require.Zero(t, session.Stats().Retries)
		p.requireExecuted(t, call, true)
	default:
		e.requireFailure(t, err)
		require.Zero(t, session.Stats().Retries)
		p.requireExecuted(t, call, e.executed)
	}
	require.Empty(t, p.Unused())
	if !call.harmless {
		require.LessOrEqual(t, p.Executed(), 1, "nothing twice")
	}
}

// Rows 8 to 10 as users have them: the call is sent again on a new session, which takes nothing from the budget.
func TestALostSessionIsNoRepeat(t *testing.T) {
	t.Parallel()
	lost := lostSessions()
	for i := range lost {
		lost[i].client = nil
	}
	eachCase(t, bothProtocols(), lost, newPlace, func(t *testing.T, p *place, e evidenceRow, call kindOfCall) {
		t.Helper()
		session := p.connect(t, nil, mcpclient.RetryPolicy{Attempts: 1})
		require.NoError(t, e.fault(t, p, session, call))
		require.Empty(t, p.Unused())
		p.requireExecuted(t, call, true)
		stats := session.Stats()
		require.Equal(t, []int64{1, 2, 0}, []int64{stats.Resends, stats.Initializes, stats.Retries})
	})
}

// On a connection that is used again, net/http itself repeats what may be repeated (row 5, and the idle edge).
func TestEvidenceOfAUsedConnection(t *testing.T) {
	for _, end := range []faultnet.End{faultnet.Close, faultnet.Reset} {
		for _, call := range kindsOfCall() {
			t.Run(end.String()+"/"+call.name, func(t *testing.T) {
				p := newPlace(t, "HTTP/1.1", evidenceRow{})
				session := p.connect(t, nil, mcpclient.RetryPolicy{Attempts: 1})
				opened := len(p.faults.Log())
				p.faults.Change(faultnet.Plan{Down: faultnet.Flow{End: end}})
				err := call.make(t.Context(), session, "question")
				if call.name == "ping" {
					require.NoError(t, err)
					require.Len(t, p.faults.Log(), opened+1)
					return
				}
				require.Equal(t, mcpclient.DeliveryUnknown, asCallError(t, err).Delivery)
				asCause[*mcpclient.NetworkError](t, err)
				require.Len(t, p.faults.Log(), opened)
				p.requireExecuted(t, call, true)
			})
		}
	}
}
