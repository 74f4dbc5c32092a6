package authtest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Server is an authorization server that runs in the test's own process. It is
// safe for concurrent use; clients, faults and lifetimes may be changed while
// it runs.
type Server struct {
	config  config
	network *network // nil: TCP
	client  *http.Client
	url     string
	key     *ecdsa.PrivateKey // signs what this server vouches for: ID tokens, ID-JAGs, workloads

	ctx    context.Context // ends with Close
	cancel context.CancelFunc

	mu      sync.Mutex
	serving []*httptest.Server // itself, and the resources that Serve has started
	mounted []*Resource
	script  script
	ledger  ledger
	clients map[string]*client
	codes   map[string]*code
	access  map[string]*grantedToken
	refresh map[string]*refreshToken
	proofs  proofBook
	trusted map[string]crypto.PublicKey // by issuer: whose assertions are taken for a grant
	aliases map[clientAt]string         // the id that a client of this server has at another one
	seen    seen
}

// clientAt names a client of this server at another authorization server.
type clientAt struct{ id, issuer string }

// seen is what may come once, and has come.
type seen struct {
	codes      map[string]bool   // sent to the token endpoint
	assertions map[string]bool   // client assertions and ID-JAGs, by issuer and jti
	refused    map[string]bool   // assertions that were refused
	states     map[string]string // state -> the query that carried it
	challenges map[string]string // code_challenge -> the query that carried it
}

// NewServer starts a server and closes it when the test and its subtests are
// done. What a client has done against the specifications by then fails the
// test, unless the server was started with [AllowViolations].
func NewServer(tb testing.TB, opts ...Option) *Server {
	tb.Helper()
	s := Start(opts...)
	tb.Cleanup(func() {
		s.Close()
		if s.config.allowViolations {
			return
		}
		for _, text := range s.Violations() {
			tb.Errorf("authtest: the client broke a rule: %s", text)
		}
	})
	return s
}

// Start starts a server for programs and examples; the caller closes it. It
// panics if it cannot listen on a port of 127.0.0.1, as net/http/httptest does.
func Start(opts ...Option) *Server {
	s := &Server{
		config:  newConfig(opts),
		clients: make(map[string]*client),
		codes:   make(map[string]*code),
		access:  make(map[string]*grantedToken),
		refresh: make(map[string]*refreshToken),
		trusted: make(map[string]crypto.PublicKey),
		aliases: make(map[clientAt]string),
		proofs:  newProofBook(),
		seen: seen{
			codes:      make(map[string]bool),
			assertions: make(map[string]bool),
			refused:    make(map[string]bool),
			states:     make(map[string]string),
			challenges: make(map[string]string),
		},
	}
	s.script.lifetime = s.config.lifetime
	s.ctx, s.cancel = context.WithCancel(context.Background())
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic("authtest: " + err.Error())
	}
	s.key = key
	s.network = s.config.network
	s.client = &http.Client{Transport: new(http.Transport)}
	s.url = s.listen(s)
	s.trusted[s.platform()] = key.Public()
	return s
}

// listen serves handler on a port of its own and returns its URL.
func (s *Server) listen(handler http.Handler) string {
	listener := s.listener()
	scheme := "http://"
	if s.config.tls {
		scheme = "https://"
	}
	url := scheme + listener.Addr().String() // for the handler, before it is asked for
	if s.url == "" {
		s.url = url
	} else if r, ok := handler.(*Resource); ok {
		r.origin = url
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{
		Handler: handler,
		// A connection that says nothing is not to outlive a program that forgot it.
		ReadHeaderTimeout: time.Minute,
		// What net/http logs here is what faults are for.
		ErrorLog: log.New(io.Discard, "", 0),
	}}
	if s.config.tls {
		server.StartTLS()
	} else {
		server.Start()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.serving) == 0 {
		s.client.Transport = s.transport(server.Certificate())
	}
	s.serving = append(s.serving, server)
	return url
}

func (s *Server) listener() net.Listener {
	if s.network != nil {
		return s.network.listen()
	}
	listener, err := new(net.ListenConfig).Listen(s.ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		panic("authtest: " + err.Error())
	}
	return listener
}

// URL is the origin: http://127.0.0.1:port, or https with [TLS].
func (s *Server) URL() string { return s.url }

// Issuer is the issuer identifier: the URL, with the path of [IssuerPath].
func (s *Server) Issuer() string { return s.url + s.config.issuerPath }

// HTTPClient returns a client that reaches the server and its resources, and
// trusts their certificate. A server in memory is reached by no other.
func (s *Server) HTTPClient() *http.Client { return s.client }

// Close stops the server and the resources that it serves, and cuts their
// connections. Closing again does nothing.
func (s *Server) Close() {
	s.mu.Lock()
	serving := slices.Clone(s.serving)
	s.ledger.wakeLocked()
	s.mu.Unlock()
	s.cancel()
	for _, server := range slices.Backward(serving) {
		server.CloseClientConnections()
		server.Close()
	}
	s.client.CloseIdleConnections()
}

// ServeHTTP implements [http.Handler]: it is what is served at URL.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if resource := s.mountedAt(r.URL.Path); resource != nil {
		resource.ServeHTTP(w, r)
		return
	}
	endpoint, handle := s.route(r.URL.Path)
	s.serve(w, r, endpoint, handle)
}

func (s *Server) mountedAt(path string) *Resource {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, resource := range s.mounted {
		if resource.isEndpoint(path) || resource.isMetadata(path) {
			return resource
		}
	}
	return nil
}

func (s *Server) route(path string) (Endpoint, func(*exchange)) {
	if s.servesMetadata(path) {
		return ServerMetadata, s.serveMetadata
	}
	rest, ok := strings.CutPrefix(path, s.config.issuerPath)
	if !ok {
		return Elsewhere, notFound
	}
	switch {
	case rest == s.config.prefix+"/authorize":
		return AuthorizationEndpoint, s.authorize
	case rest == s.config.prefix+"/token":
		return TokenEndpoint, s.serveToken
	case rest == s.config.prefix+"/register" && !s.config.noRegistration:
		return RegistrationEndpoint, s.register
	case rest == s.config.prefix+"/revoke":
		return RevocationEndpoint, s.revoke
	case rest == s.config.prefix+"/jwks":
		return KeySet, s.serveKeys
	}
	return Elsewhere, notFound
}

func notFound(x *exchange) { x.page(http.StatusNotFound, "not found") }

func (s *Server) endpoint(name string) string {
	return s.Issuer() + s.config.prefix + "/" + name
}

// transport reaches the server, and in memory nothing else.
func (s *Server) transport(certificate *x509.Certificate) *http.Transport {
	transport := &http.Transport{MaxIdleConnsPerHost: 1024}
	if s.network != nil {
		transport.DialContext = s.network.DialContext
	}
	if certificate != nil {
		transport.TLSClientConfig = trust(certificate)
	}
	return transport
}

// random returns n random bytes as text.
func random(n int) string {
	raw := make([]byte, n)
	_, _ = rand.Read(raw) // never fails, as its documentation says
	return base64.RawURLEncoding.EncodeToString(raw)
}
