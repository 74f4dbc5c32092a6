package mcpclient_test

import (
	"maps"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// The same where there are no sessions, but for what only sessions know.
func TestP13OneBadReplyHarmsNobodyWithoutSessions(t *testing.T) {
	faults := faultsByName()
	for _, ofSessions := range []string{"Refuse", "Refuse: look-alike", "Respond", "SetHeader: session", "ServerRequest", "HeaderMismatch", "VersionUnsupported", "ResultAnswer", "Redirect: followed"} {
		require.Contains(t, faults, ofSessions)
		delete(faults, ofSessions)
	}
	for _, name := range slices.Sorted(maps.Keys(faults)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { hitOneOfFifty(t, faults[name], []mcptest.Option{mcptest.Stateless()}) })
		})
	}
}
