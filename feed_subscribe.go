package mcpclient

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"
)

// subscribeAtOnce bounds how many resources are subscribed to at a time.
const subscribeAtOnce = 8

// subscriptions are the resources that the server of a session was asked to
// watch. Listens share them: the server is told of the first who watches a
// resource and of the last.
type subscriptions struct {
	keeper *keeper

	mu    sync.Mutex
	byURI map[string]*subscription
}

type subscription struct {
	watchers int           // subscriptions.mu guards it
	turn     chan struct{} // holds a token while somebody talks to the server about this resource
	on       bool          // the server was told; belongs to who has the turn
}

// watch subscribes to uris and returns those that the server accepts, and what
// ends it for all. It tries until ctx ends, unless the server refuses.
func (s *subscriptions) watch(ctx context.Context, uris []string) (accepted []string, stop func()) {
	ok := make([]bool, len(uris))
	var group errgroup.Group
	group.SetLimit(subscribeAtOnce)
	for i, uri := range uris {
		group.Go(func() error {
			ok[i] = s.enter(ctx, uri)
			return nil
		})
	}
	_ = group.Wait() // none fails
	for i, uri := range uris {
		if ok[i] {
			accepted = append(accepted, uri)
		}
	}
	return accepted, func() { s.leave(uris) }
}

// enter counts a watcher in and reports whether the server watches for it.
func (s *subscriptions) enter(ctx context.Context, uri string) bool {
	s.mu.Lock()
	if s.byURI == nil {
		s.byURI = make(map[string]*subscription)
	}
	one := s.byURI[uri]
	if one == nil {
		one = &subscription{turn: make(chan struct{}, 1)}
		s.byURI[uri] = one
	}
	one.watchers++
	s.mu.Unlock()
	for failures := 0; ; failures++ {
		err := s.settle(ctx, uri, one)
		switch {
		case err == nil:
			return true
		case ctx.Err() != nil, s.keeper.binding.life.Err() != nil:
			return false
		case !transientHandshake(err):
			s.keeper.core.config.logger.Warn("mcpclient: a resource cannot be subscribed to", "uri", identifier(uri), "err", err)
			return false
		}
		if !s.keeper.core.pause(ctx, fullJitter(firstFeedWait, failures, maxFeedWait)) {
			return false
		}
	}
}

// leave counts a watcher of uris out. The last one tells the server, unless the
// session is over.
func (s *subscriptions) leave(uris []string) {
	ctx, cancel := s.keeper.core.config.boundHandshake(s.keeper.binding.life)
	defer cancel()
	for _, uri := range uris {
		s.mu.Lock()
		one := s.byURI[uri] // not forgotten: we still watch
		one.watchers--
		s.mu.Unlock()
		if err := s.settle(ctx, uri, one); err != nil && ctx.Err() == nil {
			s.keeper.core.config.logger.Debug("mcpclient: a resource could not be unsubscribed from", "uri", identifier(uri), "err", err)
		}
	}
}

// settle tells the server whether anybody watches uri, if it does not know. One
// at a time: what overtakes on the way would leave it with the wrong idea.
func (s *subscriptions) settle(ctx context.Context, uri string, one *subscription) error {
	select {
	case one.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-one.turn }()
	defer s.forget(uri, one)
	s.mu.Lock()
	watched := one.watchers > 0
	s.mu.Unlock()
	switch {
	case watched == one.on:
		return nil
	case watched:
		err := s.tell(ctx, "resources/subscribe", uri)
		one.on = err == nil
		return err
	default:
		one.on = false // whatever comes of it: the next watcher asks again
		return s.tell(ctx, "resources/unsubscribe", uri)
	}
}

// forget drops what nobody watches. The caller has the turn.
func (s *subscriptions) forget(uri string, one *subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one.watchers == 0 && !one.on && s.byURI[uri] == one {
		delete(s.byURI, uri)
	}
}

func (s *subscriptions) tell(ctx context.Context, method, uri string) error {
	core, b := s.keeper.core, s.keeper.binding
	ctx, cancel := core.config.boundHandshake(ctx)
	defer cancel()
	params, err := encode(&readParams{uri})
	if err != nil {
		return err
	}
	_, v := core.attempt(ctx, b, &call{method: method, target: uri, raw: params, plain: params, exempt: true})
	if v == nil {
		return nil
	}
	if v.session == VerdictLost {
		core.lose(b, v.lost)
	}
	return v.err
}
