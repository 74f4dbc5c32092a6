package main

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/holdfast-mcp/mcpclient"
)

// tally counts how the calls ended. All that it holds is bounded, whatever the number of calls: the soak measures the client's memory, and
// must not add to it. Its methods are safe for concurrent use.
type tally struct {
	mu       sync.Mutex
	sums     sums
	answered *hdrhistogram.Histogram // µs, of calls without work that were answered
	recently *hdrhistogram.Histogram // the same, since the last sample
	late     *hdrhistogram.Histogram // µs, from the end of a call's context to its return
	asleep   *hdrhistogram.Histogram // µs, by which a timer of this process is late
}

// sums are the counts of a tally.
type sums struct {
	ByKind   [callKinds]endings
	ByCause  map[failure]int
	Examples map[failure]string // the first error of each
	Heard    int                // events of all Listens
	Reopens  int                // Trace.SessionRestored
	NoReopen int                // Trace.ReopenFailed
}

// endings count the calls of one kind.
type endings struct{ Begun, OK int }

// failure is how calls fail: what that proves, why, and whether they were reads, which the client repeats in more cases.
type failure struct {
	Delivery mcpclient.Delivery
	Cause    string
	Read     bool
}

func newTally() *tally {
	minute := time.Minute.Microseconds()
	return &tally{
		sums:     sums{ByCause: map[failure]int{}, Examples: map[failure]string{}},
		answered: hdrhistogram.New(1, minute, 3), recently: hdrhistogram.New(1, minute, 3), late: hdrhistogram.New(1, minute, 3),
		asleep: hdrhistogram.New(1, minute, 3),
	}
}

// ended notes the end of a call. late is how long after the end of its context it returned, 0 if that had not ended.
func (t *tally) ended(k callKind, took, late time.Duration, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	of := &t.sums.ByKind[k]
	of.Begun++
	if late > 0 {
		record(t.late, late)
	}
	if err == nil {
		of.OK++
		if k == callCount || k == callRead {
			record(t.answered, took)
			record(t.recently, took)
		}
		return
	}
	f := failure{deliveryOf(err), causeOf(err), k == callRead}
	t.sums.ByCause[f]++
	if t.sums.Examples[f] == "" {
		t.sums.Examples[f] = err.Error()
	}
}

// watchTimers measures how late a timer of this process is, until ctx ends. On a busy machine that is the greater part of every delay that
// the calls see.
func (t *tally) watchTimers(ctx context.Context) {
	const interval = 20 * time.Millisecond
	for began := time.Now(); pause(ctx, interval); began = time.Now() {
		late := time.Since(began) - interval
		t.mu.Lock()
		record(t.asleep, late)
		t.mu.Unlock()
	}
}

// record takes what is out of the histogram's range for its bound.
func record(h *hdrhistogram.Histogram, d time.Duration) {
	_ = h.RecordValue(min(max(d.Microseconds(), h.LowestTrackableValue()), h.HighestTrackableValue()))
}

// add changes the counts.
func (t *tally) add(change func(*sums)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(&t.sums)
}

// slowest is the 99th percentile of the latency since it was last asked for.
func (t *tally) slowest() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	defer t.recently.Reset()
	return microseconds(t.recently.ValueAtQuantile(99))
}

func microseconds(n int64) time.Duration { return time.Duration(n) * time.Microsecond }

func (t *tally) copy() sums {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.sums
	s.ByCause, s.Examples = maps.Clone(s.ByCause), maps.Clone(s.Examples)
	return s
}

// begun is how many calls there were.
func (s sums) begun() (n int) {
	for _, of := range s.ByKind {
		n += of.Begun
	}
	return n
}

func (s sums) ok() (n int) {
	for _, of := range s.ByKind {
		n += of.OK
	}
	return n
}

// failed counts the failures that match.
func (s sums) failed(match func(failure) bool) (n int) {
	for f, count := range s.ByCause {
		if match(f) {
			n += count
		}
	}
	return n
}
