package main

import (
	"context"
	"fmt"
	"sync"
)

// ears are one Listen for each session, over all losses of the soak.
type ears struct {
	stop  context.CancelFunc
	group sync.WaitGroup

	mu   sync.Mutex
	deaf []string // who ended before it was told to

}

func listen(ctx context.Context, s *soak) *ears {
	e := &ears{}
	ctx, e.stop = context.WithCancel(ctx)
	for i, session := range s.sessions {
		e.group.Go(func() {
			for _, err := range session.Listen(ctx, s.kindOf(i).listen) {
				if err != nil {
					e.stopped(ctx, i, err)
					return
				}
				s.tally.add(func(t *sums) { t.Heard++ })
			}
		})
	}
	return e
}

func (e *ears) stopped(ctx context.Context, session int, err error) {
	if ctx.Err() != nil {
		return // it was told to
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.deaf = append(e.deaf, fmt.Sprintf("session %d: %v", session, err))
}

// end stops all, waits for them, and returns who had stopped by itself.
func (e *ears) end() []string {
	e.stop()
	e.group.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.deaf
}
