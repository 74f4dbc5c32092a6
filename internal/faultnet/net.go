package faultnet

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
)

// Net lays plans over connections and remembers what happened to them. It is
// safe for concurrent use. One Net may be laid over several listeners and
// dialers; it counts all their connections in one sequence.
type Net struct {
	plans Plans

	mu     sync.Mutex
	opened int
	laid   map[int]course // by ordinal
}

// course is a plan and how far it has come.
type course struct {
	plan     Plan
	up, down *flow
}

// New returns a Net for these plans.
func New(plans Plans) *Net { return &Net{plans: plans, laid: make(map[int]course)} }

// Listener returns l with faults in the connections that it accepts.
func (n *Net) Listener(l net.Listener) net.Listener { return &listener{Listener: l, net: n} }

type listener struct {
	net.Listener
	net *Net
}

// Accept implements [net.Listener].
func (l *listener) Accept() (net.Conn, error) {
	inner, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := l.net.begin()
	return newConn(inner, c.up, c.down), nil
}

// Dial is the shape of [net.Dialer.DialContext] and of the field DialContext of
// an http.Transport.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Dial returns dial with faults in the connections that it opens. A dial that
// fails does not count.
func (n *Net) Dial(dial Dial) Dial {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		inner, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		c := n.begin()
		return newConn(inner, c.down, c.up), nil
	}
}

// begin gives the next connection its plan.
func (n *Net) begin() course {
	n.mu.Lock()
	ordinal := n.opened
	n.opened++
	n.mu.Unlock()
	plan := n.plans(ordinal)
	c := course{plan: plan, up: newFlow(plan.Up), down: newFlow(plan.Down)}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.laid[ordinal] = c
	return c
}

// Change gives every connection that there is another plan, its After counted
// from here. What has come to its end stays there; connections to come are
// left to the [Plans].
func (n *Net) Change(plan Plan) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for ordinal, c := range n.laid {
		c.up.change(plan.Up)
		c.down.change(plan.Down)
		c.plan = plan
		n.laid[ordinal] = c
	}
}

// Record tells what was planned for a connection, and what has become of it.
type Record struct {
	Conn     int  // ordinal
	Plan     Plan // the last one
	Up, Down Passage
}

// Passage is what has become of one flow.
type Passage struct {
	Passed int64 // bytes let through
	Struck bool  // its End has come
}

// String describes r on one line.
func (r Record) String() string {
	return fmt.Sprintf("connection %d: %v; passed %v up, %v down", r.Conn, r.Plan, r.Up, r.Down)
}

// String gives the bytes, and whether they were the last.
func (p Passage) String() string {
	if p.Struck {
		return fmt.Sprintf("%d (struck)", p.Passed)
	}
	return fmt.Sprint(p.Passed)
}

// Log returns a record of each connection so far, by ordinal.
func (n *Net) Log() []Record {
	n.mu.Lock()
	defer n.mu.Unlock()
	var log []Record
	for _, ordinal := range slices.Sorted(maps.Keys(n.laid)) {
		c := n.laid[ordinal]
		log = append(log, Record{Conn: ordinal, Plan: c.plan, Up: c.up.passage(), Down: c.down.passage()})
	}
	return log
}
