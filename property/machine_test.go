package property_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// TestNothingLostNothingTwice drives a session and its server through whatever
// can happen to them.
func TestNothingLostNothingTwice(t *testing.T) {
	t.Parallel()
	for shard := range shards() {
		t.Run(strconv.Itoa(shard), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) { rapid.SyncTest(rt, live) })
		})
	}
}

// live is one case: a world, some steps, and the end of the world.
func live(rt *rapid.T) {
	w := newWorld(rt)
	defer w.srv.Close()
	defer w.session.Close()
	ctx, hangUp := context.WithCancel(context.Background())
	var listens sync.WaitGroup
	defer listens.Wait()
	defer hangUp()
	if w.listening {
		listens.Go(func() { w.listen(ctx) })
	}
	rt.Repeat(map[string]func(*rapid.T){
		"":                   func(*rapid.T) { w.invariants() },
		"call":               func(*rapid.T) { w.one() },
		"call, call":         func(*rapid.T) { w.one() },
		"calls at once":      func(*rapid.T) { w.many(nil) },
		"impatient call":     func(*rapid.T) { w.impatient() },
		"session forgotten":  func(*rapid.T) { w.kill(false) },
		"forgotten, calls":   func(*rapid.T) { w.many(func() { w.kill(false) }) },
		"restart":            func(*rapid.T) { w.kill(true); w.disturbed = false },
		"restart, calls":     func(*rapid.T) { w.many(func() { w.kill(true) }) },
		"idle connections":   func(*rapid.T) { w.conns.CloseIdleConnections() },
		"stream dropped":     func(*rapid.T) { w.drop() },
		"credentials expire": func(*rapid.T) { w.expire() },
		"no new session":     func(*rapid.T) { w.grounded() },
		"no connection":      func(*rapid.T) { w.unreachable() },
		"redeploy":           func(*rapid.T) { w.redeploy() },
		"reinitialize":       func(*rapid.T) { w.reinitialize() },
		"time passes": func(rt *rapid.T) {
			w.settle(rapid.SampledFrom([]time.Duration{time.Second, time.Minute, time.Hour}).Draw(rt, "time"))
		},
	})
	w.end()
}

func (w *world) one() { w.run([]*call{w.draw(4)}, nil) }

// many makes several calls at once. One of them meets faults, and the others
// must not notice; all are in flight while meanwhile runs.
func (w *world) many(meanwhile func()) {
	calls := []*call{w.draw(2)}
	for range rapid.IntRange(1, 7).Draw(w.rt, "others") {
		c := w.draw(0)
		if meanwhile != nil {
			c.plan = []kind{hit(mcptest.Slow(2*time.Second), kind{proves: fine, serves: true})}
		}
		calls = append(calls, c)
	}
	if meanwhile == nil {
		w.run(calls, nil)
		return
	}
	w.run(calls, func() { w.settle(time.Second); meanwhile() })
}

func (w *world) impatient() {
	c := w.draw(3)
	c.limit = time.Duration(rapid.IntRange(1, 4000).Draw(w.rt, "limit")) * time.Millisecond
	c.ends = rapid.Bool().Draw(w.rt, "cancelled")
	w.run([]*call{c}, nil)
}

// drop ends the stream of what belongs to no call. Over HTTP+SSE it is the session.
func (w *world) drop() {
	if w.era == httpSSE {
		return
	}
	if rapid.Bool().Draw(w.rt, "in good order") {
		w.srv.EndListens()
	} else {
		w.srv.DropListens()
	}
}

func (w *world) expire() {
	if w.tokens != nil {
		w.tokens.issued.Add(1)
	}
}

// grounded loses the session, and then fails handshakes.
func (w *world) grounded() {
	if w.era != sessions || w.policy == mcpclient.ReinitializeNever {
		return
	}
	faults := []mcptest.Fault{mcptest.Status(503, nil, "no"), mcptest.DropBefore(), mcptest.HTML(), mcptest.Malformed()}
	if !w.resumable { // where the answer would be taken up again
		faults = append(faults, mcptest.DropAfter())
	}
	for range rapid.IntRange(1, 4).Draw(w.rt, "failures") {
		w.srv.Next(faults[rapid.IntRange(0, len(faults)-1).Draw(w.rt, "failure")].On("initialize"))
	}
	w.kill(false)
	w.troubled = true
	w.many(nil)
	w.settle(time.Minute)
	for range 5 {
		if len(w.srv.Unused()) == 0 && w.session.Err() == nil {
			break
		}
		w.troubled = true
		w.run([]*call{{nonce: w.nonce(false)}}, nil)
		w.settle(time.Minute)
	}
	w.works("the server is healthy again")
}

// unreachable refuses the next connections.
func (w *world) unreachable() {
	synctest.Wait()
	w.conns.CloseIdleConnections()
	w.dialsToFail.Store(int64(rapid.IntRange(1, 3).Draw(w.rt, "dials")))
	w.troubled = true
	w.run([]*call{w.draw(1)}, nil)
	w.dialsToFail.Store(0)
	w.settle(time.Minute) // until then calls may fail at once, rather than ask too often
}

// redeploy replaces the server by one of the other era, under the same URL. No
// call fails for it.
func (w *world) redeploy() {
	if w.era == httpSSE || w.policy != mcpclient.ReinitializeAndRepeat || w.session.Err() != nil {
		return
	}
	w.invariants()
	old := w.session.ID()
	for _, id := range w.srv.Sessions() {
		w.dead[id] = true
	}
	if w.era == sessions {
		w.srv.Redeploy(mcptest.Stateless())
		w.era = stateless
	} else {
		w.srv.Redeploy()
		w.era, old = sessions, "the server without sessions before "+strconv.Itoa(w.named)
	}
	w.resumable, w.restarted = false, true
	w.lost[old] = true
	w.settle(time.Second) // until the client has noticed that its idle connections are cut
	w.works("the server speaks another version now")
	w.silent = w.opened() - w.srv.Initializes() + w.burned
}

func (w *world) reinitialize() {
	ready := w.session.Err() == nil
	err := w.session.Reinitialize(context.Background())
	require.NoError(w.rt, err, "Reinitialize")
	if ready {
		w.forced++
	}
}

// end closes the session under its calls. Whatever came before, nothing works
// then, and nothing is left.
func (w *world) end() {
	w.settle(2 * time.Minute)
	if w.policy == mcpclient.ReinitializeNever || w.session.Err() != nil {
		w.reinitialize()
	}
	if !w.repeatsLost() {
		w.reinitialize() // what is dead need not be noticed
	}
	w.works("the faults are over")
	w.invariants()
	calls := []*call{w.draw(0), w.draw(1), w.draw(0)}
	for _, c := range calls {
		c.plan = append([]kind{hit(mcptest.Slow(2*time.Second), kind{proves: perhaps, serves: true})}, c.plan...)
	}
	w.run(calls, func() {
		w.settle(time.Second)
		w.disturbed = true
		require.NoError(w.rt, w.session.Close())
	})
	for _, c := range calls {
		require.ErrorIs(w.rt, c.err, mcpclient.ErrClosed)
	}
	c := w.draw(0)
	w.run([]*call{c}, nil)
	require.ErrorIs(w.rt, c.err, mcpclient.ErrClosed)
}
