package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func reportOf(t *testing.T, f *findings) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, writeReport(&out, plan{sessions: 3, callers: 2, seed: 42}, f, judge(f)))
	return out.String()
}

func TestReportTellsWhatCounts(t *testing.T) {
	f := flawless()
	f.Sums.ByKind[callCount] = endings{Begun: 1234, OK: 1111}
	text := reportOf(t, f)
	for _, want := range []string{
		"Soak of 30m0s with 3 sessions x 2 callers, seed 42", "1234", "1111", "unknown  network", "p99.9", "executed", "8.00 MiB", "official Go SDK, killed 4 times",
	} {
		require.Contains(t, text, want)
	}
	require.True(t, strings.HasSuffix(text, "\npassed\n"), text)
	require.NotContains(t, text, "FAIL  ")
}

func TestReportOfAFailure(t *testing.T) {
	f := flawless()
	f.End, f.Leaked = 5, "goroutine profile: total 5"
	f.Sessions.Dead = []string{"session 1: the reason"}
	text := reportOf(t, f)
	require.True(t, strings.HasSuffix(text, "\nFAILED\n"), text)
	require.Contains(t, text, "FAIL  goroutines after Close")
	require.Contains(t, text, "goroutine profile: total 5")
	require.Contains(t, text, "1, as session 1: the reason")
}

func TestReportSaysWhatIsNotEnforced(t *testing.T) {
	f := flawless()
	f.Duration, f.Readings, f.World.Kills[0] = time.Second, nil, 2
	delete(f.World.Connections, "slicer")
	text := reportOf(t, f)
	require.Equal(t, 3, strings.Count(text, "not enforced"), "heap, resident size, and the disturbance that did not come: %s", text)
	require.Equal(t, 3, strings.Count(text, "----  "), text)
	require.True(t, strings.HasSuffix(text, "\npassed\n"), text)
}

func TestReportTellsOfItsWriter(t *testing.T) {
	failure := errors.New("disk full")
	require.ErrorIs(t, writeReport(writerFunc(func([]byte) (int, error) { return 0, failure }), plan{}, flawless(), nil), failure)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func TestPlotIsXMLWithACurveForEachSeries(t *testing.T) {
	f := flawless()
	for i := range 6 {
		f.Samples = append(f.Samples, sample{At: time.Duration(i+1) * 10 * time.Second, Begun: 100 * i, OK: 90 * i, P99: time.Second})
	}
	var out bytes.Buffer
	require.NoError(t, writePlot(&out, plan{}, f))
	curves := 0
	for decoder := xml.NewDecoder(&out); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "polyline" {
			curves++
		}
	}
	require.Equal(t, 7, curves)
}

func TestPlotOfNothing(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, writePlot(&out, plan{}, &findings{}))
	require.NotContains(t, out.String(), "NaN")
}

func TestPointsFillTheirPanel(t *testing.T) {
	s := series{name: "x"}
	s.add(0, 0)
	s.add(time.Minute, 10)
	require.Equal(t, "70.0,220.0 870.0,100.0", s.points(100, 10, time.Minute))
}

func TestPercentiles(t *testing.T) {
	tally := newTally()
	for i := range 1000 {
		tally.ended(callCount, time.Duration(i+1)*time.Millisecond, 0, nil)
	}
	tally.ended(callWork, time.Hour, time.Millisecond, nil) // works: says nothing of latency, but returned late
	got := percentilesOf(tally.answered)
	require.EqualValues(t, 1000, got.Count)
	require.InEpsilon(t, 500*time.Millisecond, got.P50, 0.01)
	require.InEpsilon(t, 990*time.Millisecond, got.P99, 0.01)
	require.InEpsilon(t, time.Second, got.Max, 0.01)
	require.EqualValues(t, 1, percentilesOf(tally.late).Count)
	require.InEpsilon(t, 990*time.Millisecond, tally.slowest(), 0.01)
	require.Zero(t, tally.slowest(), "since the last time")
}
