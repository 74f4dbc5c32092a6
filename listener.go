package mcpclient

import (
	"context"
	"sync"
)

// maxQueuedBytes bounds the log messages and tasks among the events that wait for one Listen.
const maxQueuedBytes = 8 << 20

// listener is one running Listen: the queue between who reads what the server
// says and the loop of the caller.
type listener struct {
	core   *core
	filter Filter
	most   int             // Limits.ListenQueue
	life   context.Context // of what works for it: ends with leave, or with the session
	end    context.CancelFunc
	wake   chan struct{} // there is something to take
	pace   pace          // of its own stream, where it has one

	mu      sync.Mutex
	begun   bool // the server has been asked; what it says before is of no interest
	queue   []*queued
	waiting map[eventKey]*queued // those of queue that a further one of their kind joins
	bytes   int
	err     error // why nothing follows
}

// queued is an event that waits.
type queued struct {
	Event
	bytes int // of the message that told it; 0: of ours
}

// eventKey is what an event is about: while one waits, a further one says nothing new.
type eventKey struct {
	kind EventKind
	name string
}

func newListener(c *core, f Filter) *listener {
	l := &listener{core: c, filter: f, most: c.config.limits.ListenQueue, wake: make(chan struct{}, 1), waiting: make(map[eventKey]*queued)}
	l.life, l.end = context.WithCancel(c.lifetime)
	return l
}

// leave ends what works for the listener. It does not wait for it: that belongs
// to the session.
func (l *listener) leave() {
	l.core.listens.remove(l)
	l.end()
}

// put queues e, which the server told in a message of so many bytes. It does
// not block.
func (l *listener) put(e Event, bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.wakeUp()
	l.begun = l.begun || e.Kind == EventListening
	earlier := l.waiting[e.key()]
	switch {
	case !l.begun:
	case earlier != nil && e.Synthetic: // says nothing that the one told does not
	case earlier != nil && l.bytes-earlier.bytes+bytes <= maxQueuedBytes:
		l.bytes += bytes - earlier.bytes
		*earlier = queued{e, bytes}
	case len(l.queue) >= l.most || l.bytes+bytes > maxQueuedBytes:
		l.dropLocked()
	default:
		l.bytes += bytes
		l.pushLocked(&queued{e, bytes})
	}
}

// dropLocked counts an event that finds no room, in an event of its own, which
// always finds some.
func (l *listener) dropLocked() {
	dropped := Event{Kind: EventDropped, Dropped: 1}
	if earlier := l.waiting[dropped.key()]; earlier != nil {
		earlier.Dropped++
		return
	}
	l.pushLocked(&queued{Event: dropped})
}

func (l *listener) pushLocked(e *queued) {
	l.queue = append(l.queue, e)
	if e.Kind != EventLog { // each message is news
		l.waiting[e.key()] = e
	}
}

// finish tells the loop why nothing follows.
func (l *listener) finish(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
	l.wakeUp()
}

func (l *listener) wakeUp() {
	select {
	case l.wake <- struct{}{}:
	default: // it is awake
	}
}

// next waits for an event under the caller's own context. What is queued comes
// before the end.
func (l *listener) next(ctx context.Context) (Event, error) {
	for {
		if ctx.Err() != nil {
			return Event{}, fail(contextError(ctx), DeliveryAnswered)
		}
		e, err := l.take()
		if e != nil {
			return e.Event, nil
		}
		if err != nil {
			return Event{}, err
		}
		select {
		case <-l.wake:
		case <-ctx.Done():
		}
	}
}

func (l *listener) take() (*queued, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 {
		return nil, l.err
	}
	e := l.queue[0]
	l.queue[0] = nil
	l.queue = l.queue[1:]
	l.bytes -= e.bytes
	if l.waiting[e.key()] == e {
		delete(l.waiting, e.key())
	}
	return e, nil
}

func (e *Event) key() eventKey { return eventKey{e.Kind, e.URI + e.TaskID} }

// listens are the listeners of a session.
type listens struct {
	mu  sync.Mutex
	all map[*listener]struct{}
}

func (s *listens) add(l *listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = make(map[*listener]struct{})
	}
	s.all[l] = struct{}{}
}

func (s *listens) remove(l *listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, l)
}

func (s *listens) isEmpty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all) == 0
}

// each calls f for all who listen. f does not block.
func (s *listens) each(f func(*listener)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.all {
		f(l)
	}
}
