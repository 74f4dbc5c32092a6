package auth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Registration is a client that was registered by hand with one authorization
// server. It is used with that server alone: an MCP server that names another one
// gets neither the client id nor the secret.
type Registration struct {
	// Issuer is the authorization server's issuer identifier, byte for byte as
	// its metadata says it. Required.
	Issuer string
	// ClientID is the client's name there. Required.
	ClientID string
	// Auth is how the client proves who it is. The zero value is a public client.
	Auth ClientAuth
	// RedirectURI is where the client receives callbacks, as registered. One on
	// loopback without a port leaves the port to the [Prompter]. Empty: the server
	// takes whatever the Prompter chooses.
	RedirectURI string
}

// validate says what is wrong with the entry, without its secret.
func (r *Registration) validate() error {
	issuer, err := url.Parse(r.Issuer)
	switch {
	case r.Issuer == "":
		return errors.New("a Registration needs an Issuer: its credentials go to no other authorization server")
	case err != nil || issuer.Host == "" || issuer.Scheme != "https" && issuer.Scheme != "http":
		return errors.New("the Issuer " + quote(r.Issuer) + " of a Registration is not an https URL")
	case issuer.User != nil || strings.ContainsAny(r.Issuer, "?#"): // RFC 8414 section 2
		return errors.New("the Issuer of a Registration has a user name, a query or a fragment, which no issuer has")
	case r.ClientID == "":
		return errors.New("the Registration for " + quote(r.Issuer) + " needs a ClientID")
	case strings.ContainsFunc(r.ClientID, isControl):
		return errors.New("the ClientID for " + quote(r.Issuer) + " holds a control character")
	case r.RedirectURI == "":
		return nil
	}
	if err := checkRedirectURI(r.RedirectURI); err != nil {
		return fmt.Errorf("the Registration for %s: %w", quote(r.Issuer), err)
	}
	return nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// identity returns the client as its authorization server knows it.
func (r *Registration) identity() identity {
	return identity{clientID: r.ClientID, auth: r.Auth, origin: preRegistered}
}

// registrationKeeper stores what was registered dynamically, one client for each
// issuer. It is an interface so that the rules here can be tried without a store.
type registrationKeeper interface {
	// loadRegistration returns nil if there is none.
	loadRegistration(ctx context.Context, issuer string) (*registrationRecord, uint64, error)
	// saveRegistration fails with ErrConflict if somebody else was faster.
	saveRegistration(ctx context.Context, record *registrationRecord, version uint64) (uint64, error)
	// dropRegistration removes the client clientID, but no newer one.
	dropRegistration(ctx context.Context, issuer, clientID string) error
}

// clientMetadata is what a client says of itself when it is registered
// dynamically (RFC 7591 section 2). Empty fields are left out.
type clientMetadata struct {
	name, uri, logoURI, policyURI, termsURI string
	contacts                                []string
	softwareID, softwareVersion             string
	onlyDPoP                                bool // dpop_bound_access_tokens
}

// registrar knows who the client is at each authorization server. The fields above
// mu do not change.
type registrar struct {
	fetch       *fetcher
	keeper      registrationKeeper
	registered  []Registration
	documentURL string // client ID metadata document; "": none
	client      clientMetadata
	now         func() time.Time

	mu      sync.Mutex
	flights map[string]*registrationFlight // by issuer
}

// validate says what is wrong with the configuration.
func (r *registrar) validate() error {
	known := map[string]bool{}
	for i := range r.registered {
		entry := &r.registered[i]
		if err := entry.validate(); err != nil {
			return err
		}
		if known[entry.Issuer] {
			return errors.New("there are two Registrations for " + quote(entry.Issuer) + ": which one is meant?")
		}
		known[entry.Issuer] = true
	}
	if r.documentURL != "" {
		return checkDocumentURL(r.documentURL)
	}
	return nil
}

// registeredWith returns the client that was registered by hand with issuer; nil: none.
func (r *registrar) registeredWith(issuer string) *Registration {
	i := slices.IndexFunc(r.registered, func(entry Registration) bool { return entry.Issuer == issuer })
	if i < 0 {
		return nil
	}
	return &r.registered[i]
}

// identityPlan is how the client gets its identity at one authorization server.
// It comes before the identity itself, because where the callback is received
// must be known to register, and depends on whether there is need to.
type identityPlan struct {
	registrar *registrar
	server    *url.URL // MCP server on whose account
	as        *authServer
	origin    identityOrigin

	redirectURI string        // of the client, if it exists and has one
	registers   bool          // the client does not exist yet
	registered  *Registration // of origin preRegistered
}

// plan chooses by the order of the specification: a client registered by hand, a
// client ID metadata document, dynamic registration, for which a stored one of
// earlier stands.
func (r *registrar) plan(ctx context.Context, server *url.URL, as *authServer) (*identityPlan, error) {
	p := &identityPlan{registrar: r, server: server, as: as}
	if entry := r.registeredWith(as.issuer); entry != nil {
		p.origin, p.registered, p.redirectURI = preRegistered, entry, entry.RedirectURI
		return p, nil
	}
	if as.documents && r.documentURL != "" {
		p.origin = metadataURL
		return p, nil
	}
	p.origin = dynamic
	record, _, err := r.keeper.loadRegistration(ctx, as.issuer)
	switch {
	case err != nil:
		return nil, err
	case record.usable(r.now()):
		p.redirectURI = record.RedirectURI
		return p, nil
	case as.registration != nil:
		p.registers = true
		return p, nil
	default:
		return nil, r.unavailable(server, as)
	}
}

// unavailable explains why there is no identity.
func (r *registrar) unavailable(server *url.URL, as *authServer) error {
	if len(r.registered) == 0 {
		return &RegistrationUnavailableError{Issuer: as.issuer}
	}
	changed := &ServerChangedError{Server: withoutQuery(server), Offered: []string{as.issuer}}
	for i := range r.registered {
		changed.Known = append(changed.Known, r.registered[i].Issuer)
	}
	return changed
}

// hint tells a prompter what there is to know before it chooses a redirect URI.
func (p *identityPlan) hint() PromptHint {
	return PromptHint{Issuer: p.as.issuer, RedirectURI: p.redirectURI, Registers: p.registers}
}

// identify returns the client, registered by now, and the redirect URI to use with
// it: receiver, where the callback is received, or what stands for it at this
// authorization server, which may insist on another name for the same port.
// scopes are those that the client will ask for.
func (p *identityPlan) identify(ctx context.Context, receiver string, scopes []string) (client identity, callback string, err error) {
	if err := checkRedirectURI(receiver); err != nil {
		return identity{}, "", &InteractionError{Issuer: p.as.issuer, Err: err}
	}
	switch p.origin {
	case preRegistered:
		callback, ok := fixedCallback(p.redirectURI, receiver)
		if !ok {
			return identity{}, "", &InteractionError{Issuer: p.as.issuer, Err: fmt.Errorf(
				"the callback would be received at %s, but the client is registered with %s: is its port in use?", quote(receiver), quote(p.redirectURI))}
		}
		return p.registered.identity(), callback, nil
	case metadataURL:
		return p.registrar.documentIdentity(), receiver, nil
	default:
		return p.registrar.enroll(ctx, enrollment{server: p.server, as: p.as, receiver: receiver, scopes: scopes})
	}
}

func (r *registrar) documentIdentity() identity {
	return identity{clientID: r.documentURL, method: methodNone, origin: metadataURL}
}

// known returns the client that a stored token was given to; false: it is not
// known any more, and the token cannot be refreshed.
func (r *registrar) known(ctx context.Context, token *tokenRecord) (identity, bool) {
	switch identityOrigin(token.Origin) {
	case preRegistered:
		entry := r.registeredWith(token.Issuer)
		if entry == nil || entry.ClientID != token.ClientID {
			return identity{}, false
		}
		return entry.identity(), true
	case metadataURL:
		return r.documentIdentity(), r.documentURL != "" && r.documentURL == token.ClientID
	case dynamic:
		record, _, err := r.keeper.loadRegistration(ctx, token.Issuer)
		if err != nil || !record.usable(r.now()) || record.ClientID != token.ClientID {
			return identity{}, false
		}
		return record.identity(), true
	default:
		return identity{}, false
	}
}

// forget drops a stored registration that its authorization server does not know
// any more (invalid_client, unauthorized_client), so that the next plan registers anew.
func (r *registrar) forget(ctx context.Context, issuer, clientID string) error {
	return r.keeper.dropRegistration(ctx, issuer, clientID)
}
