package authtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"
)

func signingAlgs() []string { return []string{"ES256", "RS256", "PS256", "EdDSA"} }

// SignJWT signs claims as a JSON Web Token (RFC 7519): with ES256 for an ECDSA
// key on P-256, RS256 for RSA, EdDSA for Ed25519. header adds to the JOSE header
// and may be nil. It is for assertions that a test makes up.
func SignJWT(key crypto.Signer, header, claims map[string]any) (string, error) {
	joined := map[string]any{"typ": "JWT"}
	switch key.Public().(type) {
	case *ecdsa.PublicKey:
		joined["alg"] = "ES256"
	case *rsa.PublicKey:
		joined["alg"] = "RS256"
	case ed25519.PublicKey:
		joined["alg"] = "EdDSA"
	default:
		return "", fmt.Errorf("authtest: no algorithm for a key of type %T", key.Public())
	}
	maps.Copy(joined, header)
	first, err := json.Marshal(joined)
	if err != nil {
		return "", err
	}
	second, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signed := encode(first) + "." + encode(second)
	signature, err := sign(key, []byte(signed))
	if err != nil {
		return "", err
	}
	return signed + "." + encode(signature), nil
}

func encode(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

func sign(key crypto.Signer, text []byte) ([]byte, error) {
	if _, ok := key.Public().(ed25519.PublicKey); ok {
		return key.Sign(rand.Reader, text, crypto.Hash(0))
	}
	digest := sha256.Sum256(text)
	signature, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if _, ok := key.Public().(*ecdsa.PublicKey); !ok || err != nil {
		return signature, err
	}
	// A signer speaks ASN.1, JWS wants both numbers side by side (RFC 7518 section 3.4).
	var pair struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(signature, &pair); err != nil {
		return nil, err
	}
	flat := make([]byte, 64)
	pair.R.FillBytes(flat[:32])
	pair.S.FillBytes(flat[32:])
	return flat, nil
}

// jws is a JWS in its compact form (RFC 7515), read but not believed.
type jws struct {
	header, claims map[string]any
	signed         string
	signature      []byte
}

func parseJWS(text string) (*jws, error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return nil, errors.New("it is not a JWS")
	}
	raw := make([][]byte, 3)
	for i, part := range parts {
		var err error
		if raw[i], err = base64.RawURLEncoding.Strict().DecodeString(part); err != nil {
			return nil, errors.New("it is not base64url without padding")
		}
	}
	header, err := jsonObject(raw[0])
	if err != nil {
		return nil, errors.New("its header is no JSON object")
	}
	claims, err := jsonObject(raw[1])
	if err != nil {
		return nil, errors.New("its claims are no JSON object")
	}
	return &jws{header: header, claims: claims, signed: parts[0] + "." + parts[1], signature: raw[2]}, nil
}

func text(object map[string]any, name string) string {
	value, _ := object[name].(string) // anything else is as good as nothing
	return value
}

func (j *jws) claim(name string) string { return text(j.claims, name) }

// at reads a claim that is a time (RFC 7519 section 2, NumericDate).
func (j *jws) at(name string) (time.Time, bool) {
	seconds, ok := j.claims[name].(float64)
	return time.Unix(int64(seconds), 0), ok
}

// names tells whether value is the audience, alone or in an array.
func (j *jws) names(value string) bool {
	if list, ok := j.claims["aud"].([]any); ok {
		return slices.Contains(list, any(value))
	}
	return j.claim("aud") == value
}

func (j *jws) verify(key crypto.PublicKey) error {
	digest := sha256.Sum256([]byte(j.signed))
	valid := false
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		valid = text(j.header, "alg") == "ES256" && key.Curve == elliptic.P256() && len(j.signature) == 64 &&
			ecdsa.Verify(key, digest[:], new(big.Int).SetBytes(j.signature[:32]), new(big.Int).SetBytes(j.signature[32:]))
	case *rsa.PublicKey:
		switch text(j.header, "alg") {
		case "RS256":
			valid = rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], j.signature) == nil
		case "PS256":
			options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
			valid = rsa.VerifyPSS(key, crypto.SHA256, digest[:], j.signature, options) == nil
		}
	case ed25519.PublicKey:
		valid = text(j.header, "alg") == "EdDSA" && ed25519.Verify(key, []byte(j.signed), j.signature)
	}
	if !valid {
		return errors.New("its signature is wrong")
	}
	return nil
}

// checkTimes wants a time of expiry that lies ahead, and none of the others to.
func (j *jws) checkTimes(now time.Time) error {
	const skew = 30 * time.Second
	expiry, ok := j.at("exp")
	switch {
	case !ok:
		return errors.New("it has no exp")
	case !now.Before(expiry.Add(skew)):
		return errors.New("it has expired")
	}
	for _, name := range []string{"iat", "nbf"} {
		if at, ok := j.at(name); ok && at.After(now.Add(skew)) {
			return errors.New("its " + name + " is in the future")
		}
	}
	return nil
}
