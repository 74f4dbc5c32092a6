// Mutants proves that the tests watch the guards of this library. Each mutant of the table takes one guard away (the
// comparison that keeps a late refusal from ending the next session, a limit, a redaction) and names the tests that turn
// red without it. The program applies one mutant after the other by an overlay of the compiler, so the tree is never
// touched, and reports those that no test noticed.
//
//	go run ./internal/mutants                 # all of them: a few minutes
//	go run ./internal/mutants -only '^flight' # those whose name or guard matches
//	go run ./internal/mutants -list
//
// It exits with 0 only if every mutant was killed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"time"
)

// settings are what the command line says.
type settings struct {
	only    *regexp.Regexp
	list    bool
	whole   bool
	workers int
	timeout time.Duration
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	ok, err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(2)
	case !ok:
		os.Exit(1)
	}
}

// run reports whether every mutant was killed. The table goes to out, what happens meanwhile to progress.
func run(ctx context.Context, args []string, out, progress io.Writer) (ok bool, err error) {
	set, err := parse(args, progress)
	if err != nil {
		return false, err
	}
	root, err := moduleRoot()
	if err != nil {
		return false, err
	}
	chosen := slices.DeleteFunc(allMutants(), func(m mutant) bool {
		return !set.only.MatchString(m.name) && !set.only.MatchString(m.guards)
	})
	if len(chosen) == 0 {
		return false, fmt.Errorf("no mutant matches %s", set.only)
	}
	if set.list {
		return true, writeList(out, chosen)
	}
	work, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return false, err
	}
	defer func() { _ = os.RemoveAll(work) }()
	l := &lab{root: root, work: work, timeout: set.timeout, whole: set.whole}
	if err := l.prepare(ctx, chosen, progress); err != nil {
		return false, err
	}
	if err := l.control(ctx, chosen, progress); err != nil {
		return false, err
	}
	outcomes := l.examine(ctx, chosen, set.workers, progress)
	if err := ctx.Err(); err != nil {
		return false, err
	}
	return writeReport(out, outcomes)
}

func parse(args []string, usage io.Writer) (settings, error) {
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	flags.SetOutput(usage)
	only := flags.String("only", "", "only mutants whose name or guard matches this `regexp`")
	list := flags.Bool("list", false, "list the mutants instead of applying them")
	whole := flags.Bool("whole", false, "run all tests of the package where the named ones notice nothing: who kills it?")
	workers := flags.Int("j", 1, "how many mutants are examined at a time")
	timeout := flags.Duration("timeout", time.Minute, "how long the named tests of one mutant may take before they count as hanging")
	if err := flags.Parse(args); err != nil {
		return settings{}, err
	}
	pattern, err := regexp.Compile(*only)
	if err != nil {
		return settings{}, err
	}
	return settings{only: pattern, list: *list, whole: *whole, workers: max(*workers, 1), timeout: *timeout}, nil
}

// moduleRoot is where the sources of this program say that the module is: so it may be started from anywhere in it.
func moduleRoot() (string, error) {
	at, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(at, "internal", "mutants", "main.go")); err == nil {
			return at, nil
		}
		above := filepath.Dir(at)
		if above == at {
			return "", errors.New("start it inside the repository")
		}
		at = above
	}
}

// examine applies the mutants, workers at a time. The outcomes come in the order of the table.
func (l *lab) examine(ctx context.Context, mutants []mutant, workers int, progress io.Writer) []outcome {
	outcomes := make([]outcome, len(mutants))
	next := make(chan int)
	var done sync.WaitGroup
	var speaking sync.Mutex
	for range workers {
		done.Go(func() {
			for i := range next {
				outcomes[i] = l.apply(ctx, mutants[i])
				speaking.Lock()
				writeProgress(progress, i+1, len(mutants), &outcomes[i])
				speaking.Unlock()
			}
		})
	}
	for i := range mutants {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	done.Wait()
	return outcomes
}
