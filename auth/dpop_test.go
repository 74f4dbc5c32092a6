package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func urlOf(t *testing.T, text string) *url.URL {
	t.Helper()
	at, err := url.Parse(text)
	require.NoError(t, err)
	return at
}

// newBoundKey returns a key for ES256 and what to verify its proofs with.
func newBoundKey(t *testing.T) (*dpopKey, crypto.PublicKey) {
	t.Helper()
	signer := ecKey(t, elliptic.P256())
	key, err := newDPoPKey(signer)
	require.NoError(t, err)
	return key, signer.Public()
}

func TestDPoPProof(t *testing.T) {
	key, public := newBoundKey(t)
	require.True(t, key.supports(nil))
	require.True(t, key.supports([]string{"RS256", "ES256"}))
	require.False(t, key.supports([]string{"RS256", "none"}))

	now := time.Unix(1_800_000_000, 0)
	target := urlOf(t, "https://user:pw@mcp.example/a%2Fb/mcp?tenant=1#part")
	// The token and its hash are those of RFC 9449 section 4.3 and 7.1.
	proof, err := key.proof(http.MethodGet, target, "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU", "n-1", now)
	require.NoError(t, err)
	header, claims := openJWS(t, public, proof)
	require.Equal(t, map[string]any{
		"typ": "dpop+jwt", "alg": "ES256",
		"jwk": map[string]any{"kty": "EC", "crv": "P-256", "x": key.jwk.X, "y": key.jwk.Y},
	}, header)
	jti := claims["jti"]
	require.GreaterOrEqual(t, len(jti.(string)), 26, "less than 128 bits")
	require.Equal(t, map[string]any{
		"jti": jti, "htm": "GET", "htu": "https://mcp.example/a%2Fb/mcp", "iat": 1.8e9,
		"ath": "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo", "nonce": "n-1",
	}, claims)

	again, err := key.proof(http.MethodPost, urlOf(t, "https://as.example"), "", "", now)
	require.NoError(t, err)
	_, claims = openJWS(t, public, again)
	require.NotEqual(t, jti, claims["jti"], "no proof is like another")
	require.Equal(t, "https://as.example/", claims["htu"])
	require.NotContains(t, claims, "ath")
	require.NotContains(t, claims, "nonce")
}

// TestDPoPFreshKey: who gives no signer gets a key of their own.
func TestDPoPFreshKey(t *testing.T) {
	fresh := func() *dpopKey {
		key, err := newDPoPKey(nil)
		require.NoError(t, err)
		return key
	}
	key := fresh()
	require.NotEqual(t, key.thumbprint, fresh().thumbprint)
	point := append([]byte{4}, append(decodeBase64URL(t, key.jwk.X), decodeBase64URL(t, key.jwk.Y)...)...)
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	require.NoError(t, err)
	proof, err := key.proof(http.MethodPost, urlOf(t, "https://as.example/token"), "", "", time.Unix(1, 0))
	require.NoError(t, err)
	openJWS(t, public, proof)
}

func TestDPoPKeyOfASigner(t *testing.T) {
	signer := farSigner{edKey(t)}
	key, err := newDPoPKey(signer)
	require.NoError(t, err)
	want, err := key.jwk.thumbprint()
	require.NoError(t, err)
	require.Equal(t, want, key.thumbprint)
	require.True(t, key.supports([]string{"EdDSA"}))
	proof, err := key.proof(http.MethodPost, urlOf(t, "https://as.example/token"), "", "", time.Unix(1, 0))
	require.NoError(t, err)
	openJWS(t, signer.Public(), proof)

	_, err = newDPoPKey(ecKey(t, elliptic.P224()))
	require.ErrorContains(t, err, "P-256")

	unplugged := errors.New("unplugged")
	key, err = newDPoPKey(brokenSigner{Signer: ecKey(t, elliptic.P256()), err: unplugged})
	require.NoError(t, err)
	_, err = key.proof(http.MethodPost, urlOf(t, "https://as.example/token"), "", "", time.Unix(1, 0))
	require.ErrorIs(t, err, unplugged)
	require.ErrorIs(t, err, ErrAuthorization)
}

func TestDPoPKeyDoesNotShow(t *testing.T) {
	signer := edKey(t)
	key, err := newDPoPKey(signer)
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		require.Equal(t, "DPoP key "+key.thumbprint, fmt.Sprintf(verb, key))
		held := fmt.Sprintf(verb, struct{ key *dpopKey }{key})
		require.NotContains(t, held, fmt.Sprintf("%d", []byte(signer)))
		require.NotContains(t, held, fmt.Sprintf("%x", []byte(signer)))
	}
}

func TestNonceMemory(t *testing.T) {
	var memory nonceMemory
	as, rs := urlOf(t, "https://as.example/token"), urlOf(t, "https://mcp.example/mcp")
	require.Zero(t, memory.terms(as))

	memory.learn(as, http.Header{"Dpop-Nonce": {"a1"}})
	memory.learn(rs, http.Header{"Dpop-Nonce": {"r1"}})
	memory.learn(as, http.Header{"Dpop-Nonce": {"a2"}})
	memory.learn(as, http.Header{})
	require.Equal(t, "a2", memory.terms(urlOf(t, "HTTPS://AS.example/revoke?x")).nonce, "the latest of the origin")
	require.Equal(t, "r1", memory.terms(rs).nonce)
	require.Empty(t, memory.terms(urlOf(t, "http://as.example/token")).nonce, "another scheme is another origin")
	require.Empty(t, memory.terms(urlOf(t, "https://as.example:8443/token")).nonce)

	for _, bad := range []string{"", "a b", "a\tb", `a"b`, `a\b`, "ä", strings.Repeat("n", maxNonce+1)} {
		memory.learn(as, http.Header{"Dpop-Nonce": {bad}})
		require.Equal(t, "a2", memory.terms(as).nonce)
		_, ok := memory.mend(as, "use_dpop_nonce", http.Header{"Dpop-Nonce": {bad}}, time.Now())
		require.False(t, ok)
	}
	_, ok := memory.mend(as, "invalid_grant", http.Header{"Dpop-Nonce": {"a3"}}, time.Now())
	require.False(t, ok, "a nonce alone asks for nothing")
	require.Equal(t, "a3", memory.terms(as).nonce)
	better, ok := memory.mend(as, "use_dpop_nonce", http.Header{"Dpop-Nonce": {"a4"}}, time.Now())
	require.True(t, ok)
	require.Equal(t, "a4", better.nonce)
}

func TestNonceMemoryIsBounded(t *testing.T) {
	var memory nonceMemory
	for i := range 3 * maxNonceOrigins {
		at := urlOf(t, fmt.Sprintf("https://as%d.example/", i))
		memory.learn(at, http.Header{"Dpop-Nonce": {"n"}})
		require.Equal(t, "n", memory.terms(at).nonce)
	}
	require.Len(t, memory.origins, maxNonceOrigins)
}

func TestNonceMemoryConcurrently(*testing.T) {
	var memory nonceMemory
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 200 {
				at := &url.URL{Scheme: "https", Host: fmt.Sprintf("as%d.example", (i+j)%300)}
				memory.learn(at, http.Header{"Dpop-Nonce": {"n"}})
				memory.mend(at, "invalid_dpop_proof", http.Header{"Date": {"Fri, 15 Jan 2027 08:00:00 GMT"}}, time.Unix(1_800_000_000, 0))
				memory.terms(at)
			}
		})
	}
	wg.Wait()
}

func TestNonceMemoryClock(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	at := urlOf(t, "https://as.example/token")
	date := func(ahead time.Duration) http.Header {
		return http.Header{"Date": {now.Add(ahead).UTC().Format(http.TimeFormat)}}
	}
	var memory nonceMemory
	for name, header := range map[string]http.Header{
		"no date": {}, "no real date": {"Date": {"yesterday"}}, "the same time": date(0), "nearly": date(4 * time.Second), "unbelievable": date(48 * time.Hour),
	} {
		_, ok := memory.mend(at, "invalid_dpop_proof", header, now)
		require.False(t, ok, name)
		require.Zero(t, memory.terms(at).ahead, name)
	}
	for _, ahead := range []time.Duration{time.Hour, -10 * time.Minute} {
		better, ok := memory.mend(at, "invalid_dpop_proof", date(ahead), now)
		require.True(t, ok)
		require.Equal(t, ahead, better.ahead)
		require.Equal(t, ahead, memory.terms(at).ahead)
		_, ok = memory.mend(at, "invalid_dpop_proof", date(ahead), now)
		require.False(t, ok, "it is reckoned with already")
	}
}
