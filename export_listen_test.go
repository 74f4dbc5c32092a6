package mcpclient

import "context"

// ListenQueue is the queue of a Listen, without anybody who works for it.
type ListenQueue struct{ l *listener }

func NewListenQueue() ListenQueue {
	l := newListener(newCore(context.Background(), new(Client).config()), Filter{})
	l.begun = true
	return ListenQueue{l}
}

// Put queues e, told in a message of so many bytes.
func (q ListenQueue) Put(e Event, bytes int) { q.l.put(e, bytes) }

func (q ListenQueue) Finish(err error) { q.l.finish(err) }

func (q ListenQueue) Next(ctx context.Context) (Event, error) { return q.l.next(ctx) }

// FilterWants shows what a Filter asks for.
func FilterWants(f Filter, e Event) bool {
	f = f.clone()
	return f.wants(&e)
}
