package authtest_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/auth/authtest"
)

const (
	jwtBearer     = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	tokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
	idJAG         = "urn:ietf:params:oauth:token-type:id-jag"
)

func TestPrivateKeyJWT(t *testing.T) {
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	for name, key := range map[string]crypto.Signer{"ES256": curve, "EdDSA": edwards, "RS256": rsaKey} {
		t.Run(name, func(t *testing.T) {
			as := authtest.NewServer(t, authtest.AllowViolations())
			as.AddKeyClient("robot", key.Public())
			c := &client{t: t, as: as}
			claims := func() map[string]any {
				return map[string]any{
					"iss": "robot", "sub": "robot", "aud": as.Issuer(), "jti": rand.Text(),
					"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
				}
			}
			send := func(claims map[string]any) answer {
				assertion, err := authtest.SignJWT(key, nil, claims)
				require.NoError(t, err)
				return c.form("/token", url.Values{
					"grant_type": {"client_credentials"}, "resource": {"http://127.0.0.1/mcp"}, "client_assertion": {assertion},
					"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
				})
			}
			right := claims()
			require.Equal(t, http.StatusOK, send(right).status)
			require.Empty(t, as.Violations())
			require.Equal(t, "invalid_client", send(right).string("error"))
			requireViolation(t, as, "client assertion: it was sent twice")
			for wrong, change := range map[string]func(map[string]any){
				"its aud is not":      func(c map[string]any) { c["aud"] = as.Issuer() + "/token" },
				"iss and sub are not": func(c map[string]any) { c["iss"] = "other" },
				"it has no jti":       func(c map[string]any) { delete(c, "jti") },
				"it has no exp":       func(c map[string]any) { delete(c, "exp") },
				"it has expired":      func(c map[string]any) { c["exp"] = time.Now().Add(-time.Hour).Unix() },
				"in the future":       func(c map[string]any) { c["iat"] = time.Now().Add(time.Hour).Unix() },
			} {
				claims := claims()
				change(claims)
				require.Equal(t, http.StatusUnauthorized, send(claims).status, wrong)
				requireViolation(t, as, wrong)
			}
			require.Equal(t, "invalid_client", c.form("/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {"robot"}}).string("error"))
		})
	}
}

func TestWorkload(t *testing.T) {
	as := authtest.NewServer(t, authtest.AllowViolations())
	rs := as.Serve(echo)
	c := &client{t: t, as: as}
	send := func(assertion string) answer {
		return c.form("/token", url.Values{"grant_type": {jwtBearer}, "assertion": {assertion}, "resource": {rs.URL()}})
	}
	token := as.WorkloadToken("pod", as.Issuer(), time.Hour)
	got := send(token)
	require.Equal(t, http.StatusOK, got.status, got.text)
	require.Equal(t, "pod", as.Tokens()[0].Subject)
	require.Equal(t, http.StatusOK, c.call(rs.URL(), "Bearer "+got.string("access_token"), "").status)
	require.Equal(t, http.StatusOK, send(token).status, "a platform's token may be used while it lasts")

	elsewhere := as.WorkloadToken("pod", "https://elsewhere.example", time.Hour)
	require.Equal(t, "invalid_grant", send(elsewhere).string("error"))
	require.Equal(t, "invalid_grant", send(as.WorkloadToken("pod", as.Issuer(), -time.Hour)).string("error"))
	require.Empty(t, as.Violations())
	require.Equal(t, "invalid_grant", send(elsewhere).string("error"))
	requireViolation(t, as, "sent again after it had been refused")
	require.Equal(t, "invalid_grant", send("no JWT").string("error"))

	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	foreign, err := authtest.SignJWT(key, nil, map[string]any{
		"iss": "https://cluster.example", "sub": "pod", "aud": []string{as.Issuer()}, "exp": time.Now().Add(time.Hour).Unix(),
	})
	require.NoError(t, err)
	as.Trust("https://cluster.example", key.Public())
	require.Equal(t, http.StatusOK, send(foreign).status)
}

func TestTokenEndpointAudience(t *testing.T) {
	as := authtest.NewServer(t, authtest.TokenEndpointAudience())
	c := &client{t: t, as: as}
	got := c.form("/token", url.Values{
		"grant_type": {jwtBearer}, "resource": {"http://127.0.0.1/mcp"},
		"assertion": {as.WorkloadToken("pod", as.Issuer()+"/token", time.Hour)},
	})
	require.Equal(t, http.StatusOK, got.status, got.text)
}

// TestEnterprise plays both steps behind a sign-in: the exchange at the
// identity provider, and the grant at the authorization server.
func TestEnterprise(t *testing.T) {
	idp := authtest.NewServer(t, authtest.AnyResource(), authtest.AllowViolations())
	as := authtest.NewServer(t, authtest.AllowViolations())
	rs := as.Serve(echo)
	idp.AddClient("app-at-idp", "", callback)
	as.AddClient("app", "secret")
	as.TrustServer(idp)
	idp.LinkClient("app-at-idp", as.Issuer(), "app")
	there, here := &client{t: t, as: idp, id: "app-at-idp"}, &client{t: t, as: as}

	query := with(there.query(""), "resource", "", "scope", "openid", "nonce", "n-1")
	signedIn := there.form("/token", with(there.codeForm(there.authorize(query).Get("code"), ""), "resource", ""))
	require.Equal(t, http.StatusOK, signedIn.status, signedIn.text)
	require.NotEmpty(t, signedIn.string("id_token"))
	exchange := url.Values{
		"grant_type": {tokenExchange}, "requested_token_type": {idJAG}, "audience": {as.Issuer()}, "resource": {rs.URL()},
		"scope": {"read"}, "subject_token": {signedIn.string("id_token")}, "client_id": {"app-at-idp"},
		"subject_token_type": {"urn:ietf:params:oauth:token-type:id_token"},
	}
	got := there.form("/token", exchange)
	require.Equal(t, http.StatusOK, got.status, got.text)
	require.Equal(t, idJAG, got.json["issued_token_type"])
	require.Equal(t, "N_A", got.json["token_type"])
	grant := url.Values{"grant_type": {jwtBearer}, "assertion": {got.string("access_token")}, "client_id": {"app"}, "client_secret": {"secret"}}
	token := here.form("/token", grant)
	require.Equal(t, http.StatusOK, token.status, token.text)
	require.Equal(t, []string{"read"}, as.Tokens()[0].Scopes)
	require.Equal(t, http.StatusOK, here.call(rs.URL(), "Bearer "+token.string("access_token"), "").status)

	refresh := with(exchange, "subject_token", signedIn.string("refresh_token"), "subject_token_type", "urn:ietf:params:oauth:token-type:refresh_token")
	require.Equal(t, http.StatusOK, there.form("/token", refresh).status)
	require.Equal(t, http.StatusOK, there.form("/token", with(exchange, "subject_token", idp.IDToken("app-at-idp"))).status)
	require.Empty(t, as.Violations())
	require.Empty(t, idp.Violations())

	require.Equal(t, "invalid_grant", here.form("/token", grant).string("error"))
	requireViolation(t, as, "the ID-JAG was sent twice")
	for part, change := range map[string][]string{
		"there is not one audience":          {"audience", ""},
		"there is no resource":               {"resource", ""},
		"the ID token is of another client":  {"subject_token", idp.IDToken("other")},
		"the ID token is no JWT: it is not":  {"subject_token", "no"},
		"the client authenticated in two wa": {"client_secret", "x", "client_assertion", "y", "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
	} {
		require.Equal(t, http.StatusBadRequest, there.form("/token", with(exchange, change...)).status)
		requireViolation(t, idp, part)
	}
	as.AddClient("other", "secret")
	got = there.form("/token", exchange)
	stolen := with(grant, "client_id", "other", "assertion", got.string("access_token"))
	require.Equal(t, "invalid_grant", here.form("/token", stolen).string("error"))
	requireViolation(t, as, "the ID-JAG is of the client app")
}

func TestKeySet(t *testing.T) {
	as := authtest.NewServer(t)
	c := &client{t: t, as: as}
	keys, _ := c.get(as.Issuer() + "/jwks").json["keys"].([]any)
	require.Len(t, keys, 1)
	key, _ := keys[0].(map[string]any)
	require.Equal(t, "P-256", key["crv"])
	x, err := base64.RawURLEncoding.DecodeString(key["x"].(string))
	require.NoError(t, err)
	require.Len(t, x, 32)
}
