package auth

import (
	"context"
	"log/slog"
	"time"
)

// EventKind is what an [Event] tells of.
type EventKind string

// The kinds of events.
const (
	EventDiscovered    EventKind = "discovered"     // an authorization server was found
	EventRegistered    EventKind = "registered"     // a client was registered there
	EventPrompting     EventKind = "prompting"      // the user is being asked
	EventAuthorized    EventKind = "authorized"     // a token was obtained and stored
	EventRefreshed     EventKind = "refreshed"      // a token was refreshed and stored
	EventRefreshFailed EventKind = "refresh failed" // Err tells why
	EventStepUp        EventKind = "step-up"        // a token with more scopes is asked for
	EventServerChanged EventKind = "server changed" // the MCP server names another authorization server; the old token was dropped
	EventFailed        EventKind = "failed"         // no token could be had: Err tells why
)

// Event is something that happened on the way to a token. It holds no secret.
type Event struct {
	Kind      EventKind
	Server    string // URL of the MCP server, without its query
	Issuer    string
	Resource  string
	ClientID  string
	Scopes    []string  // asked for; granted for EventAuthorized and EventRefreshed
	ExpiresAt time.Time // of the token; zero: not said
	Legacy    bool      // the rules of protocol version 2025-03-26 were applied, for want of metadata
	Err       error
}

// LogValue shows the fields that are set.
func (e Event) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("kind", string(e.Kind)), slog.String("server", e.Server)}
	for _, text := range []slog.Attr{slog.String("issuer", e.Issuer), slog.String("resource", e.Resource), slog.String("client_id", e.ClientID)} {
		if text.Value.String() != "" {
			attrs = append(attrs, text)
		}
	}
	if len(e.Scopes) > 0 {
		attrs = append(attrs, slog.Any("scopes", e.Scopes))
	}
	if !e.ExpiresAt.IsZero() {
		attrs = append(attrs, slog.Time("expires_at", e.ExpiresAt))
	}
	if e.Legacy {
		attrs = append(attrs, slog.Bool("legacy", true))
	}
	if e.Err != nil {
		attrs = append(attrs, slog.Any("err", e.Err))
	}
	return slog.GroupValue(attrs...)
}

// LogEvents returns an Observer that writes every event to logger: failures as
// warnings, all else as information.
func LogEvents(logger *slog.Logger) func(Event) {
	return func(e Event) {
		level := slog.LevelInfo
		if e.Err != nil {
			level = slog.LevelWarn
		}
		logger.Log(context.Background(), level, "mcp authorization", "event", e)
	}
}
