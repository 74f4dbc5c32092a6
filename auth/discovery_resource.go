package auth

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"unicode"
)

const resourceDocument = "/.well-known/oauth-protected-resource"

// resource finds the protected resource metadata of an MCP server (RFC 9728
// sections 3 and 5.1). metadataURL is the resource_metadata of the challenge, "" if
// it has none; version is the protocol version of the refused request. pinned are
// the only authorization servers that may be used; they stand in for metadata that
// is not there. Without them, and without metadata, the rules of 2025-03-26 apply,
// unless [Policy.NoLegacy] is set.
func (d *discoverer) resource(ctx context.Context, server *url.URL, metadataURL, version string, pinned []string) (*protectedResource, error) {
	var ignored error // why the URL of the challenge is passed over
	if metadataURL != "" {
		at, err := d.fetch.checkURL(server, metadataURL, "resource_metadata")
		if err == nil {
			// The server has said where the document is. If it is not there, or bad,
			// no other one is looked for: it would be about something else.
			return d.resourceAt(ctx, server, at, version, false)
		}
		ignored = err
	}
	var absent error
	for _, place := range resourcePlaces(server) {
		at, err := d.fetch.checkURL(server, place.url, "URL of the MCP server")
		if err != nil {
			return nil, err
		}
		found, err := d.resourceAt(ctx, server, at, version, place.root)
		if !isAbsent(err) {
			return found, err
		}
		absent = err
	}
	value := d.resourceValue(server, canonicalResource(server))
	switch {
	case len(pinned) > 0:
		return &protectedResource{resource: value, issuers: slices.Clone(pinned)}, nil
	case ignored != nil: // a server of 2025-03-26 sends none at all
		return nil, ignored
	case d.policy.NoLegacy:
		return nil, explained(absent, "the MCP server publishes no protected resource metadata (RFC 9728)")
	default:
		return &protectedResource{resource: value, issuers: []string{origin(server)}, legacy: true}, nil
	}
}

// resourcePlace is where protected resource metadata may be.
type resourcePlace struct {
	url  string
	root bool // the document of the origin, not that of one path
}

// resourcePlaces lists the well-known places, the most specific first. The paths
// are spliced as they are written, for the server has to recognise its own.
func resourcePlaces(server *url.URL) []resourcePlace {
	base := server.Scheme + "://" + server.Host + resourceDocument
	root := resourcePlace{url: base, root: true}
	path := strings.TrimSuffix(server.EscapedPath(), "/")
	if path == "" {
		return []resourcePlace{root}
	}
	if server.RawQuery != "" {
		path += "?" + server.RawQuery
	}
	return []resourcePlace{{url: base + path}, root}
}

// resourceAt fetches and validates the document at a URL. root: it is the one of
// the origin.
func (d *discoverer) resourceAt(ctx context.Context, server, at *url.URL, version string, root bool) (*protectedResource, error) {
	doc, err := d.document(ctx, server, at, version)
	if err != nil {
		return nil, err
	}
	resource := doc.text("resource")
	found := &protectedResource{
		issuers:   doc.list("authorization_servers"),
		scopes:    doc.list("scopes_supported"),
		name:      displayName(doc.text("resource_name")),
		wantsDPoP: doc.flag("dpop_bound_access_tokens_required"),
		dpopAlgs:  doc.list("dpop_signing_alg_values_supported"),
	}
	switch {
	case doc.err != nil:
		return nil, badMetadata(at, doc.err)
	case resource == "":
		return nil, badMetadata(at, errors.New("resource is missing"))
	case !d.describes(resource, server, root):
		return nil, &ResourceMismatchError{Server: withoutQuery(server), Resource: resource}
	case len(found.issuers) == 0:
		return nil, badMetadata(at, errors.New("authorization_servers names none"))
	}
	found.resource = d.resourceValue(server, resource)
	return found, nil
}

// describes reports whether a document about resource is about server (RFC 9728
// section 3.3). A document of another resource, even of the same host, could get a
// token that is good for its neighbours and hand it to this server.
func (d *discoverer) describes(resource string, server *url.URL, root bool) bool {
	if strings.Contains(resource, "#") { // RFC 8707 section 2
		return false
	}
	return sameResource(resource, canonicalResource(server)) ||
		root && sameResource(resource, origin(server)) ||
		d.policy.ParentResource && isParent(resource, server)
}

// isParent reports whether resource is server without its query, or a path above
// it on the same origin: /a is above /a/b, but not above /ab.
func isParent(resource string, server *url.URL) bool {
	parent, err := url.Parse(resource)
	if err != nil || parent.User != nil || parent.RawQuery != "" || !sameResource(origin(parent), origin(server)) {
		return false
	}
	above := strings.TrimSuffix(parent.EscapedPath(), "/")
	return strings.HasPrefix(strings.TrimSuffix(server.EscapedPath(), "/")+"/", above+"/")
}

// resourceValue returns the value of the resource parameter (RFC 8707): what the
// server calls itself, byte for byte, for authorization servers compare it so. The
// application has the last word.
func (d *discoverer) resourceValue(server *url.URL, advertised string) string {
	if d.policy.Resource == nil {
		return advertised
	}
	return d.policy.Resource(copyURL(server), advertised)
}

// displayName makes a foreign name fit to be shown: short, and without line
// breaks, escape sequences or marks that turn the writing round.
func displayName(name string) string {
	return clip(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, name))
}
