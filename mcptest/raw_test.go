package mcptest_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// wire speaks the protocol by hand, so that these tests say what is on the
// wire and do not lean on the client that the server is there to test.
type wire struct {
	t       *testing.T
	srv     *mcptest.Server
	session string
	lastID  int
}

// reply is a whole HTTP answer.
type reply struct {
	status int
	header http.Header
	body   string
	err    error // of reading the body
}

func (w *wire) request(method, body string, header http.Header) *http.Request {
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.srv.URL(), strings.NewReader(body))
	require.NoError(w.t, err)
	req.Header.Set("Accept", "application/json, text/event-stream")
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	if w.session != "" {
		req.Header.Set("Mcp-Session-Id", w.session)
	}
	for name, values := range header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	return req
}

// try sends a request and returns the whole answer, or why there was none.
func (w *wire) try(req *http.Request) (reply, error) {
	client := *w.srv.HTTPClient()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(body), err}, nil
}

func (w *wire) send(method, body string, header http.Header) reply {
	w.t.Helper()
	r, err := w.try(w.request(method, body, header))
	require.NoError(w.t, err)
	return r
}

func (w *wire) post(body string) reply {
	w.t.Helper()
	return w.send(http.MethodPost, body, nil)
}

// message returns a request with an id of its own.
func (w *wire) message(method, params string) string {
	w.lastID++
	if params == "" {
		params = "{}"
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`, w.lastID, method, params)
}

// call posts a request and returns its result as JSON.
func (w *wire) call(method, params string) string {
	w.t.Helper()
	r := w.post(w.message(method, params))
	require.Equal(w.t, http.StatusOK, r.status, r.body)
	require.NoError(w.t, r.err)
	answer := w.answer(r)
	require.Nil(w.t, answer.Error, "%s", r.body)
	return string(answer.Result)
}

// callError posts a request that is answered with a JSON-RPC error.
func (w *wire) callError(method, params string) rpcError {
	w.t.Helper()
	answer := w.answer(w.post(w.message(method, params)))
	require.NotNil(w.t, answer.Error)
	return *answer.Error
}

type rpcError struct {
	Code    int
	Message string
	Data    json.RawMessage
}

type answer struct {
	ID     json.RawMessage
	Method string
	Params json.RawMessage
	Result json.RawMessage
	Error  *rpcError
}

// answer returns the message of a JSON body, or the last one of a stream.
func (w *wire) answer(r reply) answer {
	w.t.Helper()
	if r.header.Get("Content-Type") == "text/event-stream" {
		all := w.messages(r.body)
		require.NotEmpty(w.t, all, r.body)
		return all[len(all)-1]
	}
	return w.parse(r.body)
}

func (w *wire) parse(text string) answer {
	w.t.Helper()
	var a answer
	require.NoError(w.t, json.Unmarshal([]byte(text), &a), text)
	return a
}

// messages returns those of a stream; priming events carry none.
func (w *wire) messages(stream string) []answer {
	w.t.Helper()
	var all []answer
	for _, ev := range events(stream) {
		if ev.data != "" {
			all = append(all, w.parse(ev.data))
		}
	}
	return all
}

type sse struct{ event, id, data, retry string }

func events(stream string) []sse {
	var all []sse
	for block := range strings.SplitSeq(strings.TrimSuffix(stream, "\n\n"), "\n\n") {
		var ev sse
		for line := range strings.SplitSeq(block, "\n") {
			ev.field(line)
		}
		all = append(all, ev)
	}
	return all
}

func (ev *sse) field(line string) {
	name, value, _ := strings.Cut(line, ": ")
	switch name {
	case "event":
		ev.event = value
	case "id":
		ev.id = value
	case "data":
		ev.data = value
	case "retry":
		ev.retry = value
	}
}

// live is a stream that is read while it is open.
type live struct {
	w      *wire
	resp   *http.Response
	in     *bufio.Reader
	cancel context.CancelFunc
}

func (w *wire) live(method, body string) *live {
	w.t.Helper()
	return w.open(w.request(method, body, nil))
}

func (w *wire) open(req *http.Request) *live {
	w.t.Helper()
	ctx, cancel := context.WithCancel(req.Context())
	w.t.Cleanup(cancel)
	resp, err := w.srv.HTTPClient().Do(req.WithContext(ctx))
	require.NoError(w.t, err)
	require.Equal(w.t, http.StatusOK, resp.StatusCode)
	require.Equal(w.t, "text/event-stream", resp.Header.Get("Content-Type"))
	l := &live{w, resp, bufio.NewReader(resp.Body), cancel}
	w.t.Cleanup(l.close)
	return l
}

// close gives the stream up. From Go 1.27 on, Close alone would wait for more of it.
func (l *live) close() {
	l.cancel()
	_ = l.resp.Body.Close()
}

// next returns the next event; an error tells how the stream ended.
func (l *live) next() (ev sse, err error) {
	for {
		line, err := l.in.ReadString('\n')
		if err != nil {
			return sse{}, err
		}
		if line = strings.TrimSuffix(line, "\n"); line == "" {
			return ev, nil
		}
		ev.field(line)
	}
}

// message returns the message of the next event that has one.
func (l *live) message() answer {
	l.w.t.Helper()
	for {
		ev, err := l.next()
		require.NoError(l.w.t, err)
		if ev.data != "" {
			return l.w.parse(ev.data)
		}
	}
}

const initializeParams = `{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"wire","version":"1"}}`

// open starts a server and opens a session on it.
func open(t *testing.T, opts ...mcptest.Option) *wire {
	t.Helper()
	return connect(t, mcptest.New(t, opts...))
}

func connect(t *testing.T, srv *mcptest.Server) *wire {
	t.Helper()
	w := &wire{t: t, srv: srv}
	r := w.post(w.message("initialize", initializeParams))
	require.Equal(t, http.StatusOK, r.status, r.body)
	w.session = r.header.Get("Mcp-Session-Id")
	require.Equal(t, http.StatusAccepted, w.post(`{"jsonrpc":"2.0","method":"notifications/initialized"}`).status)
	return w
}

// echo calls the tool of that name and returns its text.
func (w *wire) echo(text string) string {
	w.t.Helper()
	var result struct{ Content []struct{ Text string } }
	raw := w.call("tools/call", `{"name":"echo","arguments":{"text":"`+text+`"}}`)
	require.NoError(w.t, json.NewDecoder(bytes.NewReader([]byte(raw))).Decode(&result))
	return result.Content[0].Text
}

// tryEcho is echo for a call that may find no answer at all.
func (w *wire) tryEcho(text string) (reply, error) {
	return w.try(w.request(http.MethodPost, w.message("tools/call", `{"name":"echo","arguments":{"text":"`+text+`"}}`), nil))
}
