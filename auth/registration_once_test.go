package auth

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestParallelServersRegisterOnce: several MCP servers of one authorization
// server, each with a receiver at a port of its own.
func TestParallelServersRegisterOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		at := &endpoint{answer: func(_ map[string]any, number int) (int, string) {
			<-release
			return 201, fmt.Sprintf(`{"client_id":"client-%d"}`, number)
		}}
		r := testRegistrar(newKeeper(), at)
		var wg sync.WaitGroup
		for i := range 8 {
			receiver := "http://127.0.0.1:" + strconv.Itoa(5000+i) + "/callback"
			wg.Go(func() {
				client, callback, err := newClient(t, r, testAS(), receiver)
				require.NoError(t, err)
				require.Equal(t, "client-1", client.clientID)
				require.Equal(t, receiver, callback)
			})
		}
		synctest.Wait()
		close(release)
		wg.Wait()
		require.Len(t, at.requests, 1)
		require.Empty(t, r.flights)
	})
}

// TestParallelRefusals: who waits for a registration shares its refusal.
func TestParallelRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		at := &endpoint{answer: func(map[string]any, int) (int, string) { <-release; return 401, "" }}
		r := testRegistrar(newKeeper(), at)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				_, _, err := newClient(t, r, testAS(), receiver)
				_, ok := errors.AsType[*RegistrationError](err)
				require.True(t, ok, "%v", err)
			})
		}
		synctest.Wait()
		close(release)
		wg.Wait()
		require.Len(t, at.requests, 1)
	})
}

// TestServersDoNotWaitForEachOther: another issuer is another flight.
func TestServersDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		slow := &endpoint{answer: func(_ map[string]any, number int) (int, string) {
			if number == 1 {
				<-release
			}
			return 201, `{"client_id":"c"}`
		}}
		r := testRegistrar(newKeeper(), slow)
		var wg sync.WaitGroup
		wg.Go(func() {
			_, _, err := newClient(t, r, testAS(), receiver)
			require.NoError(t, err)
		})
		synctest.Wait()
		other := testAS()
		other.issuer = "https://other.example"
		_, _, err := newClient(t, r, other, receiver)
		require.NoError(t, err)
		close(release)
		wg.Wait()
	})
}

// TestCancelledRegistration: whose context ends fails alone. The next of those
// who wait registers.
func TestCancelledRegistration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		at := &endpoint{answer: func(_ map[string]any, number int) (int, string) {
			<-release
			return 201, fmt.Sprintf(`{"client_id":"client-%d"}`, number)
		}}
		r := testRegistrar(newKeeper(), at)
		plan, err := r.plan(t.Context(), testServer, testAS())
		require.NoError(t, err)

		first, cancelFirst := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			_, _, err := plan.identify(first, receiver, nil)
			require.ErrorIs(t, err, context.Canceled)
		})
		synctest.Wait()
		waits, cancelWait := context.WithCancel(t.Context())
		wg.Go(func() {
			_, _, err := plan.identify(waits, receiver, nil)
			require.ErrorIs(t, err, context.Canceled)
			require.NotErrorIs(t, err, ErrAuthorization)
		})
		wg.Go(func() {
			client, _, err := plan.identify(t.Context(), receiver, nil)
			require.NoError(t, err)
			require.Equal(t, "client-2", client.clientID)
		})
		synctest.Wait()
		cancelWait()
		synctest.Wait()
		cancelFirst()
		close(release)
		wg.Wait()
	})
}

// TestRegistrationThatPanics leaves the others free to go on.
func TestRegistrationThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		keeper := newKeeper()
		at := &endpoint{answer: answers(reply{201, `{"client_id":"c"}`})}
		r := testRegistrar(keeper, at)
		plan, err := r.plan(t.Context(), testServer, testAS())
		require.NoError(t, err)
		var once sync.Once
		keeper.before = func(string) error {
			once.Do(func() {
				<-release
				panic("a store of the application")
			})
			return nil
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			defer func() { require.Equal(t, "a store of the application", recover()) }()
			_, _, err := plan.identify(t.Context(), receiver, nil)
			require.NoError(t, err, "not reached")
		})
		synctest.Wait()
		wg.Go(func() {
			_, _, err := plan.identify(t.Context(), receiver, nil)
			require.NoError(t, err)
		})
		synctest.Wait()
		close(release)
		wg.Wait()
	})
}

// TestPortsOfLocalhost: for that name servers compare the port, so a second
// receiver needs a second client.
func TestPortsOfLocalhost(t *testing.T) {
	at := &endpoint{answer: func(_ map[string]any, number int) (int, string) {
		return 201, fmt.Sprintf(`{"client_id":"client-%d"}`, number)
	}}
	keeper := newKeeper()
	r := testRegistrar(keeper, at)
	for i, want := range []string{"client-1", "client-1", "client-2"} {
		port := strconv.Itoa(5000 + i/2)
		client, _, err := newClient(t, r, testAS(), "http://localhost:"+port+"/callback")
		require.NoError(t, err)
		require.Equal(t, want, client.clientID)
		require.Equal(t, want, keeper.kept().ClientID)
	}
}

// TestAnotherProcessRegistersFirst: its client is used, and ours is not stored.
func TestAnotherProcessRegistersFirst(t *testing.T) {
	theirs := storedClient()
	for name, c := range map[string]struct {
		redirectURI string
		want        string
	}{
		"and it serves":  {receiver, "stored"},
		"with a website": {"https://app.example/callback", "new"},
	} {
		t.Run(name, func(t *testing.T) {
			theirs.RedirectURI = c.redirectURI
			keeper := newKeeper()
			r := testRegistrar(keeper, &endpoint{answer: func(map[string]any, int) (int, string) {
				keeper.put(theirs)
				return 201, `{"client_id":"new"}`
			}})
			client, _, err := newClient(t, r, testAS(), receiver)
			require.NoError(t, err)
			require.Equal(t, c.want, client.clientID)
			require.Equal(t, c.want, keeper.kept().ClientID)
		})
	}
}

func TestUnstoredRegistrationIsNotUsed(t *testing.T) {
	saves := 0
	for _, fault := range []error{errors.New("disk full"), ErrConflict} {
		keeper := newKeeper()
		keeper.before = func(op string) error {
			if op == "save" {
				saves++
				return fault
			}
			return nil
		}
		client, _, err := newClient(t, testRegistrar(keeper, &endpoint{answer: answers(reply{201, `{"client_id":"new"}`})}), testAS(), receiver)
		_, ok := errors.AsType[*StoreError](err)
		require.True(t, ok, "%v", err)
		require.Zero(t, client)
	}
	require.Equal(t, 1+3, saves, "a store that is never content does not keep us for ever")
}

// TestExpiredSecret: a new client comes in the place of one whose secret is over.
func TestExpiredSecret(t *testing.T) {
	expired := storedClient()
	expired.SecretExpiresAt = time.Now().Add(-time.Second)
	keeper := newKeeper(expired)
	client, _, err := newClient(t, testRegistrar(keeper, &endpoint{answer: answers(reply{201, `{"client_id":"new"}`})}), testAS(), receiver)
	require.NoError(t, err)
	require.Equal(t, "new", client.clientID)
	require.Equal(t, "new", keeper.kept().ClientID)
}

// TestRegistrationGoneMeanwhile: the stored client went between plan and use, and
// the server registers nobody.
func TestRegistrationGoneMeanwhile(t *testing.T) {
	keeper := newKeeper(storedClient())
	r := testRegistrar(keeper, noRequest(t))
	as := testAS()
	as.registration = nil
	plan, err := r.plan(t.Context(), testServer, as)
	require.NoError(t, err)
	require.NoError(t, r.forget(t.Context(), testIssuer, "stored"))
	_, _, err = plan.identify(t.Context(), receiver, nil)
	_, ok := errors.AsType[*RegistrationUnavailableError](err)
	require.True(t, ok, "%v", err)
}
