package authtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// FuzzJWS: whatever a client sends as a JWT is judged, and nothing but what was
// signed is believed.
func FuzzJWS(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(f, err)
	signed, err := SignJWT(key, map[string]any{"typ": "dpop+jwt"}, map[string]any{"exp": time.Now().Unix(), "aud": []string{"a"}})
	require.NoError(f, err)
	for _, seed := range []string{
		signed, "", "..", "a.b.c", "e30.e30.", "bnVsbA.e30.AA", "eyJhbGciOiJub25lIn0.e30.", signed + "A", signed + ".",
		"eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IlJTMjU2IiwiandrIjp7Imt0eSI6IlJTQSIsIm4iOiIiLCJlIjoiIn19.e30.AA",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		token, err := parseJWS(text)
		if err != nil {
			return
		}
		_ = token.checkTimes(time.Now())
		_ = token.names("a")
		_, no := token.proofKey()
		require.True(t, no != nil || token.header["jwk"] != nil)
		if token.verify(key.Public()) == nil {
			require.Equal(t, signed, text)
		}
	})
}
