package mcpclient_test

import (
	"context"
	"testing"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
	"github.com/stretchr/testify/require"
)

func TestSmoke(t *testing.T) {
	srv := mcptest.New(t, mcptest.Stateless())
	client := &mcpclient.Client{Elicit: func(ctx context.Context, e *mcpclient.Elicitation) (*mcpclient.ElicitationReply, error) {
		return mcpclient.Accept(map[string]any{"name": "x"}), nil
	}}
	s, err := client.Connect(t.Context(), srv.URL())
	require.NoError(t, err)
	t.Log(s.Server())
	tools, err := mcpclient.Collect(s.Tools(t.Context()))
	require.NoError(t, err)
	require.Len(t, tools, 2)
	r, err := s.CallTool(t.Context(), "echo", map[string]any{"text": "hé"})
	require.NoError(t, err)
	t.Log(r.Text())
	require.NoError(t, s.Ping(t.Context()))
	for _, r := range srv.Requests() {
		t.Log(r.Method, r.Status, r.Header, string(r.Body))
	}
	require.NoError(t, s.Close())
}
