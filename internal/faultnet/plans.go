package faultnet

import (
	"math/rand/v2"
	"time"
)

// Plans decides the plan of a connection by its ordinal, which counts from 0 in
// the order in which connections are accepted or dialed. It is called once for
// each, possibly by many goroutines at once.
type Plans func(conn int) Plan

// Always gives every connection the same plan.
func Always(plan Plan) Plans { return func(int) Plan { return plan } }

// Script gives the first connections one plan each, and peace to all others.
func Script(plans ...Plan) Plans {
	return func(conn int) Plan {
		if conn < len(plans) {
			return plans[conn]
		}
		return Plan{}
	}
}

// Mix bounds what [Random] makes up. The zero Mix makes up nothing.
type Mix struct {
	Share float64       // of the connections that come to an early end, in [0, 1]
	After int64         // the end strikes after fewer bytes than this; 0: at the first
	Delay time.Duration // of a piece, at most
	Slice int           // of a piece, at most; half of the flows are sliced
}

// Random makes up plans. Seed and ordinal alone decide: neither the number of
// goroutines nor their order changes what happens to the nth connection.
func Random(seed uint64, mix Mix) Plans {
	return func(conn int) Plan {
		r := rand.New(rand.NewPCG(seed, uint64(conn))) //nolint:gosec // an ordinal is not negative
		plan := Plan{Up: mix.flow(r), Down: mix.flow(r)}
		if r.Float64() >= mix.Share {
			return plan
		}
		struck := &plan.Up
		if r.IntN(2) == 0 {
			struck = &plan.Down
		}
		struck.End = HalfClose + End(r.Int32N(int32(BlackHole)))
		if mix.After > 0 {
			struck.After = r.Int64N(mix.After)
		}
		return plan
	}
}

func (m Mix) flow(r *rand.Rand) Flow {
	var f Flow
	if m.Delay > 0 {
		f.Delay = time.Duration(r.Int64N(int64(m.Delay) + 1))
	}
	if m.Slice > 0 && r.IntN(2) == 0 {
		f.Slice = 1 + r.IntN(m.Slice)
	}
	return f
}
