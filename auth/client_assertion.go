package auth

import (
	"context"
	"crypto"
	"crypto/rand"
	"encoding/json"
	"errors"
	"time"
)

// assertionLifetime is how long a client assertion may be used. It is used at
// once; the rest is for clocks that differ.
const assertionLifetime = 3 * time.Minute

// PrivateKeyJWT authenticates with a JWT that the client signs anew for each
// request (private_key_jwt, RFC 7523 section 2.2). The algorithm is one that the
// authorization server lists and the key has: ES256, ES384, ES512, RS256, PS256
// (RSA of 2048 bits at least) or EdDSA with Ed25519. Any [crypto.Signer] does,
// also one whose key stays in a security module; [ParsePrivateKey] makes one of
// a PEM file. The JWT names the issuer of the authorization server as its
// audience, so a token endpoint cannot pass it on to another.
func PrivateKeyJWT(key crypto.Signer, options ...PrivateKeyOption) ClientAuth {
	if key == nil {
		// Not a public client: who meant to prove something is to hear that it
		// does not.
		return ClientAssertion(nil)
	}
	proof := &clientProof{key: key}
	for _, option := range options {
		option(proof)
	}
	return authWith(proof)
}

// PrivateKeyOption changes the JWTs of [PrivateKeyJWT].
type PrivateKeyOption func(*clientProof)

// WithKeyID names the key in the header of the JWT (kid), for an authorization
// server that knows several keys of the client.
func WithKeyID(id string) PrivateKeyOption {
	return func(p *clientProof) { p.keyID = id }
}

// WithAudience replaces the audience of the JWT, for an authorization server that
// wants its token endpoint there, or something else.
func WithAudience(audience string) PrivateKeyOption {
	return func(p *clientProof) { p.audience = audience }
}

// ClientAssertion authenticates with a JWT that assert returns for each request
// (RFC 7521 section 4.2), such as one from a platform that keeps the key. assert
// is called from several goroutines at once, and again for a request that is
// repeated: most servers take an assertion once.
func ClientAssertion(assert func(ctx context.Context, request AssertionRequest) (string, error)) ClientAuth {
	if assert == nil {
		assert = func(context.Context, AssertionRequest) (string, error) {
			return "", errors.New("PrivateKeyJWT and ClientAssertion need a key or a function, and got nil")
		}
	}
	return authWith(&clientProof{assertion: assert})
}

// assert returns a new client assertion for the authorization server of at.
func (i identity) assert(ctx context.Context, at tokenEndpoint, resource string, now time.Time) (secret, error) {
	proof := i.auth.proof()
	if proof.key != nil {
		assertion, err := i.sign(at, now)
		if err != nil {
			return "", &CredentialError{Source: "client's private key", Err: err}
		}
		return assertion, nil
	}
	assertion, err := proof.assertion(ctx, AssertionRequest{Issuer: at.issuer, TokenEndpoint: at.url.String(), Resource: resource, ClientID: i.clientID})
	switch {
	case err != nil && ctx.Err() != nil:
		return "", context.Cause(ctx) // the caller gave up: no failure of the function
	case err == nil && assertion == "":
		err = errors.New("it is empty")
	}
	if err != nil {
		return "", &CredentialError{Source: "client assertion", Err: err}
	}
	return secret(assertion), nil
}

// assertionClaims are the claims of RFC 7523 section 3.
type assertionClaims struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"` // one text: a list would let one of those in it use the JWT with the others
	ID       string `json:"jti"`
	IssuedAt int64  `json:"iat"`
	Expires  int64  `json:"exp"`
}

func (i identity) sign(at tokenEndpoint, now time.Time) (secret, error) {
	proof := i.auth.proof()
	algorithm, err := chooseAlgorithm(proof.key.Public(), at.signingAlgs)
	if err != nil {
		return "", err
	}
	audience := at.issuer
	if proof.audience != "" {
		audience = proof.audience
	}
	claims, err := json.Marshal(assertionClaims{
		Issuer: i.clientID, Subject: i.clientID, Audience: audience, ID: rand.Text(),
		IssuedAt: now.Unix(), Expires: now.Add(assertionLifetime).Unix(),
	})
	if err != nil {
		return "", err
	}
	return signJWS(proof.key, algorithm, jwsHeader{Type: "JWT", KeyID: proof.keyID}, claims)
}
