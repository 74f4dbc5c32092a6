package mcpclient_test

import (
	"context"
	"net/http"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// TestP11NothingIsLeftBehind: after Close, Detach or a failed Connect there is no goroutine, no connection and no memory
// left, however often.
func TestP11NothingIsLeftBehind(t *testing.T) {
	cycles := sized(300, 10_000)
	var servers []*mcptest.Server
	for _, opts := range [][]mcptest.Option{{mcptest.StandaloneStream()}, {mcptest.Resumable()}, {mcptest.HTTPSSE()}, {mcptest.Stateless()}} {
		servers = append(servers, mcptest.New(t, append(opts, mcptest.History(1))...))
	}
	failing := make([]*mcptest.Server, 3)
	for i, fault := range []mcptest.Fault{mcptest.HTML(), mcptest.Status(http.StatusInternalServerError, nil, ""), mcptest.Hang()} {
		failing[i] = mcptest.New(t, mcptest.History(1))
		failing[i].Always(fault.When(func(mcptest.Request) bool { return true }))
	}
	nobody := "http://" + refusedPort(t) + "/mcp"
	cycle := func(i int) {
		if i%5 == 4 {
			failToConnect(t, []string{nobody, failing[0].URL(), failing[1].URL(), failing[2].URL()}[i/5%4])
			return
		}
		liveOnce(t, servers[i%5], i)
	}
	for i := range 40 { // what the process keeps for good is there after these
		cycle(i)
	}
	others := goleak.IgnoreCurrent()
	goroutines, files, heap := settled(t, others, 0)
	for i := range cycles {
		cycle(i)
	}
	laterGoroutines, laterFiles, laterHeap := settled(t, others, files)
	t.Logf("P11: %d sessions and failed connects: goroutines %+d, open files %+d, heap %+d KiB",
		cycles, laterGoroutines-goroutines, laterFiles-files, (int64(laterHeap)-int64(heap))>>10)
	require.LessOrEqual(t, laterGoroutines, goroutines)
	require.LessOrEqual(t, laterFiles, files)
	require.Less(t, int64(laterHeap)-int64(heap), int64(1<<20))
}

// settled returns how many goroutines and files, and how much heap, are there when what has just ended is over.
func settled(t *testing.T, others goleak.Option, wantFiles int) (goroutines, files int, heap uint64) {
	t.Helper()
	http.DefaultClient.CloseIdleConnections()
	require.NoError(t, goleak.Find(others)) // waits for those that are just ending
	if _, err := os.Stat("/proc/self/fd"); err == nil {
		deadline := time.Now().Add(5 * time.Second)
		for files = openFiles(t); wantFiles > 0 && files > wantFiles && time.Now().Before(deadline); files = openFiles(t) {
			require.NoError(t, after(t.Context(), 10*time.Millisecond)) // a server's half of a connection goes a moment later
		}
	}
	for range 3 {
		runtime.GC()
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return runtime.NumGoroutine(), files, memory.HeapAlloc
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(entries)
}

// liveOnce is a session from Connect to its end, of which there are several kinds.
func liveOnce(t *testing.T, server *mcptest.Server, i int) {
	t.Helper()
	session, err := mcpclient.Connect(t.Context(), server.URL())
	require.NoError(t, err)
	require.NoError(t, echoOn(t.Context(), session))
	if i%3 == 1 {
		for range session.Listen(t.Context(), mcpclient.Filter{Tools: true}) {
			break
		}
	}
	if i%7 == 3 {
		server.ForgetSessions()
		require.NoError(t, echoOn(t.Context(), session))
	}
	if i%11 != 5 {
		require.NoError(t, session.Close())
		return
	}
	if _, err := session.Detach(); err != nil { // HTTP+SSE has nothing to hand over
		require.ErrorIs(t, err, mcpclient.ErrUnsupported)
		require.NoError(t, session.Close())
	}
}

func failToConnect(t *testing.T, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	_, err := mcpclient.Connect(ctx, url)
	asCallError(t, err)
}
