package auth

import (
	"net/url"
	"strings"
)

// Stand-ins, to be deleted when urls.go is there.

func canonicalResource(server *url.URL) string {
	at := url.URL{
		Scheme: strings.ToLower(server.Scheme), Host: strings.TrimPrefix(origin(server), server.Scheme+"://"),
		Path: server.Path, RawPath: server.RawPath, RawQuery: server.RawQuery,
	}
	if at.Path == "/" {
		at.Path = ""
	}
	return at.String()
}

func origin(u *url.URL) string {
	host := strings.ToLower(u.Host)
	if u.Scheme == "https" {
		host = strings.TrimSuffix(host, ":443")
	}
	if u.Scheme == "http" {
		host = strings.TrimSuffix(host, ":80")
	}
	return u.Scheme + "://" + host
}

func sameResource(a, b string) bool {
	left, err := url.Parse(a)
	if err != nil {
		return false
	}
	right, err := url.Parse(b)
	if err != nil {
		return false
	}
	return origin(left) == origin(right) && left.RawQuery == right.RawQuery && left.Fragment == right.Fragment &&
		strings.TrimSuffix(left.EscapedPath(), "/") == strings.TrimSuffix(right.EscapedPath(), "/")
}

func withoutQuery(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}
