package auth

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestZoneOf(t *testing.T) {
	for want, addresses := range map[zone]string{
		onInternet: `1.1.1.1 8.8.8.8 93.184.216.34 100.63.255.255 100.128.0.0 172.15.255.255 172.32.0.0 192.0.1.0 198.20.0.0 223.255.255.255
			2606:4700::1111 2a00:1450::1 2001:200::1 2001:4860:4860::8888 ::ffff:8.8.8.8 64:ff9b::8.8.8.8 2002:808:808::1`,
		onNoMap: `192.0.0.1 192.0.2.1 192.88.99.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 240.0.0.1 255.255.255.254
			2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:20::1 2001:db8::1 3fff::1 100::1 4000::1 5f00::1 9000::1 ::ffff:203.0.113.1 64:ff9b::c000:201`,
		onPrivateNetwork: `10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.1 100.64.0.1 100.127.255.255 fc00::1 fdff::1 fec0::1 64:ff9b:1::7f00:1
			::ffff:10.0.0.1 64:ff9b::10.0.0.1 2002:c0a8:101::1`,
		onLink:    `169.254.1.1 169.254.169.253 224.0.0.1 239.255.255.255 255.255.255.255 fe80::1 fe80::1%eth0 febf::1 ff02::1 ff0e::1 2002:a9fe:101::`,
		onMachine: `127.0.0.1 127.255.255.255 0.0.0.0 0.1.2.3 :: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:0.0.0.0 64:ff9b::127.0.0.1 2002:7f00:1::`,
		outOfReach: `169.254.169.254 169.254.170.2 169.254.170.23 169.254.42.42 169.254.0.23 100.100.100.200 168.63.129.16 192.0.0.192
			fd00:ec2::254 fd00:ec2::23 fd20:ce::254 fd00:c1::a9fe:a9fe fd00:42::42 ::ffff:169.254.169.254 64:ff9b::169.254.169.254 2002:a9fe:a9fe::1 2002:6464:64c8::1`,
	} {
		for address := range strings.FieldsSeq(addresses) {
			require.Equal(t, want, zoneOf(netip.MustParseAddr(address)), address)
		}
	}
}

func TestGuardMeasuresByTheServer(t *testing.T) {
	names := resolverOf(map[string][]string{
		"public.test": {"93.184.216.34"}, "corp.test": {"10.1.2.3", "fd00::7"}, "mixed.test": {"10.1.2.3", "93.184.216.34"}, "inside.test": {"127.0.0.1"},
		"vpn.test": {"198.18.0.7"}, "cloud.test": {"169.254.169.254"},
	})
	all := []string{"93.184.216.34", "198.18.0.1", "192.168.7.7", "169.254.7.7", "127.0.0.1", "169.254.169.254"}
	for server, reachable := range map[string]int{ // how many of all
		"":                              1,
		"https://public.test/mcp":       1,
		"https://mixed.test/mcp":        1,
		"https://unknown.test/mcp":      1,
		"https://93.184.216.34/mcp":     1,
		"https://vpn.test/mcp":          2,
		"https://corp.test/mcp":         3,
		"https://10.9.9.9/mcp":          3,
		"https://[fd00::1]/mcp":         3,
		"https://[fe80::1%25eth0]/mcp":  4,
		"https://inside.test/mcp":       5,
		"http://localhost:3000/mcp":     5,
		"http://127.0.0.1:3000/mcp":     5,
		"http://[::1]:3000/mcp":         5,
		"https://cloud.test/mcp":        5,
		"http://[::ffff:127.0.0.1]/mcp": 5,
	} {
		g := &guard{target: &url.URL{Scheme: "https", Host: "as.test"}, resolver: names}
		if server != "" {
			g.server, _ = url.Parse(server)
		}
		for i, address := range all {
			err := g.control(t.Context(), "tcp", net.JoinHostPort(address, "443"), nil)
			if i < reachable {
				require.NoError(t, err, "%s reaches %s", server, address)
				continue
			}
			var blocked *BlockedAddressError
			require.ErrorAs(t, err, &blocked, "%s reaches %s", server, address)
			require.Equal(t, &BlockedAddressError{Host: "as.test", Address: address}, blocked)
		}
		g.allowed = true
		for _, address := range all {
			require.NoError(t, g.control(t.Context(), "tcp", net.JoinHostPort(address, "443"), nil))
		}
	}
}

func TestGuardRefusesWhatItCannotRead(t *testing.T) {
	g := &guard{target: &url.URL{Host: "as.test"}, allowed: true}
	require.ErrorIs(t, g.control(t.Context(), "tcp", "somewhere:443", nil), ErrAuthorization)
}

// resolverOf is a resolver that knows these names alone.
func resolverOf(known map[string][]string) *net.Resolver {
	return resolverBy(func(name string) []string { return known[name] })
}

// resolverBy is a resolver that asks answer, once for each lookup of IPv4 addresses.
func resolverBy(answer func(name string) []string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return &dnsConn{answer: answer}, nil
	}}
}

// dnsConn answers DNS queries on a stream (RFC 1035 section 4), without a network.
type dnsConn struct {
	net.Conn

	answer func(string) []string
	mu     sync.Mutex
	reply  bytes.Buffer
}

func (c *dnsConn) Write(query []byte) (int, error) {
	if len(query) < 14+5 {
		return 0, errors.New("no query")
	}
	message, end := query[2:], 12
	var labels []string
	for message[end] != 0 {
		size := int(message[end])
		labels = append(labels, string(message[end+1:end+1+size]))
		end += size + 1
	}
	kind := binary.BigEndian.Uint16(message[end+1:])
	question := message[12 : end+5]
	var answers []byte
	count := 0
	if known := c.addresses(strings.Join(labels, "."), kind); len(known) > 0 {
		for _, addr := range known {
			answers = append(answers, 0xc0, 12, byte(kind>>8), byte(kind), 0, 1, 0, 0, 0, 0, 0, byte(addr.BitLen()/8))
			answers = append(answers, addr.AsSlice()...)
			count++
		}
	}
	reply := append([]byte{message[0], message[1], 0x81, 0x80, 0, 1, 0, byte(count), 0, 0, 0, 0}, question...)
	reply = append(reply, answers...)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reply.Write(binary.BigEndian.AppendUint16(nil, uint16(len(reply))))
	c.reply.Write(reply)
	return len(query), nil
}

func (c *dnsConn) addresses(name string, kind uint16) (found []netip.Addr) {
	for _, text := range c.answer(name) {
		if addr := netip.MustParseAddr(text); addr.Is4() && kind == 1 || addr.Is6() && kind == 28 {
			found = append(found, addr)
		}
	}
	return found
}

func (c *dnsConn) Read(into []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reply.Read(into)
}

func (*dnsConn) Close() error                { return nil }
func (*dnsConn) SetDeadline(time.Time) error { return nil }
