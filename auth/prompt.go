package auth

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"
)

// Prompter gets the user's authorization: it shows a URL and receives the
// callback. [LoopbackPrompter] does so with a browser on this machine,
// [PastePrompter] with text to print and to paste, [PromptFunc] as you like.
// Implementations are safe for concurrent use.
type Prompter interface {
	// Prepare gets ready to receive one callback: where it will arrive has to be
	// known before the client is registered.
	Prepare(ctx context.Context, hint PromptHint) (Prompt, error)
}

// PromptHint is what a [Prompter] may go by when it chooses where to receive the
// callback.
type PromptHint struct {
	Issuer      string // the authorization server
	RedirectURI string // as registered with it on an earlier occasion; "": none
	Registers   bool   // the client is going to be registered with whatever is chosen; else the URI is fixed, or its port is free to choose
}

// Prompt is one authorization under way.
type Prompt interface {
	// RedirectURI is where the callback will arrive.
	RedirectURI() string
	// Ask shows the URL and returns the whole query of the callback whose state
	// is that of the request. It need not look at the rest.
	Ask(ctx context.Context, request *AuthorizationRequest) (url.Values, error)
	// Close lets go of what Prepare took, whether Ask was called or not.
	Close() error
}

// AuthorizationRequest is what the user is asked for.
type AuthorizationRequest struct {
	URL          string // to be opened in the user's browser: https, or http on loopback
	RedirectURI  string
	State        string // of the callback that belongs to the request; a secret
	Server       string // URL of the MCP server
	ResourceName string // what the MCP server calls itself; not verified
	Resource     string
	Issuer       string
	ClientID     string
	Scopes       []string
	ExpiresAt    time.Time // when waiting for the callback ends
}

// String returns a form for logs, without the secrets: the state and the query
// of the URL.
func (r AuthorizationRequest) String() string {
	return fmt.Sprintf("authorization request of client %s to %s (issuer %s) for %s, scopes %s",
		quote(r.ClientID), quote(shownURL(r.URL)), quote(r.Issuer), quote(r.Server), quote(strings.Join(r.Scopes, " ")))
}

// GoString returns the same as String.
func (r AuthorizationRequest) GoString() string { return r.String() }

// Format prints what String returns, whatever the verb.
func (r AuthorizationRequest) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(r.String())) }

// LogValue returns the fields that are no secrets.
func (r AuthorizationRequest) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("url", cut(shownURL(r.URL))),
		slog.String("redirect_uri", cut(r.RedirectURI)),
		slog.String("server", cut(r.Server)),
		slog.String("resource", cut(r.Resource)),
		slog.String("issuer", cut(r.Issuer)),
		slog.String("client_id", cut(r.ClientID)),
		slog.String("scopes", cut(strings.Join(r.Scopes, " "))),
		slog.Time("expires_at", r.ExpiresAt),
	)
}

// shownURL is a URL without its query, which holds the state.
func shownURL(raw string) string {
	before, _, _ := strings.Cut(raw, "?")
	return before
}
