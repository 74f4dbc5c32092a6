package auth

import (
	"context"
	"errors"
	"net/url"
	"time"
)

// enrollment is the wish for a client at one authorization server.
type enrollment struct {
	server   *url.URL // MCP server on whose account
	as       *authServer
	receiver string // where callbacks are received
	scopes   []string
}

// registrationFlight is one registration under way. Several MCP servers share an
// authorization server, and their first requests come together: they share the
// client, too.
type registrationFlight struct {
	done chan struct{}

	// Set before done is closed.
	record    *registrationRecord
	err       error
	abandoned bool // its caller gave up, which says nothing to the others
}

// enroll returns the stored client of an authorization server, or registers one.
func (r *registrar) enroll(ctx context.Context, wish enrollment) (identity, string, error) {
	for {
		flight, mine := r.board(wish.as.issuer)
		if mine {
			r.fly(ctx, flight, wish)
		}
		select {
		case <-flight.done:
		case <-ctx.Done():
			return identity{}, "", ctx.Err()
		}
		switch {
		case flight.abandoned && !mine:
			continue
		case flight.err != nil:
			return identity{}, "", flight.err
		}
		if callback, ok := callbackFor(flight.record.RedirectURI, wish.receiver); ok {
			return flight.record.identity(), callback, nil
		}
		// Another's client, with a redirect URI that is no use here: the next flight is ours, or may be.
	}
}

// board joins the flight under way for issuer, or begins one.
func (r *registrar) board(issuer string) (flight *registrationFlight, mine bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if flight := r.flights[issuer]; flight != nil {
		return flight, false
	}
	if r.flights == nil {
		r.flights = map[string]*registrationFlight{}
	}
	flight = &registrationFlight{done: make(chan struct{}), abandoned: true}
	r.flights[issuer] = flight
	return flight, true
}

// fly runs a flight on its caller's goroutine. The landing is deferred: a
// Transport or a Store of the application may panic, or end the goroutine.
func (r *registrar) fly(ctx context.Context, flight *registrationFlight, wish enrollment) {
	defer func() {
		r.mu.Lock()
		delete(r.flights, wish.as.issuer)
		r.mu.Unlock()
		close(flight.done)
	}()
	record, err := r.storedOrNew(ctx, wish)
	flight.record, flight.err, flight.abandoned = record, err, err != nil && ctx.Err() != nil
}

// storedOrNew looks into the store again: another flight, or another process, may
// have registered since the plan was made.
func (r *registrar) storedOrNew(ctx context.Context, wish enrollment) (*registrationRecord, error) {
	stored, version, err := r.keeper.loadRegistration(ctx, wish.as.issuer)
	if err != nil {
		return nil, err
	}
	if r.serves(stored, wish) {
		return stored, nil
	}
	if wish.as.registration == nil {
		return nil, r.unavailable(wish.server, wish.as)
	}
	fresh, err := r.register(ctx, wish)
	if err != nil {
		return nil, err
	}
	return r.keep(ctx, fresh, version, wish)
}

// serves reports whether a stored client does what is wished for.
func (r *registrar) serves(stored *registrationRecord, wish enrollment) bool {
	if !stored.usable(r.now()) {
		return false
	}
	_, ok := callbackFor(stored.RedirectURI, wish.receiver)
	return ok
}

// keep stores a new client before it is used: one that is used and not stored
// would be registered again at every start. If another process was faster, its
// client is taken where it serves, so that all of them use the same.
func (r *registrar) keep(ctx context.Context, fresh *registrationRecord, version uint64, wish enrollment) (*registrationRecord, error) {
	const maxTries = 3
	for try := 1; ; try++ {
		_, err := r.keeper.saveRegistration(ctx, fresh, version)
		if err == nil {
			return fresh, nil
		}
		if !errors.Is(err, ErrConflict) || try == maxTries {
			return nil, err
		}
		var theirs *registrationRecord
		theirs, version, err = r.keeper.loadRegistration(ctx, wish.as.issuer)
		if err != nil {
			return nil, err
		}
		if r.serves(theirs, wish) {
			return theirs, nil
		}
	}
}

// usable reports whether the client exists and its secret still holds. nil: no.
func (r *registrationRecord) usable(now time.Time) bool {
	return r != nil && r.ClientID != "" && (r.SecretExpiresAt.IsZero() || now.Before(r.SecretExpiresAt))
}

// identity returns the client as its authorization server knows it.
func (r *registrationRecord) identity() identity {
	client := identity{clientID: r.ClientID, method: r.Method, origin: dynamic}
	if r.ClientSecret != "" {
		client.auth = ClientSecret(string(r.ClientSecret))
	}
	return client
}
