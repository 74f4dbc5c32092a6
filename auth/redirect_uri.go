package auth

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// checkRedirectURI refuses what MCP does not allow as a redirect URI: it is https,
// or on this machine, and absolute without a fragment (RFC 6749 section 3.1.2).
func checkRedirectURI(raw string) error {
	at, err := url.Parse(raw)
	switch {
	case err != nil || at.Hostname() == "" || strings.ContainsFunc(raw, isNoURLRune):
		return errors.New("the redirect URI " + quote(raw) + " is not an absolute URL")
	case at.Scheme != "https" && !isLoopbackRedirect(at):
		return errors.New("the redirect URI " + quote(raw) + " is neither https nor http on loopback")
	case strings.Contains(raw, "#"):
		return errors.New("the redirect URI " + quote(raw) + " has a fragment")
	case at.User != nil:
		return errors.New("the redirect URI of " + quote(at.Host) + " has a user name in it")
	default:
		return nil
	}
}

// isNoURLRune: url.Parse lets some of them pass, but as part of a registered
// string they would not compare equal anywhere.
func isNoURLRune(r rune) bool { return r <= ' ' || r > '~' }

func isLoopbackRedirect(at *url.URL) bool {
	return at.Scheme == "http" && isLoopbackHost(at.Hostname())
}

// applicationType is what OpenID Connect Registration calls a client that
// receives its callbacks there. Left out, it would mean "web", and a loopback URI
// would be refused.
func applicationType(redirectURI string) string {
	at, err := url.Parse(redirectURI)
	if err == nil && isLoopbackHost(at.Hostname()) {
		return "native"
	}
	return "web"
}

// callbackFor returns the redirect URI to use with a client that is registered
// with registered, where the callback is received at receiver; false: none, the
// two do not fit. On loopback the port may be another one, since it is only known
// at the time of the request (RFC 8252 section 7.3). That holds for an address:
// for the name "localhost" some servers compare the port, if one was registered.
// An address and the name stand for each other, on one port.
func callbackFor(registered, receiver string) (string, bool) {
	if registered == receiver {
		return receiver, true
	}
	there, err1 := url.Parse(registered)
	here, err2 := url.Parse(receiver)
	switch {
	case err1 != nil || err2 != nil || !isLoopbackRedirect(there) || !isLoopbackRedirect(here),
		there.EscapedPath() != here.EscapedPath() || there.RawQuery != here.RawQuery,
		there.Hostname() != here.Hostname() && !isLocalhost(there) && !isLocalhost(here):
		return "", false
	case there.Port() == here.Port():
		return registered, true
	case isLocalhost(there) && there.Port() != "":
		return "", false
	default:
		there.Host = hostPort(there.Hostname(), here.Port())
		return there.String(), true
	}
}

// fixedCallback is callbackFor for a client that was registered by hand: a port
// that stands in its redirect URI was meant.
func fixedCallback(registered, receiver string) (string, bool) {
	if registered == "" {
		return receiver, true
	}
	callback, ok := callbackFor(registered, receiver)
	there, err := url.Parse(registered)
	if !ok || err != nil || there.Port() != "" && callback != registered {
		return "", false
	}
	return callback, true
}

// otherLoopback returns the redirect URI with the other way to name this machine:
// some servers accept only addresses, some only "localhost". false: it is not on
// loopback.
func otherLoopback(redirectURI string) (string, bool) {
	at, err := url.Parse(redirectURI)
	switch {
	case err != nil || !isLoopbackRedirect(at):
		return "", false
	case isLocalhost(at):
		at.Host = hostPort("127.0.0.1", at.Port())
	default:
		at.Host = hostPort("localhost", at.Port())
	}
	return at.String(), true
}

func isLocalhost(at *url.URL) bool {
	_, err := netip.ParseAddr(at.Hostname())
	return err != nil
}

func hostPort(host, port string) string {
	if port != "" {
		return net.JoinHostPort(host, port)
	}
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}
