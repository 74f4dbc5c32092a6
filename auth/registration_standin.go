package auth

import (
	"net/netip"
	"strings"
)

// Stand-ins for urls.go and client_auth.go, to be deleted when those are there.

func isLoopbackHost(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback() || strings.EqualFold(host, "localhost")
}

const (
	methodNone   = "none"
	methodBasic  = "client_secret_basic"
	methodPost   = "client_secret_post"
	methodKeyJWT = "private_key_jwt"
)
