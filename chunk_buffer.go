package mcpclient

const (
	bufferChunk = 1 << 20 // also what an emptied buffer keeps at most
	bufferFirst = 512     // the first allocation, doubled up to one chunk
)

// chunkBuffer collects bytes that arrive in pieces, such as the data of one event. Above one chunk it grows by chunks that are joined
// once, at the end: doubling would hold three times the data at its worst, and growing in small steps would copy it again and again.
//
// The zero value is an empty buffer. Not for concurrent use.
type chunkBuffer struct {
	full [][]byte // whole chunks, before tail
	tail []byte   // at most one chunk
}

// write appends a copy of p.
func (b *chunkBuffer) write(p []byte) {
	for len(p) > 0 {
		if len(b.tail) == bufferChunk {
			b.full = append(b.full, b.tail)
			b.tail = make([]byte, 0, bufferChunk)
		}
		n := min(len(p), bufferChunk-len(b.tail))
		if need := len(b.tail) + n; need > cap(b.tail) {
			grown := make([]byte, len(b.tail), min(max(need, 2*cap(b.tail), bufferFirst), bufferChunk))
			copy(grown, b.tail)
			b.tail = grown
		}
		b.tail = append(b.tail, p[:n]...)
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
	if len(b.tail) < cap(b.tail) {
		return b.tail[len(b.tail):cap(b.tail)]
	}
	if len(b.tail) >= bufferChunk {
		b.full = append(b.full, b.tail)
		b.tail = make([]byte, 0, bufferChunk)
	} else {
		grown := make([]byte, len(b.tail), min(max(2*cap(b.tail), bufferFirst), bufferChunk))
		copy(grown, b.tail)
		b.tail = grown
	}
	return b.tail[len(b.tail):cap(b.tail)]
}

func (b *chunkBuffer) wrote(n int) { b.tail = b.tail[:len(b.tail)+n] }

// take empties the buffer and returns what was written, in one piece and never nil. The piece is valid until the next write.
func (b *chunkBuffer) take() []byte {
	data := b.tail
	if len(b.full) > 0 {
		data = make([]byte, 0, len(b.full)*bufferChunk+len(b.tail))
		for _, chunk := range b.full {
			data = append(data, chunk...)
		}
		data = append(data, b.tail...)
		b.full = nil // only the tail is kept for the next use
	}
	b.tail = b.tail[:0]
	if data == nil {
		return []byte{}
	}
	return data
}
