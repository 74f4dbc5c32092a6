// Package proxy is the witness of the interop suite: a reverse proxy between a client and a server that passes everything on as
// it is, streams included, and keeps count of what passed. What it counts is evidence that neither side can colour.
package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"

	"github.com/holdfast-mcp/mcpclient/interop/wirecheck"
)

// maxRequest bounds the body of a request, which the proxy reads whole before it passes it on.
const maxRequest = 16 << 20

// Proxy passes HTTP requests on to one backend. It is safe for concurrent use.
//
// It answers nothing of its own: when the backend cannot be reached, or dies within an answer, the client's connection is closed,
// as it would be if the client talked to the backend itself. A gateway's 502 would be another test.
type Proxy struct {
	address   string
	transport *http.Transport
	watched   http.RoundTripper // transport, with the monitor before it
	handler   *httputil.ReverseProxy
	witness   witness
	exchanges sync.WaitGroup // requests in the handler, so that Close returns after the last

	mu     sync.Mutex
	server *http.Server // nil while cut
	served chan struct{}
}

// Start listens on 127.0.0.1 at the given port and passes requests on to backend, a URL like http://127.0.0.1:8080. monitor sees every
// message that passes; nil: none does. ctx bounds the start only.
func Start(ctx context.Context, port int, backend string, monitor *wirecheck.Monitor) (*Proxy, error) {
	target, err := url.Parse(backend)
	if err != nil {
		return nil, err
	}
	p := &Proxy{
		address: fmt.Sprintf("127.0.0.1:%d", port),
		// A connection for each request: a reused one may turn out to be dead, and net/http would then send some requests a second
		// time by itself, which is exactly what this proxy is here to see. Compression is the client's and the server's affair.
		transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true},
	}
	p.watched = monitor.Transport(p.transport)
	p.handler = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // a redirect of the server must lead back to the proxy
		},
		Transport:     roundTripper(p.pass),
		FlushInterval: -1, // each event of a stream at once
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ErrorLog:      log.New(io.Discard, "", 0),
	}
	return p, p.Restore(ctx)
}

// URL is where the client connects to, without a path.
func (p *Proxy) URL() string { return "http://" + p.address }

// Cut stops listening and closes every connection of the client, in the middle of whatever it carries: what the client sees of a
// machine whose server died. New connections are refused until Restore.
func (p *Proxy) Cut() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server == nil {
		return nil
	}
	err := p.server.Close()
	<-p.served
	p.server = nil
	return err
}

// Restore listens again, on the same port, after Cut.
func (p *Proxy) Restore(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server != nil {
		return nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", p.address)
	if err != nil {
		return err
	}
	server, served := &http.Server{Handler: http.HandlerFunc(p.serve)}, make(chan struct{}) //nolint:gosec // loopback, and calls may be long
	p.server, p.served = server, served
	go func() {
		defer close(served)
		_ = server.Serve(listener) // ends with Cut
	}()
	return nil
}

// Close cuts the proxy off for good and returns when its last exchange has ended.
func (p *Proxy) Close() error {
	err := p.Cut()
	p.exchanges.Wait()
	p.transport.CloseIdleConnections()
	return err
}

// Counts tells what has passed so far.
func (p *Proxy) Counts() Counts { return p.witness.counts() }

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	p.exchanges.Add(1)
	defer p.exchanges.Done()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		panic(http.ErrAbortHandler) // the client went away, or sends what no test sends
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	p.handler.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), messageKey{}, read(r, body))))
}

// pass sends one request to the backend and notes how that went.
func (p *Proxy) pass(r *http.Request) (*http.Response, error) {
	m, _ := r.Context().Value(messageKey{}).(message)
	resp, err := p.watched.RoundTrip(r)
	p.witness.note(m, resp, outcomeOf(resp, err))
	return resp, err
}

// outcomeOf judges by the answer's header alone: a stream that breaks later was answered, and its call may have been executed.
func outcomeOf(resp *http.Response, err error) Outcome {
	var op *net.OpError
	switch {
	case err == nil && resp.StatusCode >= 400:
		return Refused
	case err == nil && resp.StatusCode >= 300:
		return Redirected
	case err == nil:
		return Answered
	case errors.As(err, &op) && op.Op == "dial":
		return Undelivered
	default:
		return Broken
	}
}

type messageKey struct{}

// roundTripper makes a function an http.RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip calls the function.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
