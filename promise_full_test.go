package mcpclient_test

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// The tests TestP1 to TestP16 hold the promises of RELIABILITY.md. Each logs its figures in one line.

var fullSize = flag.Bool("full", false, "hold the promises (TestP1 to TestP16) at the size of their figures")

// sized is how large a test of a promise is: small, unless the figures themselves are asked for.
func sized(small, full int) int {
	if *fullSize {
		return full
	}
	return small
}

// quantile returns the value that a part q of the sorted values does not exceed.
func quantile[T cmp.Ordered](sorted []T, q float64) T {
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// spread tells p50, p99, p99.9 and the worst of some durations.
type spread struct{ p50, p99, p999, worst time.Duration }

func spreadOf(all []time.Duration) spread {
	slices.Sort(all)
	return spread{quantile(all, 0.5), quantile(all, 0.99), quantile(all, 0.999), all[len(all)-1]}
}

func (s spread) String() string {
	round := func(d time.Duration) time.Duration { return d.Round(time.Microsecond) }
	return fmt.Sprintf("p50 %v, p99 %v, p99.9 %v, worst %v", round(s.p50), round(s.p99), round(s.p999), round(s.worst))
}

// backoff is the wait of an application that repeats a call itself, for the n-th time: full jitter, as the session's own.
func backoff(n int) time.Duration {
	return rand.N(min(500*time.Millisecond<<min(n, 10), 10*time.Second) + 1)
}

// persist makes the call until it succeeds, whenever RetryAfter says that this makes sense.
func persist(ctx context.Context, call func(context.Context) error) error {
	for n := 0; ; n++ {
		err := call(ctx)
		if err == nil {
			return nil
		}
		wait, again := mcpclient.RetryAfter(err)
		if !again {
			return fmt.Errorf("call %d: %w", n+1, err)
		}
		if wait == 0 {
			wait = backoff(n)
		}
		if err := after(ctx, wait); err != nil {
			return err
		}
	}
}

// nonced is a call of echo that the ledger can tell from every other.
func nonced(ctx context.Context, session *mcpclient.Session, nonce string, opts ...mcpclient.CallOption) error {
	result, err := session.CallTool(ctx, "echo", map[string]string{"text": nonce, "nonce": nonce}, opts...)
	if err == nil && result.Text() != nonce {
		return fmt.Errorf("call %s got the answer to %s", nonce, result.Text())
	}
	return err
}

// inBubble runs test with a server in memory, in fake time.
func inBubble(t *testing.T, test func(t *testing.T, server *mcptest.Server), opts ...mcptest.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(t, mcptest.New(t, append(opts, mcptest.InMemory())...))
	})
}

func TestQuantiles(t *testing.T) {
	require.Equal(t, 5, quantile([]int{1, 2, 3, 4, 5, 6, 7, 8}, 0.5))
	require.Equal(t, 8, quantile([]int{1, 2, 3, 4, 5, 6, 7, 8}, 1))
	require.Equal(t, "p50 2ms, p99 3ms, p99.9 3ms, worst 3ms", spreadOf([]time.Duration{3e6, 1e6, 2e6}).String())
}
