package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/holdfast-mcp/mcpclient"
)

// callKind is what a caller does.
type callKind int

const (
	callCount    callKind = iota // a tool that writes its nonce to the ledger and answers at once: must not run twice
	callWork                     // the same, but it works a while, so that kills meet it in flight
	callCancel                   // the same, and its context ends at some moment before, during or after
	callRead                     // a ping, a list, a resource, a prompt: may run twice
	callProgress                 // a tool that reports progress
	callKinds
)

// String names the kind in the report.
func (k callKind) String() string {
	return [callKinds]string{"tool", "tool at work", "tool, cancelled", "read", "tool with progress"}[k]
}

// A caller is one of the many users of a session: it makes one call after the other.
type caller struct {
	session  *mcpclient.Session
	server   kind
	who      nonce // of its last call
	random   *rand.Rand
	pause    time.Duration // on average, between two calls
	patience time.Duration // of a call
	gate     *semaphore.Weighted
	tally    *tally
	verdicts *verdictLog
}

// run calls until ctx ends. The calls themselves are not cut short by that.
func (c *caller) run(ctx context.Context) {
	for pause(ctx, time.Duration(c.random.ExpFloat64()*float64(c.pause))) {
		if c.gate.Acquire(ctx, 1) != nil {
			return
		}
		c.call(context.WithoutCancel(ctx), c.draw())
		c.gate.Release(1)
	}
}

func (c *caller) draw() callKind {
	switch n := c.random.IntN(100); {
	case n < 50:
		return callCount
	case n < 60:
		return callWork
	case n < 75:
		return callCancel
	case n < 95:
		return callRead
	default:
		return callProgress
	}
}

// call makes one call and notes how it ended.
func (c *caller) call(ctx context.Context, k callKind) {
	limit, began := c.patience, time.Now()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if k == callCancel {
		limit = drawn(c.random, 0, 300*time.Millisecond)
		timer := time.AfterFunc(limit, cancel)
		defer timer.Stop()
	}
	err := c.perform(ctx, k)
	took := time.Since(began)
	c.tally.ended(k, took, max(0, took-limit), err)
}

func (c *caller) perform(ctx context.Context, k callKind) error {
	switch k {
	case callRead:
		return c.read(ctx)
	case callProgress:
		result, err := c.session.CallTool(ctx, c.server.slow, c.server.slowArgs, mcpclient.WithProgress(func(mcpclient.Progress) {}))
		return toolFailure(result, err)
	case callCount:
		return c.count(ctx, 0)
	default:
		return c.count(ctx, drawn(c.random, 20*time.Millisecond, 300*time.Millisecond).Seconds())
	}
}

// count makes the call that must not run twice, and logs the verdict.
func (c *caller) count(ctx context.Context, seconds float64) error {
	c.who.sequence++
	tool, args := c.server.count(c.who, seconds)
	result, err := c.session.CallTool(ctx, tool, args)
	err = toolFailure(result, err)
	if want := c.server.counted(c.who); err == nil && seconds == 0 && result.Text() != want {
		err = fmt.Errorf("%w: %q instead of %q", errWrongAnswer, result.Text(), want)
	}
	c.verdicts.note(c.who, claimOf(err))
	return err
}

func (c *caller) read(ctx context.Context) error {
	switch c.random.IntN(4) {
	case 0:
		return c.session.Ping(ctx)
	case 1:
		tools, err := mcpclient.Collect(c.session.Tools(ctx))
		if err == nil && len(tools) == 0 {
			return fmt.Errorf("%w: no tools", errWrongAnswer)
		}
		return err
	case 2:
		_, err := c.session.ReadResource(ctx, c.server.resource)
		return err
	default:
		_, err := c.session.GetPrompt(ctx, c.server.prompt, c.server.promptArgs)
		return err
	}
}

func toolFailure(result *mcpclient.ToolResult, err error) error {
	if err != nil {
		return err
	}
	return result.Err()
}

// recover pings until the session works, as it must once its server is healthy again, and returns the last error if it does not.
func recoverSession(ctx context.Context, s *mcpclient.Session) error {
	for {
		err := s.Ping(ctx)
		if err == nil {
			return nil
		}
		wait, _ := mcpclient.RetryAfter(err)
		if !pause(ctx, max(wait, 100*time.Millisecond)) {
			return errors.Join(ctx.Err(), err)
		}
	}
}
