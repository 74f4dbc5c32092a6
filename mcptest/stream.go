package mcptest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// event is one server-sent event of a stream.
type event struct {
	data   []byte // one JSON-RPC message; empty for a priming event
	answer bool   // data answers the request that the stream belongs to
	text   string // what to write, as it is, in place of an event with data
	status int    // HTTP status of an answer that is sent as a JSON body; 0: 200
}

// stream is the log of one response stream. An execution appends to it and any
// number of connections, one after the other, read from it: that is what lets
// an execution outlive the connection that started it, and what
// Last-Event-ID replays (protocol 2025-11-25, transports, "Resumability and
// Redelivery").
type stream struct {
	name string // unique within the server; the part of every event id before the dash

	mu      sync.Mutex
	events  []event
	first   int  // the place of events[0]; those before it were released
	stop    int  // the place that no reader comes to; -1: none
	hard    bool // whoever stops there cuts its connection
	ended   bool
	changed chan struct{} // closed and replaced whenever one of the above changes
}

func newStream(name string) *stream {
	return &stream{name: name, stop: -1, changed: make(chan struct{})}
}

// append adds an event and returns its place. After the end it adds nothing,
// and the place stays empty.
func (st *stream) append(ev event) int {
	st.mu.Lock()
	defer st.mu.Unlock()
	i := st.first + len(st.events)
	if !st.ended {
		st.events = append(st.events, ev)
		st.wakeLocked()
	}
	return i
}

// end tells readers that nothing follows. Ending twice is the same as once.
func (st *stream) end() {
	st.mu.Lock()
	defer st.mu.Unlock()
	if !st.ended {
		st.ended = true
		st.wakeLocked()
	}
}

func (st *stream) wakeLocked() {
	close(st.changed)
	st.changed = make(chan struct{})
}

// stopAfter makes readers stop once they have got n further events.
func (st *stream) stopAfter(n int, hard bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.stop, st.hard = st.first+len(st.events)+n, hard
	st.wakeLocked()
}

// release drops the events before i: they have been written, and nobody will
// ask for them again.
func (st *stream) release(i int) {
	st.mu.Lock()
	defer st.mu.Unlock()
	clear(st.events[:i-st.first])
	st.events = st.events[i-st.first:]
	st.first = i
	st.wakeLocked()
}

// released waits until everything that has been appended by now is released.
func (st *stream) released(ctx context.Context) {
	for all := st.len(); ctx.Err() == nil; {
		st.mu.Lock()
		done, changed := st.ended || st.first >= all, st.changed
		st.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// stopsHard reports whether the reader that was stopped is to cut its connection.
func (st *stream) stopsHard() bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.hard
}

// next returns event i, waiting until it is there. It reports false once the
// stream has ended or stops before i, or when ctx has ended: a reader that was told to
// stop must not take what is meant for the one after it.
func (st *stream) next(ctx context.Context, i int) (event, bool) {
	for ctx.Err() == nil {
		st.mu.Lock()
		stopped := st.stop >= 0 && i >= st.stop
		if !stopped && i < st.first+len(st.events) {
			ev := st.events[i-st.first]
			st.mu.Unlock()
			return ev, true
		}
		ended, changed := st.ended || stopped, st.changed
		st.mu.Unlock()
		if ended {
			return event{}, false
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
	return event{}, false
}

// answers waits for the end of the stream and returns its events. It reports
// false as soon as the stream turns out to hold more than answers, which a
// plain JSON body cannot carry, or when ctx ends.
func (st *stream) answers(ctx context.Context) ([]event, bool) {
	for i := 0; ; i++ {
		ev, ok := st.next(ctx, i)
		switch {
		case !ok:
			return st.all(), ctx.Err() == nil
		case !ev.answer:
			return nil, false
		}
	}
}

func (st *stream) all() []event {
	st.mu.Lock()
	defer st.mu.Unlock()
	return slices.Clone(st.events)
}

func (st *stream) len() int {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.first + len(st.events)
}

// eventID names event i so that a Last-Event-ID alone finds the stream again:
// a client may hold several streams of one session.
func (st *stream) eventID(i int) string {
	return st.name + "-" + strconv.Itoa(i)
}

func parseEventID(id string) (name string, i int, err error) {
	name, digits, ok := strings.Cut(id, "-")
	if !ok {
		return "", 0, fmt.Errorf("no dash in event id %q", id)
	}
	i, err = strconv.Atoi(digits)
	return name, i, err
}
