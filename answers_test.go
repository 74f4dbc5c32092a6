package mcpclient_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// An impostor stands before an mcptest server: it answers what the test tells it to, byte for byte, and hands the
// rest on. What it does not hand on the server's ledger does not show.
type impostor struct {
	*mcptest.Server
	url    string
	client *http.Client

	pipes *pipeListener // nil: it listens on a port

	conns atomic.Int64 // connections accepted
	open  atomic.Int64 // of those, still open

	mu     sync.Mutex
	answer impostorAnswer
	seen   []wireMessage
	news   chan struct{} // closed and replaced when a message arrives, or a connection comes or goes
}

// impostorAnswer answers m, or returns false to hand it on.
type impostorAnswer func(w http.ResponseWriter, r *http.Request, m *wireMessage) bool

// wireMessage is an HTTP request, and the JSON-RPC message in it.
type wireMessage struct {
	HTTPMethod string          `json:"-"`
	Header     http.Header     `json:"-"`
	Body       []byte          `json:"-"`
	ID         json.RawMessage `json:"id"`
	Method     string          `json:"method"`
	Params     json.RawMessage `json:"params"`
	Result     json.RawMessage `json:"result"`
	Error      json.RawMessage `json:"error"`
}

// newImpostor listens on a port.
func newImpostor(t *testing.T) *impostor {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return serveImpostor(t, listener, &http.Transport{})
}

// newImpostorInMemory works in a synctest bubble. Its client must be used.
func newImpostorInMemory(t *testing.T) *impostor {
	t.Helper()
	listener := &pipeListener{dialed: make(chan net.Conn), closed: make(chan struct{})}
	s := serveImpostor(t, listener, &http.Transport{DialContext: listener.dial})
	s.pipes = listener
	return s
}

func serveImpostor(t *testing.T, listener net.Listener, transport *http.Transport) *impostor {
	t.Helper()
	s := &impostor{
		Server: mcptest.New(t, mcptest.InMemory()), // nobody dials it
		url:    "http://" + listener.Addr().String() + "/mcp",
		client: &http.Client{Transport: transport},
		news:   make(chan struct{}),
	}
	server := &http.Server{Handler: http.HandlerFunc(s.serve), ErrorLog: log.New(io.Discard, "", 0), ConnState: s.connChanged}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
		transport.CloseIdleConnections()
	})
	return s
}

func (s *impostor) connChanged(_ net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch state {
	case http.StateNew:
		s.conns.Add(1)
		s.open.Add(1)
	case http.StateClosed:
		s.open.Add(-1)
	default:
		return
	}
	s.tellLocked()
}

// tellLocked wakes whoever waits for news.
func (s *impostor) tellLocked() {
	close(s.news)
	s.news = make(chan struct{})
}

func (s *impostor) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	m := wireMessage{}
	_ = json.Unmarshal(body, &m) // GET and DELETE have none
	m.HTTPMethod, m.Header, m.Body = r.Method, r.Header.Clone(), body
	s.mu.Lock()
	s.seen = append(s.seen, m)
	s.tellLocked()
	answer := s.answer
	s.mu.Unlock()
	if answer == nil || !answer(w, r, &m) {
		s.ServeHTTP(w, r)
	}
}

// answers sets what is answered from now on.
func (s *impostor) answers(answer impostorAnswer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// answersCalls answers every request of a tool.
func (s *impostor) answersCalls(answer func(w http.ResponseWriter, r *http.Request, m *wireMessage)) {
	s.answers(func(w http.ResponseWriter, r *http.Request, m *wireMessage) bool {
		if m.Method != "tools/call" {
			return false
		}
		answer(w, r, m)
		return true
	})
}

// arrived returns the messages so far that match.
func (s *impostor) arrived(match func(*wireMessage) bool) (found []wireMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.seen {
		if match(&s.seen[i]) {
			found = append(found, s.seen[i])
		}
	}
	return found
}

// await waits until n messages match, and returns them; fewer if ctx ends before.
func (s *impostor) await(ctx context.Context, n int, match func(*wireMessage) bool) []wireMessage {
	for {
		s.mu.Lock()
		news := s.news
		s.mu.Unlock()
		found := s.arrived(match)
		if len(found) >= n {
			return found
		}
		select {
		case <-news:
		case <-ctx.Done():
			return found
		}
	}
}

// awaitClosed waits until no connection is open, or ctx ends.
func (s *impostor) awaitClosed(ctx context.Context) {
	for {
		s.mu.Lock()
		news := s.news
		s.mu.Unlock()
		if s.open.Load() == 0 {
			return
		}
		select {
		case <-news:
		case <-ctx.Done():
			return
		}
	}
}

// connect opens a session, which is closed with the test.
func (s *impostor) connect(t *testing.T, client *mcpclient.Client) *mcpclient.Session {
	t.Helper()
	client.HTTPClient = s.client
	session, err := client.Connect(t.Context(), s.url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, session.Close()) })
	return session
}

// sessionOf opens a session at an mcptest server; it is closed with the test.
func sessionOf(t *testing.T, server *mcptest.Server, client *mcpclient.Client) *mcpclient.Session {
	t.Helper()
	if client.HTTPClient == nil {
		client.HTTPClient = server.HTTPClient()
	}
	session, err := client.Connect(t.Context(), server.URL())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, session.Close()) })
	return session
}

func methodIs(method string) func(*wireMessage) bool {
	return func(m *wireMessage) bool { return m.Method == method }
}

// isReply matches what a client answers to a request of the server.
func isReply(m *wireMessage) bool { return m.Method == "" && (m.Result != nil || m.Error != nil) }

// pipeListener accepts connections that never leave the process.
type pipeListener struct {
	dialed chan net.Conn
	closed chan struct{}
	once   sync.Once
	deaf   atomic.Bool // whoever dials waits
}

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	if l.deaf.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	here, there := net.Pipe()
	select {
	case l.dialed <- there:
		return here, nil
	case <-l.closed:
		return nil, &net.OpError{Op: "dial", Net: "pipe", Err: net.ErrClosed}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.dialed:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "impostor.invalid" }

// okResult is the result that the tests below answer with.
const okResult = `{"content":[{"type":"text","text":"ok"}]}`

// answerTo is a good answer.
func answerTo(m *wireMessage) string {
	return `{"jsonrpc":"2.0","id":` + string(m.ID) + `,"result":` + okResult + `}`
}

// writeJSON writes a body as JSON.
func writeJSON(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, body)
}

// startStream begins an event stream; the returned function sends text on it.
func startStream(w http.ResponseWriter) (send func(string)) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush()
	return func(text string) {
		_, _ = io.WriteString(w, text)
		_ = http.NewResponseController(w).Flush()
	}
}

func event(data string) string { return "event: message\ndata: " + data + "\n\n" }

// stranger is an answer to a request of somebody else.
const stranger = `{"jsonrpc":"2.0","id":987654,"result":{"content":[{"type":"text","text":"not for you"}]}}`

// An answerCase is what one tool call is answered, and what the caller gets to see of it.
type answerCase struct {
	name        string
	contentType string // "-": no header at all
	status      int
	body        string // ID stands for the id of the request, OK for a good result
	want        answerOutcome
}

// answerOutcome is what the error is like; the zero value: there is none.
type answerOutcome struct {
	err      any // target of errors.As; nil: the answer is taken
	delivery mcpclient.Delivery
	text     string // in the error
}

func protocolError(text string) answerOutcome {
	return answerOutcome{new(*mcpclient.ProtocolError), mcpclient.DeliveryUnknown, text}
}

func rpcError(text string) answerOutcome {
	return answerOutcome{new(*mcpclient.RPCError), mcpclient.DeliveryAnswered, text}
}

func TestAnswersInJSON(t *testing.T) {
	taken := answerOutcome{}
	runAnswerCases(t, []answerCase{
		{name: "plain", body: `{"jsonrpc":"2.0","id":ID,"result":OK}`, want: taken},
		{name: "charset", contentType: "application/json; charset=utf-8", body: `{"jsonrpc":"2.0","id":ID,"result":OK}`, want: taken},
		{name: "type in capitals", contentType: "Application/JSON;Charset=UTF-8", body: `{"jsonrpc":"2.0","id":ID,"result":OK}`, want: taken},
		{name: "unfinished parameter", contentType: "application/json;", body: `{"jsonrpc":"2.0","id":ID,"result":OK}`, want: taken},
		{name: "malformed parameter", contentType: "application/json; =utf-8", body: `{"jsonrpc":"2.0","id":ID,"result":OK}`, want: taken},
		{name: "a kind of JSON", contentType: "application/vnd.mcp+json", body: `{"jsonrpc":"2.0","id":ID,"result":OK}`, want: taken},
		{name: "no content type", contentType: "-", body: `{"jsonrpc":"2.0","id":ID,"result":OK}`, want: taken},
		{name: "white space", body: "\r\n {\"jsonrpc\":\"2.0\",\"id\":ID,\n\"result\":OK} \n", want: taken},
		{name: "status 202 with the answer", status: 202, body: `{"jsonrpc":"2.0","id":ID,"result":OK}`, want: taken},
		{name: "no version", body: `{"id":ID,"result":OK}`, want: taken},
		{name: "id as a fraction", body: `{"jsonrpc":"2.0","id":ID.0,"result":OK}`, want: taken},
		{name: "id with an exponent", body: `{"jsonrpc":"2.0","id":IDe0,"result":OK}`, want: taken},
		{name: "id as text", body: `{"jsonrpc":"2.0","id":"ID","result":OK}`, want: taken},
		{name: "null members", body: `{"jsonrpc":null,"id":ID,"method":null,"params":null,"error":null,"result":OK}`, want: taken},
		{name: "unknown members", body: `{"jsonrpc":"2.0","id":ID,"Result":5,"x":{"id":5},"result":OK}`, want: taken},
		{name: "array of one", body: `[{"jsonrpc":"2.0","id":ID,"result":OK}]`, want: taken},
		{
			name: "array with others",
			body: `[{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}},` + stranger + `,{"jsonrpc":"2.0","id":ID,"result":OK}]`,
			want: taken,
		},

		{name: "wrong id", body: stranger, want: protocolError("an answer to another request")},
		{name: "id of a neighbour as text", body: `{"jsonrpc":"2.0","id":"ID0","result":OK}`, want: protocolError("an answer to another request")},
		{name: "no id", body: `{"jsonrpc":"2.0","result":OK}`, want: protocolError("an answer to another request")},
		{name: "array of strangers", body: `[` + stranger + `,` + stranger + `]`, want: protocolError("an answer to another request")},
		{name: "notification only", body: `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}`, want: protocolError("ended without an answer")},
		{name: "neither result nor error", body: `{"jsonrpc":"2.0","id":ID}`, want: protocolError("neither a result nor an error")},
		{name: "null result", body: `{"jsonrpc":"2.0","id":ID,"result":null}`, want: protocolError("neither a result nor an error")},
		{name: "null result and error", body: `{"jsonrpc":"2.0","id":ID,"result":null,"error":null}`, want: protocolError("neither a result nor an error")},
		{name: "empty", body: ``, want: protocolError("HTTP 200 with an empty body")},
		{name: "white space only", body: " \n", want: protocolError("HTTP 200 with an empty body")},
		{name: "empty 202", contentType: "-", status: 202, want: protocolError("HTTP 202 with an empty body")},
		{name: "204", contentType: "-", status: 204, want: protocolError("HTTP 204 with an empty body")},
		{name: "empty array", body: `[]`, want: protocolError("batch without a message")},
		{name: "cut JSON", body: `{"jsonrpc":"2.0","id":ID,"resul`, want: protocolError("not a JSON-RPC message")},
		{name: "two values", body: `{"jsonrpc":"2.0","id":ID,"result":OK} {}`, want: protocolError("more data after the message")},
		{name: "result twice", body: `{"jsonrpc":"2.0","id":ID,"result":OK,"result":OK}`, want: protocolError(`duplicate name "result"`)},
		{name: "a web page", contentType: "text/html; charset=utf-8", body: `<!doctype html><p>Sign in`, want: protocolError("a web page")},
		{name: "another type", contentType: "text/plain", body: `{"jsonrpc":"2.0","id":ID,"result":OK}`, want: protocolError("neither JSON nor an event stream")},

		{name: "error", body: `{"jsonrpc":"2.0","id":ID,"error":{"code":-32602,"message":"no such city"}}`, want: rpcError("no such city")},
		{name: "error and result", body: `{"jsonrpc":"2.0","id":ID,"result":OK,"error":{"code":1,"message":"half done"}}`, want: rpcError("half done")},
		{name: "error with null id", body: `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"cannot read"}}`, want: rpcError("cannot read")},
		{name: "error without id", body: `{"jsonrpc":"2.0","error":{"code":-32700,"message":"cannot read"}}`, want: rpcError("cannot read")},
		{name: "error with empty id", body: `{"jsonrpc":"2.0","id":"","error":{"code":-32700,"message":"cannot read"}}`, want: rpcError("cannot read")},
		{name: "error with a word for an id", body: `{"jsonrpc":"2.0","id":"server-error","error":{"code":-32600,"message":"odd"}}`, want: rpcError("odd")},
		{name: "error of a stranger", body: `{"jsonrpc":"2.0","id":987654,"error":{"code":-32600,"message":"odd"}}`, want: protocolError("an answer to another request")},
		{
			name: "result of another form", body: `{"jsonrpc":"2.0","id":ID,"result":[1]}`,
			want: answerOutcome{new(*mcpclient.ProtocolError), mcpclient.DeliveryAnswered, "does not have the form"},
		},
	})
}

func TestAnswersInStreams(t *testing.T) {
	taken := answerOutcome{}
	const answer = `{"jsonrpc":"2.0","id":ID,"result":OK}`
	const note = `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}`
	cases := []answerCase{
		{name: "plain", body: event(answer), want: taken},
		{name: "without a name", body: "data: " + answer + "\n\n", want: taken},
		{name: "charset", contentType: "text/event-stream;charset=utf-8", body: event(answer), want: taken},
		{name: "carriage returns", body: "event: message\r\ndata: " + answer + "\r\n\r\n", want: taken},
		{name: "lone carriage returns", body: "event: message\rdata: " + answer + "\r\r", want: taken},
		{name: "byte order mark", body: "\xef\xbb\xbfdata: " + answer + "\n\n", want: taken},
		{name: "several lines", body: "data: {\"jsonrpc\":\"2.0\",\ndata: \"id\":ID,\ndata:\"result\":OK}\n\n", want: taken},
		{name: "comments", body: ": hello\n\n:\n: ping - 2026-11-24\n\n" + event(answer), want: taken},
		{name: "priming event", body: "id: 1\ndata:\n\nid: 2\ndata: \n\nretry: 5\n\n" + event(answer), want: taken},
		{name: "events of other names", body: "event: endpoint\ndata: /messages\n\nevent: ping\ndata: {}\n\n" + event(answer), want: taken},
		{name: "answer under another name first", body: "event: debug\ndata: {\"jsonrpc\":\"2.0\",\"id\":ID,\"error\":{\"code\":1,\"message\":\"no\"}}\n\n" + event(answer), want: taken},
		{name: "notifications first", body: event(note) + event(note) + event(answer), want: taken},
		{name: "stranger first", body: event(stranger) + event(answer), want: taken},
		{name: "stranger in an array", body: event("[" + stranger + "," + answer + "]"), want: taken},
		{name: "malformed event first", body: event(`{"jsonrpc":"2.0","id":ID,"resul`) + event("hello") + event(answer), want: taken},
		{name: "something after the answer", body: event(answer) + event(`{"jsonrpc":"2.0","id":ID,"error":{"code":1,"message":"no"}}`), want: taken},
		{name: "array", body: event("[" + note + "," + answer + "]"), want: taken},
		{name: "id as text", body: event(`{"jsonrpc":"2.0","id":"ID","result":OK}`), want: taken},

		{name: "nothing", body: "", want: protocolError("ended without an answer")},
		{name: "notifications only", body: event(note), want: protocolError("ended without an answer")},
		{name: "stranger only", body: event(stranger), want: protocolError("an answer to another request")},
		{name: "malformed only", body: event(`{"jsonrpc":"2.0","id":ID,"resul`), want: protocolError("an event of the reply is not a JSON-RPC message")},
		{name: "unterminated answer", body: "data: " + answer + "\n", want: protocolError("ended without an answer")},
		{name: "answer under another name only", body: "event: result\ndata: " + answer + "\n\n", want: protocolError("ended without an answer")},
		{name: "neither result nor error", body: event(`{"jsonrpc":"2.0","id":ID}`), want: protocolError("neither a result nor an error")},
		{name: "error", body: event(`{"jsonrpc":"2.0","id":ID,"error":{"code":-32602,"message":"no such city"}}`), want: rpcError("no such city")},
		{name: "error without a usable id", body: event(`{"jsonrpc":"2.0","id":"server-error","error":{"code":-32600,"message":"odd"}}`), want: rpcError("odd")},
	}
	for i := range cases {
		if cases[i].contentType == "" {
			cases[i].contentType = "text/event-stream"
		}
	}
	runAnswerCases(t, cases)
}

// runAnswerCases runs all cases on one session: whatever a call is answered, the next one works.
func runAnswerCases(t *testing.T, cases []answerCase) {
	server := newImpostor(t)
	session := server.connect(t, new(mcpclient.Client))
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server.answersCalls(c.write)
			result, err := session.CallTool(t.Context(), "echo", nil)
			c.want.check(t, result, err)
			require.NoError(t, session.Err())
			server.answers(nil)
			require.NoError(t, session.Ping(t.Context()), "the next call")
		})
	}
	require.Zero(t, session.Stats().Losses)
}

func (c *answerCase) write(w http.ResponseWriter, _ *http.Request, m *wireMessage) {
	switch c.contentType {
	case "":
		w.Header().Set("Content-Type", "application/json")
	case "-":
		w.Header()["Content-Type"] = nil // or net/http guesses one
	default:
		w.Header().Set("Content-Type", c.contentType)
	}
	if c.status != 0 {
		w.WriteHeader(c.status)
	}
	_, _ = io.WriteString(w, strings.NewReplacer("ID", string(m.ID), "OK", okResult).Replace(c.body))
}

func (o *answerOutcome) check(t *testing.T, result *mcpclient.ToolResult, err error) {
	if o.err == nil {
		require.NoError(t, err)
		require.Equal(t, "ok", result.Text())
		return
	}
	require.ErrorAs(t, err, o.err)
	require.ErrorContains(t, err, o.text)
	var call *mcpclient.CallError
	require.ErrorAs(t, err, &call)
	require.Equal(t, o.delivery, call.Delivery)
	require.Equal(t, "tools/call", call.Method)
	require.Equal(t, "echo", call.Target)
	require.Equal(t, 1, call.Attempts)
	require.False(t, mcpclient.SafeToRetry(err))
}

// TestAnswersArraysInEveryVersion: only 2025-03-26 allows them, and servers of the other versions send them too.
func TestAnswersArraysInEveryVersion(t *testing.T) {
	for _, version := range []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"} {
		for _, streamed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, streamed: %v", version, streamed), func(t *testing.T) {
				opts := []mcptest.Option{mcptest.Versions(version)}
				if streamed {
					opts = append(opts, mcptest.Streams())
				}
				server := mcptest.New(t, opts...)
				session := sessionOf(t, server, new(mcpclient.Client))
				require.Equal(t, version, session.Server().ProtocolVersion)
				server.Next(mcptest.Batch().On("tools/call"))
				result, err := session.CallTool(t.Context(), "echo", map[string]string{"text": "hello"})
				require.NoError(t, err)
				require.Equal(t, "hello", result.Text())
				require.Empty(t, server.Unused())
			})
		}
	}
}

// TestAnswersKindIsTheServersChoice: JSON and streams take turns, on one session.
func TestAnswersKindIsTheServersChoice(t *testing.T) {
	server := newImpostor(t)
	session := server.connect(t, new(mcpclient.Client))
	var n atomic.Int64
	server.answersCalls(func(w http.ResponseWriter, _ *http.Request, m *wireMessage) {
		if n.Add(1)%2 == 0 {
			writeJSON(w, answerTo(m))
			return
		}
		startStream(w)(event(answerTo(m)))
	})
	for range 10 {
		result, err := session.CallTool(t.Context(), "echo", nil)
		require.NoError(t, err)
		require.Equal(t, "ok", result.Text())
	}
}

// TestAnswersSwapped: two servers' worth of confusion costs exactly the two calls that it meets.
func TestAnswersSwapped(t *testing.T) {
	server := newImpostor(t)
	session := server.connect(t, new(mcpclient.Client))
	both := make(chan *wireMessage, 2)
	first, second := make(chan *wireMessage, 1), make(chan *wireMessage, 1)
	server.answersCalls(func(w http.ResponseWriter, r *http.Request, m *wireMessage) {
		both <- m
		mine, other := first, second
		if bytes.Contains(m.Params, []byte(`"second"`)) {
			mine, other = second, first
		}
		other <- m
		select {
		case swapped := <-mine:
			writeJSON(w, answerTo(swapped))
		case <-r.Context().Done():
		}
	})
	errs := make(chan error, 2)
	for _, tool := range []string{"first", "second"} {
		go func() {
			_, err := session.CallTool(t.Context(), tool, nil)
			errs <- err
		}()
	}
	for range 2 {
		require.ErrorIs(t, <-errs, mcpclient.ErrProtocol)
	}
	require.EqualValues(t, 2, session.Stats().StrayAnswers)
	server.answers(nil)
	require.NoError(t, session.Ping(t.Context()))
}

// TestAnswersLate: the answer to a call that nobody waits for any more may come on another's stream. It is counted.
func TestAnswersLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newImpostorInMemory(t)
		session := server.connect(t, new(mcpclient.Client))
		ctx, cancel := context.WithCancel(t.Context())
		server.answersCalls(func(_ http.ResponseWriter, r *http.Request, _ *wireMessage) { <-r.Context().Done() })
		go func() {
			synctest.Wait()
			cancel()
		}()
		_, err := session.CallTool(ctx, "echo", nil)
		require.ErrorIs(t, err, context.Canceled)
		late := server.arrived(methodIs("tools/call"))[0]

		server.answersCalls(func(w http.ResponseWriter, _ *http.Request, m *wireMessage) {
			send := startStream(w)
			send(event(answerTo(&late)))
			send(event(answerTo(m)))
		})
		result, err := session.CallTool(t.Context(), "echo", nil)
		require.NoError(t, err)
		require.Equal(t, "ok", result.Text())
		require.EqualValues(t, 1, session.Stats().StrayAnswers)
	})
}

// TestAnswersEndedAtOnce: an answer under a wrong id is an error when the reply ends, not when a clock does.
func TestAnswersEndedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory())
		session := sessionOf(t, server, new(mcpclient.Client))
		for _, fault := range []mcptest.Fault{
			mcptest.WrongID(), mcptest.NoAnswer(), mcptest.EmptyOK(), mcptest.Accepted(), mcptest.Malformed(), mcptest.HTML(),
			mcptest.Combine(mcptest.SplitStream(), mcptest.WrongID()), mcptest.BreakStream(0), mcptest.WrongContentType("text/plain"),
		} {
			server.Next(fault.On("tools/call"))
			start := time.Now()
			_, err := session.CallTool(t.Context(), "echo", nil)
			require.ErrorIs(t, err, mcpclient.ErrProtocol, fault)
			require.Zero(t, time.Since(start), fault)
		}
		require.Empty(t, server.Unused())
	})
}

// TestAnswersCutOff: a reply that breaks off is the network's failure, of that call alone.
func TestAnswersCutOff(t *testing.T) {
	server := mcptest.New(t)
	session := sessionOf(t, server, new(mcpclient.Client))
	for _, fault := range []mcptest.Fault{
		mcptest.Truncated(20), mcptest.DropAfter(), mcptest.DropBefore(), mcptest.CutStream(0), mcptest.Combine(mcptest.HoldOpen(), mcptest.Truncated(40)),
	} {
		server.Next(fault.On("tools/call"))
		_, err := session.CallTool(t.Context(), "echo", map[string]string{"text": strings.Repeat("x", 100)})
		var network *mcpclient.NetworkError
		require.ErrorAs(t, err, &network, fault)
		var call *mcpclient.CallError
		require.ErrorAs(t, err, &call)
		require.Equal(t, mcpclient.DeliveryUnknown, call.Delivery, fault)
		require.NoError(t, session.Ping(t.Context()), fault)
	}
	require.Empty(t, server.Unused())
}

// TestAnswersSplitAnywhere: how the bytes of a stream are chunked changes nothing.
func TestAnswersSplitAnywhere(t *testing.T) {
	server := mcptest.New(t)
	session := sessionOf(t, server, new(mcpclient.Client))
	server.Next(mcptest.SplitStream().On("tools/call"))
	result, err := session.CallTool(t.Context(), "echo", map[string]string{"text": "ünïcödé\r\n\u2028"})
	require.NoError(t, err)
	require.Equal(t, "ünïcödé\r\n\u2028", result.Text())
}

func TestServerRequestsAreAnswered(t *testing.T) {
	for _, c := range []struct{ name, id, method, want string }{
		{"ping", `7001`, "ping", `{"jsonrpc":"2.0","id":7001,"result":{}}`},
		{"ping under a text id", `"srv-\u00e9\"1"`, "ping", `{"jsonrpc":"2.0","id":"srv-\u00e9\"1","result":{}}`},
		{"ping under a fraction", `1.50`, "ping", `{"jsonrpc":"2.0","id":1.50,"result":{}}`},
		{"sampling", `7002`, "sampling/createMessage", `{"jsonrpc":"2.0","id":7002,"error":{"code":-32601,"message":"method not found: this client offers no sampling/createMessage"}}`},
		{"roots", `"r"`, "roots/list", `{"jsonrpc":"2.0","id":"r","error":{"code":-32601,"message":"method not found: this client offers no roots/list"}}`},
		{"of its own", `0`, "x/\n", `{"jsonrpc":"2.0","id":0,"error":{"code":-32601,"message":"method not found: this client offers no \"x/\\n\""}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := newImpostor(t)
			session := server.connect(t, new(mcpclient.Client))
			method, err := json.Marshal(c.method)
			require.NoError(t, err)
			server.answersCalls(func(w http.ResponseWriter, r *http.Request, m *wireMessage) {
				send := startStream(w)
				send(event(`{"jsonrpc":"2.0","id":` + c.id + `,"method":` + string(method) + `,"params":{}}`))
				server.await(r.Context(), 1, isReply)
				send(event(answerTo(m)))
			})
			result, err := session.CallTool(t.Context(), "echo", nil)
			require.NoError(t, err)
			require.Equal(t, "ok", result.Text())

			require.NoError(t, session.Close(), "waits for what is still to be sent")
			replies := server.arrived(isReply)
			require.Len(t, replies, 1, "exactly once")
			require.Equal(t, c.want, string(replies[0].Body))
			require.Equal(t, session.ID(), replies[0].Header.Get("Mcp-Session-Id"))
			require.Equal(t, "2025-11-25", replies[0].Header.Get("Mcp-Protocol-Version"))
			require.Equal(t, "application/json", replies[0].Header.Get("Content-Type"))
			require.Equal(t, "application/json, text/event-stream", replies[0].Header.Get("Accept"))
		})
	}
}

// TestServerRequestsAreNotAnswers: a request of the server may have the very id of the call.
func TestServerRequestsAreNotAnswers(t *testing.T) {
	server := newImpostor(t)
	session := server.connect(t, new(mcpclient.Client))
	server.answersCalls(func(w http.ResponseWriter, _ *http.Request, m *wireMessage) {
		ping := `{"jsonrpc":"2.0","id":` + string(m.ID) + `,"method":"ping"}`
		// A request whose id is null is a notification, which nobody answers.
		nobody := `{"jsonrpc":"2.0","id":null,"method":"ping"}`
		writeJSON(w, "["+ping+","+nobody+","+answerTo(m)+"]")
	})
	result, err := session.CallTool(t.Context(), "echo", nil)
	require.NoError(t, err)
	require.Equal(t, "ok", result.Text())
	replies := server.await(t.Context(), 1, isReply)
	require.Len(t, replies, 1)
	require.Equal(t, server.arrived(methodIs("tools/call"))[0].ID, replies[0].ID)
	require.NoError(t, session.Close())
	require.Len(t, server.arrived(isReply), 1)
	require.Zero(t, session.Stats().StrayAnswers)
}

// TestServerRequestsDuringTheHandshake: a server may ping and log before it has answered initialize. The pong
// goes to the new session: its id is in the header of the answer, which has arrived.
func TestServerRequestsDuringTheHandshake(t *testing.T) {
	server := mcptest.New(t)
	ping := mcptest.ServerRequest("ping", nil)
	chatter := mcptest.Notify("notifications/message", map[string]any{"level": "info", "data": "starting"})
	server.Next(mcptest.Combine(chatter, ping, mcptest.ServerRequest("roots/list", nil)).On("initialize"))
	session := sessionOf(t, server, new(mcpclient.Client))

	answers := server.Answers()
	require.Len(t, answers, 2)
	require.Equal(t, "ping", answers[0].Method)
	require.JSONEq(t, `{}`, string(answers[0].Result))
	require.Equal(t, "roots/list", answers[1].Method)
	require.EqualValues(t, -32601, answers[1].Err.Code)
	handshake, later := handshakeOf(t, server)
	require.Empty(t, handshake.Session)
	for _, r := range later {
		require.Equal(t, session.ID(), r.Session, "%s", r.Body)
	}
	_, err := session.CallTool(t.Context(), "echo", nil)
	require.NoError(t, err)
}

// TestServerRequestsFromATool: the server waits for the pong before it answers the call.
func TestServerRequestsFromATool(t *testing.T) {
	server := mcptest.New(t)
	server.AddTool(mcpclient.Tool{Name: "ask"}, func(ctx context.Context, req *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		if _, err := req.Ask(ctx, "ping", nil); err != nil {
			return nil, err
		}
		_, err := req.Ask(ctx, "elicitation/create", map[string]string{"message": "who are you?"})
		return mcptest.Text(err.Error()), nil
	})
	session := sessionOf(t, server, new(mcpclient.Client))
	result, err := session.CallTool(t.Context(), "ask", nil)
	require.NoError(t, err)
	require.Contains(t, result.Text(), "-32601")
}

// answerMethod answers one method with a result, whatever it was asked.
func answerMethod(method, result string) impostorAnswer {
	return func(w http.ResponseWriter, _ *http.Request, m *wireMessage) bool {
		if m.Method != method {
			return false
		}
		writeJSON(w, `{"jsonrpc":"2.0","id":`+string(m.ID)+`,"result":`+result+`}`)
		return true
	}
}
