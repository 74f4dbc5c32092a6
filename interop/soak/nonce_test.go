package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNonceTravelsAndComesBack(t *testing.T) {
	sent := nonce{session: 7, caller: 31, sequence: 123456}
	got, ok := parseNonce(sent.String())
	require.True(t, ok)
	require.Equal(t, sent, got)
}

func TestNonceOfNobody(t *testing.T) {
	for _, text := range []string{"", "1-2", "1-2-3-4", "1--3", "a-b-c", "1-2--3", "256-0-1", "0-1024-1", "0-0-4294967296"} {
		_, ok := parseNonce(text)
		require.False(t, ok, text)
	}
}

func TestBookCountsToItsEnd(t *testing.T) {
	b, n := book{}, nonce{1, 2, 300}
	for want := 1; want <= 255; want++ {
		require.EqualValues(t, want, b.count(n))
	}
	require.EqualValues(t, 255, b.count(n), "it does not begin again at 0")
	require.EqualValues(t, 1, b.count(nonce{1, 2, 299}))
	require.Equal(t, 2, b.rest())
}
