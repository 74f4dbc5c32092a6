package authtest_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/auth/authtest"
)

// prover makes DPoP proofs for POST.
type prover struct {
	t   *testing.T
	key *ecdsa.PrivateKey
}

func newProver(t *testing.T) *prover {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return &prover{t: t, key: key}
}

func (p *prover) jwk() map[string]any {
	point, err := p.key.PublicKey.Bytes()
	require.NoError(p.t, err)
	encode := base64.RawURLEncoding.EncodeToString
	return map[string]any{"kty": "EC", "crv": "P-256", "x": encode(point[1:33]), "y": encode(point[33:])}
}

func (p *prover) claims(target, token, nonce string) map[string]any {
	claims := map[string]any{"jti": rand.Text(), "htm": http.MethodPost, "htu": target, "iat": time.Now().Unix()}
	if token != "" {
		digest := sha256.Sum256([]byte(token))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(digest[:])
	}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	return claims
}

func (p *prover) sign(header, claims map[string]any) http.Header {
	p.t.Helper()
	joined := map[string]any{"typ": "dpop+jwt", "jwk": p.jwk()}
	maps.Copy(joined, header)
	proof, err := authtest.SignJWT(p.key, joined, claims)
	require.NoError(p.t, err)
	return http.Header{"Dpop": {proof}}
}

func (p *prover) prove(target, token, nonce string) http.Header {
	p.t.Helper()
	return p.sign(nil, p.claims(target, token, nonce))
}

// TestDPoP plays the flow with nonces on both sides.
func TestDPoP(t *testing.T) {
	c, rs := start(t, authtest.RequireDPoP(), authtest.Nonces())
	p := newProver(t)
	endpoint := c.as.Issuer() + "/token"
	require.Contains(t, c.call(rs.URL(), "", "").header.Get("WWW-Authenticate"), `DPoP resource_metadata="`)

	form := c.codeForm(c.authorize(c.query(rs.URL())).Get("code"), rs.URL())
	c.more = p.prove(endpoint, "", "")
	got := c.form("/token", form)
	require.Equal(t, http.StatusBadRequest, got.status)
	require.Equal(t, "use_dpop_nonce", got.string("error"))
	nonce := got.header.Get("DPoP-Nonce")
	require.NotEmpty(t, nonce)
	c.more = p.prove(endpoint, "", nonce)
	got = c.form("/token", form)
	require.Equal(t, http.StatusOK, got.status, got.text)
	require.Equal(t, "DPoP", got.json["token_type"])
	token := got.string("access_token")

	c.more = p.prove(rs.URL(), token, nonce) // that of the other side
	refused := c.call(rs.URL(), "DPoP "+token, "")
	require.Equal(t, http.StatusUnauthorized, refused.status)
	require.Contains(t, refused.header.Get("WWW-Authenticate"), `DPoP error="use_dpop_nonce"`)
	require.NotEqual(t, nonce, refused.header.Get("DPoP-Nonce"))
	c.more = p.prove(rs.URL(), token, refused.header.Get("DPoP-Nonce"))
	require.Equal(t, http.StatusOK, c.call(rs.URL(), "DPoP "+token, "").status)

	c.as.RotateNonces()
	c.more = p.prove(endpoint, "", nonce)
	require.Equal(t, "use_dpop_nonce", c.form("/token", c.refreshForm(got.string("refresh_token"), rs.URL())).string("error"))
	require.Empty(t, c.as.Violations())
	require.Zero(t, c.as.Replayed())
}

func TestDPoPViolations(t *testing.T) {
	now := time.Now()
	for name, change := range map[string]func(header, claims map[string]any){
		"its typ is not dpop+jwt":     func(header, _ map[string]any) { header["typ"] = "JWT" },
		"its alg is not supported":    func(header, _ map[string]any) { header["alg"] = "none" },
		"its signature is wrong":      func(header, _ map[string]any) { header["alg"] = "RS256" },
		"the JWK holds a private key": func(header, _ map[string]any) { header["jwk"] = map[string]any{"kty": "EC", "d": "AA"} },
		"not a key of a known kind":   func(header, _ map[string]any) { header["jwk"] = "no" },
		"it has no jti":               func(_, claims map[string]any) { delete(claims, "jti") },
		"its htm is not the method":   func(_, claims map[string]any) { claims["htm"] = "GET" },
		"its htu":                     func(_, claims map[string]any) { claims["htu"] = "http://127.0.0.1/token" },
		"its iat is not now":          func(_, claims map[string]any) { claims["iat"] = now.Add(-time.Hour).Unix() },
		"its ath is not of this":      func(_, claims map[string]any) { claims["ath"] = "x" },
	} {
		t.Run(name, func(t *testing.T) {
			c, rs := start(t, authtest.DPoP(), authtest.AllowViolations())
			p := newProver(t)
			c.more = p.prove(c.as.Issuer()+"/token", "", "")
			token := c.login(rs.URL()).string("access_token")
			header, claims := map[string]any{}, p.claims(rs.URL(), token, "")
			change(header, claims)
			c.more = p.sign(header, claims)
			got := c.call(rs.URL(), "DPoP "+token, "")
			require.Equal(t, http.StatusUnauthorized, got.status)
			require.Contains(t, got.header.Get("WWW-Authenticate"), "invalid_dpop_proof")
			requireViolation(t, c.as, name)
		})
	}
}

// TestDPoPBinding: a bound token is worth nothing to others, nor is a proof a second time.
func TestDPoPBinding(t *testing.T) {
	c, rs := start(t, authtest.DPoP(), authtest.AllowViolations())
	p, thief := newProver(t), newProver(t)
	endpoint := c.as.Issuer() + "/token"
	c.more = p.prove(endpoint, "", "")
	got := c.login(rs.URL())
	token := got.string("access_token")

	c.more = nil
	require.Equal(t, http.StatusUnauthorized, c.call(rs.URL(), "Bearer "+token, "").status)
	requireViolation(t, c.as, "type DPoP and was sent as Bearer")
	require.Equal(t, http.StatusUnauthorized, c.call(rs.URL(), "DPoP "+token, "").status)
	requireViolation(t, c.as, "there was no DPoP proof")
	c.more = thief.prove(rs.URL(), token, "")
	require.Equal(t, http.StatusUnauthorized, c.call(rs.URL(), "DPoP "+token, "").status)
	requireViolation(t, c.as, "bound to another key")

	c.more = p.prove(rs.URL(), token, "")
	require.Equal(t, http.StatusOK, c.call(rs.URL(), "DPoP "+token, "").status)
	require.Equal(t, http.StatusUnauthorized, c.call(rs.URL(), "DPoP "+token, "").status)
	requireViolation(t, c.as, "the same proof was sent again")
	require.Equal(t, 1, c.as.Replayed())
	c.more["Dpop"] = append(c.more["Dpop"], "second")
	require.Equal(t, http.StatusUnauthorized, c.call(rs.URL(), "DPoP "+token, "").status)
	requireViolation(t, c.as, "several DPoP headers")

	c.more = thief.prove(endpoint, "", "")
	require.Equal(t, "invalid_dpop_proof", c.form("/token", c.refreshForm(got.string("refresh_token"), rs.URL())).string("error"))
	requireViolation(t, c.as, "not that of the refresh token")
	c.more = p.prove(endpoint, "", "")
	require.Equal(t, http.StatusOK, c.form("/token", c.refreshForm(got.string("refresh_token"), rs.URL())).status)
}

// TestDPoPThumbprint: the authorization request can name the key beforehand.
func TestDPoPThumbprint(t *testing.T) {
	c, rs := start(t, authtest.RequireDPoP(), authtest.AllowViolations())
	require.Equal(t, "invalid_dpop_proof", c.form("/token", c.codeForm("x", rs.URL())).string("error"))
	p := newProver(t)
	jwk := p.jwk()
	digest := sha256.Sum256(fmt.Appendf(nil, `{"crv":"P-256","kty":"EC","x":"%s","y":"%s"}`, jwk["x"], jwk["y"]))
	jkt := base64.RawURLEncoding.EncodeToString(digest[:])
	for i, key := range []*prover{p, newProver(t)} {
		secret := verifier + fmt.Sprint(i)
		query := with(c.query(rs.URL()), "dpop_jkt", jkt, "state", fmt.Sprint(i), "code_challenge", digestOf(secret))
		form := with(c.codeForm(c.authorize(query).Get("code"), rs.URL()), "code_verifier", secret)
		c.more = key.prove(c.as.Issuer()+"/token", "", "")
		require.Equal(t, key == p, c.form("/token", form).status == http.StatusOK)
	}
	require.Equal(t, jkt, c.as.Tokens()[0].KeyID)
	requireViolation(t, c.as, "dpop_jkt")
}

// TestDPoPEdwards: a key of another kind proves as well.
func TestDPoPEdwards(t *testing.T) {
	c, rs := start(t, authtest.DPoP())
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	p := newProver(t)
	header := map[string]any{"typ": "dpop+jwt", "jwk": map[string]any{
		"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(public),
	}}
	proof, err := authtest.SignJWT(private, header, p.claims(c.as.Issuer()+"/token", "", ""))
	require.NoError(t, err)
	c.more = http.Header{"Dpop": {proof}}
	require.Equal(t, "DPoP", c.login(rs.URL()).json["token_type"])
}
