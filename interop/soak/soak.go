package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/holdfast-mcp/mcpclient"
)

// A plan is what the flags ask for.
type plan struct {
	duration          time.Duration
	sessions, callers int // callers per session
	pause, patience   time.Duration
	seed              uint64
	folders           folders
}

// A soak is one run, in progress.
type soak struct {
	plan     plan
	progress io.Writer
	world    *worldProcess
	gate     *semaphore.Weighted // a place for each caller; whoever has all of them has silence
	tally    *tally
	diary    *diary
	verdicts *verdictLog
	began    time.Time
	sessions []*mcpclient.Session
	ears     *ears
	found    findings
}

// newSoak raises the world and connects the sessions, in peace.
func newSoak(ctx context.Context, p plan, progress io.Writer) (*soak, error) {
	s := &soak{plan: p, progress: progress, tally: newTally(), diary: &diary{began: time.Now()},
		gate: semaphore.NewWeighted(int64(p.sessions * p.callers))}
	var err error
	if s.verdicts, err = newVerdictLog(filepath.Join(p.folders.run, "verdicts")); err != nil {
		return nil, err
	}
	w, first, err := startWorld(p.folders, p.seed)
	if err != nil {
		return nil, errors.Join(err, s.verdicts.close())
	}
	s.world = w
	s.found.Baseline = read(0).Goroutines
	if err := s.connect(ctx, first.URLs); err != nil {
		return nil, errors.Join(err, s.abandon())
	}
	return s, nil
}

func (s *soak) connect(ctx context.Context, urls []string) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for i := range s.plan.sessions {
		client := &mcpclient.Client{
			Name: "soak", Version: "1.0.0", ProtocolVersion: s.kindOf(i).pin,
			Header: http.Header{sessionHeader: {strconv.Itoa(i)}}, Trace: s.diary.trace(i, s.tally),
		}
		session, err := client.Connect(ctx, urls[i%len(urls)])
		if err != nil {
			return err
		}
		s.sessions = append(s.sessions, session)
	}
	return nil
}

func (s *soak) kindOf(session int) kind { return kinds()[session%len(kinds())] }

// run is the soak itself, until its time is over or ctx ends.
func (s *soak) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.plan.duration, errTimeOver)
	defer cancel()
	if _, err := s.world.ask(stir); err != nil {
		return err
	}
	s.began = time.Now()
	s.ears = listen(context.WithoutCancel(ctx), s)
	var callers sync.WaitGroup
	for i, session := range s.sessions {
		for j := range s.plan.callers {
			c := &caller{
				session: session, server: s.kindOf(i), who: nonce{session: i, caller: j},
				random: rand.New(rand.NewPCG(s.plan.seed, uint64(1000+i*maxCallers+j))),
				pause:  s.plan.pause, patience: s.plan.patience, gate: s.gate, tally: s.tally, verdicts: s.verdicts,
			}
			callers.Go(func() { c.run(ctx) })
		}
	}
	callers.Go(func() { s.tally.watchTimers(ctx) })
	err := s.watch(ctx)
	cancel()
	callers.Wait()
	s.found.Duration = time.Since(s.began)
	return err
}

// errTimeOver ends a soak that nobody interrupted.
var errTimeOver = errors.New("the time is over")

// watch tells how things stand every 10 s and reads the weight every minute, until ctx ends or the world breaks.
func (s *soak) watch(ctx context.Context) error {
	ticks := time.NewTicker(10 * time.Second)
	defer ticks.Stop()
	for minute := time.Minute; ; {
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return nil
		}
		told, err := s.world.ask(tell)
		if err != nil {
			return err
		}
		s.sample(told)
		if at := time.Since(s.began); at >= minute && s.plan.duration-at > restTime {
			s.rest(ctx)
			minute += time.Minute
		}
	}
}

// restTime is how long nobody calls before a reading. The client's idle connections end meanwhile: with them gone, readings differ by what
// stays, and not by how many calls happened to be in flight.
const restTime = 6 * time.Second

// rest has all callers pause, and weighs the process.
func (s *soak) rest(ctx context.Context) {
	all := int64(s.plan.sessions * s.plan.callers)
	if s.gate.Acquire(ctx, all) != nil {
		return
	}
	defer s.gate.Release(all)
	if pause(ctx, restTime) {
		s.found.Readings = append(s.found.Readings, read(time.Since(s.began)))
	}
}

func (s *soak) sample(told news) {
	now := sample{At: time.Since(s.began), P99: s.tally.slowest()}
	counts := s.tally.copy()
	now.Begun, now.OK = counts.begun(), counts.ok()
	for _, session := range s.sessions {
		now.Losses += session.Stats().Losses
	}
	now.Duplicates, now.Kills = told.duplicates(), told.kills()
	s.found.Samples = append(s.found.Samples, now)
	_, _ = fmt.Fprintln(s.progress, now)
}

// finish gives the servers back their health, sees that every session works again, closes them, and settles the accounts.
func (s *soak) finish(ctx context.Context) (*findings, error) {
	pause(ctx, restTime)
	s.found.Idle = read(time.Since(s.began))
	if _, err := s.world.ask(calm); err != nil {
		return nil, errors.Join(err, s.abandon())
	}
	s.diary.notef("all is calm")
	s.found.Sessions = s.recoverAll(ctx)
	s.found.Deaf = s.ears.end()
	for _, session := range s.sessions {
		if err := session.Close(); err != nil {
			s.found.Sessions.Unclosed = append(s.found.Sessions.Unclosed, err.Error())
		}
	}
	s.found.End, s.found.Leaked = awaitGoroutines(ctx, s.found.Baseline)
	s.found.Sums, s.found.Answered = s.tally.copy(), percentilesOf(s.tally.answered)
	s.found.Diary = s.diary.read()
	s.found.Late, s.found.Asleep = percentilesOf(s.tally.late), percentilesOf(s.tally.asleep)
	var err error
	if s.found.World, err = s.world.ask(end); err != nil {
		return nil, errors.Join(err, s.abandon())
	}
	if err := errors.Join(s.verdicts.close(), s.world.stop()); err != nil {
		return nil, err
	}
	s.found.Settled, err = s.settle()
	return &s.found, err
}

func (s *soak) recoverAll(ctx context.Context) sessionFindings {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	var found sessionFindings
	for i, session := range s.sessions {
		if err := recoverSession(ctx, session); err != nil {
			found.Dead = append(found.Dead, fmt.Sprintf("session %d: %v", i, err))
		}
		s.diary.notef("session %d works again", i)
		found.Stats = append(found.Stats, session.Stats())
	}
	return found
}

// settle compares the client's verdicts with the servers' ledgers.
func (s *soak) settle() (settlement, error) {
	var readers []io.Reader
	files := []string{filepath.Join(s.plan.folders.run, "verdicts")}
	for _, k := range kinds() {
		files = append(files, s.plan.folders.ledger(k))
	}
	for _, name := range files {
		file, err := os.Open(name) //nolint:gosec // the run's own folder
		if errors.Is(err, fs.ErrNotExist) {
			continue // a server that has executed nothing has written nothing
		}
		if err != nil {
			return settlement{}, err
		}
		defer func() { _ = file.Close() }() // it was only read
		readers = append(readers, file)
	}
	return settle(readers[0], readers[1:]...)
}

// abandon ends a soak that cannot go on.
func (s *soak) abandon() error {
	if s.ears != nil {
		s.ears.end()
	}
	for _, session := range s.sessions {
		_ = session.Close()
	}
	return errors.Join(s.verdicts.close(), s.world.stop())
}
