package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"time"
)

// LoopbackPrompter opens the user's browser and receives the callback on this
// machine's loopback interface (RFC 8252 section 7.3). The zero value is ready
// for use. Its fields must not change while it is in use; it is safe for
// concurrent use, every authorization with a port of its own.
type LoopbackPrompter struct {
	// Host is what the redirect URI calls this machine: "127.0.0.1", "localhost"
	// or "::1". "": "127.0.0.1", whose port an authorization server has to leave
	// open; some know only "localhost".
	Host string

	// Port receives the callback. 0: that of the redirect URI which the client is
	// registered with, if it is free, else any. Another one is final: while
	// somebody else has it, there is no authorization.
	Port int

	// Path of the redirect URI. "": "/callback". A client that registers itself
	// gets a further segment, different for every authorization server, so that
	// none can pass its callbacks off as another's (RFC 9700 section 4.4.2.2).
	Path string

	// Open shows the URL to the user, and returns without waiting for the answer
	// or at the latest when ctx ends. Its error is printed, and the prompter waits
	// on: the user has the printed URL. nil: [OpenBrowser].
	Open func(ctx context.Context, url string) error

	// Output gets the URL, one Write for each message, since there may be no
	// browser. nil: [os.Stderr]; [io.Discard] prints nothing.
	Output io.Writer

	// Timeout bounds the wait for the user, and so does the request's own end.
	// 0: 5 minutes.
	Timeout time.Duration

	// Done and Failed are what the browser says in the end: after a code, which is
	// yet to be redeemed, and after an error. They are text, not HTML.
	// "": a sentence in English.
	Done   string
	Failed string
}

// Prepare takes a port. It is let go of by Close of the [Prompt], or at the end
// of its Ask.
func (l *LoopbackPrompter) Prepare(ctx context.Context, hint PromptHint) (Prompt, error) {
	place, err := l.place(hint)
	if err != nil {
		return nil, err
	}
	listeners, port, err := place.listen(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot receive a callback on %s: %w", place.host, err)
	}
	return &loopbackPrompt{settings: *l, place: place, port: port, listeners: listeners}, nil
}

// place decides where the callback is to arrive: where the client is registered
// for it, else where the fields say.
func (l *LoopbackPrompter) place(hint PromptHint) (loopbackPlace, error) {
	place := loopbackPlace{host: l.host(), path: l.path(), port: l.Port, fixed: l.Port != 0}
	if hint.Registers {
		place.path = issuerPath(place.path, hint.Issuer)
	}
	if hint.RedirectURI != "" {
		known, err := parseLoopback(hint.RedirectURI)
		switch {
		case err == nil:
			place = l.registeredPlace(place, known, hint.Registers)
		case !hint.Registers:
			return loopbackPlace{}, err
		}
	}
	return place, place.check()
}

// registeredPlace takes over what is registered. Fields that are set win where the
// client can still be registered anew.
func (l *LoopbackPrompter) registeredPlace(place, known loopbackPlace, registers bool) loopbackPlace {
	if !registers || l.Host == "" {
		place.host = known.host
	}
	if !registers || l.Path == "" {
		place.path = known.path
	}
	if !place.fixed {
		place.port = known.port
	}
	return place
}

func (l *LoopbackPrompter) host() string {
	if l.Host == "" {
		return "127.0.0.1"
	}
	return strings.Trim(l.Host, "[]")
}

func (l *LoopbackPrompter) path() string {
	if l.Path == "" {
		return "/callback"
	}
	return l.Path
}

func (l *LoopbackPrompter) output() io.Writer {
	if l.Output == nil {
		return os.Stderr
	}
	return l.Output
}

func (l *LoopbackPrompter) timeout() time.Duration {
	if l.Timeout <= 0 {
		return 5 * time.Minute
	}
	return l.Timeout
}

// issuerPath gives every authorization server a path of its own.
func issuerPath(path, issuer string) string {
	sum := sha256.Sum256([]byte(issuer))
	return strings.TrimSuffix(path, "/") + "/" + hex.EncodeToString(sum[:8])
}

// loopbackPrompt is an authorization that has its port.
type loopbackPrompt struct {
	settings  LoopbackPrompter
	place     loopbackPlace
	port      int
	listeners []net.Listener
}

func (p *loopbackPrompt) RedirectURI() string { return p.place.redirectURI(p.port) }

// Ask can be called once. No goroutine of its own is left when it returns.
func (p *loopbackPrompt) Ask(ctx context.Context, request *AuthorizationRequest) (url.Values, error) {
	defer func() { _ = p.Close() }()
	if err := checkShownURL(request.URL); err != nil {
		return nil, err
	}
	ctx, cancel := p.limited(ctx, request.ExpiresAt)
	defer cancel()
	receiver := newCallbackReceiver(p, secret(request.State))
	defer receiver.stop()
	receiver.start(p.listeners)
	p.show(ctx, request)
	select {
	case callback := <-receiver.callbacks:
		return callback.query, callback.err
	case err := <-receiver.failures:
		return nil, fmt.Errorf("receiving the callback ended: %w", err)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// limited bounds the wait for the user.
func (p *loopbackPrompt) limited(ctx context.Context, end time.Time) (context.Context, context.CancelFunc) {
	within := p.settings.timeout()
	if !end.IsZero() {
		within = min(within, time.Until(end))
	}
	return context.WithTimeoutCause(ctx, within, errors.New("the user has not answered in time"))
}

// show prints the URL first: a browser that cannot be opened may not say so.
func (p *loopbackPrompt) show(ctx context.Context, request *AuthorizationRequest) {
	sayf(p.settings.output(), "To authorize access to %s, open this URL in a browser on this machine:\n\n%s\n\n", quote(request.Server), request.URL)
	open := p.settings.Open
	if open == nil {
		open = OpenBrowser
	}
	if err := open(ctx, request.URL); err != nil && ctx.Err() == nil {
		sayf(p.settings.output(), "No browser opens by itself: %s\n", clip(err.Error()))
	}
}

// Close lets go of the port. An Ask under way returns with an error.
func (p *loopbackPrompt) Close() error {
	for _, listener := range p.listeners {
		_ = listener.Close()
	}
	return nil
}

// sayf prints a message for the user. Nobody can be told if that fails.
func sayf(to io.Writer, format string, args ...any) {
	_, _ = io.WriteString(to, fmt.Sprintf(format, args...))
}
