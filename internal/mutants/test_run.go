package main

import (
	"regexp"
	"strconv"
	"strings"
)

// testRun is one run of a test binary.
type testRun struct {
	green    bool
	empty    bool // no test matched
	timedOut bool
	output   string
}

func newTestRun(output string, failed error, timedOut bool) testRun {
	return testRun{
		green: failed == nil, output: output,
		empty:    strings.Contains(output, "testing: warning: no tests to run"),
		timedOut: timedOut || strings.Contains(output, "panic: test timed out"),
	}
}

// red names the innermost test that failed; without one, what ended the run.
func (r *testRun) red() string {
	if r.green {
		return ""
	}
	name := ""
	for _, failed := range regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`).FindAllStringSubmatch(r.output, -1) {
		if strings.HasPrefix(failed[1], name) { // a part of the one before, or the first
			name = failed[1]
		}
	}
	switch {
	case name != "":
		return name
	case r.timedOut:
		running := regexp.MustCompile(`(?m)^\s+(Test\S+) \(`).FindStringSubmatch(r.output)
		if running != nil {
			name = running[1] + " "
		}
		return name + "(hangs)"
	}
	for line := range strings.Lines(r.output) {
		if strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:") || strings.HasPrefix(line, "goleak:") {
			return strconv.Quote(strings.TrimSpace(line[:min(len(line), 80)]))
		}
	}
	return "(exit status)"
}
