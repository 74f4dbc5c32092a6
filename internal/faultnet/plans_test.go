package faultnet_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/internal/faultnet"
)

func TestRandomIsOfTheSeedAndTheOrdinalAlone(t *testing.T) {
	mix := faultnet.Mix{Share: 0.5, After: 1000, Delay: time.Second, Slice: 100}
	one, same, other := faultnet.Random(7, mix), faultnet.Random(7, mix), faultnet.Random(8, mix)
	differing := 0
	for conn := range 200 {
		mirrored := 199 - conn // in another order
		require.Equal(t, one(conn), same(conn))
		require.Equal(t, one(mirrored), same(mirrored))
		if one(conn) != other(conn) {
			differing++
		}
	}
	require.Greater(t, differing, 190)
}

func TestRandomUsesTheWholeMix(t *testing.T) {
	const conns = 10_000
	plans := faultnet.Random(1, faultnet.Mix{Share: 0.25, After: 1000, Delay: time.Second, Slice: 100})
	up, down := map[faultnet.End]int{}, map[faultnet.End]int{}
	var far, late, sliced int
	for conn := range conns {
		plan := plans(conn)
		require.True(t, plan.Up.End == faultnet.Never || plan.Down.End == faultnet.Never, "one end a connection")
		up[plan.Up.End]++
		down[plan.Down.End]++
		for _, f := range []faultnet.Flow{plan.Up, plan.Down} {
			require.LessOrEqual(t, f.Delay, time.Second)
			require.LessOrEqual(t, f.Slice, 100)
			require.Less(t, f.After, int64(1000))
			if f.After >= 500 {
				far++
			}
			if f.Delay >= time.Second/2 {
				late++
			}
			if f.Slice > 0 {
				sliced++
			}
		}
	}
	for _, end := range []faultnet.End{faultnet.HalfClose, faultnet.Close, faultnet.Reset, faultnet.BlackHole} {
		require.InDelta(t, conns/4/8, up[end], 80, end)
		require.InDelta(t, conns/4/8, down[end], 80, end)
	}
	require.InDelta(t, conns/4/2, far, 150)
	require.InDelta(t, conns, late, 400)
	require.InDelta(t, conns, sliced, 400)
}

func TestAnEmptyMixIsPeace(t *testing.T) {
	for conn := range 1000 {
		require.Equal(t, faultnet.Plan{}, faultnet.Random(3, faultnet.Mix{})(conn))
	}
}

func TestPlansInWords(t *testing.T) {
	require.Equal(t, "up 1s late in slices of 3 half-close after 0, down black hole after 9", faultnet.Plan{
		Up:   faultnet.Flow{Delay: time.Second, Slice: 3, End: faultnet.HalfClose},
		Down: faultnet.Flow{After: 9, End: faultnet.BlackHole},
	}.String())
	require.Equal(t, []string{"never", "close", "End(9)"}, []string{faultnet.Never.String(), faultnet.Close.String(), faultnet.End(9).String()})
}
