package mcpclient_test

import (
	"maps"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// TestP13OneBadReplyHarmsNobodyOverHTTPSSE is TestP13OneBadReplyHarmsNobody over the one stream that all calls share: what is wrong with
// one answer, or with one POST, is no concern of the others. Only the end of the stream is.
func TestP13OneBadReplyHarmsNobodyOverHTTPSSE(t *testing.T) {
	faults := faultsByName()
	for _, other := range []string{"BreakStream", "CutStream", "Redirect: followed"} { // the first two end the stream, the last is of another URL
		require.Contains(t, faults, other)
		delete(faults, other)
	}
	// The response to a POST matters by its status alone, and not at all once the answer is there.
	for _, harmless := range []string{"Combine", "DropAfter", "SetHeader", "Truncated", "WrongContentType"} {
		require.True(t, faults[harmless].fatal, harmless)
		faults[harmless] = oneFault{fault: faults[harmless].fault}
	}
	inThe202 := faults["ResultAnswer"] // is not looked for there
	inThe202.fatal = true
	faults["ResultAnswer"] = inThe202
	for _, name := range slices.Sorted(maps.Keys(faults)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hitOneOfFifty(t, faults[name], []mcptest.Option{mcptest.HTTPSSE()})
			})
		})
	}
}
