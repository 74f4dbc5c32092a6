package auth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
)

// discoverer finds out who protects an MCP server, and where tokens for it come
// from. It remembers nothing: what was true a moment ago is no answer to a 401.
// Safe for concurrent use.
type discoverer struct {
	fetch  *fetcher
	policy Policy
}

func newDiscoverer(fetch *fetcher, policy Policy) *discoverer {
	policy.AssumePKCE = slices.Clone(policy.AssumePKCE)
	policy.TrustedIssuers = slices.Clone(policy.TrustedIssuers)
	return &discoverer{fetch: fetch, policy: policy}
}

// document fetches the metadata document at a URL. Every error is a
// [*MetadataError]; see isAbsent.
func (d *discoverer) document(ctx context.Context, server, at *url.URL, version string) (*document, error) {
	reply, err := d.fetch.get(ctx, server, at, version)
	if err != nil {
		return nil, badMetadata(at, err)
	}
	if reply.status != http.StatusOK {
		return nil, &MetadataError{URL: withoutQuery(at), StatusCode: reply.status}
	}
	doc, err := parseDocument(reply.header.Get("Content-Type"), reply.body)
	if err != nil {
		return nil, badMetadata(at, err)
	}
	return doc, nil
}

// isAbsent reports whether err means that a document is not where it was looked
// for. Servers answer an unknown well-known path with 400, 401, 403 or 405, too.
// A server that is busy, broken or out of reach has not said that there is none:
// to go on then would let a bad moment choose the authorization server.
func isAbsent(err error) bool {
	refused, ok := errors.AsType[*MetadataError](err)
	return ok && refused.StatusCode >= 400 && !temporaryStatus(refused.StatusCode)
}

// badMetadata says that the document at a URL cannot be had, or cannot be used.
func badMetadata(at *url.URL, err error) error {
	return &MetadataError{URL: withoutQuery(at), Err: err}
}

// explained adds to an absence what it means.
func explained(absent error, meaning string) error {
	if refused, ok := errors.AsType[*MetadataError](absent); ok {
		refused.Err = errors.New(meaning)
	}
	return absent
}

// copyURL returns a copy for user code to keep or change.
func copyURL(u *url.URL) *url.URL {
	return new(*u)
}
