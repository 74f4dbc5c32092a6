package auth

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

// tokenHost is an authorization server of which only the token endpoint and the
// metadata are there. It keeps what it is sent.
type tokenHost struct {
	*httptest.Server
	answer func(form url.Values) (status int, body map[string]any)
	forms  []url.Values
	header []http.Header
}

func newTokenHost(t *testing.T, answer func(url.Values) (int, map[string]any)) *tokenHost {
	t.Helper()
	h := &tokenHost{answer: answer}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		h.forms = append(h.forms, r.PostForm)
		h.header = append(h.header, r.Header)
		status, body := h.answer(r.PostForm)
		writeDocument(w, status, body)
	})
	mux.HandleFunc("GET /.well-known/oauth-authorization-server", func(w http.ResponseWriter, _ *http.Request) {
		writeDocument(w, http.StatusOK, map[string]any{"issuer": h.URL, "token_endpoint": h.URL + "/token"})
	})
	h.Server = httptest.NewServer(mux)
	t.Cleanup(h.Close)
	return h
}

func writeDocument(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

func granting(url.Values) (int, map[string]any) {
	return http.StatusOK, map[string]any{"access_token": "access", "token_type": "Bearer", "refresh_token": "refresh"}
}

func refusing(code string) func(url.Values) (int, map[string]any) {
	return func(url.Values) (int, map[string]any) {
		return http.StatusBadRequest, map[string]any{"error": code, "error_description": "no"}
	}
}

// at returns a request for a token of h, as the engine makes it.
func (h *tokenHost) at(t *testing.T, resource string, scopes ...string) *grantRequest {
	t.Helper()
	token, err := url.Parse(h.URL + "/token")
	require.NoError(t, err)
	server := &url.URL{Scheme: "http", Host: "127.0.0.1:1", Path: "/mcp"}
	fetch := newFetcher(HTTPPolicy{Transport: h.Client().Transport})
	return &grantRequest{
		server:   server,
		resource: &protectedResource{resource: resource, issuers: []string{h.URL}},
		as:       &authServer{issuer: h.URL, token: token},
		scopes:   scopes,
		discover: newDiscoverer(fetch, Policy{}),
		tokens:   newTokenClient(fetch),
	}
}

// grantOf returns the grant inside, and fails the test if there is none.
func grantOf(t *testing.T, m *Machine, err error) grant {
	t.Helper()
	require.NoError(t, err)
	return m.grant
}
