package main

import (
	"fmt"
	"strconv"
	"strings"
)

// A nonce names one tools/call: who made it, and as which of his calls. Counting instead of random names lets both ledgers keep one
// byte a call for hours.
type nonce struct {
	session, caller, sequence int
}

// String is the nonce as it travels in the arguments of a tool.
func (n nonce) String() string { return fmt.Sprintf("%d-%d-%d", n.session, n.caller, n.sequence) }

// parseNonce is the inverse of String. It refuses what no caller of this soak can have sent.
func parseNonce(text string) (nonce, bool) {
	parts := strings.Split(text, "-")
	if len(parts) != 3 {
		return nonce{}, false
	}
	var numbers [3]int
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 31)
		if err != nil {
			return nonce{}, false
		}
		numbers[i] = int(n)
	}
	n := nonce{numbers[0], numbers[1], numbers[2]}
	return n, n.session < maxSessions && n.caller < maxCallers
}

// Bounds of the flags, so that a nonce that somebody else wrote does not make a ledger grow.
const (
	maxSessions = 256
	maxCallers  = 1024
)

// A book holds one byte for each nonce, zero at first.
type book map[[2]int][]byte

// at is where the byte of n stands.
func (b book) at(n nonce) *byte {
	who := [2]int{n.session, n.caller}
	if missing := n.sequence + 1 - len(b[who]); missing > 0 {
		b[who] = append(b[who], make([]byte, missing)...)
	}
	return &b[who][n.sequence]
}

// count adds one to the byte of n, up to 255, and returns it.
func (b book) count(n nonce) byte {
	seen := b.at(n)
	*seen = max(*seen, *seen+1)
	return *seen
}
