package mcpclient_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// TestStatelessInvalidTools: a tool whose annotations break the rules is left out, and the log says which and why; its neighbours
// stay. Servers with sessions know no such annotations, and whatever stands there is none.
func TestStatelessInvalidTools(t *testing.T) {
	const schema = `{"type":"object","properties":{"a":{"type":"number","x-mcp-header":"A"}}}`
	for _, tt := range []struct {
		name    string
		options []mcptest.Option
		left    []string
	}{
		{"stateless", []mcptest.Option{mcptest.Stateless()}, []string{"echo", "add"}},
		{"sessions", nil, []string{"echo", "add", "odd"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := mcptest.New(t, tt.options...)
			server.AddTool(mcpclient.Tool{Name: "odd", InputSchema: json.RawMessage(schema)}, nil)
			var log bytes.Buffer
			session := promised(t, server, &mcpclient.Client{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			var names []string
			for tool, err := range session.Tools(t.Context()) {
				require.NoError(t, err)
				names = append(names, tool.Name)
			}
			require.Equal(t, tt.left, names)
			dropped := 3 - len(tt.left)
			require.EqualValues(t, dropped, session.Stats().SkippedItems)
			if dropped > 0 {
				require.Contains(t, log.String(), `the tool \"odd\": x-mcp-header at \"/properties/a\"`)
				require.Contains(t, log.String(), "not of one type of string, integer and boolean")
			}
			require.NoError(t, session.Close())
		})
	}
}
