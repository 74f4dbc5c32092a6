package mcpclient_test

import (
	"io"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
)

// FuzzSSEReader compares the reader with a model that has the whole stream at once, and every chunking with the whole.
func FuzzSSEReader(f *testing.F) {
	for _, c := range sseStreams {
		f.Add([]byte(c.stream), uint8(2), uint16(1000))
		f.Add([]byte(c.stream), uint8(5), uint16(12))
	}
	f.Fuzz(func(t *testing.T, data []byte, chunk uint8, maxEvent uint16) {
		stream, size := string(data), int(chunk)+1
		// A stream of nothing but a part of a byte order mark may or may not count, so no limit is that small.
		for _, limit := range []int64{sseMaxForTests, int64(maxEvent) + 3} {
			want, wantID, wantErr := modelSSE(stream, limit)
			compare := func(name string, src io.Reader) {
				events, lastID, err := readSSE(src, limit)
				require.Equal(t, wantErr, err, name)
				require.Equal(t, showSSE(want), showSSE(events), name)
				require.Equal(t, wantID, lastID, name)
			}
			compare("whole", strings.NewReader(stream))
			compare("bytes", iotest.OneByteReader(strings.NewReader(stream)))
			compare("chunks", sseChunks{strings.NewReader(stream), size})
			compare("data with EOF", iotest.DataErrReader(strings.NewReader(stream)))
			compare("chunk and rest", io.MultiReader(strings.NewReader(stream[:min(size, len(stream))]), strings.NewReader(stream[min(size, len(stream)):])))
			if len(stream) > sseShort {
				continue
			}
			for n := 2; n < len(stream); n++ {
				compare("chunks of every size", sseChunks{strings.NewReader(stream), n})
			}
		}
	})
}

// sseShort is up to how many bytes a stream is cut in every way there is: a longer one costs too much.
const sseShort = 24

var sseLineEnd = regexp.MustCompile("\r\n|\n|\r")

// modelSSE interprets a whole stream as WHATWG HTML, section 9.2.6, words it: lines first, then a data buffer that gets a LF after every
// line and loses the last. The limit is ours.
func modelSSE(stream string, limit int64) (events []mcpclient.SSEEvent, lastID string, err error) {
	lines := sseLineEnd.Split(strings.TrimPrefix(stream, "\ufeff"), -1)
	rest := lines[len(lines)-1]
	lines = lines[:len(lines)-1]

	var data, name, id string
	var hasID, hasRetry, hasData bool
	var retry time.Duration
	size := int64(0)
	over := func(line string, end int64) bool {
		n := int64(len(line)) + end
		if strings.HasPrefix(line, ":") {
			return n > limit
		}
		size += n
		return size > limit
	}
	for _, line := range lines {
		if line == "" {
			if hasID {
				lastID = id
			}
			event := mcpclient.SSEEvent{ID: id, HasID: hasID, Retry: retry, HasRetry: hasRetry}
			if hasData {
				event.Name, event.Data = name, []byte(strings.TrimSuffix(data, "\n"))
			}
			if hasData || hasID || hasRetry {
				events = append(events, event)
			}
			data, name, id, hasID, hasRetry, hasData, retry, size = "", "", "", false, false, false, 0, 0
			continue
		}
		if over(line, 1) {
			return events, lastID, mcpclient.ErrEventTooLarge
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		if buffered := field == "event" || field == "id" || field == "retry"; buffered && len(value) > 64<<10 {
			return events, lastID, mcpclient.ErrEventTooLarge
		}
		switch field {
		case "data":
			data += value + "\n"
			hasData = true
		case "event":
			name = value
		case "id":
			if !strings.Contains(value, "\x00") {
				id, hasID = value, true
			}
		case "retry":
			if regexp.MustCompile(`^[0-9]+$`).MatchString(value) {
				milliseconds, err := time.ParseDuration(value + "ms")
				if err != nil { // more than fits
					milliseconds = 1<<63 - 1
				}
				retry, hasRetry = milliseconds.Truncate(time.Millisecond), true
			}
		}
	}
	if over(rest, 0) {
		return events, lastID, mcpclient.ErrEventTooLarge
	}
	return events, lastID, io.EOF
}
