package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"
)

// writeReport prints what was found and how it was judged.
func writeReport(to io.Writer, p plan, f *findings, limits []limit) error {
	out := &printer{to: tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)}
	out.linef("Soak of %v with %d sessions x %d callers, seed %d", f.Duration.Round(time.Second), p.sessions, p.callers, p.seed)
	writeCalls(out, f)
	writeSessions(out, f)
	writeWeight(out, f)
	out.linef("\nLIMITS")
	for _, l := range limits {
		got := l.Got
		if !l.OK && l.Waived != "" {
			got += " (not enforced: " + l.Waived + ")"
		}
		out.linef("%s\t%s\twanted %s\tgot %s", l.Verdict(), l.Name, l.Want, got)
	}
	if failed(limits) {
		writeDetails(out, f)
		out.linef("\nFAILED")
	} else {
		out.linef("\npassed")
	}
	return cmp.Or(out.err, out.to.Flush())
}

// printer remembers the first error, so that a report need not ask after every line.
type printer struct {
	to  *tabwriter.Writer
	err error
}

func (p *printer) linef(format string, args ...any) {
	_, err := fmt.Fprintf(p.to, format+"\n", args...)
	p.err = cmp.Or(p.err, err)
}

func writeCalls(out *printer, f *findings) {
	out.linef("\nCALLS\tbegun\tok")
	for k := range callKinds {
		out.linef("%v\t%d\t%d", k, f.Sums.ByKind[k].Begun, f.Sums.ByKind[k].OK)
	}
	out.linef("all\t%d\t%d", f.Sums.begun(), f.Sums.ok())
	out.linef("\nFAILED\tcause\ttools\treads\tthe first of them")
	failures := slices.SortedFunc(maps.Keys(f.Sums.ByCause), func(a, b failure) int {
		return cmp.Or(cmp.Compare(a.Delivery.String(), b.Delivery.String()), cmp.Compare(a.Cause, b.Cause))
	})
	for _, of := range failures {
		tools, reads := f.Sums.ByCause[of], 0
		if of.Read {
			tools, reads = reads, tools
		}
		out.linef("%v\t%s\t%d\t%d\t%s", of.Delivery, of.Cause, tools, reads, clip(f.Sums.Examples[of]))
	}
	out.linef("\nLATENCY\tcalls\tp50\tp90\tp99\tp99.9\tmax")
	out.percentiles("answered, without work", f.Answered)
	out.percentiles("return after the context's end", f.Late)
	out.percentiles("a timer's own delay on this machine", f.Asleep)
	var arrived, again int
	for _, w := range f.World.Witnesses {
		arrived, again = arrived+w.Calls.Arrived, again+w.Calls.Again
	}
	out.linef("\nLEDGER\tcalls with a nonce\treached a server\tof these again after a refusal\texecuted\ttwice")
	out.linef("\t%d\t%d\t%d\t%d\t%d", f.Settled.Verdicts, arrived, again, f.Settled.Executed, f.Settled.Twice)
}

func (p *printer) percentiles(name string, of percentiles) {
	p.linef("%s\t%d\t%v\t%v\t%v\t%v\t%v", name, of.Count, of.P50, of.P90, of.P99, of.P999, of.Max)
}

func writeSessions(out *printer, f *findings) {
	all := f.Sessions.sum()
	seen := f.World.handshakes()
	out.linef("\nSESSIONS\tkills\tlosses\treopened\treopening failed\tre-sends\tretries\tover their budget\tevents heard")
	out.linef("\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d", f.World.kills(), all.Losses, f.Sums.Reopens, f.Sums.NoReopen,
		all.Resends, all.Retries, all.RetriesOverBudget, f.Sums.Heard)
	out.linef("\nINITIALIZE\tsent to a server\tanswered by it\tanswer reached the client\tlost within the handshake\tsession taken into use\tneedless")
	out.linef("\t%d\t%d\t%d\t%d\t%d\t%d", seen.Asked, seen.Answered, all.Initializes, seen.Stillborn, seen.Used, seen.Needless)
	out.linef("\nDISTURBED\tconnections")
	for _, kind := range slices.Sorted(maps.Keys(f.World.Connections)) {
		out.linef("%s\t%d", kind, f.World.Connections[kind])
	}
	for i, k := range kinds() {
		if i >= len(f.World.Witnesses) {
			break
		}
		out.linef("\nREQUESTS\tof %s, killed %d times", k.name, f.World.Kills[i])
		for _, label := range slices.Sorted(maps.Keys(f.World.Witnesses[i].Requests)) {
			out.linef("%s\t%d", label, f.World.Witnesses[i].Requests[label])
		}
	}
}

// writeDetails helps to find out what went wrong.
func writeDetails(out *printer, f *findings) {
	out.linef("\nSTATS\tgeneration\tlosses\tinitializes answered")
	for i, s := range f.Sessions.Stats {
		out.linef("session %d\t%d\t%d\t%d", i, s.Generation, s.Losses, s.Initializes)
	}
	out.linef("\nDIARY, its end")
	for _, line := range f.Diary {
		out.linef("%s", line)
	}
}

func writeWeight(out *printer, f *findings) {
	out.linef("\nWEIGHT\tgoroutines\tlive heap\tresident")
	out.linef("before\t%d", f.Baseline)
	for _, r := range append(slices.Clone(f.Readings), f.Idle) {
		out.linef("%v\t%d\t%s\t%s", r.At.Round(time.Second), r.Goroutines, mebibytes(float64(r.Live)), mebibytes(float64(r.RSS)))
	}
	out.linef("after\t%d", f.End)
	if f.Leaked != "" {
		out.linef("\nLEFT\n%s", f.Leaked)
	}
}

// clip keeps an example to a line.
func clip(text string) string {
	const most = 160
	if len(text) > most {
		return text[:most] + "..."
	}
	return text
}
