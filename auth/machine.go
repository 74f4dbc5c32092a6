package auth

import (
	"fmt"
	"net/url"
	"strings"
)

// Machine authorizes without asking a user: [NewClientCredentials], [NewWorkload]
// and [NewEnterprise] make one each. It is safe for concurrent use, by any number
// of sessions with any number of servers: each server gets a token of its own.
//
// What it proves itself with goes to the authorization servers that its
// configuration names and to no others, whatever an MCP server says. An MCP
// server that names none of them is met with a [*ServerChangedError].
type Machine struct{ *engine }

// newMachine wires a grant to an engine.
func newMachine(g grant, o Options, extension string) (*Machine, error) {
	options, err := o.engine()
	if err != nil {
		return nil, err
	}
	options.extensions = []string{extension}
	return &Machine{engine: newEngine(g, options)}, nil
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
