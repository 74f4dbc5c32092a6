package main

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"runtime/pprof"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/holdfast-mcp/mcpclient"
)

// findings are what a soak has found out.
type findings struct {
	Duration time.Duration
	Sums     sums
	Answered percentiles // latency of calls without work
	Late     percentiles // from the end of a call's context to its return
	Asleep   percentiles // by how much a timer of this process was late: what the machine adds to all delays
	Samples  []sample
	Readings []reading
	Idle     reading // after the last call; weighs less, for the callers are gone
	Baseline int     // goroutines before the first session
	End      int     // goroutines after the last is closed
	Leaked   string
	Sessions sessionFindings
	Diary    []string // the last events
	Deaf     []string // Listens that ended by themselves
	World    news
	Settled  settlement
}

// sessionFindings tell how the sessions ended.
type sessionFindings struct {
	Stats    []mcpclient.Stats
	Dead     []string // did not work again
	Unclosed []string // whose Close failed
}

// sum adds up what the sessions counted, but for their generations.
func (s sessionFindings) sum() (all mcpclient.Stats) {
	for _, of := range s.Stats {
		all.Losses, all.Initializes = all.Losses+of.Losses, all.Initializes+of.Initializes
		all.Resends, all.Retries = all.Resends+of.Resends, all.Retries+of.Retries
		all.RetriesOverBudget += of.RetriesOverBudget
	}
	return all
}

// A sample is how things stood at one moment.
type sample struct {
	At         time.Duration
	Begun, OK  int
	Losses     int64
	Kills      int
	Duplicates int
	P99        time.Duration // of the calls since the sample before
}

// String is the line that tells of progress.
func (s sample) String() string {
	return fmt.Sprintf("%6s  %8d calls  %8d ok  %4d kills  %5d losses  %d duplicates  p99 %v",
		s.At.Round(time.Second), s.Begun, s.OK, s.Kills, s.Losses, s.Duplicates, s.P99.Round(time.Millisecond))
}

// percentiles of a duration.
type percentiles struct {
	Count                    int64
	P50, P90, P99, P999, Max time.Duration
}

func percentilesOf(h *hdrhistogram.Histogram) percentiles {
	at := func(percent float64) time.Duration { return microseconds(h.ValueAtQuantile(percent)) }
	return percentiles{h.TotalCount(), at(50), at(90), at(99), at(99.9), microseconds(h.Max())}
}

// awaitGoroutines waits until no more goroutines are left than there were: those that ended last may still be on their way out. If some
// stay, it also returns what they do.
func awaitGoroutines(ctx context.Context, baseline int) (left int, stacks string) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		if left = runtime.NumGoroutine(); left <= baseline {
			return left, ""
		}
		if !pause(ctx, 50*time.Millisecond) {
			break
		}
	}
	var out bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&out, 1); err != nil {
		return left, err.Error()
	}
	return left, out.String()
}

func (n news) kills() (sum int) {
	for _, kills := range n.Kills {
		sum += kills
	}
	return sum
}

func (n news) duplicates() (sum int) {
	for _, w := range n.Witnesses {
		sum += w.Calls.Duplicates
	}
	return sum
}

// handshakes adds up what the witnesses saw of all sessions.
func (n news) handshakes() (sum handshakeSums) {
	for _, w := range n.Witnesses {
		for _, s := range w.Handshakes {
			sum.Asked, sum.Answered = sum.Asked+s.Asked, sum.Answered+s.Answered
			sum.Used, sum.Needless = sum.Used+s.Used, sum.Needless+s.Needless
			sum.Stillborn += s.Stillborn
			sum.Examples = append(sum.Examples, s.Examples...)
		}
	}
	return sum
}
