package authtest_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/auth/authtest"
)

// callback is where the client of these tests would receive the browser.
const callback = "http://127.0.0.1/callback"

// echo is an MCP server as far as a token check is concerned.
var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(w, r.Body)
})

// answer is an HTTP answer, read to its end.
type answer struct {
	status int
	header http.Header
	text   string
	json   map[string]any
}

// client is an OAuth client made of nothing but net/http.
type client struct {
	t    *testing.T
	as   *authtest.Server
	id   string
	more http.Header // sent with every request
}

func (c *client) do(method, target string, header http.Header, body string) answer {
	c.t.Helper()
	request, err := http.NewRequestWithContext(c.t.Context(), method, target, strings.NewReader(body))
	require.NoError(c.t, err)
	maps.Copy(request.Header, header)
	maps.Copy(request.Header, c.more)
	response, err := c.as.HTTPClient().Do(request)
	require.NoError(c.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(c.t, err)
	a := answer{status: response.StatusCode, header: response.Header, text: string(text)}
	_ = json.Unmarshal(text, &a.json)
	return a
}

func (c *client) get(target string) answer { c.t.Helper(); return c.do("GET", target, nil, "") }

// call makes a request for the MCP endpoint.
func (c *client) call(target, authorization, body string) answer {
	c.t.Helper()
	header := http.Header{"Content-Type": {"application/json"}}
	if authorization != "" {
		header.Set("Authorization", authorization)
	}
	return c.do("POST", target, header, body)
}

// form posts a form to an endpoint.
func (c *client) form(path string, form url.Values) answer {
	c.t.Helper()
	return c.do("POST", c.as.Issuer()+path, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, form.Encode())
}

func (c *client) register(change map[string]any) answer {
	c.t.Helper()
	wish := map[string]any{
		"client_name": "test", "application_type": "native", "redirect_uris": []string{callback},
		"grant_types": []string{"authorization_code", "refresh_token"}, "response_types": []string{"code"},
		"token_endpoint_auth_method": "none",
	}
	maps.Copy(wish, change)
	body, err := json.Marshal(wish)
	require.NoError(c.t, err)
	return c.do("POST", c.as.Issuer()+"/register", http.Header{"Content-Type": {"application/json"}}, string(body))
}

const verifier = "a-verifier-of-more-than-forty-three-characters"

// query is a right authorization request for resource.
func (c *client) query(resource string) url.Values {
	return url.Values{
		"response_type": {"code"}, "client_id": {c.id}, "redirect_uri": {callback}, "resource": {resource}, "state": {"state-1"},
		"code_challenge": {digestOf(verifier)}, "code_challenge_method": {"S256"},
	}
}

func (c *client) authorize(query url.Values) url.Values {
	c.t.Helper()
	back, err := c.as.Browser(c.t.Context(), c.as.Issuer()+"/authorize?"+query.Encode())
	require.NoError(c.t, err)
	return back
}

// codeForm is a right token request for a code.
func (c *client) codeForm(code, resource string) url.Values {
	return url.Values{
		"grant_type": {"authorization_code"}, "client_id": {c.id}, "code": {code}, "redirect_uri": {callback},
		"code_verifier": {verifier}, "resource": {resource},
	}
}

func (c *client) refreshForm(token, resource string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "client_id": {c.id}, "refresh_token": {token}, "resource": {resource}}
}

// login plays the code flow to its end.
func (c *client) login(resource string) answer {
	c.t.Helper()
	got := c.form("/token", c.codeForm(c.authorize(c.query(resource)).Get("code"), resource))
	require.Equal(c.t, http.StatusOK, got.status, got.text)
	return got
}

func (a answer) string(name string) string {
	text, _ := a.json[name].(string)
	return text
}

// start starts a server with a public client named app, and a resource.
func start(t *testing.T, opts ...authtest.Option) (*client, *authtest.Resource) {
	t.Helper()
	as := authtest.NewServer(t, opts...)
	as.AddClient("app", "", callback)
	return &client{t: t, as: as, id: "app"}, as.Serve(echo)
}

func digestOf(verifier string) string {
	digest := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(digest[:])
}
