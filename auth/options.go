package auth

import (
	"crypto"
	"fmt"
	"slices"
)

// Options are what every flow takes besides its own configuration. The zero value
// is ready for use.
type Options struct {
	// Scopes are asked for where neither the server's challenge nor its metadata
	// names any.
	Scopes []string
	// FilterScopes has the last word on the scopes to ask for. nil: all of them.
	// It may be called concurrently.
	FilterScopes func(scopes []string) []string
	// Store keeps the tokens. nil: memory.
	Store Store
	// Profile tells apart what shares a Store, such as the users of a gateway or
	// workloads without client ids.
	Profile string
	// HTTP says how the requests to authorization servers are made.
	HTTP HTTPPolicy
	// Policy loosens or tightens the rules of discovery.
	Policy Policy
	// DPoP binds the tokens to a key. nil: they are bearer tokens, unless a server's
	// metadata insists.
	DPoP *DPoP
	// Observer is told what happens on the way to a token. nil: nobody. It may be
	// called concurrently, and what it does holds up the request. [LogEvents] makes one.
	Observer func(Event)
}

// Format prints what is no secret. A key can be one from end to end.
func (o Options) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "{Scopes:%q Profile:%q}", o.Scopes, o.Profile)
}

// DPoP asks for tokens that are bound to a key (RFC 9449): who steals one cannot
// use it.
type DPoP struct {
	// Key signs the proofs; it may live in hardware. nil: one that is made for
	// this authorizer and ends with it, and with it the tokens in a Store.
	Key crypto.Signer
	// Required refuses tokens that are not bound. Else a bearer token is taken
	// where the authorization server does not know better.
	Required bool
}

// Format does not print the key.
func (d DPoP) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "{Required:%v}", d.Required) }

// engine returns the engine's part of the options. Lists are cloned, here or by
// those who take them: what the caller goes on to change is not what was configured.
func (o Options) engine() (engineOptions, error) {
	options := engineOptions{
		store: o.Store, profile: o.Profile, http: o.HTTP, policy: o.Policy,
		scopes: slices.Clone(o.Scopes), filter: o.FilterScopes, observe: o.Observer,
	}
	if o.DPoP == nil {
		return options, nil
	}
	var err error
	options.bound = o.DPoP.Required
	options.key, err = newDPoPKey(o.DPoP.Key)
	return options, err
}
