package auth

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"syscall"
)

// guard decides to which addresses the request for one URL may go. The MCP server
// names its authorization server, which names its endpoints: without a guard
// either could have this machine call services that only it can reach.
//
// It decides on the address that is being dialed. A name may mean another address
// by then than a moment ago, and odd spellings of an address are plain there.
//
// The measure is how internal the MCP server itself is. Whoever owns the server's
// name can lie about that, to little use: over https, which is all that a name
// allows, the host behind the address must have a certificate for the URL's name.
type guard struct {
	server   *url.URL // of the MCP server; nil: as if it were on the internet
	target   *url.URL
	allowed  bool // HTTPPolicy.AllowedHosts names the target
	resolver *net.Resolver
}

// control is for [net.Dialer]: it sees each address before a packet goes there.
func (g *guard) control(ctx context.Context, _, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return &BlockedAddressError{Host: g.target.Host, Address: quote(address)}
	}
	return g.admit(ctx, at.Addr())
}

// admitTarget is for a request that a proxy sends on: the dialer sees the proxy
// alone, so what the target's name means here has to do. A name that means
// nothing here is left to the proxy.
func (g *guard) admitTarget(ctx context.Context) error {
	for _, addr := range g.addresses(ctx, g.target) {
		if err := g.admit(ctx, addr); err != nil {
			return err
		}
	}
	return nil
}

func (g *guard) admit(ctx context.Context, addr netip.Addr) error {
	zone := zoneOf(addr)
	// The server is looked up only if it matters, as most targets are on the internet.
	if g.allowed || zone == onInternet || zone <= g.serverZone(ctx) {
		return nil
	}
	return &BlockedAddressError{Host: g.target.Host, Address: addr.String()}
}

// serverZone is that of the most public of the server's addresses: one private
// address beside a public one must not unlock the private network.
func (g *guard) serverZone(ctx context.Context) zone {
	if g.server == nil {
		return onInternet
	}
	if isLoopbackHost(g.server.Hostname()) {
		return onMachine
	}
	addresses := g.addresses(ctx, g.server)
	if len(addresses) == 0 {
		return onInternet
	}
	innermost := onMachine
	for _, addr := range addresses {
		innermost = min(innermost, zoneOf(addr))
	}
	return innermost
}

// addresses returns what the host of a URL means; none if its name is not known.
func (g *guard) addresses(ctx context.Context, at *url.URL) []netip.Addr {
	if addr, err := netip.ParseAddr(at.Hostname()); err == nil {
		return []netip.Addr{addr}
	}
	found, err := g.resolver.LookupNetIP(ctx, "ip", at.Hostname())
	if err != nil {
		return nil
	}
	return found
}

// zone says from where an address can be reached, in rising order of how internal
// it is.
type zone int

const (
	onInternet zone = iota
	onNoMap         // set apart by IANA for no host of the internet; a VPN may use it
	onPrivateNetwork
	onLink
	onMachine
	outOfReach // the cloud's metadata service, which hands out the machine's own credentials
)

// zoneOf classifies an address. An IPv4 address within an IPv6 one counts as what
// it is.
func zoneOf(addr netip.Addr) zone {
	addr = addr.WithZone("").Unmap()
	if inner, ok := embedded(addr); ok {
		return zoneOf(inner)
	}
	for _, known := range zones {
		if known.prefix.Contains(addr) {
			return known.zone
		}
	}
	return onInternet
}

// embedded finds the IPv4 address that a gateway makes of an IPv6 one: NAT64 (RFC
// 6052), 6to4 (RFC 3056).
func embedded(addr netip.Addr) (netip.Addr, bool) {
	bytes := addr.As16()
	switch {
	case nat64.Contains(addr):
		return netip.AddrFrom4([4]byte(bytes[12:16])), true
	case sixToFour.Contains(addr):
		return netip.AddrFrom4([4]byte(bytes[2:6])), true
	default:
		return netip.Addr{}, false
	}
}

//nolint:gochecknoglobals // read-only
var (
	nat64     = netip.MustParsePrefix("64:ff9b::/96")
	sixToFour = netip.MustParsePrefix("2002::/16")
)

// zones holds what is not on the internet: the special-purpose registries of IANA
// (RFC 6890) and the metadata addresses of clouds. The first match counts.
//
//nolint:gochecknoglobals // read-only
var zones = []struct {
	prefix netip.Prefix
	zone   zone
}{
	{netip.MustParsePrefix("169.254.169.254/32"), outOfReach},     // AWS, Azure, Google, Oracle and more
	{netip.MustParsePrefix("169.254.170.2/32"), outOfReach},       // AWS, credentials of containers
	{netip.MustParsePrefix("169.254.170.23/32"), outOfReach},      // AWS, credentials of pods
	{netip.MustParsePrefix("169.254.42.42/32"), outOfReach},       // Scaleway
	{netip.MustParsePrefix("169.254.0.23/32"), outOfReach},        // Tencent
	{netip.MustParsePrefix("100.100.100.200/32"), outOfReach},     // Alibaba
	{netip.MustParsePrefix("168.63.129.16/32"), outOfReach},       // Azure
	{netip.MustParsePrefix("192.0.0.192/32"), outOfReach},         // Oracle, of old
	{netip.MustParsePrefix("fd00:ec2::/32"), outOfReach},          // AWS
	{netip.MustParsePrefix("fd20:ce::254/128"), outOfReach},       // Google
	{netip.MustParsePrefix("fd00:c1::a9fe:a9fe/128"), outOfReach}, // Oracle
	{netip.MustParsePrefix("fd00:42::42/128"), outOfReach},        // Scaleway

	{netip.MustParsePrefix("0.0.0.0/8"), onMachine}, // "this host": connects to loopback
	{netip.MustParsePrefix("127.0.0.0/8"), onMachine},
	{netip.MustParsePrefix("::/96"), onMachine}, // ::, ::1, and IPv4 addresses in a form long gone

	{netip.MustParsePrefix("169.254.0.0/16"), onLink},
	{netip.MustParsePrefix("224.0.0.0/4"), onLink}, // multicast
	{netip.MustParsePrefix("255.255.255.255/32"), onLink},
	{netip.MustParsePrefix("fe80::/10"), onLink},
	{netip.MustParsePrefix("ff00::/8"), onLink},

	{netip.MustParsePrefix("10.0.0.0/8"), onPrivateNetwork},
	{netip.MustParsePrefix("172.16.0.0/12"), onPrivateNetwork},
	{netip.MustParsePrefix("192.168.0.0/16"), onPrivateNetwork},
	{netip.MustParsePrefix("100.64.0.0/10"), onPrivateNetwork}, // carriers' NAT, and VPNs
	{netip.MustParsePrefix("fc00::/7"), onPrivateNetwork},
	{netip.MustParsePrefix("fec0::/10"), onPrivateNetwork},      // site-local, of old
	{netip.MustParsePrefix("64:ff9b:1::/48"), onPrivateNetwork}, // NAT64 of a network's own

	{netip.MustParsePrefix("192.0.0.0/24"), onNoMap},
	{netip.MustParsePrefix("192.0.2.0/24"), onNoMap}, // documentation
	{netip.MustParsePrefix("192.88.99.0/24"), onNoMap},
	{netip.MustParsePrefix("198.18.0.0/15"), onNoMap}, // benchmarks
	{netip.MustParsePrefix("198.51.100.0/24"), onNoMap},
	{netip.MustParsePrefix("203.0.113.0/24"), onNoMap},
	{netip.MustParsePrefix("240.0.0.0/4"), onNoMap},
	{netip.MustParsePrefix("2001::/23"), onNoMap}, // Teredo, benchmarks, ORCHID
	{netip.MustParsePrefix("2001:db8::/32"), onNoMap},
	{netip.MustParsePrefix("3fff::/20"), onNoMap},
	{netip.MustParsePrefix("::/3"), onNoMap}, // global unicast is 2000::/3
	{netip.MustParsePrefix("4000::/2"), onNoMap},
	{netip.MustParsePrefix("8000::/1"), onNoMap},
}
