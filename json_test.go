package mcpclient_test

import (
	"context"
	stdjson "encoding/json"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// extensionServer knows one method that the protocol does not define. It answers with a fixed object.
func extensionServer(t *testing.T) *mcptest.Server {
	t.Helper()
	server := mcptest.New(t)
	server.AddMethod("example/do", func(context.Context, stdjson.RawMessage) (any, error) {
		return stdjson.RawMessage(`{"Done":true}`), nil
	})
	return server
}

func TestRequestParams(t *testing.T) {
	for name, test := range map[string]struct {
		params any
		want   string // "": no params
	}{
		"nil":                {nil, ``},
		"nil raw":            {stdjson.RawMessage(nil), ``},
		"raw null":           {stdjson.RawMessage(`null`), ``},
		"a nil map":          {map[string]int(nil), ``},
		"an empty object":    {struct{}{}, `{}`},
		"a struct":           {struct{ A string }{"<"}, `{"A":"<"}`},
		"raw, byte for byte": {stdjson.RawMessage(`{ "a" : 1.0 }`), `{ "a" : 1.0 }`},
		"raw of version 2":   {jsontext.Value(`{"a":1}`), `{"a":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			server := extensionServer(t)
			session := openSession(t, &mcpclient.Client{}, server)
			var result struct{ Done bool }
			require.NoError(t, session.Request(t.Context(), "example/do", test.params, &result))
			require.True(t, result.Done)
			require.Equal(t, []string{test.want}, sentParams(t, server, "example/do"))
		})
	}
}

func TestRequestParamsRefused(t *testing.T) {
	server := extensionServer(t)
	session := openSession(t, &mcpclient.Client{}, server)
	for want, params := range map[string]any{
		`params must be a JSON object, not "[1]"`: []int{1},
		`duplicate`:                 stdjson.RawMessage(`{"a":1,"a":2}`),
		`params are not valid JSON`: stdjson.RawMessage(`{`),
		`params cannot be encoded`:  make(chan int),
	} {
		err := session.Request(t.Context(), "example/do", params, nil)
		require.ErrorContains(t, err, want)
		requireNotSent(t, err, server, "example/do")
	}
}
