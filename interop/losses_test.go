package interop_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/interop/proxy"
)

const (
	callers      = 50  // calls in flight at a loss, and after it
	intoTheVoid  = 10  // calls that begin when nobody listens
	workSeconds  = 4.0 // how long a call in flight works: longer than it takes to begin them all
	ledgerLookup = 10 * time.Millisecond
)

// loseServer kills the server with calls in flight, as soon as it executes so many of them, and starts it again on the same port.
// The calls in flight may end either way, each by its own evidence; the ones that follow must all succeed, on one new session.
func (s *stage) loseServer(ctx context.Context, t *testing.T, running int) {
	t.Helper()
	s.result.Kills++
	loss := fmt.Sprintf("kill%d", s.result.Kills)
	var inFlight sync.WaitGroup
	s.callInFlight(ctx, &inFlight, callers, loss+"-running", workSeconds)
	s.awaitExecutions(ctx, t, loss+"-running", running)

	since := s.ear.now()
	require.NoError(t, s.server.Kill())
	require.NoError(t, s.proxy.Cut())
	s.callInFlight(ctx, &inFlight, intoTheVoid, loss+"-void", 0)
	require.NoError(t, s.server.Start(ctx))
	require.NoError(t, s.proxy.Restore(ctx))

	s.awaitReopening(ctx, t)
	s.callAll(ctx, t, loss+"-next")
	inFlight.Wait()
	s.hearOfLoss(ctx, t, since)
	require.Equal(t, s.handshakes(), s.initializes(), "initialize answered after %s", loss)
}

// loseServerUnnoticed kills the server and starts it again while nobody calls: only who listens can find out.
func (s *stage) loseServerUnnoticed(ctx context.Context, t *testing.T) {
	t.Helper()
	if !s.telling.isSupported() {
		return
	}
	s.result.Kills++
	since := s.ear.now()
	require.NoError(t, s.server.Kill())
	require.NoError(t, s.proxy.Cut())
	require.NoError(t, s.server.Start(ctx))
	require.NoError(t, s.proxy.Restore(ctx))
	s.hearOfLoss(ctx, t, since)
	require.Equal(t, s.handshakes(), s.initializes(), "initialize answered after an unnoticed loss")
}

// loseSession ends the session at the server, behind the client's back, so that all callers are refused at once. A session of HTTP+SSE
// ends with its stream.
func (s *stage) loseSession(ctx context.Context, t *testing.T) {
	t.Helper()
	id, since := s.session.ID(), s.ear.now()
	switch s.transport {
	case stateless:
		return
	case withSessions:
		got := s.raw(ctx, t, http.MethodDelete, "/mcp", "", http.Header{"Mcp-Session-Id": {id}, "Mcp-Protocol-Version": {handshake}})
		require.Contains(t, []int{http.StatusOK, http.StatusNoContent}, got.status, got.body)
		s.checkRefusal(ctx, t, id, s.deleted)
	case httpSSE:
		require.NoError(t, s.proxy.Cut())
		s.awaitLoss(ctx, t)
		require.NoError(t, s.proxy.Restore(ctx))
	}
	s.result.Deletes++
	s.callAll(ctx, t, "delete-next")
	s.hearOfLoss(ctx, t, since)
	require.Equal(t, s.handshakes(), s.initializes(), "initialize answered after the end of the session")
	require.NotEqual(t, id, s.session.ID())
}

// awaitLoss returns when the session knows that it is lost.
func (s *stage) awaitLoss(ctx context.Context, t *testing.T) {
	t.Helper()
	again := time.NewTicker(ledgerLookup)
	defer again.Stop()
	for !errors.Is(s.session.Err(), mcpclient.ErrSessionInvalid) {
		select {
		case <-again.C:
		case <-ctx.Done():
			require.FailNow(t, "the session is not lost", "%v", ctx.Err())
		}
	}
}

// awaitReopening returns when the session is usable again. Where its loss is noticed at once, as over HTTP+SSE, the calls that begin
// while nobody listens try to open a new one, in vain; after that the session says when it will try again, and an application waits.
func (s *stage) awaitReopening(ctx context.Context, t *testing.T) {
	t.Helper()
	for {
		err := s.session.Ping(ctx)
		if err == nil || s.transport != httpSSE {
			return
		}
		wait, ok := mcpclient.RetryAfter(err)
		require.True(t, ok, "%v", err)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			require.FailNow(t, "the session stays lost", "%v", err)
		}
	}
}

// callAll calls from many goroutines at once, as an application does: the first failure ends the group.
func (s *stage) callAll(ctx context.Context, t *testing.T, prefix string) {
	t.Helper()
	group, ctx := errgroup.WithContext(ctx)
	for i := range callers {
		group.Go(func() error { return s.callOnce(ctx, fmt.Sprintf("%s-%d", prefix, i), 0) })
	}
	require.NoError(t, group.Wait())
}

// callInFlight begins calls whose end is noted and judged later.
func (s *stage) callInFlight(ctx context.Context, group *sync.WaitGroup, n int, prefix string, seconds float64) {
	for i := range n {
		group.Go(func() { _ = s.callOnce(ctx, fmt.Sprintf("%s-%d", prefix, i), seconds) })
	}
}

func (s *stage) callOnce(ctx context.Context, nonce string, seconds float64) error {
	call := s.count(nonce, seconds)
	answer, err := s.session.CallTool(ctx, call.tool, call.args)
	if err == nil && call.want != "" && answer.Text() != call.want {
		err = fmt.Errorf("%s answered %q instead of %q", call.tool, answer.Text(), call.want)
	}
	s.calls.note(nonce, err)
	return err
}

func (s *stage) initializes() int { return s.proxy.Counts().Initializes[proxy.Answered] }

// awaitExecutions returns when the ledger holds n nonces with the prefix.
func (s *stage) awaitExecutions(ctx context.Context, t *testing.T, prefix string, n int) {
	t.Helper()
	again := time.NewTicker(ledgerLookup)
	defer again.Stop()
	for {
		executed := 0
		for nonce := range readLedger(t, s.ledger) {
			if strings.HasPrefix(nonce, prefix) {
				executed++
			}
		}
		if executed >= n {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			require.FailNow(t, "the server does not execute the calls", "%d of %d after %s: %v", executed, n, prefix, ctx.Err())
		}
	}
}

// readLedger tells how often the server executed each nonce, over all its lives.
func readLedger(t *testing.T, file string) map[string]int {
	t.Helper()
	executed := map[string]int{}
	content, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return executed
	}
	require.NoError(t, err)
	for nonce := range strings.Lines(string(content)) {
		executed[strings.TrimSuffix(nonce, "\n")]++
	}
	return executed
}

// A callBook is the client's account: how each call with a nonce ended.
type callBook struct {
	mu    sync.Mutex
	ended map[string]error
}

func (b *callBook) note(nonce string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended == nil {
		b.ended = map[string]error{}
	}
	b.ended[nonce] = err
}

// check holds each call's end against what the server executed: an answered call once, one that is safe to retry never, one of
// unknown outcome at most once, and no other end is allowed.
//
// A call in flight does not end as a lost session, for nothing has said that it is. Only where the end of a stream says so
// (mayBeLost) may it.
func (b *callBook) check(t *testing.T, executed map[string]int, mayBeLost bool) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for nonce, err := range b.ended {
		if !mayBeLost {
			require.NotErrorIs(t, err, mcpclient.ErrSessionInvalid, nonce)
		}
		switch delivery(err) {
		case mcpclient.DeliveryAnswered:
			require.NoError(t, err, nonce)
			require.Equal(t, 1, executed[nonce], "%s was answered", nonce)
		case mcpclient.DeliveryUnknown:
			require.LessOrEqual(t, executed[nonce], 1, "%s may have been executed: %v", nonce, err)
		default: // not sent, or refused, as where the session was lost before it was sent
			require.True(t, mcpclient.SafeToRetry(err), "%s: %v", nonce, err)
			require.Zero(t, executed[nonce], "%s was not executed: %v", nonce, err)
		}
	}
}

// tally adds the calls to the row of the table.
func (b *callBook) tally(row *result) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for nonce, err := range b.ended {
		inFlight := !strings.Contains(nonce, "-next-")
		switch {
		case err == nil && inFlight:
			row.CallsOK, row.InFlightOK = row.CallsOK+1, row.InFlightOK+1
		case err == nil:
			row.CallsOK++
		case mcpclient.SafeToRetry(err):
			row.InFlightNotSent++
		default:
			row.InFlightUnknown++
		}
	}
}

// delivery reads how far a call got; without an error it was answered.
func delivery(err error) mcpclient.Delivery {
	if err == nil {
		return mcpclient.DeliveryAnswered
	}
	if call, ok := errors.AsType[*mcpclient.CallError](err); ok {
		return call.Delivery
	}
	return mcpclient.DeliveryRefused // no error of the client: a wrong answer, which check reports
}
