package authtest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strconv"
	"sync"
)

// network is a loopback interface in memory: servers listen on ports of its
// 127.0.0.1, and only its DialContext reaches them.
type network struct {
	mu        sync.Mutex
	last      int // port
	listeners map[string]*memoryListener
}

func newNetwork() *network {
	return &network{last: 40000, listeners: make(map[string]*memoryListener)}
}

func (n *network) listen() *memoryListener {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.last++
	address := memoryAddr(net.JoinHostPort("127.0.0.1", strconv.Itoa(n.last)))
	listener := &memoryListener{address: address, dialed: make(chan net.Conn), closed: make(chan struct{})}
	n.listeners[address.String()] = listener
	return listener
}

// DialContext fits [net/http.Transport.DialContext].
func (n *network) DialContext(ctx context.Context, _, address string) (net.Conn, error) {
	n.mu.Lock()
	listener := n.listeners[address]
	n.mu.Unlock()
	failed := func(err error) error {
		return &net.OpError{Op: "dial", Net: "memory", Addr: memoryAddr(address), Err: err}
	}
	if listener == nil {
		return nil, failed(errors.New("nobody listens there"))
	}
	here, there := net.Pipe()
	select {
	case listener.dialed <- there:
		return here, nil
	case <-listener.closed:
		return nil, failed(net.ErrClosed)
	case <-ctx.Done():
		return nil, failed(ctx.Err())
	}
}

type memoryListener struct {
	address memoryAddr
	dialed  chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

// Accept implements [net.Listener].
func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.dialed:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (l *memoryListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr implements [net.Listener].
func (l *memoryListener) Addr() net.Addr { return l.address }

type memoryAddr string

func (memoryAddr) Network() string  { return "memory" }
func (a memoryAddr) String() string { return string(a) }

func trust(certificate *x509.Certificate) *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(certificate)
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}
