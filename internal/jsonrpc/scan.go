package jsonrpc

import (
	"bytes"
	"slices"
)

// What a decoder makes of JSON can take a hundred times the room of its text: a table of names for each open object, a struct for
// each {} of a typed list. The functions of this file count in the text, at the speed of a search and without an allocation to speak
// of, what would cost that room, so that a hostile message is refused before it is decoded.

const (
	// MaxNames is how many member names the open objects of one message may hold at a time. The decoder keeps these, to find
	// duplicates. A long name counts once more for each further 64 bytes.
	MaxNames = 100_000
	nameUnit = 64
	// minMember is the shortest member of a large object, with its comma; only text of MaxNames such members can be over the limit.
	minMember = len(`"":0,`)
)

// tooManyNames reports whether text, which may be invalid, goes over MaxNames.
func tooManyNames(text []byte) bool {
	if len(text) < MaxNames*minMember && len(text) < MaxNames*nameUnit {
		return false
	}
	s := scanner{text: text}
	var open []int // the names of each open object or array
	total := 0
	for {
		switch s.next() {
		case '{', '[':
			if len(open) == MaxDepth {
				return false // here the decoder gives up
			}
			open = append(open, 0)
		case '}', ']':
			if len(open) == 0 {
				return false
			}
			total -= open[len(open)-1]
			open = open[:len(open)-1]
		case ':':
			if len(open) == 0 {
				return false
			}
			names := 1 + len(s.last)/nameUnit
			open[len(open)-1] += names
			if total += names; total > MaxNames {
				return true
			}
		case 0:
			return false
		}
	}
}

// MoreParts reports whether text, valid JSON, has more than limit array elements and object members in all. What stands in an object
// or array under one of the names of kept does not count: those who keep a value raw pay only for its text.
func MoreParts(text []byte, limit int, kept ...string) bool {
	if len(text) <= limit { // each part takes a bracket or a comma
		return false
	}
	s := scanner{text: text}
	parts, inKept, skips := 0, 0, false
	for {
		c := s.next()
		switch {
		case c == 0:
			return false
		case inKept > 0 && (c == '{' || c == '['):
			inKept++
		case inKept > 0 && (c == '}' || c == ']'):
			inKept--
		case inKept > 0:
		case c == ':':
			skips = slices.Contains(kept, string(s.last))
			continue
		case skips && (c == '{' || c == '['):
			inKept = 1
		case c == '{' || c == '[' || c == ',':
			if parts++; parts > limit {
				return true
			}
		}
		skips = false
	}
}

// scanner finds the structural characters of JSON. It checks nothing: up to the first error of the text, it agrees with a decoder.
type scanner struct {
	text []byte
	pos  int
	last []byte // what stands between the quotes of the last string
}

// next returns the next of { } [ ] , and :, and 0 at the end.
func (s *scanner) next() byte {
	for s.pos < len(s.text) {
		c := s.text[s.pos]
		s.pos++
		switch c {
		case '{', '}', '[', ']', ',', ':':
			return c
		case '"':
			s.readString()
		}
	}
	return 0
}

func (s *scanner) readString() {
	start := s.pos
	for {
		i := bytes.IndexByte(s.text[s.pos:], '"')
		if i < 0 {
			s.pos, s.last = len(s.text), s.text[start:]
			return
		}
		end := s.pos + i
		s.pos = end + 1
		escapes := 0
		for end-escapes > start && s.text[end-escapes-1] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			s.last = s.text[start:end]
			return
		}
	}
}
