package mcpclient_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

func TestComplete(t *testing.T) {
	server := mcptest.New(t)
	session := openSession(t, &mcpclient.Client{}, server)
	for range 2 {
		server.Next(answering("completion/complete", newestWire(t, "completion")))
	}

	got, err := session.CompletePrompt(t.Context(), "code_review", mcpclient.CompletionArgument{Name: "language", Value: "py"})
	require.NoError(t, err)
	require.Equal(t, &mcpclient.Completion{Values: []string{"python", "pytorch"}, Total: 10, HasMore: true, Meta: got.Meta}, got)
	require.Equal(t, `"a-1"`, string(got.Meta["com.example/trace"]))

	_, err = session.CompleteResource(t.Context(), "file:///{a}/{b}", mcpclient.CompletionArgument{Name: "b", Resolved: map[string]string{"a": "src"}})
	require.NoError(t, err)
	require.Equal(t, []string{
		`{"ref":{"type":"ref/prompt","name":"code_review"},"argument":{"name":"language","value":"py"}}`,
		`{"ref":{"type":"ref/resource","uri":"file:///{a}/{b}"},"argument":{"name":"b","value":""},"context":{"arguments":{"a":"src"}}}`,
	}, sentParams(t, server, "completion/complete"))
}

func TestCompleteSloppyNumbers(t *testing.T) {
	server := mcptest.New(t)
	session := openSession(t, &mcpclient.Client{}, server)
	for total, want := range map[string]int{`3.0`: 3, `1e2`: 100, `-5`: 0, `null`: 0, `1e300`: math.MaxInt} {
		server.Next(answering("completion/complete", `{"completion":{"values":null,"total":`+total+`}}`))
		got, err := session.CompletePrompt(t.Context(), "p", mcpclient.CompletionArgument{Name: "a"})
		require.NoError(t, err)
		require.Equal(t, &mcpclient.Completion{Total: want}, got, total)
	}
}

func TestCompleteUnsupported(t *testing.T) {
	server := mcptest.New(t)
	session := openSession(t, &mcpclient.Client{}, server)
	_, err := session.CompletePrompt(t.Context(), "p", mcpclient.CompletionArgument{Name: "a"})
	requireAnswered(t, err, "completion/complete", "p")
	var rpc *mcpclient.RPCError
	require.ErrorAs(t, err, &rpc)
}
