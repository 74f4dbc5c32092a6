package auth

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStepUpMemory(t *testing.T) {
	var m stepUpMemory
	now := time.Unix(1_700_000_000, 0)
	ask := func(issuer, resource string, scopes ...string) bool { return m.allow(issuer, resource, scopes, now) }

	require.True(t, ask("as", "r", "a", "b"))
	require.True(t, ask("as", "r", "b", "a"))
	require.False(t, ask("as", "r", "a", "b", "a"), "the order of a set does not matter, nor a repetition")
	require.True(t, ask("as", "r", "a"), "another set")
	require.True(t, ask("as", "r2", "a", "b"), "another resource")
	require.True(t, ask("as2", "r", "a", "b"), "another authorization server")

	now = now.Add(stepUpWindow - 1)
	require.False(t, ask("as", "r", "a", "b"))
	now = now.Add(1)
	require.True(t, ask("as", "r", "a", "b"), "the window is over; refusals have not made it longer")
}

func TestStepUpMemoryWithEverNewScopes(t *testing.T) {
	var m stepUpMemory
	now := time.Unix(1_700_000_000, 0)
	for i := range stepUpsOfResource {
		require.True(t, m.allow("as", "r", []string{strconv.Itoa(i)}, now))
	}
	require.False(t, m.allow("as", "r", []string{"one more"}, now))
	require.True(t, m.allow("as", "other", []string{"one more"}, now))
}

func TestStepUpMemoryIsBounded(t *testing.T) {
	var m stepUpMemory
	now := time.Unix(1_700_000_000, 0)
	for i := range 3 * stepUpsRemembered {
		require.True(t, m.allow("as", strconv.Itoa(i), nil, now))
	}
	require.Len(t, m.attempts, stepUpsRemembered)
	last := strconv.Itoa(3*stepUpsRemembered - 1)
	require.True(t, m.allow("as", last, nil, now))
	require.False(t, m.allow("as", last, nil, now), "the latest are those that are remembered")
}

func TestStepUpMemoryCountsParallelCalls(t *testing.T) {
	var m stepUpMemory
	var allowed atomic.Int32
	var wg sync.WaitGroup
	now := time.Now()
	for range 32 {
		wg.Go(func() {
			if m.allow("as", "r", []string{"a"}, now) {
				allowed.Add(1)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, stepUpsOfSet, allowed.Load())
}
