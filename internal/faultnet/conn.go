package faultnet

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// conn is one side of a connection with faults in it. As with any [net.Conn],
// goroutines may use it at once, but the slices of two Writes would mix.
type conn struct {
	net.Conn
	reads, writes *flow

	ended atomic.Int32  // the End that both directions have come to, or Never
	void  net.Conn      // where nothing ever arrives, with the deadlines of this side
	gone  chan struct{} // closed with the connection
	shut  sync.Once
}

func newConn(inner net.Conn, reads, writes *flow) *conn {
	void, _ := net.Pipe()
	return &conn{Conn: inner, reads: reads, writes: writes, void: void, gone: make(chan struct{})}
}

// Read implements [io.Reader].
func (c *conn) Read(p []byte) (int, error) {
	if end := c.reads.over(); end != Never {
		return c.readAfter(end, p)
	}
	size, _ := c.reads.piece(len(p))
	n, err := c.Conn.Read(p[:size])
	if n == 0 {
		return 0, c.told("read", err)
	}
	_, delay := c.reads.piece(n)
	c.wait(delay)
	passing, end := c.reads.take(n)
	if end != Never {
		c.strike(end)
		if passing == 0 {
			return c.readAfter(end, p)
		}
	}
	return passing, nil // an err comes again
}

// readAfter is Read after the flow's end.
func (c *conn) readAfter(end End, p []byte) (int, error) {
	switch end {
	case BlackHole:
		return c.swallow(p)
	case Close, Reset:
		return 0, c.told("read", net.ErrClosed)
	default:
		return 0, io.EOF
	}
}

// swallow reads what nobody is to see, the end of the flow included: the sender
// must not notice from a buffer that fills up, or from a pipe that nobody reads.
func (c *conn) swallow(p []byte) (int, error) {
	for {
		_, err := c.Conn.Read(p)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, net.ErrClosed):
			return 0, c.told("read", err)
		case err != nil:
			_, err := c.void.Read(p)
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				err = c.opError("read", net.ErrClosed)
			}
			return 0, c.told("read", err)
		}
	}
}

// Write implements [io.Writer].
func (c *conn) Write(p []byte) (int, error) {
	for written := 0; ; {
		if c.writes.over() != Never {
			return c.writeAfter(written, len(p))
		}
		size, delay := c.writes.piece(len(p) - written)
		c.wait(delay)
		passing, end := c.writes.take(size)
		if passing > 0 || size == 0 {
			n, err := c.Conn.Write(p[written : written+passing])
			written += n
			if err != nil {
				return written, c.told("write", err)
			}
		}
		if end != Never {
			c.strikeWrites(end)
		} else if written == len(p) {
			return written, nil
		}
	}
}

// writeAfter is Write after the flow's end: the sender of what is lost believes
// that it was sent.
func (c *conn) writeAfter(written, all int) (int, error) {
	if End(c.ended.Load()) != Never {
		return written, c.told("write", net.ErrClosed)
	}
	return all, nil
}

// told returns the error that this side would get if what happened to the
// connection had come over the wire.
func (c *conn) told(op string, err error) error {
	if err == nil {
		return nil
	}
	switch end := End(c.ended.Load()); {
	case end == Reset:
		return c.opError(op, os.NewSyscallError(op, syscall.ECONNRESET))
	case end == Close && op == "read":
		return io.EOF
	case end == Close:
		return c.opError(op, os.NewSyscallError(op, syscall.EPIPE))
	default:
		return err
	}
}

func (c *conn) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: c.RemoteAddr().Network(), Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

// strike ends both directions, if that is what end means.
func (c *conn) strike(end End) {
	if !end.whole() || !c.ended.CompareAndSwap(int32(Never), int32(end)) {
		return
	}
	if tcp, ok := c.Conn.(interface{ SetLinger(seconds int) error }); ok && end == Reset {
		_ = tcp.SetLinger(0) // Close sends a RST
	}
	_ = c.Conn.Close()
}

// strikeWrites is strike for the end of what this side sends.
func (c *conn) strikeWrites(end End) {
	if end == HalfClose && c.CloseWrite() != nil {
		end = Close
	}
	c.strike(end)
}

// CloseWrite closes the sending half, where the inner connection has halves.
func (c *conn) CloseWrite() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	return half.CloseWrite()
}

// Close implements [net.Conn].
func (c *conn) Close() error {
	c.shut.Do(func() {
		close(c.gone)
		_ = c.void.Close() // a pipe's Close does not fail
	})
	err := c.Conn.Close()
	if End(c.ended.Load()) != Never {
		return nil
	}
	return err
}

// SetDeadline implements [net.Conn].
func (c *conn) SetDeadline(t time.Time) error {
	_ = c.void.SetReadDeadline(t)
	return c.Conn.SetDeadline(t)
}

// SetReadDeadline implements [net.Conn].
func (c *conn) SetReadDeadline(t time.Time) error {
	_ = c.void.SetReadDeadline(t)
	return c.Conn.SetReadDeadline(t)
}

// wait keeps a piece back for d, unless the connection is closed meanwhile.
func (c *conn) wait(d time.Duration) {
	if d <= 0 {
		return
	}
	clock := time.NewTimer(d)
	defer clock.Stop()
	select {
	case <-clock.C:
	case <-c.gone:
	}
}
