package auth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// Bearer authorizes with a token that the application already has (RFC 6750
// section 2.1). A 401 is final: there is no other token to try.
//
// The token goes to every server that the client is configured with. Give it
// only to one that it was issued for: neither a token for another service nor
// that of one's own caller is meant for an MCP server.
//
// A token that cannot be sent, because it is empty or holds spaces or control
// characters, makes every request fail with a [*CredentialError].
func Bearer(token string) Authorizer {
	return BearerFunc(func(context.Context) (string, error) { return token, nil })
}

// BearerFunc authorizes with the tokens that a function returns. It is asked for
// every request, concurrently, with that request's context, and so keeps what is
// expensive to get. After a 401 it is asked once more, and the request is sent
// again if the token is another one than that which was refused. Its errors
// reach the caller inside a [*CredentialError]: they must not hold the token.
//
// What is said of the token of [Bearer] holds here, too.
func BearerFunc(token func(context.Context) (string, error)) Authorizer {
	return &headerAuthorizer{name: "Authorization", value: func(ctx context.Context) (string, error) {
		const source = "bearer token"
		if token == nil {
			return "", &CredentialError{Source: source, Err: errors.New("the function is nil")}
		}
		text, err := token(ctx)
		switch {
		case err != nil && ctx.Err() != nil:
			return "", context.Cause(ctx) // the caller gave up, nothing failed
		case err != nil:
			return "", &CredentialError{Source: source, Err: withoutAnswer(err)}
		}
		if err := checkToken(text); err != nil {
			return "", &CredentialError{Source: source, Err: err}
		}
		return "Bearer " + text, nil
	}}
}

// Header authorizes with a header of any name, such as an API key. A 401 is
// final. The value goes to every server that the client is configured with.
//
// A name that is none, and a value that is empty or holds control characters or
// spaces at its ends, make every request fail with a [*CredentialError].
func Header(name, value string) Authorizer {
	return &headerAuthorizer{name: name, value: func(context.Context) (string, error) {
		if err := checkHeader(name, value); err != nil {
			return "", &CredentialError{Source: "header " + quote(name), Err: err}
		}
		return value, nil
	}}
}

// headerAuthorizer sets a header. The secret is behind a function, where nothing
// that prints a value finds it.
type headerAuthorizer struct {
	name  string
	value func(context.Context) (string, error)
}

func (a *headerAuthorizer) Authorize(ctx context.Context, _ *url.URL, req *http.Request) error {
	value, err := a.value(ctx)
	if err != nil {
		return err
	}
	req.Header.Set(a.name, value)
	return nil
}

func (a *headerAuthorizer) Refused(ctx context.Context, _ *url.URL, req *http.Request, resp *http.Response) (bool, error) {
	if resp.StatusCode != http.StatusUnauthorized {
		return false, nil
	}
	value, err := a.value(ctx)
	if err != nil {
		return false, err
	}
	return value != req.Header.Get(a.name), nil
}

// checkToken refuses what cannot stand behind the name of a scheme. RFC 6750
// section 2.1 allows fewer characters than real tokens have.
func checkToken(token string) error {
	if token == "" {
		return errors.New("it is empty")
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("it holds a space, a control character or one outside of ASCII")
	}
	return nil
}

// checkHeader holds the rules of RFC 9110 sections 5.1 and 5.5.
func checkHeader(name, value string) error {
	control := func(r rune) bool { return r < ' ' || r == 0x7f }
	switch {
	case name == "" || strings.ContainsFunc(name, isNoTokenChar):
		return errors.New("this is no name for a header")
	case value == "":
		return errors.New("its value is empty")
	case strings.ContainsFunc(value, control) || strings.TrimSpace(value) != value:
		return errors.New("its value holds a control character, or a space at one end")
	default:
		return nil
	}
}

// isNoTokenChar tells what is not part of a token (RFC 9110 section 5.6.2).
func isNoTokenChar(r rune) bool {
	return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
}
