package faultnet

import (
	"bufio"
	"errors"
	"io"
	"maps"
	"net"
	"slices"
	"strconv"
	"sync"
)

// preface is what a client of HTTP/2 begins with (RFC 9113 section 3.4).
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// HTTP2Server speaks as much HTTP/2 as it takes to break it: it reads requests
// (their bodies; header blocks are not decoded) and leaves to Handle what is
// sent back, down to single frames. It grants all the room for uploads that is
// used up, but respects no window of the client: answers have to be small, below
// 16 KiB each.
type HTTP2Server struct {
	// Handle is called for every complete request, by the goroutine that reads
	// its connection: what it sends is on the wire before the next request of
	// that connection is read.
	Handle func(*Stream)

	mu     sync.Mutex
	closed bool
	conns  map[net.Conn]struct{}
	opened int
	served sync.WaitGroup
}

// Serve accepts connections until l is closed, and gives net.ErrClosed then. A
// TLS listener has to offer "h2" (see [TLSConfig]); over any other, clients
// need prior knowledge.
func (s *HTTP2Server) Serve(l net.Listener) error {
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		ordinal, ok := s.enter(conn)
		if !ok {
			_ = conn.Close()
			continue
		}
		s.served.Go(func() {
			defer s.leave(conn)
			_ = s.serve(conn, ordinal) // how a client ends its connection concerns no test
		})
	}
}

// Close ends all connections and waits for those who served them. It does not
// close the listener.
func (s *HTTP2Server) Close() {
	s.mu.Lock()
	s.closed = true
	open := slices.Collect(maps.Keys(s.conns))
	s.mu.Unlock()
	for _, conn := range open {
		_ = conn.Close()
	}
	s.served.Wait()
}

func (s *HTTP2Server) enter(conn net.Conn) (ordinal int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, false
	}
	if s.conns == nil {
		s.conns = make(map[net.Conn]struct{})
	}
	ordinal = s.opened
	s.opened++
	s.conns[conn] = struct{}{}
	return ordinal, true
}

func (s *HTTP2Server) leave(conn net.Conn) {
	_ = conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
}

func (s *HTTP2Server) serve(conn net.Conn, ordinal int) error {
	in := bufio.NewReader(conn)
	begin := make([]byte, len(preface))
	if _, err := io.ReadFull(in, begin); err != nil {
		return err
	}
	if string(begin) != preface {
		return errors.New("not HTTP/2")
	}
	c := &http2Conn{conn: conn, ordinal: ordinal, open: make(map[uint32]*Stream)}
	c.write(frame{kind: frameSettings})
	for {
		f, err := readFrame(in)
		if err != nil {
			return err
		}
		if whole := c.take(f); whole != nil {
			s.Handle(whole)
		}
	}
}

// http2Conn is one connection, used by the goroutine that reads it.
type http2Conn struct {
	conn    net.Conn
	ordinal int
	open    map[uint32]*Stream // requests that have not all arrived
}

// take handles a frame, and returns the request that it completes.
func (c *http2Conn) take(f frame) (whole *Stream) {
	switch f.kind {
	case frameHeaders:
		c.open[f.stream] = &Stream{ID: f.stream, Conn: c.ordinal, conn: c.conn}
	case frameData:
		c.grant(f)
		if s := c.open[f.stream]; s != nil {
			s.Body = append(s.Body, f.data()...)
		}
	case frameReset:
		delete(c.open, f.stream)
	case framePing, frameSettings:
		if !f.has(flagAck) {
			answer := frame{kind: f.kind, flags: flagAck}
			if f.kind == framePing {
				answer.payload = f.payload
			}
			c.write(answer)
		}
	case frameGoAway, frameWindowUpdate:
	}
	if (f.kind == frameHeaders || f.kind == frameData) && f.has(flagEndStream) {
		whole = c.open[f.stream]
		delete(c.open, f.stream)
	}
	return whole
}

// grant gives back the room that a DATA frame has used.
func (c *http2Conn) grant(f frame) {
	if len(f.payload) == 0 {
		return
	}
	room := numbers(uint32(len(f.payload))) //nolint:gosec // at most maxFrame
	c.write(frame{kind: frameWindowUpdate, payload: room}, frame{kind: frameWindowUpdate, stream: f.stream, payload: room})
}

func (c *http2Conn) write(frames ...frame) { writeFrames(c.conn, frames...) }

// writeFrames sends frames with one Write, which lets no other come in between. That
// the client has gone meanwhile is part of the game.
func writeFrames(conn net.Conn, frames ...frame) {
	var b []byte
	for _, f := range frames {
		b = f.appendTo(b)
	}
	_, _ = conn.Write(b)
}

// Stream is a request that has arrived, and the way to answer it. Its methods
// send what they are named for at once, whether it is allowed or not; they may
// be called by any goroutine.
type Stream struct {
	ID   uint32 // odd, rising within a connection
	Conn int    // ordinal of its connection, from 0
	Body []byte

	conn net.Conn
}

// Respond sends a whole response. header holds names, in lower case, and their
// values in turn.
func (s *Stream) Respond(status int, body []byte, header ...string) {
	writeFrames(s.conn, s.headers(status, header), frame{kind: frameData, flags: flagEndStream, stream: s.ID, payload: body})
}

// Begin sends the header and the first part of a response that goes on.
func (s *Stream) Begin(status int, body []byte, header ...string) {
	writeFrames(s.conn, s.headers(status, header), frame{kind: frameData, stream: s.ID, payload: body})
}

func (s *Stream) headers(status int, header []string) frame {
	block := appendField(nil, ":status", strconv.Itoa(status))
	for pair := range slices.Chunk(header, 2) {
		block = appendField(block, pair[0], pair[1])
	}
	return frame{kind: frameHeaders, flags: flagEndHeaders, stream: s.ID, payload: block}
}

// Reset sends RST_STREAM.
func (s *Stream) Reset(code Code) {
	writeFrames(s.conn, frame{kind: frameReset, stream: s.ID, payload: numbers(uint32(code))})
}

// GoAway sends GOAWAY: streams above last have not been and will not be processed.
// The connection stays open.
func (s *Stream) GoAway(last uint32, code Code) {
	writeFrames(s.conn, frame{kind: frameGoAway, payload: numbers(last, uint32(code))})
}

// Hangup closes the connection.
func (s *Stream) Hangup() { _ = s.conn.Close() }
