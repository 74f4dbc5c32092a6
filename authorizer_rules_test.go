package mcpclient_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// TestAuthorizerTakesItsTime: a person may have to be asked. No clock of the library runs meanwhile, but that of the caller does.
func TestAuthorizerTakesItsTime(t *testing.T) {
	for name, options := range everyEra() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := mcptest.New(t, append(options, mcptest.InMemory())...)
				stop := wants(server, "good")
				client := server.HTTPClient()
				client.Timeout = 20 * time.Second
				authorizer := &keyed{next: []string{"good"}, onRefusal: func(context.Context, *http.Response) { <-time.After(10 * time.Minute) }}
				session := sessionOf(t, server, &mcpclient.Client{Authorizer: authorizer, HTTPClient: client, InsecureHosts: []string{"mcptest.invalid"}})
				stop()

				authorizer.next = []string{"good", "good"}
				for _, method := range []string{"tools/list", "tools/call"} {
					server.Next(unauthorized(401, "Bearer").On(method))
				}
				_, err := mcpclient.Collect(session.Tools(t.Context()))
				require.NoError(t, err)
				_, err = session.CallTool(t.Context(), "echo", nil, mcpclient.WithIdleTimeout(time.Second))
				require.NoError(t, err)

				server.Next(unauthorized(401, "Bearer").On("tools/call"))
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				authorizer.onRefusal = func(ctx context.Context, _ *http.Response) { <-ctx.Done() }
				authorizer.next = nil
				authorizer.err = errors.New("interrupted")
				_, err = session.CallTool(ctx, "echo", nil)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.NotErrorIs(t, err, mcpclient.ErrUnauthorized, "the caller gave up, nobody refused")
				require.Equal(t, mcpclient.DeliveryRefused, asCallError(t, err).Delivery)
			})
		})
	}
}

// TestAuthorizerClockGoesOn: after the Authorizer, the server has the rest of its time, and no more.
func TestAuthorizerClockGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory())
		authorizer := &keyed{token: "t"}
		session := sessionOf(t, server, &mcpclient.Client{Authorizer: authorizer, Retry: tryOnce, HandshakeTimeout: 10 * time.Second, InsecureHosts: []string{"mcptest.invalid"}})
		authorizer.before = func(context.Context, *http.Request) error { <-time.After(time.Hour); return nil }
		server.Next(mcptest.Hang().On("tools/list"))
		began := time.Now()
		_, err := mcpclient.Collect(session.Tools(t.Context()))
		var network *mcpclient.NetworkError
		require.ErrorAs(t, err, &network)
		require.Equal(t, time.Hour+10*time.Second, time.Since(began))
		authorizer.before = nil
	})
}

// TestAuthorizerCancelled: a caller who gives up while the Authorizer is at work leaves at once, and nothing was sent.
func TestAuthorizerCancelled(t *testing.T) {
	server := mcptest.New(t)
	authorizer := &keyed{token: "t"}
	session := sessionOf(t, server, &mcpclient.Client{Authorizer: authorizer})
	ctx, cancel := context.WithCancel(t.Context())
	authorizer.before = func(ctx context.Context, _ *http.Request) error {
		cancel()
		<-ctx.Done()
		return errors.New("whatever")
	}
	_, err := session.CallTool(ctx, "echo", nil)
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, mcpclient.ErrUnauthorized)
	require.Equal(t, mcpclient.DeliveryNotSent, asCallError(t, err).Delivery)
	authorizer.before = nil
	require.NoError(t, session.Close())
	require.Empty(t, server.Cancelled(), "of a call that was not sent nobody needs to hear")
}

// TestAuthorizerOfOneCall: a gateway acts for its users over one session, and none of them can harm it.
func TestAuthorizerOfOneCall(t *testing.T) {
	for name, options := range everyEra() {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t, append(options, mcptest.CacheHints(time.Hour, "public"))...)
			shared := &keyed{token: "service"}
			session := sessionOf(t, server, &mcpclient.Client{Authorizer: shared, Reinitialize: mcpclient.ReinitializeNever})
			id := session.ID()
			ada, eve := &keyed{token: "ada"}, &keyed{next: []string{"eve"}}

			_, err := session.CallTool(t.Context(), "echo", nil, mcpclient.WithAuthorizer(ada))
			require.NoError(t, err)
			require.Equal(t, "Bearer ada", lastOf(t, server, "tools/call").Header.Get("Authorization"))
			_, err = session.CallTool(t.Context(), "echo", nil, mcpclient.WithAuthorizer(nil))
			require.NoError(t, err)
			require.Equal(t, "Bearer service", lastOf(t, server, "tools/call").Header.Get("Authorization"))

			server.Next(unauthorized(401, "Bearer").On("tools/call"))
			_, err = session.CallTool(t.Context(), "echo", nil, mcpclient.WithAuthorizer(eve))
			require.NoError(t, err)
			require.Equal(t, 1, eve.heard())
			for _, r := range requestsBy(server, http.MethodPost, "tools/call") {
				require.NotContains(t, []string{"Bearer service Bearer eve"}, strings.Join(r.Header.Values("Authorization"), " "))
			}

			server.Next(mcptest.Status(404, nil, "Session not found").On("tools/call"), unauthorized(401, "Bearer").On("tools/call"))
			_, err = session.CallTool(t.Context(), "echo", nil, mcpclient.WithAuthorizer(eve))
			require.Error(t, err)
			_, err = session.CallTool(t.Context(), "echo", nil, mcpclient.WithAuthorizer(eve))
			require.ErrorIs(t, err, mcpclient.ErrUnauthorized)
			_, err = session.CallTool(t.Context(), "echo", nil)
			require.NoError(t, err, "the session is as it was")
			require.Equal(t, id, session.ID())
			require.Zero(t, shared.heard())
		})
	}
}

// TestAuthorizerOfOneCallIsAlone: neither the application's own header nor the cookies of another user go with it.
func TestAuthorizerOfOneCallIsAlone(t *testing.T) {
	server := mcptest.New(t)
	session := sessionOf(t, server, &mcpclient.Client{Header: http.Header{"Authorization": {"Bearer service"}}})
	anonymous := new(keyed)
	_, err := session.CallTool(t.Context(), "echo", nil, mcpclient.WithAuthorizer(anonymous))
	require.NoError(t, err)
	require.Empty(t, lastOf(t, server, "tools/call").Header.Values("Authorization"), "who has no token yet does not go as somebody else")

	server.Next(mcptest.SetHeader("Set-Cookie", "user=ada").On("tools/call"))
	_, err = session.CallTool(t.Context(), "echo", nil, mcpclient.WithAuthorizer(&keyed{token: "ada"}))
	require.NoError(t, err)
	_, err = session.CallTool(t.Context(), "echo", nil, mcpclient.WithAuthorizer(&keyed{token: "eve"}))
	require.NoError(t, err)
	require.Empty(t, lastOf(t, server, "tools/call").Header.Get("Cookie"))

	_, err = session.CallTool(t.Context(), "echo", nil, mcpclient.WithAuthorizer(anonymous), mcpclient.WithHeader("Authorization", "x"))
	require.ErrorContains(t, err, "WithAuthorizer")
	require.Equal(t, mcpclient.DeliveryNotSent, asCallError(t, err).Delivery)
}

// TestAuthorizerPassesTheCacheBy: whom it speaks for shows only when it has spoken.
func TestAuthorizerPassesTheCacheBy(t *testing.T) {
	for name, client := range map[string]*mcpclient.Client{"of the client": {Authorizer: &keyed{token: "a"}}, "of the call": {}} {
		t.Run(name, func(t *testing.T) {
			session, server := statelessly(t, client, mcptest.CacheHints(time.Hour, "private"))
			var options []mcpclient.CallOption
			if client.Authorizer == nil {
				options = append(options, mcpclient.WithAuthorizer(&keyed{token: "b"}))
			}
			for range 2 {
				require.NoError(t, session.Request(t.Context(), "tools/list", nil, nil, options...))
			}
			require.Len(t, requestsBy(server, http.MethodPost, "tools/list"), 2)
		})
	}
}

// TestAuthorizerExcludes: two credentials at once are a mistake, and one of them would be lost without a word.
func TestAuthorizerExcludes(t *testing.T) {
	server := mcptest.New(t)
	withPassword := strings.Replace(server.URL(), "://", "://ada:secret@", 1)
	for url, client := range map[string]*mcpclient.Client{
		server.URL(): {Authorizer: new(keyed), Header: http.Header{"authorization": {"Bearer x"}}},
		withPassword: {Authorizer: new(keyed)},
	} {
		err := cannotConnect(t, client, url)
		require.ErrorContains(t, err, "Client.Authorizer")
		require.NotContains(t, err.Error(), "secret")
	}
	require.Empty(t, server.Requests())
}

// TestAuthorizerInsecure: credentials do not travel in the clear, unless the application names the host.
func TestAuthorizerInsecure(t *testing.T) {
	server := mcptest.New(t)
	local, err := url.Parse(server.URL())
	require.NoError(t, err)
	transport := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, local.Host)
	}}
	defer transport.CloseIdleConnections()
	elsewhere := "http://mcp.example.com" + local.Path
	client := func(a mcpclient.Authorizer, hosts ...string) *mcpclient.Client {
		return &mcpclient.Client{Authorizer: a, InsecureHosts: hosts, HTTPClient: &http.Client{Transport: transport}}
	}
	opens := func(c *mcpclient.Client) {
		session, err := c.Connect(t.Context(), elsewhere)
		require.NoError(t, err)
		require.NoError(t, session.Close())
	}

	refused := cannotConnect(t, client(&keyed{token: "t"}), elsewhere)
	require.ErrorIs(t, refused, mcpclient.ErrUnauthorized)
	require.ErrorContains(t, refused, "InsecureHosts")
	require.Equal(t, mcpclient.DeliveryNotSent, refused.Delivery)
	require.Empty(t, server.Requests())

	opens(client(new(keyed))) // without credentials http is fine anywhere
	for _, named := range []string{"MCP.example.com", "mcp.example.com:80"} {
		opens(client(&keyed{token: "t"}, named))
	}
	cannotConnect(t, client(&keyed{token: "t"}, "mcp.example.com:81", "example.com"), elsewhere)

	server.Next(unauthorized(401, "Bearer"))
	asked := &keyed{next: []string{"t"}}
	cannotConnect(t, client(asked), elsewhere)
	require.Zero(t, asked.heard(), "a token that could not be sent is not asked for")
}

// observing sees every answer.
type observing struct {
	keyed
	seen atomic.Int64
	last atomic.Pointer[http.Response]
}

func (o *observing) Responded(_ *url.URL, resp *http.Response) {
	o.seen.Add(1)
	o.last.Store(resp)
}

func (o *observing) Extensions() []string { return []string{"com.example/vault"} }

// TestAuthorizerMayObserve: what it has beyond its two methods is found and used.
func TestAuthorizerMayObserve(t *testing.T) {
	for name, options := range everyEra() {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t, options...)
			authorizer := &observing{keyed: keyed{token: "t"}}
			session := sessionOf(t, server, &mcpclient.Client{Authorizer: authorizer})
			server.Next(mcptest.SetHeader("DPoP-Nonce", "n1").On("tools/call"))
			_, err := session.CallTool(t.Context(), "echo", nil)
			require.NoError(t, err)
			require.GreaterOrEqual(t, authorizer.seen.Load(), int64(2))
			require.Equal(t, "n1", authorizer.last.Load().Header.Get("DPoP-Nonce"))
			require.Equal(t, "Bearer t", authorizer.last.Load().Request.Header.Get("Authorization"))

			declared := false
			for _, r := range server.Requests() {
				declared = declared || bytes.Contains(r.Body, []byte(`"com.example/vault":{}`))
			}
			require.True(t, declared)
		})
	}
}

// TestAuthorizerGetsTheAnswer: all of it, up to the limit, in memory, and the judge gets it as well.
func TestAuthorizerGetsTheAnswer(t *testing.T) {
	server := mcptest.New(t)
	authorizer := &keyed{token: "t0p-secret-token"}
	session := sessionOf(t, server, &mcpclient.Client{Authorizer: authorizer})
	var length int
	authorizer.onRefusal = func(_ context.Context, resp *http.Response) {
		text, err := io.ReadAll(resp.Body)
		length = len(text)
		resp.Body = io.NopCloser(bytes.NewReader(text))
		if err != nil || resp.Header.Get("WWW-Authenticate") == "" {
			length = -1
		}
		resp.Header.Set("WWW-Authenticate", "changed")
	}
	server.Next(mcptest.Respond(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", `Bearer error_description="`+r.Header.Get("Authorization")+`"`)
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, "bad token "+r.Header.Get("Authorization")+strings.Repeat("x", 1<<20))
	})).On("tools/call"))
	_, err := session.CallTool(t.Context(), "echo", nil)
	require.Equal(t, 64<<10, length)
	var refused *mcpclient.HTTPError
	require.ErrorAs(t, err, &refused)
	require.Contains(t, string(refused.Body), "bad token Bearer [credential]xxx")
	require.Contains(t, refused.Header.Get("WWW-Authenticate"), "[credential]")
	everything, err := json.Marshal(refused.Header)
	require.NoError(t, err)
	require.NotContains(t, string(refused.Body)+string(everything)+refused.Error(), "t0p-secret")
}

// TestAuthorizerAfterARedirect: each hop is a request of its own, with credentials for its own URL.
func TestAuthorizerAfterARedirect(t *testing.T) {
	server := mcptest.New(t)
	authorizer := &keyed{token: "t"}
	var urls []string
	session := sessionOf(t, server, &mcpclient.Client{Authorizer: authorizer})
	authorizer.before = func(_ context.Context, req *http.Request) error {
		urls = append(urls, req.URL.Path)
		return nil
	}
	server.Next(mcptest.Redirect(307, "/mcp/").On("tools/call"))
	_, err := session.CallTool(t.Context(), "echo", nil)
	require.NoError(t, err)
	require.Len(t, urls, 2)
	require.Equal(t, "/mcp/", urls[1])
}

// TestAuthorizerIsNotAskedForCourtesies: nobody waits for a notifications/cancelled, so nobody is asked to log in for it.
func TestAuthorizerIsNotAskedForCourtesies(t *testing.T) {
	server := mcptest.New(t)
	authorizer := &keyed{token: "t", retry: true}
	session := sessionOf(t, server, &mcpclient.Client{Authorizer: authorizer})
	ctx, cancel := context.WithCancel(t.Context())
	server.AddTool(mcpclient.Tool{Name: "slow"}, func(ctx context.Context, _ *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		cancel()
		<-ctx.Done()
		return nil, ctx.Err()
	})
	server.Next(unauthorized(401, "Bearer").On("notifications/cancelled"))
	_, err := session.CallTool(ctx, "slow", nil)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, server.Await(t.Context(), func() bool {
		return len(requestsBy(server, http.MethodPost, "notifications/cancelled")) == 1
	}))
	server.Restart()
	require.NoError(t, session.Close())
	require.Zero(t, authorizer.heard())
}

// TestAuthorizerInTheBackground: a stream that broke is opened again with the Authorizer's help. Where the user says no, that is the
// end of it: nobody is asked every half minute for something that he did not begin. Where an authorization server is down, it is not.
func TestAuthorizerInTheBackground(t *testing.T) {
	for name, options := range map[string][]mcptest.Option{
		"sessions":  {mcptest.StandaloneStream(), mcptest.InMemory()},
		"stateless": {mcptest.Stateless(), mcptest.InMemory()},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := mcptest.New(t, options...)
				authorizer := &keyed{token: "t"}
				session := sessionOf(t, server, &mcpclient.Client{Authorizer: authorizer, InsecureHosts: []string{"mcptest.invalid"}})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				ended := make(chan error, 1)
				go func() {
					var last error
					for _, last = range session.Listen(ctx, mcpclient.Filter{Tools: true}) {
					}
					ended <- last
				}()
				lose := func(failure error) {
					authorizer.mu.Lock()
					authorizer.err = failure
					authorizer.mu.Unlock()
					server.DropListens()
				}
				require.NoError(t, server.Await(t.Context(), func() bool { return server.Listening() == 1 }))
				stop := server.Always(unauthorized(401, "Bearer").When(func(r mcptest.Request) bool {
					return r.HTTPMethod == http.MethodGet || r.Method == "subscriptions/listen"
				}))

				lose(busyError{errors.New("the authorization server is down")})
				<-time.After(10 * time.Minute)
				require.Greater(t, authorizer.heard(), 3, "it may be up again at any time")
				stop()
				require.NoError(t, server.Await(t.Context(), func() bool { return server.Listening() == 1 }))

				defer server.Always(unauthorized(401, "Bearer").When(func(r mcptest.Request) bool {
					return r.HTTPMethod == http.MethodGet || r.Method == "subscriptions/listen"
				}))()
				before := authorizer.heard()
				lose(errors.New("the user said no"))
				<-time.After(time.Hour)
				require.Equal(t, before+1, authorizer.heard())
				cancel()
				<-ended
			})
		})
	}
}
