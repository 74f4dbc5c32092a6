package authtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

// publicJWK writes a public key as RFC 7517 has it.
func publicJWK(key crypto.PublicKey) (map[string]any, error) {
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		point, err := key.Bytes() // 4, then both coordinates
		if err != nil {
			return nil, err
		}
		if len(point) != 65 {
			return nil, errors.New("authtest: of the curves only P-256 is known")
		}
		return map[string]any{"kty": "EC", "crv": "P-256", "x": encode(point[1:33]), "y": encode(point[33:])}, nil
	case ed25519.PublicKey:
		return map[string]any{"kty": "OKP", "crv": "Ed25519", "x": encode(key)}, nil
	case *rsa.PublicKey:
		return map[string]any{"kty": "RSA", "n": encode(key.N.Bytes()), "e": encode(big.NewInt(int64(key.E)).Bytes())}, nil
	}
	return nil, fmt.Errorf("authtest: no JWK for a key of type %T", key)
}

// parseJWK reads a public key; one that tells its private part is an error.
func parseJWK(key map[string]any) (crypto.PublicKey, error) {
	for _, name := range []string{"d", "p", "q", "k"} {
		if _, ok := key[name]; ok {
			return nil, errors.New("the JWK holds a private key")
		}
	}
	member := func(name string, size int) []byte {
		raw, err := base64.RawURLEncoding.DecodeString(text(key, name))
		if err != nil || (size > 0 && len(raw) != size) {
			return nil
		}
		return raw
	}
	switch text(key, "kty") + " " + text(key, "crv") {
	case "EC P-256":
		point := slices.Concat([]byte{4}, member("x", 32), member("y", 32))
		return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	case "OKP Ed25519":
		if x := member("x", ed25519.PublicKeySize); x != nil {
			return ed25519.PublicKey(x), nil
		}
	case "RSA ":
		n, e := new(big.Int).SetBytes(member("n", 0)), new(big.Int).SetBytes(member("e", 0))
		if n.BitLen() >= 2048 && e.BitLen() < 32 && e.Bit(0) == 1 {
			return &rsa.PublicKey{N: n, E: int(e.Int64())}, nil
		}
	}
	return nil, errors.New("the JWK is not a key of a known kind")
}

// thumbprint names a key (RFC 7638): the digest of its required members, in their order.
func thumbprint(key crypto.PublicKey) (string, error) {
	members, err := publicJWK(key) // has the required members alone
	if err != nil {
		return "", err
	}
	sorted, err := json.Marshal(members) // by name, without spaces
	if err != nil {
		return "", err
	}
	digest := sha256.Sum256(sorted)
	return encode(digest[:]), nil
}
