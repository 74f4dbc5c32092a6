package mcpclient_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// noticing is how long it takes until the tries of clients that lost their server in the same moment have spread: the
// first wait is half a second at most.
const noticing = 10 * time.Second

// requireSpread holds that never more than 5 % of the clients are at the door in the same 100 ms. A small fleet is
// allowed the chance that comes with small numbers.
func requireSpread(t *testing.T, clients, peak int) {
	t.Helper()
	require.LessOrEqual(t, 100*peak, sized(12, 5)*clients)
}

// TestP8NoSynchronisedStorm: the clients of a server that is away for a minute spread their tries, while it is away and
// when it is back, whether they listen or call.
func TestP8NoSynchronisedStorm(t *testing.T) {
	clients := sized(150, 1000)
	for name, opts := range map[string][]mcptest.Option{"one stream a session": {mcptest.StandaloneStream()}, "a stream for each": {mcptest.Stateless()}} {
		inBubble(t, func(t *testing.T, server *mcptest.Server) {
			f := newFleet(t, server, clients, nil)
			heard := f.listening(t, f.sessions)
			f.endure(t, "who listen, "+name, func() {
				now := time.Now()
				for _, times := range heard {
					next(times, now)
				}
			})
		}, append(opts, mcptest.History(1))...)
	}
	for name, settings := range map[string]func(*mcpclient.Client){
		"who loop on RetryAfter, with Attempts 1": func(c *mcpclient.Client) { c.Retry.Attempts = 1 },
		"who make one call, with Attempts 100":    func(c *mcpclient.Client) { c.Retry.Attempts = 100 },
	} {
		inBubble(t, func(t *testing.T, server *mcptest.Server) {
			f := newFleet(t, server, clients, settings)
			var group errgroup.Group
			for i, session := range f.sessions {
				group.Go(func() error {
					if err := after(t.Context(), 2*time.Second+time.Duration(i)*time.Second/time.Duration(clients)); err != nil {
						return err
					}
					return persist(t.Context(), func(ctx context.Context) error { return nonced(ctx, session, fmt.Sprint(i)) })
				})
			}
			f.endure(t, name, func() { require.NoError(t, group.Wait()) })
			require.Equal(t, clients, server.Executed())
		}, mcptest.History(1))
	}
}

// endure takes the server away for a minute. awaitAll returns when every client is back.
func (f *fleet) endure(t *testing.T, who string, awaitAll func()) {
	t.Helper()
	const length = time.Minute
	require.NoError(t, after(t.Context(), time.Second)) // past what belongs to the start
	f.down.Store(true)
	f.server.Restart()
	began := time.Now()
	require.NoError(t, after(t.Context(), length))
	f.down.Store(false)
	back := time.Now()
	awaitAll()

	clients := len(f.sessions)
	first, away, returned := f.peak(began, began.Add(noticing)), f.peak(began.Add(noticing), back), f.peak(back, time.Now().Add(1))
	t.Logf("P8: %d clients %s, server away for %v: in the busiest 100 ms %d while it is away, %d when it is back (%d when all notice)",
		clients, who, length, away, returned, first)
	requireSpread(t, clients, away)
	requireSpread(t, clients, returned)
}

// TestP8BackoffOutlastsAShortRecovery: only after 30 s without a failure does a stream begin with short waits again.
func TestP8BackoffOutlastsAShortRecovery(t *testing.T) {
	clients := sized(150, 1000)
	for name, opts := range map[string][]mcptest.Option{"one stream a session": {mcptest.StandaloneStream()}, "a stream for each": {mcptest.Stateless()}} {
		inBubble(t, func(t *testing.T, server *mcptest.Server) {
			f := newFleet(t, server, clients, nil)
			heard := f.listening(t, f.sessions)
			// cut takes the server away, brings it back, and returns the peak of the first tries and when all are back.
			cut := func() (peak int) {
				began := time.Now()
				f.down.Store(true)
				server.Restart()
				require.NoError(t, after(t.Context(), time.Minute))
				f.down.Store(false)
				back := time.Now()
				for _, times := range heard {
					next(times, back)
				}
				require.NoError(t, after(t.Context(), time.Second))
				return f.peak(began, began.Add(time.Second))
			}
			require.NoError(t, after(t.Context(), time.Minute))
			healthy := cut()
			shaken := cut()
			require.NoError(t, after(t.Context(), time.Minute))
			recovered := cut()
			t.Logf("P8: %d clients, %s: in the busiest 100 ms after a cut %d, after another one soon after %d, after a healthy minute %d",
				clients, name, healthy, shaken, recovered)
			requireSpread(t, clients, shaken)
			require.Greater(t, 100*healthy, 12*clients, "the first wait is short")
			require.Greater(t, 100*recovered, 12*clients, "and is again")
		}, append(opts, mcptest.History(1))...)
	}
}
