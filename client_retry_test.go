package mcpclient_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// promiseRetry: three times, within the deadline, as the server asks, and never so often that it adds to an overload.
func promiseRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.Start(mcptest.InMemory())
		defer server.Close()
		session := promised(t, server, &mcpclient.Client{HTTPClient: server.HTTPClient()})
		call := func(ctx context.Context, options ...mcpclient.CallOption) error {
			_, err := session.CallTool(ctx, "echo", nil, options...)
			return err
		}
		busy := mcptest.Status(http.StatusServiceUnavailable, http.Header{"Retry-After": {"3"}}, "restarting").On("tools/call")

		server.Next(busy.Times(2))
		began := time.Now()
		require.NoError(t, call(t.Context()))
		require.GreaterOrEqual(t, time.Since(began), 6*time.Second, "as the server asks")

		server.Next(busy.Times(3))
		require.Equal(t, 3, evidence(t, call(t.Context())).Attempts, "three times")

		short, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		server.Next(busy)
		began = time.Now()
		require.Equal(t, 1, evidence(t, call(short)).Attempts, "within the deadline")
		require.Zero(t, time.Since(began), "what cannot fit is not waited for")

		server.Next(mcptest.DropAfter().On("tools/call"))
		require.NoError(t, call(t.Context(), mcpclient.WithIdempotent()))
		server.Next(mcptest.DropAfter().On("tools/call"))
		require.Equal(t, mcpclient.DeliveryUnknown, evidence(t, call(t.Context())).Delivery, "and nothing that may not be executed twice")

		server.Always(busy)
		for range 500 {
			require.Error(t, call(t.Context()))
		}
		stats := session.Stats()
		require.LessOrEqual(t, stats.Retries, int64(20), "nor adds to an overload")
		require.Positive(t, stats.RetriesOverBudget)
	})
}
