package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// minutes makes a reading each minute from the first.
func minutes(n int, live func(minute int) uint64) []reading {
	var all []reading
	for minute := 1; minute <= n; minute++ {
		size := live(minute)
		all = append(all, reading{At: time.Duration(minute) * time.Minute, Live: size, RSS: size})
	}
	return all
}

func TestSlope(t *testing.T) {
	require.InDelta(t, 2, slope([]float64{1, 2, 3}, []float64{5, 7, 9}), 1e-9)
	require.InDelta(t, 0, slope([]float64{1, 2, 3, 4}, []float64{1, 2, 2, 1}), 1e-9)
	require.InDelta(t, -0.6, slope([]float64{0, 1, 2, 3}, []float64{2, 1, 2, 0}), 0.15)
}

func TestHeapSlopeIsThatOfHalfAnHour(t *testing.T) {
	got, ok := heapSlope(minutes(30, func(minute int) uint64 { return 5<<20 + uint64(minute)<<15 }))
	require.True(t, ok)
	require.InDelta(t, 30<<15, got, 1)
}

func TestHeapSlopeLeavesOutTheWarmUp(t *testing.T) {
	flat := func(minute int) uint64 {
		if minute < 2 {
			return 0
		}
		return 5 << 20
	}
	got, ok := heapSlope(minutes(30, flat))
	require.True(t, ok)
	require.InDelta(t, 0, got, 1)
}

func TestHeapSlopeNeedsReadings(t *testing.T) {
	_, ok := heapSlope(minutes(minReadings, func(int) uint64 { return 1 })) // the first is in the warm-up
	require.False(t, ok)
	_, ok = heapSlope(minutes(minReadings+1, func(int) uint64 { return 1 }))
	require.True(t, ok)
}

func TestResidentGrowth(t *testing.T) {
	_, ok := residentGrowth(minutes(5, func(int) uint64 { return 1 << 20 }))
	require.False(t, ok, "there is nothing to compare the fifth minute with")

	peak := func(minute int) uint64 {
		switch minute {
		case 3:
			return 100 << 20 // before it counts
		case 8:
			return 30 << 20
		default:
			return 20 << 20
		}
	}
	got, ok := residentGrowth(minutes(10, peak))
	require.True(t, ok)
	require.EqualValues(t, 10<<20, got, "the highest counts, not the last")

	got, ok = residentGrowth(minutes(10, func(minute int) uint64 { return 20<<20 - uint64(minute)<<10 }))
	require.True(t, ok)
	require.Zero(t, got)

	_, ok = residentGrowth(minutes(10, func(int) uint64 { return 0 }))
	require.False(t, ok, "no /proc")
}

func TestReadWeighsThisProcess(t *testing.T) {
	held := make([]byte, 32<<20)
	with := read(0)
	require.Greater(t, with.Live, uint64(len(held)))
	require.GreaterOrEqual(t, with.Goroutines, 1)
	held[0] = 1 // alive until here
	clear(held)
	held = nil
	require.Less(t, read(0).Live, with.Live-30<<20)
	require.Empty(t, held)
}
