package mcpclient_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// fleet is many clients of one server, and the network between them.
type fleet struct {
	server   *mcptest.Server
	sessions []*mcpclient.Session
	down     atomic.Bool // nothing answers at the server's address

	mu    sync.Mutex
	tries []try
}

// try is one request of a client, whatever comes of it.
type try struct {
	client int
	at     time.Time
}

func newFleet(t *testing.T, server *mcptest.Server, size int, settings func(*mcpclient.Client)) *fleet {
	t.Helper()
	f := &fleet{server: server, sessions: make([]*mcpclient.Session, size)}
	for i := range f.sessions {
		client := &mcpclient.Client{HTTPClient: &http.Client{Transport: f.route(i)}}
		if settings != nil {
			settings(client)
		}
		session, err := client.Connect(t.Context(), server.URL())
		require.NoError(t, err)
		t.Cleanup(func() { _ = session.Close() })
		f.sessions[i] = session
	}
	return f
}

// route is the way of one client's requests.
func (f *fleet) route(client int) http.RoundTripper {
	open := f.server.HTTPClient().Transport
	return roundTripFunc(func(r *http.Request) (*http.Response, error) {
		f.mu.Lock()
		f.tries = append(f.tries, try{client, time.Now()})
		f.mu.Unlock()
		if f.down.Load() {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
		}
		return open.RoundTrip(r)
	})
}

// peak is the largest number of clients with a request in any 100 ms from one moment to another.
func (f *fleet) peak(from, to time.Time) int {
	const window = 100 * time.Millisecond
	f.mu.Lock()
	defer f.mu.Unlock()
	slices.SortStableFunc(f.tries, func(a, b try) int { return a.at.Compare(b.at) })
	inside, present, most := 0, make(map[int]int), 0
	for _, one := range f.tries {
		if one.at.Before(from) || !one.at.Before(to) {
			continue
		}
		for ; one.at.Sub(f.tries[inside].at) >= window || f.tries[inside].at.Before(from); inside++ {
			if gone := f.tries[inside]; present[gone.client] > 1 {
				present[gone.client]--
			} else {
				delete(present, gone.client)
			}
		}
		present[one.client]++
		most = max(most, len(present))
	}
	return most
}

// listening has each of the sessions listen and returns, for each, the times of what it hears.
func (f *fleet) listening(t *testing.T, sessions []*mcpclient.Session) (heard []chan time.Time) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var all errgroup.Group
	heard = make([]chan time.Time, len(sessions))
	for i, session := range sessions {
		heard[i] = make(chan time.Time, 1000)
		all.Go(func() error {
			for _, err := range session.Listen(ctx, mcpclient.Filter{Tools: true}) {
				if err != nil {
					return err
				}
				heard[i] <- time.Now()
			}
			return nil
		})
	}
	t.Cleanup(func() {
		cancel()
		require.ErrorIs(t, all.Wait(), context.Canceled, "a Listen ends only when it is left")
	})
	for _, times := range heard {
		<-times
	}
	return heard
}

// An outage is a way in which a server is away for a while.
type outage struct {
	name       string
	begin, end func(f *fleet)
}

func outages() []outage {
	var open func()
	return []outage{
		{"restarted", func(f *fleet) { f.down.Store(true); f.server.Restart() }, func(f *fleet) { f.down.Store(false) }},
		{"sessions kept", func(f *fleet) { f.down.Store(true); f.server.DropListens() }, func(f *fleet) { f.down.Store(false) }},
		{"overloaded", func(f *fleet) {
			busy := mcptest.Status(http.StatusServiceUnavailable, http.Header{"Retry-After": {"1"}}, "")
			open = f.server.Always(busy.When(func(mcptest.Request) bool { return true }))
			f.server.Restart()
		}, func(*fleet) { open() }},
		{"no new session", func(f *fleet) {
			open = f.server.Always(mcptest.Status(http.StatusBadGateway, nil, "").On("initialize", "server/discover"))
			f.server.Restart()
		}, func(*fleet) { open() }},
	}
}

// TestP6RecoveryAfterAnyOutage: however long the server was away, those who listen and those who go on calling are
// back soon after it is, with the same Session.
func TestP6RecoveryAfterAnyOutage(t *testing.T) {
	lengths := []time.Duration{time.Second, 30 * time.Second, 30 * time.Minute}
	if *fullSize {
		lengths = []time.Duration{time.Second, 10 * time.Second, 30 * time.Second, 5 * time.Minute, 30 * time.Minute}
	}
	var all recovery
	for _, kind := range outages() {
		for _, length := range lengths {
			size := sized(10, 1000)
			if *fullSize && kind.name == "overloaded" && length > time.Minute {
				size = 100 // that server is asked every second
			}
			inBubble(t, func(t *testing.T, server *mcptest.Server) {
				f := newFleet(t, server, size, nil)
				back := f.suffer(t, kind, length)
				all.listeners = append(all.listeners, back.listeners...)
				all.callers = append(all.callers, back.callers...)
				t.Logf("P6: %s for %v, %d sessions: %v", kind.name, length, len(f.sessions), back)
			}, mcptest.StandaloneStream(), mcptest.History(1))
		}
	}
	t.Logf("P6: together: %v", all)
	for _, back := range []spread{spreadOf(all.listeners), spreadOf(all.callers)} {
		require.LessOrEqual(t, back.p50, 3*time.Second)
		require.Less(t, back.worst, 12*time.Second)
		if *fullSize { // else it is the worst of too few
			require.LessOrEqual(t, back.p99, 10*time.Second)
		}
	}
}

// recovery is how long after the server each client is back.
type recovery struct{ listeners, callers []time.Duration }

func (r recovery) String() string {
	return fmt.Sprintf("who listens is back after %v; who calls after %v", spreadOf(r.listeners), spreadOf(r.callers))
}

// suffer takes the server away from the clients, of which half listen and half call.
func (f *fleet) suffer(t *testing.T, kind outage, length time.Duration) recovery {
	t.Helper()
	half := len(f.sessions) / 2
	heard := f.listening(t, f.sessions[:half])
	kind.begin(f)
	back := time.Now().Add(length)
	callers := make([]time.Duration, half)
	var group errgroup.Group
	for i, session := range f.sessions[half:] {
		group.Go(func() error {
			err := persist(t.Context(), func(ctx context.Context) error { return nonced(ctx, session, fmt.Sprint(i)) })
			callers[i] = max(0, time.Since(back))
			return err
		})
	}
	require.NoError(t, after(t.Context(), length))
	kind.end(f)
	require.NoError(t, group.Wait())
	require.Empty(t, f.server.Repeated())

	listeners := make([]time.Duration, half)
	for i, times := range heard {
		listeners[i] = next(times, back).Sub(back)
	}
	for _, session := range f.sessions {
		require.NoError(t, session.Err())
	}
	return recovery{listeners, callers}
}

// next is the first of the times that is not before the earliest.
func next(times <-chan time.Time, earliest time.Time) time.Time {
	for at := range times {
		if !at.Before(earliest) {
			return at
		}
	}
	return time.Time{}
}
