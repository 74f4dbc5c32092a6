package auth

import (
	"context"
	"net/http"
	"net/url"
)

// Authorizer adds credentials to the requests of a client and decides what to
// do when a server refuses them. Every authorizer of this package is one, and
// so fits the field of the same name of an MCP client, which this package does
// not import. Implementations are safe for concurrent use, by any number of
// sessions with any number of servers.
type Authorizer interface {
	// Authorize adds the credentials for server to req, a request that is about
	// to be sent to it. It may wait for a token, as long as ctx allows.
	Authorize(ctx context.Context, server *url.URL, req *http.Request) error
	// Refused is told that server answered req with 401, or with 403 and a
	// challenge. It returns true if the request is to be sent again, with the
	// credentials that Authorize then has. resp.Body is in memory and need not
	// be closed.
	Refused(ctx context.Context, server *url.URL, req *http.Request, resp *http.Response) (retry bool, err error)
}
