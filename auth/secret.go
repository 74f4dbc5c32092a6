package auth

import (
	"fmt"
	"log/slog"
)

// secret is a text that must not show: however it is printed or logged, a
// placeholder comes out. Only encoding/json, for the store, sees it.
type secret string

const redacted = "[redacted]"

// String returns the placeholder.
func (secret) String() string { return redacted }

// GoString returns the placeholder.
func (secret) GoString() string { return redacted }

// Format prints the placeholder, whatever the verb.
func (secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue returns the placeholder.
func (secret) LogValue() slog.Value { return slog.StringValue(redacted) }
