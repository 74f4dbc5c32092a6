package mcpclient

import (
	"context"
	"sync"
	"time"
)

// keeper keeps the one stream on which the server of a session says what
// belongs to no call: open while anybody needs it, connected anew whenever it
// breaks, however long that takes, and given up where the server does not
// offer it. Whatever happens to the stream, calls never notice.
//
// Each binding has its keeper, and the keeper at most one goroutine and one
// connection. A new binding begins a new stream.
type keeper struct {
	core    *core
	binding *binding
	born    time.Time
	early   bool          // begins with the binding, and calls wait for it
	refused chan struct{} // closed when the server does not offer the stream

	subscriptions subscriptions

	mu      sync.Mutex
	users   int
	running bool
	over    bool               // no further goroutine on this binding
	worked  bool               // the server has opened the stream on this binding
	gate    *gate              // of the present users, or the next
	stop    context.CancelFunc // ends the stream of the present users
}

// gate opens when the server has answered, or has had the time to.
type gate struct {
	opened chan struct{}
	once   sync.Once
}

func newGate() *gate { return &gate{opened: make(chan struct{})} }

// open reports whether the gate was open.
func (g *gate) open() (before bool) {
	before = true
	g.once.Do(func() {
		before = false
		close(g.opened)
	})
	return before
}

func newKeeper(c *core, b *binding) *keeper {
	k := &keeper{core: c, binding: b, born: time.Now(), refused: make(chan struct{}), gate: newGate()}
	k.early = b.era.traits().oneFeed && c.config.input.any()
	k.subscriptions.keeper = k
	return k
}

// begin opens the stream that the application's handlers need. It lasts as long
// as the binding.
func (k *keeper) begin() {
	if k.early {
		k.join()
	}
}

// awaitEarly makes the first call wait, though not for long, for the stream
// on which the server may want to ask something during it. Many servers drop what they
// cannot say at once.
func (k *keeper) awaitEarly(ctx context.Context) {
	if k.early {
		k.awaitOpen(ctx)
	}
}

func (k *keeper) awaitOpen(ctx context.Context) {
	k.mu.Lock()
	gate := k.gate
	k.mu.Unlock()
	select {
	case <-gate.opened:
	case <-ctx.Done():
	case <-k.binding.life.Done():
	}
}

// join asks for the stream, until leave is called.
func (k *keeper) join() (leave func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.users++
	if !k.running && !k.over {
		k.running = k.core.spawn("standalone stream", k.run)
	}
	return sync.OnceFunc(k.leave)
}

func (k *keeper) leave() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.users--; k.users > 0 {
		return
	}
	if k.stop != nil {
		k.stop()
	}
	if !k.over { // else the gate stays open
		k.gate = newGate()
	}
}

func (k *keeper) isRefused() bool {
	select {
	case <-k.refused:
		return true
	default:
		return false
	}
}

// run has the stream open while there are users. Some may come while the stream
// of others is being closed.
func (k *keeper) run() {
	retired := false
	defer func() {
		if !retired { // a callback of the application has ended this goroutine
			k.retire()
		}
	}()
	for {
		ctx, gate := k.stretch()
		if ctx == nil {
			retired = true
			return
		}
		k.serve(ctx, gate)
	}
}

// serve has the stream open for the users of the moment.
func (k *keeper) serve(ctx context.Context, gate *gate) {
	patience := time.AfterFunc(feedPatience, func() { gate.open() })
	defer patience.Stop()
	defer gate.open()
	k.keep(ctx, &feed{gate: gate})
}

// stretch returns the context of the users of the moment. nil: there are none,
// and the goroutine is counted out, both in one section.
func (k *keeper) stretch() (context.Context, *gate) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.users == 0 || k.over || k.binding.life.Err() != nil {
		k.running = false
		return nil, nil
	}
	ctx, stop := context.WithCancel(k.binding.life)
	k.stop = stop
	return ctx, k.gate
}

func (k *keeper) retire() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.running = false
}
