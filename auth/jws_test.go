package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// farSigner is a key that is elsewhere: nothing but its signatures can be had.
type farSigner struct{ crypto.Signer }

// brokenSigner returns a signature of somebody's choice.
type brokenSigner struct {
	crypto.Signer
	signature []byte
	err       error
}

func (s brokenSigner) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return s.signature, s.err
}

func ecKey(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	require.NoError(t, err)
	return key
}

func rsaKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	return key
}

func edKey(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	return key
}

// openJWS takes a compact JWS apart and verifies its signature with the bare
// algorithms, without the code that made it.
func openJWS(t *testing.T, public crypto.PublicKey, token string) (header, claims map[string]any) {
	t.Helper()
	parts := strings.Split(token, ".")
	require.Len(t, parts, 3)
	decoded := make([][]byte, 3)
	for i, part := range parts {
		var err error
		decoded[i], err = base64.RawURLEncoding.DecodeString(part)
		require.NoError(t, err)
	}
	require.NoError(t, json.Unmarshal(decoded[0], &header))
	require.NoError(t, json.Unmarshal(decoded[1], &claims))
	require.True(t, verifies(public, header["alg"], []byte(parts[0]+"."+parts[1]), decoded[2]), "the signature is not right")
	return header, claims
}

func verifies(public crypto.PublicKey, algorithm any, signed, signature []byte) bool {
	sum256, sum384, sum512 := sha256.Sum256(signed), sha512.Sum384(signed), sha512.Sum512(signed)
	halves := func(sum []byte, size int) bool {
		r, s := new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:])
		return len(signature) == 2*size && ecdsa.Verify(public.(*ecdsa.PublicKey), sum, r, s)
	}
	switch algorithm {
	case "ES256":
		return halves(sum256[:], 32)
	case "ES384":
		return halves(sum384[:], 48)
	case "ES512":
		return halves(sum512[:], 66)
	case "RS256":
		return rsa.VerifyPKCS1v15(public.(*rsa.PublicKey), crypto.SHA256, sum256[:], signature) == nil
	case "PS256":
		return rsa.VerifyPSS(public.(*rsa.PublicKey), crypto.SHA256, sum256[:], signature, &rsa.PSSOptions{SaltLength: 32}) == nil
	case "EdDSA", "Ed25519":
		return ed25519.Verify(public.(ed25519.PublicKey), signed, signature)
	}
	return false
}

func TestJWSAlgorithms(t *testing.T) {
	rsaSigner := rsaKey(t)
	for _, c := range []struct {
		name   string
		signer crypto.Signer
		listed []string
		want   string
	}{
		{"P-256", ecKey(t, elliptic.P256()), nil, "ES256"},
		{"P-384", ecKey(t, elliptic.P384()), []string{"RS256", "ES384"}, "ES384"},
		{"P-521", ecKey(t, elliptic.P521()), nil, "ES512"},
		{"RSA, nothing listed", rsaSigner, nil, "RS256"},
		{"RSA, both listed", rsaSigner, []string{"PS256", "RS256"}, "RS256"},
		{"RSA, PSS listed", rsaSigner, []string{"ES256", "PS256"}, "PS256"},
		{"Ed25519", edKey(t), []string{"EdDSA"}, "EdDSA"},
		{"Ed25519 by its newer name", edKey(t), []string{"Ed25519"}, "Ed25519"},
		{"far P-256", farSigner{ecKey(t, elliptic.P256())}, nil, "ES256"},
		{"far RSA", farSigner{rsaSigner}, []string{"PS256"}, "PS256"},
		{"far Ed25519", farSigner{edKey(t)}, nil, "EdDSA"},
	} {
		t.Run(c.name, func(t *testing.T) {
			algorithm, err := chooseAlgorithm(c.signer.Public(), c.listed)
			require.NoError(t, err)
			// Some signatures have numbers with leading zeros, which DER leaves
			// out and a JWS does not.
			for range 40 {
				token, err := signJWS(c.signer, algorithm, jwsHeader{Type: "JWT", KeyID: "k1"}, []byte(`{"a":1}`))
				require.NoError(t, err)
				header, claims := openJWS(t, c.signer.Public(), string(token))
				require.Equal(t, map[string]any{"typ": "JWT", "alg": c.want, "kid": "k1"}, header)
				require.Equal(t, map[string]any{"a": 1.0}, claims)
			}
		})
	}
}

func TestJWSRefusedKeys(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	_, err = chooseAlgorithm(small.Public(), nil)
	require.ErrorContains(t, err, "2048")
	_, err = chooseAlgorithm(ecKey(t, elliptic.P224()).Public(), nil)
	require.ErrorContains(t, err, "P-256")
	_, err = chooseAlgorithm("a text", nil)
	require.ErrorContains(t, err, "string")
	_, err = chooseAlgorithm(nil, nil)
	require.Error(t, err)
	_, err = chooseAlgorithm(ecKey(t, elliptic.P256()).Public(), []string{"HS256", "none", "RS256\n"})
	require.ErrorContains(t, err, `the key signs with ES256, the authorization server takes "HS256 none RS256\n"`)
}

// TestJWSFixedSignature: a signer is somebody else's code.
func TestJWSFixedSignature(t *testing.T) {
	der := func(r, s *big.Int) []byte {
		text, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
		require.NoError(t, err)
		return text
	}
	small, large := big.NewInt(7), new(big.Int).Lsh(big.NewInt(1), 256)
	fixed, err := fixedSignature(der(small, big.NewInt(0x0102)), 32)
	require.NoError(t, err)
	require.Equal(t, append(append(make([]byte, 31), 7), append(make([]byte, 30), 1, 2)...), fixed)

	for name, bad := range map[string][]byte{
		"empty":           nil,
		"fixed already":   make([]byte, 64),
		"more after it":   append(der(small, small), 0),
		"too large":       der(large, small),
		"zero":            der(small, new(big.Int)),
		"below zero":      der(big.NewInt(-1), small),
		"one number only": {0x30, 0x03, 0x02, 0x01, 0x07},
	} {
		_, err := fixedSignature(bad, 32)
		require.Error(t, err, name)
	}

	_, err = newDPoPKey(brokenSigner{Signer: ecKey(t, elliptic.P256())})
	require.NoError(t, err)
	broken := brokenSigner{Signer: ecKey(t, elliptic.P256()), signature: []byte("?")}
	algorithm, err := chooseAlgorithm(broken.Public(), nil)
	require.NoError(t, err)
	_, err = signJWS(broken, algorithm, jwsHeader{}, nil)
	require.ErrorContains(t, err, "signing with ES256")
	unplugged := errors.New("unplugged")
	broken.err = unplugged
	_, err = signJWS(broken, algorithm, jwsHeader{}, nil)
	require.ErrorIs(t, err, unplugged)
}

// TestJWSOfRFC8037 is the example of RFC 8037 appendix A.4.
func TestJWSOfRFC8037(t *testing.T) {
	seed, err := base64.RawURLEncoding.DecodeString("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
	require.NoError(t, err)
	key := ed25519.NewKeyFromSeed(seed)
	algorithm, err := chooseAlgorithm(key.Public(), nil)
	require.NoError(t, err)
	token, err := signJWS(key, algorithm, jwsHeader{}, []byte("Example of Ed25519 signing"))
	require.NoError(t, err)
	require.Equal(t, "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."+
		"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg", string(token))
}
