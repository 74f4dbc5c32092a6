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

// checkRegistrations says what is wrong with clients that were registered by hand,
// without their secrets. field is what the configuration calls them.
func checkRegistrations(field string, clients []Registration) error {
	for i, client := range clients {
		field := fmt.Sprintf("%s[%d]", field, i)
		if err := client.check(field); err != nil {
			return err
		}
		if slices.ContainsFunc(clients[:i], func(c Registration) bool { return sameIssuer(c.Issuer, client.Issuer) }) {
			return errors.New(field + ".Issuer is named twice: there can be one client for each")
		}
	}
	return nil
}

func (r *Registration) check(field string) error {
	if err := checkIssuer(field+".Issuer", r.Issuer); err != nil {
		return err
	}
	switch {
	case r.ClientID == "":
		return errors.New(field + ".ClientID is empty: write the id that the client has there")
	case strings.ContainsFunc(r.ClientID, isControl):
		return errors.New(field + ".ClientID holds a control character")
	case r.RedirectURI == "":
		return nil
	}
	if err := checkRedirectURI(r.RedirectURI); err != nil {
		return fmt.Errorf("%s.RedirectURI: %w", field, err)
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
	if err := checkRegistrations("InteractiveConfig.Registered", r.registered); err != nil {
		return err
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

// known returns the client that a token was issued to; false: there is none such
// any more. An error is that of the store.
func (r *registrar) known(ctx context.Context, i *issuance) (client identity, ok bool, err error) {
	switch identityOrigin(i.Origin) {
	case preRegistered:
		entry := r.registeredWith(i.Issuer)
		if entry == nil || entry.ClientID != i.ClientID {
			return identity{}, false, nil
		}
		return entry.identity(), true, nil
	case metadataURL:
		return r.documentIdentity(), r.documentURL != "" && r.documentURL == i.ClientID, nil
	case dynamic:
		record, _, err := r.keeper.loadRegistration(ctx, i.Issuer)
		if err != nil || !record.usable(r.now()) || record.ClientID != i.ClientID {
			return identity{}, false, err
		}
		return record.identity(), true, nil
	default:
		return identity{}, false, nil
	}
}

// forget drops a stored registration that its authorization server does not know
// any more (invalid_client, unauthorized_client), so that the next plan registers anew.
func (r *registrar) forget(ctx context.Context, issuer, clientID string) error {
	return r.keeper.dropRegistration(ctx, issuer, clientID)
}
