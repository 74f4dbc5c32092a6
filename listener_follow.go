package mcpclient

import (
	"context"
	"errors"
	"time"
)

// follow works for a Listen, in a goroutine of the session: on every session
// and server that there is in its time it arranges that the notices come.
func (l *listener) follow() {
	err := errHookExit
	defer func() { l.finish(err) }() // deferred: a hook may end this goroutine
	err = l.followBindings()
}

func (l *listener) followBindings() error {
	again := false // what came before is over, and notices may have been missed
	for failures := 0; ; failures++ {
		b, err := l.binding()
		switch {
		case l.life.Err() != nil:
			return fail(ErrClosed, DeliveryAnswered)
		case err == nil:
			failures = 0
			if err := l.attend(b, &again); err != nil {
				return err
			}
		case isFinal(err):
			return fail(err, DeliveryRefused)
		case !l.core.pause(l.life, waitToReopen(err, failures)):
			return fail(ErrClosed, DeliveryAnswered)
		}
	}
}

// binding returns the current binding. On a lost session it opens a new one:
// there may be no call that does.
func (l *listener) binding() (*binding, error) {
	if b := l.core.current.Load(); b != nil {
		return b, nil
	}
	return l.core.awaitReady(l.life)
}

// isFinal: nothing reopens the session by itself.
func isFinal(err error) bool {
	lost, ok := errors.AsType[*SessionError](err)
	return ok && lost.final
}

// waitToReopen is the time to the next try: when calls may try again, else
// backoff. That moment is another in each session, unless the server named it.
func waitToReopen(err error, failures int) time.Duration {
	jitter := fullJitter(firstFeedWait, failures, maxFeedWait)
	lost, ok := errors.AsType[*SessionError](err)
	if !ok || lost.RetryAt.IsZero() {
		return jitter
	}
	wait := max(0, time.Until(lost.RetryAt))
	if _, asked := retryAfterOf(err); asked {
		wait += jitter
	}
	return wait
}

// attend arranges on b what the listener asked for. It returns nil when b is not used
// any more, and an error when there is no use in going on.
func (l *listener) attend(b *binding, again *bool) error {
	ctx, cancel := context.WithCancel(l.life)
	defer cancel()
	defer context.AfterFunc(b.life, cancel)()
	if b.era.traits().oneFeed {
		return l.share(ctx, b, again)
	}
	return l.subscribe(ctx, b, again)
}

// isOver: ctx, which attend makes of the two, follows a moment later.
func (l *listener) isOver(b *binding) bool { return b.life.Err() != nil || l.life.Err() != nil }

// share uses the one stream of a session, and subscribes to resources on it.
func (l *listener) share(ctx context.Context, b *binding, again *bool) error {
	accepted := l.filter.offeredBy(b)
	if accepted.isEmpty() {
		return fail(errNothingOffered, DeliveryNotSent)
	}
	defer b.feed.join()()
	b.feed.awaitOpen(ctx) // before the subscriptions: what they bring is to be heard
	var stop func()
	accepted.ResourceURIs, stop = b.feed.subscriptions.watch(ctx, accepted.ResourceURIs)
	defer stop()
	if l.isOver(b) {
		return nil
	}
	if !b.feed.isRefused() {
		l.established(b, accepted, again)
		select {
		case <-b.feed.refused:
		case <-ctx.Done():
			return nil
		}
	}
	l.established(b, Filter{}, again)
	<-ctx.Done()
	return nil
}

// established tells what the server accepted, and that much may have happened before.
func (l *listener) established(b *binding, accepted Filter, again *bool) {
	l.put(Event{Kind: EventListening, Accepted: &accepted}, 0)
	if *again {
		l.missed(b)
	}
	*again = true
}

// offeredBy is the part of f that a server says it tells of.
func (f Filter) offeredBy(b *binding) Filter {
	offers := &b.server.Capabilities
	f.Tools = f.Tools && offers.Tools != nil && offers.Tools.ListChanged
	f.Prompts = f.Prompts && offers.Prompts != nil && offers.Prompts.ListChanged
	f.Resources = f.Resources && offers.Resources != nil && offers.Resources.ListChanged
	if offers.Resources == nil || !offers.Resources.Subscribe {
		f.ResourceURIs = nil
	}
	if !offers.Logging {
		f.Logs = ""
	}
	if len(offers.Tasks) == 0 {
		f.Tasks = nil
	}
	return f
}
