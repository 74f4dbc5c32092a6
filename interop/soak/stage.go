package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/holdfast-mcp/mcpclient/interop/internal/child"
	"github.com/holdfast-mcp/mcpclient/interop/internal/serve"
)

// startPatience bounds the start of a server: they take 20 ms to 3 s, on a busy machine a multiple of it.
const startPatience = 2 * time.Minute

// stage is one server with all that stands before it, and the two who make its life hard.
type stage struct {
	server  *child.Server
	witness *witness
	strait  *strait

	mu    sync.Mutex
	kills int
}

// raise starts the server, the witness before it and the strait before that.
func raise(ctx context.Context, k kind, in folders, random *rand.Rand) (*stage, error) {
	command, err := k.command(in)
	if err != nil {
		return nil, err
	}
	port, err := child.FreePort(ctx, k.ports, k.ports+500)
	if err != nil {
		return nil, err
	}
	front, err := child.FreePort(ctx, k.ports+500, k.ports+1000)
	if err != nil {
		return nil, err
	}
	s := &stage{server: child.New(command, []string{serve.LedgerVariable + "=" + in.ledger(k)}, port, in.output(k))}
	if err := s.startServer(ctx); err != nil {
		return nil, fmt.Errorf("%s: %w", k.name, err)
	}
	if s.witness, err = newWitness(ctx, port); err != nil {
		return nil, errors.Join(err, s.server.Kill())
	}
	s.strait = newStrait(front, s.witness.address, random)
	if err := s.strait.unblock(ctx); err != nil {
		return nil, errors.Join(err, s.server.Kill(), s.witness.close())
	}
	return s, nil
}

func (s *stage) startServer(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	return s.server.Start(ctx)
}

// killer kills the server every 5 to 15 s and starts it again, until ctx ends. It leaves the server running.
func (s *stage) killer(ctx context.Context, random *rand.Rand) error {
	for pause(ctx, drawn(random, 5*time.Second, 15*time.Second)) {
		refuses, down := random.IntN(4) > 0, drawn(random, 0, 1500*time.Millisecond)
		if err := s.server.Kill(); err != nil {
			return err
		}
		s.mu.Lock()
		s.kills++
		s.mu.Unlock()
		if refuses { // else connections are accepted and then end, as by a balancer
			s.strait.block()
		}
		pause(ctx, down)
		// A server that is down has to come up again, whatever ends meanwhile.
		whole := context.WithoutCancel(ctx)
		if err := s.startServer(whole); err != nil {
			return err
		}
		if err := s.strait.unblock(whole); err != nil {
			return err
		}
	}
	return nil
}

// disturber changes what connections suffer every 2 to 5 s, until ctx ends. It leaves them undisturbed.
func (s *stage) disturber(ctx context.Context, random *rand.Rand) {
	defer s.strait.disturb(disturbance{name: "none"})
	for turns := newRotation(random); ; {
		s.strait.disturb(turns.turn())
		if !pause(ctx, drawn(random, 2*time.Second, 5*time.Second)) {
			return
		}
	}
}

// cut ends all connections once, so that none still has the toxic that it was born with.
func (s *stage) cut(ctx context.Context) error {
	s.strait.block()
	return s.strait.unblock(ctx)
}

func (s *stage) close() error {
	s.strait.close()
	return errors.Join(s.witness.close(), s.server.Kill())
}

func (s *stage) killed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kills
}

// pause waits for d and reports whether ctx has not ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

func drawn(random *rand.Rand, low, high time.Duration) time.Duration {
	return low + time.Duration(random.Int64N(int64(high-low)+1))
}
