package auth

import (
	"net"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// onlyFour returns a port that is free on 127.0.0.1 and taken on ::1, false where
// there is no ::1.
func onlyFour(t *testing.T) (int, bool) {
	t.Helper()
	six, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		return 0, false
	}
	t.Cleanup(func() { six.Close() })
	return six.Addr().(*net.TCPAddr).Port, true
}

func TestLoopbackTakesBothAddresses(t *testing.T) {
	port, both := onlyFour(t)
	listeners, taken, err := loopbackPlace{host: "127.0.0.1"}.listen(t.Context())
	require.NoError(t, err)
	want := []string{"127.0.0.1:" + strconv.Itoa(taken)}
	if both {
		want = append(want, "[::1]:"+strconv.Itoa(taken))
	}
	var got []string
	for _, listener := range listeners {
		got = append(got, listener.Addr().String())
		require.NoError(t, listener.Close())
	}
	require.Equal(t, want, got)
	if !both {
		return
	}

	// Somebody else has ::1. A browser that is told 127.0.0.1 does not go there...
	listeners, taken, err = loopbackPlace{host: "127.0.0.1", port: port}.listen(t.Context())
	require.NoError(t, err)
	require.Equal(t, port, taken)
	require.Len(t, listeners, 1)
	require.NoError(t, listeners[0].Close())

	// ...but with the name it may.
	_, _, err = loopbackPlace{host: "localhost", port: port, fixed: true}.listen(t.Context())
	require.Error(t, err)
	listeners, taken, err = loopbackPlace{host: "localhost", port: port}.listen(t.Context())
	require.NoError(t, err)
	require.NotEqual(t, port, taken)
	require.Len(t, listeners, 2)
	for _, listener := range listeners {
		require.NoError(t, listener.Close())
	}
}

func TestParseLoopback(t *testing.T) {
	for raw, want := range map[string]loopbackPlace{
		"http://127.0.0.1:8080/callback": {host: "127.0.0.1", port: 8080, path: "/callback"},
		"http://localhost/a%2fb":         {host: "localhost", path: "/a%2fb"},
		"http://[::1]:1":                 {host: "::1", port: 1},
	} {
		place, err := parseLoopback(raw)
		require.NoError(t, err)
		require.Equal(t, want, place)
		require.NoError(t, place.check())
		if place.port != 0 {
			require.Equal(t, raw, place.redirectURI(place.port), "byte for byte")
		}
	}
	for _, raw := range []string{"https://127.0.0.1/", "http://example.com/", "http://u@127.0.0.1/", "http://127.0.0.1/#x", "http://127.0.0.1:99999999999999999999/", "127.0.0.1", "%"} {
		_, err := parseLoopback(raw)
		require.Error(t, err, raw)
	}
}
