package mcptest_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// statelessWire speaks 2026-07-28 by hand.
type statelessWire struct {
	*wire
	offers string // capabilities that each request declares
	meta   string // more members of _meta, with a comma in front of each
}

func stateless(t *testing.T, opts ...mcptest.Option) *statelessWire {
	t.Helper()
	return statelessTo(t, mcptest.New(t, append([]mcptest.Option{mcptest.Stateless()}, opts...)...))
}

func statelessTo(t *testing.T, srv *mcptest.Server) *statelessWire {
	t.Helper()
	return &statelessWire{wire: &wire{t: t, srv: srv}, offers: "{}"}
}

// post sends a request with the header that belongs to it. What is in change
// replaces that header; a nil value takes it away.
func (w *statelessWire) post(method, params string, change http.Header) reply {
	w.t.Helper()
	return w.send(http.MethodPost, w.message(method, params), w.header(method, params, change))
}

// message returns a request with _meta.
func (w *statelessWire) message(method, params string) string {
	members := map[string]json.RawMessage{}
	if params != "" {
		require.NoError(w.t, json.Unmarshal([]byte(params), &members))
	}
	if _, given := members["_meta"]; !given {
		members["_meta"] = json.RawMessage(`{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"wire","version":"1"},` +
			`"io.modelcontextprotocol/clientCapabilities":` + w.offers + w.meta + `}`)
	}
	text, err := json.Marshal(members)
	require.NoError(w.t, err)
	return w.wire.message(method, string(text))
}

func (w *statelessWire) header(method, params string, change http.Header) http.Header {
	header := http.Header{"Mcp-Protocol-Version": {"2026-07-28"}, "Mcp-Method": {method}}
	var about struct{ Name, URI, TaskID string }
	_ = json.Unmarshal([]byte(params), &about) // no params: about nothing
	for _, name := range []string{about.Name, about.URI, about.TaskID} {
		if name != "" {
			header.Set("Mcp-Name", name)
		}
	}
	for name, values := range change {
		if header[name] = values; values == nil {
			delete(header, name)
		}
	}
	return header
}

// call posts a request that is answered with a result, and returns that.
func (w *statelessWire) call(method, params string) string {
	w.t.Helper()
	r := w.post(method, params, nil)
	require.Equal(w.t, http.StatusOK, r.status, r.body)
	require.NoError(w.t, r.err)
	answer := w.answer(r)
	require.Nil(w.t, answer.Error, "%s", r.body)
	return string(answer.Result)
}

// refused posts a request that is answered with an error.
func (w *statelessWire) refused(method, params string, change http.Header) (status int, failure rpcError) {
	w.t.Helper()
	r := w.post(method, params, change)
	answer := w.answer(r)
	require.NotNil(w.t, answer.Error, r.body)
	require.JSONEq(w.t, jsonNumber(w.lastID), string(answer.ID), "an error names its request")
	return r.status, *answer.Error
}

func jsonNumber(n int) string {
	raw, err := json.Marshal(n)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// live opens a stream.
func (w *statelessWire) live(method, params string) *live {
	w.t.Helper()
	req := w.request(http.MethodPost, w.message(method, params), w.header(method, params, nil))
	return w.open(req)
}
