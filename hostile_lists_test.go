package mcpclient_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// A list that never ends, and lists that hold nothing of use.
func TestP12BoundedMemoryOfLists(t *testing.T) {
	t.Run("endless pages", func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory(), mcptest.History(1))
		server.Always(mcptest.EndlessPages())
		session := connected(t, server, new(mcpclient.Client))
		var err error
		var tools []*mcpclient.Tool
		grown := peakHeap(func() { tools, err = mcpclient.Collect(session.Tools(t.Context())) })
		require.Equal(t, &mcpclient.LimitError{What: "the number of pages of one list (Limits.Pages)", Limit: 1000}, asCallError(t, err).Err)
		require.Len(t, tools, 2000, "what came before the error is good")
		require.LessOrEqual(t, grown, int64(heapAllowance))
	})
	t.Run("a repeated cursor", func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory())
		server.Always(mcptest.NextCursor("again"))
		session := connected(t, server, new(mcpclient.Client))
		_, err := mcpclient.Collect(session.Tools(t.Context()))
		asCause[*mcpclient.ProtocolError](t, err)
		require.ErrorContains(t, err, "repeats a cursor")
		require.Len(t, requestsBy(server, http.MethodPost, "tools/list"), 2, "two pages")
	})
	t.Run("pages of giant names", func(t *testing.T) {
		server := mcptest.New(t, mcptest.History(1))
		server.Always(giantPages())
		session, err := (&mcpclient.Client{Limits: mcpclient.Limits{Pages: 32}}).Connect(t.Context(), server.URL())
		require.NoError(t, err)
		defer func() { require.NoError(t, session.Close()) }()
		grown := peakHeap(func() {
			for _, err = range session.Tools(t.Context()) {
				continue // and keep none of them
			}
		})
		require.ErrorContains(t, err, "(Limits.Pages)")
		require.LessOrEqual(t, grown, int64(heapAllowance/4), "32 names of 1 MiB were seen")
	})
	t.Run("pages of rubbish", func(t *testing.T) {
		server := mcptest.New(t)
		var logged countingWriter
		client := &mcpclient.Client{Logger: slog.New(slog.NewTextHandler(&logged, nil))}
		session, err := client.Connect(t.Context(), server.URL())
		require.NoError(t, err)
		defer func() { require.NoError(t, session.Close()) }()
		server.Next(mcptest.Respond(canned(asJSON, resultOf(`"tools":[`+strings.Repeat("0,", 90_000)+`{"name":""},{"name":"good"}]`))).On("tools/list"))
		var tools []*mcpclient.Tool
		grown := peakHeap(func() { tools, err = mcpclient.Collect(session.Tools(t.Context())) })
		require.NoError(t, err)
		require.Len(t, tools, 1)
		require.EqualValues(t, 90_001, session.Stats().SkippedItems)
		require.Less(t, logged.lines, 1100, "the log is not to be filled either")
		require.LessOrEqual(t, grown, int64(heapAllowance/4), "a page of 180 KiB")
	})
}

// giantPages answers each request for a page with a tool whose name takes 1 MiB, another one each time, and a new cursor.
func giantPages() mcptest.Fault {
	var page atomic.Int64
	name := filled(1<<20, "x")
	return mcptest.Respond(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", asJSON)
		n := page.Add(1)
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%d,"result":{"tools":[{"name":"%d%s"}],"nextCursor":"%d"}}`, n+2, n, name, n) // the first page is the first call
	})).On("tools/list")
}

type countingWriter struct{ lines int }

func (w *countingWriter) Write(p []byte) (int, error) {
	w.lines += bytes.Count(p, []byte("\n"))
	return len(p), nil
}
