package auth

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"
)

// maxDocument bounds a metadata document and the answer of an endpoint, in bytes.
const maxDocument = 1 << 20

// fetcher makes the requests to authorization servers and for metadata. server
// is the MCP server on whose account a request is made: what it may reach is
// measured by where that server is.
type fetcher struct {
	policy HTTPPolicy
	client *http.Client
}

// webReply is an answer, read to its end.
type webReply struct {
	status int
	header http.Header
	body   []byte
}

func newFetcher(policy HTTPPolicy) *fetcher {
	return &fetcher{policy: policy, client: &http.Client{Transport: policy.Transport, Timeout: 15 * time.Second}}
}

// get fetches a document, without credentials. version is the protocol version that
// the refused request carried; "": none.
func (f *fetcher) get(ctx context.Context, server, at *url.URL, version string) (*webReply, error) {
	header := http.Header{"Accept": {"application/json"}}
	if version != "" {
		header.Set("Mcp-Protocol-Version", version)
	}
	return f.do(ctx, server, http.MethodGet, at, header, nil)
}

// post sends a body to an endpoint. A redirect is not followed: it would take
// the secrets in the body to somebody else.
func (f *fetcher) post(ctx context.Context, server, at *url.URL, header http.Header, body []byte) (*webReply, error) {
	return f.do(ctx, server, http.MethodPost, at, header, body)
}

func (f *fetcher) do(ctx context.Context, _ *url.URL, method string, at *url.URL, header http.Header, body []byte) (*webReply, error) {
	request, err := http.NewRequestWithContext(ctx, method, at.String(), bytes.NewReader(body))
	if err != nil {
		return nil, &RequestError{Host: at.Host, Err: err}
	}
	request.Header = header
	response, err := f.client.Do(request)
	if err != nil {
		return nil, &RequestError{Host: at.Host, Err: err, Passing: true}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxDocument+1))
	switch {
	case err != nil:
		return nil, &RequestError{Host: at.Host, Err: err, Passing: true}
	case len(text) > maxDocument:
		return nil, &RequestError{Host: at.Host, Err: errors.New("the answer is over the limit of 1 MiB")}
	}
	return &webReply{status: response.StatusCode, header: response.Header, body: text}, nil
}

// checkURL parses a URL that somebody else chose and refuses what must not be
// used: what names the field that it comes from.
func (f *fetcher) checkURL(_ *url.URL, raw, what string) (*url.URL, error) {
	at, err := url.Parse(raw)
	if err != nil || at.Host == "" {
		return nil, &InsecureURLError{What: what, URL: raw}
	}
	return at, nil
}
