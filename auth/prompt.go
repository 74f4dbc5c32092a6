package auth

import (
	"context"
	"net/url"
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
