package mcpclient

import (
	"slices"
	"time"
)

const (
	maxLossesInRow  = 5
	lossWindow      = 60 * time.Second
	minOpenCircuit  = 5 * time.Second
	longOpenCircuit = 60 * time.Second
)

// repeatedLoss is what the circuit tells.
const repeatedLoss = "the server accepts the handshake and refuses the next request, again and again: is a proxy stripping the session header, or balancing without affinity?"

// circuit stops a session from being opened over and over for a server that
// refuses each at once. It counts the losses in a row without an answered call
// between them. The fifth within a minute opens it; a wait is then followed by
// one trial, until a call is answered. core.mu guards it.
type circuit struct {
	row     []loss
	tripped uint64 // the generation whose loss opened it, 0: closed
}

type loss struct {
	generation uint64
	at         time.Time
}

// lost notes the loss of a generation. answered is the newest generation that
// has answered a call: its answer may have been seen only after its loss, since
// a thousand callers hear of both in any order, but it tells that the sessions
// up to that one did work. The result is until when no new session is to be
// opened; zero: go on.
func (c *circuit) lost(generation, answered uint64, now time.Time) time.Time {
	c.row = slices.DeleteFunc(append(c.row, loss{generation, now}), func(l loss) bool {
		return l.generation < answered || now.Sub(l.at) > lossWindow
	})
	if answered >= c.tripped {
		c.tripped = 0
	}
	if c.tripped == 0 && len(c.row) < maxLossesInRow {
		return time.Time{}
	}
	c.tripped = generation
	return now.Add(between(minOpenCircuit, longOpenCircuit))
}
