package interop_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// silence is how long a server may think before it is said to give no answer.
const silence = time.Second

// unknownID is a well-formed session id that no server has given out: some refuse a malformed one in other words.
var unknownID = map[transport]string{
	withSessions: "mcp-session-00000000-0000-4000-8000-000000000000",
	httpSSE:      "00000000-0000-4000-8000-000000000000",
}

// checkProbe asks the server which versions it serves, as a client of the newest one does first.
func (s *stage) checkProbe(ctx context.Context, t *testing.T) {
	t.Helper()
	const probe = `{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":{` +
		`"io.modelcontextprotocol/protocolVersion":"` + newest + `","io.modelcontextprotocol/clientCapabilities":{},` +
		`"io.modelcontextprotocol/clientInfo":{"name":"interop","version":"1.0.0"}}}}`
	got := s.raw(ctx, t, http.MethodPost, strings.TrimSuffix(s.endpoint, "/"), probe,
		http.Header{"Mcp-Protocol-Version": {newest}, "Mcp-Method": {"server/discover"}})
	require.Equal(t, s.probe.status, got.status, got.body)
	require.Equal(t, s.probe.contentType, got.contentType)
	require.Contains(t, got.body, s.probe.body)
}

// checkRefusal asks with the id of a session that the server does not know. Without sessions there is nothing to ask.
func (s *stage) checkRefusal(ctx context.Context, t *testing.T, id string, want refusal) {
	t.Helper()
	const list = `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`
	switch s.transport {
	case withSessions:
		header := http.Header{"Mcp-Session-Id": {id}, "Mcp-Protocol-Version": {handshake}}
		require.Equal(t, want, s.raw(ctx, t, http.MethodPost, "/mcp", list, header))
	case httpSSE:
		require.Equal(t, want, s.raw(ctx, t, http.MethodPost, s.messages+id, list, nil))
	case stateless:
	}
}

// raw sends one request to the server itself, without proxy and client. No answer is the zero refusal.
func (s *stage) raw(ctx context.Context, t *testing.T, method, path, message string, header http.Header) refusal {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, fmt.Sprintf("http://127.0.0.1:%d%s", s.server.Port(), path), strings.NewReader(message))
	require.NoError(t, err)
	maps.Copy(req.Header, header)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	transport := &http.Transport{DisableKeepAlives: true}
	timer := time.AfterFunc(silence, cancel)
	resp, err := transport.RoundTrip(req)
	if !timer.Stop() {
		return refusal{}
	}
	require.NoError(t, err)
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return refusal{resp.StatusCode, resp.Header.Get("Content-Type"), string(content)}
}
