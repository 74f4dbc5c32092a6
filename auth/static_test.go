package auth_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/holdfast-mcp/mcpclient/auth"
)

// send does what a client does with an authorizer: it sends a request, and sends
// it once more if the authorizer says so. It returns the last status.
func send(ctx context.Context, a auth.Authorizer, server string) (int, error) {
	return sendOver(ctx, http.DefaultTransport, a, server)
}

func sendOver(ctx context.Context, network http.RoundTripper, a auth.Authorizer, server string) (int, error) {
	at, err := url.Parse(server)
	if err != nil {
		return 0, err
	}
	for round := 0; ; round++ {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, server, http.NoBody)
		if err != nil {
			return 0, err
		}
		if err := a.Authorize(ctx, at, req); err != nil {
			return 0, err
		}
		resp, err := network.RoundTrip(req)
		if err != nil {
			return 0, err
		}
		resp.Body.Close()
		if resp.StatusCode < 400 || round == 1 {
			return resp.StatusCode, nil
		}
		if again, err := a.Refused(ctx, at, req, resp); err != nil || !again {
			return resp.StatusCode, err
		}
	}
}

// resource is a server that takes one value of one header and counts requests.
type resource struct {
	*httptest.Server
	seen []string
}

func newResource(t *testing.T, header, wanted string, refusal int) *resource {
	t.Helper()
	r := &resource{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.seen = append(r.seen, req.Header.Get(header))
		if req.Header.Get(header) != wanted {
			w.WriteHeader(refusal)
		}
	}))
	t.Cleanup(func() {
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		r.Close()
	})
	return r
}

func TestBearerIsSentAsItIs(t *testing.T) {
	server := newResource(t, "Authorization", "Bearer 1|abc.~+/=", http.StatusUnauthorized)
	status, err := send(t.Context(), auth.Bearer("1|abc.~+/="), server.URL)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
}

func TestRefusedBearerIsFinal(t *testing.T) {
	server := newResource(t, "Authorization", "Bearer other", http.StatusUnauthorized)
	status, err := send(t.Context(), auth.Bearer("mine"), server.URL)
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, status)
	require.Len(t, server.seen, 1)
}

func TestBearerFuncIsAskedForEveryRequest(t *testing.T) {
	tokens := []string{"old", "new", "new"}
	server := newResource(t, "Authorization", "Bearer new", http.StatusUnauthorized)
	asked := 0
	status, err := send(t.Context(), auth.BearerFunc(func(context.Context) (string, error) {
		asked++
		return tokens[asked-1], nil
	}), server.URL)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, []string{"Bearer old", "Bearer new"}, server.seen)
}

func TestBearerFuncWithTheSameTokenIsFinal(t *testing.T) {
	server := newResource(t, "Authorization", "Bearer other", http.StatusUnauthorized)
	asked := 0
	status, err := send(t.Context(), auth.BearerFunc(func(context.Context) (string, error) {
		asked++
		return "same", nil
	}), server.URL)
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, status)
	require.Equal(t, 2, asked, "once for the request, once after the refusal")
	require.Len(t, server.seen, 1)
}

func TestForbiddenIsFinal(t *testing.T) {
	asked := 0
	changing := func() string { asked++; return fmt.Sprint("token-", asked) }
	for name, a := range map[string]auth.Authorizer{
		"function": auth.BearerFunc(func(context.Context) (string, error) { return changing(), nil }),
		"header":   auth.Header("X-Api-Key", "key"),
		"source": auth.FromTokenSource(sourceFunc(func() (*oauth2.Token, error) {
			return &oauth2.Token{AccessToken: changing()}, nil
		})),
	} {
		t.Run(name, func(t *testing.T) {
			server := newResource(t, "Authorization", "never", http.StatusForbidden)
			status, err := send(t.Context(), a, server.URL)
			require.NoError(t, err)
			require.Equal(t, http.StatusForbidden, status)
			require.Len(t, server.seen, 1)
		})
	}
}

func TestHeaderIsSentAsItIs(t *testing.T) {
	server := newResource(t, "X-Api-Key", "a key", http.StatusUnauthorized)
	status, err := send(t.Context(), auth.Header("x-api-key", "a key"), server.URL)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)

	status, err = send(t.Context(), auth.Header("X-Api-Key", "wrong"), server.URL)
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, status)
	require.Len(t, server.seen, 2)
}

func TestMalformedCredentialsAreNotSent(t *testing.T) {
	for name, a := range map[string]auth.Authorizer{
		"empty token":       auth.Bearer(""),
		"space":             auth.Bearer("hunter2 x"),
		"line break":        auth.Bearer("hunter2\r\nHost: x"),
		"beyond ASCII":      auth.Bearer("hunter2é"),
		"nil function":      auth.BearerFunc(nil),
		"empty value":       auth.Header("X-Api-Key", ""),
		"value ends in LF":  auth.Header("X-Api-Key", "hunter2\n"),
		"value with NUL":    auth.Header("X-Api-Key", "hunter2\x00"),
		"spaces at the end": auth.Header("X-Api-Key", "hunter2 "),
		"empty name":        auth.Header("", "hunter2"),
		"name with colon":   auth.Header("X-Api-Key:", "hunter2"),
		"nil source":        auth.FromTokenSource(nil),
		"no token":          auth.FromTokenSource(sourceFunc(func() (*oauth2.Token, error) { return nil, nil })),
		"token with space": auth.FromTokenSource(sourceFunc(func() (*oauth2.Token, error) {
			return &oauth2.Token{AccessToken: "hunter2 x"}, nil
		})),
		"type with space": auth.FromTokenSource(sourceFunc(func() (*oauth2.Token, error) {
			return &oauth2.Token{AccessToken: "hunter2", TokenType: "a b"}, nil
		})),
	} {
		t.Run(name, func(t *testing.T) {
			server := newResource(t, "Authorization", "never", http.StatusUnauthorized)
			_, err := send(t.Context(), a, server.URL)
			require.ErrorIs(t, err, auth.ErrAuthorization)
			_, ok := errors.AsType[*auth.CredentialError](err)
			require.True(t, ok)
			require.NotContains(t, err.Error(), "hunter2")
			require.Empty(t, server.seen)
		})
	}
}

func TestBearerFuncErrors(t *testing.T) {
	broken := errors.New("vault sealed")
	a := auth.BearerFunc(func(context.Context) (string, error) { return "", broken })
	server := newResource(t, "Authorization", "never", http.StatusUnauthorized)
	_, err := send(t.Context(), a, server.URL)
	require.ErrorIs(t, err, broken)
	require.ErrorIs(t, err, auth.ErrAuthorization)
	require.EqualError(t, err, "no usable credentials from the bearer token: vault sealed")

	gaveUp := errors.New("the caller gave up")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gaveUp)
	waits := auth.BearerFunc(func(ctx context.Context) (string, error) { return "", ctx.Err() })
	_, err = send(ctx, waits, server.URL)
	require.Equal(t, gaveUp, err, "the cancellation is the caller's and no failure of the function")
}

func TestStaticAuthorizersShowNoSecret(t *testing.T) {
	source := oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "hunter2", RefreshToken: "hunter2"})
	for name, a := range map[string]auth.Authorizer{
		"bearer": auth.Bearer("hunter2"),
		"header": auth.Header("X-Api-Key", "hunter2"),
		"source": auth.FromTokenSource(source),
	} {
		t.Run(name, func(t *testing.T) {
			req := httptest.NewRequest(http.MethodPost, "http://localhost/mcp", nil)
			require.NoError(t, a.Authorize(t.Context(), req.URL, req))
			for _, text := range printed(a) {
				require.NotContains(t, text, "hunter2")
			}
		})
	}
}

// printed returns what comes out when people print or log a value.
func printed(value any) []string {
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("text", "value", value)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("json", "value", value)
	return []string{fmt.Sprint(value), fmt.Sprintf("%+v", value), fmt.Sprintf("%#v", value), fmt.Sprintf("%s %q %x", value, value, value), log.String()}
}
