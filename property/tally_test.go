package property_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// tally is what many calls came to.
type tally struct {
	mu          sync.Mutex
	calls       int
	duplicates  int
	turnedAway  int // calls beside those: no request was made, since the circuit was open
	losses      int64
	initializes int64
	kinds       map[string]int // calls by their fault
	ends        map[string]int // calls by how they ended
}

func newTally() *tally { return &tally{kinds: make(map[string]int), ends: make(map[string]int)} }

// add may be called at the same time from many goroutines; part is nobody else's.
func (t *tally) add(part *tally) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls += part.calls
	t.duplicates += part.duplicates
	t.turnedAway += part.turnedAway
	t.losses += part.losses
	t.initializes += part.initializes
	for name, n := range part.kinds {
		t.kinds[name] += n
	}
	for name, n := range part.ends {
		t.ends[name] += n
	}
}

func (t *tally) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%9d calls, one fault each, of %d kinds\n", t.calls, len(t.kinds))
	fmt.Fprintf(&b, "%9d executed twice\n", t.duplicates)
	fmt.Fprintf(&b, "%9d sessions lost\n%9d initializes\n", t.losses, t.initializes)
	fmt.Fprintf(&b, "%9d further calls turned away while no new session was opened\n", t.turnedAway)
	b.WriteString("how the calls ended:\n")
	list(&b, t.ends)
	b.WriteString("faults:\n")
	list(&b, t.kinds)
	return b.String()
}

func list(b *strings.Builder, counts map[string]int) {
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(b, "%9d %s\n", counts[name], name)
	}
}
