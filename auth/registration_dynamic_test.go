package auth

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRegisterOnTheWire(t *testing.T) {
	at := &endpoint{answer: answers(reply{201, `{"client_id":"new","client_secret":"geheim","client_secret_expires_at":2000000000,
		"token_endpoint_auth_method":"client_secret_basic","registration_client_uri":"https://as.example/register/new","registration_access_token":"geheim2"}`})}
	keeper := newKeeper()
	r := testRegistrar(keeper, at)
	r.client = clientMetadata{
		name: "An App", uri: "https://app.example", logoURI: "https://app.example/logo", policyURI: "https://app.example/p", termsURI: "https://app.example/t",
		contacts: []string{"a@app.example"}, softwareID: "id", softwareVersion: "1", onlyDPoP: true,
	}
	as := testAS()
	as.authMethods = []string{"private_key_jwt", "client_secret_post", "client_secret_basic"}

	client, callback, err := newClient(t, r, as, receiver, "mcp:read", "mcp:write")
	require.NoError(t, err)
	requireClient(t, identity{clientID: "new", method: "client_secret_basic", origin: dynamic}, client, true)
	require.Equal(t, receiver, callback)
	require.Equal(t, []map[string]any{{
		"client_name": "An App", "redirect_uris": []any{receiver}, "grant_types": []any{"authorization_code", "refresh_token"},
		"response_types": []any{"code"}, "token_endpoint_auth_method": "client_secret_basic", "application_type": "native", "scope": "mcp:read mcp:write",
		"client_uri": "https://app.example", "logo_uri": "https://app.example/logo", "policy_uri": "https://app.example/p", "tos_uri": "https://app.example/t",
		"contacts": []any{"a@app.example"}, "software_id": "id", "software_version": "1", "dpop_bound_access_tokens": true,
	}}, at.requests)
	require.Equal(t, "application/json", at.headers[0].Get("Content-Type"))
	require.Equal(t, "application/json", at.headers[0].Get("Accept"))
	require.Empty(t, at.headers[0].Get("Authorization"))
	require.Equal(t, &registrationRecord{
		V: recordVersion, Issuer: testIssuer, ClientID: "new", ClientSecret: "geheim", SecretExpiresAt: time.Unix(2000000000, 0).UTC(), Method: "client_secret_basic",
		RedirectURI: receiver, ManagementURI: "https://as.example/register/new", ManagementSecret: "geheim2",
	}, keeper.kept())
}

func TestRegisterWithLittle(t *testing.T) {
	at := &endpoint{answer: answers(reply{200, `{"client_id":"new"}`})}
	r := testRegistrar(newKeeper(), at)
	r.client = clientMetadata{}
	_, _, err := newClient(t, r, testAS(), "https://app.example/callback")
	require.NoError(t, err)
	require.Equal(t, map[string]any{
		"redirect_uris": []any{"https://app.example/callback"}, "grant_types": []any{"authorization_code", "refresh_token"},
		"response_types": []any{"code"}, "token_endpoint_auth_method": "none", "application_type": "web",
	}, at.requests[0])
}

// TestRegisterOverHTTP goes through a real server.
func TestRegisterOverHTTP(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"client_id":"new"}`)
	}))
	defer server.Close()
	at, err := url.Parse(server.URL)
	require.NoError(t, err)
	r := &registrar{fetch: newFetcher(HTTPPolicy{}), keeper: newKeeper(), now: time.Now}
	plan, err := r.plan(t.Context(), at, &authServer{issuer: server.URL, registration: at.JoinPath("register")})
	require.NoError(t, err)
	client, _, err := plan.identify(t.Context(), receiver, nil)
	require.NoError(t, err)
	require.Equal(t, "new", client.clientID)
	server.CloseClientConnections()
}

func TestMethodToAskFor(t *testing.T) {
	for want, supported := range map[string][]string{
		"none":                nil,
		"client_secret_post":  {"client_secret_post", "private_key_jwt"},
		"client_secret_basic": {"client_secret_post", "client_secret_basic"},
	} {
		require.Equal(t, want, methodToAskFor(supported))
	}
	require.Equal(t, "none", methodToAskFor([]string{"client_secret_basic", "none"}))
	require.Equal(t, "none", methodToAskFor([]string{"tls_client_auth"}))
}

func TestReadRegistration(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       registrationRecord
	}{
		{"least", `{"client_id":"c"}`, registrationRecord{}},
		{"nulls", `{"client_id":"c","client_secret":null,"client_secret_expires_at":null,"token_endpoint_auth_method":null}`, registrationRecord{}},
		{"public", `{"client_id":"c","token_endpoint_auth_method":"none","client_secret_expires_at":1}`, registrationRecord{Method: "none"}},
		{"secret for ever", `{"client_id":"c","client_secret":"s","client_secret_expires_at":0}`, registrationRecord{ClientSecret: "s"}},
		{"expiry as text", `{"client_id":"c","client_secret":"s","client_secret_expires_at":"2000000000"}`, registrationRecord{ClientSecret: "s", SecretExpiresAt: time.Unix(2000000000, 0).UTC()}},
		{"expiry in milliseconds", `{"client_id":"c","client_secret":"s","client_secret_expires_at":2000000000000}`, registrationRecord{ClientSecret: "s"}},
		{"expiry as nonsense", `{"client_id":"c","client_secret":"s","client_secret_expires_at":"NaN"}`, registrationRecord{ClientSecret: "s"}},
		{"expiry before time", `{"client_id":"c","client_secret":"s","client_secret_expires_at":-5}`, registrationRecord{ClientSecret: "s"}},
		{"another method than asked for", `{"client_id":"c","client_secret":"s","token_endpoint_auth_method":"client_secret_post"}`, registrationRecord{ClientSecret: "s", Method: "client_secret_post"}},
		{"a method without its secret", `{"client_id":"c","token_endpoint_auth_method":"client_secret_basic"}`, registrationRecord{}},
		{"a method we cannot do", `{"client_id":"c","client_secret":"s","token_endpoint_auth_method":"client_secret_jwt"}`, registrationRecord{ClientSecret: "s"}},
		{"management of nowhere", `{"client_id":"c","registration_client_uri":"::","registration_access_token":"t"}`, registrationRecord{}},
		{"an error beside a client", `{"client_id":"c","error":"odd"}`, registrationRecord{}},
	} {
		record, refusal := readRegistration(&webReply{status: 201, body: []byte(c.body)})
		require.Nil(t, refusal, c.name)
		c.want.V, c.want.ClientID = recordVersion, "c"
		require.Equal(t, &c.want, record, c.name)
	}
}

func TestReadRefusal(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   RegistrationError
	}{
		{"refused", 400, `{"error":"invalid_redirect_uri","error_description":"not here"}`, RegistrationError{Code: "invalid_redirect_uri", Description: "not here"}},
		{"closed", 401, ``, RegistrationError{}},
		{"a page", 403, `<html>secret stuff</html>`, RegistrationError{}},
		{"success with an error", 200, `{"error":"invalid_client_metadata"}`, RegistrationError{Code: "invalid_client_metadata"}},
		{"a client, but no success", 202, `{"client_id":"c"}`, RegistrationError{}},
		{"a page as success", 200, `<html>`, RegistrationError{Description: "the answer is no registration in JSON"}},
		{"trailing garbage", 201, `{"client_id":"c"} {}`, RegistrationError{Description: "the answer is no registration in JSON"}},
		{"wrong type", 201, `{"client_id":5}`, RegistrationError{Description: "the answer is no registration in JSON"}},
		{"no id", 201, `{}`, RegistrationError{Description: "the answer has no client_id"}},
		{"null", 201, `null`, RegistrationError{Description: "the answer has no client_id"}},
		{"control characters", 201, `{"client_id":"a\nb"}`, RegistrationError{Description: "the answer's client_id or client_secret is too long, or holds control characters"}},
		{"long", 201, `{"client_id":"c","client_secret":"` + long + `"}`, RegistrationError{Description: "the answer's client_id or client_secret is too long, or holds control characters"}},
		{"many words", 400, `{"error_description":"` + long + `"}`, RegistrationError{Description: cut(long)}},
	} {
		record, refusal := readRegistration(&webReply{status: c.status, body: []byte(c.body)})
		require.Nil(t, record, c.name)
		c.want.StatusCode = c.status
		require.Equal(t, &c.want, refusal, c.name)
		require.ErrorIs(t, refusal, ErrAuthorization)
	}
}

// TestAdjustedRequest: which refusal is answered with which other request, and
// what is reported in the end.
func TestAdjustedRequest(t *testing.T) {
	refused := func(code, words string) reply {
		return reply{400, fmt.Sprintf(`{"error":%q,"error_description":%q}`, code, words)}
	}
	ok := reply{201, `{"client_id":"new"}`}
	for _, c := range []struct {
		name     string
		receiver string
		replies  []reply
		field    string // that the second request has changed
		value    any    // nil: left out; "-": there is no second request
		callback string
		reported string // description of the error; "": none
	}{
		{"localhost only", receiver, []reply{refused("invalid_redirect_uri", "no addresses"), ok}, "redirect_uris", []any{"http://localhost:5000/callback"}, "http://localhost:5000/callback", ""},
		{"addresses only", "http://localhost:5000/callback", []reply{refused("invalid_redirect_uri", "no names"), ok}, "redirect_uris", []any{receiver}, receiver, ""},
		{"neither", receiver, []reply{refused("invalid_redirect_uri", "first"), refused("invalid_redirect_uri", "second")}, "redirect_uris", []any{"http://localhost:5000/callback"}, "", "first"},
		{"not on loopback", "https://app.example/cb", []reply{refused("invalid_redirect_uri", "first")}, "", "-", "", "first"},
		{"no scopes", receiver, []reply{refused("invalid_client_metadata", "scope"), ok}, "scope", nil, receiver, ""},
		{"no scopes for strangers", receiver, []reply{{403, `{"error":"insufficient_scope","error_description":"Policy"}`}, ok}, "scope", nil, receiver, ""},
		{"no scopes, and then", receiver, []reply{refused("invalid_scope", "first"), refused("access_denied", "second")}, "scope", nil, "", "second"},
		{"application_type", receiver, []reply{refused("invalid_client_metadata", "application_type: no natives"), ok}, "application_type", "web", receiver, ""},
		{"application type of web", "https://app.example/cb", []reply{refused("invalid_client_metadata", "application type must be native"), ok}, "application_type", "native", "https://app.example/cb", ""},
		{"software statement", receiver, []reply{refused("invalid_software_statement", "first")}, "", "-", "", "first"},
		{"closed", receiver, []reply{{401, `{"error":"invalid_client_metadata","error_description":"first"}`}}, "", "-", "", "first"},
		{"busy", receiver, []reply{{503, `{"error":"invalid_redirect_uri","error_description":"first"}`}}, "", "-", "", "first"},
	} {
		t.Run(c.name, func(t *testing.T) {
			at := &endpoint{answer: answers(c.replies...)}
			keeper := newKeeper()
			_, callback, err := newClient(t, testRegistrar(keeper, at), testAS(), c.receiver, "mcp:read")
			require.Equal(t, c.callback, callback)
			if c.reported == "" {
				require.NoError(t, err)
				require.Equal(t, c.callback, keeper.kept().RedirectURI)
			} else {
				refusal, ok := errors.AsType[*RegistrationError](err)
				require.True(t, ok, "%v", err)
				require.Equal(t, c.reported, refusal.Description)
				require.Equal(t, testIssuer, refusal.Issuer)
				require.Nil(t, keeper.kept())
			}
			if c.value == "-" {
				require.Len(t, at.requests, 1)
				return
			}
			require.Len(t, at.requests, 2)
			require.Equal(t, c.value, at.requests[1][c.field])
			delete(at.requests[0], c.field)
			delete(at.requests[1], c.field)
			require.Equal(t, at.requests[0], at.requests[1], "nothing else changes")
		})
	}
}

func TestServerThatInsistsOnLocalhost(t *testing.T) {
	at := &endpoint{answer: answers(reply{400, `{"error":"invalid_redirect_uri"}`}, reply{201, `{"client_id":"new"}`})}
	r := testRegistrar(newKeeper(), at)
	for range 2 {
		client, callback, err := newClient(t, r, testAS(), receiver)
		require.NoError(t, err)
		require.Equal(t, "new", client.clientID)
		require.Equal(t, "http://localhost:5000/callback", callback)
	}
	require.Len(t, at.requests, 2, "the second time it is known")
}

func TestRegistrationErrorTemporary(t *testing.T) {
	for status, passing := range map[int]bool{400: false, 403: false, 429: true, 500: true, 503: true} {
		_, _, err := newClient(t, testRegistrar(newKeeper(), &endpoint{answer: answers(reply{status, ""})}), testAS(), receiver)
		require.Equal(t, passing, isTemporary(err), status)
	}
	_, _, err := newClient(t, testRegistrar(newKeeper(), &endpoint{answer: answers(reply{})}), testAS(), receiver)
	_, ok := errors.AsType[*RequestError](err)
	require.True(t, ok, "%v", err)
	require.True(t, isTemporary(err))
}

func TestGuessedEndpointThatIsNotThere(t *testing.T) {
	as := testAS()
	for _, status := range []int{404, 405} {
		as.guessed = true
		_, _, err := newClient(t, testRegistrar(newKeeper(), &endpoint{answer: answers(reply{status, ""})}), as, receiver)
		_, ok := errors.AsType[*RegistrationUnavailableError](err)
		require.True(t, ok, "%v", err)

		as.guessed = false
		_, _, err = newClient(t, testRegistrar(newKeeper(), &endpoint{answer: answers(reply{status, ""})}), as, receiver)
		_, ok = errors.AsType[*RegistrationError](err)
		require.True(t, ok, "%v", err)
	}
}

func TestRegistrationsHideTheirSecrets(t *testing.T) {
	answer := registrationAnswer{ClientID: "c", ClientSecret: "geheim", ManagementSecret: "geheim"}
	record := answer.record()
	for _, value := range []any{answer, &answer, *record, record} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			require.NotContains(t, fmt.Sprintf(verb, value), "geheim", "%T %s", value, verb)
			require.NotContains(t, fmt.Sprintf(verb, value), "67656865696d", "%T %s", value, verb)
		}
		var log strings.Builder
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "value", value)
		require.NotContains(t, log.String(), "geheim", "%T", value)
	}
}

func FuzzReadRegistration(f *testing.F) {
	for _, body := range []string{
		`{"client_id":"c","client_secret":"s","client_secret_expires_at":2000000000,"token_endpoint_auth_method":"client_secret_post"}`,
		`{"client_id":"c","client_secret":"s","client_secret_expires_at":"1e300"}`,
		`{"error":"invalid_redirect_uri","error_description":"no"}`, `{"client_id":null}`, `[]`, `null`, `{`, ``,
	} {
		f.Add(201, []byte(body))
		f.Add(400, []byte(body))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		record, refusal := readRegistration(&webReply{status: status, body: body})
		require.NotEqual(t, record == nil, refusal == nil)
		if refusal != nil {
			require.NotContains(t, refusal.Error(), "\n")
			return
		}
		require.True(t, storable(record.ClientID) && record.ClientID != "")
		_, err := record.SecretExpiresAt.MarshalJSON()
		require.NoError(t, err)
		require.Equal(t, record.ClientID, record.identity().clientID)
	})
}
