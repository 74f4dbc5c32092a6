package mcpclient

import (
	"context"
	"sync"
	"time"
)

const (
	outboxSenders = 16
	outboxQueue   = 256
	// cancelTimeout bounds a notifications/cancelled, which is a courtesy.
	cancelTimeout = 2 * time.Second
)

// letter is a message that nobody waits for.
type letter struct {
	binding *binding
	body    []byte
	timeout time.Duration
}

type letterKey struct{}

// nobodyWaits reports whether ctx is that of a letter, for which no user is to be
// asked for a new authorization.
func nobodyWaits(ctx context.Context) bool { return ctx.Value(letterKey{}) != nil }

// outbox sends what must not hold up a caller: cancellations, and answers to
// requests of the server. Its goroutines exist only while there is something
// to send. What does not fit the queue is dropped and counted: a server that
// causes more does not read it either.
type outbox struct {
	core *core

	mu      sync.Mutex
	queue   []*letter
	senders int
}

// put does not block.
func (o *outbox) put(l *letter) {
	o.mu.Lock()
	if len(o.queue) >= outboxQueue {
		o.mu.Unlock()
		o.core.dropped("messages to the server, of which too many are waiting", nil)
		return
	}
	o.queue = append(o.queue, l)
	start := o.senders < outboxSenders
	if start {
		o.senders++
	}
	o.mu.Unlock()
	if start && !o.core.spawn("message to the server", o.deliver) {
		o.retire()
	}
}

// dropped counts, and tells the Logger, that a message was let go; err is why, if
// it could not be read.
func (c *core) dropped(what string, err error) {
	if n := c.counters.dropped.Add(1); n&(n-1) == 0 { // at 1, 2, 4, ...: a flood must not become one of log lines
		c.config.logger.Warn("mcpclient: messages are dropped", "of", what, "dropped", n, "err", err)
	}
}

// deliver sends until the queue is empty.
func (o *outbox) deliver() {
	retired := false
	defer func() {
		if !retired { // the user's Logger has ended this goroutine
			o.retire()
		}
	}()
	for {
		l := o.takeOrRetire()
		if l == nil {
			retired = true
			return
		}
		ctx, cancel := context.WithTimeout(context.WithValue(o.core.lifetime, letterKey{}, true), l.timeout)
		if err := l.binding.era.post(ctx, l.binding, l.body); err != nil {
			o.core.config.logger.Debug("mcpclient: a message to the server was not accepted", "err", err)
		}
		cancel()
	}
}

// takeOrRetire returns the next letter. If there is none, or nobody to send it
// to, it returns nil and counts the sender out, both in one section: a letter
// that came in between would find a sender and never be sent.
func (o *outbox) takeOrRetire() *letter {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue) == 0 || o.core.lifetime.Err() != nil {
		o.senders--
		return nil
	}
	l := o.queue[0]
	o.queue = o.queue[1:]
	return l
}

func (o *outbox) retire() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.senders--
}
