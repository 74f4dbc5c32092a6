package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/big"
)

// jwk is a public key (RFC 7517): the members that its kind requires and no
// other, in the order of their names. So its JSON is what RFC 7638 section 3
// hashes, and a private key has no place in it.
type jwk struct {
	Curve    string `json:"crv,omitempty"`
	Exponent string `json:"e,omitempty"`
	Type     string `json:"kty"`
	Modulus  string `json:"n,omitempty"`
	X        string `json:"x,omitempty"`
	Y        string `json:"y,omitempty"`
}

// jwkOf returns the JWK of a public key.
func jwkOf(public crypto.PublicKey) (jwk, error) {
	switch public := public.(type) {
	case *ecdsa.PublicKey:
		point, err := public.Bytes() // 4, x, y: both at full length (RFC 7518 section 6.2.1.2)
		if err != nil {
			return jwk{}, err
		}
		x, y := point[1:1+len(point)/2], point[1+len(point)/2:]
		return jwk{Type: "EC", Curve: public.Params().Name, X: base64URL(x), Y: base64URL(y)}, nil
	case *rsa.PublicKey:
		exponent := big.NewInt(int64(public.E))
		return jwk{Type: "RSA", Modulus: base64URL(public.N.Bytes()), Exponent: base64URL(exponent.Bytes())}, nil
	case ed25519.PublicKey:
		return jwk{Type: "OKP", Curve: "Ed25519", X: base64URL(public)}, nil // RFC 8037 section 2
	}
	return jwk{}, fmt.Errorf("no JWK for a key of type %T", public)
}

// thumbprint returns the SHA-256 thumbprint (RFC 7638), which names the key in
// dpop_jkt and in tokens that are bound to it.
func (k jwk) thumbprint() (string, error) {
	text, err := json.Marshal(k)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return base64URL(sum[:]), nil
}
