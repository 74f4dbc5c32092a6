package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // links the hashes that the algorithms name
	_ "crypto/sha512" // likewise
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// signingAlgorithm is one way to sign a JWS with one kind of key (RFC 7518
// section 3.1, RFC 8037 section 3.1).
type signingAlgorithm struct {
	name    string
	options crypto.SignerOpts
	size    int // of the two numbers of an ECDSA signature, in bytes each; 0: not ECDSA
}

// algorithmsOf returns the algorithms that a key can be used with, the most
// widely understood first.
func algorithmsOf(public crypto.PublicKey) ([]signingAlgorithm, error) {
	switch public := public.(type) {
	case *ecdsa.PublicKey:
		switch public.Curve {
		case elliptic.P256():
			return []signingAlgorithm{{"ES256", crypto.SHA256, 32}}, nil
		case elliptic.P384():
			return []signingAlgorithm{{"ES384", crypto.SHA384, 48}}, nil
		case elliptic.P521():
			return []signingAlgorithm{{"ES512", crypto.SHA512, 66}}, nil
		}
		return nil, errors.New("an ECDSA key has to be on the curve P-256, P-384 or P-521")
	case *rsa.PublicKey:
		if public.Size() < 256 { // RFC 7518 section 3.3
			return nil, errors.New("an RSA key needs 2048 bits or more")
		}
		return []signingAlgorithm{
			{"RS256", crypto.SHA256, 0},
			{"PS256", &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}, 0},
		}, nil
	case ed25519.PublicKey:
		// RFC 9864 gave the same algorithm a name that tells the curve.
		return []signingAlgorithm{{"EdDSA", crypto.Hash(0), 0}, {"Ed25519", crypto.Hash(0), 0}}, nil
	}
	return nil, fmt.Errorf("a key of type %T cannot sign: use ECDSA, RSA or Ed25519", public)
}

// chooseAlgorithm returns the first algorithm of a key that is listed; an empty
// list says nothing, so all are.
func chooseAlgorithm(public crypto.PublicKey, listed []string) (signingAlgorithm, error) {
	able, err := algorithmsOf(public)
	if err != nil {
		return signingAlgorithm{}, err
	}
	if len(listed) == 0 {
		return able[0], nil
	}
	for _, algorithm := range able {
		if slices.Contains(listed, algorithm.name) {
			return algorithm, nil
		}
	}
	return signingAlgorithm{}, fmt.Errorf("the key signs with %s, the authorization server takes %s", able[0].name, quote(strings.Join(listed, " ")))
}

// jwsHeader is a JOSE header (RFC 7515 section 4.1).
type jwsHeader struct {
	Type      string `json:"typ,omitempty"`
	Algorithm string `json:"alg"`
	KeyID     string `json:"kid,omitempty"`
	Key       *jwk   `json:"jwk,omitempty"`
}

// signJWS returns a JWS in the compact serialization (RFC 7515 section 7.1). The
// signer may be far away, and slow; a [crypto.Signer] cannot be interrupted.
func signJWS(signer crypto.Signer, algorithm signingAlgorithm, header jwsHeader, payload []byte) (secret, error) {
	header.Algorithm = algorithm.name
	head, err := json.Marshal(header)
	if err != nil {
		return "", err
	}
	signed := base64URL(head) + "." + base64URL(payload)
	signature, err := crypto.SignMessage(signer, rand.Reader, []byte(signed), algorithm.options)
	if err == nil && algorithm.size > 0 {
		signature, err = fixedSignature(signature, algorithm.size)
	}
	if err != nil {
		return "", fmt.Errorf("signing with %s: %w", algorithm.name, err)
	}
	return secret(signed + "." + base64URL(signature)), nil
}

// fixedSignature turns an ECDSA signature as every [crypto.Signer] returns it
// (ASN.1) into r and s at their full length, as a JWS wants it (RFC 7518 section
// 3.4).
func fixedSignature(der []byte, size int) ([]byte, error) {
	var pair struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(der, &pair)
	if err != nil || len(rest) > 0 {
		return nil, errors.New("the signer returned no ECDSA signature in ASN.1")
	}
	fixed := make([]byte, 2*size)
	for i, number := range []*big.Int{pair.R, pair.S} {
		if number.Sign() <= 0 || number.BitLen() > 8*size {
			return nil, errors.New("the signer returned an ECDSA signature of another curve")
		}
		number.FillBytes(fixed[i*size : (i+1)*size])
	}
	return fixed, nil
}

func base64URL(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }
