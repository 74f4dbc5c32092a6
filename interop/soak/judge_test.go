package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
)

// flawless is what a soak of half an hour finds if all is well: three servers, three sessions, two losses each.
func flawless() *findings {
	f := &findings{
		Duration: span, Baseline: 3, End: 3,
		Sums:     sums{ByCause: map[failure]int{{Delivery: unknown, Cause: causeNetwork}: 7}, Examples: map[failure]string{{Delivery: unknown, Cause: causeNetwork}: "so"}},
		Readings: minutes(30, func(int) uint64 { return 8 << 20 }),
		Settled:  settlement{Verdicts: 1000, Executed: 990},
		World:    news{Kills: []int{2, 3, 4}, Connections: map[string]int{}},
	}
	for _, kind := range disturbances() {
		f.World.Connections[kind.name] = 5
	}
	for i := range 3 {
		f.Sessions.Stats = append(f.Sessions.Stats, mcpclient.Stats{Generation: 3, Losses: 2, Initializes: 3})
		f.World.Witnesses = append(f.World.Witnesses, testimony{Handshakes: map[int]handshakeSums{i: {Asked: 4, Answered: 4, Used: 3}}})
	}
	return f
}

func verdicts(limits []limit) map[string]int {
	n := map[string]int{}
	for _, l := range limits {
		n[l.Verdict()]++
	}
	return n
}

func TestFlawlessSoakPasses(t *testing.T) {
	limits := judge(flawless())
	require.False(t, failed(limits))
	require.Equal(t, map[string]int{"PASS": len(limits)}, verdicts(limits))
}

// TestEachFlawFails has every limit missed once, alone.
func TestEachFlawFails(t *testing.T) {
	flaws := map[string]func(*findings){
		"a duplicate at the witness":       func(f *findings) { f.World.Witnesses[1].Calls.Duplicates = 1 },
		"a duplicate in the ledger":        func(f *findings) { f.Settled.Twice = 1 },
		"a refuted claim":                  func(f *findings) { f.Settled.UnsentButExecuted = 1 },
		"a call lost with its session":     func(f *findings) { f.Sums.ByCause[failure{Delivery: refused, Cause: causeLostSession}] = 1 },
		"a refusal that is not recognised": func(f *findings) { f.Sums.ByCause[failure{Delivery: refused, Cause: "HTTP 404"}] = 1 },
		"the answer of another call":       func(f *findings) { f.Sums.ByCause[failure{Delivery: answered, Cause: causeWrongAnswer}] = 1 },
		"a session too many":               func(f *findings) { f.World.Witnesses[0].Handshakes[0] = handshakeSums{Used: 4} },
		"a session of the client's own":    func(f *findings) { f.Sessions.Stats[2].Generation = 4 },
		"a needless handshake":             func(f *findings) { f.World.Witnesses[0].Handshakes[0] = handshakeSums{Used: 3, Needless: 1} },
		"a loss without a kill": func(f *findings) {
			f.World.Kills[0] = 1
		},
		"a dead session":        func(f *findings) { f.Sessions.Dead = []string{"so"} },
		"a session left open":   func(f *findings) { f.Sessions.Unclosed = []string{"so"} },
		"a Listen that ended":   func(f *findings) { f.Deaf = []string{"so"} },
		"a goroutine left":      func(f *findings) { f.End = 4 },
		"a growing heap":        func(f *findings) { f.Readings = minutes(30, func(m int) uint64 { return 8<<20 + uint64(m)*(40<<10) }) },
		"a growing process":     func(f *findings) { f.Readings[20].RSS += 17 << 20 },
		"a server never killed": func(f *findings) { f.World.Kills = append(f.World.Kills, 0) },
		"a session never lost": func(f *findings) {
			f.Sessions.Stats[0] = mcpclient.Stats{Generation: 1}
			f.World.Witnesses[0].Handshakes[0] = handshakeSums{Used: 1}
		},
		"a disturbance left out": func(f *findings) { delete(f.World.Connections, "slicer") },
		"nothing executed":       func(f *findings) { f.Settled.Executed = 0 },
	}
	for name, flaw := range flaws {
		t.Run(name, func(t *testing.T) {
			f := flawless()
			flaw(f)
			limits := judge(f)
			require.True(t, failed(limits))
			require.Equal(t, 1, verdicts(limits)["FAIL"], "%+v", limits)
		})
	}
}

func TestShortSoakIsNotHeldToWhatNeedsMinutes(t *testing.T) {
	f := flawless()
	f.Duration, f.Readings = time.Minute, minutes(1, func(int) uint64 { return 8 << 20 })
	limits := judge(f)
	require.False(t, failed(limits))
	require.Equal(t, 2, verdicts(limits)["----"])
	f.End++
	require.True(t, failed(judge(f)), "goroutines count however short it is")
}

func TestInterruptedSoakIsNotHeldToWhatDidNotHappen(t *testing.T) {
	f := flawless()
	f.Duration, f.Readings, f.World.Connections = wholeTrial-time.Second, nil, nil
	require.False(t, failed(judge(f)))
	f.Duration = wholeTrial
	require.True(t, failed(judge(f)))
}

func TestSessionsLostWithinTheHandshake(t *testing.T) {
	f := flawless()
	f.Sessions.Stats[0].Losses++ // no session was taken into use for it
	f.World.Kills[0]++
	require.True(t, failed(judge(f)))
	f.World.Witnesses[0].Handshakes[0] = handshakeSums{Used: 3, Stillborn: 1}
	require.False(t, failed(judge(f)), "the server refused one as soon as it was opened")
	f.Sessions.Stats[0].Losses--
	require.False(t, failed(judge(f)), "the client need not have heard of it")
	f.Sessions.Stats[0].Losses--
	require.True(t, failed(judge(f)), "a session without a loss")
}

func TestBoundsOfGrowth(t *testing.T) {
	f := flawless()
	f.Readings[20].RSS = f.Readings[4].RSS + maxResidentGrowth
	require.False(t, failed(judge(f)), "at most 16 MiB")
	f.Readings[20].RSS++
	require.True(t, failed(judge(f)))
}
