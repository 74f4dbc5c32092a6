package auth

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// ErrAuthorization matches every error that the authorizers of this package
// return on their own account, by [errors.Is]: what stopped a request was its
// authorization, not the network between client and server.
var ErrAuthorization = errors.New("authorization failed")

// The typed errors below name one cause each. What a server said in them is
// quoted and cut, and none holds a secret.

// InteractionRequiredError means that only the user can go on and that there is
// no [Prompter] to ask. A web application calls [Interactive.Begin] with it.
type InteractionRequiredError struct {
	Server   string   // URL of the MCP server
	Resource string   // what the token is to be for
	Issuer   string   // the authorization server, if it is known by now
	Scopes   []string // what the token is to allow
}

func (e *InteractionRequiredError) Error() string {
	return "the user has to authorize access to " + quote(e.Server) + ": set a Prompter, or call Begin and Complete"
}

// Is reports whether target is [ErrAuthorization].
func (e *InteractionRequiredError) Is(target error) bool { return target == ErrAuthorization }

// InteractionError means that asking the user came to nothing: cancelled, out of
// time, no browser. While RetryAt has not come the user is not asked again.
type InteractionError struct {
	Issuer  string
	RetryAt time.Time // zero: the next request asks again
	Err     error
}

func (e *InteractionError) Error() string {
	text := "the user was asked to authorize access at " + quote(e.Issuer) + ", without success: " + clip(e.Err.Error())
	if !e.RetryAt.IsZero() {
		text += "; the user is not asked again before " + e.RetryAt.Format(time.RFC3339)
	}
	return text
}

// Unwrap returns what went wrong.
func (e *InteractionError) Unwrap() error { return e.Err }

// Is reports whether target is [ErrAuthorization].
func (e *InteractionError) Is(target error) bool { return target == ErrAuthorization }

// AccessDeniedError is an error response of the authorization endpoint (RFC 6749
// section 4.1.2.1): access_denied if the user said no.
type AccessDeniedError struct {
	Issuer      string
	Code        string
	Description string // the authorization server's words
}

func (e *AccessDeniedError) Error() string {
	return "the authorization server " + quote(e.Issuer) + " denies the authorization: " + codeAndWords(e.Code, e.Description)
}

// Is reports whether target is [ErrAuthorization].
func (e *AccessDeniedError) Is(target error) bool { return target == ErrAuthorization }

// InsufficientScopeError means that the token does not allow what was asked for
// and that a new authorization would not help, or is not wanted.
type InsufficientScopeError struct {
	Challenged []string // what the server asks for
	Granted    []string // what the token allows
}

func (e *InsufficientScopeError) Error() string {
	return fmt.Sprintf("insufficient scope: the server asks for %s, the token allows %s",
		quote(strings.Join(e.Challenged, " ")), quote(strings.Join(e.Granted, " ")))
}

// Is reports whether target is [ErrAuthorization].
func (e *InsufficientScopeError) Is(target error) bool { return target == ErrAuthorization }

// ResourceMismatchError means that the protected resource metadata is about
// another resource than the server that it was asked for (RFC 9728 section 3.3).
type ResourceMismatchError struct {
	Server   string
	Resource string // as the document says
}

func (e *ResourceMismatchError) Error() string {
	return fmt.Sprintf("the protected resource metadata of %s is about another resource, %s: no token is asked for", quote(e.Server), quote(e.Resource))
}

// Is reports whether target is [ErrAuthorization].
func (e *ResourceMismatchError) Is(target error) bool { return target == ErrAuthorization }

// IssuerMismatchError means that metadata or an authorization response comes from
// another authorization server than the one expected (RFC 8414 section 3.3,
// RFC 9207 section 2.4), or that an authorization server is not the one that the
// configuration names. What was received is kept out of the text.
type IssuerMismatchError struct {
	Kind     string // "metadata", "authorization response" or "configuration"
	Expected string
	Received string // not to be shown to users: an attacker may have chosen it; "" if there was none
}

func (e *IssuerMismatchError) Error() string {
	if e.Received == "" {
		return fmt.Sprintf("the %s names no issuer where %s was expected: the authorization server promised one and is at fault", e.Kind, quote(e.Expected))
	}
	return fmt.Sprintf("the %s is from another issuer than %s: it is not used", e.Kind, quote(e.Expected))
}

// Is reports whether target is [ErrAuthorization].
func (e *IssuerMismatchError) Is(target error) bool { return target == ErrAuthorization }

// ServerChangedError means that the MCP server now names another authorization
// server, where the configured client is not known.
type ServerChangedError struct {
	Server  string
	Known   []string // the issuers that there is a client for
	Offered []string // the issuers that the MCP server names
}

func (e *ServerChangedError) Error() string {
	return fmt.Sprintf("%s is protected by %s, but there is a client for %s only: register one there and add it to the configuration",
		quote(e.Server), quote(strings.Join(e.Offered, " ")), quote(strings.Join(e.Known, " ")))
}

// Is reports whether target is [ErrAuthorization].
func (e *ServerChangedError) Is(target error) bool { return target == ErrAuthorization }

// PKCEUnsupportedError means that the authorization server does not say that it
// supports PKCE with S256, without which a code could be stolen.
type PKCEUnsupportedError struct{ Issuer string }

func (e *PKCEUnsupportedError) Error() string {
	return "the authorization server " + quote(e.Issuer) + " does not list S256 in code_challenge_methods_supported: if it supports PKCE all the same, name it in Policy.AssumePKCE"
}

// Is reports whether target is [ErrAuthorization].
func (e *PKCEUnsupportedError) Is(target error) bool { return target == ErrAuthorization }

// RegistrationError is an authorization server's refusal to register the client
// (RFC 7591 section 3.2.2).
type RegistrationError struct {
	Issuer      string
	StatusCode  int
	Code        string // such as "invalid_redirect_uri"; may be empty
	Description string // the authorization server's words
}

func (e *RegistrationError) Error() string {
	return fmt.Sprintf("the authorization server %s does not register the client (HTTP %d): %s",
		quote(e.Issuer), e.StatusCode, codeAndWords(e.Code, e.Description))
}

// Is reports whether target is [ErrAuthorization].
func (e *RegistrationError) Is(target error) bool { return target == ErrAuthorization }

// Temporary reports whether a later try may succeed without a change.
func (e *RegistrationError) Temporary() bool { return temporaryStatus(e.StatusCode) }

// RegistrationUnavailableError means that the client has no identity at an
// authorization server and no way to get one there by itself.
type RegistrationUnavailableError struct{ Issuer string }

func (e *RegistrationUnavailableError) Error() string {
	return "the authorization server " + quote(e.Issuer) + " offers no registration: register the client there by hand and name it in Registered, or host a client metadata document if it takes them"
}

// Is reports whether target is [ErrAuthorization].
func (e *RegistrationUnavailableError) Is(target error) bool { return target == ErrAuthorization }

// TokenError is an error response of the token endpoint (RFC 6749 section 5.2),
// or an answer that is no token response.
type TokenError struct {
	Endpoint    string // host of the token endpoint
	StatusCode  int
	Code        string        // such as "invalid_grant"; may be empty
	Description string        // the authorization server's words, or what is wrong with its answer
	Wait        time.Duration // Retry-After; 0: none
}

func (e *TokenError) Error() string {
	return fmt.Sprintf("the token endpoint of %s answers HTTP %d: %s", quote(e.Endpoint), e.StatusCode, codeAndWords(e.Code, e.Description))
}

// Is reports whether target is [ErrAuthorization].
func (e *TokenError) Is(target error) bool { return target == ErrAuthorization }

// Temporary reports whether a later try may succeed without a change.
func (e *TokenError) Temporary() bool { return temporaryStatus(e.StatusCode) }

// RetryAfter returns how long the token endpoint asks to wait, 0 if it does not say.
func (e *TokenError) RetryAfter() time.Duration { return e.Wait }

// MetadataError means that a metadata document could not be had or is not usable.
type MetadataError struct {
	URL        string // of the document, without its query
	StatusCode int    // 0: there was no answer, or the document itself is bad
	Err        error  // may be nil
}

func (e *MetadataError) Error() string {
	text := "no usable metadata at " + quote(e.URL)
	if e.StatusCode != 0 {
		text += ": HTTP " + strconv.Itoa(e.StatusCode)
	}
	if e.Err != nil {
		text += ": " + clip(e.Err.Error())
	}
	return text
}

// Unwrap returns what went wrong.
func (e *MetadataError) Unwrap() error { return e.Err }

// Is reports whether target is [ErrAuthorization].
func (e *MetadataError) Is(target error) bool { return target == ErrAuthorization }

// Temporary reports whether a later try may succeed without a change.
func (e *MetadataError) Temporary() bool {
	return temporaryStatus(e.StatusCode) || isTemporary(e.Err)
}

// RequestError means that a request to an authorization server, or for a metadata
// document, got no answer that can be read: no connection, a redirect that is
// not followed, a body over the limit.
type RequestError struct {
	Host    string
	Err     error
	Passing bool // the network failed: a later try may succeed
}

func (e *RequestError) Error() string { return quote(e.Host) + ": " + clip(e.Err.Error()) }

// Unwrap returns what went wrong.
func (e *RequestError) Unwrap() error { return e.Err }

// Is reports whether target is [ErrAuthorization].
func (e *RequestError) Is(target error) bool { return target == ErrAuthorization }

// Temporary reports whether a later try may succeed without a change.
func (e *RequestError) Temporary() bool { return e.Passing }

// InsecureURLError means that a URL must not be used: it is not https where it
// has to be (http is for loopback alone, and only while the MCP server is there,
// too), or it is malformed.
type InsecureURLError struct {
	What   string // "token_endpoint" and the like
	URL    string // without user and query; empty if it cannot be read
	Reason string // "": it is not https
}

func (e *InsecureURLError) Error() string {
	reason := e.Reason
	if reason == "" {
		reason = "is not an https URL (http is only for loopback, and for hosts named in HTTPPolicy.InsecureHosts)"
	}
	return e.What + " " + quote(e.URL) + " " + reason
}

// Is reports whether target is [ErrAuthorization].
func (e *InsecureURLError) Is(target error) bool { return target == ErrAuthorization }

// BlockedAddressError means that a URL which somebody else chose leads to an
// address that only this machine or its network can reach.
type BlockedAddressError struct {
	Host    string
	Address string
}

func (e *BlockedAddressError) Error() string {
	return fmt.Sprintf("%s is at %s, an address more internal than the MCP server's own: if it is meant, name the host in HTTPPolicy.AllowedHosts", quote(e.Host), e.Address)
}

// Is reports whether target is [ErrAuthorization].
func (e *BlockedAddressError) Is(target error) bool { return target == ErrAuthorization }

// StoreError means that the [Store] failed. A token that could not be stored is
// not used: the refresh token that it came from may be dead already.
type StoreError struct {
	Op  string // "open", "load", "save", "delete" or "lock"
	Err error
}

func (e *StoreError) Error() string { return "token store: " + e.Op + ": " + clip(e.Err.Error()) }

// Unwrap returns the error of the store.
func (e *StoreError) Unwrap() error { return e.Err }

// Is reports whether target is [ErrAuthorization].
func (e *StoreError) Is(target error) bool { return target == ErrAuthorization }

// temporaryStatus lists the answers that may be different a moment later.
func temporaryStatus(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || status >= 500
}

// isTemporary reports whether err, or what it wraps, says so of itself.
func isTemporary(err error) bool {
	passing, ok := errors.AsType[interface {
		error
		Temporary() bool
	}](err)
	return ok && passing.Temporary()
}

// maxShown bounds what is shown of a foreign text, in bytes.
const maxShown = 256

// quote shows a text that somebody else wrote: cut, and on one line.
func quote(text string) string { return strconv.Quote(cut(text)) }

// clip cuts the text of an error that is quoted already. Not all of them are, such
// as that of crypto/x509 with the names of a certificate: no line is to be forged.
func clip(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(cut(text), ""))
}

func cut(text string) string {
	if len(text) > maxShown {
		return text[:maxShown] + "..."
	}
	return text
}

func codeAndWords(code, words string) string {
	switch {
	case code == "" && words == "":
		return "no reason given"
	case words == "":
		return quote(code)
	case code == "":
		return quote(words)
	default:
		return quote(code) + ": " + quote(words)
	}
}
