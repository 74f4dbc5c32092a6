package faultnet

import "sync"

// flow is a planned flow and how far it has come.
type flow struct {
	plan Flow

	mu     sync.Mutex
	passed int64
	struck bool
}

// piece bounds n bytes to what travels in one piece.
func (f *flow) piece(n int) int {
	if f.plan.Slice > 0 {
		return min(n, f.plan.Slice)
	}
	return n
}

// take lets n bytes under way pass, or as many as there may be; the end strikes
// if there are fewer.
func (f *flow) take(n int) (passing int, struck bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.plan.End != Never {
		if room := f.plan.After - f.passed; int64(n) > room {
			n, f.struck = int(room), true
		}
	}
	f.passed += int64(n)
	return n, f.struck
}

func (f *flow) over() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.struck
}

func (f *flow) passage() Passage {
	f.mu.Lock()
	defer f.mu.Unlock()
	return Passage{Passed: f.passed, Struck: f.struck}
}
