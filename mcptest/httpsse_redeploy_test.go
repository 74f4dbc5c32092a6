package mcptest_test

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// TestHTTPSSERedeploy: the transport may change under a client's hands, too.
func TestHTTPSSERedeploy(t *testing.T) {
	w := open(t)
	redeploy := func(opts ...mcptest.Option) {
		w.srv.Redeploy(opts...)
		w.srv.HTTPClient().CloseIdleConnections() // they were cut, and a POST on one would fail
	}
	redeploy(mcptest.HTTPSSE())
	require.Equal(t, 405, w.post(w.message("ping", "")).status)
	old := connectOld(t, w.srv)
	old.callEcho("old")
	require.Contains(t, old.result(), "old")

	redeploy()
	_, err := old.stream.next()
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, 404, old.post(old.message("ping", "")).status)
	require.Equal(t, "new", connect(t, w.srv).echo("new"))
}

func TestHTTPSSEDropListens(t *testing.T) {
	w := openOld(t)
	require.Equal(t, 1, w.srv.Listening())
	w.srv.DropListens()
	_, err := w.stream.next()
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.NoError(t, w.srv.Await(t.Context(), func() bool { return len(w.srv.Sessions()) == 0 }))
	require.Zero(t, w.srv.Forgotten())
}
