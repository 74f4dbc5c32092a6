package auth_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-mcp/mcpclient/auth"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// browse makes a request the way a browser does, without following anything.
func browse(ctx context.Context, method, at, host string) (*http.Response, string, error) {
	request, err := http.NewRequestWithContext(ctx, method, at, http.NoBody)
	if err != nil {
		return nil, "", err
	}
	if host != "" {
		request.Host = host
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return nil, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response, string(body), err
}

// visits is an Open that plays the browser: it calls the redirect URI with each query in turn.
func visits(t *testing.T, prompt *auth.Prompt, pages *[]string, queries ...string) func(context.Context, string) error {
	t.Helper()
	return func(ctx context.Context, _ string) error {
		for _, query := range queries {
			_, page, err := browse(ctx, http.MethodGet, (*prompt).RedirectURI()+"?"+query, "")
			if err != nil {
				return err
			}
			*pages = append(*pages, page)
		}
		return nil
	}
}

func TestLoopbackReceivesTheWholeCallback(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	var (
		prompt auth.Prompt
		pages  []string
		out    terminal
		opened string
	)
	visit := visits(t, &prompt, &pages, "state="+promptState+"&code=the-code&iss=https%3A%2F%2Fas.example&x=1&x=2")
	prompt = prepare(t, &auth.LoopbackPrompter{Timeout: 10 * time.Second, Output: &out, Open: func(ctx context.Context, url string) error {
		opened = url
		return visit(ctx, url)
	}}, auth.PromptHint{})
	require.Regexp(t, `^http://127\.0\.0\.1:[1-9][0-9]*/callback$`, prompt.RedirectURI())

	query, err := prompt.Ask(t.Context(), promptRequest())
	require.NoError(t, err)
	require.Equal(t, url.Values{"state": {promptState}, "code": {"the-code"}, "iss": {"https://as.example"}, "x": {"1", "2"}}, query)
	require.Equal(t, promptRequest().URL, opened)
	require.Contains(t, out.String(), promptRequest().URL)
	require.Contains(t, out.String(), "https://mcp.example/mcp")
	require.Contains(t, pages[0], "The answer has arrived")

	_, _, err = browse(t.Context(), http.MethodGet, prompt.RedirectURI(), "")
	require.Error(t, err, "nobody listens any more")
	_, err = prompt.Ask(t.Context(), promptRequest())
	require.Error(t, err, "a prompt can be asked once")
}

func TestLoopbackKeepsWaitingOverRequestsOfOthers(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	var prompt auth.Prompt
	prompter := &auth.LoopbackPrompter{Timeout: 10 * time.Second, Output: io.Discard, Failed: "<b>Failed</b> & over"}
	prompter.Open = func(ctx context.Context, _ string) error {
		at := prompt.RedirectURI()
		right := "?state=" + promptState + "&code=C"
		port := at[strings.LastIndexByte(at, ':')+1 : strings.LastIndexByte(at, '/')]
		for _, request := range []struct {
			method, url, host string
			status            int
		}{
			{http.MethodGet, at + right, "evil.example", http.StatusMisdirectedRequest},
			{http.MethodGet, at + right, "evil.example:" + port, http.StatusMisdirectedRequest},
			{http.MethodGet, at + right, "127.0.0.1", http.StatusMisdirectedRequest},
			{http.MethodGet, at + right, "127.0.0.1:1", http.StatusMisdirectedRequest},
			{http.MethodGet, at + "/other" + right, "", http.StatusNotFound},
			{http.MethodGet, at + "/" + right, "", http.StatusNotFound},
			{http.MethodGet, "http://127.0.0.1:" + port + "/favicon.ico", "", http.StatusNotFound},
			{http.MethodPost, at + right, "", http.StatusMethodNotAllowed},
			{http.MethodOptions, at + right, "", http.StatusMethodNotAllowed},
			{http.MethodHead, at + right, "", http.StatusMethodNotAllowed},
			{http.MethodGet, at, "", http.StatusBadRequest},
			{http.MethodGet, at + "?code=C", "", http.StatusBadRequest},
			{http.MethodGet, at + "?state=&code=C", "", http.StatusBadRequest},
			{http.MethodGet, at + "?state=other&code=C", "", http.StatusBadRequest},
			{http.MethodGet, at + "?state=other&error=access_denied", "", http.StatusBadRequest},
			{http.MethodGet, at + right + "&state=other", "", http.StatusBadRequest},
			{http.MethodGet, at + "?state=" + strings.ToUpper(promptState) + "&code=C", "", http.StatusBadRequest},
			{http.MethodGet, at + "?state=" + strings.Repeat("x", 40_000), "", http.StatusRequestHeaderFieldsTooLarge},
			// Last, since it is ours.
			{http.MethodGet, at + right + "&echo=<script>echo</script>", "localhost:" + port, http.StatusOK},
		} {
			response, page, err := browse(ctx, request.method, request.url, request.host)
			if err != nil {
				return err
			}
			require.Equal(t, request.status, response.StatusCode, "%+v", request)
			require.NotContains(t, page, "echo")
			require.NotContains(t, page, "other")
			if request.status == http.StatusRequestHeaderFieldsTooLarge {
				continue // net/http's own answer
			}
			if request.method != http.MethodHead && request.status != http.StatusOK {
				require.Contains(t, page, "<p>&lt;b&gt;Failed&lt;/b&gt; &amp; over</p>")
			}
			require.Equal(t, "no-store", response.Header.Get("Cache-Control"))
			require.Equal(t, "no-referrer", response.Header.Get("Referrer-Policy"))
			require.Equal(t, "nosniff", response.Header.Get("X-Content-Type-Options"))
			require.Contains(t, response.Header.Get("Content-Security-Policy"), "default-src 'none'")
			require.Empty(t, response.Header.Get("Location"))
		}
		return nil
	}
	prompt = prepare(t, prompter, auth.PromptHint{})
	query, err := prompt.Ask(t.Context(), promptRequest())
	require.NoError(t, err)
	require.Equal(t, "C", query.Get("code"))
}

func TestLoopbackHandsOnAnErrorResponse(t *testing.T) {
	var (
		prompt auth.Prompt
		pages  []string
	)
	prompter := &auth.LoopbackPrompter{Timeout: 10 * time.Second, Output: io.Discard, Done: "done", Failed: "failed"}
	prompter.Open = visits(t, &prompt, &pages, "state="+promptState+"&error=access_denied&error_description=secret+words")
	prompt = prepare(t, prompter, auth.PromptHint{})
	query, err := prompt.Ask(t.Context(), promptRequest())
	require.NoError(t, err)
	require.Equal(t, "access_denied", query.Get("error"))
	require.Contains(t, pages[0], "<p>failed</p>")
	require.NotContains(t, pages[0], "secret")
}

func TestLoopbackEndsWithAMalformedCallback(t *testing.T) {
	var (
		prompt auth.Prompt
		pages  []string
	)
	prompter := &auth.LoopbackPrompter{Timeout: 10 * time.Second, Output: io.Discard}
	prompter.Open = visits(t, &prompt, &pages, "state="+promptState+"&code=C&iss=%zz")
	prompt = prepare(t, prompter, auth.PromptHint{})
	_, err := prompt.Ask(t.Context(), promptRequest())
	require.ErrorContains(t, err, "malformed")
	require.Contains(t, pages[0], "did not work")
}

func TestLoopbackWaitEnds(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(cancel func(), prompt auth.Prompt, prompter *auth.LoopbackPrompter, request *auth.AuthorizationRequest)
		err  string
	}{
		{"with its context", func(cancel func(), _ auth.Prompt, prompter *auth.LoopbackPrompter, _ *auth.AuthorizationRequest) {
			prompter.Open = func(context.Context, string) error { cancel(); return nil }
		}, "context canceled"},
		{"with its own time", func(_ func(), _ auth.Prompt, prompter *auth.LoopbackPrompter, _ *auth.AuthorizationRequest) {
			prompter.Timeout = 20 * time.Millisecond
		}, "not answered in time"},
		{"with the request's time", func(_ func(), _ auth.Prompt, _ *auth.LoopbackPrompter, request *auth.AuthorizationRequest) {
			request.ExpiresAt = time.Now().Add(20 * time.Millisecond)
		}, "not answered in time"},
	} {
		t.Run(test.name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			request, prompter := promptRequest(), &auth.LoopbackPrompter{Output: io.Discard, Open: func(context.Context, string) error { return nil }}
			test.end(cancel, nil, prompter, request)
			prompt := prepare(t, prompter, auth.PromptHint{})
			// A connection that never says anything is cut, not waited for.
			idle, err := net.Dial("tcp", parsed(t, prompt.RedirectURI()).Host)
			require.NoError(t, err)
			defer idle.Close()
			_, err = prompt.Ask(ctx, request)
			require.ErrorContains(t, err, test.err)
			require.NotErrorIs(t, err, context.DeadlineExceeded, "that would be the caller's")
			_, _, err = browse(t.Context(), http.MethodGet, prompt.RedirectURI(), "")
			require.Error(t, err, "nobody listens any more")
		})
	}
}

func TestLoopbackCloseLetsGo(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	prompt := prepare(t, &auth.LoopbackPrompter{}, auth.PromptHint{})
	require.NoError(t, prompt.Close())
	require.NoError(t, prompt.Close())
	again := prepare(t, &auth.LoopbackPrompter{}, auth.PromptHint{RedirectURI: prompt.RedirectURI()})
	require.Equal(t, prompt.RedirectURI(), again.RedirectURI(), "the port is free again")

	// Close ends an Ask under way.
	var asked auth.Prompt
	asked = prepare(t, &auth.LoopbackPrompter{Output: io.Discard, Open: func(context.Context, string) error { return asked.Close() }}, auth.PromptHint{})
	_, err := asked.Ask(t.Context(), promptRequest())
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestLoopbackWaitsOnWithoutABrowser(t *testing.T) {
	var (
		prompt auth.Prompt
		pages  []string
		out    terminal
	)
	prompter := &auth.LoopbackPrompter{Timeout: 10 * time.Second, Output: &out}
	visit := visits(t, &prompt, &pages, "state="+promptState+"&code=C")
	prompter.Open = func(ctx context.Context, at string) error {
		return errors.Join(visit(ctx, at), errors.New("there is no browser"))
	}
	prompt = prepare(t, prompter, auth.PromptHint{})
	query, err := prompt.Ask(t.Context(), promptRequest())
	require.NoError(t, err)
	require.Equal(t, "C", query.Get("code"))
	require.Contains(t, out.String(), "there is no browser")
}

func TestLoopbackOpensNothingButWebPages(t *testing.T) {
	for _, at := range []string{"javascript:alert(1)", "file:///etc/passwd", "http://as.example/authorize", "https://as.example/a b", "https://as.example/\"", "https://u@as.example/", "vscode://x", ""} {
		prompt := prepare(t, &auth.LoopbackPrompter{Output: io.Discard, Open: func(_ context.Context, url string) error {
			t.Error("opened " + url)
			return nil
		}, Timeout: time.Second}, auth.PromptHint{})
		_, err := prompt.Ask(t.Context(), &auth.AuthorizationRequest{URL: at, State: promptState})
		require.Error(t, err)
		require.NotContains(t, err.Error(), "in time")
	}
}

func TestLoopbackRedirectURI(t *testing.T) {
	for _, test := range []struct {
		name     string
		prompter auth.LoopbackPrompter
		hint     auth.PromptHint
		want     string
		err      string
	}{
		{"by itself", auth.LoopbackPrompter{}, auth.PromptHint{}, `^http://127\.0\.0\.1:\d+/callback$`, ""},
		{"by name", auth.LoopbackPrompter{Host: "localhost", Path: "/done"}, auth.PromptHint{}, `^http://localhost:\d+/done$`, ""},
		{"path of its own for every authorization server", auth.LoopbackPrompter{}, auth.PromptHint{Registers: true, Issuer: "https://as.example"}, `^http://127\.0\.0\.1:\d+/callback/93e20fbd9d9436f7$`, ""},
		{"another authorization server", auth.LoopbackPrompter{Path: "/x/"}, auth.PromptHint{Registers: true, Issuer: "https://as.example/"}, `^http://127\.0\.0\.1:\d+/x/6592a340c053ba30$`, ""},
		{"registered without a port", auth.LoopbackPrompter{Host: "localhost"}, auth.PromptHint{RedirectURI: "http://127.0.0.1/cb"}, `^http://127\.0\.0\.1:\d+/cb$`, ""},
		{"registered without a path", auth.LoopbackPrompter{}, auth.PromptHint{RedirectURI: "http://localhost"}, `^http://localhost:\d+$`, ""},
		{"registered and to be registered anew", auth.LoopbackPrompter{Host: "localhost"}, auth.PromptHint{Registers: true, RedirectURI: "http://127.0.0.1:1/cb"}, `^http://localhost:\d+/cb$`, ""},
		{"registered elsewhere, to be registered anew", auth.LoopbackPrompter{}, auth.PromptHint{Registers: true, RedirectURI: "https://app.example/cb"}, `^http://127\.0\.0\.1:\d+/callback/[0-9a-f]{16}$`, ""},
		{"registered elsewhere", auth.LoopbackPrompter{}, auth.PromptHint{RedirectURI: "https://app.example/cb"}, "", "PromptFunc"},
		{"registered with a query", auth.LoopbackPrompter{}, auth.PromptHint{RedirectURI: "http://127.0.0.1/cb?x=y"}, "", "PromptFunc"},
		{"another host", auth.LoopbackPrompter{Host: "0.0.0.0"}, auth.PromptHint{}, "", `not on "0.0.0.0"`},
		{"no port", auth.LoopbackPrompter{Port: 70000}, auth.PromptHint{}, "", "no port 70000"},
		{"no path", auth.LoopbackPrompter{Path: "callback"}, auth.PromptHint{}, "", "slash"},
		{"path with a query", auth.LoopbackPrompter{Path: "/callback?x"}, auth.PromptHint{}, "", "query"},
	} {
		t.Run(test.name, func(t *testing.T) {
			prompt, err := test.prompter.Prepare(t.Context(), test.hint)
			if test.err != "" {
				require.ErrorContains(t, err, test.err)
				return
			}
			require.NoError(t, err)
			require.Regexp(t, test.want, prompt.RedirectURI())
			require.NoError(t, prompt.Close())
		})
	}
}

func TestLoopbackReceivesWhereverTheBrowserGoes(t *testing.T) {
	hosts := []string{"127.0.0.1", "localhost"}
	if six, err := net.Listen("tcp", "[::1]:0"); err == nil {
		six.Close()
		hosts = append(hosts, "[::1]")
	}
	for _, host := range hosts {
		for _, path := range []string{"/callback", "/a%2Fb/c"} {
			t.Run(host+path, func(t *testing.T) {
				var prompt auth.Prompt
				prompter := &auth.LoopbackPrompter{Timeout: 10 * time.Second, Output: io.Discard, Host: host, Path: path}
				prompter.Open = func(ctx context.Context, _ string) error {
					_, _, err := browse(ctx, http.MethodGet, prompt.RedirectURI()+"?code=C&state="+promptState, "")
					return err
				}
				prompt = prepare(t, prompter, auth.PromptHint{})
				_, err := prompt.Ask(t.Context(), promptRequest())
				require.NoError(t, err)
			})
		}
	}
}

func TestLoopbackPortTaken(t *testing.T) {
	first := prepare(t, &auth.LoopbackPrompter{}, auth.PromptHint{})
	registered := auth.PromptHint{RedirectURI: first.RedirectURI()}
	second := prepare(t, &auth.LoopbackPrompter{}, registered)
	require.NotEqual(t, first.RedirectURI(), second.RedirectURI(), "another port for the registered client")

	port := first.RedirectURI()[len("http://127.0.0.1:"):]
	fixed := &auth.LoopbackPrompter{Port: number(t, strings.TrimSuffix(port, "/callback"))}
	_, err := fixed.Prepare(t.Context(), auth.PromptHint{})
	require.Error(t, err)
	require.NoError(t, first.Close())
	require.Equal(t, first.RedirectURI(), prepare(t, fixed, auth.PromptHint{RedirectURI: "http://127.0.0.1:1/callback"}).RedirectURI())
}

func TestLoopbackAuthorizationsRunSideBySide(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	prompter := &auth.LoopbackPrompter{Timeout: 10 * time.Second, Output: io.Discard, Open: func(ctx context.Context, at string) error {
		query := parsed(t, at).Query()
		_, _, err := browse(ctx, http.MethodGet, query.Get("to")+"?code=C&state="+query.Get("state"), "")
		return err
	}}
	var asking sync.WaitGroup
	for _, state := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		prompt := prepare(t, prompter, auth.PromptHint{})
		asking.Go(func() {
			query, err := prompt.Ask(t.Context(), &auth.AuthorizationRequest{URL: "https://as.example/?state=" + state + "&to=" + url.QueryEscape(prompt.RedirectURI()), State: state})
			if err != nil || query.Get("state") != state {
				t.Error(err, query)
			}
		})
	}
	asking.Wait()
}
