package mcpclient

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Authorizer adds credentials to requests and decides what to do when a server
// refuses them. Package auth has several; one of your own needs this package no
// more than they do. It must be safe for concurrent use: requests of many calls
// and sessions may ask it at the same time, and parallel refusals are its to join.
//
// server is the URL that was given to [Client.Connect]. The time that an
// Authorizer takes counts against no timeout but that of the caller's context,
// and against Client.CloseTimeout. Its errors come out as [*AuthorizationError].
//
// An Authorizer may have two more methods. Responded(server *url.URL,
// resp *http.Response) sees the header of every answer, for nonces; it must not change
// it, and resp.Body is empty. Extensions() []string names extensions of the protocol that the client
// declares because of it.
type Authorizer interface {
	// Authorize adds credentials to the header of req, which is about to be sent.
	Authorize(ctx context.Context, server *url.URL, req *http.Request) error
	// Refused is told that the server answered req with 401, or with 403 and a
	// challenge. It returns true to have the request sent again, after another
	// Authorize: at most once after 401, twice after 403 and once more for the
	// nonce of a DPoP proof. A 401 by which a server says that it no longer knows
	// the session does not come here. resp.Body holds at most 64 KiB, is in memory
	// and need not be closed.
	Refused(ctx context.Context, server *url.URL, req *http.Request, resp *http.Response) (retry bool, err error)
}

// AuthorizationError means that the [Authorizer] could not help: it failed
// before the request was sent (DeliveryNotSent), or when the server had refused
// it (DeliveryRefused). It matches [ErrUnauthorized].
type AuthorizationError struct {
	Err error // of the Authorizer

	refusal *HTTPError // what the server had answered; nil before anything was sent
}

func (e *AuthorizationError) Error() string {
	text := "authorization: " + e.Err.Error()
	if e.refusal != nil {
		text += "; the server had answered " + e.refusal.Error()
	}
	return text
}

// Unwrap returns the error of the Authorizer, and the server's refusal, an
// [*HTTPError], if there was one.
func (e *AuthorizationError) Unwrap() []error {
	if e.refusal == nil {
		return []error{e.Err}
	}
	return []error{e.Err, e.refusal}
}

// Is reports whether target is [ErrUnauthorized].
func (e *AuthorizationError) Is(target error) bool { return target == ErrUnauthorized }

// retryAfter reports whether the cause passes by itself, such as an authorization
// server that is out of reach: errors say so by Temporary, as those of package net do.
func (e *AuthorizationError) retryAfter() (time.Duration, bool) {
	passing, ok := errors.AsType[interface {
		error
		Temporary() bool
	}](e.Err)
	if !ok || !passing.Temporary() {
		return 0, false
	}
	asked, ok := errors.AsType[interface {
		error
		RetryAfter() time.Duration
	}](e.Err)
	if !ok {
		return 0, true
	}
	return asked.RetryAfter(), true
}

// authorizationPasses reports whether err is that of an Authorizer which may do
// better a moment later.
func authorizationPasses(err error) bool {
	failed, ok := errors.AsType[*AuthorizationError](err)
	if !ok {
		return false
	}
	_, passes := failed.retryAfter()
	return passes
}

// credentials are how one request is authorized.
type credentials struct {
	authorizer Authorizer
	server     *url.URL
	call       *call // whose clock stands still meanwhile
	ofCall     bool  // not the Client's: nothing of that may show
	insecure   []string
	ofSession  func(*httpReply) bool // a refusal says that the session is gone, and nothing about credentials
}

// credentials returns those of a request of call on b, nil if its header has
// all that it gets.
func (c *core) credentials(b *binding, call *call) *credentials {
	own := call.settings.authorizer
	switch {
	case own == nil && (c.config.authorizer == nil || call.foreign()):
		return nil
	case own == nil:
		own = c.config.authorizer
	}
	return &credentials{
		authorizer: own, server: c.url, call: call, ofCall: call.settings.authorizer != nil, insecure: c.config.insecureHosts,
		ofSession: func(r *httpReply) bool {
			a := newAnswer(r.request.Method, r, call.id, b.id)
			a.resumed = r.request.Method == http.MethodGet // such a 401 is about the session, whether it costs it or not
			return b.era.judge(b, call, a).session != VerdictAlive
		},
	}
}

// maySend reports whether credentials may travel to u: over https, on this
// machine, or to a host that the application names.
func maySend(u *url.URL, insecureHosts []string) bool {
	host := strings.ToLower(u.Hostname())
	return u.Scheme == "https" || isLoopback(host) ||
		slices.ContainsFunc(insecureHosts, func(named string) bool {
			return strings.EqualFold(named, host) || strings.EqualFold(named, net.JoinHostPort(host, portOf(u)))
		})
}

// insecureError tells how to go on, and what not to do.
func insecureError(u *url.URL) error {
	return errors.New("credentials are not sent over plain http to " + quote(u.Host) + ": use https, or name the host in Client.InsecureHosts")
}
