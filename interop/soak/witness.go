package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync"
)

// sessionHeader tells the witness which Session of the client a request belongs to, over all the session ids that it goes through.
const sessionHeader = "Soak-Session"

// maxRequest bounds the body of a request, which the witness reads whole before it passes it on.
const maxRequest = 1 << 20

// witness is a reverse proxy right before one server, behind everything that disturbs the connection. It passes all on as it is and
// answers nothing of its own: where the server is dead, the connection ends.
//
// Unlike package proxy's, which keeps what it saw of every nonce, it has to stay small for hours.
type witness struct {
	backend *http.Transport
	handler *httputil.ReverseProxy
	server  *http.Server
	address string
	served  chan struct{}
	running sync.WaitGroup // exchanges

	mu         sync.Mutex
	calls      *callLedger
	handshakes map[int]*handshakeLedger // by number of the client's Session
	requests   map[string]int           // by "POST tools/call 200" and the like
}

// newWitness listens on 127.0.0.1, at a port that the system chooses, and passes requests on to a port there.
func newWitness(ctx context.Context, port int) (*witness, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	target := &url.URL{Scheme: "http", Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
	w := &witness{
		// A connection for each request: net/http sends some requests a second time by itself when a reused one turns out to be dead.
		backend: &http.Transport{DisableKeepAlives: true, DisableCompression: true},
		address: listener.Addr().String(), served: make(chan struct{}),
		calls: newCallLedger(), handshakes: map[int]*handshakeLedger{}, requests: map[string]int{},
	}
	w.handler = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
		},
		Transport:     roundTripper(w.pass),
		FlushInterval: -1, // each event of a stream at once
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ErrorLog:      log.New(io.Discard, "", 0),
	}
	w.server = &http.Server{Handler: http.HandlerFunc(w.serve), ErrorLog: log.New(io.Discard, "", 0)} //nolint:gosec // loopback, long calls
	go func() {
		defer close(w.served)
		_ = w.server.Serve(listener) // ends with close
	}()
	return w, nil
}

// close ends every connection and returns after the last exchange.
func (w *witness) close() error {
	err := w.server.Close()
	<-w.served
	w.running.Wait()
	return err
}

func (w *witness) serve(out http.ResponseWriter, r *http.Request) {
	w.running.Add(1)
	defer w.running.Done()
	body, err := io.ReadAll(http.MaxBytesReader(out, r.Body, maxRequest))
	if err != nil {
		panic(http.ErrAbortHandler) // cut on its way: the server never sees it
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	w.handler.ServeHTTP(out, r.WithContext(context.WithValue(r.Context(), messageKey{}, readMessage(r, body))))
}

// pass sends one request to the server. What it means is noted before its consequences can be seen: a call before the server has it, a
// refusal before the client has it.
func (w *witness) pass(r *http.Request) (*http.Response, error) {
	m, _ := r.Context().Value(messageKey{}).(message)
	w.noteRequest(m)
	resp, err := w.backend.RoundTrip(r)
	w.noteAnswer(m, resp)
	return resp, err
}

func (w *witness) noteRequest(m message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if m.isCall {
		w.calls.arrive(m.nonce)
	}
	switch {
	case m.rpcMethod == "initialize":
		w.handshakeOf(m.session).ask()
	case m.sessionID != "" && m.rpcMethod != "notifications/initialized" && m.httpMethod != http.MethodDelete:
		w.handshakeOf(m.session).use(m.sessionID)
	}
}

func (w *witness) noteAnswer(m message, resp *http.Response) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if resp == nil {
		w.requests[m.label("broken")]++
		return
	}
	w.requests[m.label(strconv.Itoa(resp.StatusCode))]++
	given := resp.Header.Get("Mcp-Session-Id")
	switch {
	case m.rpcMethod == "initialize" && resp.StatusCode == http.StatusOK && given != "":
		w.handshakeOf(m.session).answer(given)
	case resp.StatusCode >= 400 && resp.StatusCode < 500:
		if m.sessionID != "" && tellsOfLoss(resp.StatusCode) {
			w.handshakeOf(m.session).refuse(m.sessionID)
			if m.rpcMethod == "notifications/initialized" {
				w.handshakeOf(m.session).sums.Stillborn++
			}
		}
		if m.isCall {
			w.calls.refuse(m.nonce)
		}
	}
}

// tellsOfLoss lists the statuses with which these servers tell that they do not know a session.
func tellsOfLoss(status int) bool {
	return status == http.StatusBadRequest || status == http.StatusNotFound || status == http.StatusGone
}

func (w *witness) handshakeOf(session int) *handshakeLedger {
	if w.handshakes[session] == nil {
		w.handshakes[session] = &handshakeLedger{}
	}
	return w.handshakes[session]
}

// testimony is what a witness saw.
type testimony struct {
	Calls      callSums
	Handshakes map[int]handshakeSums
	Requests   map[string]int
}

func (w *witness) testify() testimony {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := testimony{w.calls.sums.clone(), map[int]handshakeSums{}, maps.Clone(w.requests)}
	for session, ledger := range w.handshakes {
		t.Handshakes[session] = ledger.sums.clone()
	}
	return t
}

// message is what the witness needs to know of a request.
type message struct {
	httpMethod, rpcMethod, sessionID string
	session                          int
	nonce                            nonce
	isCall                           bool // a tools/call with a nonce
}

type messageKey struct{}

func readMessage(r *http.Request, body []byte) message {
	var rpc struct {
		Method string `json:"method"`
		Params struct {
			Arguments struct {
				Nonce string `json:"nonce"`
			} `json:"arguments"`
		} `json:"params"`
	}
	_ = json.Unmarshal(body, &rpc) // what is no message has no method
	m := message{httpMethod: r.Method, rpcMethod: rpc.Method, sessionID: r.Header.Get("Mcp-Session-Id"), session: -1}
	if session, err := strconv.Atoi(r.Header.Get(sessionHeader)); err == nil {
		m.session = session
	}
	if rpc.Method == "tools/call" {
		m.nonce, m.isCall = parseNonce(rpc.Params.Arguments.Nonce)
	}
	return m
}

func (m message) label(result string) string {
	if m.rpcMethod == "" {
		return m.httpMethod + " " + result
	}
	return fmt.Sprint(m.httpMethod, " ", m.rpcMethod, " ", result)
}

// roundTripper makes a function an http.RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip calls the function.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
