package main

import (
	"fmt"
	"slices"
)

// handshakeLedger watches one Session of the client at the server's side: which session ids it was given, which it took into use, and
// whether it asked for a new one without need.
//
// A handshake whose answer the network swallowed is tried again, and that is right. So an initialize counts as needless only if the
// session before it was in use and the server never refused it.
type handshakeLedger struct {
	current       string // the id that the server gave last
	used, refused bool   // of the current id
	sums          handshakeSums
}

// handshakeSums are what a handshakeLedger has seen, in numbers.
type handshakeSums struct {
	Asked     int // initialize requests that were passed on
	Answered  int // of these, those that the server answered with a session id
	Stillborn int // of these, those that the server no longer knew at the end of the handshake
	Used      int // session ids that the client sent a call or opened a stream with
	Needless  int // asked for while the session in use was not refused
	Examples  []string
}

// ask notes an initialize on its way to the server.
func (l *handshakeLedger) ask() {
	l.sums.Asked++
	if !l.used || l.refused {
		return
	}
	l.sums.Needless++
	if len(l.sums.Examples) < maxExamples {
		l.sums.Examples = append(l.sums.Examples, fmt.Sprintf("initialize %d, while session id %d was in use", l.sums.Asked, l.sums.Answered))
	}
}

// answer notes the session id that the server gave.
func (l *handshakeLedger) answer(id string) {
	l.sums.Answered++
	l.current, l.used, l.refused = id, false, false
}

// use notes a request with a session id that is no part of a handshake.
func (l *handshakeLedger) use(id string) {
	if id == l.current && !l.used {
		l.used = true
		l.sums.Used++
	}
}

// refuse notes that the server does not know the id.
func (l *handshakeLedger) refuse(id string) {
	if id == l.current {
		l.refused = true
	}
}

func (s handshakeSums) clone() handshakeSums {
	s.Examples = slices.Clone(s.Examples)
	return s
}
