package auth

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBrowserCommands(t *testing.T) {
	with := func(set map[string]string) func(string) string { return func(name string) string { return set[name] } }
	for _, test := range []struct {
		system string
		set    map[string]string
		want   [][]string
	}{
		{"darwin", nil, [][]string{{"/usr/bin/open"}}},
		{"windows", map[string]string{"SystemRoot": "root"}, [][]string{{filepath.Join("root", "System32", "rundll32.exe"), "url.dll,FileProtocolHandler"}}},
		{"linux", map[string]string{"DISPLAY": ":0"}, [][]string{{"xdg-open"}, {"x-www-browser"}}},
		{"freebsd", map[string]string{"WAYLAND_DISPLAY": "wayland-0"}, [][]string{{"xdg-open"}, {"x-www-browser"}}},
		{"linux", map[string]string{"WSL_DISTRO_NAME": "Debian"}, [][]string{{"wslview"}, {"xdg-open"}}},
		{"linux", nil, nil},
		{"js", nil, nil},
	} {
		require.Equal(t, test.want, browserCommands(test.system, with(test.set)))
	}
}

func TestShownURL(t *testing.T) {
	for _, raw := range []string{"https://as.example/a?b=c;d$(e)&f=%20'!*", "http://127.0.0.1:1/", "http://localhost/", "http://[::1]:8080/x", "https://xn--bcher-kva.example/"} {
		require.NoError(t, checkShownURL(raw), raw)
	}
	for _, raw := range []string{
		"", "-", "--help", "https:", "https:///x", "https:as.example", "//as.example", "file:///etc/passwd", "javascript:alert(1)", "data:text/html,x", "ms-msdt:/id", "ftp://as.example/",
		"http://as.example/", "http://localhost.example/", "http://127.0.0.1.example/", "https://user:pass@as.example/",
		"https://as.example/ x", "https://as.example/\"&calc", "https://as.example/`x`", "https://as.example/\n", "https://as.example/\x1b[2J", "https://as.example/^x", "https://as.example/ü", "https://as.example/?a=|b", "https://as.example/%zz",
	} {
		err := checkShownURL(raw)
		require.ErrorIs(t, err, ErrAuthorization, raw)
		require.NotContains(t, err.Error(), "pass@")
	}
}

func TestOpenBrowserRefuses(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("DISPLAY", "")
	t.Setenv("WAYLAND_DISPLAY", "")
	t.Setenv("WSL_DISTRO_NAME", "")
	insecure := &InsecureURLError{}
	require.ErrorAs(t, OpenBrowser(t.Context(), "http://as.example/?state=s"), &insecure)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, OpenBrowser(over, "https://as.example/"), context.Canceled)
}
