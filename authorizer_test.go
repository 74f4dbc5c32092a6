package mcpclient_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// keyed is an Authorizer with a token that it replaces when it is refused.
type keyed struct {
	mu        sync.Mutex
	token     string
	next      []string // the tokens to come
	refusals  []string // "401 POST tools/call", with the first words of the body
	retry     bool     // what Refused says, whether there is another token or not
	err       error    // what Refused says instead
	before    func(ctx context.Context, req *http.Request) error
	onRefusal func(ctx context.Context, resp *http.Response)
}

func (k *keyed) Authorize(ctx context.Context, _ *url.URL, req *http.Request) error {
	if k.before != nil {
		if err := k.before(ctx, req); err != nil {
			return err
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.token != "" {
		req.Header.Set("Authorization", "Bearer "+k.token)
	}
	return nil
}

func (k *keyed) Refused(ctx context.Context, _ *url.URL, req *http.Request, resp *http.Response) (bool, error) {
	if k.onRefusal != nil {
		k.onRefusal(ctx, resp)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return false, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refusals = append(k.refusals, strings.TrimSpace(http.StatusText(resp.StatusCode)+" "+req.Method+" "+string(body[:min(len(body), 40)])))
	if k.err != nil {
		return false, k.err
	}
	if len(k.next) > 0 {
		k.token, k.next = k.next[0], k.next[1:]
		return true, nil
	}
	return k.retry, nil
}

func (k *keyed) heard() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.refusals)
}

// unauthorized is a server's answer to a token that it does not take.
func unauthorized(status int, challenge string) mcptest.Fault {
	return mcptest.Respond(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if challenge != "" {
			w.Header().Set("WWW-Authenticate", challenge)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"error":"invalid_token"}`)
	}))
}

// wants has the server answer 401 to everything without this token.
func wants(server *mcptest.Server, token string) (stop func()) {
	return server.Always(unauthorized(401, `Bearer error="invalid_token"`).When(func(r mcptest.Request) bool {
		return r.Header.Get("Authorization") != "Bearer "+token
	}))
}

// everyEra lists the ways that a session can be.
func everyEra() map[string][]mcptest.Option {
	return map[string][]mcptest.Option{
		"sessions":  {mcptest.StandaloneStream()},
		"stateless": {mcptest.Stateless()},
		"HTTP+SSE":  {mcptest.HTTPSSE()},
	}
}

// TestAuthorizerOnEveryRequest: nothing goes to a server without its credentials, whatever it is, and the first refusal is
// mended under the hands of Connect.
func TestAuthorizerOnEveryRequest(t *testing.T) {
	for name, options := range everyEra() {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t, options...)
			oneOfEach(server)
			stop := wants(server, "good")
			authorizer := &keyed{next: []string{"good"}}
			session := sessionOf(t, server, &mcpclient.Client{Authorizer: authorizer})
			everyCall(t, session)
			require.NoError(t, session.Close())
			stop()

			refused := 0
			for _, r := range server.Requests() {
				if r.Header.Get("Authorization") == "" {
					refused++
					continue
				}
				require.Equal(t, "Bearer good", r.Header.Get("Authorization"), "%s %s", r.HTTPMethod, r.Method)
			}
			require.Equal(t, 1, refused, "the first request finds out; no fallback to another era")
			require.Equal(t, 1, authorizer.heard())
		})
	}
}

// TestAuthorizerRounds: a request is sent again as often as a refusal can teach something, and not once more.
func TestAuthorizerRounds(t *testing.T) {
	const step = `Bearer error="insufficient_scope", scope="x"`
	for name, c := range map[string]struct {
		faults  []mcptest.Fault
		asked   int
		refused int // the status that the call fails with; 0: it does not
	}{
		"401 once":           {[]mcptest.Fault{unauthorized(401, "Bearer")}, 1, 0},
		"401 unchallenged":   {[]mcptest.Fault{unauthorized(401, "")}, 1, 0},
		"401 twice":          {[]mcptest.Fault{unauthorized(401, "Bearer").Times(2)}, 1, 401},
		"403 twice":          {[]mcptest.Fault{unauthorized(403, step).Times(2)}, 2, 0},
		"403 three times":    {[]mcptest.Fault{unauthorized(403, step).Times(3)}, 2, 403},
		"403 of a policy":    {[]mcptest.Fault{unauthorized(403, "")}, 0, 403},
		"a nonce":            {[]mcptest.Fault{unauthorized(401, `DPoP error="use_dpop_nonce"`)}, 1, 0},
		"a nonce, and again": {[]mcptest.Fault{unauthorized(401, `DPoP error="use_dpop_nonce"`).Times(2)}, 1, 401},
		"everything once": {[]mcptest.Fault{
			unauthorized(401, "Bearer"), unauthorized(403, step), unauthorized(401, `DPoP error="use_dpop_nonce"`), unauthorized(403, step),
		}, 4, 0},
		"no authorization": {[]mcptest.Fault{unauthorized(404, "Bearer").Times(1)}, 0, 0}, // a lost session, in fact
	} {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t)
			authorizer := &keyed{token: "t", retry: true}
			session := sessionOf(t, server, &mcpclient.Client{Authorizer: authorizer})
			for _, fault := range c.faults {
				server.Next(fault.On("tools/call"))
			}
			_, err := session.CallTool(t.Context(), "echo", nil)
			require.Equal(t, c.asked, authorizer.heard())
			if c.refused == 0 {
				require.NoError(t, err)
				return
			}
			var refused *mcpclient.HTTPError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, c.refused, refused.StatusCode)
			require.ErrorIs(t, err, mcpclient.ErrUnauthorized)
			require.Equal(t, mcpclient.DeliveryRefused, asCallError(t, err).Delivery)
		})
	}
}

// TestAuthorizerIsNotAskedForSessions: several servers say 401 for a session that they do not know. New credentials
// would change nothing, and a user would be asked in vain.
func TestAuthorizerIsNotAskedForSessions(t *testing.T) {
	for _, way := range []mcptest.Way{mcptest.PunkpeyeChallenge, mcptest.PunkpeyeUnauthorized, mcptest.RMCPOld} {
		t.Run(string(way), func(t *testing.T) {
			server := mcptest.New(t, mcptest.RefusalWay(way), mcptest.StandaloneStream())
			authorizer := &keyed{token: "t", retry: true}
			session := sessionOf(t, server, &mcpclient.Client{Authorizer: authorizer})
			server.ForgetSessions()
			_, err := session.CallTool(t.Context(), "echo", nil)
			require.NoError(t, err)
			require.EqualValues(t, 2, session.Stats().Initializes)
			server.ForgetSessions()
			require.NoError(t, session.Close(), "a DELETE so refused is about the session as well")
			require.Zero(t, authorizer.heard())

			second := sessionOf(t, server, &mcpclient.Client{Authorizer: authorizer})
			server.ForgetSessions()
			stop := server.Always(unauthorized(401, "Bearer").On("initialize", "server/discover").Times(1))
			_, err = second.CallTool(t.Context(), "echo", nil)
			stop()
			require.NoError(t, err)
			require.Equal(t, 1, authorizer.heard(), "but to the new handshake, 401 is about credentials")
		})
	}
}

// TestAuthorizerAtTheEnd: the DELETE of Close gets new credentials, too.
func TestAuthorizerAtTheEnd(t *testing.T) {
	server := mcptest.New(t)
	authorizer := &keyed{token: "old"}
	session := sessionOf(t, server, &mcpclient.Client{Authorizer: authorizer})
	authorizer.next = []string{"new"}
	defer wants(server, "new")()
	require.NoError(t, session.Close())
	require.Equal(t, 1, authorizer.heard())
	require.Empty(t, server.Sessions(), "the session is ended")
}

// TestAuthorizerOnTheStream: the standalone stream is opened with new credentials when the old ones have expired.
func TestAuthorizerOnTheStream(t *testing.T) {
	server := mcptest.New(t, mcptest.StandaloneStream())
	authorizer := &keyed{token: "t", retry: true}
	session := sessionOf(t, server, &mcpclient.Client{Authorizer: authorizer})
	server.Next(unauthorized(401, `Bearer error="invalid_token"`).OnHTTP(http.MethodGet))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	heard := false
	for event, err := range session.Listen(ctx, mcpclient.Filter{Tools: true}) {
		require.NoError(t, err)
		if event.Kind == mcpclient.EventListening {
			require.Equal(t, 1, authorizer.heard())
			server.AddTool(mcpclient.Tool{Name: "more"}, func(context.Context, *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
				return mcptest.Text(""), nil
			})
			continue
		}
		heard = event.Kind == mcpclient.EventToolsChanged && !event.Synthetic
		break
	}
	require.True(t, heard, "the stream works")
}

// TestAuthorizerErrors: whatever it fails with is typed at the door, and says how far the call came.
func TestAuthorizerErrors(t *testing.T) {
	broken := errors.New("the vault is sealed")
	server := mcptest.New(t)
	authorizer := &keyed{token: "t"}
	session := sessionOf(t, server, &mcpclient.Client{Authorizer: authorizer})
	call := func() *mcpclient.CallError {
		_, err := session.CallTool(t.Context(), "echo", nil)
		var failed *mcpclient.AuthorizationError
		require.ErrorAs(t, err, &failed)
		require.ErrorIs(t, err, mcpclient.ErrUnauthorized)
		require.ErrorIs(t, err, broken)
		require.Contains(t, err.Error(), "the vault is sealed")
		return asCallError(t, err)
	}

	authorizer.before = func(context.Context, *http.Request) error { return broken }
	require.Equal(t, mcpclient.DeliveryNotSent, call().Delivery)
	require.Empty(t, requestsBy(server, http.MethodPost, "tools/call"))

	authorizer.before, authorizer.err = nil, broken
	server.Next(unauthorized(401, "Bearer").On("tools/call"))
	refused := call()
	require.Equal(t, mcpclient.DeliveryRefused, refused.Delivery)
	var answer *mcpclient.HTTPError
	require.ErrorAs(t, refused, &answer)
	require.Equal(t, 401, answer.StatusCode, "what the server said is not lost")
	_, again := mcpclient.RetryAfter(refused)
	require.False(t, again)

	// The second Authorize of a call: its request was sent, and refused.
	authorizer.err, authorizer.retry = nil, true
	first := true
	authorizer.before = func(context.Context, *http.Request) error {
		if first {
			first = false
			return nil
		}
		return broken
	}
	server.Next(unauthorized(401, "Bearer").On("tools/call"))
	require.Equal(t, mcpclient.DeliveryRefused, call().Delivery)
	require.Zero(t, server.Executed())
}

// TestAuthorizerRefusesToConnect: the error of the first request ends Connect. No other era is tried: the server has said what it wants.
func TestAuthorizerRefusesToConnect(t *testing.T) {
	for name, options := range everyEra() {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t, options...)
			defer wants(server, "good")()
			authorizer := &keyed{err: errors.New("nobody is at home")}
			err := cannotConnect(t, &mcpclient.Client{Authorizer: authorizer, HTTPClient: server.HTTPClient()}, server.URL())
			require.ErrorIs(t, err, mcpclient.ErrUnauthorized)
			require.Len(t, server.Requests(), 1)
			require.Equal(t, 1, authorizer.heard())
		})
	}
}

// busyError is an error that passes.
type busyError struct{ error }

func (busyError) Temporary() bool { return true }

// TestAuthorizerBusy: an authorization server that is down for the moment is no reason to give a session up for good.
func TestAuthorizerBusy(t *testing.T) {
	server := mcptest.New(t)
	authorizer := &keyed{token: "t"}
	session := sessionOf(t, server, &mcpclient.Client{Authorizer: authorizer})
	authorizer.err = busyError{errors.New("the authorization server is down")}
	server.Next(unauthorized(401, "Bearer").On("tools/call"))
	_, err := session.CallTool(t.Context(), "echo", nil)
	_, again := mcpclient.RetryAfter(err)
	require.True(t, again)

	authorizer.err, authorizer.retry = nil, true
	down := 2 // the third try of the handshake gets through
	authorizer.before = afterFirst(func(context.Context, *http.Request) error {
		if down--; down >= 0 {
			return busyError{errors.New("still")}
		}
		return nil
	}) // the first is the call that finds out about the session
	server.ForgetSessions()
	_, err = session.CallTool(t.Context(), "echo", nil)
	require.NoError(t, err, "the new handshake is tried again")
}

// afterFirst leaves the first request alone.
func afterFirst(hook func(context.Context, *http.Request) error) func(context.Context, *http.Request) error {
	first := true
	return func(ctx context.Context, req *http.Request) error {
		if first {
			first = false
			return nil
		}
		return hook(ctx, req)
	}
}
