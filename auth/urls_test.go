package auth

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheckURL(t *testing.T) {
	const far, near = "https://mcp.example/mcp", "http://localhost:3000/mcp"
	f := newFetcher(HTTPPolicy{InsecureHosts: []string{"lab.example:8080", "10.0.0.9"}})
	for _, c := range []struct {
		server, raw, reason string // reason "-": the URL is fine
	}{
		{far, "https://as.example/token?x=1", "-"},
		{far, "HTTPS://AS.example", "-"},
		{near, "https://as.example", "-"},
		{near, "http://localhost:9000/token", "-"},
		{near, "http://127.8.9.1/token", "-"},
		{near, "http://[::1]:9000/token", "-"},
		{"http://[::1]/mcp", "http://LOCALHOST/", "-"},
		{far, "http://lab.example:8080/", "-"},
		{far, "http://10.0.0.9:77/", "-"},

		{far, "http://localhost:9000/token", ""},
		{far, "http://127.0.0.1/token", ""},
		{near, "http://as.example/token", ""},
		{near, "http://localhost.as.example/", ""},
		{near, "http://127.0.0.1.as.example/", ""},
		{near, "http://0.0.0.0/", ""},
		{near, "http://192.168.1.1/", ""},
		{far, "http://lab.example/", ""},
		{far, "http://as.example:8080/", ""},
		{far, "ftp://as.example/", ""},
		{far, "//as.example/token", ""},
		{far, "javascript://as.example/%0aalert(1)", ""},
		{far, "file://as.example/etc/passwd", ""},
		{far, "javascript:alert(1)", "is not an absolute URL"},
		{far, "data:text/html,x", "is not an absolute URL"},
		{far, "https:as.example", "is not an absolute URL"},
		{far, "file:///etc/passwd", "is not an absolute URL"},
		{far, "/token", "is not an absolute URL"},
		{far, "", "is not an absolute URL"},
		{far, "https://", "is not an absolute URL"},
		{far, "https://:443/", "is not an absolute URL"},
		{far, "https://user@as.example/", "has a user in it"},
		{far, "https://mcp.example:443@as.example/", "has a user in it"},
		{far, "https://as.example/#x", "has a fragment"},
		{far, "https://2130706433/", "has a number for a host that is no IP address"},
		{far, "https://0x7f000001/", "has a number for a host that is no IP address"},
		{far, "https://127.1/", "has a number for a host that is no IP address"},
		{far, "https://0177.0.0.1/", "has a number for a host that is no IP address"},
		{far, "https://127.0.0.1.:80/", "-"}, // the guard's to refuse
		{far, "https://as.example/%zz", "is not a URL"},
		{far, "https://as.example/\x7f", "is not a URL"},
		{far, "https://as .example/", "is not a URL"},
	} {
		server, err := url.Parse(c.server)
		require.NoError(t, err)
		at, err := f.checkURL(server, c.raw, "token_endpoint")
		if c.reason == "-" {
			require.NoError(t, err, c.raw)
			require.NotEmpty(t, at.Host)
			continue
		}
		var insecure *InsecureURLError
		require.ErrorAs(t, err, &insecure, c.raw)
		require.Equal(t, c.reason, insecure.Reason, c.raw)
		require.Equal(t, "token_endpoint", insecure.What)
		require.ErrorIs(t, err, ErrAuthorization)
	}
}

func TestCheckURLWithoutServer(t *testing.T) {
	_, err := newFetcher(HTTPPolicy{}).checkURL(nil, "http://localhost/", "issuer")
	require.Error(t, err)
}

func TestURLErrorKeepsSecretsOut(t *testing.T) {
	f := newFetcher(HTTPPolicy{})
	for _, raw := range []string{
		"http://as.example/token?code=hush", "https://me:hush@as.example/", "https://as.example/#hush",
		"https://me:hush@as.example/%zz?code=hush", "javascript:hush", "http://as.example/\nhush?",
	} {
		_, err := f.checkURL(nil, raw, "token_endpoint")
		require.Error(t, err)
		require.NotContains(t, err.Error(), "hush")
	}
}

func TestCheckBrowserURL(t *testing.T) {
	for _, raw := range []string{"https://as.example/authorize?x=1", "http://localhost:9000/authorize", "http://127.0.0.1/"} {
		require.NoError(t, checkBrowserURL(raw), raw)
	}
	for _, raw := range []string{
		"http://as.example/", "javascript:alert(1)", "file:///etc/passwd", "vscode://open/x", "ms-msdt://x", "-h", "", "https://u@as.example/", "https://as.example/%zz",
	} {
		require.ErrorIs(t, checkBrowserURL(raw), ErrAuthorization, raw)
	}
}

func TestIsLoopbackHost(t *testing.T) {
	for _, host := range []string{"localhost", "LocalHost", "127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"} {
		require.True(t, isLoopbackHost(host), host)
	}
	for _, host := range []string{"", "localhost.example", "my.localhost", "127.0.0.1.example", "128.0.0.1", "0.0.0.0", "::", "::2", "127.1", "10.0.0.1"} {
		require.False(t, isLoopbackHost(host), host)
	}
}

func TestOriginAndCanonicalResource(t *testing.T) {
	for _, c := range []struct{ raw, origin, resource string }{
		{"https://MCP.Example", "https://mcp.example", "https://mcp.example"},
		{"https://mcp.example/", "https://mcp.example", "https://mcp.example"},
		{"https://mcp.example:443/Mcp/", "https://mcp.example", "https://mcp.example/Mcp/"},
		{"http://mcp.example:443/a%2fb", "http://mcp.example:443", "http://mcp.example:443/a%2fb"},
		{"http://mcp.example:80/mcp#frag", "http://mcp.example", "http://mcp.example/mcp"},
		{"https://u:p@mcp.example/mcp?tenant=7", "https://mcp.example", "https://mcp.example/mcp?tenant=7"},
		{"https://mcp.example/?tenant=7", "https://mcp.example", "https://mcp.example/?tenant=7"},
		{"http://[::1]:8080/mcp", "http://[::1]:8080", "http://[::1]:8080/mcp"},
		{"http://[::1]:80/mcp", "http://[::1]", "http://[::1]/mcp"},
	} {
		at, err := url.Parse(c.raw)
		require.NoError(t, err)
		require.Equal(t, c.origin, origin(at), c.raw)
		require.Equal(t, c.resource, canonicalResource(at), c.raw)
	}
}

func TestSameResource(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"https://mcp.example/mcp", "https://mcp.example/mcp", true},
		{"https://mcp.example/mcp", "https://mcp.example/mcp/", true},
		{"https://mcp.example", "HTTPS://MCP.example:443/", true},
		{"https://mcp.example/mcp?a=1", "https://mcp.example/mcp?a=1", true},
		{"http://[::1]:80/", "http://[::1]", true},

		{"https://mcp.example/mcp", "https://mcp.example/MCP", false},
		{"https://mcp.example/mcp", "https://mcp.example/mcp//", false},
		{"https://mcp.example/mcp", "https://mcp.example", false},
		{"https://mcp.example/mcp", "https://mcp.example/mcp2", false},
		{"https://mcp.example/a%2fb", "https://mcp.example/a/b", false},
		{"https://mcp.example/mcp", "https://mcp.example/x/../mcp", false},
		{"https://mcp.example/mcp", "http://mcp.example/mcp", false},
		{"https://mcp.example/mcp", "https://mcp.example:8443/mcp", false},
		{"https://mcp.example/mcp", "https://mcp.example./mcp", false},
		{"https://mcp.example/mcp", "https://mcp.example/mcp?a=1", false},
		{"https://mcp.example/mcp", "https://mcp.example/mcp#x", false},
		{"https://mcp.example/mcp", "https://u@mcp.example/mcp", false},
		{"/mcp", "/mcp", false},
		{"%zz", "%zz", false},
		{"https://mcp.example/mcp", "%zz", false},
	} {
		require.Equal(t, c.same, sameResource(c.a, c.b), "%s %s", c.a, c.b)
		require.Equal(t, c.same, sameResource(c.b, c.a), "%s %s", c.b, c.a)
	}
}

func TestNames(t *testing.T) {
	hosts := []string{"sso.corp", "as.corp:8443", "[fd00::5]", "[fd00::6]:8443"}
	for _, raw := range []string{"https://SSO.corp:99/", "https://sso.corp./", "https://as.corp:8443/", "https://[fd00::5]/", "https://[fd00::6]:8443/"} {
		at, err := url.Parse(raw)
		require.NoError(t, err)
		require.True(t, names(hosts, at), raw)
	}
	for _, raw := range []string{"https://corp/", "https://x.sso.corp/", "https://as.corp/", "https://[fd00::6]/", "https://sso.corp.example/"} {
		at, err := url.Parse(raw)
		require.NoError(t, err)
		require.False(t, names(hosts, at), raw)
	}
}
