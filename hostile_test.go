package mcpclient_test

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"net/http"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
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
func TestP12BoundedMemoryOfAnswers(t *testing.T) {
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
func TestP12BoundedMemoryOfFloods(t *testing.T) {
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
