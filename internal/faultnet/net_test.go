package faultnet_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/internal/faultnet"
)

// A wiring connects a client with a server, with the faults on one of the sides.
type wiring func(t *testing.T, faults *faultnet.Net) (client, server net.Conn)

// tcp listens on a port; wrapped tells which side the faults are laid over.
func tcp(wrapped string) wiring {
	return func(t *testing.T, faults *faultnet.Net) (client, server net.Conn) {
		t.Helper()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close()
		dial := faultnet.Dial(new(net.Dialer).DialContext)
		accepting := l
		if wrapped == "listener" {
			accepting = faults.Listener(l)
		} else {
			dial = faults.Dial(dial)
		}
		client, err = dial(t.Context(), "tcp", l.Addr().String())
		require.NoError(t, err)
		server, err = accepting.Accept()
		require.NoError(t, err)
		return closed(t, client, server)
	}
}

func pipe(t *testing.T, faults *faultnet.Net) (client, server net.Conn) {
	t.Helper()
	here, server := net.Pipe()
	client, err := faults.Dial(func(context.Context, string, string) (net.Conn, error) { return here, nil })(t.Context(), "", "")
	require.NoError(t, err)
	return closed(t, client, server)
}

func closed(t *testing.T, client, server net.Conn) (net.Conn, net.Conn) {
	t.Helper()
	t.Cleanup(func() {
		_ = client.Close() // after a fault it may be closed already
		_ = server.Close()
	})
	return client, server
}

func wirings() map[string]wiring {
	return map[string]wiring{"over a listener": tcp("listener"), "over a dialer": tcp("dialer"), "over a pipe": pipe}
}

// outcome is what a side has read until the end, and how it ended.
type outcome struct {
	text string
	err  error
}

// drained reads conn to its end in the background.
func drained(conn net.Conn) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		text, err := io.ReadAll(conn)
		done <- outcome{string(text), err}
	}()
	return done
}

func TestAConnectionInPeace(t *testing.T) {
	for name, wire := range wirings() {
		t.Run(name, func(t *testing.T) {
			faults := faultnet.New(faultnet.Always(faultnet.Plan{}))
			client, server := wire(t, faults)
			up := drained(server)
			_, err := client.Write([]byte("question"))
			require.NoError(t, err)
			require.NoError(t, client.Close())
			require.Equal(t, outcome{"question", nil}, <-up)
			require.Equal(t, "connection 0: up in peace, down in peace; passed 8 up, 0 down", faults.Log()[0].String())
		})
	}
}

// Each end, in the direction of the server: the receiver gets what passed before, and then learns what it is to learn.
func TestHowAFlowEnds(t *testing.T) {
	for name, wire := range wirings() {
		for _, end := range []faultnet.End{faultnet.Close, faultnet.HalfClose} {
			t.Run(name+", up "+end.String(), func(t *testing.T) {
				client, server := wire(t, faultnet.New(faultnet.Always(faultnet.Plan{Up: faultnet.Flow{After: 4, End: end}})))
				up := drained(server)
				_, _ = client.Write([]byte("question")) // what the sender learns is told below
				require.Equal(t, outcome{"ques", nil}, <-up)
			})
			t.Run(name+", down "+end.String(), func(t *testing.T) {
				client, server := wire(t, faultnet.New(faultnet.Always(faultnet.Plan{Down: faultnet.Flow{After: 3, End: end}})))
				down := drained(client)
				_, _ = server.Write([]byte("answer"))
				require.Equal(t, outcome{"ans", nil}, <-down)
			})
		}
		t.Run(name+", down reset", func(t *testing.T) {
			client, server := wire(t, faultnet.New(faultnet.Always(faultnet.Plan{Down: faultnet.Flow{End: faultnet.Reset}})))
			down := drained(client)
			_, _ = server.Write([]byte("answer"))
			require.ErrorIs(t, (<-down).err, syscall.ECONNRESET)
		})
	}
}

// The end strikes with the byte after those that may pass: what fits to the byte arrives in peace.
func TestAnEndStrikesWithTheNextByte(t *testing.T) {
	for name, wire := range wirings() {
		t.Run(name, func(t *testing.T) {
			faults := faultnet.New(faultnet.Always(faultnet.Plan{Up: faultnet.Flow{After: 8, End: faultnet.Close}}))
			client, server := wire(t, faults)
			sent := make(chan error, 1)
			go func() {
				_, err := client.Write([]byte("question"))
				sent <- err
			}()
			got := make([]byte, 8)
			_, err := io.ReadFull(server, got)
			require.NoError(t, err)
			require.NoError(t, <-sent)
			require.Equal(t, faultnet.Passage{Passed: 8}, faults.Log()[0].Up)

			up := drained(server)
			_, _ = client.Write([]byte("!"))
			require.Equal(t, outcome{"", nil}, <-up)
			require.Equal(t, faultnet.Passage{Passed: 8, Struck: true}, faults.Log()[0].Up)
		})
	}
}

// Over TCP a reset is a RST, which the far side gets as well; a pipe just ends.
func TestAResetReachesBothSides(t *testing.T) {
	for name, wire := range wirings() {
		t.Run(name, func(t *testing.T) {
			client, server := wire(t, faultnet.New(faultnet.Always(faultnet.Plan{Up: faultnet.Flow{After: 4, End: faultnet.Reset}})))
			up, down := drained(server), drained(client)
			_, err := client.Write([]byte("question"))
			if name == "over a listener" {
				require.NoError(t, err, "it left before the reset came")
			} else {
				require.ErrorIs(t, err, syscall.ECONNRESET)
			}
			require.ErrorIs(t, (<-down).err, syscall.ECONNRESET)
			if name == "over a pipe" {
				require.Equal(t, outcome{"ques", nil}, <-up)
			} else {
				require.ErrorIs(t, (<-up).err, syscall.ECONNRESET)
			}
			_, err = client.Write([]byte("more"))
			require.Error(t, err)
		})
	}
}

func TestWritesAfterTheEnd(t *testing.T) {
	for name, wire := range map[string]wiring{"over a dialer": tcp("dialer"), "over a pipe": pipe} {
		for end, want := range map[faultnet.End]error{
			faultnet.Close: syscall.EPIPE, faultnet.Reset: syscall.ECONNRESET, faultnet.BlackHole: nil,
		} {
			t.Run(name+", "+end.String(), func(t *testing.T) {
				client, _ := wire(t, faultnet.New(faultnet.Always(faultnet.Plan{Up: faultnet.Flow{End: end}})))
				for range 2 {
					n, err := client.Write([]byte("question"))
					require.ErrorIs(t, err, want)
					if want == nil {
						require.Equal(t, len("question"), n, "the sender believes that it was sent")
					}
				}
			})
		}
	}
}

// The half that is not closed goes on, and what is sent into the closed one is lost without an error.
func TestTheOtherHalfLivesOn(t *testing.T) {
	client, server := tcp("dialer")(t, faultnet.New(faultnet.Always(faultnet.Plan{Up: faultnet.Flow{After: 4, End: faultnet.HalfClose}})))
	for range 2 {
		n, err := client.Write([]byte("question"))
		require.NoError(t, err)
		require.Equal(t, 8, n)
	}
	require.Equal(t, outcome{"ques", nil}, <-drained(server))
	_, err := server.Write([]byte("answer"))
	require.NoError(t, err)
	require.NoError(t, server.Close())
	require.Equal(t, outcome{"answer", nil}, <-drained(client))
}

// In a black hole a side waits, however its peer ends, until its deadline or until it closes; its peer notices nothing.
func TestABlackHole(t *testing.T) {
	for name, wire := range wirings() {
		t.Run(name, func(t *testing.T) {
			faults := faultnet.New(faultnet.Always(faultnet.Plan{
				Up: faultnet.Flow{After: 2, End: faultnet.BlackHole}, Down: faultnet.Flow{After: 3, End: faultnet.BlackHole},
			}))
			client, server := wire(t, faults)
			got, up := make([]byte, 8), drained(server)
			go func() { _, _ = server.Write([]byte(strings.Repeat("answer", 1000))) }()
			n, err := io.ReadFull(client, got[:3])
			require.NoError(t, err)
			require.Equal(t, "ans", string(got[:n]))
			sent, err := client.Write([]byte("question"))
			require.NoError(t, err)
			require.Equal(t, 8, sent)

			require.NoError(t, client.SetReadDeadline(time.Now().Add(time.Millisecond)))
			_, err = client.Read(got)
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			require.NoError(t, client.SetDeadline(time.Time{}))
			waiting := drained(client)
			require.NoError(t, client.Close())
			require.ErrorIs(t, (<-waiting).err, net.ErrClosed)
			if name == "over a listener" {
				require.NoError(t, server.Close()) // the client's end is lost in the hole as well
				require.ErrorIs(t, (<-up).err, net.ErrClosed)
				return
			}
			require.Equal(t, outcome{"qu", nil}, <-up)
			log := faults.Log()[0]
			require.Equal(t, faultnet.Passage{Passed: 2, Struck: true}, log.Up)
			require.Equal(t, faultnet.Passage{Passed: 3, Struck: true}, log.Down)
		})
	}
}

// The peer's end does not come through a black hole, over a pipe neither.
func TestABlackHoleHidesTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := pipe(t, faultnet.New(faultnet.Always(faultnet.Plan{Down: faultnet.Flow{End: faultnet.BlackHole}})))
		down := drained(client)
		_, err := server.Write([]byte("answer"))
		require.NoError(t, err, "somebody has to read a pipe")
		require.NoError(t, server.Close())
		synctest.Wait()
		require.Empty(t, down)
		require.NoError(t, client.Close())
		require.ErrorIs(t, (<-down).err, net.ErrClosed)
	})
}

func TestSlicesAndDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := pipe(t, faultnet.New(faultnet.Always(faultnet.Plan{
			Up:   faultnet.Flow{Slice: 3, Delay: time.Second},
			Down: faultnet.Flow{Slice: 2, Delay: time.Minute},
		})))
		began := time.Now()
		go func() { _, _ = client.Write([]byte("question")) }()
		var pieces []string
		for piece := make([]byte, 10); len(pieces) < 3; {
			n, err := server.Read(piece)
			require.NoError(t, err)
			pieces = append(pieces, string(piece[:n]))
		}
		require.Equal(t, []string{"que", "sti", "on"}, pieces)
		require.Equal(t, 3*time.Second, time.Since(began))

		began = time.Now()
		go func() { _, _ = server.Write([]byte("fine")) }()
		answer := make([]byte, 4)
		_, err := io.ReadFull(client, answer)
		require.NoError(t, err)
		require.Equal(t, "fine", string(answer))
		require.Equal(t, 2*time.Minute, time.Since(began))
	})
}

// Close ends a delay: nobody has to wait for bytes that nobody wants any more.
func TestCloseEndsADelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := pipe(t, faultnet.New(faultnet.Always(faultnet.Plan{Up: faultnet.Flow{Delay: time.Hour}})))
		began, failed := time.Now(), make(chan error, 1)
		go func() {
			_, err := client.Write([]byte("question"))
			failed <- err
		}()
		synctest.Wait()
		require.NoError(t, client.Close())
		require.ErrorIs(t, <-failed, io.ErrClosedPipe)
		require.Zero(t, time.Since(began))
		require.NoError(t, server.Close())
	})
}

// A plan may change under a live connection, which is how a fault meets the second request of a connection.
func TestChange(t *testing.T) {
	for name, wire := range wirings() {
		t.Run(name, func(t *testing.T) {
			faults := faultnet.New(faultnet.Always(faultnet.Plan{}))
			client, server := wire(t, faults)
			down, reading := make([]byte, 6), make(chan outcome, 1)
			go func() { _, _ = server.Write([]byte("answer")) }()
			_, err := io.ReadFull(client, down)
			require.NoError(t, err)

			go func() { reading <- <-drained(client) }() // may be reading already when the plan changes
			faults.Change(faultnet.Plan{Down: faultnet.Flow{After: 2, End: faultnet.Close}})
			go func() { _, _ = server.Write([]byte("another")) }()
			require.Equal(t, outcome{"an", nil}, <-reading)
			faults.Change(faultnet.Plan{})
			_, err = client.Read(down)
			require.ErrorIs(t, err, io.EOF, "what has ended does not begin again")
			require.Equal(t, faultnet.Record{Down: faultnet.Passage{Passed: 8, Struck: true}}, faults.Log()[0])
		})
	}
}

func TestListenersAndDialersShareOneSequence(t *testing.T) {
	faults := faultnet.New(faultnet.Script(
		faultnet.Plan{}, faultnet.Plan{Up: faultnet.Flow{Slice: 5}}, faultnet.Plan{Down: faultnet.Flow{Delay: time.Second, End: faultnet.Reset, After: 7}}))
	for _, wire := range []wiring{tcp("listener"), tcp("dialer"), pipe, pipe} {
		wire(t, faults)
	}
	var log []string
	for _, record := range faults.Log() {
		log = append(log, record.String())
	}
	require.Equal(t, []string{
		"connection 0: up in peace, down in peace; passed 0 up, 0 down",
		"connection 1: up in slices of 5, down in peace; passed 0 up, 0 down",
		"connection 2: up in peace, down 1s late reset after 7; passed 0 up, 0 down",
		"connection 3: up in peace, down in peace; passed 0 up, 0 down",
	}, log)
}

func TestWhatCannotBeOpenedDoesNotCount(t *testing.T) {
	faults := faultnet.New(faultnet.Always(faultnet.Plan{}))
	broken := errors.New("no route")
	_, err := faults.Dial(func(context.Context, string, string) (net.Conn, error) { return nil, broken })(t.Context(), "tcp", "nobody.invalid:1")
	require.ErrorIs(t, err, broken)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	_, err = faults.Listener(l).Accept()
	require.ErrorIs(t, err, net.ErrClosed)
	require.Empty(t, faults.Log())
}
