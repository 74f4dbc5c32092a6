package mcptest

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const endpointPath = "/mcp"

// Server is an MCP server that runs in the test's own process. It serves any
// number of clients and sessions at once and is safe for concurrent use; tools
// and faults may be added while it runs.
type Server struct {
	config atomic.Pointer[config] // as started, or as redeployed; exchanges take it once
	url    string
	client *http.Client
	http   *http.Server
	conns  *connections
	served chan struct{} // closed when the listener's loop has returned

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	work   sync.WaitGroup // requests being served, and executions

	mu        sync.Mutex
	closed    bool
	script    script
	features  features
	sessions  sessions
	ledger    ledger
	tasks     tasks
	listeners map[*listener]struct{}     // clients that listen at the moment
	issued    map[issuedState]roundState // states of rounds that faults have made up
}

// New starts a server and closes it when the test and its subtests are done.
func New(tb testing.TB, opts ...Option) *Server {
	tb.Helper()
	s := Start(opts...)
	tb.Cleanup(s.Close)
	return s
}

// Start starts a server for programs and examples; the caller closes it. It
// panics if it cannot listen on a port of 127.0.0.1, as net/http/httptest does.
func Start(opts ...Option) *Server {
	s := &Server{conns: newConnections(), served: make(chan struct{})}
	config := newConfig(opts)
	s.config.Store(&config)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.listeners = make(map[*listener]struct{})
	s.issued = make(map[issuedState]roundState)
	s.features = newFeatures()
	s.ledger = newLedger(config.history)
	s.sessions = newSessions(s.ctx, config.standalone)
	if !config.emptyHanded {
		s.addDefaultTools()
	}
	listener, transport := s.listen()
	s.client = &http.Client{Transport: transport}
	s.http = &http.Server{
		Handler:   s,
		ConnState: s.conns.changed,
		// A connection that says nothing is not to outlive a program that forgot it.
		ReadHeaderTimeout: time.Minute,
		// What net/http logs here is what faults are for.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	go func() {
		defer close(s.served)
		_ = s.http.Serve(listener) // always ErrServerClosed, after Close
	}()
	return s
}

func (s *Server) listen() (net.Listener, *http.Transport) {
	// Clients with hundreds of calls in flight should not open a connection for each.
	transport := &http.Transport{MaxIdleConnsPerHost: 1024}
	if s.settings().inMemory {
		listener := newMemoryListener()
		transport.DialContext = listener.DialContext
		s.url = "http://mcptest.invalid" + endpointPath
		return listener, transport
	}
	listener, err := new(net.ListenConfig).Listen(s.ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		panic("mcptest: " + err.Error())
	}
	s.url = "http://" + listener.Addr().String() + endpointPath
	return listener, transport
}

// URL is the endpoint to connect to: http://127.0.0.1:port/mcp, or
// http://mcptest.invalid/mcp in memory.
func (s *Server) URL() string { return s.url }

// HTTPClient returns a client that reaches the server. A server in memory is
// reached by no other; a server on a port is reached by any.
func (s *Server) HTTPClient() *http.Client { return s.client }

// Close stops the server, cuts its connections, ends the contexts of running
// tools and waits until they have returned, so a tool must not call it.
// Closing again does nothing.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	// Connections go first: an execution that ends because of the cancellation
	// must find nobody left to answer.
	s.conns.refuse()
	_ = s.http.Close() // errors of a listener that is gone anyway
	s.conns.closeAll()
	s.cancel()
	<-s.served
	s.work.Wait()
	s.conns.wait()
	s.client.CloseIdleConnections()
}

// Restart does what a crash and a fresh start on the same address would do:
// it cuts every connection, ends every running execution, and forgets every
// session and task. Tools, faults and the ledger stay.
func (s *Server) Restart() { s.redeploy(nil) }

// Redeploy is [Server.Restart] into other options, under the same URL: what
// the options do not say is as [New] sets it by default, whatever New was told.
// Only InMemory, History and WithoutDefaultTools are of no effect here. So
// Redeploy(Stateless()) turns a server with sessions into one without, under
// its clients' hands, and Redeploy() turns it back.
func (s *Server) Redeploy(opts ...Option) {
	config := newConfig(opts)
	s.redeploy(&config)
}

func (s *Server) redeploy(config *config) {
	s.mu.Lock()
	if config != nil {
		s.config.Store(config)
		s.sessions.standalone = config.standalone
	}
	killed := s.sessions.sortedLocked()
	for _, sess := range killed {
		if sess.standalone != nil {
			sess.standalone.stopAfter(0, true) // or its end would look like one in good order
		}
	}
	s.forgetLocked()
	s.tasks.dropLocked()
	s.mu.Unlock()
	// Connections go first, as in Close.
	s.conns.closeAll()
	for _, sess := range killed {
		sess.cancel()
	}
}

// settings are the options of the moment. What is to be of one piece, such as
// an exchange, asks once.
func (s *Server) settings() *config { return s.config.Load() }

// enter counts one piece of work that Close waits for; leave it with s.work.Done.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.work.Add(1)
	return true
}
