package main

import (
	"bytes"
	"log"
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// README.md shows what the program prints. How often a busy server forgets differs from run to run.
func TestReadmeShowsTheOutput(t *testing.T) {
	server := mcptest.New(t, mcptest.ForgetEvery(25))
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), log.New(&out, "", 0), server.URL(), func() any { return len(server.Repeated()) }))

	counts := regexp.MustCompile(`(\d+) losses, (\d+) re-initializes`)
	printed := counts.FindStringSubmatch(out.String())
	require.Len(t, printed, 3)
	require.NotEqual(t, "0", printed[1])
	require.Equal(t, printed[1], printed[2], "one new session a loss")

	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	require.Contains(t, counts.ReplaceAllString(string(readme), "…"), counts.ReplaceAllString(out.String(), "…"))
}
