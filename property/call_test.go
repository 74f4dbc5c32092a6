package property_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// call is one logical call, and what is to happen to its requests.
type call struct {
	nonce  string
	ping   bool          // harmless by the protocol; else the tool, which the ledger counts
	marked bool          // WithIdempotent
	plan   []kind        // what its requests meet, one after the other
	limit  time.Duration // of its context; 0: none
	ends   bool          // the limit is a cancellation and no deadline

	err    error
	gaveUp bool // its context ended
}

// mayRepeat reports whether the call of this nonce may be executed twice.
func mayRepeat(nonce string) bool { return strings.HasPrefix(nonce, "i") }

func (c *call) idempotent() bool { return c.ping || c.marked }

// draw makes up a call that meets up to faults faults.
func (w *world) draw(faults int) *call {
	c := &call{}
	switch rapid.SampledFrom([]string{"tool", "tool", "idempotent tool", "ping"}).Draw(w.rt, "call") {
	case "idempotent tool":
		c.marked = true
	case "ping":
		c.ping = true
	}
	c.nonce = w.nonce(c.idempotent())
	for range rapid.IntRange(0, faults).Draw(w.rt, "faults") {
		c.plan = append(c.plan, w.kind())
	}
	return c
}

// nonce is a name that is part of no other.
func (w *world) nonce(idempotent bool) string {
	w.named++
	letter := "n"
	if idempotent {
		letter = "i"
	}
	return letter + strings.Repeat("x", w.named%7) + "-" + time.Duration(w.named).String() + "."
}

// kind draws what goes wrong with one request.
func (w *world) kind() kind {
	groups := groupsOf(w.era)
	group := groups[rapid.IntRange(0, len(groups)-1).Draw(w.rt, "group")]
	names := make([]string, len(group))
	for i, k := range group {
		names[i] = k.name
	}
	name := rapid.SampledFrom(names).Draw(w.rt, "fault")
	return group[slices.Index(names, name)]
}

// run makes the calls at once, while meanwhile does something else to the world.
func (w *world) run(calls []*call, meanwhile func()) {
	w.disturbed, w.early = false, w.session.Stats().RetriesOverBudget
	w.gated()
	lostBefore := len(w.lost)
	for _, c := range calls {
		for _, k := range c.plan {
			w.srv.Next(k.fault.When(func(r mcptest.Request) bool {
				return bytes.Contains(r.Body, []byte(c.nonce)) && !w.isDead(r.Session)
			}))
		}
	}
	w.begun += int64(len(calls))
	var all sync.WaitGroup
	for _, c := range calls {
		all.Go(func() { w.send(c) })
	}
	if meanwhile != nil {
		meanwhile()
	}
	all.Wait()
	w.judge(calls)
	if slices.ContainsFunc(calls, func(c *call) bool { return c.err == nil }) {
		w.lostBefore = lostBefore // whichever of the losses of this step came after the answer
	}
	w.troubled = false
}

func (w *world) send(c *call) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	switch {
	case c.limit > 0 && c.ends:
		defer time.AfterFunc(c.limit, cancel).Stop()
	case c.limit > 0:
		ctx, cancel = context.WithTimeout(ctx, c.limit)
		defer cancel()
	default:
		ctx, cancel = context.WithTimeout(ctx, 24*time.Hour) // a call that hangs fails, and says so
		defer cancel()
	}
	options := []mcpclient.CallOption{mcpclient.WithMeta("nonce", c.nonce)}
	if c.marked {
		options = append(options, mcpclient.WithIdempotent())
	}
	if c.ping {
		c.err = w.session.Ping(ctx, options...)
	} else {
		_, c.err = w.session.CallTool(ctx, "echo", map[string]string{"text": "x"}, options...)
	}
	c.gaveUp = ctx.Err() != nil
}

// works makes a call that nothing is in the way of.
func (w *world) works(why string) {
	c := &call{nonce: w.nonce(false)}
	w.run([]*call{c}, nil)
	require.NoError(w.rt, c.err, why)
}
