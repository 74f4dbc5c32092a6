package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"golang.org/x/oauth2"
)

// FromTokenSource authorizes with the tokens of any [oauth2.TokenSource], which
// is asked for every request and so had better be one that keeps its token, as
// [oauth2.ReuseTokenSource] makes it. The type of the token is that of
// [oauth2.Token.Type].
//
// After a 401 a source that has a method Invalidate() is told by it that its
// token was refused. Then it is asked once more, whether it has that method or
// not, and the request is sent again if the token is another one.
//
// Token takes no context. So it is called in a goroutine of its own, one call at
// a time for all requests that wait for it, and a request whose context ends
// leaves the call behind. A Token that never returns holds that one goroutine
// for ever, and every later request waits for it as long as its context allows.
//
// A failure is a [*CredentialError]. Of an [*oauth2.RetrieveError] it keeps
// status, code and description, as a [*TokenError]; the rest may hold secrets.
func FromTokenSource(source oauth2.TokenSource) Authorizer {
	return &sourceAuthorizer{source: source}
}

type sourceAuthorizer struct {
	source oauth2.TokenSource

	mu   sync.Mutex
	call *sourceCall // under way; nil: none
	last string      // the newest access token; "": none yet
}

// sourceCall is one call of Token, for all that wait for it.
type sourceCall struct {
	replaces string        // the access token that was refused; "": none was
	done     chan struct{} // closed when the fields below are set
	token    *oauth2.Token
	err      error
}

const tokenSource = "token source"

// Format hides the tokens from whatever prints the authorizer.
func (a *sourceAuthorizer) Format(f fmt.State, _ rune) {
	_, _ = f.Write([]byte("auth.FromTokenSource"))
}

func (a *sourceAuthorizer) Authorize(ctx context.Context, _ *url.URL, req *http.Request) error {
	call := a.begin("")
	if err := call.wait(ctx); err != nil {
		return err
	}
	call.token.SetAuthHeader(req)
	return nil
}

func (a *sourceAuthorizer) Refused(ctx context.Context, _ *url.URL, req *http.Request, resp *http.Response) (bool, error) {
	if resp.StatusCode != http.StatusUnauthorized {
		return false, nil
	}
	refused := string(sentToken(req))
	for !a.replaced(refused) {
		call := a.begin(refused)
		err := call.wait(ctx)
		if call.replaces == refused {
			return err == nil && call.token.AccessToken != refused, err
		}
		// That call began before the refusal and may know nothing of it.
		if ctx.Err() != nil {
			return false, err
		}
	}
	return true, nil
}

// replaced reports whether the source gave another token since: a refusal that
// comes late must not invalidate that one.
func (a *sourceAuthorizer) replaced(refused string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.last != "" && a.last != refused
}

// begin returns the call that is under way, or starts one to replace what was
// refused.
func (a *sourceAuthorizer) begin(refused string) *sourceCall {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.call == nil {
		a.call = &sourceCall{replaces: refused, done: make(chan struct{})}
		go a.run(a.call)
	}
	return a.call
}

func (a *sourceAuthorizer) run(call *sourceCall) {
	// A source that ends its goroutine, as a failed test does, leaves this.
	call.err = errors.New("it did not return")
	defer a.finish(call)
	if invalidator, ok := a.source.(interface{ Invalidate() }); ok && call.replaces != "" {
		invalidator.Invalidate()
	}
	call.token, call.err = a.ask()
}

func (a *sourceAuthorizer) ask() (*oauth2.Token, error) {
	if a.source == nil {
		return nil, errors.New("it is nil")
	}
	token, err := a.source.Token()
	switch {
	case err != nil:
		return nil, withoutAnswer(err)
	case token == nil:
		return nil, errors.New("it returned neither a token nor an error")
	}
	if err := checkToken(token.AccessToken); err != nil {
		return nil, fmt.Errorf("the access token cannot be sent: %w", err)
	}
	if strings.ContainsFunc(token.Type(), isNoTokenChar) {
		return nil, errors.New("the type of the token is none")
	}
	return token, nil
}

func (a *sourceAuthorizer) finish(call *sourceCall) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.call = nil
	if call.err == nil {
		a.last = call.token.AccessToken
	}
	close(call.done)
}

// wait waits for the result, as long as ctx allows.
func (c *sourceCall) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-c.done:
	}
	if c.err != nil {
		return &CredentialError{Source: tokenSource, Err: c.err}
	}
	return nil
}
