package mcpclient_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// openSession opens a session that the test closes at its end.
func openSession(t *testing.T, client *mcpclient.Client, server *mcptest.Server) *mcpclient.Session {
	t.Helper()
	session, err := client.Connect(t.Context(), server.URL())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, session.Close()) })
	return session
}

// answering replaces the answer to method by this result, as JSON, whatever it was.
func answering(method, result string) mcptest.Fault { return answeringAll(result).On(method) }

// answeringAll is answering for every method.
func answeringAll(result string) mcptest.Fault {
	return mcptest.Rewrite(func(answer []byte) []byte {
		var envelope struct {
			ID json.RawMessage `json:"id"`
		}
		if json.Unmarshal(answer, &envelope) != nil {
			return answer
		}
		return []byte(`{"jsonrpc":"2.0","id":` + string(envelope.ID) + `,"result":` + result + `}`)
	})
}

// sentParams returns the params of the requests of this method that arrived, byte for byte; "" for none.
func sentParams(t *testing.T, server *mcptest.Server, method string) []string {
	t.Helper()
	var all []string
	for _, request := range server.Requests() {
		if request.Method != method {
			continue
		}
		var envelope struct {
			Params json.RawMessage `json:"params"`
		}
		require.NoError(t, json.Unmarshal(request.Body, &envelope))
		all = append(all, string(envelope.Params))
	}
	return all
}

// requireNotSent checks a local error: its evidence, and that the server has seen nothing of the call.
func requireNotSent(t *testing.T, err error, server *mcptest.Server, method string) {
	t.Helper()
	var failed *mcpclient.CallError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, mcpclient.DeliveryNotSent, failed.Delivery)
	require.Equal(t, method, failed.Method)
	require.Empty(t, sentParams(t, server, method))
}

// requireAnswered checks that err is about the answer to this call.
func requireAnswered(t *testing.T, err error, method, target string) {
	t.Helper()
	var failed *mcpclient.CallError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, mcpclient.DeliveryAnswered, failed.Delivery)
	require.Equal(t, method, failed.Method)
	require.Equal(t, target, failed.Target)
	require.Positive(t, failed.Attempts)
}
