package auth

import (
	"context"
	"crypto/elliptic"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAuthMethodChoice(t *testing.T) {
	public, shared := ClientAuth{}, ClientSecret("s3cret")
	key := PrivateKeyJWT(ecKey(t, elliptic.P256()))
	for _, c := range []struct {
		name       string
		auth       ClientAuth
		registered string
		listed     []string
		want       string
	}{
		{"public", public, "", nil, methodNone},
		{"public, another list", public, "", []string{methodBasic}, methodNone},
		{"public, registered with a secret that is not there", public, methodBasic, nil, methodNone},
		{"secret, no list", shared, "", nil, methodBasic},
		{"secret, empty list", shared, "", []string{}, methodBasic},
		{"secret, both listed", shared, "", []string{methodPost, methodBasic}, methodBasic},
		{"secret, post listed", shared, "", []string{methodPost, methodNone}, methodPost},
		{"secret, none listed", shared, "", []string{methodNone}, methodNone},
		{"secret, nothing of it listed", shared, "", []string{methodKeyJWT, "tls_client_auth"}, methodBasic},
		{"registered for post, no list", shared, methodPost, nil, methodPost},
		{"registered for post, both listed", shared, methodPost, []string{methodBasic, methodPost}, methodPost},
		{"registered for post, not listed", shared, methodPost, []string{methodBasic}, methodBasic},
		{"registered for post, only none listed", shared, methodPost, []string{methodNone}, methodNone},
		{"registered for none with a secret", shared, methodNone, []string{methodBasic, methodNone}, methodNone},
		{"registered for what we cannot do", shared, "client_secret_jwt", []string{"client_secret_jwt", methodPost}, methodPost},
		{"key, no list", key, "", nil, methodKeyJWT},
		{"key, listed", key, "", []string{methodBasic, methodKeyJWT}, methodKeyJWT},
		{"key, none listed", key, "", []string{methodNone}, methodNone},
		{"key, only secrets listed", key, "", []string{methodBasic, methodPost}, methodKeyJWT},
		{"key, registered for a secret", key, methodBasic, nil, methodKeyJWT},
	} {
		require.Equal(t, c.want, identity{auth: c.auth, method: c.registered}.methodAt(c.listed), c.name)
	}
}

// TestAuthOnTheWire: each method proves the identity in its own way and in no
// other.
func TestAuthOnTheWire(t *testing.T) {
	const id, value = "app:1 ä&", "s/e+c:r%et"
	for _, c := range []struct {
		method string
		basic  string
		form   url.Values
	}{
		// Both are form-encoded first (RFC 6749 section 2.3.1).
		{methodBasic, "app%3A1+%C3%A4%26:s%2Fe%2Bc%3Ar%25et", url.Values{"grant_type": {"x"}}},
		{methodPost, ":", url.Values{"grant_type": {"x"}, "client_id": {id}, "client_secret": {value}}},
		{methodNone, ":", url.Values{"grant_type": {"x"}, "client_id": {id}}},
	} {
		fake := newFakeTokens(t, answerWith(http.StatusOK, plainToken))
		at := fake.at(t)
		at.authMethods = []string{c.method}
		_, err := fake.client.ask(t.Context(), fake.mcp(t), at, identity{clientID: id, auth: ClientSecret(value)}, "",
			url.Values{"grant_type": {"x"}}, nil)
		require.NoError(t, err)
		request := fake.sent()[0]
		user, password, _ := request.BasicAuth()
		require.Equal(t, c.basic, user+":"+password, c.method)
		require.Equal(t, c.form, request.PostForm, c.method)
	}
}

func TestPrivateKeyJWT(t *testing.T) {
	signer := ecKey(t, elliptic.P384())
	fake := newFakeTokens(t, answerWith(http.StatusOK, plainToken))
	at := fake.at(t)
	at.issuer = "https://as.example/tenant"
	at.signingAlgs = []string{"RS256", "ES384"}
	now := time.Unix(1_800_000_000, 0)
	fake.client.now = func() time.Time { return now }
	ask := func(options ...PrivateKeyOption) (header, claims map[string]any) {
		who := identity{clientID: "app", auth: PrivateKeyJWT(signer, options...)}
		_, err := fake.client.ask(t.Context(), fake.mcp(t), at, who, "", url.Values{"grant_type": {"client_credentials"}}, nil)
		require.NoError(t, err)
		request := fake.sent()[len(fake.sent())-1]
		require.NotContains(t, request.Header, "Authorization")
		require.NotContains(t, request.PostForm, "client_secret")
		require.Equal(t, "app", request.PostForm.Get("client_id"))
		require.Equal(t, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", request.PostForm.Get("client_assertion_type"))
		return openJWS(t, signer.Public(), request.PostForm.Get("client_assertion"))
	}

	header, claims := ask()
	require.Equal(t, map[string]any{"typ": "JWT", "alg": "ES384"}, header)
	jti := claims["jti"]
	require.Equal(t, map[string]any{
		"iss": "app", "sub": "app", "aud": "https://as.example/tenant", "jti": jti, "iat": 1.8e9, "exp": 1.8e9 + 180,
	}, claims)

	header, claims = ask(WithKeyID("k-7"), WithAudience("https://as.example/token"))
	require.Equal(t, "k-7", header["kid"])
	require.Equal(t, "https://as.example/token", claims["aud"])
	require.NotEqual(t, jti, claims["jti"], "each request has a JWT of its own")
}

func TestClientAssertion(t *testing.T) {
	fake := newFakeTokens(t, answerWith(http.StatusOK, plainToken))
	at := fake.at(t)
	var asked AssertionRequest
	who := identity{clientID: "app", auth: ClientAssertion(func(_ context.Context, request AssertionRequest) (string, error) {
		asked = request
		return "a.b.c", nil
	})}
	_, err := fake.client.ask(t.Context(), fake.mcp(t), at, who, "https://mcp.example/mcp", url.Values{}, nil)
	require.NoError(t, err)
	require.Equal(t, AssertionRequest{Issuer: at.issuer, TokenEndpoint: fake.URL + "/token", Resource: "https://mcp.example/mcp", ClientID: "app"}, asked)
	require.Equal(t, "a.b.c", fake.sent()[0].PostForm.Get("client_assertion"))
}

// TestClientAssertionFails: without a proof nothing is sent.
func TestClientAssertionFails(t *testing.T) {
	unplugged := errors.New("unplugged")
	returns := func(text string, err error) ClientAuth {
		return ClientAssertion(func(context.Context, AssertionRequest) (string, error) { return text, err })
	}
	fake := newFakeTokens(t, answerWith(http.StatusOK, plainToken))
	at := fake.at(t)
	at.signingAlgs = []string{"ES256", "PS256"}
	for name, c := range map[string]struct {
		auth ClientAuth
		want string
	}{
		"function fails":          {returns("", unplugged), "client assertion: unplugged"},
		"function returns none":   {returns("", nil), "client assertion: it is empty"},
		"no function":             {ClientAssertion(nil), "got nil"},
		"no key":                  {PrivateKeyJWT(nil), "got nil"},
		"algorithm is not listed": {PrivateKeyJWT(edKey(t)), `the key signs with EdDSA, the authorization server takes "ES256 PS256"`},
		"signer fails":            {PrivateKeyJWT(brokenSigner{Signer: ecKey(t, elliptic.P256()), err: unplugged}), "signing with ES256: unplugged"},
	} {
		_, err := fake.client.ask(t.Context(), fake.mcp(t), at, identity{clientID: "app", auth: c.auth}, "", url.Values{}, nil)
		require.ErrorContains(t, err, c.want, name)
		require.ErrorIs(t, err, ErrAuthorization, name)
	}
	require.Empty(t, fake.sent())

	gaveUp, cancel := context.WithCancelCause(t.Context())
	cancel(unplugged)
	_, err := fake.client.ask(gaveUp, fake.mcp(t), at, identity{auth: returns("", errors.New("context ended"))}, "", url.Values{}, nil)
	require.Equal(t, unplugged, err, "the caller's own cause")
}

func TestClientAuthDoesNotShow(t *testing.T) {
	type config struct {
		Auth ClientAuth
		kept ClientAuth
	}
	key := edKey(t)
	bytesShown := fmt.Sprintf("%d", []byte(key))
	for want, auth := range map[string]ClientAuth{
		"public client":               ClientSecret(""),
		"client secret [redacted]":    ClientSecret("hunter2"),
		"private key [redacted]":      PrivateKeyJWT(key),
		"client assertion [redacted]": ClientAssertion(func(context.Context, AssertionRequest) (string, error) { return "", nil }),
	} {
		require.Equal(t, want, auth.String())
		require.Equal(t, want, auth.GoString())
		var log strings.Builder
		slog.New(slog.NewJSONHandler(&log, nil)).Info("a", "auth", auth, "in", config{auth, auth})
		slog.New(slog.NewTextHandler(&log, nil)).Info("a", "auth", auth, "in", config{auth, auth})
		require.Contains(t, log.String(), want)
		shown := log.String()
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			require.Equal(t, want, fmt.Sprintf(verb, auth))
			// Where it stands in an unexported field, its methods are not asked.
			who := identity{clientID: "app", auth: auth}
			shown += fmt.Sprintf(verb, config{auth, auth}) + fmt.Sprintf(verb, who) + fmt.Sprintf(verb, &grantAnswer{client: who})
		}
		for _, secret := range []string{"hunter2", "68756e74657232", bytesShown, fmt.Sprintf("%x", []byte(key))} {
			require.NotContains(t, shown, secret)
		}
	}
}
