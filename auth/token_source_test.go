package auth_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/holdfast-mcp/mcpclient/auth"
)

type sourceFunc func() (*oauth2.Token, error)

func (f sourceFunc) Token() (*oauth2.Token, error) { return f() }

// rotating gives one token until it is told that it was refused.
type rotating struct {
	mu     sync.Mutex
	tokens []string
	asked  int
	told   int
}

func (r *rotating) Token() (*oauth2.Token, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	return &oauth2.Token{AccessToken: r.tokens[0]}, nil
}

func (r *rotating) Invalidate() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told++
	r.tokens = r.tokens[1:]
}

func TestTokenSourceRespectsTheType(t *testing.T) {
	for given, sent := range map[string]string{"": "Bearer abc", "bearer": "Bearer abc", "MAC": "MAC abc", "Custom": "Custom abc"} {
		server := newResource(t, "Authorization", sent, http.StatusUnauthorized)
		source := oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "abc", TokenType: given})
		status, err := send(t.Context(), auth.FromTokenSource(source), server.URL)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status, server.seen)
	}
}

func TestTokenSourceIsToldOfARefusal(t *testing.T) {
	source := &rotating{tokens: []string{"old", "new"}}
	server := newResource(t, "Authorization", "Bearer new", http.StatusUnauthorized)
	status, err := send(t.Context(), auth.FromTokenSource(source), server.URL)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, []string{"Bearer old", "Bearer new"}, server.seen)
	require.Equal(t, 1, source.told)
}

func TestTokenSourceWithAnotherTokenIsTriedOnce(t *testing.T) {
	tokens := []string{"old", "new"}
	asked := 0
	source := sourceFunc(func() (*oauth2.Token, error) {
		asked++
		return &oauth2.Token{AccessToken: tokens[min(asked, 2)-1]}, nil
	})
	server := newResource(t, "Authorization", "Bearer new", http.StatusUnauthorized)
	status, err := send(t.Context(), auth.FromTokenSource(source), server.URL)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, []string{"Bearer old", "Bearer new"}, server.seen)
}

func TestTokenSourceWithTheSameTokenIsFinal(t *testing.T) {
	server := newResource(t, "Authorization", "Bearer other", http.StatusUnauthorized)
	source := oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "same"})
	status, err := send(t.Context(), auth.FromTokenSource(source), server.URL)
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, status)
	require.Len(t, server.seen, 1)
}

// A refusal of the last token that arrives after the new one is there must not
// cost the new one.
func TestLateRefusalDoesNotInvalidateTheNewToken(t *testing.T) {
	source := &rotating{tokens: []string{"old", "new"}}
	a := auth.FromTokenSource(source)
	at := &url.URL{Scheme: "https", Host: "mcp.example.com"}
	refusal := &http.Response{StatusCode: http.StatusUnauthorized}
	var requests []*http.Request
	for range 3 {
		req := httptest.NewRequest(http.MethodPost, at.String(), nil)
		require.NoError(t, a.Authorize(t.Context(), at, req))
		requests = append(requests, req)
	}
	for _, req := range requests {
		again, err := a.Refused(t.Context(), at, req, refusal)
		require.NoError(t, err)
		require.True(t, again)
	}
	require.Equal(t, 1, source.told)
}

// A call that was under way when the refusal came does not answer it.
func TestRefusalWaitsForACallOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := make(chan struct{})
		var asked atomic.Int32
		a := auth.FromTokenSource(sourceFunc(func() (*oauth2.Token, error) {
			switch asked.Add(1) {
			case 1:
				return &oauth2.Token{AccessToken: "old"}, nil
			case 2:
				<-slow
				return &oauth2.Token{AccessToken: "old"}, nil
			default:
				return &oauth2.Token{AccessToken: "new"}, nil
			}
		}))
		at := &url.URL{Scheme: "https", Host: "mcp.example.com"}
		req := httptest.NewRequest(http.MethodPost, at.String(), nil)
		require.NoError(t, a.Authorize(t.Context(), at, req))

		var waiting sync.WaitGroup
		defer waiting.Wait()
		waiting.Go(func() { _ = a.Authorize(t.Context(), at, httptest.NewRequest(http.MethodPost, at.String(), nil)) })
		synctest.Wait()
		var again bool
		var err error
		waiting.Go(func() {
			again, err = a.Refused(t.Context(), at, req, &http.Response{StatusCode: http.StatusUnauthorized})
		})
		synctest.Wait()
		close(slow)
		waiting.Wait()
		require.NoError(t, err)
		require.True(t, again)
		require.EqualValues(t, 3, asked.Load())
	})
}

func TestParallelRequestsShareOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var running, most, asked atomic.Int32
		a := auth.FromTokenSource(sourceFunc(func() (*oauth2.Token, error) {
			asked.Add(1)
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			<-release
			return &oauth2.Token{AccessToken: "abc"}, nil
		}))
		at := &url.URL{Scheme: "https", Host: "mcp.example.com"}
		gaveUp := errors.New("gave up")
		impatient, cancel := context.WithTimeoutCause(t.Context(), time.Second, gaveUp)
		defer cancel()

		errs := make([]error, 20)
		var waiting sync.WaitGroup
		for i := range errs {
			waiting.Go(func() {
				ctx := t.Context()
				if i%2 == 1 {
					ctx = impatient
				}
				errs[i] = a.Authorize(ctx, at, httptest.NewRequest(http.MethodPost, at.String(), nil))
			})
		}
		<-impatient.Done()
		synctest.Wait()
		close(release)
		waiting.Wait()
		for i, err := range errs {
			if i%2 == 1 {
				require.Equal(t, gaveUp, err)
			} else {
				require.NoError(t, err)
			}
		}
		require.EqualValues(t, 1, asked.Load())
		require.EqualValues(t, 1, most.Load())
	})
}

func TestTokenSourceErrorsKeepTheAnswerOut(t *testing.T) {
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusBadRequest)
		w.Write([]byte(`{"error":"invalid_grant","error_description":"gone\nfor good","refresh_token":"hunter2"}`))
	}))
	defer endpoint.Close()
	config := &oauth2.Config{Endpoint: oauth2.Endpoint{TokenURL: endpoint.URL + "/token?key=hunter2", AuthStyle: oauth2.AuthStyleInParams}}
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, endpoint.Client())
	a := auth.FromTokenSource(config.TokenSource(ctx, &oauth2.Token{RefreshToken: "hunter2"}))

	req := httptest.NewRequest(http.MethodPost, "https://mcp.example.com", nil)
	err := a.Authorize(t.Context(), req.URL, req)
	require.ErrorIs(t, err, auth.ErrAuthorization)
	refused, ok := errors.AsType[*auth.TokenError](err)
	require.True(t, ok)
	require.Equal(t, &auth.TokenError{
		Endpoint: endpoint.Listener.Addr().String(), StatusCode: 400, Code: "invalid_grant", Description: "gone\nfor good", Wait: 7 * time.Second,
	}, refused)
	for _, text := range printed(err) {
		require.NotContains(t, text, "hunter2")
	}
	require.NotContains(t, err.Error(), "\n")

	endpoint.Close()
	err = a.Authorize(t.Context(), req.URL, req)
	failed, ok := errors.AsType[*auth.RequestError](err)
	require.True(t, ok, err)
	require.True(t, failed.Temporary())
	for _, text := range printed(err) {
		require.NotContains(t, text, "hunter2")
	}
}

func TestTokenSourceThatEndsItsGoroutine(t *testing.T) {
	a := auth.FromTokenSource(sourceFunc(func() (*oauth2.Token, error) {
		runtime.Goexit()
		return nil, errors.New("down")
	}))
	req := httptest.NewRequest(http.MethodPost, "https://mcp.example.com", nil)
	for range 2 {
		err := a.Authorize(t.Context(), req.URL, req)
		require.EqualError(t, err, "no usable credentials from the token source: it did not return")
	}
}
