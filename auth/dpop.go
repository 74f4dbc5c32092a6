package auth

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"time"
)

// dpopKey is the key that tokens are bound to: without proofs that it signs they
// are of no use to a thief (RFC 9449). It never changes.
type dpopKey struct {
	algorithm  string
	jwk        jwk
	thumbprint string // RFC 7638

	// sign has the key: into a function package fmt cannot look.
	sign func(header jwsHeader, payload []byte) (secret, error)
}

// newDPoPKey returns the key for a signer; nil: a new one for ES256, which is
// gone with the process.
func newDPoPKey(signer crypto.Signer) (*dpopKey, error) {
	if signer == nil {
		fresh, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		signer = fresh
	}
	able, err := algorithmsOf(signer.Public())
	if err != nil {
		return nil, fmt.Errorf("DPoP key: %w", err)
	}
	public, err := jwkOf(signer.Public())
	if err != nil {
		return nil, fmt.Errorf("DPoP key: %w", err)
	}
	thumbprint, err := public.thumbprint()
	if err != nil {
		return nil, err
	}
	sign := func(header jwsHeader, payload []byte) (secret, error) {
		return signJWS(signer, able[0], header, payload)
	}
	return &dpopKey{algorithm: able[0].name, jwk: public, thumbprint: thumbprint, sign: sign}, nil
}

// Format prints the thumbprint alone, whatever the verb.
func (k *dpopKey) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("DPoP key " + k.thumbprint)) }

// supports reports whether proofs of the key are among the listed algorithms
// (dpop_signing_alg_values_supported, or algs of a challenge); an empty list
// says nothing, so they are.
func (k *dpopKey) supports(algs []string) bool {
	return len(algs) == 0 || slices.Contains(algs, k.algorithm)
}

// proofClaims are the claims of RFC 9449 section 4.2.
type proofClaims struct {
	ID        string `json:"jti"`
	Method    string `json:"htm"`
	Target    string `json:"htu"`
	IssuedAt  int64  `json:"iat"`
	TokenHash string `json:"ath,omitempty"`
	Nonce     string `json:"nonce,omitempty"`
}

// proof returns the value of the DPoP header for one request to target: a proof
// is never used twice. accessToken is the token that goes with the request, ""
// at a token endpoint; nonce is what the server wants to see in it, "": nothing.
func (k *dpopKey) proof(method string, target *url.URL, accessToken secret, nonce string, now time.Time) (string, error) {
	claims := proofClaims{ID: rand.Text(), Method: method, Target: proofTarget(target), IssuedAt: now.Unix(), Nonce: nonce}
	if accessToken != "" {
		sum := sha256.Sum256([]byte(accessToken))
		claims.TokenHash = base64URL(sum[:])
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	proof, err := k.sign(jwsHeader{Type: "dpop+jwt", Key: &k.jwk}, payload)
	if err != nil {
		return "", &CredentialError{Source: "DPoP key", Err: err}
	}
	return string(proof), nil
}

// proofTarget returns the URL of a request without its query and fragment (RFC
// 9449 section 4.2). An empty path is written as it is sent, as a slash.
func proofTarget(target *url.URL) string {
	bare := url.URL{Scheme: target.Scheme, Host: target.Host, Path: cmp.Or(target.Path, "/"), RawPath: target.RawPath}
	return bare.String()
}
