package interop_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
)

// A telling is what a server tells of its own accord, as measured: of what is asked for it says that it accepts this, and of what the
// tools change it tells that. The two need not be the same. The zero telling is that of a server which does not support it.
type telling struct {
	accepted mcpclient.Filter
	changes  []toolCall
	tells    []mcpclient.EventKind
}

// ourTelling is what a server tells that keeps the protocol. Without sessions no log message belongs to no call.
func ourTelling(serves transport) telling {
	said := telling{
		accepted: mcpclient.Filter{Tools: true, ResourceURIs: []string{"interop://motto"}},
		changes:  []toolCall{{"change", nil, ""}},
		tells:    []mcpclient.EventKind{mcpclient.EventToolsChanged, mcpclient.EventResourceUpdated},
	}
	if serves != stateless {
		said.accepted.Logs = "debug"
		said.changes = append(said.changes, toolCall{"log", nil, ""})
		said.tells = append(said.tells, mcpclient.EventLog)
	}
	return said
}

func (s telling) isSupported() bool { return len(s.tells) > 0 }

// inWords is for the table.
func (s telling) inWords() string {
	if !s.isSupported() {
		return "not supported"
	}
	words := make([]string, len(s.tells))
	for i, kind := range s.tells {
		words[i] = kind.String()
	}
	return strings.Join(words, ", ")
}

// An ear is one Listen, over all losses of the scenario.
type ear struct {
	mu    sync.Mutex
	heard []mcpclient.Event
	news  chan struct{} // closed and replaced at each event
	ended chan struct{}
	err   error // set before ended is closed
}

// wanted is what is listened for at every server.
func (s *stage) wanted() mcpclient.Filter {
	return mcpclient.Filter{Tools: true, ResourceURIs: []string{s.resource.uri}, Logs: "debug"}
}

// listen begins to listen, and hears of the first changes.
func (s *stage) listen(ctx context.Context, t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	e := &ear{news: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(e.ended)
		for event, err := range s.session.Listen(ctx, s.wanted()) {
			if err != nil {
				e.err = err
				return
			}
			e.note(event)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-e.ended
	})
	s.ear = e
	if !s.telling.isSupported() {
		<-e.ended
		require.ErrorIs(t, e.err, mcpclient.ErrUnsupported)
		return
	}
	e.await(ctx, t, 0, mcpclient.Event{Kind: mcpclient.EventListening})
	s.hearChanges(ctx, t)
}

// hearChanges lets the server change what it has, and hears of it.
func (s *stage) hearChanges(ctx context.Context, t *testing.T) {
	t.Helper()
	since := s.ear.now()
	for _, change := range s.telling.changes {
		_, err := s.session.CallTool(ctx, change.tool, change.args)
		require.NoError(t, err)
		s.result.CallsOK++
	}
	for _, kind := range s.telling.tells {
		s.ear.await(ctx, t, since, mcpclient.Event{Kind: kind})
	}
}

// hearOfLoss hears, after a loss, that the server tells again, that all may have changed meanwhile, and then that something has.
func (s *stage) hearOfLoss(ctx context.Context, t *testing.T, since int) {
	t.Helper()
	if !s.telling.isSupported() {
		return
	}
	for _, event := range []mcpclient.Event{
		{Kind: mcpclient.EventListening},
		{Kind: mcpclient.EventToolsChanged, Synthetic: true},
		{Kind: mcpclient.EventResourceUpdated, Synthetic: true},
	} {
		s.ear.await(ctx, t, since, event)
	}
	s.hearChanges(ctx, t)
}

// hearTheEnd hears that the session was closed, and looks back: each time the server accepted the same.
func (s *stage) hearTheEnd(t *testing.T) {
	t.Helper()
	<-s.ear.ended
	if !s.telling.isSupported() {
		return
	}
	require.ErrorIs(t, s.ear.err, mcpclient.ErrClosed)
	for _, event := range s.ear.heard {
		require.NotEqual(t, mcpclient.EventDropped, event.Kind)
		if event.Kind == mcpclient.EventListening {
			require.Equal(t, s.telling.accepted, *event.Accepted)
		}
	}
}

func (e *ear) note(event mcpclient.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard = append(e.heard, event)
	close(e.news)
	e.news = make(chan struct{})
}

// now is the place in what was heard from which something is awaited.
func (e *ear) now() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.heard)
}

// await returns when an event of the kind, synthetic or not, was heard since then. Restarts and the client's waits between its
// tries take their time.
func (e *ear) await(ctx context.Context, t *testing.T, since int, want mcpclient.Event) {
	t.Helper()
	isWanted := func(event mcpclient.Event) bool { return event.Kind == want.Kind && event.Synthetic == want.Synthetic }
	ctx, cancel := context.WithTimeout(ctx, 40*time.Second)
	defer cancel()
	for {
		e.mu.Lock()
		heard, news := e.heard[since:], e.news
		e.mu.Unlock()
		switch {
		case slices.ContainsFunc(heard, isWanted):
			return
		case ctx.Err() != nil:
			require.FailNow(t, "not heard", "%v, synthetic: %t; heard: %+v", want.Kind, want.Synthetic, heard)
		}
		select {
		case <-news:
		case <-ctx.Done():
		case <-e.ended:
			require.NoError(t, e.err)
		}
	}
}
