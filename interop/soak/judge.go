package main

import (
	"fmt"
	"strings"
	"time"
)

// A limit is one thing that a soak is held to.
type limit struct {
	Name   string
	Want   string
	Got    string
	OK     bool
	Waived string // why it is not enforced, "" if it is
}

// Verdict is how the limit was met, in a word.
func (l limit) Verdict() string {
	switch {
	case l.OK:
		return "PASS"
	case l.Waived != "":
		return "----"
	default:
		return "FAIL"
	}
}

// failed reports whether any limit that is enforced was not met.
func failed(limits []limit) bool {
	for _, l := range limits {
		if l.Verdict() == "FAIL" {
			return true
		}
	}
	return false
}

const (
	maxHeapSlope      = 1 << 20  // bytes in 30 minutes
	maxResidentGrowth = 16 << 20 // bytes after the first 5 minutes
)

// wholeTrial is how long it takes at most until everything has happened once: every kill comes after 15 s or less, and 11 disturbances of
// 5 s or less take turns.
const wholeTrial = time.Minute

// judge holds the findings against all limits.
func judge(f *findings) []limit {
	limits := append(judgeCalls(f), judgeSessions(f)...)
	limits = append(limits, judgeWeight(f)...)
	return append(limits, judgeTrial(f)...)
}

// none is the limit of what must not happen at all.
func none(name string, got int, examples ...string) limit {
	return limit{Name: name, Want: "0", Got: withExamples(got, examples), OK: got == 0}
}

func withExamples(n int, examples []string) string {
	if n == 0 || len(examples) == 0 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d, as %s", n, strings.Join(examples[:min(3, len(examples))], "; "))
}

func judgeCalls(f *findings) []limit {
	var again []string
	for _, w := range f.World.Witnesses {
		again = append(again, w.Calls.Examples...)
	}
	lost := f.Sums.failed(failure.lostAlone)
	return []limit{
		none("duplicates: calls that reached a server again though it had not refused them", f.World.duplicates(), again...),
		none("duplicates: calls that a server's own ledger holds twice", f.Settled.Twice),
		none("claims about executions that a server's ledger refutes", f.Settled.contradictions(), f.Settled.refuted()...),
		none("calls that failed for a lost session alone", lost, f.Sums.examples(failure.lostAlone)...),
		none("answers that belong to another call", f.Sums.failed(failure.wrongAnswer), f.Sums.examples(failure.wrongAnswer)...),
	}
}

func (s settlement) refuted() []string {
	return []string{fmt.Sprintf("%d answered but not executed, %d not sent but executed, %d refused but executed, %d executed that nobody sent",
		s.AnsweredNotExecuted, s.UnsentButExecuted, s.RefusedButExecuted, s.ExecutedWithoutCaller)}
}

func (f failure) wrongAnswer() bool { return f.Cause == causeWrongAnswer }

func (s sums) examples(match func(failure) bool) (texts []string) {
	for f, text := range s.Examples {
		if match(f) {
			texts = append(texts, text)
		}
	}
	return texts
}

func judgeSessions(f *findings) []limit {
	var needed, opened int64
	uncaused := 0
	for i, s := range f.Sessions.Stats {
		needed, opened = needed+1+s.Losses, opened+int64(s.Generation) //nolint:gosec // counts
		if len(f.World.Kills) > 0 {
			uncaused += max(0, int(s.Losses)-f.World.Kills[i%len(f.World.Kills)])
		}
	}
	seen := f.World.handshakes()
	// The client also counts the loss of a session that its server, killed meanwhile, refuses at the end of the handshake. That refusal may
	// have been cut on its way.
	uncounted := needed - opened
	exact := opened == int64(seen.Used) && uncounted >= 0 && uncounted <= int64(seen.Stillborn)
	return []limit{
		{
			Name: "sessions taken into use: one per connect and loss", OK: exact,
			Want: fmt.Sprintf("%d, less at most %d that were lost within the handshake", needed, seen.Stillborn),
			Got:  fmt.Sprintf("%d by the client's count, %d by the servers'", opened, seen.Used),
		},
		none("handshakes begun while the session in use was not refused", seen.Needless, seen.Examples...),
		none("losses of a session beyond the kills of its server", uncaused),
		none("sessions that did not work again", len(f.Sessions.Dead), f.Sessions.Dead...),
		none("sessions whose Close failed", len(f.Sessions.Unclosed), f.Sessions.Unclosed...),
		none("Listens that ended by themselves", len(f.Deaf), f.Deaf...),
	}
}

func judgeWeight(f *findings) []limit {
	goroutines := limit{
		Name: "goroutines after Close, of those before Connect", Want: fmt.Sprintf("at most %d", f.Baseline),
		Got: fmt.Sprint(f.End), OK: f.End <= f.Baseline,
	}
	heap := limit{Name: "growth of the live heap, by its slope in 30 min", Want: "below 1 MiB"}
	if bytes, ok := heapSlope(f.Readings); ok {
		heap.Got, heap.OK = mebibytes(bytes), bytes < maxHeapSlope
	} else {
		heap.Got, heap.Waived = "too few readings", fmt.Sprintf("needs %d readings after the first %v", minReadings, warmUp)
	}
	resident := limit{Name: "growth of the resident size after the first 5 min", Want: "at most 16 MiB"}
	if bytes, ok := residentGrowth(f.Readings); ok {
		resident.Got, resident.OK = mebibytes(float64(bytes)), bytes <= maxResidentGrowth
	} else {
		resident.Got, resident.Waived = "not measured", "needs a reading after the first 5 min, on a system with /proc"
	}
	return []limit{goroutines, heap, resident}
}

func mebibytes(bytes float64) string { return fmt.Sprintf("%.2f MiB", bytes/(1<<20)) }

// judgeTrial sees that the soak was one: that nothing above holds because nothing happened.
func judgeTrial(f *findings) []limit {
	spared, unhurt := 0, 0
	for _, kills := range f.World.Kills {
		if kills == 0 {
			spared++
		}
	}
	for _, s := range f.Sessions.Stats {
		if s.Losses == 0 {
			unhurt++
		}
	}
	missing := 0
	for _, kind := range disturbances() {
		if f.World.Connections[kind.name] == 0 {
			missing++
		}
	}
	limits := []limit{
		none("servers that were never killed", spared),
		none("sessions that were never lost", unhurt),
		none("kinds of disturbance that no connection suffered", missing),
		{Name: "executions in the servers' ledgers", Want: "more than 0", Got: fmt.Sprint(f.Settled.Executed), OK: f.Settled.Executed > 0},
	}
	if f.Duration < wholeTrial {
		for i := range limits {
			limits[i].Waived = "shorter than " + wholeTrial.String()
		}
	}
	return limits
}
