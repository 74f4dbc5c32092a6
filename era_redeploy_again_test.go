package mcpclient_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// TestRedeployAfterAnAcquittal: a session that was suspected once, and found alive, is not for ever above suspicion. A server that is
// replaced afterwards is noticed.
func TestRedeployAfterAnAcquittal(t *testing.T) {
	for name, eras := range map[string][2][]mcptest.Option{
		"sessions to stateless": {nil, {mcptest.Stateless()}},
		"stateless to sessions": {{mcptest.Stateless()}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRedeployed(t, &mcpclient.Client{NoCache: true}, eras[0])
				r.server.Next(mcptest.Status(405, nil, "not today").On("tools/call"))
				_, err := r.session.CallTool(t.Context(), "echo", nil)
				require.Equal(t, 405, asCause[*mcpclient.HTTPError](t, err).StatusCode)
				sent := r.server.Requests()
				require.NotEqual(t, "tools/call", sent[len(sent)-1].Method, "suspected, asked, and found alive")
				require.EqualValues(t, 1, r.session.Stats().Generation)
				r.redeploy(eras[1])
				r.calling(t, 20)
				require.EqualValues(t, 2, r.session.Stats().Generation)
			})
		})
	}
}
