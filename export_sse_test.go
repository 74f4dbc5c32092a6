package mcpclient

import (
	"io"
	"time"
)

// ErrEventTooLarge is how the stream reader tells its caller of the limit, which turns it into a *LimitError.
var ErrEventTooLarge = errEventTooLarge

// SSEEvent is sseEvent for tests outside the package.
type SSEEvent struct {
	Name     string
	Data     []byte
	ID       string
	HasID    bool
	Retry    time.Duration
	HasRetry bool
}

// SSEReader drives an sseReader: its rules are too many to be tested through a server.
type SSEReader struct{ reader *sseReader }

func NewSSEReader(r io.Reader, maxEvent int64) SSEReader { return SSEReader{newSSEReader(r, maxEvent)} }

func (r SSEReader) LastEventID() string { return r.reader.lastEventID() }

func (r SSEReader) Next() (SSEEvent, error) {
	e, err := r.reader.next()
	return SSEEvent{Name: e.name, Data: e.data, ID: e.id, HasID: e.hasID, Retry: e.retry, HasRetry: e.hasRetry}, err
}
