package mcpclient_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// TestGuardRetryBudgetIsFullAtItsStart: a long time of peace does not save up for a storm of repeats.
func TestGuardRetryBudgetIsFullAtItsStart(t *testing.T) {
	retried(t, new(mcpclient.Client), func(t *testing.T, server *mcptest.Server, session *mcpclient.Session) {
		for range 200 {
			require.NoError(t, calls(session)(t.Context()))
		}
		defer server.Always(mcptest.Status(429, nil, "").On("tools/call"))()
		for range 30 {
			require.Error(t, calls(session)(t.Context()))
		}
		require.EqualValues(t, 10, session.Stats().Retries)
	})
}

// TestGuardRetriesSpread: clients that one outage has hit at the same moment do not come back at the same moment.
func TestGuardRetriesSpread(t *testing.T) {
	const clients, base = 60, time.Minute
	quarters := make([]int, 4)
	for range clients {
		retried(t, &mcpclient.Client{Retry: mcpclient.RetryPolicy{Base: base, Cap: base}}, func(t *testing.T, server *mcptest.Server, session *mcpclient.Session) {
			server.Next(mcptest.Status(429, nil, "").On("tools/call"))
			require.NoError(t, calls(session)(t.Context()))
			quarters[min(3, gaps(server, "tools/call")[0]*4/base)]++
		})
	}
	for _, n := range quarters { // one of 8 million runs leaves a quarter empty
		require.NotZero(t, n, "%v", quarters)
	}
}

// TestGuardHTTP2RefusalOfAResend: where net/http may have sent a request before on its own account, the server's refusal of the
// last sending proves nothing about the first.
func TestGuardHTTP2RefusalOfAResend(t *testing.T) {
	server := mcptest.New(t)
	through := new(rerouted)
	transport := new(http.Transport)
	t.Cleanup(transport.CloseIdleConnections)
	through.set(transport)
	session := sessionOf(t, server, &mcpclient.Client{Retry: tryOnce, HTTPClient: &http.Client{Transport: through}})
	through.set(roundTripper(func(*http.Request) (*http.Response, error) {
		return nil, errors.New(`http2: Transport received GOAWAY from server ErrCode:NO_ERROR, debug=""`)
	}))
	require.Equal(t, mcpclient.DeliveryRefused, asCallError(t, calls(session)(t.Context())).Delivery)
	require.Equal(t, mcpclient.DeliveryUnknown, asCallError(t, lists(session)(t.Context())).Delivery)
	through.set(transport)
}

// TestGuardRetryEndsAtOnce: the wait before a repeat is the caller's, who need not wait for its end.
func TestGuardRetryEndsAtOnce(t *testing.T) {
	policy := mcpclient.RetryPolicy{Base: time.Hour, Cap: time.Hour}
	retried(t, &mcpclient.Client{Retry: policy}, func(t *testing.T, server *mcptest.Server, session *mcpclient.Session) {
		server.Next(mcptest.Status(429, nil, "").On("tools/call"))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		began := time.Now()
		time.AfterFunc(time.Millisecond, cancel)
		require.ErrorIs(t, calls(session)(ctx), context.Canceled)
		require.Equal(t, time.Millisecond, time.Since(began))
		require.Len(t, requestsBy(server, http.MethodPost, "tools/call"), 1)
	})
}
