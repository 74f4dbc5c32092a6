package wirecheck

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"sync"
)

// Transport watches what goes through next. Requests and responses are passed on as they are, each event of a stream at once. A nil
// *Monitor gives next itself.
func (m *Monitor) Transport(next http.RoundTripper) http.RoundTripper {
	if m == nil {
		return next
	}
	return roundTripper(func(req *http.Request) (*http.Response, error) { return m.pass(next, req) })
}

func (m *Monitor) pass(next http.RoundTripper, req *http.Request) (*http.Response, error) {
	version := req.Header.Get("Mcp-Protocol-Version")
	question := false
	if req.Method == http.MethodPost && req.Body != nil {
		body, err := io.ReadAll(req.Body)
		if err := req.Body.Close(); err != nil {
			return nil, err
		}
		if err != nil {
			return nil, err
		}
		req = req.Clone(req.Context()) // the caller's request stays as it is
		req.Body = io.NopCloser(bytes.NewReader(body))
		question = isRequest(body)
		m.text(client, version, body)
	}
	resp, err := next.RoundTrip(req)
	if err == nil {
		m.watch(resp, version, question)
	}
	return resp, err
}

// watch reads along in the body of a response.
func (m *Monitor) watch(resp *http.Response, version string, question bool) {
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case err != nil: // no content, or none of ours
	case kind == "text/event-stream":
		events := &events{found: func(data []byte) { m.text(server, version, data) }}
		resp.Body = &watched{ReadCloser: resp.Body, saw: events.feed}
	case kind == "application/json":
		var body bytes.Buffer
		resp.Body = &watched{
			ReadCloser: resp.Body,
			saw:        func(part []byte) { body.Write(part) },
			ended: func() {
				// A request that was accepted is answered by a message. Elsewhere there may be JSON of another kind: a gateway's words,
				// an acknowledgement.
				if question && resp.StatusCode < http.StatusMultipleChoices || isMessage(body.Bytes()) {
					m.text(server, version, body.Bytes())
				}
			},
		}
	}
}

// isRequest tells whether a body that was sent wants an answer.
func isRequest(body []byte) bool {
	var message struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
	}
	return json.Unmarshal(body, &message) == nil && message.Method != "" && message.ID != nil
}

// isMessage tells whether a text claims to be a JSON-RPC message.
func isMessage(text []byte) bool {
	var message struct {
		Version json.RawMessage `json:"jsonrpc"`
	}
	return json.Unmarshal(text, &message) == nil && message.Version != nil
}

// watched is a body that tells what is read from it. A body whose reader leaves early, or that breaks, does not end: half a message
// proves nothing.
type watched struct {
	io.ReadCloser
	saw   func([]byte)
	ended func() // nil: nothing is left to do
	once  sync.Once
}

// Read reads on and tells what it read.
func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	if n > 0 {
		w.saw(p[:n])
	}
	if err == io.EOF && w.ended != nil {
		w.once.Do(w.ended)
	}
	return n, err
}

// events cuts a stream into the data of its events, by the rules of server-sent events.
type events struct {
	found func(data []byte)
	line  []byte
	data  []byte
	lines int // of data
	name  string
	cr    bool // the last byte was a carriage return, which already ended its line
}

func (e *events) feed(part []byte) {
	for _, b := range part {
		if b == '\n' && e.cr {
			e.cr = false
			continue
		}
		e.cr = b == '\r'
		if b != '\r' && b != '\n' {
			e.line = append(e.line, b)
			continue
		}
		e.endLine()
		e.line = e.line[:0]
	}
}

func (e *events) endLine() {
	field, value, _ := bytes.Cut(e.line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch {
	case len(e.line) == 0:
		if (e.name == "" || e.name == "message") && len(e.data) > 0 {
			e.found(e.data)
		}
		e.data, e.lines, e.name = nil, 0, ""
	case string(field) == "data":
		if e.lines > 0 {
			e.data = append(e.data, '\n')
		}
		e.data = append(e.data, value...)
		e.lines++
	case string(field) == "event":
		e.name = string(value)
	}
}

// roundTripper makes a function an http.RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip calls the function.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
