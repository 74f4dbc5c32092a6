package main

import (
	"math/rand/v2"

	"github.com/Shopify/toxiproxy/v2/stream"
	"github.com/Shopify/toxiproxy/v2/toxics"
)

// A disturbance is one kind of toxic: what its connections suffer, and how many of them.
type disturbance struct {
	name  string
	share float32 // of the connections; the rest pass undisturbed
	make  func(*rand.Rand) toxics.Toxic
	way   stream.Direction
}

// disturbances is what the connections to a server go through in turn. Those that end a connection meet only a part of them: else no call
// would get through, and nothing would be tried but the first request of each.
func disturbances() []disturbance {
	between := func(r *rand.Rand, low, high int64) int64 { return low + r.Int64N(high-low+1) }
	latency := func(r *rand.Rand) toxics.Toxic {
		return &toxics.LatencyToxic{Latency: between(r, 5, 100), Jitter: between(r, 0, 5)}
	}
	limit := func(r *rand.Rand) toxics.Toxic { return &toxics.LimitDataToxic{Bytes: between(r, 50, 8000)} }
	reset := func(r *rand.Rand) toxics.Toxic { return &toxics.ResetToxic{Timeout: between(r, 0, 300)} }
	slicer := func(r *rand.Rand) toxics.Toxic {
		return &toxics.SlicerToxic{AverageSize: 64, SizeVariation: 32, Delay: int(between(r, 0, 500))}
	}
	bandwidth := func(r *rand.Rand) toxics.Toxic { return &toxics.BandwidthToxic{Rate: between(r, 20, 200)} }
	silence := func(r *rand.Rand) toxics.Toxic { return &toxics.TimeoutToxic{Timeout: between(r, 100, 3000)} }
	return []disturbance{
		{"latency", 1, latency, stream.Downstream},
		{"limit_data", 0.5, limit, stream.Downstream},
		{"reset_peer", 0.3, reset, stream.Downstream},
		{"bandwidth", 1, bandwidth, stream.Downstream},
		{"slicer", 1, slicer, stream.Downstream},
		{"timeout", 0.3, silence, stream.Downstream},
		{"latency of requests", 1, latency, stream.Upstream},
		{"limit_data of requests", 0.5, limit, stream.Upstream},
		{"reset_peer of requests", 0.3, reset, stream.Upstream},
		{"timeout of requests", 0.3, silence, stream.Upstream},
		{name: "none"},
	}
}

// rotation goes through all disturbances, in another order each time.
type rotation struct {
	random *rand.Rand
	kinds  []disturbance
	next   int
}

func newRotation(random *rand.Rand) *rotation {
	return &rotation{random: random, kinds: disturbances()}
}

func (r *rotation) turn() disturbance {
	if r.next%len(r.kinds) == 0 {
		r.random.Shuffle(len(r.kinds), func(i, j int) { r.kinds[i], r.kinds[j] = r.kinds[j], r.kinds[i] })
	}
	kind := r.kinds[r.next%len(r.kinds)]
	r.next++
	return kind
}
