package mcpclient_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// TestGuardOneRestartForEachSession: to a call with credentials of its own a server may deny the session that lives on. A list
// that begins anew meets the same refusal on the same session; it does so once, not again and again.
func TestGuardOneRestartForEachSession(t *testing.T) {
	stage := newLossStage(t, nil, mcptest.PageSize(1))
	second := mcptest.Status(404, nil, "Session not found").On("tools/list").When(func(r mcptest.Request) bool { return bytes.Contains(r.Body, []byte(`"cursor"`)) })
	stage.server.Always(second)
	tools, err := mcpclient.Collect(stage.session.Tools(t.Context(), mcpclient.WithHeader("Authorization", "Bearer of-another")))
	sessionErrorOf(t, err)
	require.Len(t, tools, 1)
	require.Equal(t, 4, stage.arrived("tools/list"), "two pages, twice")
	require.Equal(t, 1, stage.server.Initializes())
}
