package auth_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/auth"
	"github.com/holdfast-mcp/mcpclient/auth/authtest"
)

// guarded is a resource that says yes to whoever has a token of issuer.
func guarded(issuer *authtest.Server, options ...authtest.ResourceOption) *authtest.Resource {
	return issuer.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusOK)
	}), options...)
}

// interactive is an authorizer whose user is the issuer's browser.
func interactive(t *testing.T, issuer *authtest.Server, change ...func(*auth.InteractiveConfig)) *auth.Interactive {
	t.Helper()
	config := auth.InteractiveConfig{
		Prompter: auth.PromptFunc("http://127.0.0.1/callback", func(ctx context.Context, r *auth.AuthorizationRequest) (url.Values, error) {
			return issuer.Browser(ctx, r.URL)
		}),
	}
	for _, c := range change {
		c(&config)
	}
	a, err := auth.NewInteractive(config)
	require.NoError(t, err)
	return a
}

func storedIn(store auth.Store) func(*auth.InteractiveConfig) {
	return func(c *auth.InteractiveConfig) { c.Options.Store = store }
}

func TestFlowRefreshesAndRotates(t *testing.T) {
	issuer := authtest.NewServer(t)
	server, a := guarded(issuer), interactive(t, issuer)
	for round := range 4 {
		status, err := send(t.Context(), a, server.URL())
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, 1+round, issuer.Count(authtest.TokenEndpoint))
		issuer.ExpireTokens()
	}
	require.Equal(t, 1, issuer.Count(authtest.AuthorizationEndpoint), "the user is asked once")
	require.Equal(t, 1, issuer.Count(authtest.RegistrationEndpoint))
	require.Zero(t, issuer.Reused(), "each refresh token is used once")
}

func TestFlowIsShared(t *testing.T) {
	issuer := authtest.NewServer(t)
	server, a := guarded(issuer), interactive(t, issuer)
	for _, tokens := range []int{1, 2} {
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				status, err := send(t.Context(), a, server.URL())
				require.NoError(t, err)
				require.Equal(t, http.StatusOK, status)
			})
		}
		all.Wait()
		require.Equal(t, tokens, issuer.Count(authtest.TokenEndpoint))
		issuer.ExpireTokens()
	}
	require.Equal(t, 1, issuer.Count(authtest.AuthorizationEndpoint))
}

// inMemory has authorizers reach an issuer that is in memory.
func inMemory(issuer *authtest.Server) func(*auth.InteractiveConfig) {
	return func(c *auth.InteractiveConfig) { c.Options.HTTP.Transport = issuer.HTTPClient().Transport }
}

// TestFlowOutlivesItsFirstCaller: who began it may leave, the others get the token. The last to leave takes it along.
func TestFlowOutlivesItsFirstCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := authtest.NewServer(t, authtest.InMemory())
		network := issuer.HTTPClient().Transport
		goOn := make(chan struct{})
		issuer.OnConsent(func(ctx context.Context, _ url.Values) authtest.Verdict {
			select {
			case <-goOn:
			case <-ctx.Done():
			}
			return authtest.Verdict{}
		})
		server, a := guarded(issuer), interactive(t, issuer, inMemory(issuer))
		var all sync.WaitGroup
		caller := func() (leave func(), result func() (int, error)) {
			ctx, cancel := context.WithCancel(t.Context())
			var status int
			var err error
			all.Go(func() { status, err = sendOver(ctx, network, a, server.URL()) })
			synctest.Wait() // until it waits for the user, or for whoever has asked him
			return cancel, func() (int, error) { return status, err }
		}

		leave, first := caller()
		leaveToo, second := caller()
		_, third := caller()
		leave()
		leaveToo()
		synctest.Wait()
		close(goOn)
		all.Wait()
		for _, gone := range []func() (int, error){first, second} {
			_, err := gone()
			require.ErrorIs(t, err, context.Canceled)
		}
		status, err := third()
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, 1, issuer.Count(authtest.AuthorizationEndpoint))

		require.NoError(t, a.Logout(t.Context(), server.URL()))
		goOn = make(chan struct{})
		leave, last := caller()
		leave()
		all.Wait()
		_, err = last()
		require.ErrorIs(t, err, context.Canceled)
		synctest.Wait() // until the flight is over
		close(goOn)
		synctest.Wait()
		require.Equal(t, 1, issuer.Count(authtest.TokenEndpoint), "nobody redeems what nobody waits for")
	})
}

func TestFlowKeepsTheTokenWhenTheServerIsDown(t *testing.T) {
	issuer := authtest.NewServer(t)
	server, a := guarded(issuer), interactive(t, issuer)
	_, err := send(t.Context(), a, server.URL())
	require.NoError(t, err)
	issuer.ExpireTokens()
	issuer.Next(authtest.TokenEndpoint, authtest.Status(http.StatusServiceUnavailable, "busy"))
	_, err = send(t.Context(), a, server.URL())
	var refused *auth.TokenError
	require.ErrorAs(t, err, &refused)
	require.True(t, refused.Temporary())
	require.ErrorIs(t, err, auth.ErrAuthorization)
	status, err := send(t.Context(), a, server.URL())
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, 1, issuer.Count(authtest.AuthorizationEndpoint), "an authorization server that is down opens no browser")
}

func TestFlowAsksAgainWhenTheRefreshTokenIsDead(t *testing.T) {
	issuer := authtest.NewServer(t)
	server, a := guarded(issuer), interactive(t, issuer)
	for want := range 3 {
		status, err := send(t.Context(), a, server.URL())
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, 1+want, issuer.Count(authtest.AuthorizationEndpoint))
		issuer.RevokeAll()
	}
	issuer.ForgetClients()
	status, err := send(t.Context(), a, server.URL())
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, 2, issuer.Count(authtest.RegistrationEndpoint), "a client that was forgotten registers once more")
}

func TestFlowDenied(t *testing.T) {
	issuer := authtest.NewServer(t)
	issuer.OnConsent(func(context.Context, url.Values) authtest.Verdict { return authtest.Verdict{Error: "access_denied"} })
	server, a := guarded(issuer), interactive(t, issuer)
	for range 3 {
		_, err := send(t.Context(), a, server.URL())
		var denied *auth.AccessDeniedError
		require.ErrorAs(t, err, &denied)
		require.Equal(t, "access_denied", denied.Code)
	}
	require.Equal(t, 1, issuer.Count(authtest.AuthorizationEndpoint), "who said no is left in peace for a while")
	require.Zero(t, issuer.Count(authtest.TokenEndpoint))
}

func TestFlowForgedCallback(t *testing.T) {
	for name, forge := range map[string]func(url.Values){
		"state":    func(q url.Values) { q.Set("state", "another") },
		"no state": func(q url.Values) { q.Del("state") },
		"issuer":   func(q url.Values) { q.Set("iss", "https://evil.example.com") },
		"no code":  func(q url.Values) { q.Del("code") },
	} {
		t.Run(name, func(t *testing.T) {
			issuer := authtest.NewServer(t)
			issuer.OnConsent(func(context.Context, url.Values) authtest.Verdict { return authtest.Verdict{Edit: forge} })
			_, err := send(t.Context(), interactive(t, issuer), guarded(issuer).URL())
			require.ErrorIs(t, err, auth.ErrAuthorization)
			require.NotContains(t, err.Error(), "evil")
			require.Zero(t, issuer.Count(authtest.TokenEndpoint), "the code is not sent anywhere")
		})
	}
}

func TestFlowRegistrationRefused(t *testing.T) {
	issuer := authtest.NewServer(t)
	issuer.Always(authtest.RegistrationEndpoint, authtest.Status(http.StatusForbidden, "closed"))
	_, err := send(t.Context(), interactive(t, issuer), guarded(issuer).URL())
	var refused *auth.RegistrationError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, http.StatusForbidden, refused.StatusCode)
	require.Zero(t, issuer.Count(authtest.AuthorizationEndpoint))
}

func TestBeginAndComplete(t *testing.T) {
	issuer := authtest.NewServer(t)
	server, store := guarded(issuer), new(auth.MemoryStore)
	webApp := func(c *auth.InteractiveConfig) { c.Prompter, c.Options.Store = nil, store }
	a := interactive(t, issuer, webApp)
	_, err := send(t.Context(), a, server.URL())
	var required *auth.InteractionRequiredError
	require.ErrorAs(t, err, &required)

	request, pending, err := a.Begin(t.Context(), server.URL(), "https://app.example.com/callback", required.Scopes)
	require.NoError(t, err)
	kept, err := pending.MarshalJSON()
	require.NoError(t, err)
	callback, err := issuer.Browser(t.Context(), request.URL)
	require.NoError(t, err)

	var restored auth.Pending
	require.NoError(t, restored.UnmarshalJSON(kept))
	require.True(t, restored.Matches(callback))
	forged := url.Values{"state": {"another"}, "code": {"x"}}
	require.Error(t, a.Complete(t.Context(), restored, forged), "nothing comes of another's callback")
	elsewhere := interactive(t, issuer, webApp) // another process
	require.NoError(t, elsewhere.Complete(t.Context(), restored, callback))
	for _, each := range []*auth.Interactive{elsewhere, a} {
		status, err := send(t.Context(), each, server.URL())
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
	}
	require.NoError(t, a.Logout(t.Context(), server.URL()))
	require.Equal(t, 1, issuer.Count(authtest.RevocationEndpoint))
	state, err := a.Status(t.Context(), server.URL())
	require.NoError(t, err)
	require.False(t, state.Authorized)
}

const childServer = "MCPCLIENT_TEST_SERVER"

// refreshInChild sends a request with the token in store, which has expired.
func refreshInChild(ctx context.Context, store *auth.FileStore) error {
	a, err := auth.NewInteractive(auth.InteractiveConfig{Options: auth.Options{Store: store}})
	if err != nil {
		return err
	}
	status, err := send(ctx, a, os.Getenv(childServer))
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("HTTP %d", status)
	}
	return err
}

// TestProcessesRefreshOnce: processes that share a store take turns, and only the first of them uses the refresh token.
func TestProcessesRefreshOnce(t *testing.T) {
	const processes = 4
	issuer := authtest.NewServer(t)
	server, dir := guarded(issuer), filepath.Join(t.TempDir(), "s")
	_, err := send(t.Context(), interactive(t, issuer, storedIn(newFileStore(t, dir, nil))), server.URL())
	require.NoError(t, err)
	issuer.ExpireTokens()
	var started []*exec.Cmd
	for range processes {
		cmd := child(t, "refresh", dir)
		cmd.Env = append(cmd.Env, childServer+"="+server.URL())
		require.NoError(t, cmd.Start())
		started = append(started, cmd)
	}
	for _, cmd := range started {
		require.NoError(t, cmd.Wait())
	}
	require.Equal(t, 2, issuer.Count(authtest.TokenEndpoint), "the code, and one refresh")
	require.Zero(t, issuer.Reused())
}
