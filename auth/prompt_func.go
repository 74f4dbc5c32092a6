package auth

import (
	"context"
	"errors"
	"maps"
	"net/url"
)

// PromptFunc returns a [Prompter] that receives callbacks at redirectURI by
// calling ask, such as one with an embedded browser. "" takes the URI that the
// client is registered with. ask returns the whole query of the callback whose
// state is that of the request, or an error, and stops when the context ends. It
// may be called for several servers at once.
func PromptFunc(redirectURI string, ask func(context.Context, *AuthorizationRequest) (url.Values, error)) Prompter {
	return funcPrompter{redirectURI: redirectURI, ask: ask}
}

// funcPrompter is its own Prompt: there is nothing to take and to let go.
type funcPrompter struct {
	redirectURI string
	ask         func(context.Context, *AuthorizationRequest) (url.Values, error)
}

func (f funcPrompter) Prepare(_ context.Context, hint PromptHint) (Prompt, error) {
	if f.redirectURI == "" {
		f.redirectURI = hint.RedirectURI
	}
	switch {
	case f.ask == nil:
		return nil, errors.New("auth.PromptFunc: there is no function to ask with")
	case f.redirectURI == "":
		return nil, errors.New("auth.PromptFunc: the client is not registered yet: say with which redirect URI it is to be")
	}
	return f, nil
}

func (f funcPrompter) RedirectURI() string { return f.redirectURI }

func (f funcPrompter) Ask(ctx context.Context, request *AuthorizationRequest) (url.Values, error) {
	query, err := f.ask(ctx, request)
	return maps.Clone(query), err
}

func (f funcPrompter) Close() error { return nil }
