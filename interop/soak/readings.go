package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"
)

// A reading is what the process weighs at one moment.
type reading struct {
	At         time.Duration // since the first call
	Goroutines int
	Live       uint64 // bytes on the heap that the garbage collector found in use
	RSS        uint64 // bytes of memory that the system says the process has; 0 where there is no /proc
}

// read collects garbage and weighs the process. Two collections: what a sync.Pool holds survives the first.
func read(at time.Duration) reading {
	runtime.GC()
	runtime.GC()
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	rss, err := residentSize()
	if err != nil {
		rss = 0
	}
	return reading{at, runtime.NumGoroutine(), live[0].Value.Uint64(), rss}
}

// residentSize reads VmRSS from /proc/self/status.
func residentSize() (uint64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if size, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kilobytes, err := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(size), "kB")), 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/self/status has no VmRSS")
}

const (
	warmUp  = 2 * time.Minute // readings before it say nothing about growth of the heap
	settled = 5 * time.Minute // from here on the resident size may grow by little
	span    = 30 * time.Minute
)

// heapSlope is how many bytes the live heap gains in 30 minutes, by the least squares of the readings after the warm-up. ok is false where
// there are fewer than minReadings.
func heapSlope(readings []reading) (bytes float64, ok bool) {
	var xs, ys []float64
	for _, r := range readings {
		if r.At >= warmUp {
			xs, ys = append(xs, r.At.Minutes()), append(ys, float64(r.Live))
		}
	}
	if len(xs) < minReadings {
		return 0, false
	}
	return slope(xs, ys) * span.Minutes(), true
}

// minReadings is how many make a slope that is worth judging.
const minReadings = 10

// slope is that of the line through the points with the least squares.
func slope(xs, ys []float64) float64 {
	meanX, meanY := mean(xs), mean(ys)
	var covariance, variance float64
	for i, x := range xs {
		covariance += (x - meanX) * (ys[i] - meanY)
		variance += (x - meanX) * (x - meanX)
	}
	return covariance / variance
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// residentGrowth is by how many bytes the highest resident size after the first 5 minutes exceeds the one at their end. ok is false where
// nothing was read after it.
func residentGrowth(readings []reading) (bytes int64, ok bool) {
	var first *reading
	for i, r := range readings {
		switch {
		case r.At < settled || r.RSS == 0:
		case first == nil:
			first = &readings[i]
		default:
			bytes, ok = max(bytes, int64(r.RSS)-int64(first.RSS)), true //nolint:gosec // sizes of memory
		}
	}
	return bytes, ok
}
