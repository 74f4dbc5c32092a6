package auth

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
)

// maxLine bounds a line, in bytes. Some terminals cut at 4 KiB already.
const maxLine = 32 << 10

// errLongLine means that a line was over the limit; the next one may be read.
var errLongLine = errors.New("the line is too long")

// lineReader reads lines for callers whose context may end while a Read blocks.
// That Read goes on, in its own goroutine, and the next caller gets its line: so
// nothing that was typed is lost, and there is never more than one such
// goroutine. The zero value is ready for use, by one caller after another.
type lineReader struct {
	once sync.Once
	turn chan struct{} // full while somebody reads

	// Of whoever has the turn.
	from    *bufio.Reader
	reading chan readLine // the Read under way; nil: none
}

type readLine struct {
	text string
	err  error
}

// acquire waits for the turn, as long as ctx allows.
func (r *lineReader) acquire(ctx context.Context) error {
	r.once.Do(func() { r.turn = make(chan struct{}, 1) })
	select {
	case r.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (r *lineReader) release() { <-r.turn }

// next returns the next line of in, which is the same with every call.
func (r *lineReader) next(ctx context.Context, in io.Reader) (string, error) {
	if r.from == nil {
		r.from = bufio.NewReaderSize(in, maxLine)
	}
	if r.reading == nil {
		reading, from := make(chan readLine, 1), r.from
		r.reading = reading
		go func() { reading <- nextLine(from) }()
	}
	select {
	case line := <-r.reading:
		r.reading = nil
		return line.text, line.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// nextLine reads one line. What is over the limit is read and dropped.
func nextLine(from *bufio.Reader) readLine {
	text, err := from.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = from.ReadSlice('\n')
		}
		if err == nil {
			err = errLongLine
		}
	}
	line := readLine{text: strings.TrimSpace(string(text)), err: err}
	if err == io.EOF {
		if line.text != "" {
			line.err = nil // the last line has no end
		} else {
			line.err = io.ErrUnexpectedEOF
		}
	}
	return line
}
