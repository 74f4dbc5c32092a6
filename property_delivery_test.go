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

// The cases of this file were found by the state machine of property/.

// TestDeliveryOnlyGetsWorse: what an earlier attempt has left open, no later one can close again.
func TestDeliveryOnlyGetsWorse(t *testing.T) {
	busy := mcptest.Status(http.StatusTooManyRequests, nil, "later")
	far := mcptest.Status(http.StatusTooManyRequests, http.Header{"Retry-After": {"90"}}, "much later")
	for name, c := range map[string]struct {
		faults []mcptest.Fault
		want   mcpclient.Delivery
	}{
		"a stumble, then a refusal":                  {[]mcptest.Fault{mcptest.Status(502, nil, "no"), far}, mcpclient.DeliveryUnknown},
		"executed and cut, then a refusal":           {[]mcptest.Fault{mcptest.DropAfter(), far}, mcpclient.DeliveryUnknown},
		"a stumble, then a lost session":             {[]mcptest.Fault{mcptest.Status(502, nil, "no"), mcptest.Refuse(mcptest.TypeScript)}, mcpclient.DeliveryUnknown},
		"a refusal, then another":                    {[]mcptest.Fault{busy, far}, mcpclient.DeliveryRefused},
		"a stumble, then an answer of the server":    {[]mcptest.Fault{mcptest.Status(502, nil, "no"), outOfOrder()}, mcpclient.DeliveryAnswered},
		"a refusal, a stumble and then a refusal":    {[]mcptest.Fault{busy, mcptest.Status(502, nil, "no"), far}, mcpclient.DeliveryUnknown},
		"a refusal, and then nothing for the better": {[]mcptest.Fault{busy, busy, busy}, mcpclient.DeliveryRefused},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := mcptest.New(t, mcptest.InMemory())
				client := &mcpclient.Client{HTTPClient: server.HTTPClient(), Reinitialize: mcpclient.ReinitializeOnly}
				session, err := client.Connect(t.Context(), server.URL())
				require.NoError(t, err)
				defer session.Close()
				for _, fault := range c.faults {
					server.Next(fault.On("tools/call"))
				}
				_, err = session.CallTool(t.Context(), "echo", map[string]string{"text": "x"}, mcpclient.WithIdempotent())
				var call *mcpclient.CallError
				require.ErrorAs(t, err, &call)
				require.Equal(t, c.want, call.Delivery, "%v", err)
				require.Equal(t, len(c.faults), call.Attempts)
				require.Empty(t, server.Unused())
			})
		})
	}
}

func outOfOrder() mcptest.Fault {
	return mcptest.ErrorAnswer(0, &mcpclient.RPCError{Code: -32603, Message: "out of order"})
}

// TestNotSentMeansNoAttempt: a call that was refused once has been sent, even
// if its last attempt found nobody.
func TestNotSentMeansNoAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory())
		client := &mcpclient.Client{HTTPClient: server.HTTPClient(), Retry: mcpclient.RetryPolicy{Attempts: 2}}
		session, err := client.Connect(t.Context(), server.URL())
		require.NoError(t, err)
		defer session.Close()
		server.Next(mcptest.Status(http.StatusTooManyRequests, http.Header{"Retry-After": {"5"}}, "later").On("tools/call"))
		late := time.AfterFunc(time.Second, server.Close) // in the middle of the wait: nobody is there for the repeat
		defer late.Stop()
		_, err = session.CallTool(t.Context(), "echo", map[string]string{"text": "x"})
		var call *mcpclient.CallError
		require.ErrorAs(t, err, &call)
		require.Equal(t, 2, call.Attempts)
		require.Equal(t, mcpclient.DeliveryRefused, call.Delivery, "%v", err)
	})
}

// TestARepeatIsCountedOnce: a call that lost its session first, and was then
// repeated for another reason, has been sent again once for either.
func TestARepeatIsCountedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory())
		client := &mcpclient.Client{HTTPClient: server.HTTPClient()}
		session, err := client.Connect(t.Context(), server.URL())
		require.NoError(t, err)
		defer session.Close()
		server.Next(
			mcptest.Refuse(mcptest.TypeScript).On("tools/call"),
			mcptest.Status(http.StatusTooManyRequests, nil, "later").On("tools/call"),
		)
		_, err = session.CallTool(t.Context(), "echo", map[string]string{"text": "x"})
		require.NoError(t, err)
		require.EqualValues(t, 1, session.Stats().Resends)
		require.EqualValues(t, 1, session.Stats().Retries)
	})
}

// TestARepeatCountsWhenItIsSent: under a policy that gives a lost session up, a
// repeat that waited for longer than the session lived is not made.
func TestARepeatCountsWhenItIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory())
		retried := 0
		client := &mcpclient.Client{
			HTTPClient: server.HTTPClient(), Reinitialize: mcpclient.ReinitializeNever,
			Trace: &mcpclient.Trace{CallRetried: func(mcpclient.CallEvent) { retried++ }},
		}
		session, err := client.Connect(t.Context(), server.URL())
		require.NoError(t, err)
		defer session.Close()
		server.Next(mcptest.Status(http.StatusTooManyRequests, http.Header{"Retry-After": {"10"}}, "later").On("tools/call"))
		late := time.AfterFunc(time.Second, func() {
			server.ForgetSessions()
			_ = session.Ping(context.Background()) // which notices
		})
		defer late.Stop()
		_, err = session.CallTool(t.Context(), "echo", map[string]string{"text": "x"})
		var call *mcpclient.CallError
		require.ErrorAs(t, err, &call)
		require.Equal(t, mcpclient.DeliveryRefused, call.Delivery)
		require.Equal(t, 1, call.Attempts)
		require.Error(t, session.Err())
		require.Zero(t, session.Stats().Retries)
		require.Zero(t, retried)
	})
}
