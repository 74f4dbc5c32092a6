package faultnet

import (
	"fmt"
	"strings"
	"time"
)

// Plan is what happens to one connection. The zero Plan leaves it in peace.
type Plan struct {
	Up   Flow // what the client sends
	Down Flow // what the server sends
}

// String describes p on one line.
func (p Plan) String() string { return "up " + p.Up.String() + ", down " + p.Down.String() }

// Flow is what happens to one direction of a connection.
type Flow struct {
	Delay time.Duration // of each piece
	Slice int           // bytes of a piece at most; 0: pieces stay as they are
	After int64         // bytes that pass before End; it strikes when the next one is under way
	End   End           // Never: After has no meaning
}

// String describes f in a few words.
func (f Flow) String() string {
	var parts []string
	if f.Delay > 0 {
		parts = append(parts, f.Delay.String()+" late")
	}
	if f.Slice > 0 {
		parts = append(parts, fmt.Sprintf("in slices of %d", f.Slice))
	}
	if f.End != Never {
		parts = append(parts, fmt.Sprintf("%v after %d", f.End, f.After))
	}
	if len(parts) == 0 {
		return "in peace"
	}
	return strings.Join(parts, " ")
}

// End is how a flow ends before its time.
type End int32

const (
	// Never leaves it to the two sides.
	Never End = iota
	// HalfClose lets the receiver see the end of the flow (a FIN); what is sent
	// afterwards is lost. The other direction lives on. A pipe cannot be closed by
	// halves: laid over its sender, this is Close.
	HalfClose
	// Close ends both directions in good order.
	Close
	// Reset ends both directions at once (a RST): what has not been read is lost,
	// and both sides get ECONNRESET. The far side of a pipe sees a plain end.
	Reset
	// BlackHole swallows what is sent. Neither side hears of it until one of them
	// closes the connection.
	BlackHole
)

// String returns the name of e.
func (e End) String() string {
	switch e {
	case Never:
		return "never"
	case HalfClose:
		return "half-close"
	case Close:
		return "close"
	case Reset:
		return "reset"
	case BlackHole:
		return "black hole"
	default:
		return fmt.Sprintf("End(%d)", int(e))
	}
}

// whole reports whether e ends both directions.
func (e End) whole() bool { return e == Close || e == Reset }
