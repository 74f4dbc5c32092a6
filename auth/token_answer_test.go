package auth

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var answeredAt = time.Unix(1_800_000_000, 0)

func replyOf(status int, body string) *tokenReply {
	return &tokenReply{
		webReply: &webReply{status: status, header: http.Header{}, body: []byte(body)},
		host:     "as.example", received: answeredAt,
	}
}

func TestTokenAnswer(t *testing.T) {
	asked := url.Values{"scope": {"mcp:read mcp:write"}}
	in := answeredAt.Add
	both := []string{"mcp:read", "mcp:write"}
	for _, c := range []struct {
		name string
		body string
		want tokenAnswer
	}{
		{"short", `{"access_token":"a","token_type":"Bearer"}`, tokenAnswer{scopes: both}},
		{"all of it", `{"access_token":"a","token_type":"bearer","expires_in":3600,"refresh_token":"r","scope":" mcp:read  x ","id_token":"i","issued_token_type":"urn:x"}`,
			tokenAnswer{expiresAt: in(time.Hour), refreshToken: "r", scopes: []string{"mcp:read", "x"}, hasScopes: true, issuedType: "urn:x"}},
		{"nothing granted", `{"access_token":"a","token_type":"BEARER","scope":""}`, tokenAnswer{hasScopes: true}},
		{"scope null", `{"access_token":"a","token_type":"Bearer","scope":null}`, tokenAnswer{scopes: both}},
		{"scope as a list", `{"access_token":"a","token_type":"Bearer","scope":["x"]}`, tokenAnswer{scopes: both}},
		{"refresh token null", `{"access_token":"a","token_type":"Bearer","refresh_token":null}`, tokenAnswer{scopes: both}},
		{"error null", `{"access_token":"a","token_type":"Bearer","error":null}`, tokenAnswer{scopes: both}},
		{"error empty", `{"access_token":"a","token_type":"Bearer","error":""}`, tokenAnswer{scopes: both}},
		{"expiry as text", `{"access_token":"a","token_type":"Bearer","expires_in":"60"}`, tokenAnswer{scopes: both, expiresAt: in(time.Minute)}},
		{"expiry with a fraction", `{"access_token":"a","token_type":"Bearer","expires_in":1.5}`, tokenAnswer{scopes: both, expiresAt: in(1500 * time.Millisecond)}},
		{"expiry huge", `{"access_token":"a","token_type":"Bearer","expires_in":1e300}`, tokenAnswer{scopes: both, expiresAt: in(maxTokenLifetime)}},
		{"expiry out of range", `{"access_token":"a","token_type":"Bearer","expires_in":1e999}`, tokenAnswer{scopes: both, expiresAt: in(maxTokenLifetime)}},
		{"expiry negative", `{"access_token":"a","token_type":"Bearer","expires_in":-1}`, tokenAnswer{scopes: both}},
		{"expiry zero", `{"access_token":"a","token_type":"Bearer","expires_in":0}`, tokenAnswer{scopes: both}},
		{"expiry as words", `{"access_token":"a","token_type":"Bearer","expires_in":"soon"}`, tokenAnswer{scopes: both}},
		{"expiry no number", `{"access_token":"a","token_type":"Bearer","expires_in":"NaN"}`, tokenAnswer{scopes: both}},
		{"expiry an object", `{"access_token":"a","token_type":"Bearer","expires_in":{"s":1}}`, tokenAnswer{scopes: both}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, status := range []int{http.StatusOK, http.StatusCreated} {
				got, refusal := replyOf(status, c.body).token(asked, false)
				require.Nil(t, refusal)
				c.want.accessToken, c.want.tokenType = "a", "Bearer"
				require.Equal(t, &c.want, got)
			}
		})
	}
}

func TestTokenAnswerTypes(t *testing.T) {
	exchange := url.Values{"grant_type": {grantTokenExchange}}
	code := url.Values{"grant_type": {"authorization_code"}}
	for _, c := range []struct {
		kind  string
		form  url.Values
		bound bool
		want  string // "": refused
	}{
		{"bearer", code, false, "Bearer"},
		{"Bearer", code, true, "Bearer"},
		{"dpop", code, true, "DPoP"},
		{"DPoP", code, false, ""}, // bound to what?
		{"n_a", exchange, false, "N_A"},
		{"N_A", code, false, ""},
		{"Bearer", exchange, false, "Bearer"},
		{"mac", code, false, ""},
		{"", code, false, ""},
	} {
		got, refusal := replyOf(http.StatusOK, fmt.Sprintf(`{"access_token":"a","token_type":%q}`, c.kind)).token(c.form, c.bound)
		if c.want == "" {
			require.Nil(t, got)
			require.ErrorContains(t, refusal, "which was not asked for")
			continue
		}
		require.Nil(t, refusal)
		require.Equal(t, c.want, got.tokenType)
	}
}

func TestTokenAnswerRefused(t *testing.T) {
	for _, c := range []struct {
		name        string
		status      int
		body        string
		code, words string
	}{
		{"error", 400, `{"error":"invalid_grant","error_description":"code expired"}`, "invalid_grant", "code expired"},
		{"error with status 200", 200, `{"error":"bad_verification_code","access_token":"a","token_type":"Bearer"}`, "bad_verification_code", ""},
		{"error of another kind", 200, `{"error":{"code":1},"access_token":"a","token_type":"Bearer"}`, "", ""},
		{"token with status 400", 400, `{"access_token":"a","token_type":"Bearer"}`, "", ""},
		{"redirect", 302, ``, "", ""},
		{"failure", 502, `<html>hunter2</html>`, "", ""},
		{"empty", 200, ``, "", "the answer is not a JSON object"},
		{"no content", 204, ``, "", "the answer is not a JSON object"},
		{"null", 200, `null`, "", "the answer is not a JSON object"},
		{"a list", 200, `[{"access_token":"a"}]`, "", "the answer is not a JSON object"},
		{"form", 200, `access_token=a&token_type=bearer`, "", "the answer is not a JSON object"},
		{"more after it", 200, `{"access_token":"a","token_type":"Bearer"}{}`, "", "the answer is not a JSON object"},
		{"cut off", 200, `{"access_token":"a","token_type":"Bearer"`, "", "the answer is not a JSON object"},
		{"no token", 200, `{"token_type":"Bearer"}`, "", "the answer holds no access_token"},
		{"empty token", 200, `{"access_token":"","token_type":"Bearer"}`, "", "the answer holds no access_token"},
		{"token no text", 200, `{"access_token":7,"token_type":"Bearer"}`, "", "the answer holds no access_token"},
		{"name in another case", 200, `{"Access_Token":"a","token_type":"Bearer"}`, "", "the answer holds no access_token"},
		{"header injection", 200, `{"access_token":"a\r\nX: y","token_type":"Bearer"}`, "", "the access_token holds characters that cannot be sent"},
		{"space", 200, `{"access_token":"a b","token_type":"Bearer"}`, "", "the access_token holds characters that cannot be sent"},
		{"no ASCII", 200, `{"access_token":"ä","token_type":"Bearer"}`, "", "the access_token holds characters that cannot be sent"},
		{"no type", 200, `{"access_token":"hunter2"}`, "", `the token_type is "", which was not asked for`},
		{"long words", 400, `{"error":"x","error_description":"` + strings.Repeat("w", 5000) + `"}`, "x", strings.Repeat("w", maxShown) + "..."},
		{"long code", 400, `{"error":"` + strings.Repeat("c", 5000) + `"}`, strings.Repeat("c", maxShown) + "...", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, refusal := replyOf(c.status, c.body).token(url.Values{}, false)
			require.Nil(t, got)
			require.Equal(t, &TokenError{Endpoint: "as.example", StatusCode: c.status, Code: c.code, Description: c.words}, refusal)
			require.NotContains(t, refusal.Error(), "hunter2")
		})
	}
}

// TestTokenAnswerCutsAfterRedaction: a secret that the cut goes through does not
// stay in part.
func TestTokenAnswerCutsAfterRedaction(t *testing.T) {
	reply := replyOf(400, `{"error_description":"`+strings.Repeat("w", maxShown-5)+`t0ps3cret"}`)
	reply.secrets = []string{"t0ps3cret", "w"}
	require.NotContains(t, reply.refusal().Description, "t0p")
	require.Contains(t, reply.refusal().Description, "www", "what is that short is no secret")
}

func TestTokenRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"": 0, "0": 0, "-3": 0, "30": 30 * time.Second, "soon": 0, "999999999": maxRetryAfter,
		answeredAt.Add(time.Minute).UTC().Format(http.TimeFormat):      time.Minute,
		answeredAt.Add(-time.Minute).UTC().Format(http.TimeFormat):     0,
		answeredAt.Add(1000 * time.Hour).UTC().Format(http.TimeFormat): maxRetryAfter,
	} {
		reply := replyOf(503, "")
		reply.header.Set("Retry-After", value)
		require.Equal(t, want, reply.refusal().RetryAfter(), value)
	}
}

func TestTokenAnswerDoesNotShow(t *testing.T) {
	answer := &tokenAnswer{accessToken: "hunter2", tokenType: "Bearer", refreshToken: "hunter3"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		require.Equal(t, "Bearer token [redacted]", fmt.Sprintf(verb, answer))
	}
}

func FuzzTokenAnswer(f *testing.F) {
	for _, body := range []string{
		plainToken, `{"error":"invalid_grant","error_description":"hunter22"}`, `{"access_token":"a","token_type":"dpop","expires_in":"1e9","scope":"a b","refresh_token":"r"}`,
		`{"access_token":"a","token_type":"N_A","issued_token_type":"urn:ietf:params:oauth:token-type:id-jag","expires_in":-1}`, `[]`, `null`, `{`, `{}{}`, "access_token=a",
		`{"access_token":"\u0000","token_type":"Bearer"}`, `{"error":"\ud800hunter22"}`, `{"scope":"` + strings.Repeat("s ", 600) + `","access_token":"a","token_type":"Bearer"}`,
	} {
		f.Add(200, body, "60", false)
		f.Add(400, body, "Fri, 15 Jan 2027 08:00:00 GMT", true)
	}
	f.Fuzz(func(t *testing.T, status int, body, wait string, bound bool) {
		reply := replyOf(status, body)
		reply.header.Set("Retry-After", wait)
		reply.secrets = []string{"hunter22"}
		answer, refusal := reply.token(url.Values{"scope": {"a"}}, bound)
		if (answer == nil) == (refusal == nil) {
			t.Fatal("either an answer or a refusal")
		}
		if refusal != nil {
			require.NotContains(t, refusal.Error(), "hunter22")
			require.LessOrEqual(t, len(refusal.Code), maxShown+3)
			require.LessOrEqual(t, len(refusal.Description), maxShown+3)
			require.NotContains(t, refusal.Error(), "\n")
			require.True(t, refusal.Wait >= 0 && refusal.Wait <= maxRetryAfter)
			return
		}
		require.Contains(t, []string{"Bearer", "DPoP"}, answer.tokenType)
		require.True(t, bound || answer.tokenType == "Bearer")
		require.LessOrEqual(t, len(answer.scopes), scopeLimit)
		require.True(t, answer.expiresAt.IsZero() || !answer.expiresAt.After(answeredAt.Add(maxTokenLifetime)))
		request, err := http.NewRequest(http.MethodGet, "http://mcp.example/", http.NoBody)
		require.NoError(t, err)
		request.Header.Set("Authorization", answer.tokenType+" "+string(answer.accessToken))
		require.NoError(t, request.Write(&strings.Builder{}), "it can be sent")
		require.NotEmpty(t, answer.accessToken)
	})
}
