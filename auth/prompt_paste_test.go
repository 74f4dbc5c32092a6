package auth_test

import (
	"context"
	"errors"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-mcp/mcpclient/auth"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func pasted(t *testing.T, text string) (url.Values, string, error) {
	t.Helper()
	var out terminal
	prompt := prepare(t, &auth.PastePrompter{In: strings.NewReader(text), Out: &out}, auth.PromptHint{RedirectURI: "http://127.0.0.1:8080/callback"})
	query, err := prompt.Ask(t.Context(), promptRequest())
	require.NoError(t, prompt.Close())
	return query, out.String(), err
}

func TestPasteTakesWhatUsersPaste(t *testing.T) {
	const query = "code=C&state=" + promptState
	for name, line := range map[string]string{
		"the address":                "http://127.0.0.1:8080/callback?" + query,
		"the address as shown":       "HTTP://127.0.0.1:8080/callback?" + query,
		"in quotes":                  `  "http://127.0.0.1:8080/callback?` + query + `" `,
		"in angle brackets":          "<http://127.0.0.1:8080/callback?" + query + ">\r",
		"with a fragment":            "http://127.0.0.1:8080/callback?" + query + "#",
		"the query":                  query,
		"the query and its mark":     "?" + query,
		"the query, with an address": query + "&iss=https://as.example",
	} {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			got, out, err := pasted(t, line+"\n")
			if name == "the query, with an address" {
				// A bare query is told from an address by its beginning.
				require.Equal(t, "https://as.example", got.Get("iss"))
			}
			require.NoError(t, err)
			require.Equal(t, "C", got.Get("code"))
			require.Contains(t, out, promptRequest().URL)
			require.Contains(t, out, "https://mcp.example/mcp")
		})
	}
	got, _, err := pasted(t, "http://127.0.0.1:8080/callback?"+query)
	require.NoError(t, err, "the last line needs no end")
	require.Equal(t, "C", got.Get("code"))
}

func TestPasteAsksAgain(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	wrong := []string{
		"",
		"nonsense",
		"http://127.0.0.1:8080/callback",
		"http://127.0.0.1:8080/callback?code=D&state=other",
		"http://127.0.0.1:8080/other?code=D&state=" + promptState,
		"http://127.0.0.1:8081/callback?code=D&state=" + promptState,
		"https://127.0.0.1:8080/callback?code=D&state=" + promptState,
		"code=D&state=" + promptState + "&state=" + promptState,
		"code=%zz&state=" + promptState,
		"code=D&x=" + strings.Repeat("y", 100_000) + "&state=" + promptState,
	}
	query, out, err := pasted(t, strings.Join(wrong, "\n")+"\ncode=C&state="+promptState+"\n")
	require.NoError(t, err)
	require.Equal(t, "C", query.Get("code"))
	require.Equal(t, len(wrong), strings.Count(out, "Paste it again"))

	_, out, err = pasted(t, strings.Repeat("nonsense\n", 1000))
	require.ErrorContains(t, err, "nothing that was pasted")
	require.Less(t, len(out), 4000)

	_, _, err = pasted(t, "nonsense\n")
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestPasteRedirectURI(t *testing.T) {
	for _, test := range []struct {
		configured string
		hint       auth.PromptHint
		want       string
	}{
		{"", auth.PromptHint{}, "http://127.0.0.1/callback"},
		{"", auth.PromptHint{Registers: true, Issuer: "https://as.example"}, "http://127.0.0.1/callback/93e20fbd9d9436f7"},
		{"", auth.PromptHint{RedirectURI: "http://localhost:1/cb"}, "http://localhost:1/cb"},
		{"", auth.PromptHint{RedirectURI: "http://localhost:1/cb", Registers: true}, "http://localhost:1/cb"},
		{"https://app.example/cb", auth.PromptHint{}, "https://app.example/cb"},
		{"https://app.example/cb", auth.PromptHint{RedirectURI: "http://localhost:1/cb"}, "http://localhost:1/cb"},
		{"https://app.example/cb", auth.PromptHint{RedirectURI: "http://localhost:1/cb", Registers: true}, "https://app.example/cb"},
	} {
		require.Equal(t, test.want, prepare(t, &auth.PastePrompter{RedirectURI: test.configured}, test.hint).RedirectURI())
	}
}

// TestPasteComparesAddressesAsBrowsersWriteThem keeps a pasted address from being
// refused for what the browser made of it.
func TestPasteComparesAddressesAsBrowsersWriteThem(t *testing.T) {
	for redirectURI, at := range map[string]string{
		"http://127.0.0.1":         "http://127.0.0.1/",
		"http://LOCALHOST:80/cb":   "http://localhost/cb",
		"https://app.example:443/": "https://app.example",
	} {
		prompt := prepare(t, &auth.PastePrompter{In: strings.NewReader(at + "?code=C&state=" + promptState), Out: io.Discard}, auth.PromptHint{RedirectURI: redirectURI})
		query, err := prompt.Ask(t.Context(), promptRequest())
		require.NoError(t, err)
		require.Equal(t, "C", query.Get("code"))
	}
}

// TestPasteGoesByTheRedirectURIOfTheRequest, which may name this machine in the
// other way than the prompt did.
func TestPasteGoesByTheRedirectURIOfTheRequest(t *testing.T) {
	prompt := prepare(t, &auth.PastePrompter{In: strings.NewReader("http://localhost:1/cb?code=C&state=" + promptState), Out: io.Discard}, auth.PromptHint{RedirectURI: "http://127.0.0.1:1/cb"})
	request := promptRequest()
	request.RedirectURI = "http://localhost:1/cb"
	query, err := prompt.Ask(t.Context(), request)
	require.NoError(t, err)
	require.Equal(t, "C", query.Get("code"))
}

func TestPasteHandsABlockedReadOn(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	in, terminal := io.Pipe()
	defer terminal.Close()
	shown := make(chan string, 10)
	prompter := &auth.PastePrompter{In: in, Out: writes(shown)}
	prompt := prepare(t, prompter, auth.PromptHint{})

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	ask := func(ctx context.Context) {
		_, err := prompt.Ask(ctx, promptRequest())
		ended <- err
	}
	go ask(ctx)
	<-shown

	// Another has to wait until the terminal is free.
	waiting, giveUp := context.WithCancelCause(t.Context())
	giveUp(errors.New("given up"))
	_, err := prompt.Ask(waiting, promptRequest())
	require.EqualError(t, err, "given up")

	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)

	go ask(t.Context())
	<-shown
	_, err = io.WriteString(terminal, "code=C&state="+promptState+"\n")
	require.NoError(t, err)
	require.NoError(t, <-ended, "the Read of the first Ask has the line of the second")

	request := promptRequest()
	request.ExpiresAt = time.Now().Add(10 * time.Millisecond)
	_, err = prompt.Ask(t.Context(), request)
	require.EqualError(t, err, "the user has not answered in time")
}

func TestPasteShowsNothingButWebPages(t *testing.T) {
	var out terminal
	prompt := prepare(t, &auth.PastePrompter{In: strings.NewReader(""), Out: &out}, auth.PromptHint{})
	for _, at := range []string{"javascript:alert(1)", "https://as.example/\x1b[2J", "http://as.example/"} {
		_, err := prompt.Ask(t.Context(), &auth.AuthorizationRequest{URL: at, State: promptState})
		require.Error(t, err)
		require.NotErrorIs(t, err, io.ErrUnexpectedEOF)
	}
	require.Empty(t, out.String())
}

// writes is an io.Writer that reports what was written.
type writes chan<- string

func (w writes) Write(text []byte) (int, error) {
	w <- string(text)
	return len(text), nil
}

func FuzzPaste(f *testing.F) {
	for _, line := range []string{"code=C&state=the-state", "http://127.0.0.1/callback?state=the-state", "?state=the-state#x", "state=the-state?x=://", "\"<?state=the-state>\""} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		prompt, err := (&auth.PastePrompter{In: strings.NewReader(line), Out: io.Discard}).Prepare(t.Context(), auth.PromptHint{})
		require.NoError(t, err)
		query, err := prompt.Ask(t.Context(), promptRequest())
		if err == nil {
			require.Equal(t, []string{promptState}, query["state"])
		}
	})
}
