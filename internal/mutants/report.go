package main

import (
	"fmt"
	"io"
	"strings"
)

func writeList(w io.Writer, mutants []mutant) error {
	for _, m := range mutants {
		if _, err := fmt.Fprintf(w, "%-40s %-10s %-32s %s\n", m.name, m.guards, m.file, m.tests); err != nil {
			return err
		}
	}
	return nil
}

func writeProgress(w io.Writer, n, of int, o *outcome) {
	_, _ = fmt.Fprintf(w, "%3d/%d %-24s %-40s %5.1f s  %s\n", n, of, o.verdict, o.mutant.name, o.took.Seconds(), o.red)
	if o.detail != "" {
		_, _ = fmt.Fprintln(w, "        "+strings.ReplaceAll(o.detail, "\n", "\n        "))
	}
}

// writeReport writes the table and reports whether every mutant was killed.
func writeReport(w io.Writer, outcomes []outcome) (allKilled bool, err error) {
	var b strings.Builder
	b.WriteString("| mutant | guards | verdict | red test | seconds |\n|---|---|---|---|---|\n")
	dead := 0
	for _, o := range outcomes {
		red := o.red
		if red != "" {
			red = "`" + red + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %.1f |\n", o.mutant.name, o.mutant.guards, o.verdict, red, o.took.Seconds())
		if o.verdict == killed {
			dead++
		}
	}
	fmt.Fprintf(&b, "\n%d of %d mutants killed.\n", dead, len(outcomes))
	_, err = io.WriteString(w, b.String())
	return dead == len(outcomes), err
}
