package mcptest_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/mcptest"
)

func TestEveryWayRefusesOnce(t *testing.T) {
	w := open(t)
	seen := map[mcptest.Way]bool{}
	for _, way := range mcptest.Ways() {
		require.False(t, seen[way], way)
		seen[way] = true
		w.srv.Next(mcptest.Refuse(way))
		r := w.post(w.message("tools/call", `{"name":"echo"}`))
		require.Equal(t, way.Status(), r.status, way)
		require.Regexp(t, `^S([1-9]|1[0-2])$`, way.Row(), way)
		if r.header.Get("Content-Type") == "application/json" {
			require.True(t, json.Valid([]byte(r.body)), "%s: %s", way, r.body)
		}
		require.NotContains(t, r.body, "{id}")
		require.NotContains(t, r.body, "{session}")
	}
	require.Empty(t, w.srv.Executions())
	require.GreaterOrEqual(t, len(seen), 60)
	require.Equal(t, "alive", w.echo("alive"), "each refusal was a lie")
}

func TestRefusalWayOfForgottenSessions(t *testing.T) {
	for _, way := range mcptest.Ways() {
		t.Run(string(way), func(t *testing.T) {
			w := open(t, mcptest.InMemory(), mcptest.RefusalWay(way), mcptest.StandaloneStream())
			w.srv.ForgetSessions()
			for range 2 {
				require.Equal(t, way.Status(), w.post(w.message("tools/list", "")).status)
			}
			get := w.send(http.MethodGet, "", nil)
			require.GreaterOrEqual(t, get.status, 200)
			require.NotContains(t, get.body, "event:")
			require.Equal(t, "back", connect(t, w.srv).echo("back"))
			require.Equal(t, 2, w.srv.Initializes())
			require.Equal(t, 1, w.srv.Forgotten())
		})
	}
}

func TestRefusalsAsTheyAreSent(t *testing.T) {
	w := open(t)
	refused := func(way mcptest.Way) reply {
		w.srv.Next(mcptest.Refuse(way))
		return w.post(`{"jsonrpc":"2.0","id":"a\"b","method":"tools/list"}`)
	}
	r := refused(mcptest.PythonText)
	require.Equal(t, 400, r.status)
	require.NotContains(t, r.header, "Content-Type")
	require.Equal(t, "Bad Request: No valid session ID provided", r.body)

	require.JSONEq(t, `{"jsonrpc":"2.0","error":{"code":-32600,"message":"Session not found"},"id":"server-error"}`, refused(mcptest.PythonServerError).body)
	require.JSONEq(t, `{"jsonrpc":"2.0","error":{"code":-32001,"message":"Session not found"},"id":null}`, refused(mcptest.TypeScript).body)
	require.JSONEq(t, `{"jsonrpc":"2.0","error":{"code":-32001,"message":"Session not found"},"id":"a\"b"}`, refused(mcptest.CSharp).body)
	require.JSONEq(t, `{"jsonrpc":"2.0","error":{"code":-32001,"message":"Session not found"}}`, refused(mcptest.ToolHive).body)
	require.Contains(t, refused(mcptest.Java).body, "Session not found: "+w.session)
	require.Equal(t, "throw-away-"+w.session, refused(mcptest.PythonMissing).header.Get("Mcp-Session-Id"))
	require.Contains(t, refused(mcptest.PunkpeyeChallenge).header.Get("Www-Authenticate"), "invalid_token")
	require.Equal(t, "text/plain; charset=utf-8", refused(mcptest.GoSDK).header.Get("Content-Type"))

	w.srv.Next(mcptest.Refuse(mcptest.TypeScriptExample).OnHTTP(http.MethodGet))
	require.Equal(t, "Invalid or missing session ID", w.send(http.MethodGet, "", nil).body)
}

func TestRefuseIsForRequestsWithASession(t *testing.T) {
	srv := mcptest.New(t)
	srv.Next(mcptest.Refuse(mcptest.TypeScript))
	w := connect(t, srv)
	require.Len(t, srv.Unused(), 1)
	require.Equal(t, 404, w.post(w.message("ping", "")).status)
	require.PanicsWithValue(t, `mcptest: unknown way "no-such" to refuse a session; Ways lists the known ones`, func() { mcptest.Refuse("no-such") })
}

func TestRefusalByAnyFault(t *testing.T) {
	w := open(t, mcptest.Refusal(mcptest.Status(440, nil, "login timeout")))
	w.srv.ForgetSessions()
	require.Equal(t, 440, w.post(w.message("ping", "")).status)
}
