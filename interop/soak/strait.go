package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"

	"github.com/Shopify/toxiproxy/v2/stream"
	"github.com/Shopify/toxiproxy/v2/toxics"
)

// strait is the stretch of network between the client and a witness: a TCP forwarder on a fixed port whose connections suffer a toxic of
// toxiproxy. A connection keeps the toxic of its birth. toxiproxy's own proxy changes the toxics of living connections, and can block
// for ever where one of them is about to end; this one only ever makes new ones.
type strait struct {
	port   int
	target string // address

	mu       sync.Mutex
	random   *rand.Rand
	kind     disturbance
	suffered map[string]int // connections by kind of disturbance
	listener net.Listener   // nil while closed
	open     map[net.Conn]struct{}
	running  sync.WaitGroup // the goroutines of all connections, and the one that accepts them
}

func newStrait(port int, target string, random *rand.Rand) *strait {
	return &strait{
		port: port, target: target, random: random, kind: disturbance{name: "none"},
		suffered: map[string]int{}, open: map[net.Conn]struct{}{},
	}
}

// disturb sets what connections suffer from now on.
func (s *strait) disturb(kind disturbance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kind = kind
}

// unblock listens. It does nothing if it does already.
func (s *strait) unblock(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != nil {
		return nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", s.port))
	if err != nil {
		return err
	}
	s.listener = listener
	s.running.Go(func() { s.accept(listener) })
	return nil
}

// block refuses new connections and ends those that are open.
func (s *strait) block() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return
	}
	_ = s.listener.Close() // also ends accept
	s.listener = nil
	for conn := range s.open {
		_ = conn.Close()
	}
}

// close is block for good: it returns after the last connection.
func (s *strait) close() {
	s.block()
	s.running.Wait()
}

func (s *strait) accept(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		server, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", s.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		s.running.Go(func() { s.connect(listener, client, server) })
	}
}

// connect carries one connection to its end.
func (s *strait) connect(listener net.Listener, client, server net.Conn) {
	up, down, ok := s.admit(listener, client, server)
	defer s.dismiss(client, server)
	if !ok {
		return
	}
	var ways sync.WaitGroup
	for _, way := range []struct {
		from, to net.Conn
		toxic    toxics.Toxic
	}{{client, server, up}, {server, client, down}} {
		// The end of one way is that of the connection: HTTP has no use for half of one.
		ways.Go(func() { carry(way.to, way.from, way.toxic, func() { s.dismiss(client, server) }) })
	}
	ways.Wait()
}

// admit draws what the connection suffers. ok is false if the strait has been blocked meanwhile.
func (s *strait) admit(listener net.Listener, conns ...net.Conn) (up, down toxics.Toxic, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != listener {
		return nil, nil, false
	}
	for _, conn := range conns {
		s.open[conn] = struct{}{}
	}
	if s.kind.make == nil || s.random.Float32() >= s.kind.share {
		s.suffered["none"]++
		return nil, nil, true
	}
	s.suffered[s.kind.name]++
	toxic := s.kind.make(s.random)
	if _, isReset := toxic.(*toxics.ResetToxic); isReset {
		for _, conn := range conns {
			if tcp, isTCP := conn.(*net.TCPConn); isTCP {
				_ = tcp.SetLinger(0) // closing sends RST
			}
		}
	}
	if s.kind.way == stream.Upstream {
		return toxic, nil, true
	}
	return nil, toxic, true
}

func (s *strait) dismiss(conns ...net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range conns {
		delete(s.open, conn)
		_ = conn.Close()
	}
}

// counts returns how many connections suffered what.
func (s *strait) counts(into map[string]int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for kind, n := range s.suffered {
		into[kind] += n
	}
}

// carry copies one way of a connection through a toxic, to its end, which it then makes the end of the whole connection.
func carry(to io.Writer, from io.Reader, toxic toxics.Toxic, end func()) {
	defer end()
	if toxic == nil {
		_, _ = io.Copy(to, from)
		return
	}
	in, out := make(chan *stream.StreamChunk, bufferOf(toxic)), make(chan *stream.StreamChunk)
	stub := toxics.NewToxicStub(in, out)
	if stateful, ok := toxic.(toxics.StatefulToxic); ok {
		stub.State = stateful.NewState()
	}
	var helpers sync.WaitGroup
	defer helpers.Wait()
	helpers.Go(func() {
		writer := stream.NewChanWriter(in)
		_, _ = io.Copy(writer, from)
		_ = writer.Close()
	})
	helpers.Go(func() {
		stub.Run(&toxics.ToxicWrapper{Toxic: toxic, Toxicity: 1})
		drain(in) // a toxic that has ended the connection takes no more
	})
	_, _ = io.Copy(to, stream.NewChanReader(out))
	end()
	drain(out) // the receiver went away: what the toxic still holds goes nowhere
}

// drain takes all that comes, until the writer closes the channel.
func drain(chunks <-chan *stream.StreamChunk) {
	for range chunks {
	}
}

func bufferOf(toxic toxics.Toxic) int {
	if buffered, ok := toxic.(toxics.BufferedToxic); ok {
		return buffered.GetBufferSize()
	}
	return 0
}
