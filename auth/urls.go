package auth

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// checkURL parses a URL that somebody else chose and refuses what must not be
// used, with an *InsecureURLError: what names the field that it comes from.
func (f *fetcher) checkURL(server *url.URL, raw, what string) (*url.URL, error) {
	at, err := parseURL(raw, what)
	if err != nil {
		return nil, err
	}
	if err := f.check(server, at, what); err != nil {
		return nil, err
	}
	return at, nil
}

// check is checkURL for a URL that is parsed already.
func (f *fetcher) check(server, at *url.URL, what string) error {
	onLoopback := server != nil && isLoopbackHost(server.Hostname()) && isLoopbackHost(at.Hostname())
	return checkForm(at, what, onLoopback || names(f.policy.InsecureHosts, at))
}

// checkBrowserURL refuses what the user's browser must not open: https it is, or
// http on loopback. For another scheme the system may start any program.
func checkBrowserURL(raw string) error {
	const what = "the authorization URL"
	at, err := parseURL(raw, what)
	if err != nil {
		return err
	}
	return checkForm(at, what, isLoopbackHost(at.Hostname()))
}

// checkForm lists the schemes that are fine, as those that are not are without end.
func checkForm(at *url.URL, what string, plainHTTP bool) error {
	reason := malformed(at)
	if reason == "" && (at.Scheme == "https" || at.Scheme == "http" && plainHTTP) {
		return nil
	}
	return &InsecureURLError{What: what, URL: withoutQuery(at), Reason: reason}
}

// parseURL drops the error of net/url, which repeats the whole text.
func parseURL(raw, what string) (*url.URL, error) {
	at, err := url.Parse(raw)
	if err != nil {
		return nil, &InsecureURLError{What: what, Reason: "is not a URL"}
	}
	return at, nil
}

// malformed says what is wrong with the form of a URL; "": nothing.
func malformed(at *url.URL) string {
	host := strings.TrimSuffix(at.Hostname(), ".")
	switch {
	case host == "" || at.Opaque != "":
		return "is not an absolute URL"
	case at.User != nil:
		return "has a user in it"
	case at.Fragment != "":
		return "has a fragment" // RFC 6749 section 3.1, RFC 8707 section 2
	case oddNumber(host):
		return "has a number for a host that is no IP address"
	default:
		return ""
	}
}

// oddNumber reports hosts such as 127.1 and 0x7f000001: not addresses to us, but
// to many a resolver and proxy.
func oddNumber(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return false
	}
	last := strings.ToLower(host[strings.LastIndexByte(host, '.')+1:])
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(last, "0123456789") == ""
}

// isLoopbackHost reports whether host, without a port, is this machine by its
// very name: localhost, 127.0.0.0/8 or ::1. No resolver has a say in it.
func isLoopbackHost(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback() || strings.EqualFold(host, "localhost")
}

// origin returns scheme, host and port of a URL, in lower case and without the
// default port.
func origin(at *url.URL) string {
	host, scheme := strings.ToLower(at.Hostname()), strings.ToLower(at.Scheme)
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port := at.Port(); port != "" && port != defaultPort(scheme) {
		host += ":" + port
	}
	return scheme + "://" + host
}

func defaultPort(scheme string) string {
	switch scheme {
	case "https":
		return "443"
	case "http":
		return "80"
	default:
		return ""
	}
}

// canonicalResource returns the URI of an MCP server as the resource parameter
// names it where no metadata does (RFC 8707 section 2): no fragment, no user, no
// lone slash; path and query stay, for they may tell servers of one host apart.
func canonicalResource(server *url.URL) string {
	path := server.EscapedPath()
	if path == "/" && server.RawQuery == "" {
		path = ""
	}
	if server.RawQuery != "" {
		path += "?" + server.RawQuery
	}
	return origin(server) + path
}

// sameResource reports whether two resource identifiers are the same but for one
// slash at the end of the path, the case of scheme and host, and a default port.
func sameResource(a, b string) bool {
	left, err := url.Parse(a)
	if err != nil || malformed(left) != "" {
		return false
	}
	right, err := url.Parse(b)
	if err != nil || malformed(right) != "" {
		return false
	}
	return origin(left) == origin(right) && left.RawQuery == right.RawQuery &&
		strings.TrimSuffix(left.EscapedPath(), "/") == strings.TrimSuffix(right.EscapedPath(), "/")
}

// names reports whether a list of hosts, each "name" or "name:port", has the host
// of a URL.
func names(hosts []string, at *url.URL) bool {
	host, port := strings.TrimSuffix(at.Hostname(), "."), at.Port()
	if port == "" {
		port = defaultPort(at.Scheme)
	}
	return slices.ContainsFunc(hosts, func(named string) bool {
		return strings.EqualFold(strings.Trim(named, "[]"), host) || strings.EqualFold(named, net.JoinHostPort(host, port))
	})
}

// withoutQuery renders a URL for an error text: user, query and fragment may hold
// secrets.
func withoutQuery(at *url.URL) string {
	shown := url.URL{Scheme: at.Scheme, Host: at.Host, Path: at.Path, RawPath: at.RawPath}
	return shown.String()
}
