package wirecheck_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/interop/wirecheck"
)

func TestUnexplainedLeavesOutWhatIsKnown(t *testing.T) {
	null := wirecheck.Fault{Version: oldVersion, Problem: "no JSONRPCError: - at '/id': got null, want integer or string"}
	other := wirecheck.Fault{Version: oldVersion, Problem: "no CallToolResult: - at '': missing property 'content'"}
	mended := wirecheck.Known{Says: "no ListToolsResult", Why: "their bug"}
	rest, unused := wirecheck.Unexplained([]wirecheck.Fault{null, other}, wirecheck.NullID(), mended)
	require.Equal(t, []wirecheck.Fault{other}, rest)
	require.Equal(t, []wirecheck.Known{mended}, unused)
}
