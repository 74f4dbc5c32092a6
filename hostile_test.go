package mcpclient_test

import (
	"bytes"
	"context"
	stdjson "encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// heapAllowance is what one hostile answer may cost at default limits, above what was in use before.
const heapAllowance = 64 << 20

// peakHeap returns how much the heap grew while f ran. The collector is kept close at its heels, so that what counts is what is in
// use, not what is garbage already.
func peakHeap(f func()) int64 {
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	runtime.GC()
	before := heapInUse()
	done, top := make(chan struct{}), make(chan int64)
	go func() {
		highest := int64(0)
		tick := time.NewTicker(500 * time.Microsecond)
		defer tick.Stop()
		for {
			highest = max(highest, heapInUse())
			select {
			case <-tick.C:
			case <-done:
				top <- highest
				return
			}
		}
	}()
	f()
	close(done)
	return <-top - before
}

func heapInUse() int64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return int64(min(sample[0].Value.Uint64(), math.MaxInt64))
}

// endlessly answers with start and then with block, again and again, until the client has had enough.
func endlessly(contentType, start, block string) mcptest.Fault {
	return mcptest.Respond(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, err := io.WriteString(w, start)
		for text := []byte(block); err == nil; {
			_, err = w.Write(text)
		}
	}))
}

const (
	asJSON   = "application/json"
	asStream = "text/event-stream"
	block    = 64 << 10
)

// filled repeats piece until there are n bytes.
func filled(n int, piece string) string { return strings.Repeat(piece, n/len(piece)) }

// firstCall is the id of a session's first call: the probe and the handshake take those before it.
const firstCall = "3"

// resultOf is an answer to the first call of a session, whose result has the given members.
func resultOf(members string) string {
	return `{"jsonrpc":"2.0","id":` + firstCall + `,"result":{` + members + `}}`
}

// uniqueNames is the inside of an object with members of nothing but a name, n bytes long.
func uniqueNames(n int) string {
	b := make([]byte, 0, n+16)
	for i := int64(0); len(b) < n; i++ {
		b = append(strconv.AppendInt(append(b, '"'), i, 36), `":0,`...)
	}
	return string(append(b, `"":0`...))
}

const almost = 32<<20 - 1<<10 // just below the limit of a message

// hostileAnswer is one thing that a server can do to one call.
type hostileAnswer struct {
	name  string
	fault func() mcptest.Fault // made when it is needed: some are large
	want  any                  // a typed error
	text  string
}

// suffer makes one call meet the answer: the call ends by itself, with a typed error, within the allowance, and the session
// does not mind.
func (a *hostileAnswer) suffer(t *testing.T, client *mcpclient.Client) {
	t.Helper()
	server := mcptest.New(t, mcptest.History(1)) // whose memory is measured as well
	session, err := client.Connect(t.Context(), server.URL())
	require.NoError(t, err)
	defer func() { require.NoError(t, session.Close()) }()
	server.Next(a.fault().On("tools/call"))
	grown := peakHeap(func() { _, err = session.CallTool(t.Context(), "echo", nil) })
	require.ErrorAs(t, asCallError(t, err), a.want)
	require.ErrorContains(t, err, a.text)
	t.Logf("the heap grew by %d KiB", grown>>10)
	require.LessOrEqual(t, grown, int64(heapAllowance))
	require.Empty(t, server.Unused())
	_, err = session.CallTool(t.Context(), "echo", nil)
	require.NoError(t, err, "the session goes on")
}

// Everything that one answer can do at default limits.
func TestHostileAnswers(t *testing.T) {
	limit, protocol := new(*mcpclient.LimitError), new(*mcpclient.ProtocolError)
	for _, tt := range []hostileAnswer{
		{"endless body", mcptest.EndlessBody, limit, "the reply (Client.MaxMessageSize) is over the limit of 33554432"},
		{"gzip bomb", mcptest.GzipBomb, limit, "the reply (Client.MaxMessageSize)"},
		{"endless spaces", func() mcptest.Fault { return endlessly(asJSON, "", filled(block, " ")) }, limit, "the reply (Client.MaxMessageSize)"},
		{"an announced giant", func() mcptest.Fault {
			return mcptest.Combine(mcptest.SetHeader("Content-Length", "1099511627776"), endlessly(asJSON, "", filled(block, " ")))
		}, limit, "the reply (Client.MaxMessageSize)"},
		{"endless line", mcptest.EndlessLine, limit, "a server-sent event (Client.MaxMessageSize) is over the limit of 33554432"},
		{"endless event", mcptest.EndlessEvent, limit, "a server-sent event (Client.MaxMessageSize)"},
		{"endless event name", func() mcptest.Fault { return endlessly(asStream, "event: ", filled(block, "x")) }, limit, "a server-sent event"},
		{"endless event id", func() mcptest.Fault { return endlessly(asStream, "id: ", filled(block, "x")) }, limit, "a server-sent event"},
		{"endless unknown field", func() mcptest.Fault {
			return endlessly(asStream, "", filled(block, "x: "+strings.Repeat("y", 100)+"\n"))
		}, limit, "a server-sent event"},
		{"endless comment", func() mcptest.Fault { return endlessly(asStream, ":", filled(block, "x")) }, limit, "a server-sent event"},
		{"endless comments", func() mcptest.Fault {
			return endlessly(asStream, "", filled(block, ": "+strings.Repeat("x", 1000)+"\n"))
		}, limit, "what an event stream carries between two events"},
		{"endless blank lines", func() mcptest.Fault {
			return endlessly(asStream, "", filled(block, strings.Repeat("\n", 10)+strings.Repeat("y", 1000)+"\n"))
		}, limit, "what an event stream carries between two events"},
		{"endless notifications", mcptest.EndlessNotifications, limit, "the number of notifications on one reply (Limits.Notifications) is over the limit of 1000000"},
		{"server requests with giant ids", func() mcptest.Fault {
			giant := `data:{"method":"ping","id":"` + filled(8<<20, "x") + "\"}\n\n"
			return mcptest.Respond(canned(asStream, strings.Repeat(giant, 10)))
		}, protocol, "id of more than 4096 bytes"},
		{"depth bomb", func() mcptest.Fault { return mcptest.DepthBomb(2_000_000) }, limit, "the nesting of the reply is over the limit of 10000"},
		{"depth bomb in an event", func() mcptest.Fault {
			return mcptest.Respond(canned(asStream, `data: {"id":`+firstCall+`,"result":`+filled(almost, "[")+"\n\n"))
		}, limit, "the nesting of an event of the reply"},
		{"depth bomb of objects", func() mcptest.Fault { return mcptest.Respond(canned(asJSON, filled(almost, `{"":`))) }, limit, "the nesting of the reply"},
		{"huge batch", func() mcptest.Fault { return mcptest.Respond(canned(asJSON, "["+filled(8<<20, "{},")+"{}]")) }, limit, "the number of messages in the reply is over the limit of 10000"},
		{"wide object", func() mcptest.Fault {
			return mcptest.Respond(canned(asJSON, resultOf(`"content":[],"structuredContent":{`+uniqueNames(almost-200)+`}`)))
		}, limit, "the number of names in the open objects of the reply is over the limit of 100000"},
		{"wide objects in each other", func() mcptest.Fault {
			level := `{` + uniqueNames(1<<20) + `,"z":`
			return mcptest.Respond(canned(asJSON, resultOf(`"structuredContent":`+filled(almost-1<<20, level)+"0"+strings.Repeat("}", (almost-1<<20)/len(level)))))
		}, limit, "the number of names in the open objects of the reply"},
		{"long names", func() mcptest.Fault {
			var names strings.Builder
			for i := 0; names.Len() < 16<<20; i++ {
				fmt.Fprintf(&names, `"%0*d":0,`, 300_000, i)
			}
			return mcptest.Respond(canned(asJSON, resultOf(`"_meta":{`+names.String()+`"":0}`)))
		}, limit, "the number of names in the open objects of the reply"},
		{"wide list", func() mcptest.Fault {
			return mcptest.Respond(canned(asJSON, resultOf(`"content":[`+filled(8<<20, "{},")+`{}]`)))
		}, limit, "the number of items and members of a result"},
		{"wide list of texts", func() mcptest.Fault {
			return mcptest.Respond(canned(asJSON, resultOf(`"content":[`+filled(8<<20, `{"type":"text","a":0},`)+`{}]`)))
		}, limit, "the number of items and members of a result"},
		{"wide list in a list", func() mcptest.Fault {
			return mcptest.Respond(canned(asJSON, resultOf(`"content":[{"type":"text","annotations":{"audience":[`+filled(8<<20, `"",`)+`""]}}]`)))
		}, limit, "the number of items and members of a result"},
		{"huge error body", func() mcptest.Fault {
			return mcptest.Respond(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusBadGateway)
				text := bytes.Repeat([]byte("x"), block)
				for err := error(nil); err == nil; {
					_, err = w.Write(text)
				}
			}))
		}, new(*mcpclient.HTTPError), "HTTP 502"},
		{"huge error message", func() mcptest.Fault {
			return mcptest.Respond(canned(asJSON, `{"id":`+firstCall+`,"error":{"code":1,"message":"`+filled(almost-200, "x")+`"}}`))
		}, new(*mcpclient.RPCError), "JSON-RPC error 1"},
		{"huge page of the wrong type", func() mcptest.Fault { return endlessly("text/html", "", filled(block, "x")) }, protocol, "a web page"},
		{"huge header", func() mcptest.Fault { return mcptest.SetHeader("X-Huge", filled(1<<20, "x")) }, limit, "the response header (Limits.ResponseHeader) is over the limit of 65536"},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.suffer(t, new(mcpclient.Client)) })
	}
}

// Whatever is not the answer counts as a notification. A hundredth of what is allowed by default is enough to see it.
func TestHostileFloods(t *testing.T) {
	limit := new(*mcpclient.LimitError)
	for _, tt := range []hostileAnswer{
		{"endless strays", func() mcptest.Fault {
			return endlessly(asStream, "", filled(block, "data:{\"id\":1,\"result\":{}}\n\n"))
		}, limit, "(Limits.Notifications) is over the limit of 10000"},
		{"endless malformed events", func() mcptest.Fault { return endlessly(asStream, "", filled(block, "data:{\n\n")) }, limit, "(Limits.Notifications) is over the limit of 10000"},
		{"endless events of another kind", func() mcptest.Fault { return endlessly(asStream, "", filled(block, "event:x\ndata:{}\n\n")) }, limit, "(Limits.Notifications) is over the limit of 10000"},
		{"a depth bomb in a stream held open", func() mcptest.Fault {
			return mcptest.Respond(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", asStream)
				_, _ = io.WriteString(w, `data: {"id":`+firstCall+`,"result":`+filled(20_000, "[")+"\n\n")
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			}))
		}, limit, "the nesting of an event of the reply"},
		{"endless priming", func() mcptest.Fault { return endlessly(asStream, "", filled(block, "retry:1\n\n")) }, limit, "(Limits.Notifications) is over the limit of 10000"},
		{"endless server requests", func() mcptest.Fault {
			return endlessly(asStream, "", filled(block, `data:{"id":"again","method":"ping"}`+"\n\n"))
		}, limit, "(Limits.Notifications) is over the limit of 10000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.suffer(t, &mcpclient.Client{Limits: mcpclient.Limits{Notifications: 10_000}})
		})
	}
}

// canned answers with a whole body, made before the heap is measured.
func canned(contentType, body string) http.Handler {
	text := []byte(body)
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(text)
	})
}

// A list that never ends, and lists that hold nothing of use.
func TestHostileLists(t *testing.T) {
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
		server.Next(mcptest.Respond(canned(asJSON, resultOf(`"tools":[`+strings.Repeat("0,", 150_000)+`{"name":""},{"name":"good"}]`))).On("tools/list"))
		var tools []*mcpclient.Tool
		grown := peakHeap(func() { tools, err = mcpclient.Collect(session.Tools(t.Context())) })
		require.NoError(t, err)
		require.Len(t, tools, 1)
		require.EqualValues(t, 150_001, session.Stats().SkippedItems)
		require.Less(t, logged.lines, 1100, "the log is not to be filled either")
		require.LessOrEqual(t, grown, int64(heapAllowance/4), "a page of 300 KiB")
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

// The header's limit is the own transport's. A user's http.Client keeps its own, and the error says which.
func TestHeaderLimits(t *testing.T) {
	big := mcptest.SetHeader("X-Big", filled(100<<10, "x")).On("tools/call")
	for name, tt := range map[string]struct {
		client *mcpclient.Client
		want   *mcpclient.LimitError // nil: no error
	}{
		"by default":             {&mcpclient.Client{}, &mcpclient.LimitError{What: "the response header (Limits.ResponseHeader)", Limit: 64 << 10}},
		"raised":                 {&mcpclient.Client{Limits: mcpclient.Limits{ResponseHeader: 1 << 20}}, nil},
		"a user's, unlimited":    {&mcpclient.Client{HTTPClient: new(http.Client)}, nil},
		"a user's, with a limit": {&mcpclient.Client{HTTPClient: &http.Client{Transport: &http.Transport{MaxResponseHeaderBytes: 50 << 10, DisableKeepAlives: true}}}, &mcpclient.LimitError{What: "the response header (http.Transport.MaxResponseHeaderBytes)", Limit: 50 << 10}},
	} {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t)
			session, err := tt.client.Connect(t.Context(), server.URL())
			require.NoError(t, err)
			defer func() { require.NoError(t, session.Close()) }()
			server.Next(big)
			_, err = session.CallTool(t.Context(), "echo", nil)
			if tt.want == nil {
				require.NoError(t, err)
				return
			}
			require.Equal(t, tt.want, asCallError(t, err).Err)
			require.Equal(t, mcpclient.DeliveryUnknown, asCallError(t, err).Delivery)
			require.NoError(t, session.Ping(t.Context()))
		})
	}
}

func TestHeaderLimitOfHTTP2(t *testing.T) {
	server := mcptest.New(t)
	secure := httptest.NewUnstartedServer(server)
	secure.EnableHTTP2 = true
	secure.StartTLS()
	defer secure.Close()
	secure.Client().Transport.(*http.Transport).MaxResponseHeaderBytes = 50 << 10
	session, err := (&mcpclient.Client{HTTPClient: secure.Client()}).Connect(t.Context(), secure.URL+"/mcp")
	require.NoError(t, err)
	defer func() { require.NoError(t, session.Close()) }()
	var big []mcptest.Fault // in many fields and not by much: else HTTP/2 breaks off the connection
	for i := range 10 {
		big = append(big, mcptest.SetHeader("X-Big-"+strconv.Itoa(i), filled(5<<10, "x")))
	}
	server.Next(mcptest.Combine(big...).On("tools/call"))
	_, err = session.CallTool(t.Context(), "echo", nil)
	require.Equal(t, &mcpclient.LimitError{What: "the response header (http.Transport.MaxResponseHeaderBytes)", Limit: 50 << 10}, asCallError(t, err).Err)
	_, err = session.CallTool(t.Context(), "echo", nil)
	require.NoError(t, err)
}

// The limit is of decoded bytes, exact, and one knob for bodies and events.
func TestMessageSizeIsExact(t *testing.T) {
	const size = 10_000
	message := func(n int) string {
		empty := resultOf(`"content":[{"type":"text","text":""}]`)
		return strings.Replace(empty, `""}]`, `"`+strings.Repeat("x", n-len(empty))+`"}]`, 1)
	}
	event := func(n int) string {
		const frame = len("data: ") + len("\n")
		return "data: " + message(n-frame) + "\n\n"
	}
	for _, tt := range []struct {
		name  string
		fault mcptest.Fault
		fits  bool
	}{
		{"a body that fits", mcptest.Respond(canned(asJSON, message(size))), true},
		{"a body over it", mcptest.Respond(canned(asJSON, message(size+1))), false},
		{"an event that fits", mcptest.Respond(canned(asStream, event(size))), true},
		{"an event over it", mcptest.Respond(canned(asStream, event(size+1))), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := mcptest.New(t, mcptest.InMemory())
			session := connected(t, server, &mcpclient.Client{MaxMessageSize: size})
			server.Next(tt.fault.On("tools/call"))
			_, err := session.CallTool(t.Context(), "echo", nil)
			if tt.fits {
				require.NoError(t, err)
				return
			}
			require.EqualValues(t, size, asCause[*mcpclient.LimitError](t, err).Limit)
		})
	}
}

// The largest event takes half as much again while it comes, not as much again.
func TestLargestEventTakesItsSizeAndAHalf(t *testing.T) {
	reader := mcpclient.NewSSEReader(strings.NewReader("data: "+filled(almost, "x")+"\n\n"), 32<<20)
	allocated := sseAllocated(func() {
		event, err := reader.Next()
		require.NoError(t, err)
		require.Len(t, event.Data, almost)
	})
	require.LessOrEqual(t, allocated, int64(50<<20))
}

// Large answers of honest servers are none of this.
func TestLargeHonestAnswers(t *testing.T) {
	numbers := `"structuredContent":{"series":[` + strings.Repeat("1,", 1_000_000) + `1]}`
	var rows strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&rows, `{"id":%d,"name":"n","ok":true},`, i)
	}
	for name, result := range map[string]string{
		"a long text":      `"content":[{"type":"text","text":"` + filled(16<<20, "x") + `"}]`,
		"a long series":    `"content":[],` + numbers,
		"many rows":        `"content":[],"structuredContent":{"rows":[` + rows.String() + `{}]}`,
		"a wide object":    `"content":[],"structuredContent":{` + strings.TrimSuffix(uniqueNames(500_000), `,"":0`) + `}`,
		"many small texts": `"content":[` + strings.Repeat(`{"type":"text","text":"x"},`, 40_000) + `{"type":"text","text":"x"}]`,
	} {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t)
			session, err := mcpclient.Connect(t.Context(), server.URL())
			require.NoError(t, err)
			defer func() { require.NoError(t, session.Close()) }()
			server.Next(mcptest.Respond(canned(asJSON, resultOf(result))).On("tools/call"))
			_, err = session.CallTool(t.Context(), "echo", nil)
			require.NoError(t, err)
		})
	}
}

// A 307 or 308 to the same origin is followed; nothing is ever sent anywhere else.
func TestRedirects(t *testing.T) {
	var strangers atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strangers.Add(1) }))
	defer elsewhere.Close()
	for name, httpClient := range map[string]*http.Client{"own transport": nil, "a user's client": {}, "a user's client that follows": {CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}} {
		t.Run(name, func(t *testing.T) {
			client := &mcpclient.Client{HTTPClient: httpClient, Header: http.Header{"Authorization": {"Bearer s3cr3t"}}}
			t.Run("followed", func(t *testing.T) {
				for _, status := range []int{307, 308} {
					server := mcptest.New(t)
					server.Next(mcptest.Redirect(status, "/mcp/").On("initialize"), mcptest.Redirect(status, server.URL()).On("initialize"), mcptest.Redirect(status, "?x=1#f").On("initialize"))
					session, err := client.Connect(t.Context(), server.URL())
					require.NoError(t, err)
					_, err = session.CallTool(t.Context(), "echo", nil)
					require.NoError(t, err)
					require.NoError(t, session.Close())
					var last mcptest.Request
					for _, r := range server.Requests() {
						require.Equal(t, []string{"Bearer s3cr3t"}, r.Header["Authorization"])
						last = r
					}
					require.Len(t, requestsBy(server, http.MethodPost, "initialize"), 4, "with its body each time")
					require.Equal(t, http.MethodDelete, last.HTTPMethod)
					require.Equal(t, "/mcp", last.Path)
					require.Equal(t, 1, server.Executed())
				}
			})
			t.Run("the session stays where it was led", func(t *testing.T) {
				server := mcptest.New(t)
				server.Next(mcptest.Redirect(307, "/mcp/").On("initialize"))
				session, err := client.Connect(t.Context(), server.URL())
				require.NoError(t, err)
				require.NoError(t, session.Ping(t.Context()))
				require.NoError(t, session.Close())
				sent := server.Requests()
				led := slices.IndexFunc(sent, func(r mcptest.Request) bool { return r.Path == "/mcp/" })
				require.Equal(t, "initialize", sent[led].Method)
				for _, r := range sent[led:] {
					require.Equal(t, "/mcp/", r.Path, r.Method)
				}
			})
			t.Run("three times at most", func(t *testing.T) {
				server := mcptest.New(t)
				session, err := client.Connect(t.Context(), server.URL())
				require.NoError(t, err)
				defer func() { require.NoError(t, session.Close()) }()
				server.Next(mcptest.Redirect(308, "/mcp/").Times(3).On("tools/call"))
				_, err = session.CallTool(t.Context(), "echo", nil)
				require.NoError(t, err)
				before := len(server.Requests())
				server.Next(mcptest.Redirect(308, "/mcp/").Times(4).On("tools/call"))
				_, err = session.CallTool(t.Context(), "echo", nil)
				require.Equal(t, server.URL()+"/", asCause[*mcpclient.RedirectError](t, err).Location)
				require.Equal(t, mcpclient.DeliveryRefused, asCallError(t, err).Delivery)
				require.Len(t, server.Requests(), before+4)
				require.Equal(t, 1, server.Executed())
			})
			t.Run("refused", func(t *testing.T) {
				server := mcptest.New(t)
				session, err := client.Connect(t.Context(), server.URL())
				require.NoError(t, err)
				defer func() { require.NoError(t, session.Close()) }()
				host := strings.TrimPrefix(server.URL(), "http://")
				for location, named := range map[string]string{
					elsewhere.URL + "/mcp":                                     elsewhere.URL + "/mcp",
					"//" + strings.TrimPrefix(elsewhere.URL, "http://"):        elsewhere.URL,
					"https://" + host:                                          "https://" + host,
					strings.Replace(server.URL(), "127.0.0.1", "localhost", 1): strings.Replace(server.URL(), "127.0.0.1", "localhost", 1),
					"http://user:s3cr3t@" + host:                               "http://" + host,
					elsewhere.URL + "/?token=s3cr3t#s3cr3t":                    elsewhere.URL + "/",
				} {
					for _, status := range []int{301, 302, 303, 307, 308} {
						server.Next(mcptest.Redirect(status, location).On("tools/call"))
						_, err = session.CallTool(t.Context(), "echo", nil)
						redirect := asCause[*mcpclient.RedirectError](t, err)
						require.Equal(t, status, redirect.StatusCode)
						require.NotContains(t, redirect.Location, "user")
						require.EqualError(t, redirect, fmt.Sprintf("HTTP %d redirects to %q, which is not followed: use that URL if you trust it", status, named))
						require.NotContains(t, err.Error(), "s3cr3t")
						_, transient := mcpclient.RetryAfter(err)
						require.False(t, transient)
					}
				}
				for _, status := range []int{301, 302, 303} {
					server.Next(mcptest.Redirect(status, "/mcp/").On("tools/call"))
					_, err = session.CallTool(t.Context(), "echo", nil)
					require.Equal(t, server.URL()+"/", asCause[*mcpclient.RedirectError](t, err).Location, "it would become a GET without a body")
				}
				server.Next(mcptest.Status(307, nil, "").On("tools/call"))
				_, err = session.CallTool(t.Context(), "echo", nil)
				require.Empty(t, asCause[*mcpclient.RedirectError](t, err).Location)
				require.Zero(t, server.Executed())
			})
			require.Zero(t, strangers.Load(), "not a byte for another origin")
		})
	}
}

// endless is a value that encoding/json cannot encode.
type endless struct{ Next *endless }

// Whatever an application or a model hands in, the worst that happens is an error.
func TestUserDataNeverPanics(t *testing.T) {
	server := mcptest.New(t, mcptest.InMemory())
	session := connected(t, server, new(mcpclient.Client))
	cycle := new(endless)
	cycle.Next = cycle
	arguments := []any{
		nil, make(chan int), func() {}, math.NaN(), math.Inf(1), complex(1, 2), cycle, map[string]any{"x": make(chan int)}, map[bool]int{true: 1},
		[]int{1}, "text", 7, true, (*struct{})(nil), map[string]any(nil), struct{ A, a int }{1, 2},
		stdjson.RawMessage(nil), stdjson.RawMessage("null"), stdjson.RawMessage("{"), stdjson.RawMessage("}"), stdjson.RawMessage(`{"a":1,"a":2}`),
		stdjson.RawMessage(`{"a":1}{`), stdjson.RawMessage("\xff"), stdjson.RawMessage("{\"\xff\":\"\xff\"}"), stdjson.RawMessage(filled(20_000, "[")),
		stdjson.RawMessage(" { } "), stdjson.RawMessage(`{"_meta":1}`), stdjson.RawMessage(`{"_meta":{"progressToken":1}}`), stdjson.Number("x"),
	}
	options := [][]mcpclient.CallOption{
		nil, {nil}, {mcpclient.WithMeta("k", make(chan int))}, {mcpclient.WithMeta("", stdjson.RawMessage("{"))}, {mcpclient.WithMeta("k", cycle)},
		{mcpclient.WithHeader("", "")}, {mcpclient.WithHeader("a b", "c")}, {mcpclient.WithHeader("X", "\x00\r\n")},
		{mcpclient.WithProgress(nil)}, {mcpclient.WithLogs("", nil)}, {mcpclient.WithIdleTimeout(-1)}, {mcpclient.WithIdleTimeout(time.Hour), mcpclient.WithProgress(func(mcpclient.Progress) {})},
	}
	names := []string{"echo", "", "\x00\xff\n", filled(100<<10, "é")}
	check := func(err error) {
		if err != nil {
			asCallError(t, err)
			require.Less(t, len(err.Error()), 2000)
		}
	}
	for _, args := range arguments {
		for _, with := range options {
			_, err := session.CallTool(t.Context(), "echo", args, with...)
			check(err)
		}
		for _, name := range names {
			_, err := session.CallTool(t.Context(), name, args)
			check(err)
			check(session.Request(t.Context(), name, args, new(chan int)))
			check(session.Notify(t.Context(), name, args))
		}
	}
	for _, name := range names {
		_, err := session.ReadResource(t.Context(), name)
		check(err)
		_, err = session.GetPrompt(t.Context(), name, map[string]string{name: name})
		check(err)
		_, err = session.CompletePrompt(t.Context(), name, mcpclient.CompletionArgument{Name: name, Value: name}, nil)
		check(err)
		check(session.SetLogLevel(t.Context(), mcpclient.LogLevel(name)))
		_, err = mcpclient.CallAs[chan int](t.Context(), session, name, nil)
		check(err)
	}
	require.NoError(t, session.Ping(t.Context()))
	require.Equal(t, 1, server.Initializes())
}

// Answers with single bytes changed: whatever comes of them, it is an answer or a typed error, of that call alone.
func TestMutatedAnswersNeverPanic(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	mutate := func(answer []byte) []byte {
		changed := bytes.Clone(answer)
		for range 1 + random.IntN(3) {
			i := random.IntN(len(changed))
			switch random.IntN(4) {
			case 0:
				changed[i] = "{}[]\",:0ntf\\\x00\xff"[random.IntN(14)]
			case 1:
				changed = append(changed[:i], changed[i+1:]...)
			case 2:
				changed = append(changed[:i:i], append([]byte("null"), changed[i:]...)...)
			case 3:
				j := i + random.IntN(min(20, len(changed)-i))
				changed = append(changed[:i:i], append(bytes.Clone(changed[i:j]), changed[i:]...)...)
			}
			if len(changed) == 0 {
				changed = []byte("0")
			}
		}
		return changed
	}
	server := mcptest.New(t, mcptest.InMemory(), mcptest.PageSize(2))
	server.AddPrompt(mcpclient.Prompt{Name: "p"}, func(context.Context, map[string]string) (*mcpclient.PromptResult, error) {
		return &mcpclient.PromptResult{Messages: []mcpclient.PromptMessage{{Role: "user", Content: &mcpclient.Text{Text: "x"}}}}, nil
	})
	session := connected(t, server, &mcpclient.Client{HandshakeTimeout: time.Second})
	defer server.Always(mcptest.Rewrite(mutate).When(func(r mcptest.Request) bool {
		return r.Method != "initialize" && r.Method != "ping" && len(r.ID) > 0
	}))()
	calls := []func() error{
		func() error {
			_, err := session.CallTool(t.Context(), "add", map[string]int{"a": 1, "b": 2})
			return err
		},
		func() error { _, err := mcpclient.Collect(session.Tools(t.Context())); return err },
		func() error { _, err := mcpclient.Collect(session.Prompts(t.Context())); return err },
		func() error { _, err := session.GetPrompt(t.Context(), "p", nil); return err },
		func() error { return session.Request(t.Context(), "tools/list", nil, new(any)) },
	}
	failures := 0
	for range 300 {
		for _, call := range calls {
			if err := call(); err != nil {
				asCallError(t, err)
				failures++
			}
		}
	}
	require.Greater(t, failures, 500, "the answers were mutated")
	require.NoError(t, session.Ping(t.Context()))
}
