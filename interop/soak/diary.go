package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/holdfast-mcp/mcpclient"
)

// diary keeps the last events of the sessions, for who has to find out what went wrong. It is bounded. Its methods are safe for concurrent
// use.
type diary struct {
	began time.Time

	mu    sync.Mutex
	lines [200]string
	next  int
}

// trace writes the events of one session into the diary and counts them in the tally.
func (d *diary) trace(session int, t *tally) *mcpclient.Trace {
	note := func(what string) func(mcpclient.SessionEvent) {
		return func(e mcpclient.SessionEvent) {
			d.notef("session %d, generation %d: %s: %s, %v", session, e.Generation, what, e.Reason, e.Err)
		}
	}
	lost, restored, failed := note("lost"), note("restored"), note("no new session")
	return &mcpclient.Trace{
		SessionLost: lost,
		SessionRestored: func(e mcpclient.SessionEvent) {
			t.add(func(s *sums) { s.Reopens++ })
			restored(e)
		},
		ReopenFailed: func(e mcpclient.SessionEvent) {
			t.add(func(s *sums) { s.NoReopen++ })
			failed(e)
		},
	}
}

func (d *diary) notef(format string, args ...any) {
	line := fmt.Sprintf("%9.3fs  ", time.Since(d.began).Seconds()) + fmt.Sprintf(format, args...)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines[d.next%len(d.lines)] = clip(line)
	d.next++
}

// read returns the lines, the oldest first.
func (d *diary) read() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.next <= len(d.lines) {
		return append([]string(nil), d.lines[:d.next]...)
	}
	at := d.next % len(d.lines)
	return append(append([]string(nil), d.lines[at:]...), d.lines[:at]...)
}
