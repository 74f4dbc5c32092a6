package auth

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
)

func decodeBase64URL(t *testing.T, text string) []byte {
	t.Helper()
	data, err := base64.RawURLEncoding.DecodeString(text)
	require.NoError(t, err)
	return data
}

// The key of RFC 7638 section 3.1.
const modulusOfRFC7638 = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W" +
	"-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyr" +
	"dkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"

// The key in the proofs of RFC 9449, whose thumbprint its section 6.1 gives.
const (
	xOfRFC9449 = "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs"
	yOfRFC9449 = "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"
)

// TestJWKThumbprints holds the examples of RFC 7638 section 3.1, RFC 8037
// appendix A.3 and RFC 9449 section 6.1.
func TestJWKThumbprints(t *testing.T) {
	point := append([]byte{4}, append(decodeBase64URL(t, xOfRFC9449), decodeBase64URL(t, yOfRFC9449)...)...)
	ec, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	require.NoError(t, err)
	for _, c := range []struct {
		public     crypto.PublicKey
		want       jwk
		thumbprint string
	}{
		{
			&rsa.PublicKey{N: new(big.Int).SetBytes(decodeBase64URL(t, modulusOfRFC7638)), E: 65537},
			jwk{Type: "RSA", Modulus: modulusOfRFC7638, Exponent: "AQAB"},
			"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
		},
		{
			ed25519.PublicKey(decodeBase64URL(t, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")),
			jwk{Type: "OKP", Curve: "Ed25519", X: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
			"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
		},
		{
			ec,
			jwk{Type: "EC", Curve: "P-256", X: xOfRFC9449, Y: yOfRFC9449},
			"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I",
		},
	} {
		key, err := jwkOf(c.public)
		require.NoError(t, err)
		require.Equal(t, c.want, key)
		got, err := key.thumbprint()
		require.NoError(t, err)
		require.Equal(t, c.thumbprint, got)
	}
}

// TestJWKCoordinates: both have their full length, also where a number begins
// with zeros.
func TestJWKCoordinates(t *testing.T) {
	for curve, size := range map[elliptic.Curve]int{elliptic.P256(): 32, elliptic.P384(): 48, elliptic.P521(): 66} {
		for range 20 {
			public := &ecKey(t, curve).PublicKey
			key, err := jwkOf(public)
			require.NoError(t, err)
			x, y := decodeBase64URL(t, key.X), decodeBase64URL(t, key.Y)
			require.Len(t, x, size)
			require.Len(t, y, size)
			again, err := ecdsa.ParseUncompressedPublicKey(curve, append(append([]byte{4}, x...), y...))
			require.NoError(t, err)
			require.True(t, again.Equal(public))
		}
	}
}

func TestJWKHoldsPublicMembersOnly(t *testing.T) {
	for _, signer := range []crypto.Signer{ecKey(t, elliptic.P256()), rsaKey(t), edKey(t)} {
		key, err := jwkOf(signer.Public())
		require.NoError(t, err)
		text, err := json.Marshal(key)
		require.NoError(t, err)
		var members map[string]string
		require.NoError(t, json.Unmarshal(text, &members))
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "k"} {
			require.NotContains(t, members, private)
		}
	}
	other, err := ecdh.X25519().GenerateKey(rand.Reader)
	require.NoError(t, err)
	_, err = jwkOf(other.Public())
	require.ErrorContains(t, err, "*ecdh.PublicKey")
}
