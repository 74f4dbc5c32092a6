package auth

import (
	"context"
	"errors"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// loopbackPlace is where on this machine a callback is to arrive.
type loopbackPlace struct {
	host  string // "127.0.0.1", "localhost" or "::1"
	port  int    // the one to try first; 0: any
	fixed bool   // no other port will do
	path  string
}

// parseLoopback reads a redirect URI. One without a port leaves it open
// (RFC 8252 section 7.3).
func parseLoopback(redirectURI string) (loopbackPlace, error) {
	at, err := url.Parse(redirectURI)
	if err != nil || at.Scheme != "http" || !isLoopbackHost(at.Hostname()) || at.RawQuery != "" || at.Fragment != "" || at.User != nil {
		return loopbackPlace{}, errors.New("the redirect URI " + quote(redirectURI) + " is not one of a loopback prompter, such as http://127.0.0.1/callback: use PromptFunc, or Begin and Complete")
	}
	place := loopbackPlace{host: at.Hostname(), path: at.EscapedPath()}
	if port := at.Port(); port != "" {
		if place.port, err = strconv.Atoi(port); err != nil {
			return loopbackPlace{}, errors.New("the redirect URI " + quote(redirectURI) + " has no usable port")
		}
	}
	return place, nil
}

func (p loopbackPlace) check() error {
	switch {
	case !slices.Contains([]string{"127.0.0.1", "localhost", "::1"}, p.host):
		return errors.New(`a callback can be received on "127.0.0.1", "localhost" and "::1", not on ` + quote(p.host))
	case p.port < 0 || p.port > 65535:
		return errors.New("there is no port " + strconv.Itoa(p.port))
	case p.path != "" && (!strings.HasPrefix(p.path, "/") || !isURLText(p.path) || strings.ContainsAny(p.path, "?#")):
		return errors.New("the path of a redirect URI begins with a slash and has neither query nor fragment: " + quote(p.path))
	default:
		return nil
	}
}

// redirectURI is written by hand: what is registered and compared is a string.
func (p loopbackPlace) redirectURI(port int) string {
	return "http://" + net.JoinHostPort(p.host, strconv.Itoa(port)) + p.path
}

// listen takes a port on both loopback addresses, where this machine has both.
func (p loopbackPlace) listen(ctx context.Context) (listeners []net.Listener, port int, err error) {
	if p.port != 0 {
		listeners, port, err = p.listenOn(ctx, p.port)
		if err == nil || p.fixed {
			return listeners, port, err
		}
	}
	// A free port of one address may be taken on the other.
	for range 8 {
		if listeners, port, err = p.listenOn(ctx, 0); err == nil || ctx.Err() != nil {
			break
		}
	}
	return listeners, port, err
}

// listenOn takes one port, 0: any.
func (p loopbackPlace) listenOn(ctx context.Context, port int) ([]net.Listener, int, error) {
	first, second := "127.0.0.1", "::1"
	if p.host == second {
		first, second = second, first
	}
	main, err := listenAt(ctx, first, port)
	if err != nil {
		return nil, 0, err
	}
	port = main.Addr().(*net.TCPAddr).Port //nolint:errcheck // a TCP listener has a TCP address
	other, err := listenAt(ctx, second, port)
	switch {
	case err == nil:
		return []net.Listener{main, other}, port, nil
	case p.host == "localhost" && hasAddress(ctx, second):
		// Somebody else has it, and a browser may take the name for that address:
		// the code would go to them.
		_ = main.Close()
		return nil, 0, err
	default:
		return []net.Listener{main}, port, nil
	}
}

func listenAt(ctx context.Context, address string, port int) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(address, strconv.Itoa(port)))
}

// hasAddress reports whether this machine can listen on an address at all.
func hasAddress(ctx context.Context, address string) bool {
	listener, err := listenAt(ctx, address, 0)
	if err != nil {
		return false
	}
	_ = listener.Close()
	return true
}
