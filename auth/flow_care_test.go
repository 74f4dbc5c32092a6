package auth_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/auth"
	"github.com/holdfast-mcp/mcpclient/auth/authtest"
)

// forgetfulStore cannot load its oldest record while it is out of order: that of the client's registration.
type forgetfulStore struct {
	auth.MemoryStore
	mu         sync.Mutex
	oldest     string
	outOfOrder bool
}

func (s *forgetfulStore) Save(ctx context.Context, key string, value []byte, version uint64) (uint64, error) {
	s.mu.Lock()
	if s.oldest == "" {
		s.oldest = key
	}
	s.mu.Unlock()
	return s.MemoryStore.Save(ctx, key, value, version)
}

func (s *forgetfulStore) Load(ctx context.Context, key string) ([]byte, uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.outOfOrder && key == s.oldest {
		return nil, 0, errors.New("disk on fire")
	}
	return s.MemoryStore.Load(ctx, key)
}

func (s *forgetfulStore) breakDown(broken bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outOfOrder = broken
}

// TestFlowSurvivesItsStore: that the store fails for a moment says nothing of the client, and costs no refresh token.
func TestFlowSurvivesItsStore(t *testing.T) {
	issuer, store := authtest.NewServer(t), new(forgetfulStore)
	server, a := guarded(issuer), interactive(t, issuer, storedIn(store))
	_, err := send(t.Context(), a, server.URL())
	require.NoError(t, err)
	issuer.ExpireTokens()
	store.breakDown(true)
	_, err = send(t.Context(), a, server.URL())
	var failed *auth.StoreError
	require.ErrorAs(t, err, &failed)
	require.ErrorContains(t, err, "disk on fire")
	store.breakDown(false)
	status, err := send(t.Context(), a, server.URL())
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, 1, issuer.Count(authtest.AuthorizationEndpoint))
}

// TestFlowRefreshesAfterADenial: who refused to grant more is not asked again, but keeps what was granted.
func TestFlowRefreshesAfterADenial(t *testing.T) {
	issuer := authtest.NewServer(t)
	needed := []string{"read"}
	server := guarded(issuer, authtest.RequireScopes(func(*http.Request, []byte) []string { return needed }))
	a := interactive(t, issuer)
	_, err := send(t.Context(), a, server.URL())
	require.NoError(t, err)
	issuer.OnConsent(func(context.Context, url.Values) authtest.Verdict { return authtest.Verdict{Error: "access_denied"} })
	needed = []string{"write"}
	for range 3 {
		_, err = send(t.Context(), a, server.URL())
		var denied *auth.AccessDeniedError
		require.ErrorAs(t, err, &denied)
	}
	needed = []string{"read"}
	issuer.ExpireTokens()
	status, err := send(t.Context(), a, server.URL())
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	issuer.RevokeAll() // now only the user could help, who is still to be left in peace
	_, err = send(t.Context(), a, server.URL())
	require.ErrorIs(t, err, auth.ErrAuthorization)
	require.Equal(t, 2, issuer.Count(authtest.AuthorizationEndpoint))
}

// TestFlowAsksBesideAQuietOne: what a DELETE may not ask for, a call that comes meanwhile does.
func TestFlowAsksBesideAQuietOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := authtest.NewServer(t, authtest.InMemory())
		network := issuer.HTTPClient().Transport
		server, a := guarded(issuer), interactive(t, issuer, inMemory(issuer))
		at, err := url.Parse(server.URL())
		require.NoError(t, err)
		goOn := make(chan struct{})
		issuer.Next(authtest.ResourceMetadata, authtest.Hold(goOn))
		var both sync.WaitGroup
		refused := func(method string) func() (bool, error) {
			req, err := http.NewRequestWithContext(t.Context(), method, server.URL(), http.NoBody)
			require.NoError(t, err)
			resp, err := network.RoundTrip(req)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			var again bool
			both.Go(func() { again, err = a.Refused(t.Context(), at, req, resp) })
			synctest.Wait() // until it waits for the metadata, or for whoever does
			return func() (bool, error) { return again, err }
		}
		quiet, loud := refused(http.MethodDelete), refused(http.MethodPost)
		both.Go(func() { // and one that has not been sent yet
			status, err := sendOver(t.Context(), network, a, server.URL())
			if err != nil || status != http.StatusOK {
				t.Errorf("the next call got HTTP %d, %v", status, err)
			}
		})
		synctest.Wait()
		close(goOn)
		both.Wait()
		_, err = quiet()
		var required *auth.InteractionRequiredError
		require.ErrorAs(t, err, &required)
		again, err := loud()
		require.NoError(t, err)
		require.True(t, again)
		require.Equal(t, 1, issuer.Count(authtest.AuthorizationEndpoint))
	})
}

// TestFlowKeyOfAnotherKind: a key whose proofs the servers do not take is said to be one before anybody is asked.
func TestFlowKeyOfAnotherKind(t *testing.T) {
	issuer := authtest.NewServer(t, authtest.RequireDPoP())
	server := guarded(issuer)
	server.EditMetadata(func(m map[string]any) { m["dpop_signing_alg_values_supported"] = []string{"ES256"} })
	_, key, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	a := interactive(t, issuer, func(c *auth.InteractiveConfig) { c.Options.DPoP = &auth.DPoP{Key: key, Required: true} })
	_, err = send(t.Context(), a, server.URL())
	var unusable *auth.CredentialError
	require.ErrorAs(t, err, &unusable)
	require.ErrorContains(t, err, "EdDSA")
	require.Zero(t, issuer.Count(authtest.AuthorizationEndpoint))
}

// TestFlowShowsNoState: the error of a prompter that repeats the URL it was to show does not give the state away.
func TestFlowShowsNoState(t *testing.T) {
	issuer := authtest.NewServer(t)
	var state string
	a := interactive(t, issuer, func(c *auth.InteractiveConfig) {
		c.Prompter = auth.PromptFunc("http://127.0.0.1/callback", func(_ context.Context, r *auth.AuthorizationRequest) (url.Values, error) {
			state = r.State
			return nil, &url.Error{Op: "Get", URL: "http://127.0.0.1/authorize?state=" + r.State, Err: errors.New("no browser")}
		})
	})
	_, err := send(t.Context(), a, guarded(issuer).URL())
	var interrupted *auth.InteractionError
	require.ErrorAs(t, err, &interrupted)
	require.ErrorContains(t, err, "no browser")
	require.NotEmpty(t, state)
	require.NotContains(t, err.Error(), state)
}
