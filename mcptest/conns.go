package mcptest

import (
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
)

// connections knows every open connection. [net/http.Server] closes its own
// but does not wait for their goroutines, and it misses one that is accepted
// while it closes; a test that looks for leaked goroutines sees both.
type connections struct {
	all sync.WaitGroup

	mu      sync.Mutex
	open    map[net.Conn]struct{}
	refused bool
}

func newConnections() *connections {
	return &connections{open: make(map[net.Conn]struct{})}
}

// changed is the server's ConnState hook.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		if c.refused {
			_ = conn.Close() // nobody waits for it
			return
		}
		c.open[conn] = struct{}{}
		c.all.Add(1)
	case http.StateClosed, http.StateHijacked:
		if _, known := c.open[conn]; known {
			delete(c.open, conn)
			c.all.Done()
		}
	}
}

// refuse closes every connection that is accepted from now on.
func (c *connections) refuse() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused = true
}

func (c *connections) closeAll() {
	c.mu.Lock()
	open := slices.Collect(maps.Keys(c.open))
	c.mu.Unlock()
	for _, conn := range open {
		_ = conn.Close() // a connection that is gone is what is wanted
	}
}

func (c *connections) wait() { c.all.Wait() }
