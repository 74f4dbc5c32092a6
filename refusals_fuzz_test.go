package mcpclient_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
)

// FuzzRefusedCall: whatever a server answers a call with, status line and headers included, the call ends with a result or a typed
// error that claims no more than the status proves, and costs at most the session that it was sent on: if that one has been replaced
// meanwhile, its refusal costs nothing.
func FuzzRefusedCall(f *testing.F) {
	for _, c := range answeredRefusals(f) {
		raw := bytes.ReplaceAll(c.raw, fmt.Appendf(nil, `"id":%d`, c.id), []byte(`"id":2`))
		if len(raw) != len(c.raw) { // its Content-Length would be wrong
			raw = c.raw
		}
		f.Add(raw, false)
		f.Add(raw, true)
	}
	f.Fuzz(func(t *testing.T, raw []byte, late bool) {
		synctest.Test(t, func(t *testing.T) {
			refuseOnce(t, overHTTP(raw, http.MethodPost), late)
		})
	})
}

// refuseOnce has one call meet the reply. late: only when the session that it was sent on is no longer the current one.
func refuseOnce(t *testing.T, refusal *memoryReply, late bool) {
	t.Helper()
	server := &memoryServer{}
	arrived, release := make(chan struct{}), make(chan struct{})
	met := false
	server.instead = func(_ context.Context, m *wireMessage) *memoryReply {
		if m.Method != "tools/call" || met {
			return nil
		}
		met = true
		close(arrived)
		<-release
		return refusal
	}
	session := server.connect(t)
	var err error
	var call sync.WaitGroup
	call.Go(func() { _, err = session.CallTool(t.Context(), "echo", nil) })
	<-arrived
	if late {
		require.NoError(t, session.Reinitialize(t.Context()))
	}
	before := session.ID()
	close(release)
	call.Wait()

	stats := session.Stats()
	if late {
		require.Zero(t, stats.Losses, "a refusal counts against the session that it was given for")
		require.Equal(t, before, session.ID())
	}
	require.LessOrEqual(t, stats.Losses, int64(1))
	if stats.Losses > 0 {
		require.NoError(t, err, "a loss alone fails no call")
	}
	if err != nil {
		require.EqualValues(t, 0, stats.Resends)
		requireTyped(t, err)
		if mcpclient.SafeToRetry(err) {
			require.True(t, provesRefusal(refusal), "HTTP %d: %v", refusal.status, err)
		}
	}
	requireWorks(t, session)
}

// provesRefusal is what a status proves, written down a second time.
func provesRefusal(r *memoryReply) bool {
	busy := r.status == http.StatusServiceUnavailable && r.header.Get("Retry-After") != ""
	return r.failed == nil && (busy || r.status >= 300 && r.status < 500 && r.status != http.StatusSeeOther)
}
