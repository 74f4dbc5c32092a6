package mcpclient

import (
	"bytes"
	"errors"
	"io"
	"math"
	"time"
)

// errEventTooLarge ends a stream whose event, or whose single line of any kind, is larger than the reader's limit.
var errEventTooLarge = errors.New("server-sent event over the size limit")

// errNoEvent ends a stream that sends and sends, and never an event.
var errNoEvent = errors.New("server-sent events: nothing but comments and blank lines")

const (
	sseFirstRead   = 4 << 10  // read buffer of a stream of small events; many streams may be open at once
	sseLargeRead   = 32 << 10 // read buffer once a read filled the first
	sseMaxValue    = 64 << 10 // size of an event name or id; an id goes into a request header, where more is refused anyway
	sseMaxSilence  = 64 << 20 // size of the comments and blank lines between two events: of a ping each second for a month
	sseIdleReads   = 100      // reads of nothing in a row before the stream counts as broken
	sseLongestName = len("event")
	sseByteOrder   = "\xef\xbb\xbf"
)

// sseEvent is one block of an event stream. A block without data is no event for a browser, but its id or retry field counts, so it is
// returned too when it has one of these.
type sseEvent struct {
	name     string // "" or "message": an ordinary message
	data     []byte // valid until the next call; nil (no data field) or empty: nothing to parse
	id       string // the id field of this block; "" with hasID resets the last event id
	hasID    bool
	retry    time.Duration // the reconnection time asked for; not bounded here
	hasRetry bool
}

// sseReader splits a byte stream into server-sent events by the rules of WHATWG HTML, section 9.2.6 ("Interpreting an event stream").
//
// Its time is linear in the bytes read, however they are chunked. It keeps no more than one event, at most twice (in the pieces in
// which it came, and whole), and needs no allocation for an event up to 1 MiB but for the text of a new id. Not for concurrent use.
type sseReader struct {
	src      io.Reader
	maxEvent int64
	err      error // sticky: what ended the stream

	readErr  error  // came beside bytes that are not parsed yet
	buf      []byte // bytes read; buf[pos:end] are not parsed yet
	pos, end int
	lineFeed int  // of the first LF at or after pos, else end; less than pos: not known
	order    int  // bytes of a byte order mark seen at the start
	started  bool // the start, where a byte order mark may stand, is over
	afterCR  bool // the last byte was a CR: a LF now belongs to it

	line  sseLine
	size  int64 // bytes of this block's finished lines, comments left out
	quiet int64 // bytes read since the last event
	block sseBlock

	lastID   string // of the last complete block that had one
	lastName string // kept to spare an allocation for each event of the same name
}

// sseField is what the line being read means.
type sseField int

const (
	sseNaming  sseField = iota // the name is not complete yet
	sseComment                 // dropped as it comes
	sseUnknown                 // dropped as it comes
	sseData                    // goes to the event's data as it comes
	sseName
	sseID
	sseRetry
)

// sseLine is the state of the unfinished line.
type sseLine struct {
	field   sseField
	size    int64
	started bool   // the value has begun: a further leading space belongs to it
	text    []byte // while naming the name, then the value of sseName, sseID and sseRetry
}

// sseBlock is what the fields before the blank line have said so far.
type sseBlock struct {
	event   sseEvent
	hasData bool
	data    chunkBuffer
}

// newSSEReader returns a reader of the events of r. An event over maxEvent bytes, counted with its field names and line ends, ends the
// stream; so does a line of a comment that long, while the comments between two fields add up to much more (sseMaxSilence): a quiet
// server may send them for hours.
func newSSEReader(r io.Reader, maxEvent int64) *sseReader {
	return &sseReader{src: r, maxEvent: maxEvent, block: sseBlock{data: chunkBuffer{most: maxEvent}}}
}

// lastEventID returns the id to resume the stream with: that of the last complete block that had one.
func (r *sseReader) lastEventID() string { return r.lastID }

// next returns the next block that carries data, an id or a reconnection time, as soon as its blank line is there. After the last
// complete block it returns io.EOF; an unterminated block is dropped, because nobody can tell how much of it is missing. Any other error is
// errEventTooLarge, errNoEvent or the error of the underlying reader. Errors are final.
func (r *sseReader) next() (sseEvent, error) {
	for r.err == nil {
		piece, ended, err := r.piece()
		if err == nil {
			err = r.take(piece, ended)
		}
		if err != nil {
			r.err = err
			break
		}
		if !ended {
			continue
		}
		if r.line.size > 0 {
			r.endLine()
			continue
		}
		if event, ok := r.endBlock(); ok {
			r.quiet = 0
			return event, nil
		}
	}
	return sseEvent{}, r.err
}

// piece returns the next bytes of the current line, as far as they are in the buffer, and whether the line ends with them. A CR ends
// a line at once. Waiting for the LF that may follow would hold back an event until the server sends more.
func (r *sseReader) piece() (piece []byte, ended bool, err error) {
	for {
		if r.pos == r.end {
			if err := r.fill(); err != nil {
				return nil, false, err
			}
		}
		if !r.started {
			if piece, ok := r.skipByteOrder(); ok {
				return piece, false, nil
			}
			continue
		}
		if r.afterCR {
			r.afterCR = false
			if r.buf[r.pos] == '\n' {
				r.pos++
				continue
			}
		}
		break
	}
	stop := r.nextLineFeed()
	if i := bytes.IndexByte(r.buf[r.pos:stop], '\r'); i >= 0 {
		stop = r.pos + i
	}
	piece = r.buf[r.pos:stop]
	if stop == r.end {
		r.pos = stop
		return piece, false, nil
	}
	r.afterCR = r.buf[stop] == '\r'
	r.pos = stop + 1
	return piece, true, nil
}

// nextLineFeed returns where the next LF stands. It is remembered, because lines that end with a CR would search the same bytes again
// and again.
func (r *sseReader) nextLineFeed() int {
	if r.lineFeed < r.pos {
		r.lineFeed = r.end
		if i := bytes.IndexByte(r.buf[r.pos:r.end], '\n'); i >= 0 {
			r.lineFeed = r.pos + i
		}
	}
	return r.lineFeed
}

// skipByteOrder takes the next byte for one of a byte order mark. If it is none, it returns what it took before: the beginning of the
// first line.
func (r *sseReader) skipByteOrder() (piece []byte, ok bool) {
	if r.buf[r.pos] == sseByteOrder[r.order] {
		r.pos++
		r.order++
		r.started = r.order == len(sseByteOrder)
		return nil, false
	}
	r.started = true
	return []byte(sseByteOrder[:r.order]), r.order > 0
}

// fill reads into the buffer, all of which has been parsed.
func (r *sseReader) fill() error {
	switch {
	case r.buf == nil:
		r.buf = make([]byte, sseFirstRead)
	case r.end == len(r.buf) && r.end < sseLargeRead:
		r.buf = make([]byte, sseLargeRead)
	}
	r.pos, r.end, r.lineFeed = 0, 0, -1
	for idle := 0; r.readErr == nil && r.end == 0; idle++ {
		if idle == sseIdleReads {
			return io.ErrNoProgress
		}
		r.end, r.readErr = r.src.Read(r.buf)
	}
	if r.end == 0 {
		return r.readErr
	}
	if r.quiet += int64(r.end); r.quiet > r.maxEvent+sseMaxSilence {
		return errNoEvent
	}
	return nil
}

// take adds the next bytes of a line to what the line is for. Data goes straight to the event, lines that mean nothing go nowhere, so
// that neither is ever held twice.
func (r *sseReader) take(piece []byte, ended bool) error {
	line := &r.line
	line.size += int64(len(piece))
	if ended && line.size > 0 {
		line.size++
	}
	if line.field == sseNaming {
		piece = r.takeName(piece)
	}
	size := line.size
	if line.field != sseComment {
		size += r.size
	}
	if size > r.maxEvent {
		return errEventTooLarge
	}
	if len(piece) == 0 || line.field == sseComment || line.field == sseUnknown {
		return nil
	}
	if !line.started {
		line.started = true
		piece = bytes.TrimPrefix(piece, []byte(" "))
	}
	if line.field == sseData {
		r.block.data.write(piece)
		return nil
	}
	if len(line.text)+len(piece) > sseMaxValue {
		return errEventTooLarge
	}
	line.text = append(line.text, piece...)
	return nil
}

// takeName reads on in the field name and returns what follows its colon. No more of a name is kept than tells that it is unknown.
func (r *sseReader) takeName(piece []byte) []byte {
	line := &r.line
	head := piece[:min(len(piece), sseLongestName+1-len(line.text))]
	name, _, found := bytes.Cut(head, []byte(":"))
	line.text = append(line.text, name...)
	switch {
	case found:
		r.openField()
		return piece[len(name)+1:]
	case len(line.text) > sseLongestName:
		line.field = sseUnknown
	}
	return nil
}

// openField decides by the name, now complete, what the line is for.
func (r *sseReader) openField() {
	line := &r.line
	switch string(line.text) {
	case "":
		line.field = sseComment
	case "data":
		line.field = sseData
		if r.block.hasData {
			r.block.data.write([]byte("\n"))
		}
		r.block.hasData = true
	case "event":
		line.field = sseName
	case "id":
		line.field = sseID
	case "retry":
		line.field = sseRetry
	default:
		line.field = sseUnknown
	}
	line.text = line.text[:0]
}

// endLine processes the field of a line that is not blank.
func (r *sseReader) endLine() {
	line, event := &r.line, &r.block.event
	if line.field == sseNaming { // a field without a colon has an empty value
		r.openField()
	}
	switch line.field {
	case sseName:
		if string(line.text) != r.lastName {
			r.lastName = string(line.text)
		}
		event.name = r.lastName
	case sseID:
		if bytes.IndexByte(line.text, 0) < 0 {
			event.id, event.hasID = string(line.text), true
		}
	case sseRetry:
		if retry, ok := parseSSERetry(line.text); ok {
			event.retry, event.hasRetry = retry, true
		}
	default: // data went to the block as it came, the rest is dropped
	}
	if line.field != sseComment {
		r.size += line.size
	}
	r.line = sseLine{text: line.text[:0]}
}

// endBlock closes the block at its blank line, and tells whether it says anything.
func (r *sseReader) endBlock() (sseEvent, bool) {
	block := &r.block
	event := block.event
	if event.hasID {
		r.lastID = event.id
	}
	said := block.hasData || event.hasID || event.hasRetry
	if block.hasData {
		event.data = block.data.take()
	} else {
		event.name = "" // names an event, and this is none
	}
	block.event, block.hasData, r.size = sseEvent{}, false, 0
	return event, said
}

// parseSSERetry reads milliseconds. Only digits count: a sign, a fraction or a unit makes the field void.
func parseSSERetry(text []byte) (time.Duration, bool) {
	const longest = math.MaxInt64 / int64(time.Millisecond)
	milliseconds := int64(0)
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		milliseconds = min(milliseconds*10+int64(c-'0'), longest)
	}
	return time.Duration(milliseconds) * time.Millisecond, len(text) > 0
}
