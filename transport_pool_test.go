package mcpclient

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestPoolHeedsKeepAlive: a connection goes before the server ends it; the least patient of several servers counts.
func TestPoolHeedsKeepAlive(t *testing.T) {
	header := ""
	var connections atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if header != "" {
			w.Header().Set("Keep-Alive", header)
		}
		_, _ = io.WriteString(w, "ok")
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	p := newPool(Limits{ConcurrentCalls: 10, ResponseHeader: 64 << 10})
	defer p.closeIdle()

	for _, step := range []struct {
		header      string
		want        time.Duration
		connections int64
	}{
		{"", 4 * time.Second, 1},
		{"max=100", 4 * time.Second, 1},
		{"timeout=5", 4 * time.Second, 1},
		{"timeout=3, max=1000", 2 * time.Second, 1},
		{"timeout=3, max=999", 2 * time.Second, 2}, // after the replacement
		{"timeout=60", 2 * time.Second, 2},         // of another server
		{`timeout="1"`, 500 * time.Millisecond, 2},
		{"timeout=0", 500 * time.Millisecond, 3},
		{"timeout=soon", 500 * time.Millisecond, 3},
	} {
		header = step.header
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader("{}"))
		require.NoError(t, err)
		response, err := p.roundTrip(request)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, step.want, p.idleTimeout(), step.header)
		require.Equal(t, step.connections, connections.Load(), step.header)
	}

	patient := newPool(Limits{})
	patient.heed("timeout=600")
	require.Equal(t, maxIdleConnTimeout, patient.idleTimeout(), "the first server to say so may also ask for more")
}
