package auth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWorkloadOnTheWire(t *testing.T) {
	host := newTokenHost(t, granting)
	var asked []AssertionRequest
	source := func(_ context.Context, r AssertionRequest) (string, error) {
		asked = append(asked, r)
		return "aaa.bbb.ccc", nil
	}
	m, err := NewWorkload(WorkloadConfig{Issuer: host.URL, ClientID: "job", Assertion: source})
	g := grantOf(t, m, err)
	answer, err := g.obtain(t.Context(), host.at(t, "https://mcp.example.com/mcp", "read"))
	require.NoError(t, err)
	require.Equal(t, secret("access"), answer.token.accessToken)
	require.Empty(t, answer.token.refreshToken, "the platform is asked each time")
	require.Equal(t, []url.Values{{
		"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {"aaa.bbb.ccc"},
		"resource": {"https://mcp.example.com/mcp"}, "scope": {"read"}, "client_id": {"job"},
	}}, host.forms)
	require.Empty(t, host.header[0].Get("Authorization"))
	require.Equal(t, []AssertionRequest{{
		Issuer: host.URL, TokenEndpoint: host.URL + "/token", Resource: "https://mcp.example.com/mcp", ClientID: "job",
	}}, asked)

	m, err = NewWorkload(WorkloadConfig{Issuer: host.URL, Assertion: source})
	g = grantOf(t, m, err)
	_, err = g.obtain(t.Context(), host.at(t, "https://mcp.example.com/mcp"))
	require.NoError(t, err)
	require.NotContains(t, host.forms[1], "client_id")
	require.NotContains(t, host.forms[1], "scope")
}

func TestRefusedAssertionIsNotSentAgain(t *testing.T) {
	host := newTokenHost(t, refusing("invalid_grant"))
	assertion := "first"
	m, err := NewWorkload(WorkloadConfig{Issuer: host.URL, Assertion: func(context.Context, AssertionRequest) (string, error) { return assertion, nil }})
	g := grantOf(t, m, err)
	_, err = g.obtain(t.Context(), host.at(t, "https://one.example.com"))
	_, ok := errors.AsType[*TokenError](err)
	require.True(t, ok, err)
	require.Len(t, host.forms, 1)

	for _, scope := range []string{"", "read"} {
		_, err = g.obtain(t.Context(), host.at(t, "https://one.example.com", strings.Fields(scope)...))
		require.Len(t, host.forms, 1, "nothing is sent")
		_, ok = errors.AsType[*CredentialError](err)
		require.True(t, ok, err)
		refused, ok := errors.AsType[*TokenError](err)
		require.True(t, ok)
		require.Equal(t, "invalid_grant", refused.Code)
		require.Contains(t, err.Error(), "the one that was refused before")
	}

	_, err = g.obtain(t.Context(), host.at(t, "https://two.example.com"))
	require.Error(t, err)
	require.Len(t, host.forms, 2, "what one server does is no verdict for another")

	assertion = "second"
	host.answer = granting
	_, err = g.obtain(t.Context(), host.at(t, "https://one.example.com"))
	require.NoError(t, err)
	require.Equal(t, "second", host.forms[2].Get("assertion"))
	for _, form := range host.forms {
		require.Equal(t, jwtBearer, form.Get("grant_type"), "no other grant is tried")
	}
}

func TestPassingFailureDoesNotUseUpAnAssertion(t *testing.T) {
	host := newTokenHost(t, nil)
	m, err := NewWorkload(WorkloadConfig{Issuer: host.URL, Assertion: func(context.Context, AssertionRequest) (string, error) { return "same", nil }})
	g := grantOf(t, m, err)
	for _, status := range []int{http.StatusServiceUnavailable, http.StatusTooManyRequests} {
		host.answer = func(url.Values) (int, map[string]any) { return status, nil }
		_, err = g.obtain(t.Context(), host.at(t, "https://mcp.example.com"))
		require.Error(t, err)
		require.True(t, isTemporary(err), err)
	}
	host.answer = func(url.Values) (int, map[string]any) { return http.StatusOK, map[string]any{} }
	_, err = g.obtain(t.Context(), host.at(t, "https://mcp.example.com"))
	require.Error(t, err, "that is no token, and no refusal either")

	host.answer = granting
	for range 2 {
		_, err = g.obtain(t.Context(), host.at(t, "https://mcp.example.com"))
		require.NoError(t, err, "one that was accepted may be used again")
	}
	require.Len(t, host.forms, 5)
}

func TestWorkloadStaysWithItsIssuer(t *testing.T) {
	host := newTokenHost(t, granting)
	asked := false
	m, err := NewWorkload(WorkloadConfig{Issuer: "https://login.example.com", Assertion: func(context.Context, AssertionRequest) (string, error) {
		asked = true
		return "aaa.bbb.ccc", nil
	}})
	g := grantOf(t, m, err)
	pinned, only := g.issuers()
	require.True(t, only)
	require.Equal(t, []string{"https://login.example.com"}, pinned)
	require.False(t, g.needsCode())
	_, err = g.obtain(t.Context(), host.at(t, "https://mcp.example.com"))
	_, ok := errors.AsType[*IssuerMismatchError](err)
	require.True(t, ok, err)
	require.False(t, asked)
	require.Empty(t, host.forms)
}

func TestWorkloadSourceFails(t *testing.T) {
	host := newTokenHost(t, granting)
	broken := errors.New("no identity here")
	for name, source := range map[string]AssertionSource{
		"error":     func(context.Context, AssertionRequest) (string, error) { return "", broken },
		"empty":     func(context.Context, AssertionRequest) (string, error) { return "", nil },
		"two lines": func(context.Context, AssertionRequest) (string, error) { return "hunter2\nhunter2", nil },
		"no file":   AssertionFile(filepath.Join(t.TempDir(), "token")),
		"no value":  AssertionEnv("AUTH_TEST_UNSET"),
	} {
		t.Run(name, func(t *testing.T) {
			m, err := NewWorkload(WorkloadConfig{Issuer: host.URL, Assertion: source})
			g := grantOf(t, m, err)
			_, err = g.obtain(t.Context(), host.at(t, "https://mcp.example.com"))
			require.ErrorIs(t, err, ErrAuthorization)
			_, ok := errors.AsType[*CredentialError](err)
			require.True(t, ok, err)
			require.NotContains(t, err.Error(), "hunter2")
			require.Empty(t, host.forms)
		})
	}
}

func TestAssertionSources(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	fromFile := AssertionFile(path)
	for _, text := range []string{"first", "second"} {
		require.NoError(t, os.WriteFile(path, []byte(" "+text+"\n"), 0o600))
		got, err := fromFile(t.Context(), AssertionRequest{})
		require.NoError(t, err)
		require.Equal(t, text, got, "the file is read anew")
	}
	require.NoError(t, os.WriteFile(path, make([]byte, maxAssertion+1), 0o600))
	_, err := fromFile(t.Context(), AssertionRequest{})
	require.ErrorContains(t, err, "limit")

	t.Setenv("AUTH_TEST_TOKEN", "abc\n")
	got, err := AssertionEnv("AUTH_TEST_TOKEN")(t.Context(), AssertionRequest{})
	require.NoError(t, err)
	require.Equal(t, "abc", got)
}
