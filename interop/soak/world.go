package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"

	"golang.org/x/sync/errgroup"
)

// The world is everything but the client: the servers, their witnesses, what disturbs them. It runs in a process of its own, so that
// the memory and the goroutines of the soak's process are the client's. The two talk in lines of JSON: an order, and the news.
type (
	order string

	news struct {
		URLs        []string       // by kind
		Kills       []int          // by kind
		Witnesses   []testimony    // by kind
		Connections map[string]int // by what they suffered
		Err         string         // the world is broken, and with it the soak
	}
)

const (
	tell order = "tell" // how things stand
	stir order = "stir" // begin to kill and to disturb
	calm order = "calm" // stop killing and disturbing, have every server up
	end  order = "end"  // stop the servers; the news are the last
)

type world struct {
	seed   uint64
	stages []*stage
	stop   context.CancelFunc // the killers and disturbers
	unrest *errgroup.Group
	broken func() error // what has ended them before that
}

// runWorld raises the servers and obeys orders until the input ends.
func runWorld(ctx context.Context, in folders, seed uint64, orders io.Reader, told io.Writer) error {
	w, err := newWorld(ctx, in, seed)
	if err != nil {
		return errors.Join(err, json.NewEncoder(told).Encode(news{Err: err.Error()}))
	}
	defer func() { _ = w.close() }()
	tell := json.NewEncoder(told)
	if err := tell.Encode(w.news(nil)); err != nil {
		return err
	}
	for incoming := json.NewDecoder(orders); ; {
		var next order
		if err := incoming.Decode(&next); err != nil {
			return nil // the soak's process has ended, or is done
		}
		if err := tell.Encode(w.news(w.obey(ctx, next))); err != nil {
			return err
		}
	}
}

func newWorld(ctx context.Context, in folders, seed uint64) (*world, error) {
	w := &world{seed: seed, broken: func() error { return nil }}
	for i, k := range kinds() {
		stage, err := raise(ctx, k, in, w.random(i, 0))
		if err != nil {
			return nil, errors.Join(err, w.close())
		}
		w.stages = append(w.stages, stage)
	}
	return w, nil
}

// random gives each part of the world its own, so that none depends on when the others draw.
func (w *world) random(kind, what int) *rand.Rand {
	return rand.New(rand.NewPCG(w.seed, uint64(kind*10+what))) //nolint:gosec // small
}

// stir begins to kill and to disturb.
func (w *world) stir(ctx context.Context) {
	ctx, w.stop = context.WithCancel(ctx)
	w.unrest, ctx = errgroup.WithContext(ctx)
	w.broken = func() error {
		if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	}
	for i, s := range w.stages {
		w.unrest.Go(func() error { return s.killer(ctx, w.random(i, 1)) })
		w.unrest.Go(func() error { s.disturber(ctx, w.random(i, 2)); return nil })
	}
}

func (w *world) obey(ctx context.Context, next order) error {
	switch next {
	case tell:
		return w.broken()
	case stir:
		w.stir(ctx)
		return nil
	case calm:
		err := w.settle()
		for _, s := range w.stages {
			err = errors.Join(err, s.cut(ctx))
		}
		return err
	case end:
		return w.close()
	default:
		return fmt.Errorf("there is no order %q", next)
	}
}

// settle ends what stir began.
func (w *world) settle() error {
	if w.stop == nil {
		return nil
	}
	w.stop()
	return w.unrest.Wait()
}

func (w *world) close() error {
	err := w.settle()
	for _, s := range w.stages {
		err = errors.Join(err, s.close())
	}
	return err
}

func (w *world) news(err error) news {
	n := news{Connections: map[string]int{}}
	for _, s := range w.stages {
		n.URLs = append(n.URLs, fmt.Sprintf("http://127.0.0.1:%d/mcp", s.strait.port))
		n.Kills = append(n.Kills, s.killed())
		n.Witnesses = append(n.Witnesses, s.witness.testify())
		s.strait.counts(n.Connections)
	}
	if err != nil {
		n.Err = err.Error()
	}
	return n
}
