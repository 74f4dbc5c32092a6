package auth

import (
	"context"
	"crypto"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Machine authorizes without asking a user: [NewClientCredentials], [NewWorkload]
// and [NewEnterprise] make one each. It is safe for concurrent use, by any number
// of sessions with any number of servers: each server gets a token of its own.
//
// What it proves itself with goes to the authorization servers that its
// configuration names and to no others, whatever an MCP server says. An MCP
// server that names none of them is met with a [*ServerChangedError].
type Machine struct {
	engine    *engine
	extension string
}

// Authorize adds the token for server to req, and gets one first if need be.
func (m *Machine) Authorize(ctx context.Context, server *url.URL, req *http.Request) error {
	return m.engine.Authorize(ctx, server, req)
}

// Refused gets another token after a 401, and one with more scopes if the server
// asks for them.
func (m *Machine) Refused(ctx context.Context, server *url.URL, req *http.Request, resp *http.Response) (bool, error) {
	return m.engine.Refused(ctx, server, req, resp)
}

// Extensions returns the identifier of the MCP extension that m follows, for the
// capabilities of the client.
func (m *Machine) Extensions() []string { return []string{m.extension} }

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
	// Observer is told what happens on the way to a token. nil: nobody. It may be
	// called concurrently, and what it does holds up the request. [LogEvents] makes one.
	Observer func(Event)
	// DPoPKey is what tokens are bound to (RFC 9449). nil: they are bearer tokens.
	DPoPKey crypto.Signer
}

// Format prints what is no secret. A DPoPKey can be one from end to end.
func (o Options) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "{Scopes:%q Profile:%q}", o.Scopes, o.Profile)
}

// newMachine wires a grant to an engine.
func newMachine(g grant, o Options, extension string) (*Machine, error) {
	// What the caller goes on to change is not what was configured.
	o.HTTP.AllowedHosts = slices.Clone(o.HTTP.AllowedHosts)
	o.HTTP.InsecureHosts = slices.Clone(o.HTTP.InsecureHosts)
	o.Policy.AssumePKCE = slices.Clone(o.Policy.AssumePKCE)
	o.Policy.TrustedIssuers = slices.Clone(o.Policy.TrustedIssuers)
	var key *dpopKey
	if o.DPoPKey != nil {
		var err error
		if key, err = newDPoPKey(o.DPoPKey); err != nil {
			return nil, err
		}
	}
	return &Machine{extension: extension, engine: newEngine(g, engineOptions{
		store:      o.Store,
		profile:    o.Profile,
		http:       o.HTTP,
		policy:     o.Policy,
		scopes:     slices.Clone(o.Scopes),
		filter:     o.FilterScopes,
		observe:    o.Observer,
		dpop:       key,
		extensions: []string{extension},
	})}, nil
}

// checkIssuer tells whoever writes a configuration what is wrong with an issuer
// identifier (RFC 8414 section 2).
func checkIssuer(field, issuer string) error {
	if issuer == "" {
		return fmt.Errorf("%s is empty: name the authorization server that the client is known at, as its metadata writes its issuer; an MCP server could send the credentials anywhere else", field)
	}
	at, err := url.Parse(issuer)
	if err != nil || at.Host == "" || (at.Scheme != "https" && at.Scheme != "http") || at.User != nil || strings.ContainsAny(issuer, "?#") {
		return fmt.Errorf("%s is not an issuer: write a URL such as https://login.example.com, without user, query and fragment", field)
	}
	return nil
}

// sameIssuer compares an issuer with a configured one. A slash at the end makes
// no difference here: discovery, which goes before, refuses it unless
// Policy.TrailingSlash allows it.
func sameIssuer(a, b string) bool { return strings.TrimSuffix(a, "/") == strings.TrimSuffix(b, "/") }

// grantForm begins the form of a token request (RFC 6749 section 4).
func grantForm(grantType string, scopes []string) url.Values {
	form := url.Values{"grant_type": {grantType}}
	if len(scopes) > 0 {
		form.Set("scope", strings.Join(scopes, " "))
	}
	return form
}
