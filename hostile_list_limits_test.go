package mcpclient_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// A list has so many items at most, over all its pages; those left out count, and those that a round before a loss has brought
// count once.
func TestListItemsAreBounded(t *testing.T) {
	limit := func(n int64) error {
		return &mcpclient.LimitError{What: "the number of items of one list (Limits.ListItems)", Limit: n}
	}
	t.Run("by default", func(t *testing.T) {
		const page, pages = 30_000, 4
		server := mcptest.New(t, mcptest.History(1))
		server.Always(numberedPages(page))
		session, err := (&mcpclient.Client{Limits: mcpclient.Limits{Pages: 2 * pages}}).Connect(t.Context(), server.URL())
		require.NoError(t, err)
		defer func() { require.NoError(t, session.Close()) }()
		var tools []*mcpclient.Tool
		grown := peakHeap(func() { tools, err = mcpclient.Collect(session.Tools(t.Context())) })
		require.Equal(t, limit(100_000), asCallError(t, err).Err)
		require.Equal(t, mcpclient.DeliveryAnswered, asCallError(t, err).Delivery)
		got := len(tools) // require.Len would print them
		require.Equal(t, 100_000, got, "what came before the error is good")
		require.Equal(t, "29999", tools[page-1].Name)
		require.LessOrEqual(t, grown, int64(heapAllowance))
		require.EqualValues(t, pages, session.Stats().Calls)
		require.Zero(t, session.Stats().RepeatedItems)
	})
	for name, c := range map[string]struct {
		items int
		page  string // put on top of each of 5 pages
		want  int    // items, -1: no error
	}{
		"as many as allowed": {items: 5, want: -1},
		"one more":           {items: 4, want: 4},
		"left out":           {items: 6, page: `7,{"title":"nameless"},`, want: 2},
	} {
		t.Run(name, func(t *testing.T) {
			server := pagedServer(t, 5)
			if c.page != "" {
				server.Always(rewritten(`"tools":[`, `"tools":[`+c.page).On("tools/list"))
			}
			session := openSession(t, &mcpclient.Client{Limits: mcpclient.Limits{ListItems: c.items}}, server)
			got, err := names(session.Tools(t.Context()), toolName, nil)
			if c.want < 0 {
				require.NoError(t, err)
				require.Len(t, got, 5)
				return
			}
			require.Equal(t, limit(int64(c.items)), asCallError(t, err).Err)
			require.Len(t, got, c.want)
			require.Len(t, sentParams(t, server, "tools/list"), c.want+1)
			require.NoError(t, session.Ping(t.Context()))
		})
	}
	t.Run("a restart counts nothing twice", func(t *testing.T) {
		server := pagedServer(t, 5)
		session := openSession(t, &mcpclient.Client{Limits: mcpclient.Limits{ListItems: 5}}, server)
		got, err := names(session.Tools(t.Context()), toolName, func(int) bool { server.ForgetSessions(); return true })
		require.NoError(t, err)
		require.Equal(t, []string{"item0", "item1", "item2", "item3", "item4"}, got)
	})
	t.Run("other names after each loss", func(t *testing.T) {
		var rounds atomic.Int64
		server := pagedServer(t, 2)
		server.Always(mcptest.Rewrite(func(answer []byte) []byte {
			return bytes.ReplaceAll(answer, []byte(`"item0"`), fmt.Appendf(nil, `"item0 of round %d"`, rounds.Add(1)))
		}).On("tools/list"))
		session := openSession(t, &mcpclient.Client{Limits: mcpclient.Limits{ListItems: 3}}, server)
		got, err := names(session.Tools(t.Context()), toolName, func(int) bool { server.ForgetSessions(); return true })
		require.Equal(t, limit(3), asCallError(t, err).Err)
		require.Len(t, got, 3)
	})
}

// A cursor is sent back, so a giant one would make giants of the client's own requests.
func TestListWithGiantCursor(t *testing.T) {
	const most = 64 << 10
	for size, pages := range map[int]int{most: 2, most + 1: 1} {
		server := pagedServer(t, 1)
		session := openSession(t, new(mcpclient.Client), server)
		server.Next(mcptest.NextCursor(filled(size, "x")).On("tools/list"))
		got, err := names(session.Tools(t.Context()), toolName, nil)
		require.Equal(t, []string{"item0"}, got)
		require.Len(t, sentParams(t, server, "tools/list"), pages)
		if size > most {
			require.Equal(t, &mcpclient.LimitError{What: "the size of a cursor", Limit: most}, asCallError(t, err).Err)
		}
	}
}

// numberedPages answers each request for a page with n tools that no page before had, and a new cursor.
func numberedPages(n int) mcptest.Fault {
	var page atomic.Int64
	return mcptest.Respond(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", asJSON)
		p := int(page.Add(1))
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%d,"result":{"nextCursor":"%d","tools":[`, p+2, p) // the first page is the first call
		for i := range n - 1 {
			fmt.Fprintf(w, `{"name":"%d"},`, (p-1)*n+i)
		}
		fmt.Fprintf(w, `{"name":"%d"}]}}`, p*n-1)
	})).On("tools/list")
}

// A tool with a giant schema is left out, and the others are not.
func TestGiantSchemasAreLeftOut(t *testing.T) {
	schema := func(size int) string {
		return `{"type":"object","description":"` + strings.Repeat("x", size-len(`{"type":"object","description":""}`)) + `"}`
	}
	const mebi = 1 << 20
	for name, c := range map[string]struct {
		limits mcpclient.Limits
		size   int
		option string
	}{
		"by default": {mcpclient.Limits{}, mebi, "over the limit of 1048576"},
		"lowered":    {mcpclient.Limits{SchemaSize: 100}, 100, "over the limit of 100"},
		"raised":     {mcpclient.Limits{SchemaSize: 2 * mebi}, 2 * mebi, "over the limit of 2097152"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, options := range [][]mcptest.Option{nil, {mcptest.Stateless()}} {
				server := mcptest.New(t, append(options, mcptest.WithoutDefaultTools())...)
				for _, tool := range []mcpclient.Tool{
					{Name: "fits", InputSchema: []byte(schema(c.size)), OutputSchema: []byte(schema(c.size))},
					{Name: "giant input", InputSchema: []byte(schema(c.size + 1))},
					{Name: "giant output", InputSchema: []byte(schema(100)), OutputSchema: []byte(schema(c.size + 1))},
					{Name: "small", InputSchema: []byte(schema(100))},
				} {
					server.AddTool(tool, func(context.Context, *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
						return mcptest.Text("done"), nil
					})
				}
				var logged bytes.Buffer
				session := openSession(t, &mcpclient.Client{Limits: c.limits, Logger: slog.New(slog.NewTextHandler(&logged, nil))}, server)
				got, err := names(session.Tools(t.Context()), toolName, nil)
				require.NoError(t, err)
				require.Equal(t, []string{"fits", "small"}, got)
				require.EqualValues(t, 2, session.Stats().SkippedItems)
				require.Contains(t, logged.String(), `the tool \"giant input\": its input schema (Limits.SchemaSize) is `+c.option)
				require.Contains(t, logged.String(), `the tool \"giant output\": its output schema (Limits.SchemaSize) is `+c.option)
				result, err := session.CallTool(t.Context(), "giant input", nil)
				require.NoError(t, err, "who knows its name may call it")
				require.Equal(t, "done", result.Text())
			}
		})
	}
}

// Two items of one name are both yielded, and reported: a call by the name reaches one of them.
func TestRepeatedNamesAreReported(t *testing.T) {
	var logged bytes.Buffer
	server := mcptest.New(t)
	session := openSession(t, &mcpclient.Client{Logger: slog.New(slog.NewTextHandler(&logged, nil))}, server)
	server.Next(
		answering("tools/list", `{"tools":[{"name":"a"},{"name":"b"},{"name":"a"}],"nextCursor":"2"}`),
		answering("tools/list", `{"tools":[{"name":"b"},{"name":"A"},{"name":"c"}]}`),
		answering("resources/list", `{"resources":[{"uri":"db://u:s3cr3t@h/t?key=s3cr3t","name":"x"},{"uri":"db://u:s3cr3t@h/t?key=s3cr3t","name":"y"}]}`),
	)
	got, err := names(session.Tools(t.Context()), toolName, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "a", "b", "A", "c"}, got)
	require.EqualValues(t, 2, session.Stats().RepeatedItems)
	require.Contains(t, logged.String(), `level=WARN msg="mcpclient: a list has two items of one name" kind=tool name=a`)
	require.Contains(t, logged.String(), `kind=tool name=b`)
	resources, err := mcpclient.Collect(session.Resources(t.Context()))
	require.NoError(t, err)
	require.Len(t, resources, 2)
	require.Contains(t, logged.String(), `kind=resource name=db://h/t`)
	require.NotContains(t, logged.String(), "s3cr3t")

	// Another list, or the same one asked for again, begins anew; so does a list that starts over after a loss.
	require.EqualValues(t, 3, session.Stats().RepeatedItems)
	server = pagedServer(t, 3)
	session = openSession(t, new(mcpclient.Client), server)
	for range 2 {
		_, err = names(session.Tools(t.Context()), toolName, func(int) bool { server.ForgetSessions(); return true })
		require.NoError(t, err)
	}
	require.Zero(t, session.Stats().RepeatedItems)
}

// A list of nothing but one name does not fill the log.
func TestRepeatedNamesAreLoggedToABound(t *testing.T) {
	var logged countingWriter
	server := mcptest.New(t)
	session := openSession(t, &mcpclient.Client{Logger: slog.New(slog.NewTextHandler(&logged, nil))}, server)
	server.Next(answering("tools/list", `{"tools":[`+strings.Repeat(`{"name":"a"},`, 50_000)+`{"name":"a"}]}`))
	tools, err := mcpclient.Collect(session.Tools(t.Context()))
	require.NoError(t, err)
	got := len(tools)
	require.Equal(t, 50_001, got)
	require.EqualValues(t, 50_000, session.Stats().RepeatedItems)
	require.Less(t, logged.lines, 1100)
}

// What a schema refers to is the server's word, and is fetched from nowhere: not by listing, not by calling, not by a form.
func TestSchemasAreNotFetched(t *testing.T) {
	var visits atomic.Int64
	stranger := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	defer stranger.Close()
	elsewhere := stranger.URL
	refers := []byte(`{"$schema":"` + elsewhere + `/meta","$id":"` + elsewhere + `/id","type":"object","$ref":"` + elsewhere + `/ref","properties":{"p":{"$ref":"` + elsewhere + `/p#/x"},` +
		`"q":{"$dynamicRef":"` + elsewhere + `/q"}},"pattern":"(a+)+$"}`)
	form := map[string]any{"message": "?", "requestedSchema": map[string]any{"$ref": elsewhere + "/form", "type": "object", "properties": map[string]any{
		"name": map[string]any{"type": "string", "$ref": elsewhere + "/name"},
	}}}
	for _, options := range [][]mcptest.Option{nil, {mcptest.Stateless()}} {
		server := mcptest.New(t, options...)
		server.AddTool(mcpclient.Tool{Name: "refers", InputSchema: refers, OutputSchema: refers, Icons: []mcpclient.Icon{{Src: elsewhere + "/icon"}}},
			func(ctx context.Context, _ *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
				_, err := mcptest.Ask(ctx, "elicitation/create", form)
				return &mcpclient.ToolResult{Content: []mcpclient.Content{&mcpclient.Link{URI: elsewhere + "/link", Name: "x"}}, Structured: []byte(`{"p":1}`)}, err
			})
		asked := 0
		client := &mcpclient.Client{Elicit: func(context.Context, *mcpclient.Elicitation) (*mcpclient.ElicitationReply, error) {
			asked++
			return mcpclient.Accept(map[string]any{"name": "x"}), nil
		}}
		session := openSession(t, client, server)
		tools, err := mcpclient.Collect(session.Tools(t.Context()))
		require.NoError(t, err)
		require.Len(t, tools, 3)
		_, err = session.CallTool(t.Context(), "refers", map[string]any{"p": 1})
		require.NoError(t, err)
		require.Equal(t, 1, asked)
	}
	require.Zero(t, visits.Load())
}
