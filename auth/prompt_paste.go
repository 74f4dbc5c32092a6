package auth

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/url"
	"os"
	"strings"
)

// PastePrompter prints the URL, for a browser on any machine, and reads what the
// user pastes: the address that the browser has ended at, whether a page came or
// not. It is for terminals without a browser, as over SSH. The zero value is
// ready for use and must not be copied. Its fields must not change while it is in
// use; it is safe for concurrent use, and asks for one authorization at a time.
//
// A Read of In that has begun cannot be ended. If Ask is given up meanwhile, one
// goroutine stays in that Read, and the next Ask takes over what it reads. There
// is never more than one.
type PastePrompter struct {
	// RedirectURI is where the browser ends. Nobody need listen there. "":
	// "http://127.0.0.1/callback", with a further segment for a client that
	// registers itself. A client that is registered already ends at its own.
	RedirectURI string

	// In is read line by line, and ahead. nil: [os.Stdin].
	In io.Reader

	// Out gets what the user is to read, one Write for each message. nil:
	// [os.Stderr].
	Out io.Writer

	lines lineReader
}

// maxPastes bounds how often one authorization is asked for again.
const maxPastes = 20

// Prepare takes nothing.
func (p *PastePrompter) Prepare(_ context.Context, hint PromptHint) (Prompt, error) {
	redirectURI := p.RedirectURI
	switch {
	case hint.RedirectURI != "" && (redirectURI == "" || !hint.Registers):
		redirectURI = hint.RedirectURI
	case redirectURI == "" && hint.Registers:
		redirectURI = "http://127.0.0.1" + issuerPath("/callback", hint.Issuer)
	case redirectURI == "":
		redirectURI = "http://127.0.0.1/callback"
	}
	return &pastePrompt{prompter: p, redirectURI: redirectURI}, nil
}

func (p *PastePrompter) in() io.Reader {
	if p.In == nil {
		return os.Stdin
	}
	return p.In
}

func (p *PastePrompter) out() io.Writer {
	if p.Out == nil {
		return os.Stderr
	}
	return p.Out
}

type pastePrompt struct {
	prompter    *PastePrompter
	redirectURI string
}

func (p *pastePrompt) RedirectURI() string { return p.redirectURI }

func (p *pastePrompt) Close() error { return nil }

func (p *pastePrompt) Ask(ctx context.Context, request *AuthorizationRequest) (url.Values, error) {
	if err := checkShownURL(request.URL); err != nil {
		return nil, err
	}
	lines, out := &p.prompter.lines, p.prompter.out()
	if err := lines.acquire(ctx); err != nil {
		return nil, err
	}
	defer lines.release()
	if !request.ExpiresAt.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, request.ExpiresAt, errors.New("the user has not answered in time"))
		defer cancel()
	}
	sayf(out, "To authorize access to %s, open this URL in a browser:\n\n%s\n\nThen paste the address that the browser ends at, even if it shows no page there:\n", quote(request.Server), request.URL)
	for range maxPastes {
		line, err := lines.next(ctx, p.prompter.in())
		switch query, ok := parsePasted(line, cmp.Or(request.RedirectURI, p.redirectURI)); {
		case err == nil && ok && hasState(query, secret(request.State)):
			return query, nil
		case err == nil || errors.Is(err, errLongLine):
			sayf(out, "That is not the address of this authorization. Paste it again, complete, in one line:\n")
		default:
			return nil, err
		}
	}
	return nil, errors.New("nothing that was pasted was the address of this authorization")
}

// parsePasted reads an address, or its query alone. An address elsewhere than at
// the redirect URI is the answer of somebody else.
func parsePasted(line, redirectURI string) (url.Values, bool) {
	line, _, _ = strings.Cut(strings.Trim(line, " \t\r\n\"'<>"), "#")
	query := strings.TrimPrefix(line, "?")
	if before, after, ok := strings.Cut(line, "?"); ok && before != "" && !strings.Contains(before, "=") {
		at, err := url.Parse(before)
		if err != nil || !sameCallback(at, redirectURI) {
			return nil, false
		}
		query = after
	}
	values, err := url.ParseQuery(query)
	return values, err == nil
}

// sameCallback compares without the query, and as browsers write addresses: they
// lower the host's case, leave out the standard port and add the path's slash.
func sameCallback(at *url.URL, redirectURI string) bool {
	wanted, err := url.Parse(redirectURI)
	return err == nil && browserForm(at) == browserForm(wanted)
}

func browserForm(at *url.URL) string {
	scheme, host, path := strings.ToLower(at.Scheme), strings.ToLower(at.Host), at.EscapedPath()
	switch scheme {
	case "http":
		host = strings.TrimSuffix(host, ":80")
	case "https":
		host = strings.TrimSuffix(host, ":443")
	}
	if path == "" {
		path = "/"
	}
	return scheme + "://" + host + path
}
