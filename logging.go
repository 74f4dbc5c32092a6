package mcpclient

import (
	"context"
	stdjson "encoding/json"
	"fmt"
	"slices"
)

// LogLevel is the severity of a log message, after RFC 5424.
type LogLevel string

// The levels, least severe first.
const (
	LogDebug     LogLevel = "debug"
	LogInfo      LogLevel = "info"
	LogNotice    LogLevel = "notice"
	LogWarning   LogLevel = "warning"
	LogError     LogLevel = "error"
	LogCritical  LogLevel = "critical"
	LogAlert     LogLevel = "alert"
	LogEmergency LogLevel = "emergency"
)

// SetLogLevel asks the server to send log messages of this level and above (`logging/setLevel`). Without it the server
// decides what it sends. The level outlives a lost session: it is set again on the new one. If the server does not
// declare logging, nothing is sent and the error matches [ErrUnsupported].
func (s *Session) SetLogLevel(ctx context.Context, level LogLevel, options ...CallOption) error {
	c := call{method: "logging/setLevel", target: string(level), params: levelParams{level}, options: options}
	if !s.Server().Capabilities.Logging {
		c.invalid = fmt.Errorf("the server does not declare logging: %w", ErrUnsupported)
	}
	if _, err := request[struct{}](ctx, s, c); err != nil {
		return err
	}
	s.rememberLogLevel(level)
	return nil
}

type levelParams struct {
	Level LogLevel `json:"level"`
}

// atLeast reports whether l is as severe as least, or more. A level that this package does not know counts
// as severe: better one message too many.
func (l LogLevel) atLeast(least LogLevel) bool {
	severity := slices.Index(logLevels(), l)
	return severity < 0 || severity >= slices.Index(logLevels(), least)
}

func logLevels() []LogLevel {
	return []LogLevel{LogDebug, LogInfo, LogNotice, LogWarning, LogError, LogCritical, LogAlert, LogEmergency}
}

// LogMessage is one log message of the server (`notifications/message`). Its text was written by the server: treat
// it as untrusted.
type LogMessage struct {
	Level  LogLevel                      `json:"level"`
	Logger string                        `json:"logger,omitzero"` // the part of the server that speaks; "": not said
	Data   stdjson.RawMessage            `json:"data"`            // any JSON value: often a string or an object
	Meta   Meta                          `json:"_meta,omitzero"`
	Extra  map[string]stdjson.RawMessage `json:",embed"` // members this package does not know
}
