package faultnet

import (
	"sync"
	"time"
)

// flow is a planned flow and how far it has come.
type flow struct {
	mu     sync.Mutex
	plan   Flow
	end    int64 // what may pass before plan.End
	passed int64
	struck bool
}

func newFlow(plan Flow) *flow { return &flow{plan: plan, end: plan.After} }

// change makes plan the rest of a flow that has not come to its end.
func (f *flow) change(plan Flow) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.struck {
		f.plan, f.end = plan, f.passed+plan.After
	}
}

// piece returns how much of n bytes travels in one piece, and how late.
func (f *flow) piece(n int) (size int, delay time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.plan.Slice > 0 {
		n = min(n, f.plan.Slice)
	}
	return n, f.plan.Delay
}

// take lets n bytes under way pass, or as many as there may be. If there are
// fewer, the flow has come to the end that is returned.
func (f *flow) take(n int) (passing int, end End) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.plan.End != Never && (f.struck || int64(n) > f.end-f.passed) {
		n, f.struck, end = int(f.end-f.passed), true, f.plan.End
	}
	f.passed += int64(n)
	return n, end
}

// over returns the end that the flow has come to, or Never.
func (f *flow) over() End {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.struck {
		return f.plan.End
	}
	return Never
}

func (f *flow) passage() Passage {
	f.mu.Lock()
	defer f.mu.Unlock()
	return Passage{Passed: f.passed, Struck: f.struck}
}
