package auth

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRedirectURIForm(t *testing.T) {
	for uri, fault := range map[string]string{
		"https://app.example/callback":          "",
		"https://app.example:8443/cb?tenant=1":  "",
		"https://localhost/cb":                  "",
		"http://127.0.0.1:49152/callback":       "",
		"http://127.0.0.1/callback":             "",
		"http://[::1]:5000/callback":            "",
		"http://localhost:5000/":                "",
		"http://app.example/callback":           "neither https nor http on loopback",
		"http://127.0.0.1.example/callback":     "neither https nor http on loopback",
		"com.example.app:/callback":             "not an absolute URL",
		"com.example.app://host/callback":       "neither https nor http on loopback",
		"javascript:alert(1)":                   "not an absolute URL",
		"/callback":                             "not an absolute URL",
		"":                                      "not an absolute URL",
		"https://app.example/cb#":               "fragment",
		"https://app.example/cb#part":           "fragment",
		"https://user:pw@app.example/cb":        "user name",
		"https://app.example/c b":               "not an absolute URL",
		"https://app.example/c\u00e4":           "not an absolute URL",
		"http://127.0.0.1:bad/":                 "not an absolute URL",
		"ftp://127.0.0.1/callback":              "neither https nor http on loopback",
		"https://app.example/\nforged log line": "not an absolute URL",
	} {
		err := checkRedirectURI(uri)
		if fault == "" {
			require.NoError(t, err, uri)
			continue
		}
		require.ErrorContains(t, err, fault, uri)
		require.NotContains(t, err.Error(), "pw")
		require.NotContains(t, err.Error(), "\n")
	}
}

func TestApplicationType(t *testing.T) {
	for uri, want := range map[string]string{
		"http://127.0.0.1:1/cb":  "native",
		"http://[::1]/cb":        "native",
		"http://localhost/cb":    "native",
		"https://localhost/cb":   "native",
		"https://app.example/cb": "web",
	} {
		require.Equal(t, want, applicationType(uri), uri)
	}
}

// TestCallback: which redirect URI goes with a client that is registered with one,
// where callbacks are received at another. "" is none.
func TestCallback(t *testing.T) {
	for _, c := range []struct{ registered, receiver, dynamic, fixed string }{
		{"https://a.example/cb", "https://a.example/cb", "https://a.example/cb", "https://a.example/cb"},
		{"https://a.example/cb", "https://a.example/cb/", "", ""},
		{"https://a.example/cb", "https://a.example:444/cb", "", ""},
		{"https://a.example/cb", "http://127.0.0.1:1/cb", "", ""},
		{"http://127.0.0.1:1/cb", "http://127.0.0.1:1/cb", "http://127.0.0.1:1/cb", "http://127.0.0.1:1/cb"},
		// Another port: fine for an address, unless its port was written down by hand.
		{"http://127.0.0.1:1/cb", "http://127.0.0.1:2/cb", "http://127.0.0.1:2/cb", ""},
		{"http://[::1]:1/cb", "http://[::1]:2/cb", "http://[::1]:2/cb", ""},
		{"http://127.0.0.1/cb", "http://127.0.0.1:2/cb", "http://127.0.0.1:2/cb", "http://127.0.0.1:2/cb"},
		{"http://localhost:1/cb", "http://localhost:2/cb", "", ""},
		{"http://localhost/cb", "http://localhost:2/cb", "http://localhost:2/cb", "http://localhost:2/cb"},
		// Another name for the same port.
		{"http://localhost:1/cb", "http://127.0.0.1:1/cb", "http://localhost:1/cb", "http://localhost:1/cb"},
		{"http://127.0.0.1:1/cb", "http://localhost:1/cb", "http://127.0.0.1:1/cb", "http://127.0.0.1:1/cb"},
		{"http://127.0.0.1:1/cb", "http://localhost:2/cb", "http://127.0.0.1:2/cb", ""},
		{"http://localhost/cb", "http://127.0.0.1:2/cb", "http://localhost:2/cb", "http://localhost:2/cb"},
		{"http://localhost:1/cb", "http://127.0.0.1:2/cb", "", ""},
		{"http://[::1]/cb", "http://localhost:2/cb", "http://[::1]:2/cb", "http://[::1]:2/cb"},
		// A receiver at one address hears nothing that is sent to the other.
		{"http://[::1]:1/cb", "http://127.0.0.1:1/cb", "", ""},
		// Another path or query is another client.
		{"http://127.0.0.1:1/cb", "http://127.0.0.1:1/other", "", ""},
		{"http://127.0.0.1:1/cb?a", "http://127.0.0.1:2/cb", "", ""},
		{"http://127.0.0.1:1/a%2Fb", "http://127.0.0.1:2/a/b", "", ""},
		{"https://127.0.0.1:1/cb", "https://127.0.0.1:2/cb", "", ""},
	} {
		callback, ok := callbackFor(c.registered, c.receiver)
		require.Equal(t, c.dynamic, callback, "%s at %s", c.registered, c.receiver)
		require.Equal(t, c.dynamic != "", ok)
		callback, ok = fixedCallback(c.registered, c.receiver)
		require.Equal(t, c.fixed, callback, "by hand: %s at %s", c.registered, c.receiver)
		require.Equal(t, c.fixed != "", ok)
	}
	callback, ok := fixedCallback("", "http://127.0.0.1:2/cb")
	require.True(t, ok)
	require.Equal(t, "http://127.0.0.1:2/cb", callback)
}

func TestOtherLoopback(t *testing.T) {
	for uri, want := range map[string]string{
		"http://127.0.0.1:7/cb?x=1": "http://localhost:7/cb?x=1",
		"http://localhost:7/a%2Fb":  "http://127.0.0.1:7/a%2Fb",
		"http://[::1]:7/cb":         "http://localhost:7/cb",
		"http://localhost/cb":       "http://127.0.0.1/cb",
		"https://app.example/cb":    "",
	} {
		other, ok := otherLoopback(uri)
		require.Equal(t, want, other)
		require.Equal(t, want != "", ok)
	}
}
