package mcpclient_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// silences are the ways in which a server says nothing, for as long as anybody waits.
func silences() map[string]mcptest.Fault {
	half := mcptest.Respond(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		writeJSON(w, `{"jsonrpc":"2.0",`)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	refusal := mcptest.Respond(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	return map[string]mcptest.Fault{
		"no header": mcptest.Hang(), "half a body": half, "a refusal without an end": refusal, "slow": mcptest.Slow(time.Hour),
		"late": mcptest.Late(time.Hour), "an open stream": mcptest.Combine(mcptest.HoldOpen(), mcptest.NoAnswer()),
		"answers it holds back": slowAnswer(),
	}
}

// everyTransport is each era, and each way in which it answers.
func everyTransport() map[string][]mcptest.Option {
	return map[string][]mcptest.Option{
		"JSON": {mcptest.StandaloneStream()}, "streams": {mcptest.StandaloneStream(), mcptest.Streams()},
		"resumable": {mcptest.StandaloneStream(), mcptest.Resumable()}, "HTTP+SSE": {mcptest.HTTPSSE()}, "stateless": {mcptest.Stateless()},
	}
}

// TestP10CloseIsBounded: whatever the server does or does not, Close returns within CloseTimeout, and what was pending
// ends with ErrClosed.
func TestP10CloseIsBounded(t *testing.T) {
	closes, worst := 0, time.Duration(0)
	for era, opts := range everyTransport() {
		for _, name := range slices.Sorted(maps.Keys(silences())) {
			for _, limit := range []time.Duration{0, 300 * time.Millisecond, 5 * time.Second} {
				for _, reopening := range []bool{false, true} {
					t.Run(era+", "+name, func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) {
							server := tellingServer(t, append(opts, mcptest.InMemory())...)
							took := closeInSilence(t, server, silences()[name], limit, reopening)
							bound := limit
							if bound == 0 {
								bound = 2 * time.Second
							}
							require.LessOrEqual(t, took, bound)
							closes, worst = closes+1, max(worst, time.Duration(float64(2*time.Second)*took.Seconds()/bound.Seconds()))
						})
					})
				}
			}
		}
	}
	t.Logf("P10: %d times Close at a silent server: with CloseTimeout 2 s it takes %v at most", closes, worst)
}

// closeInSilence closes a session of which nothing is answered any more, with calls and a Listen pending, and a
// handshake if reopening says so. It returns how long that took.
func closeInSilence(t *testing.T, server *mcptest.Server, silence mcptest.Fault, limit time.Duration, reopening bool) time.Duration {
	t.Helper()
	session := sessionOf(t, server, &mcpclient.Client{CloseTimeout: limit, HandshakeTimeout: time.Hour})
	ear := listenTo(t, session, everything())
	ear.accepted()
	synctest.Wait()
	defer server.Always(silence.When(func(mcptest.Request) bool { return !reopening }))()
	if reopening { // each call is refused, and the handshake that it waits for is silent
		defer server.Always(silence.On("initialize", "server/discover"))()
		server.Restart()
	}
	pending := map[string]func(context.Context) error{
		"a tool":     func(ctx context.Context) error { return nonced(ctx, session, "x") },
		"a list":     func(ctx context.Context) error { _, err := mcpclient.Collect(session.Tools(ctx)); return err },
		"a ping":     func(ctx context.Context) error { return session.Ping(ctx) },
		"idempotent": func(ctx context.Context) error { return nonced(ctx, session, "y", mcpclient.WithIdempotent()) },
	}
	ended := make(chan error, len(pending))
	for _, call := range pending {
		go func() { ended <- call(context.Background()) }()
	}
	require.NoError(t, after(t.Context(), 20*time.Millisecond))
	synctest.Wait()
	before := len(ended)
	began := time.Now()
	require.NoError(t, session.Close())
	took := time.Since(began)
	for i := range len(pending) {
		err := <-ended
		if refused, ok := errors.AsType[*mcpclient.HTTPError](err); ok && refused.StatusCode == http.StatusInternalServerError {
			continue // the server has answered, though not to the end
		}
		if i >= before {
			require.ErrorIs(t, err, mcpclient.ErrClosed)
			asCallError(t, err)
		}
	}
	require.ErrorIs(t, ear.end(), mcpclient.ErrClosed)
	require.ErrorIs(t, session.Err(), mcpclient.ErrClosed)
	return took
}
