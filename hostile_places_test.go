package mcpclient_test

import (
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// endlessAttacks are the answers without an end; each may come wherever the client reads one.
func endlessAttacks() map[string]func() mcptest.Fault {
	return map[string]func() mcptest.Fault{
		"endless body":  mcptest.EndlessBody,
		"gzip bomb":     mcptest.GzipBomb,
		"endless line":  mcptest.EndlessLine,
		"endless event": mcptest.EndlessEvent,
		"gzip bomb of an event": func() mcptest.Fault {
			return mcptest.Respond(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", asStream)
				w.Header().Set("Content-Encoding", "gzip")
				zip, text := gzip.NewWriter(w), filled(block, "x")
				_, err := io.WriteString(zip, "data: ")
				for err == nil {
					_, err = io.WriteString(zip, text)
				}
			}))
		},
		"endless refusal": func() mcptest.Fault {
			return mcptest.Respond(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusBadRequest)
				text := filled(block, "x")
				for err := error(nil); err == nil; {
					_, err = io.WriteString(w, text)
				}
			}))
		},
		"depth bomb": func() mcptest.Fault { return mcptest.DepthBomb(2_000_000) },
	}
}

// The same attacks wherever the client reads an answer that is none to a call.
func TestP12BoundedMemoryWhereverAnswersAreRead(t *testing.T) {
	for place, aim := range map[string]func(mcptest.Fault) mcptest.Fault{
		"the probe":           func(f mcptest.Fault) mcptest.Fault { return f.On("server/discover") },
		"the handshake":       func(f mcptest.Fault) mcptest.Fault { return f.On("initialize") },
		"its confirmation":    func(f mcptest.Fault) mcptest.Fault { return f.On("notifications/initialized") },
		"a list":              func(f mcptest.Fault) mcptest.Fault { return f.On("tools/list") },
		"a notification":      func(f mcptest.Fault) mcptest.Fault { return f.On("notifications/roots/list_changed") },
		"the standalone GET":  func(f mcptest.Fault) mcptest.Fault { return f.OnHTTP(http.MethodGet) },
		"the end by a DELETE": func(f mcptest.Fault) mcptest.Fault { return f.OnHTTP(http.MethodDelete) },
	} {
		for name, attack := range endlessAttacks() {
			t.Run(place+", "+name, func(t *testing.T) {
				server := mcptest.New(t, mcptest.History(1), mcptest.StandaloneStream())
				fault := aim(attack())
				grown := peakHeap(func() { wholeLife(t, server, fault) })
				t.Logf("the heap grew by %d KiB", grown>>10)
				require.LessOrEqual(t, grown, int64(heapAllowance))
			})
		}
	}
}

// wholeLife opens a session at a server that misbehaves at one place, does with it what it can, and closes it. Whatever fails, fails
// with an error of the package, and soon.
func wholeLife(t *testing.T, server *mcptest.Server, fault mcptest.Fault) {
	t.Helper()
	defer server.Always(fault)()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	client := &mcpclient.Client{Retry: tryOnce, Roots: func(context.Context) ([]mcpclient.Root, error) { return nil, nil }}
	session, err := client.Connect(ctx, server.URL())
	if err != nil {
		asCallError(t, err)
		return
	}
	for _, call := range []func() error{
		func() error { _, err := session.CallTool(ctx, "echo", nil); return err },
		func() error { _, err := mcpclient.Collect(session.Tools(ctx)); return err },
		func() error { return session.RootsChanged(ctx) },
		func() error { return session.Ping(ctx) },
	} {
		if err := call(); err != nil {
			asCallError(t, err)
			require.Less(t, len(err.Error()), 2000)
		}
	}
	require.NoError(t, ctx.Err())
	require.NoError(t, session.Close())
}
