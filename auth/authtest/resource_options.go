package authtest

import (
	"net/http"
	"slices"
)

// ResourceOption changes how a [Resource] behaves from its start.
type ResourceOption func(*resourceConfig)

type resourceConfig struct {
	path      string // of the MCP endpoint
	also      []string
	metadata  string // where its metadata lies; "": nowhere
	silent    bool   // the challenge does not name the metadata
	root      bool   // the metadata lies at the root, and the resource is the origin
	value     string // of resource; "": derived
	scopes    []string
	required  func(r *http.Request, body []byte) []string
	open      func(r *http.Request, body []byte) bool
	challenge func(challenge string) []string
}

func newResourceConfig(opts []ResourceOption) resourceConfig {
	c := resourceConfig{path: "/mcp"}
	c.metadata = insertedPath(c.path)
	for _, opt := range opts {
		opt(&c)
	}
	return c
}

const resourceWellKnown = "/.well-known/oauth-protected-resource"

func insertedPath(path string) string {
	if path == "/" {
		return resourceWellKnown
	}
	return resourceWellKnown + path
}

// At sets the path of the MCP endpoint, and moves the metadata with it: it comes
// before options that say where the metadata lies. Default: /mcp.
func At(path string) ResourceOption {
	return func(c *resourceConfig) { c.path, c.metadata = path, insertedPath(path) }
}

// Also puts more paths behind the token check, such as the one that the transport
// of 2024-11-05 posts its messages to. Tokens are for the endpoint all the same.
func Also(paths ...string) ResourceOption {
	paths = slices.Clone(paths)
	return func(c *resourceConfig) { c.also = paths }
}

// MetadataAtRoot puts the metadata at the root of the well-known path alone, for
// the origin as the resource.
func MetadataAtRoot() ResourceOption {
	return func(c *resourceConfig) { c.metadata, c.root = resourceWellKnown, true }
}

// MetadataAtPath puts the metadata at any path of the resource's origin. Clients
// find it by the challenge.
func MetadataAtPath(path string) ResourceOption {
	return func(c *resourceConfig) { c.metadata = path }
}

// WithoutMetadata serves no metadata and names none, as servers of 2025-03-26 do.
func WithoutMetadata() ResourceOption { return func(c *resourceConfig) { c.metadata = "" } }

// Unannounced leaves the URL of the metadata out of the challenge: clients have
// to look for it.
func Unannounced() ResourceOption { return func(c *resourceConfig) { c.silent = true } }

// ResourceValue sets the member resource of the metadata, and so what tokens
// must be for. Default: the URL of the MCP endpoint, or the origin with
// [MetadataAtRoot].
func ResourceValue(value string) ResourceOption { return func(c *resourceConfig) { c.value = value } }

// ScopesSupported sets scopes_supported of the metadata. Default: not said.
func ScopesSupported(scopes ...string) ResourceOption {
	scopes = slices.Clone(scopes)
	return func(c *resourceConfig) { c.scopes = scopes }
}

// RequireScopes sets which scopes a request needs, by its body, of which [RPC]
// knows the method. A request without a token is challenged with them, one whose
// token lacks some is answered with 403 and insufficient_scope. Default: none.
func RequireScopes(required func(r *http.Request, body []byte) (scopes []string)) ResourceOption {
	return func(c *resourceConfig) { c.required = required }
}

// OpenTo lets requests through without a token. Default: none.
func OpenTo(open func(r *http.Request, body []byte) bool) ResourceOption {
	return func(c *resourceConfig) { c.open = open }
}

// RewriteChallenge turns the challenge into the lines of WWW-Authenticate that
// are sent in its place; none leaves the header out.
func RewriteChallenge(lines func(challenge string) []string) ResourceOption {
	return func(c *resourceConfig) { c.challenge = lines }
}
