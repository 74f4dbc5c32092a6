package mcpclient_test

import (
	"bufio"
	"bytes"
	"context"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
)

// A memoryServer stands for a network and for a server behind it that is in good order. It is an http.RoundTripper: fuzzing opens
// thousands of sessions a second, in synctest bubbles, where waits cost nothing and a goroutine that is left behind fails the run.
type memoryServer struct {
	stateless bool           // it speaks the version without sessions
	instead   memoryAnswerer // what the target has it answer; nil: nothing of its own

	mu     sync.Mutex
	opened int    // sessions
	id     string // of the last one, the only one that it knows
}

// memoryAnswerer answers m, or returns nil to have it answered as a healthy server does.
type memoryAnswerer func(ctx context.Context, m *wireMessage) *memoryReply

// memoryReply is an answer over HTTP.
type memoryReply struct {
	status int
	header http.Header
	body   []byte
	length int64 // as announced; 0: not
	ending error // what the body ends with; nil: its end, errStall: not at all
	failed error // what there is in place of an answer
}

// errStall keeps a body open until the client gives up.
var errStall = errors.New("nothing more comes")

// answered is a reply of status 200.
func answered(contentType string, body []byte) *memoryReply {
	return &memoryReply{status: http.StatusOK, header: http.Header{"Content-Type": {contentType}}, body: body}
}

// overHTTP is the reply that net/http reads from a connection.
func overHTTP(raw []byte, method string) *memoryReply {
	lines := bufio.NewReader(bytes.NewReader(raw))
	response, err := http.ReadResponse(lines, &http.Request{Method: method})
	for err == nil && response.StatusCode >= 100 && response.StatusCode < 200 && response.StatusCode != http.StatusSwitchingProtocols {
		response, err = http.ReadResponse(lines, &http.Request{Method: method})
	}
	if err != nil {
		return &memoryReply{failed: fmt.Errorf("net/http: HTTP/1.x transport connection broken: %w", err)}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return &memoryReply{status: response.StatusCode, header: response.Header, body: body, length: response.ContentLength, ending: err}
}

// RoundTrip implements http.RoundTripper.
func (s *memoryServer) RoundTrip(r *http.Request) (*http.Response, error) {
	m := &wireMessage{}
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		_ = r.Body.Close()
		_ = stdjson.Unmarshal(body, m)
		m.Body = body
	}
	m.HTTPMethod, m.Header = r.Method, r.Header.Clone()
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if trace := httptrace.ContextClientTrace(r.Context()); trace != nil { // a request that comes here is on its way
		trace.GetConn(r.URL.Host)
		trace.WroteHeaders()
	}
	reply := s.answer(r.Context(), m)
	if reply.failed != nil {
		return nil, reply.failed
	}
	return reply.response(r), nil
}

func (s *memoryServer) answer(ctx context.Context, m *wireMessage) *memoryReply {
	if s.instead != nil {
		if reply := s.instead(ctx, m); reply != nil {
			return reply
		}
	}
	return s.healthy(m)
}

func (m *memoryReply) response(r *http.Request) *http.Response {
	header := m.header
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", m.status, http.StatusText(m.status)), StatusCode: m.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header, Request: r,
		ContentLength: m.announced(), Body: &memoryBody{ctx: r.Context(), rest: m.body, ending: m.ending},
	}
}

func (m *memoryReply) announced() int64 {
	if m.length == 0 {
		return -1
	}
	return m.length
}

// memoryBody reads as the body of a response does.
type memoryBody struct {
	ctx    context.Context
	rest   []byte
	ending error
}

func (b *memoryBody) Read(p []byte) (int, error) {
	switch {
	case b.ctx.Err() != nil:
		return 0, b.ctx.Err()
	case len(b.rest) > 0:
		n := copy(p, b.rest)
		b.rest = b.rest[n:]
		return n, nil
	case b.ending == errStall: //nolint:errorlint // no other error is that one
		<-b.ctx.Done()
		return 0, b.ctx.Err()
	case b.ending != nil:
		return 0, b.ending
	default:
		return 0, io.EOF
	}
}

func (b *memoryBody) Close() error { return nil }

// healthy answers by the rules of the protocol.
func (s *memoryServer) healthy(m *wireMessage) *memoryReply {
	s.mu.Lock()
	defer s.mu.Unlock()
	opening := m.Method == "initialize"
	switch {
	case opening && s.stateless:
		return &memoryReply{status: http.StatusNotFound, header: http.Header{"Content-Type": {asJSON}}, body: fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"Method not found"}}`, m.ID)}
	case !opening && !s.stateless && m.Header.Get("Mcp-Session-Id") != s.id:
		return &memoryReply{status: http.StatusNotFound, body: []byte("Session not found")}
	case m.HTTPMethod == http.MethodGet:
		return &memoryReply{status: http.StatusMethodNotAllowed}
	case m.HTTPMethod == http.MethodDelete:
		return &memoryReply{status: http.StatusNoContent}
	case m.ID == nil || m.Method == "":
		return &memoryReply{status: http.StatusAccepted}
	}
	reply := answered(asJSON, m.withResult(s.result(m.Method)))
	if opening {
		s.opened++
		s.id = fmt.Sprintf("memory-session-%d", s.opened)
		reply.header.Set("Mcp-Session-Id", s.id)
	}
	return reply
}

// withResult is the JSON-RPC answer to m.
func (m *wireMessage) withResult(result string) []byte {
	return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, result)
}

func (s *memoryServer) result(method string) string {
	complete := ""
	if s.stateless {
		complete = `"resultType":"complete",`
	}
	switch method {
	case "initialize":
		return `{"protocolVersion":"` + newestHandmade + `","capabilities":{"tools":{}},"serverInfo":{"name":"memory","version":"1"}}`
	case "server/discover":
		return `{` + complete + `"supportedVersions":["` + newestVersion + `"],"capabilities":{"tools":{}}}`
	case "tools/list":
		return `{` + complete + `"tools":[{"name":"echo","inputSchema":{"type":"object"}}]}`
	case "tools/call":
		return `{` + complete + `"content":[{"type":"text","text":"ok"}]}`
	default:
		return `{` + strings.TrimSuffix(complete, ",") + `}`
	}
}

// client is one that connects to s. Nothing is repeated: a repeat would meet the healthy answer.
func (s *memoryServer) client() *mcpclient.Client {
	version := newestHandmade
	if s.stateless {
		version = newestVersion
	}
	return &mcpclient.Client{
		Name: "fuzz", HTTPClient: &http.Client{Transport: s}, ProtocolVersion: version,
		Retry: mcpclient.RetryPolicy{Attempts: 1},
	}
}

// connect opens a session with s. The id of its first call is 2.
func (s *memoryServer) connect(t *testing.T) *mcpclient.Session {
	t.Helper()
	session, err := s.client().Connect(t.Context(), "http://memory.example/mcp")
	require.NoError(t, err)
	return session
}

// requireWorks makes a call that a healthy server answers, and ends the session.
func requireWorks(t *testing.T, session *mcpclient.Session) {
	t.Helper()
	result, err := session.CallTool(t.Context(), "echo", nil)
	require.NoError(t, err, "the next call")
	require.Equal(t, "ok", result.Text())
	require.NoError(t, session.Close())
}

// maxErrorText is how long the text of an error may get, whatever a server says: a few excerpts of 256 bytes, escaped.
const maxErrorText = 8 << 10

// requireTyped: the error of a call says all that an error has to say, and in one line.
func requireTyped(t *testing.T, err error) *mcpclient.CallError {
	t.Helper()
	call, ok := errors.AsType[*mcpclient.CallError](err)
	require.True(t, ok, "%T: %v", err, err)
	require.Error(t, call.Err)
	require.True(t, isTyped(call.Err), "%T: %v", call.Err, err)
	require.LessOrEqual(t, len(err.Error()), maxErrorText)
	require.False(t, strings.ContainsFunc(err.Error(), func(c rune) bool { return c < ' ' || c == 0x7f }), "%q", err.Error())
	return call
}

// isTyped tells whether a caller can branch on err, the cause of a CallError.
func isTyped(err error) bool {
	_, http := errors.AsType[*mcpclient.HTTPError](err)
	_, rpc := errors.AsType[*mcpclient.RPCError](err)
	_, session := errors.AsType[*mcpclient.SessionError](err)
	_, network := errors.AsType[*mcpclient.NetworkError](err)
	_, redirect := errors.AsType[*mcpclient.RedirectError](err)
	_, version := errors.AsType[*mcpclient.VersionError](err)
	_, decode := errors.AsType[*mcpclient.DecodeError](err)
	return http || rpc || session || network || redirect || version || decode ||
		errors.Is(err, mcpclient.ErrProtocol) || errors.Is(err, mcpclient.ErrUnsupported) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}
