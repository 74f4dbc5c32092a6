// Command soak has many callers use many sessions with three real servers at once, while the servers are killed and the network
// between is disturbed, and holds what the client did and says against what the servers and witnesses before them saw.
//
//	cd interop && ./install.sh && go run ./soak -duration 60s
//
// It prints a report, writes it and a plot into a folder, and fails if a limit was not met.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// errFailed is a soak that ran to its end and missed a limit. The report has said so.
var errFailed = errors.New("a limit was not met")

func main() {
	if err := start(); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func start() error {
	var p plan
	cache := cmp.Or(os.Getenv("MCPCLIENT_INTEROP_CACHE"), ".cache")
	flag.DurationVar(&p.duration, "duration", time.Minute, "how long to call; below 15 min the growth of memory is not judged")
	flag.IntVar(&p.sessions, "sessions", 8, "sessions, spread over the servers")
	flag.IntVar(&p.callers, "callers", 32, "callers of each session")
	flag.DurationVar(&p.pause, "pause", 250*time.Millisecond, "of a caller between two calls, on average")
	flag.DurationVar(&p.patience, "patience", 10*time.Second, "deadline of a call")
	flag.Uint64Var(&p.seed, "seed", uint64(time.Now().UnixNano())%1e6, "of every random choice; default: another one each time")
	out := flag.String("out", "", "folder for report.txt and plot.svg (default: soak in the cache folder)")
	flag.StringVar(&p.folders.module, "module", ".", "the interop module")
	flag.StringVar(&p.folders.cache, "cache", cache, "where install.sh put the servers")
	flag.StringVar(&p.folders.run, "run", "", "folder for the run's own files (default: a temporary one)")
	asWorld := flag.Bool("world", false, "be the servers, for another process of this program")
	flag.Parse()
	if err := p.check(); err != nil {
		return err
	}
	if *asWorld {
		return runWorld(context.Background(), p.folders, p.seed, os.Stdin, os.Stdout)
	}
	return run(p, cmp.Or(*out, filepath.Join(p.folders.cache, "soak")))
}

// check makes the paths absolute, since the servers run elsewhere, and the bounds of a nonce hold.
func (p *plan) check() error {
	if p.sessions < len(kinds()) || p.sessions > maxSessions || p.callers < 1 || p.callers > maxCallers {
		return fmt.Errorf("from %d to %d sessions with 1 to %d callers, please", len(kinds()), maxSessions, maxCallers)
	}
	for _, folder := range []*string{&p.folders.module, &p.folders.cache} {
		var err error
		if *folder, err = filepath.Abs(*folder); err != nil {
			return err
		}
	}
	return nil
}

func run(p plan, out string) (err error) {
	if p.folders.run == "" {
		if p.folders.run, err = os.MkdirTemp("", "soak"); err != nil {
			return err
		}
		defer func() {
			if err != nil { // somebody will want to know why
				fmt.Printf("the servers' output and ledgers are in %s\n", p.folders.run)
				return
			}
			err = os.RemoveAll(p.folders.run)
		}()
	}
	// An interrupt ends the calls early, not the report. The next one ends the program.
	ctx, again := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer again()
	context.AfterFunc(ctx, again)

	fmt.Printf("soak: %v, %d sessions x %d callers, seed %d\n", p.duration, p.sessions, p.callers, p.seed)
	s, err := newSoak(ctx, p, os.Stdout)
	if err != nil {
		return err
	}
	if err := s.run(ctx); err != nil {
		return errors.Join(err, s.abandon())
	}
	f, err := s.finish(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	return publish(p, f, out)
}

// publish writes report and plot, and is the verdict.
func publish(p plan, f *findings, out string) error {
	limits := judge(f)
	if err := os.MkdirAll(out, 0o750); err != nil {
		return err
	}
	err := errors.Join(
		writeReport(os.Stdout, p, f, limits),
		writeFile(filepath.Join(out, "report.txt"), func(to io.Writer) error { return writeReport(to, p, f, limits) }),
		writeFile(filepath.Join(out, "plot.svg"), func(to io.Writer) error { return writePlot(to, p, f) }),
	)
	fmt.Printf("report.txt and plot.svg are in %s\n", out)
	if err == nil && failed(limits) {
		return errFailed
	}
	return err
}

func writeFile(name string, write func(io.Writer) error) error {
	file, err := os.Create(name) //nolint:gosec // where the user wants it
	if err != nil {
		return err
	}
	return errors.Join(write(file), file.Close())
}
