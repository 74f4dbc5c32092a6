package mcpclient

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"strings"
	"time"
)

const (
	// maxErrorBody is how much of a refusal is read and judged.
	maxErrorBody = 64 << 10
	// maxKeptBody is how much of a refusal stays in the error.
	maxKeptBody = 4 << 10
	// refusalWait bounds the wait for the body of a refusal, whose status has
	// already told most of the story.
	refusalWait = 5 * time.Second
	// drainWait bounds how long a finished event stream is read to its end, so
	// that its connection can be used again.
	drainWait = 50 * time.Millisecond
	// minReply is the first buffer of a reply of unknown length.
	minReply = 4 << 10
	// drainsToSkip is how many streams are closed at once after one that was
	// held open.
	drainsToSkip = 64
)

// replyBody reads the body of one reply under the limits of the client.
type replyBody struct {
	ctx       context.Context         // of the exchange
	cancel    context.CancelCauseFunc // ends it
	raw       io.ReadCloser
	decoded   io.Reader // raw, or what gunzip makes of it
	length    int64     // of decoded, -1 if unknown
	ended     bool      // all of it has been read
	truncated bool      // readRefusal did not get to the end
	kept      []byte    // what readRefusal found, if it is to find it again
	transport *transport
}

// decode sets up reading through the content encoding. The client asks for
// identity; a server that compresses all the same is decoded here, so that the
// limits count decoded bytes. It reports false for any other encoding.
func (b *replyBody) decode(encoding string) bool {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		b.decoded = b.raw
		return true
	case "gzip", "x-gzip":
		b.decoded, b.length = &lazyGzip{raw: b.raw}, -1
		return true
	default:
		return false
	}
}

// Read implements io.Reader with the errors of this package.
func (b *replyBody) Read(p []byte) (int, error) {
	n, err := b.decoded.Read(p)
	switch {
	case err == io.EOF:
		b.ended = true
	case err != nil:
		err = b.readFailure(err)
	}
	return n, err
}

// readFailure types an error met while reading. The request had been accepted,
// so its outcome is unknown.
func (b *replyBody) readFailure(err error) error {
	if b.ctx.Err() != nil {
		return fail(context.Cause(b.ctx), DeliveryUnknown)
	}
	return fail(&NetworkError{Err: err}, DeliveryUnknown)
}

// readAll returns the whole body. An announced length saves the growing, but is
// believed only up to one chunk: announcing costs the server nothing.
func (b *replyBody) readAll() ([]byte, error) {
	limit := b.transport.maxReply
	if b.length > limit {
		return nil, b.tooLarge()
	}
	text := chunkBuffer{most: limit + 1} // the byte that tells that there are too many
	size := b.length + 1                 // one byte to spare, to meet the end without growing
	if size == 0 {
		size = minReply
	}
	text.reserve(size)
	for arrived := int64(0); ; {
		n, err := b.Read(text.room())
		text.wrote(n)
		arrived += int64(n)
		switch {
		case arrived > limit:
			return nil, b.tooLarge()
		case err == io.EOF:
			return text.take(), nil
		case err != nil:
			return nil, err
		}
	}
}

func (b *replyBody) tooLarge() error {
	return fail(&LimitError{What: "the reply (Client.MaxMessageSize)", Limit: b.transport.maxReply}, DeliveryUnknown)
}

// readHead returns the first n bytes of a body that will not be used, for an error text.
func (b *replyBody) readHead(n int) []byte {
	clock := time.AfterFunc(refusalWait, func() { b.cancel(errCutShort) })
	defer clock.Stop()
	head := make([]byte, n)
	n, _ = io.ReadFull(b, head)
	return head[:n]
}

// readRefusal returns what is needed to judge a refusal: 64 KiB at most, and
// what arrived of it in time. An error while reading changes nothing: the
// status has been received.
func (b *replyBody) readRefusal() []byte {
	if b.kept != nil {
		return b.kept
	}
	clock := time.AfterFunc(refusalWait, func() { b.cancel(errCutShort) })
	defer clock.Stop()
	text, err := io.ReadAll(io.LimitReader(b, maxErrorBody))
	b.truncated = err != nil
	b.discard()
	return text
}

// keepRefusal is readRefusal for a refusal that more than one is going to read.
func (b *replyBody) keepRefusal() []byte {
	b.kept = b.readRefusal() // never nil
	return b.kept
}

// discard ends the reply. Reading on to the end lets the connection be used
// again. A server that keeps its streams open after the answer would cost the
// wait on every call, so after one such stream the next ones are just ended.
func (b *replyBody) discard() {
	defer b.end()
	if b.ended || b.ctx.Err() != nil || b.transport.skipDrains.Add(-1) >= 0 {
		return
	}
	b.transport.skipDrains.Store(0)
	clock := time.AfterFunc(drainWait, func() {
		b.transport.skipDrains.Store(drainsToSkip)
		b.cancel(errCutShort)
	})
	defer clock.Stop()
	_, err := io.CopyN(io.Discard, b.raw, maxErrorBody)
	b.ended = err == io.EOF
}

// end gives the reply up, and its connection unless the body has been read to
// its end. It cancels the exchange first: from Go 1.27 on, Close alone would
// read on for a while; and a read that is still under way ends by the
// cancellation, where Close would have to wait for it.
func (b *replyBody) end() {
	if !b.ended {
		b.cancel(errCutShort)
	}
	b.raw.Close()
	b.cancel(nil) // lets go of the context
}

// errCutShort ends a reply of which nothing more is wanted.
var errCutShort = errors.New("the rest of the reply is not wanted")

// lazyGzip opens the gzip stream at the first read, since its header may come late.
type lazyGzip struct {
	raw io.Reader
	zip *gzip.Reader
}

func (g *lazyGzip) Read(p []byte) (int, error) {
	if g.zip == nil {
		zip, err := gzip.NewReader(g.raw)
		if err != nil {
			return 0, err
		}
		g.zip = zip
	}
	return g.zip.Read(p)
}
