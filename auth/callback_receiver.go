package auth

import (
	"errors"
	"html"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"
)

// callbackReceiver is the web server of one authorization. Everybody on this
// machine and every web page can send it requests; only the bearer of the state
// ends it.
type callbackReceiver struct {
	state        secret
	path         string
	hosts        []string // the values of Host that mean us
	done, failed string   // pages

	callbacks chan receivedCallback // the first with the right state
	failures  chan error            // a listener that failed

	server      *http.Server
	listening   sync.WaitGroup
	connections sync.WaitGroup
}

type receivedCallback struct {
	query url.Values
	err   error
}

func newCallbackReceiver(p *loopbackPrompt, state secret) *callbackReceiver {
	r := &callbackReceiver{
		state:     state,
		path:      p.place.path,
		done:      callbackPage(p.settings.Done, "The answer has arrived. You can close this window and go back to the application."),
		failed:    callbackPage(p.settings.Failed, "This did not work. You can close this window and go back to the application."),
		callbacks: make(chan receivedCallback, 1),
		failures:  make(chan error, len(p.listeners)),
	}
	if r.path == "" {
		r.path = "/"
	}
	for _, name := range []string{"127.0.0.1", "localhost", "::1"} {
		r.hosts = append(r.hosts, net.JoinHostPort(name, strconv.Itoa(p.port)))
		if p.port == 80 {
			r.hosts = append(r.hosts, "127.0.0.1", "localhost", "[::1]")
		}
	}
	r.server = &http.Server{
		Handler:           r,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      10 * time.Second,
		MaxHeaderBytes:    maxCallback,
		ErrorLog:          log.New(io.Discard, "", 0), // callbacks hold codes
		ConnState:         r.count,
	}
	r.server.SetKeepAlivesEnabled(false)
	return r
}

// maxCallback bounds the header of a callback, which holds its query, in bytes.
const maxCallback = 32 << 10

func (r *callbackReceiver) start(listeners []net.Listener) {
	for _, listener := range listeners {
		r.listening.Go(func() {
			if err := r.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				r.failures <- err
			}
		})
	}
}

// count keeps account of the goroutines of net/http, one a connection.
func (r *callbackReceiver) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		r.connections.Add(1)
	case http.StateClosed, http.StateHijacked:
		r.connections.Done()
	default:
	}
}

// stop ends all connections and waits for them. The page of the callback is out by
// then. A connection that a listener accepts meanwhile escapes the first Close;
// after the last listener there are no new ones.
func (r *callbackReceiver) stop() {
	_ = r.server.Close()
	r.listening.Wait()
	_ = r.server.Close()
	r.connections.Wait()
}

// ServeHTTP answers with one of two pages, which say nothing of the request.
func (r *callbackReceiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox")
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	query, err := url.ParseQuery(request.URL.RawQuery)
	switch {
	case !slices.Contains(r.hosts, request.Host):
		// A name that somebody bound to this address (DNS rebinding).
		r.answer(w, http.StatusMisdirectedRequest, r.failed)
	case request.URL.EscapedPath() != r.path:
		r.answer(w, http.StatusNotFound, r.failed)
	case request.Method != http.MethodGet:
		header.Set("Allow", http.MethodGet)
		r.answer(w, http.StatusMethodNotAllowed, r.failed)
	case !hasState(query, r.state):
		r.answer(w, http.StatusBadRequest, r.failed)
	case err != nil:
		r.answer(w, http.StatusBadRequest, r.failed)
		r.end(receivedCallback{err: errors.New("the query of the callback is malformed")})
	case query.Has("error"):
		r.answer(w, http.StatusOK, r.failed)
		r.end(receivedCallback{query: query})
	default:
		r.answer(w, http.StatusOK, r.done)
		r.end(receivedCallback{query: query})
	}
}

// answer sends the whole answer off: after the callback all connections are cut.
func (r *callbackReceiver) answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
	_ = http.NewResponseController(w).Flush()
}

// end hands over the callback, unless it is a second one.
func (r *callbackReceiver) end(callback receivedCallback) {
	select {
	case r.callbacks <- callback:
	default:
	}
}

func callbackPage(text, standard string) string {
	if text == "" {
		text = standard
	}
	return "<!DOCTYPE html><html><head><meta charset=\"utf-8\"><title>" + html.EscapeString(text) + "</title></head><body><p>" + html.EscapeString(text) + "</p></body></html>\n"
}
