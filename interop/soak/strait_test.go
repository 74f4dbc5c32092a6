package main

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/Shopify/toxiproxy/v2/stream"
	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/interop/internal/child"
)

// echoes returns the address of a server that sends back what it gets, and how many bytes that have been.
func echoes(t *testing.T) (address string, got *atomic.Int64) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	got, ended := new(atomic.Int64), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(conn, io.TeeReader(conn, counter{got}))
			}()
		}
	}()
	t.Cleanup(func() {
		require.NoError(t, listener.Close())
		<-ended
	})
	return listener.Addr().String(), got
}

// counter counts what is written to it.
type counter struct{ n *atomic.Int64 }

func (c counter) Write(b []byte) (int, error) {
	c.n.Add(int64(len(b)))
	return len(b), nil
}

func openStrait(t *testing.T) (*strait, *atomic.Int64) {
	t.Helper()
	port, err := child.FreePort(t.Context(), 29000, 29500)
	require.NoError(t, err)
	address, got := echoes(t)
	s := newStrait(port, address, rand.New(rand.NewPCG(1, 2)))
	require.NoError(t, s.unblock(t.Context()))
	t.Cleanup(s.close)
	return s, got
}

func dial(t *testing.T, s *strait) (net.Conn, error) {
	t.Helper()
	return (&net.Dialer{}).DialContext(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)))
}

// through sends text and returns what comes back, up to the end of the connection or the length of the text.
func through(t *testing.T, s *strait, text []byte) []byte {
	t.Helper()
	conn, err := dial(t, s)
	require.NoError(t, err)
	defer conn.Close()
	_, _ = conn.Write(text)
	back := make([]byte, len(text))
	n, _ := io.ReadFull(conn, back)
	return back[:n]
}

func suffered(s *strait) map[string]int {
	counts := map[string]int{}
	s.counts(counts)
	return counts
}

func TestStraitPassesOn(t *testing.T) {
	s, _ := openStrait(t)
	text := bytes.Repeat([]byte("hold fast "), 1000)
	require.Equal(t, text, through(t, s, text))
	require.Equal(t, map[string]int{"none": 1}, suffered(s))
}

func TestStraitCutsAfterALimit(t *testing.T) {
	s, got := openStrait(t)
	limit := func(*rand.Rand) toxics.Toxic { return &toxics.LimitDataToxic{Bytes: 17} }
	text := bytes.Repeat([]byte("x"), 100)
	s.disturb(disturbance{"cut", 1, limit, stream.Downstream})
	require.Len(t, through(t, s, text), 17)
	require.EqualValues(t, 100, got.Load(), "the request has got through")

	s.disturb(disturbance{"cut", 1, limit, stream.Upstream})
	require.LessOrEqual(t, len(through(t, s, text)), 17)
	s.close() // and with it what was on its way
	require.LessOrEqual(t, got.Load(), int64(117))
}

func TestStraitLetsEveryKindEnd(t *testing.T) {
	s, _ := openStrait(t)
	for _, kind := range disturbances() {
		kind.share = 1
		s.disturb(kind)
		through(t, s, []byte("hold fast"))
	}
	s.close() // returns after the last connection, whatever it suffers
	seen := suffered(s)
	for _, kind := range disturbances() {
		require.Equal(t, 1, seen[kind.name], kind.name)
	}
}

func TestStraitBlocked(t *testing.T) {
	s, _ := openStrait(t)
	conn, err := dial(t, s)
	require.NoError(t, err)
	_, err = conn.Write([]byte("x"))
	require.NoError(t, err)
	_, err = io.ReadFull(conn, make([]byte, 1)) // so it has been let in
	require.NoError(t, err)
	s.block()
	_, err = conn.Read(make([]byte, 1))
	require.Error(t, err)
	require.NoError(t, conn.Close())
	_, err = dial(t, s)
	require.Error(t, err)
	require.NoError(t, s.unblock(t.Context()))
	require.Equal(t, []byte("again"), through(t, s, []byte("again")))
}

func TestRotationLeavesNothingOut(t *testing.T) {
	r := newRotation(rand.New(rand.NewPCG(3, 4)))
	for range 3 {
		seen := map[string]bool{}
		for range disturbances() {
			seen[r.turn().name] = true
		}
		require.Len(t, seen, len(disturbances()))
	}
}
