//go:build !race

package mcpclient_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
)

// TestCallAllocations keeps a call lean. Where it fails for a good reason, record the new figures; the tolerance is for
// other versions of Go. Under the race detector pools give away what they hold, so there is nothing to measure.
func TestCallAllocations(t *testing.T) {
	for _, c := range []struct {
		name     string
		answer   leanAnswer
		options  []mcpclient.CallOption
		recorded float64
	}{
		{"JSON", leanJSON(100), nil, 63},
		{"a stream", leanStream(100), nil, 70},
		{"100 KB", leanJSON(100_000), nil, 67},
		{"with options", leanJSON(100), []mcpclient.CallOption{
			mcpclient.WithProgress(func(mcpclient.Progress) {}), mcpclient.WithMeta("k", "v"), mcpclient.WithHeader("X-Call", "1"),
		}, 91},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := allocatedBy(t, c.answer, c.options...)
			t.Logf("%.0f allocations, the server's included", got)
			require.LessOrEqual(t, got, 1.15*c.recorded)
		})
	}
}
