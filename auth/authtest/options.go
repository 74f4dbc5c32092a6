package authtest

import (
	"context"
	"slices"
	"strings"
	"time"
)

// Option changes how a [Server] behaves from its start.
type Option func(*config)

type config struct {
	tls             bool
	network         *network
	allowViolations bool

	issuerPath string // "" or /path
	prefix     string // of the endpoints below the issuer
	documents  []Document

	scopes           []string
	authMethods      []string
	noRegistration   bool
	registersAs      string
	secretLifetime   time.Duration
	clientDocument   func(ctx context.Context, url string) ([]byte, error)
	exactPorts       bool
	issAdvertised    bool
	iss              func(issuer string) string
	grantScopes      func(requested []string) []string
	lifetime         time.Duration
	noRefresh        bool
	keepRefresh      bool
	anyResource      bool
	dpop             bool
	dpopRequired     bool
	nonces           bool
	endpointAudience bool
}

func newConfig(opts []Option) config {
	c := config{
		documents:     []Document{OAuthDocument},
		authMethods:   []string{"none", "client_secret_basic", "client_secret_post", "private_key_jwt"},
		issAdvertised: true,
		iss:           func(issuer string) string { return issuer },
		grantScopes:   func(requested []string) []string { return requested },
		lifetime:      time.Hour,
	}
	for _, opt := range opts {
		opt(&c)
	}
	return c
}

// TLS serves https, with a certificate that [Server.HTTPClient] trusts.
// Default: plain http on loopback.
func TLS() Option { return func(c *config) { c.tls = true } }

// InMemory serves over connections inside the process instead of TCP ports:
// every URL still begins with http://127.0.0.1, but only [Server.HTTPClient]
// reaches it. It works inside a testing/synctest bubble: start the server there.
func InMemory() Option { return func(c *config) { c.network = newNetwork() } }

// Beside is [InMemory] in the same memory as other, so that the HTTPClient of
// either reaches both. Where other is on TCP ports it does nothing.
func Beside(other *Server) Option { return func(c *config) { c.network = other.network } }

// AllowViolations keeps violations from failing the test: for tests that
// provoke them. They are still refused and listed by [Server.Violations].
func AllowViolations() Option { return func(c *config) { c.allowViolations = true } }

// IssuerPath puts a path behind the origin in the issuer identifier, such as
// /tenant1. The endpoints lie below it. Default: none.
func IssuerPath(path string) Option {
	return func(c *config) { c.issuerPath = strings.TrimSuffix(path, "/") }
}

// EndpointPath puts a path before /authorize, /token and the others, such as
// /oauth, so that a client that guesses them misses. Default: none.
func EndpointPath(path string) Option {
	return func(c *config) { c.prefix = strings.TrimSuffix(path, "/") }
}

// MetadataAt sets which metadata documents there are: none with no argument,
// which is a server of 2025-03-26 in its plainest form. Default: [OAuthDocument].
func MetadataAt(documents ...Document) Option {
	documents = slices.Clone(documents)
	return func(c *config) { c.documents = documents }
}

// Scopes sets scopes_supported of the metadata. Default: not said.
func Scopes(scopes ...string) Option {
	scopes = slices.Clone(scopes)
	return func(c *config) { c.scopes = scopes }
}

// AuthMethods sets the ways of client authentication at the token endpoint that
// are offered and taken. Default: none, client_secret_basic,
// client_secret_post, private_key_jwt.
func AuthMethods(methods ...string) Option {
	methods = slices.Clone(methods)
	return func(c *config) { c.authMethods = methods }
}

// WithoutRegistration leaves dynamic registration (RFC 7591) out: clients are
// those of [Server.AddClient].
func WithoutRegistration() Option { return func(c *config) { c.noRegistration = true } }

// RegisterAs registers every client with this token_endpoint_auth_method,
// whatever it asks for, and a secret if the method needs one. secretLifetime
// says when the secret expires; 0: never. A method that [AuthMethods] does not
// offer is one that cannot be used, as some deployed servers register. Default:
// what the client asks for.
func RegisterAs(method string, secretLifetime time.Duration) Option {
	return func(c *config) { c.registersAs, c.secretLifetime = method, secretLifetime }
}

// ClientDocuments accepts client ID metadata documents: an https URL as
// client_id. fetch supplies the document at such a URL, in place of a request to
// it. Default: such clients are unknown.
func ClientDocuments(fetch func(ctx context.Context, url string) ([]byte, error)) Option {
	return func(c *config) { c.clientDocument = fetch }
}

// ExactPorts compares redirect URIs byte for byte, as some deployed servers do.
// Default: the port of a loopback address (not of localhost) is left out of
// account, as RFC 8252 section 7.3 asks for.
func ExactPorts() Option { return func(c *config) { c.exactPorts = true } }

// ResponseIssuer sets whether the metadata advertises the parameter iss of
// authorization responses (RFC 9207), and what its value is: value gets the
// issuer; "" leaves the parameter out; nil is the issuer itself. Default:
// advertised, and the issuer.
func ResponseIssuer(advertised bool, value func(issuer string) string) Option {
	return func(c *config) {
		c.issAdvertised = advertised
		if value != nil {
			c.iss = value
		}
	}
}

// GrantScopes decides which of the requested scopes are granted, in every grant.
// The answer names them only where they differ, as RFC 6749 section 5.1 allows.
// Default: all.
func GrantScopes(granted func(requested []string) []string) Option {
	return func(c *config) { c.grantScopes = granted }
}

// TokenLifetime sets how long access tokens are valid; see
// [Server.SetTokenLifetime]. Default: an hour.
func TokenLifetime(d time.Duration) Option { return func(c *config) { c.lifetime = d } }

// WithoutRefresh issues no refresh tokens.
func WithoutRefresh() Option { return func(c *config) { c.noRefresh = true } }

// KeepRefresh lets a refresh token be used again and again. Default: each is
// used once and replaced, and one that comes back ends its whole family.
func KeepRefresh() Option { return func(c *config) { c.keepRefresh = true } }

// AnyResource does without the parameter resource (RFC 8707): tokens that were
// asked for without it are good for every resource. Default: a request without
// it is a violation.
func AnyResource() Option { return func(c *config) { c.anyResource = true } }

// DPoP accepts proofs of possession (RFC 9449) and binds tokens to their keys.
// Default: proofs are ignored.
func DPoP() Option { return func(c *config) { c.dpop = true } }

// RequireDPoP is [DPoP] for everybody: no token without a proof, and resources
// that take no other tokens, say so in their metadata, and challenge with the
// scheme DPoP alone.
func RequireDPoP() Option { return func(c *config) { c.dpop, c.dpopRequired = true, true } }

// Nonces is [DPoP] with nonces, one at the token endpoint and another one at
// the resources: proofs without the current one are refused.
func Nonces() Option { return func(c *config) { c.dpop, c.nonces = true, true } }

// TokenEndpointAudience wants the URL of the token endpoint as audience of
// assertions. Default: the issuer identifier.
func TokenEndpointAudience() Option { return func(c *config) { c.endpointAudience = true } }
