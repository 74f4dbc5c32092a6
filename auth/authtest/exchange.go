package authtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// maxBody bounds the body of a request, in bytes.
const maxBody = 16 << 20

// exchange is one request on its way through the server.
type exchange struct {
	server *Server
	w      http.ResponseWriter
	r      *http.Request
	record *Request // the server's mutex guards it
	body   []byte
}

// serve records a request and answers it by handle, or by the fault that waits for it.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, at Endpoint, handle func(*exchange)) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "the body cannot be read", http.StatusBadRequest)
		return
	}
	record := &Request{
		Time: time.Now(), Endpoint: at, Method: r.Method, Host: r.Host, Path: r.URL.Path,
		Header: r.Header.Clone(), Query: r.URL.Query(), Body: body,
	}
	if mediaType(r.Header) == "application/x-www-form-urlencoded" {
		record.Form, _ = url.ParseQuery(string(body)) // what can be read of it
	}
	s.mu.Lock()
	s.ledger.requests = append(s.ledger.requests, record)
	if at == TokenEndpoint {
		s.noteCodeLocked(record.Form)
	}
	fault := s.script.takeLocked(at)
	s.ledger.wakeLocked()
	s.mu.Unlock()

	r.Body = io.NopCloser(bytes.NewReader(body))
	answered := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handle(&exchange{server: s, w: w, r: r, record: record, body: body})
	})
	recorded := &recordingWriter{ResponseWriter: w, server: s, record: record}
	fault(answered).ServeHTTP(recorded, r)
	recorded.note(http.StatusOK)
}

// noteCodeLocked catches a code that is sent twice, even where a fault kept the
// first request from being executed: the client cannot know (RFC 9700 section 2.1.1).
func (s *Server) noteCodeLocked(form url.Values) {
	code := form.Get("code")
	if code == "" {
		return
	}
	if s.seen.codes[code] {
		s.violationLocked(TokenEndpoint, "the authorization code was sent twice")
		if c := s.codes[code]; c != nil {
			c.used = true
			s.endFamilyLocked(c.family)
		}
	}
	s.seen.codes[code] = true
}

func mediaType(header http.Header) string {
	media, _, _ := mime.ParseMediaType(header.Get("Content-Type")) // "" where there is none
	return media
}

// recordingWriter notes the status of the answer.
type recordingWriter struct {
	http.ResponseWriter
	server *Server
	record *Request
}

func (w *recordingWriter) note(status int) {
	w.server.mu.Lock()
	defer w.server.mu.Unlock()
	if w.record.Status == 0 {
		w.record.Status = status
		w.server.ledger.wakeLocked()
	}
}

// WriteHeader implements [http.ResponseWriter].
func (w *recordingWriter) WriteHeader(status int) {
	if status >= http.StatusOK { // what comes before is no answer
		w.note(status)
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *recordingWriter) Write(p []byte) (int, error) {
	w.note(http.StatusOK)
	return w.ResponseWriter.Write(p)
}

// Flush implements [http.Flusher], for handlers that look for it.
func (w *recordingWriter) Flush() {
	w.note(http.StatusOK)
	_ = http.NewResponseController(w.ResponseWriter).Flush() // a client that has left is served all the same
}

// Unwrap lets [http.ResponseController] find the rest.
func (w *recordingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// refusal is a request that is not granted.
type refusal struct {
	status      int
	code        string
	description string
	violation   bool // the client has broken a rule
}

// refuse is for what may happen to a client that does all it should.
func refuse(code, description string) *refusal {
	return &refusal{status: http.StatusBadRequest, code: code, description: description}
}

// broken is for what a client may never do.
func broken(code, description string) *refusal {
	return &refusal{status: http.StatusBadRequest, code: code, description: description, violation: true}
}

// noteRefusal puts the refusal into the ledger.
func (x *exchange) noteRefusal(no *refusal) {
	x.server.mu.Lock()
	defer x.server.mu.Unlock()
	x.record.Error = no.code
	if no.violation {
		x.server.violationLocked(x.record.Endpoint, no.description)
	}
}

// fail answers with the JSON of RFC 6749 section 5.2.
func (x *exchange) fail(no *refusal) {
	x.noteRefusal(no)
	if no.status == http.StatusUnauthorized && x.r.Header.Get("Authorization") != "" {
		x.w.Header().Set("WWW-Authenticate", `Basic realm="authtest"`)
	}
	x.json(no.status, map[string]any{"error": no.code, "error_description": no.description})
}

// json answers with a document that nobody may keep.
func (x *exchange) json(status int, document any) {
	x.w.Header().Set("Content-Type", "application/json")
	x.w.Header().Set("Cache-Control", "no-store")
	x.w.WriteHeader(status)
	_ = json.NewEncoder(x.w).Encode(document) // a client that has left needs no answer
}

// page answers with what a user would read.
func (x *exchange) page(status int, text string) { http.Error(x.w, text, status) }

// once checks that no parameter comes twice, but those that may (RFC 6749 section 3.1).
func once(values url.Values, except ...string) *refusal {
	for name, list := range values {
		if len(list) > 1 && !slices.Contains(except, name) {
			return broken("invalid_request", "the parameter "+name+" came more than once")
		}
	}
	return nil
}

// jsonObject decodes one JSON object and nothing behind it.
func jsonObject(text []byte) (map[string]any, error) {
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil {
		return nil, err
	}
	if object == nil {
		return nil, errors.New("not an object")
	}
	return object, nil
}
