package auth_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-mcp/mcpclient/auth"
	"github.com/stretchr/testify/require"
)

const promptState = "the-state"

// terminal is an Output that several prompts may share.
type terminal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *terminal) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(text)
}

func (p *terminal) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

func promptRequest() *auth.AuthorizationRequest {
	return &auth.AuthorizationRequest{URL: "https://as.example/authorize?state=" + promptState, State: promptState, Server: "https://mcp.example/mcp"}
}

func prepare(t *testing.T, prompter auth.Prompter, hint auth.PromptHint) auth.Prompt {
	t.Helper()
	prompt, err := prompter.Prepare(t.Context(), hint)
	require.NoError(t, err)
	t.Cleanup(func() { prompt.Close() })
	return prompt
}

func parsed(t *testing.T, raw string) *url.URL {
	t.Helper()
	at, err := url.Parse(raw)
	require.NoError(t, err)
	return at
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

func TestAuthorizationRequestShowsNoSecret(t *testing.T) {
	request := auth.AuthorizationRequest{
		URL: "https://as.example/authorize?state=topsecret&code_challenge=c", RedirectURI: "http://127.0.0.1:1/callback", State: "topsecret",
		Server: "https://mcp.example/mcp\n", Issuer: "https://as.example", ClientID: "client", Scopes: []string{"a", "b"}, ExpiresAt: time.Unix(0, 0),
	}
	for _, value := range []any{request, &request, []auth.AuthorizationRequest{request}, struct{ R *auth.AuthorizationRequest }{&request}} {
		var logged bytes.Buffer
		slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "request", request)
		slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "request", value)
		text := fmt.Sprintf("%v %+v %#v %s %q %x", value, value, value, value, value, value) + logged.String()
		require.NotContains(t, text, "topsecret")
		require.NotContains(t, text, "code_challenge")
		require.NotContains(t, text, fmt.Sprintf("%x", "topsecret"))
	}
	require.Equal(t, `authorization request of client "client" to "https://as.example/authorize" (issuer "https://as.example") for "https://mcp.example/mcp\n", scopes "a b"`, request.String())
}

func TestPromptFunc(t *testing.T) {
	var asked *auth.AuthorizationRequest
	answer := url.Values{"code": {"C"}}
	failure := errors.New("no")
	prompter := auth.PromptFunc("https://app.example/cb", func(_ context.Context, r *auth.AuthorizationRequest) (url.Values, error) {
		asked = r
		return answer, failure
	})
	prompt := prepare(t, prompter, auth.PromptHint{RedirectURI: "https://app.example/other"})
	require.Equal(t, "https://app.example/cb", prompt.RedirectURI())
	request := &auth.AuthorizationRequest{State: "S"}
	query, err := prompt.Ask(t.Context(), request)
	require.Same(t, request, asked)
	require.Equal(t, failure, err)
	answer.Set("code", "changed")
	require.Equal(t, url.Values{"code": {"C"}}, query)
	require.NoError(t, prompt.Close())
}

func TestPromptFuncTakesTheRegisteredURI(t *testing.T) {
	ask := func(context.Context, *auth.AuthorizationRequest) (url.Values, error) { return nil, nil }
	require.Equal(t, "https://app.example/cb", prepare(t, auth.PromptFunc("", ask), auth.PromptHint{RedirectURI: "https://app.example/cb"}).RedirectURI())
	_, err := auth.PromptFunc("", ask).Prepare(t.Context(), auth.PromptHint{Registers: true})
	require.ErrorContains(t, err, "redirect URI")
	_, err = auth.PromptFunc("https://app.example/cb", nil).Prepare(t.Context(), auth.PromptHint{})
	require.ErrorContains(t, err, "no function")
}
