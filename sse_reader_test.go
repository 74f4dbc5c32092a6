package mcpclient_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
)

// sseMaxForTests is a limit that no test of another subject meets.
const sseMaxForTests = 32 << 20

// readSSE reads a whole stream; every event has its data copied.
func readSSE(src io.Reader, maxEvent int64) (events []mcpclient.SSEEvent, lastID string, err error) {
	reader := mcpclient.NewSSEReader(src, maxEvent)
	for {
		event, err := reader.Next()
		if err != nil {
			return events, reader.LastEventID(), err
		}
		if event.Data != nil {
			event.Data = append([]byte{}, event.Data...)
		}
		events = append(events, event)
	}
}

func showSSE(events []mcpclient.SSEEvent) string {
	var texts []string
	for _, e := range events {
		var parts []string
		if e.Name != "" {
			parts = append(parts, "name="+e.Name)
		}
		if e.Data != nil {
			parts = append(parts, fmt.Sprintf("data=%q", e.Data))
		}
		if e.HasID {
			parts = append(parts, fmt.Sprintf("id=%q", e.ID))
		}
		if e.HasRetry {
			parts = append(parts, "retry="+e.Retry.String())
		}
		texts = append(texts, strings.Join(parts, " "))
	}
	return strings.Join(texts, "; ")
}

// sseStreams are streams and what a browser, or our use of dataless blocks, makes of them.
var sseStreams = []struct{ name, stream, want, lastID string }{
	{"nothing", "", ``, ""},
	{"one event", "data: x\n\n", `data="x"`, ""},
	{"CRLF", "data: x\r\ndata: y\r\n\r\ndata: z\r\n\r\n", `data="x\ny"; data="z"`, ""},
	{"lone CR", "data: x\rdata: y\r\rdata: z\r\r", `data="x\ny"; data="z"`, ""},
	{"mixed ends", "data: x\r\n\ndata: y\n\r\ndata: z\r\r\n", `data="x"; data="y"; data="z"`, ""},
	{"CR then LF are one end", "data: x\r\ndata: y\n\n", `data="x\ny"`, ""},
	{"LF then CR are two", "data: x\n\rdata: y\n\r", `data="x"; data="y"`, ""},
	{"blank lines", "\n\n\r\n\r\rdata: x\n\n\n\n\n", `data="x"`, ""},
	{"byte order mark", "\ufeffdata: x\n\n", `data="x"`, ""},
	{"two byte order marks", "\ufeff\ufeffdata: x\n\ndata: y\n\n", `data="y"`, ""},
	{"byte order mark later", "data: x\n\n\ufeffdata: y\n\ndata: z\n\n", `data="x"; data="z"`, ""},
	{"part of a byte order mark", "\xef\xbbdata: x\n\ndata: y\n\n", `data="y"`, ""},
	{"another mark", "\xef\xbb\xbedata: x\n\ndata: y\n\n", `data="y"`, ""},
	{"byte order mark alone", "\ufeff", ``, ""},
	{"byte order mark and CRLF", "\ufeff\r\ndata: x\n\n", `data="x"`, ""},
	{"comments", ": hello\n\n:\n\n:data: x\ndata: y\n: z\n\n", `data="y"`, ""},
	{"no colon", "data\n\ndata\ndata\n\n", `data=""; data="\n"`, ""},
	{"name of part of a name", "dat: x\ndataa: y\ndatax\nd: z\ndata: w\n\n", `data="w"`, ""},
	{"one space is stripped", "data:x\n\ndata: x\n\ndata:  x \n\ndata:\tx\n\n", `data="x"; data="x"; data=" x "; data="\tx"`, ""},
	{"space alone", "data: \n\ndata:  \n\n", `data=""; data=" "`, ""},
	{"space before the colon", "data : x\n\n", ``, ""},
	{"space before the name", " data: x\n\n", ``, ""},
	{"colons in a value", "data: a: b:c\n\n", `data="a: b:c"`, ""},
	{"other case", "Data: x\nDATA: y\n\n", ``, ""},
	{"lines of data", "data: a\ndata\ndata:\ndata: b\n\n", `data="a\n\n\nb"`, ""},
	{"unknown fields", "foo: x\ndatabase: y\nx\ndata: z\n\n", `data="z"`, ""},
	{"bytes that are no text", "data: \x00\xff\xc3\n\n", `data="\x00\xff\xc3"`, ""},
	{"unterminated event", "data: x\n\ndata: y\n", `data="x"`, ""},
	{"unterminated line", "data: x\n\ndata: y", `data="x"`, ""},
	{"unterminated CR", "data: x\n\ndata: y\r", `data="x"`, ""},
	{"event name", "event: ping\ndata: x\n\ndata: y\n\n", `name=ping data="x"; data="y"`, ""},
	{"last event name", "event: a\nevent: b\ndata: x\n\nevent: b\nevent:\ndata: y\n\n", `name=b data="x"; data="y"`, ""},
	{"message by name", "event: message\ndata: x\n\n", `name=message data="x"`, ""},
	{"event name without data", "event: ping\n\ndata: x\n\n", `data="x"`, ""},
	{"id", "id: 1\ndata: x\n\ndata: y\n\n", `data="x" id="1"; data="y"`, "1"},
	{"last id", "id: 1\nid: 2\ndata: x\n\n", `data="x" id="2"`, "2"},
	{"id with NUL", "id: 1\n\nid: 2\x003\ndata: x\n\n", `id="1"; data="x"`, "1"},
	{"id with NUL after another", "id: 1\nid: \x00\ndata: x\n\n", `data="x" id="1"`, "1"},
	{"empty id resets", "id: 1\ndata: x\n\nid\ndata: y\n\n", `data="x" id="1"; data="y" id=""`, ""},
	{"id of an unterminated event", "id: 1\ndata: x\n\nid: 2\ndata: y\n", `data="x" id="1"`, "1"},
	{"priming event", "id: 1\ndata:\n\ndata: x\n\n", `data="" id="1"; data="x"`, "1"},
	{"id without data", "id: 1\n\ndata: x\n\n", `id="1"; data="x"`, "1"},
	{"id and name without data", "event: x\nid: 1\n\n", `id="1"`, "1"},
	{"retry", "retry: 500\n\nretry: 0\ndata: x\n\n", `retry=500ms; data="x" retry=0s`, ""},
	{"last retry", "retry: 1\nretry: 2000\nretry: x\n\n", `retry=2s`, ""},
	{"void retry", "retry\nretry:\nretry: -1\nretry: +1\nretry: 1.5\nretry: 1s\nretry: 1 \nretry:  1\nretry: ١\ndata: x\n\n", `data="x"`, ""},
	{"long retry", "retry: 00000000000000000000000000000001\n\n", `retry=1ms`, ""},
	{"endless retry", "retry: 99999999999999999999999999999999\n\n", "retry=" + time.Duration(math.MaxInt64).Truncate(time.Millisecond).String(), ""},
	{"all fields", "event: message\nid: a b\nretry: 10\ndata: {\ndata: }\n\n", `name=message data="{\n}" id="a b" retry=10ms`, "a b"},
}

func TestSSEStreams(t *testing.T) {
	for _, c := range sseStreams {
		t.Run(c.name, func(t *testing.T) {
			events, lastID, err := readSSE(strings.NewReader(c.stream), sseMaxForTests)
			require.Equal(t, io.EOF, err)
			require.Equal(t, c.want, showSSE(events))
			require.Equal(t, c.lastID, lastID)
		})
	}
}

// sseChunks returns at most size bytes at a time.
type sseChunks struct {
	src  io.Reader
	size int
}

func (r sseChunks) Read(p []byte) (int, error) { return r.src.Read(p[:min(len(p), r.size)]) }

func TestSSEChunkings(t *testing.T) {
	var whole strings.Builder
	for _, c := range sseStreams {
		whole.WriteString(c.stream + "\n\n")
	}
	streams := append(slices.Clip(sseStreams), struct{ name, stream, want, lastID string }{stream: whole.String()})
	for _, c := range streams {
		want, wantID, _ := readSSE(strings.NewReader(c.stream), sseMaxForTests)
		for size := 1; size <= len(c.stream); size++ {
			events, lastID, err := readSSE(sseChunks{strings.NewReader(c.stream), size}, sseMaxForTests)
			require.Equal(t, io.EOF, err)
			require.Equal(t, want, events, "%s in chunks of %d", c.name, size)
			require.Equal(t, wantID, lastID)
		}
		events, _, err := readSSE(iotest.DataErrReader(strings.NewReader(c.stream)), sseMaxForTests)
		require.Equal(t, io.EOF, err)
		require.Equal(t, want, events, "%s with EOF beside the last bytes", c.name)
	}
}

// TestSSEEventIsNotHeldBack gives the reader nothing after the blank line: it has to hand out the event without another read.
func TestSSEEventIsNotHeldBack(t *testing.T) {
	for _, end := range []string{"\n\n", "\r\r", "\r\n\r", "\r\n\r\n", "\n\r"} {
		tooFar := errors.New("the reader waited for more")
		reader := mcpclient.NewSSEReader(io.MultiReader(strings.NewReader("id: 1\ndata: x"+end), iotest.ErrReader(tooFar)), sseMaxForTests)
		event, err := reader.Next()
		require.NoError(t, err, "%q", end)
		require.Equal(t, "x", string(event.Data))
		require.Equal(t, "1", reader.LastEventID())
		_, err = reader.Next()
		require.Equal(t, tooFar, err)
	}
}

func TestSSEErrorsAreFinalAndUnchanged(t *testing.T) {
	broken := errors.New("connection reset")
	for _, src := range []io.Reader{
		io.MultiReader(strings.NewReader("data: x\n\nid: 2\ndata: y\n"), iotest.ErrReader(broken), strings.NewReader("\n")),
		&sseOnce{"data: x\n\nid: 2\ndata: y\n", broken},
	} {
		reader := mcpclient.NewSSEReader(src, sseMaxForTests)
		event, err := reader.Next()
		require.NoError(t, err)
		require.Equal(t, "x", string(event.Data))
		for range 3 {
			event, err = reader.Next()
			require.Equal(t, broken, err)
			require.Zero(t, event)
		}
		require.Empty(t, reader.LastEventID(), "the id of a broken event must not be resumed from")
	}
}

// sseOnce returns its error together with its bytes, and io.EOF after that.
type sseOnce struct {
	text string
	err  error
}

func (r *sseOnce) Read(p []byte) (int, error) {
	if r.text == "" {
		return 0, io.EOF
	}
	n := copy(p, r.text)
	r.text = ""
	return n, r.err
}

type sseIdle struct{ reads int }

func (r *sseIdle) Read([]byte) (int, error) { r.reads++; return 0, nil }

func TestSSEReaderOfNothingEnds(t *testing.T) {
	src := new(sseIdle)
	_, _, err := readSSE(src, sseMaxForTests)
	require.Equal(t, io.ErrNoProgress, err)
	require.LessOrEqual(t, src.reads, 1000)
}

func TestSSELimitCountsTheWholeEvent(t *testing.T) {
	for _, c := range []struct {
		stream string
		limit  int64
	}{
		{"data: x\n\n", 8},
		{"data: x\r\n\r\n", 8},
		{"data: x\ndata\n\n", 13},
		{"event: e\nid: 1\nretry: 5\nfoo: x\ndata: x\n\n", 9 + 6 + 9 + 7 + 8},
		{": a comment of thirty-two bytes\n\n", 32},
		{"data: x\n: a comment of thirty-two bytes\ndata: x\n\n", 32},
	} {
		stream := strings.Repeat(c.stream, 3)
		_, _, err := readSSE(strings.NewReader(stream), c.limit)
		require.Equal(t, io.EOF, err, c.stream)
		for _, size := range []int{1, 3, len(stream)} {
			events, _, err := readSSE(sseChunks{strings.NewReader(stream), size}, c.limit-1)
			require.Equal(t, mcpclient.ErrEventTooLarge, err, c.stream)
			require.Empty(t, events)
		}
	}
}

func TestSSELimitIsFinal(t *testing.T) {
	reader := mcpclient.NewSSEReader(strings.NewReader("data: 0123456789\n\ndata: x\n\n"), 10)
	for range 3 {
		_, err := reader.Next()
		require.Equal(t, mcpclient.ErrEventTooLarge, err)
	}
}

func TestSSEKeepAlivesDoNotAddUp(t *testing.T) {
	for _, keepAlive := range []string{": keep-alive\n", ": keep-alive\n\n", "event: ping\n\n", "ping\n\n", "id: 1\n\n"} {
		stream := "data: x\n" + strings.Repeat(keepAlive, 1000) + "data: y\n\n"
		events, _, err := readSSE(strings.NewReader(stream), 64)
		require.Equal(t, io.EOF, err, keepAlive)
		require.Equal(t, "y", string(events[len(events)-1].Data[len(events[len(events)-1].Data)-1:]))
	}
}

// sseEndless repeats text after its prefix and counts what it gave.
type sseEndless struct {
	prefix, text string
	given        int64
}

func (r *sseEndless) Read(p []byte) (int, error) {
	n := copy(p, r.prefix)
	r.prefix = r.prefix[n:]
	for n+len(r.text) <= len(p) {
		n += copy(p[n:], r.text)
	}
	r.given += int64(n)
	return n, nil
}

// sseAllocated returns the bytes that f allocates: an upper bound of what it holds, and of what it copies into new buffers.
func sseAllocated(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

func TestSSEEndlessStreamsEndAtTheLimit(t *testing.T) {
	const limit = 8 << 20
	line := strings.Repeat("x", 73)
	for _, c := range []struct {
		name, prefix, text string
		memory             int64
	}{
		{"comment", ":", "x", 1 << 20},
		{"comment after data", "data: x\n:", "x", 1 << 20},
		{"field name", "", "x", 1 << 20},
		{"unknown field", "foo: ", "x", 1 << 20},
		{"lines of an unknown field", "", "foo: " + line + "\n", 1 << 20},
		{"id", "id: ", "x", 1 << 20},
		{"event name", "event:", "x", 1 << 20},
		{"retry", "retry:", "0", 1 << 20},
		{"lines of ids", "", "id: 1\n", 32 << 20}, // short-lived strings of eight bytes
		// From half the limit on, all of the limit has its room: no event holds more than one and a half of it.
		{"data", "data: ", "x", limit + limit/2 + 2<<20},
		{"lines of data", "", "data: " + line + "\n", limit + limit/2 + 2<<20},
		{"empty lines of data", "", "data\n", limit + limit/2 + 2<<20},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := &sseEndless{prefix: c.prefix, text: c.text}
			memory := sseAllocated(func() {
				events, _, err := readSSE(src, limit)
				require.Equal(t, mcpclient.ErrEventTooLarge, err)
				require.Empty(t, events)
			})
			require.LessOrEqual(t, src.given, int64(limit+64<<10))
			require.LessOrEqual(t, memory, c.memory)
		})
	}
}

func TestSSELongIDsAndNames(t *testing.T) {
	long := strings.Repeat("x", 64<<10)
	events, lastID, err := readSSE(strings.NewReader("id: "+long+"\nevent: "+long+"\ndata: x\n\n"), sseMaxForTests)
	require.Equal(t, io.EOF, err)
	require.Equal(t, long, lastID)
	require.Equal(t, long, events[0].Name)
	for _, field := range []string{"id", "event"} {
		_, _, err = readSSE(strings.NewReader(field+": "+long+"x\ndata: x\n\n"), sseMaxForTests)
		require.Equal(t, mcpclient.ErrEventTooLarge, err)
	}
}

// TestSSELargeEvents holds the cost of an event to its size: every byte is copied once into a chunk and once into the whole, whatever
// the number of its lines. A buffer that doubled, or that was copied for each line, would allocate more than that.
func TestSSELargeEvents(t *testing.T) {
	line := "data: " + strings.Repeat("x", 73) + "\n"
	for _, c := range []struct {
		name, stream string
		size         int
	}{
		{"one line", "data: " + strings.Repeat("x", 32<<20-8) + "\n\n", 32<<20 - 8},
		{"many lines", strings.Repeat(line, 16<<20/80) + "\n", 16<<20/80*74 - 1},
		{"twice as many lines", strings.Repeat(line, 32<<20/80) + "\n", 32<<20/80*74 - 1},
		{"empty lines", strings.Repeat("data\n", 1<<20) + "\n", 1<<20 - 1},
		{"one chunk", "data: " + strings.Repeat("x", 1<<20) + "\n\n", 1 << 20},
		{"one chunk and a byte", "data: " + strings.Repeat("x", 1<<20+1) + "\n\n", 1<<20 + 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := &sseReadCounter{src: strings.NewReader(c.stream)}
			reader := mcpclient.NewSSEReader(src, 32<<20)
			memory := sseAllocated(func() {
				event, err := reader.Next()
				require.NoError(t, err)
				require.Len(t, event.Data, c.size)
			})
			require.LessOrEqual(t, memory, int64(2*c.size+3<<20))
			require.LessOrEqual(t, src.reads, len(c.stream)/(32<<10)+3)
		})
	}
}

type sseReadCounter struct {
	src   io.Reader
	reads int
}

func (r *sseReadCounter) Read(p []byte) (int, error) { r.reads++; return r.src.Read(p) }

func TestSSELargeEventKeepsEveryByte(t *testing.T) {
	var data bytes.Buffer
	for i := 0; data.Len() < 5<<20/2; i++ {
		fmt.Fprintf(&data, "%d,", i)
	}
	stream := fmt.Sprintf("data: %s\n\ndata: y\n\ndata: %s\n\n", data.Bytes(), data.Bytes())
	for _, size := range []int{100_003, 1 << 20, len(stream)} {
		events, _, err := readSSE(sseChunks{strings.NewReader(stream), size}, sseMaxForTests)
		require.Equal(t, io.EOF, err)
		require.Len(t, events, 3)
		require.True(t, bytes.Equal(data.Bytes(), events[0].Data))
		require.Equal(t, "y", string(events[1].Data))
		require.True(t, bytes.Equal(data.Bytes(), events[2].Data))
	}
}

func TestSSESteadyStreamDoesNotAllocate(t *testing.T) {
	for name, text := range map[string]string{
		"small":    "event: message\nretry: 10\ndata: {\"jsonrpc\":\"2.0\"}\ndata: x\n\n",
		"name":     "event: progress\ndata: x\r\n\r\n",
		"comments": ": keep-alive\n\nfoo: x\ndata: x\n\n",
		"200 KiB":  "data: " + strings.Repeat("x", 200<<10) + "\n\n",
	} {
		reader := mcpclient.NewSSEReader(&sseCycle{text: text}, sseMaxForTests)
		allocs := testing.AllocsPerRun(500, func() {
			if _, err := reader.Next(); err != nil {
				t.Fatal(err)
			}
		})
		require.Zero(t, allocs, name)
	}
}

// sseCycle gives text again and again, in whole buffers.
type sseCycle struct {
	text string
	at   int
}

func (r *sseCycle) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		copied := copy(p[n:], r.text[r.at:])
		n += copied
		r.at = (r.at + copied) % len(r.text)
	}
	return n, nil
}

func BenchmarkSSEReader(b *testing.B) {
	line := strings.Repeat("x", 73)
	for _, c := range []struct{ name, text string }{
		{"small", "event: message\nid: 12\ndata: " + line + "\n\n"},
		{"1KB", "event: message\ndata: " + strings.Repeat("x", 1000) + "\n\n"},
		{"1MB-line", "data: " + strings.Repeat("x", 1<<20-64) + "\n\n"},
		{"8MB-lines", strings.Repeat("data: "+line+"\n", 8<<20/80) + "\n"},
		{"1MB-lines-of-CR", strings.Repeat("data: x\r", 1<<17) + "\r"},
	} {
		b.Run(c.name, func(b *testing.B) {
			reader := mcpclient.NewSSEReader(&sseCycle{text: c.text}, sseMaxForTests)
			b.SetBytes(int64(len(c.text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := reader.Next(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
