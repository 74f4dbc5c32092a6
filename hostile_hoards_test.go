package mcpclient_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// hoard is something of which a session keeps a little for each answer, so that a server may hope to make it much.
type hoard struct {
	name    string
	client  func() *mcpclient.Client
	options []mcptest.Option
	method  string
	answer  func(w http.ResponseWriter, id string, n int) // to the n-th request of the method, from 0
	meet    func(t *testing.T, s *mcpclient.Session)
}

// What is kept from one call to the next is bounded as well, however long the session lasts.
func TestP12BoundedMemoryOfWhatIsKept(t *testing.T) {
	const pages = 80
	giant := filled((1<<20)/hoardScale(), "x") // made before anything is measured
	large := strings.Repeat(giant, 3)
	for _, h := range []hoard{
		{
			name: "cookies", method: "tools/call", meet: callTimes(100),
			answer: func(w http.ResponseWriter, id string, n int) {
				for i := range 15 {
					w.Header().Add("Set-Cookie", fmt.Sprintf("c%d=%s", n*15+i, giant[:4000]))
				}
				writeJSON(w, `{"id":`+id+`,"result":{"content":[]}}`)
			},
		},
		{
			name: "ids of pages", method: "tools/call", meet: callTimes(5), client: pageOpener,
			answer: func(w http.ResponseWriter, id string, n int) {
				send := startStream(w)
				for i := range 16 {
					send(asksFor(strconv.Itoa(n*16+i), "elicitation/create", fmt.Sprintf(pageParams, strconv.Itoa(n*16+i)+giant)))
				}
				send(event(`{"id":` + id + `,"result":{"content":[]}}`))
			},
		},
		{
			name: "names of harmless tools", method: "tools/list", meet: list,
			client: func() *mcpclient.Client {
				return &mcpclient.Client{Retry: mcpclient.RetryPolicy{TrustAnnotations: true}, Limits: mcpclient.Limits{Pages: pages}}
			},
			answer: func(w http.ResponseWriter, id string, n int) {
				writeJSON(w, fmt.Sprintf(`{"id":%s,"result":{"tools":[{"name":"%d%s","annotations":{"readOnlyHint":true}}],"nextCursor":"%d"}}`, id, n, giant, n))
			},
		},
		{
			name: "names of tools that are no tasks", method: "tools/list", meet: list,
			client:  func() *mcpclient.Client { return &mcpclient.Client{Limits: mcpclient.Limits{Pages: pages}} },
			options: []mcptest.Option{mcptest.TaskHints(1, 1)},
			answer: func(w http.ResponseWriter, id string, n int) {
				writeJSON(w, fmt.Sprintf(`{"id":%s,"result":{"tools":[{"name":"%d%s"}],"nextCursor":"%d"}}`, id, n, giant, n))
			},
		},
		{
			name: "names of tools with headers", method: "tools/list", meet: list, options: []mcptest.Option{mcptest.Stateless()},
			client: func() *mcpclient.Client { return &mcpclient.Client{Limits: mcpclient.Limits{Pages: pages}} },
			answer: func(w http.ResponseWriter, id string, n int) {
				writeJSON(w, fmt.Sprintf(`{"id":%s,"result":{"resultType":"complete","tools":[{"name":"%d%s","inputSchema":{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}}],"nextCursor":"%d"}}`, id, n, giant, n))
			},
		},
		{
			name: "cached results", method: "resources/read", options: []mcptest.Option{mcptest.Stateless()},
			answer: func(w http.ResponseWriter, id string, _ int) {
				writeJSON(w, `{"id":`+id+`,"result":{"resultType":"complete","ttlMs":3600000,"contents":[{"uri":"u","text":"`+giant+`"}]}}`)
			},
			meet: func(t *testing.T, s *mcpclient.Session) {
				for i := range pages {
					_, err := s.ReadResource(t.Context(), "u:"+strconv.Itoa(i))
					require.NoError(t, err)
				}
			},
		},
		{
			name: "requests of the server", method: "tools/call", meet: callTimes(1),
			client: func() *mcpclient.Client {
				return &mcpclient.Client{Elicit: func(ctx context.Context, _ *mcpclient.Elicitation) (*mcpclient.ElicitationReply, error) {
					<-ctx.Done()
					return mcpclient.Decline(), nil
				}}
			},
			answer: func(w http.ResponseWriter, id string, _ int) {
				for i := range 32 {
					inPieces(w, asStream, `data: {"id":`+strconv.Itoa(i)+`,"method":"elicitation/create","params":{"requestedSchema":{"type":"object","properties":{}},"message":"`, large, "\"}}\n\n")
				}
				inPieces(w, asStream, `data: {"id":`+id+",\"result\":{\"content\":[]}}\n\n")
			},
		},
		{
			name: "log messages nobody takes", method: "tools/call", meet: func(t *testing.T, s *mcpclient.Session) {
				for event, err := range s.Listen(t.Context(), mcpclient.Filter{Tools: true, Logs: "debug"}) {
					require.NoError(t, err)
					if event.Kind == mcpclient.EventListening {
						callTimes(1)(t, s) // meanwhile the loop stands still
						break
					}
				}
			},
			answer: func(w http.ResponseWriter, id string, _ int) {
				send := startStream(w)
				for range pages {
					send(event(`{"method":"notifications/message","params":{"level":"error","data":"` + giant + `"}}`))
				}
				send(event(`{"id":` + id + `,"result":{"content":[]}}`))
			},
		},
	} {
		t.Run(h.name, h.test)
	}
}

// hoardScale makes what is hoarded smaller, and with it what may be kept, where seconds count.
func hoardScale() int {
	if *fullSize {
		return 1
	}
	return 2
}

func (h *hoard) test(t *testing.T) {
	server := mcptest.New(t, append(h.options, mcptest.History(1), mcptest.InMemory())...)
	front := httptest.NewServer(inFrontOf(server, h.method, h.answer))
	defer front.Close()
	client := new(mcpclient.Client)
	if h.client != nil {
		client = h.client()
	}
	session, err := client.Connect(t.Context(), front.URL+"/mcp")
	require.NoError(t, err)
	grown := peakHeap(func() { h.meet(t, session) })
	t.Logf("the heap grew by %d KiB", grown>>10)
	require.LessOrEqual(t, grown, int64(heapAllowance/hoardScale()))
	require.NoError(t, session.Ping(t.Context()))
	require.NoError(t, session.Close())
}

// inFrontOf answers the requests of one method, whose id and number it tells, and hands the others on. It keeps nothing.
func inFrontOf(server http.Handler, method string, answer func(w http.ResponseWriter, id string, n int)) http.Handler {
	opening := regexp.MustCompile(`^\{"jsonrpc":"2.0","id":(\d+),"method":"` + method + `"`)
	var requests atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := make([]byte, 100)
		read, _ := io.ReadFull(r.Body, head)
		found := opening.FindSubmatch(head[:read])
		if found == nil {
			r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(head[:read]), r.Body))
			server.ServeHTTP(w, r)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		answer(w, string(found[1]), int(requests.Add(1)-1))
	})
}

// inPieces writes a part of an answer without putting it together first, which would be measured as well.
func inPieces(w http.ResponseWriter, contentType string, pieces ...string) {
	w.Header().Set("Content-Type", contentType)
	for _, piece := range pieces {
		_, _ = io.WriteString(w, piece)
	}
}

func callTimes(n int) func(*testing.T, *mcpclient.Session) {
	return func(t *testing.T, s *mcpclient.Session) {
		for range n {
			_, err := s.CallTool(t.Context(), "echo", nil)
			require.NoError(t, err)
		}
	}
}

// list reads the tools to whatever end the list has, and keeps none.
func list(t *testing.T, s *mcpclient.Session) {
	for _, err := range s.Tools(t.Context()) {
		if err != nil {
			asCallError(t, err)
			require.ErrorIs(t, err, mcpclient.ErrProtocol)
		}
	}
}

func pageOpener() *mcpclient.Client {
	return &mcpclient.Client{ElicitURL: func(context.Context, *mcpclient.URLElicitation) (*mcpclient.ElicitationReply, error) {
		return mcpclient.Accept(nil), nil
	}}
}
