package main

import "slices"

// What the witness knows of a nonce.
const (
	neverSeen  byte = iota
	passedOn        // and not refused: the server has it, perhaps had it, or answered it
	wasRefused      // the server answered that it did not take it
)

// maxExamples bounds the lists of what went wrong: the first few tell the story.
const maxExamples = 10

// callLedger watches the tools/call that reach a server. A call may come again only if the server refused it the time before: whoever
// else sends it a second time cannot know that the first was not executed.
type callLedger struct {
	states book
	sums   callSums
}

// callSums are what a callLedger has seen, in numbers.
type callSums struct {
	Arrived    int // tools/call with a nonce, each time
	Again      int // of these, those that came again after a refusal
	Refused    int
	Duplicates int // came again although the time before was not refused
	Examples   []string
}

func newCallLedger() *callLedger { return &callLedger{states: book{}} }

// arrive notes that a call is passed on, whole.
func (l *callLedger) arrive(n nonce) {
	l.sums.Arrived++
	state := l.states.at(n)
	switch *state {
	case passedOn:
		l.sums.Duplicates++
		if len(l.sums.Examples) < maxExamples {
			l.sums.Examples = append(l.sums.Examples, n.String())
		}
	case wasRefused:
		l.sums.Again++
	}
	*state = passedOn
}

// refuse notes that the server turned the call away.
func (l *callLedger) refuse(n nonce) {
	l.sums.Refused++
	*l.states.at(n) = wasRefused
}

func (s callSums) clone() callSums {
	s.Examples = slices.Clone(s.Examples)
	return s
}
