package auth

import (
	"context"
	"crypto/elliptic"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fakeTokens is a token endpoint that keeps what it was sent and answers by
// the script of the test.
type fakeTokens struct {
	*httptest.Server
	client *tokenClient

	mu       sync.Mutex
	requests []*http.Request // with parsed forms
}

const plainToken = `{"access_token":"at-1","token_type":"Bearer"}`

func newFakeTokens(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, number int)) *fakeTokens {
	t.Helper()
	fake := &fakeTokens{}
	fake.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		fake.mu.Lock()
		fake.requests = append(fake.requests, r)
		number := len(fake.requests)
		fake.mu.Unlock()
		answer(w, r, number)
	}))
	t.Cleanup(fake.Close)
	// Its own transport: Close waits for no idle connection of that.
	fake.client = newTokenClient(newFetcher(HTTPPolicy{Transport: fake.Client().Transport}))
	return fake
}

func (f *fakeTokens) at(t *testing.T) tokenEndpoint {
	t.Helper()
	return tokenEndpointOf(&authServer{issuer: f.URL, token: urlOf(t, f.URL+"/token")})
}

func (f *fakeTokens) mcp(t *testing.T) *url.URL {
	t.Helper()
	return urlOf(t, f.URL+"/mcp")
}

func (f *fakeTokens) sent() []*http.Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.requests
}

func answerWith(status int, body string) func(http.ResponseWriter, *http.Request, int) {
	return func(w http.ResponseWriter, _ *http.Request, _ int) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func refuseWith(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"error":%q}`, code)
}

func codeForm() url.Values {
	return url.Values{"grant_type": {"authorization_code"}, "code": {"c0de-1"}, "code_verifier": {"verif1er"}, "redirect_uri": {"http://127.0.0.1/cb"}}
}

func TestTokenRequestOnTheWire(t *testing.T) {
	fake := newFakeTokens(t, answerWith(http.StatusOK, plainToken))
	form := codeForm()
	answer, err := fake.client.ask(t.Context(), fake.mcp(t), fake.at(t), identity{clientID: "app"}, "https://mcp.example/mcp/", form, nil)
	require.NoError(t, err)
	require.Equal(t, &tokenAnswer{accessToken: "at-1", tokenType: "Bearer"}, answer)
	require.Equal(t, codeForm(), form, "the caller's form is left alone")

	require.Len(t, fake.sent(), 1)
	request := fake.sent()[0]
	want := codeForm()
	want["client_id"], want["resource"] = []string{"app"}, []string{"https://mcp.example/mcp/"}
	require.Equal(t, want, request.PostForm)
	require.Empty(t, request.URL.RawQuery)
	require.Equal(t, http.MethodPost, request.Method)
	require.Equal(t, "application/x-www-form-urlencoded", request.Header.Get("Content-Type"))
	require.Equal(t, "application/json", request.Header.Get("Accept"))
	require.NotContains(t, request.Header, "Authorization")
	require.NotContains(t, request.Header, "Dpop")

	_, err = fake.client.ask(t.Context(), fake.mcp(t), fake.at(t), identity{}, "", nil, nil)
	require.NoError(t, err)
	require.Empty(t, fake.sent()[1].PostForm, "no resource, no client: neither is sent")
}

// TestTokenRequestIsSentOnce: what is good for one use is not used twice,
// whatever comes back.
func TestTokenRequestIsSentOnce(t *testing.T) {
	key, _ := newBoundKey(t)
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request, int){
		"invalid_grant":         answerWith(http.StatusBadRequest, `{"error":"invalid_grant"}`),
		"invalid_client":        answerWith(http.StatusUnauthorized, `{"error":"invalid_client"}`),
		"busy":                  answerWith(http.StatusServiceUnavailable, `busy`),
		"rate limit":            answerWith(http.StatusTooManyRequests, `{}`),
		"no token response":     answerWith(http.StatusOK, `<html>`),
		"nonce without a proof": answerWith(http.StatusBadRequest, `{"error":"use_dpop_nonce"}`),
		"a nonce that nobody asked for": func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("DPoP-Nonce", "n-1")
			refuseWith(w, http.StatusBadRequest, "invalid_grant")
		},
		"a nonce at a failure": func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("DPoP-Nonce", "n-1")
			refuseWith(w, http.StatusBadGateway, "use_dpop_nonce")
		},
		"cut connection": func(http.ResponseWriter, *http.Request, int) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			fake := newFakeTokens(t, answer)
			for _, key := range []*dpopKey{nil, key} {
				_, err := fake.client.ask(t.Context(), fake.mcp(t), fake.at(t), identity{clientID: "app"}, "", codeForm(), key)
				require.ErrorIs(t, err, ErrAuthorization)
				if name == "cut connection" {
					failed, ok := errors.AsType[*RequestError](err)
					require.True(t, ok)
					require.True(t, failed.Temporary())
				}
			}
			require.Len(t, fake.sent(), 2)
		})
	}
}

func TestTokenErrorIsTyped(t *testing.T) {
	fake := newFakeTokens(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		w.Header().Set("Retry-After", "7")
		answerWith(http.StatusTooManyRequests, `{"error":"slow_down","error_description":"come back\nlater"}`)(w, nil, 0)
	})
	_, err := fake.client.ask(t.Context(), fake.mcp(t), fake.at(t), identity{clientID: "app"}, "", codeForm(), nil)
	refusal, ok := errors.AsType[*TokenError](err)
	require.True(t, ok)
	host := fake.at(t).url.Host
	require.Equal(t, &TokenError{Endpoint: host, StatusCode: 429, Code: "slow_down", Description: "come back\nlater", Wait: 7 * time.Second}, refusal)
	require.True(t, refusal.Temporary())
	require.EqualError(t, err, `the token endpoint of "`+host+`" answers HTTP 429: "slow_down": "come back\nlater"`)
}

// TestTokenErrorHoldsNoSecret: some servers repeat what they were sent.
func TestTokenErrorHoldsNoSecret(t *testing.T) {
	secrets := []string{"sEcret/1+", "c0de-1", "verif1er", "r3fresh", "assert1on", "subj3ct"}
	form := codeForm()
	form.Set("refresh_token", "r3fresh")
	form.Set("assertion", "assert1on")
	form.Set("subject_token", "subj3ct")
	for _, method := range []string{methodBasic, methodPost} {
		fake := newFakeTokens(t, func(w http.ResponseWriter, r *http.Request, _ int) {
			_, password, _ := r.BasicAuth()
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprintf(w, `{"error":%q,"error_description":%q}`, "bad_"+r.PostForm.Get("code"),
				r.PostForm.Encode()+" "+password+" sEcret/1+ "+r.PostForm.Get("assertion"))
		})
		who := identity{clientID: "app", auth: ClientSecret("sEcret/1+"), method: method}
		_, err := fake.client.ask(t.Context(), fake.mcp(t), fake.at(t), who, "", form, nil)
		require.ErrorContains(t, err, redacted)
		for _, secret := range secrets {
			for _, verb := range []string{"%v", "%+v", "%#v", "%q"} {
				require.NotContains(t, fmt.Sprintf(verb, err), secret)
				require.NotContains(t, fmt.Sprintf(verb, err), url.QueryEscape(secret))
			}
		}
	}
}

// TestTokenNonce: the server asks for a nonce once, and later requests bring it
// at once.
func TestTokenNonce(t *testing.T) {
	key, public := newBoundKey(t)
	for _, status := range []int{http.StatusBadRequest, http.StatusUnauthorized} {
		fake := newFakeTokens(t, func(w http.ResponseWriter, r *http.Request, number int) {
			w.Header().Set("DPoP-Nonce", "n-"+strconv.Itoa(number))
			_, claims := openJWS(t, public, r.Header.Get("DPoP"))
			if claims["nonce"] == nil {
				refuseWith(w, status, "use_dpop_nonce")
				return
			}
			answerWith(http.StatusOK, `{"access_token":"at-1","token_type":"dpop"}`)(w, r, number)
		})
		answer, err := fake.client.ask(t.Context(), fake.mcp(t), fake.at(t), identity{clientID: "app"}, "", codeForm(), key)
		require.NoError(t, err)
		require.Equal(t, "DPoP", answer.tokenType)
		_, err = fake.client.ask(t.Context(), fake.mcp(t), fake.at(t), identity{clientID: "app"}, "", codeForm(), key)
		require.NoError(t, err)

		require.Len(t, fake.sent(), 3)
		seen := map[any]bool{}
		for i, nonce := range []any{nil, "n-1", "n-2"} {
			request := fake.sent()[i]
			require.Len(t, request.Header.Values("DPoP"), 1)
			require.Equal(t, "c0de-1", request.PostForm.Get("code"))
			_, claims := openJWS(t, public, request.Header.Get("DPoP"))
			require.Equal(t, nonce, claims["nonce"])
			require.Equal(t, "POST", claims["htm"])
			require.Equal(t, fake.URL+"/token", claims["htu"])
			require.NotContains(t, claims, "ath")
			require.False(t, seen[claims["jti"]], "a proof is used once")
			seen[claims["jti"]] = true
		}
	}
}

// TestTokenNonceForEver: a server that is never content is asked twice.
func TestTokenNonceForEver(t *testing.T) {
	key, _ := newBoundKey(t)
	fake := newFakeTokens(t, func(w http.ResponseWriter, _ *http.Request, number int) {
		if number > 9 {
			answerWith(http.StatusOK, plainToken)(w, nil, 0) // or a client without a limit would never end
			return
		}
		w.Header().Set("DPoP-Nonce", "n-"+strconv.Itoa(number))
		refuseWith(w, http.StatusBadRequest, "use_dpop_nonce")
	})
	_, err := fake.client.ask(t.Context(), fake.mcp(t), fake.at(t), identity{clientID: "app"}, "", codeForm(), key)
	refusal, ok := errors.AsType[*TokenError](err)
	require.True(t, ok)
	require.Equal(t, "use_dpop_nonce", refusal.Code)
	require.Len(t, fake.sent(), 2)
}

// TestTokenClock: the server's clock is an hour ahead, and it wants a nonce, too.
func TestTokenClock(t *testing.T) {
	key, public := newBoundKey(t)
	start := time.Now()
	fake := newFakeTokens(t, func(w http.ResponseWriter, r *http.Request, number int) {
		w.Header().Set("Date", start.Add(time.Hour).UTC().Format(http.TimeFormat))
		w.Header().Set("DPoP-Nonce", "n-1")
		_, claims := openJWS(t, public, r.Header.Get("DPoP"))
		switch ahead := time.Unix(int64(claims["iat"].(float64)), 0).Sub(start); {
		case ahead < 59*time.Minute:
			refuseWith(w, http.StatusBadRequest, "invalid_dpop_proof")
		case claims["nonce"] == nil:
			refuseWith(w, http.StatusBadRequest, "use_dpop_nonce")
		default:
			answerWith(http.StatusOK, `{"access_token":"at-1","token_type":"DPoP"}`)(w, r, number)
		}
	})
	for range 2 {
		_, err := fake.client.ask(t.Context(), fake.mcp(t), fake.at(t), identity{clientID: "app"}, "", codeForm(), key)
		require.NoError(t, err)
	}
	require.Len(t, fake.sent(), 3, "the clock's error is remembered")

	fake = newFakeTokens(t, answerWith(http.StatusBadRequest, `{"error":"invalid_dpop_proof"}`))
	_, err := fake.client.ask(t.Context(), fake.mcp(t), fake.at(t), identity{clientID: "app"}, "", codeForm(), key)
	require.ErrorContains(t, err, "invalid_dpop_proof")
	require.Len(t, fake.sent(), 1, "the clocks agree: a second try would end the same")
}

// TestTokenNonceNeedsANewAssertion: a server takes each client assertion once.
func TestTokenNonceNeedsANewAssertion(t *testing.T) {
	key, _ := newBoundKey(t)
	signer := ecKey(t, elliptic.P256())
	seen := map[any]bool{}
	fake := newFakeTokens(t, func(w http.ResponseWriter, r *http.Request, number int) {
		_, claims := openJWS(t, signer.Public(), r.PostForm.Get("client_assertion"))
		switch {
		case seen[claims["jti"]]:
			refuseWith(w, http.StatusUnauthorized, "invalid_client")
		case number == 1:
			seen[claims["jti"]] = true
			w.Header().Set("DPoP-Nonce", "n-1")
			refuseWith(w, http.StatusBadRequest, "use_dpop_nonce")
		default:
			answerWith(http.StatusOK, plainToken)(w, r, number)
		}
	})
	who := identity{clientID: "app", auth: PrivateKeyJWT(signer)}
	answer, err := fake.client.ask(t.Context(), fake.mcp(t), fake.at(t), who, "", url.Values{"grant_type": {"client_credentials"}}, key)
	require.NoError(t, err)
	require.Equal(t, "Bearer", answer.tokenType, "whether that will do is for the caller to say")
}

func TestTokenRequestEndsWithItsContext(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	fake := newFakeTokens(t, func(http.ResponseWriter, *http.Request, int) {
		close(arrived)
		<-release
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	_, err := fake.client.ask(ctx, fake.mcp(t), fake.at(t), identity{clientID: "app"}, "", codeForm(), nil)
	close(release)
	require.ErrorIs(t, err, context.Canceled)
}

func TestRevoke(t *testing.T) {
	fake := newFakeTokens(t, func(w http.ResponseWriter, r *http.Request, number int) {
		if r.PostForm.Get("token") == "r3fresh" {
			w.WriteHeader(http.StatusOK) // without a body (RFC 7009 section 2.2)
			return
		}
		answerWith(http.StatusServiceUnavailable, `{"error":"unsupported_token_type","error_description":"not at-12345"}`)(w, r, number)
	})
	endpoint := urlOf(t, fake.URL+"/revoke")
	who := identity{clientID: "app", auth: ClientSecret("s3cret")}
	require.NoError(t, fake.client.revoke(t.Context(), fake.mcp(t), endpoint, fake.at(t), who, "r3fresh", "refresh_token"))
	request := fake.sent()[0]
	require.Equal(t, "/revoke", request.URL.Path)
	require.Equal(t, url.Values{"token": {"r3fresh"}, "token_type_hint": {"refresh_token"}}, request.PostForm)
	id, password, ok := request.BasicAuth()
	require.True(t, ok)
	require.Equal(t, []string{"app", "s3cret"}, []string{id, password})

	err := fake.client.revoke(t.Context(), fake.mcp(t), endpoint, fake.at(t), who, "at-12345", "access_token")
	refusal, ok := errors.AsType[*TokenError](err)
	require.True(t, ok)
	require.Equal(t, "unsupported_token_type", refusal.Code)
	require.Equal(t, "not [redacted]", refusal.Description)
	require.True(t, refusal.Temporary())
}
