package auth

import (
	"net/http"
	"net/url"
	"time"
)

// HTTPPolicy says how the requests to authorization servers and for metadata
// are made. The zero value is ready for use. These requests share nothing with
// those to the MCP server: neither its http.Client nor its headers.
//
// Where they go is for others to say: the MCP server names its authorization
// server, and that names its endpoints. So a request reaches no address that is
// more internal than the MCP server's own. With a server on the internet it stays
// on the internet; with one in a private network, or on this machine, it may go
// there as well. Cloud metadata services are out of reach for all. The rest
// fails with a [*BlockedAddressError].
//
// The proxies of the environment are used (see [http.ProxyFromEnvironment]). What
// goes through one is checked by what its host's name means here, if anything:
// the proxy resolves it again, so internal addresses are better refused there, too.
type HTTPPolicy struct {
	// Transport sends the requests. nil: one that checks every address when it
	// dials. One of the application's own does without that check, and is used as
	// it is; the rules for URLs, redirects and the size of answers hold all the same.
	Transport http.RoundTripper

	// AllowedHosts, each "name" or "name:port", may be at any address, such as a
	// company's authorization server in its own network.
	AllowedHosts []string

	// InsecureHosts, each "name" or "name:port", may be spoken to over plain http.
	InsecureHosts []string

	// Timeout bounds one request with its redirects. 0: 15 s.
	Timeout time.Duration
}

func (p *HTTPPolicy) timeout() time.Duration {
	if p.Timeout <= 0 {
		return 15 * time.Second
	}
	return p.Timeout
}

// Policy loosens or tightens the rules of discovery. The zero value is strict.
// Its functions may be called from several goroutines at once.
type Policy struct {
	// NoLegacy turns off the rules of protocol version 2025-03-26 for a server
	// without protected resource metadata, which take its own origin for the
	// authorization server. Without metadata there either, its endpoints are
	// /authorize, /token and /register.
	NoLegacy bool

	// ParentResource also accepts protected resource metadata whose resource is a
	// parent path of the MCP server's URL on the same origin, or that URL without
	// its query. The token is then good for all that is below, which a server of a
	// shared host may abuse.
	ParentResource bool

	// Resource replaces the value of the resource parameter (RFC 8707) for a
	// server; "" leaves the parameter out. advertised is the value that would be sent. nil keeps it.
	Resource func(server *url.URL, advertised string) string

	// AssumePKCE are issuers that support PKCE with S256 but whose metadata does
	// not say so, such as Microsoft Entra ID and Amazon Cognito. S256 is sent to
	// them as to all others.
	AssumePKCE []string

	// TrailingSlash takes two issuers for the same that differ by a slash at the
	// end alone, as some tenants publish them. The one in the authorization
	// server's own metadata is then what counts.
	TrailingSlash bool

	// NoStepUp ends a request for which a token with more scopes is needed with an
	// [*InsufficientScopeError], and asks nobody for one.
	NoStepUp bool

	// TrustedIssuers are the only authorization servers that are spoken to, by
	// their issuer, letter by letter. nil: any; empty: none.
	TrustedIssuers []string

	// ChooseIssuer picks one of the authorization servers that an MCP server
	// names. It is not asked where a token or a registration makes the choice, or
	// the configuration. Its result is one of issuers. nil: the first.
	ChooseIssuer func(server *url.URL, issuers []string) (string, error)
}
