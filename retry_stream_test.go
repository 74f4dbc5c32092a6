package mcpclient_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// TestRetryAfterARefusedStream: a reply broke, and when the client is back for the rest the server knows neither the stream nor the
// session. A call that may run twice is asked again, on a new session; any other has an unknown outcome.
func TestRetryAfterARefusedStream(t *testing.T) {
	tests := map[string]struct {
		method string
		call   func(context.Context, *mcpclient.Session) error
		again  bool
	}{
		"a list": {"tools/list", func(ctx context.Context, s *mcpclient.Session) error {
			_, err := mcpclient.Collect(s.Tools(ctx))
			return err
		}, true},
		"a tool": {"tools/call", func(ctx context.Context, s *mcpclient.Session) error {
			_, err := s.CallTool(ctx, "echo", nil)
			return err
		}, false},
		"a tool that may run twice": {"tools/call", func(ctx context.Context, s *mcpclient.Session) error {
			_, err := s.CallTool(ctx, "echo", nil, mcpclient.WithIdempotent())
			return err
		}, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := mcptest.New(t, mcptest.InMemory(), mcptest.Resumable(), mcptest.RetryHint(time.Minute))
				session := sessionOf(t, server, new(mcpclient.Client))
				server.Next(mcptest.BreakStream(1).On(test.method))
				done := make(chan error)
				go func() { done <- test.call(t.Context(), session) }()
				synctest.Wait() // it waits for its time to come back
				server.ForgetSessions()
				err := <-done
				synctest.Wait()
				if !test.again {
					requireUnknown(t, err)
					require.Zero(t, session.Stats().Retries)
					require.Len(t, requestsBy(server, "POST", test.method), 1)
					return
				}
				require.NoError(t, err)
				require.EqualValues(t, 1, session.Stats().Retries)
				require.EqualValues(t, 1, session.Stats().Losses)
				require.EqualValues(t, 2, session.Stats().Initializes)
			})
		})
	}
}
