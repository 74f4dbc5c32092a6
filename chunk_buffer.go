package mcpclient

const (
	bufferChunk = 1 << 20 // also what an emptied buffer keeps at most
	bufferFirst = 512     // the first allocation, doubled up to one chunk
)

// chunkBuffer collects bytes that arrive in pieces, such as the data of one event. Above one chunk it grows by chunks that are joined
// once, at the end: doubling would hold three times the data at its worst, and growing in small steps would copy it again and again.
// When half of the most that may come is there, they are joined early, with room for the rest: so it never holds more than one and
// a half times that most.
//
// The zero value is an empty buffer. Not for concurrent use.
type chunkBuffer struct {
	most int64    // bytes that may come in all; 0: nobody knows
	full [][]byte // whole chunks, before tail
	tail []byte   // at most one chunk, or all there is
}

// write appends a copy of p.
func (b *chunkBuffer) write(p []byte) {
	for len(p) > 0 {
		n := copy(b.roomFor(len(p)), p)
		b.wrote(n)
		p = p[n:]
	}
}

// reserve makes room for n bytes in one piece, up to one chunk. The buffer must be empty.
func (b *chunkBuffer) reserve(n int64) {
	if size := min(n, bufferChunk); size > int64(cap(b.tail)) {
		b.tail = make([]byte, 0, size)
	}
}

// room returns free space, at least one byte, for a reader to fill; wrote tells how much of it was.
func (b *chunkBuffer) room() []byte {
	if free := b.tail[len(b.tail):cap(b.tail)]; len(free) > 0 {
		return free
	}
	return b.roomFor(1)
}

func (b *chunkBuffer) wrote(n int) { b.tail = b.tail[:len(b.tail)+n] }

// roomFor returns free space for n bytes, or for as many of them as one chunk takes.
func (b *chunkBuffer) roomFor(n int) []byte {
	need := len(b.tail) + n
	switch {
	case need <= cap(b.tail) || len(b.tail) < cap(b.tail) && cap(b.tail) >= bufferChunk:
	case len(b.tail) < bufferChunk:
		grown := make([]byte, len(b.tail), min(max(need, 2*cap(b.tail), bufferFirst), bufferChunk))
		copy(grown, b.tail)
		b.tail = grown
	case b.most > 0 && 2*b.size() >= b.most && b.size() < b.most:
		b.join(b.most)
	default:
		b.full = append(b.full, b.tail)
		b.tail = make([]byte, 0, bufferChunk)
	}
	return b.tail[len(b.tail):cap(b.tail)]
}

func (b *chunkBuffer) size() int64 {
	size := int64(len(b.tail))
	for _, chunk := range b.full {
		size += int64(len(chunk))
	}
	return size
}

// join makes one piece of all, with a capacity of at least size.
func (b *chunkBuffer) join(size int64) {
	whole := make([]byte, 0, size)
	for _, chunk := range b.full {
		whole = append(whole, chunk...)
	}
	b.full, b.tail = nil, append(whole, b.tail...)
}

// take empties the buffer and returns what was written, in one piece and never nil. The piece is valid until the next write.
func (b *chunkBuffer) take() []byte {
	last := b.tail
	if len(b.full) > 0 {
		b.join(b.size())
	}
	data := b.tail
	if b.tail = last[:0]; cap(last) > bufferChunk {
		b.tail = nil
	}
	if data == nil {
		return []byte{}
	}
	return data
}
