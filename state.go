package mcpclient

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
)

// SessionState is a session in a form that can be stored or sent to another
// process, which goes on with it by [Client.Resume]. Encode it with
// encoding/json. It contains the session id, which is a credential: store it
// like one. Printing and logging it show no secret.
type SessionState struct {
	V        int         `json:"v"` // format of this record, 1
	Endpoint string      `json:"endpoint"`
	Era      string      `json:"era"`
	ID       string      `json:"id,omitempty"`
	Version  string      `json:"version"`
	LogLevel LogLevel    `json:"logLevel,omitempty"`
	Server   *ServerInfo `json:"server,omitempty"`
}

const stateFormat = 1

// String returns the state without its secrets.
func (s SessionState) String() string {
	return fmt.Sprintf("session %s at %s (%s)", hashID(s.ID), withoutSecrets(s.Endpoint), s.Version)
}

// Format implements fmt.Formatter: no verb prints the session id.
func (s SessionState) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// LogValue implements slog.LogValuer.
func (s SessionState) LogValue() slog.Value { return slog.StringValue(s.String()) }

// State returns the session for another process to resume. While the session
// is lost it is the state of the lost one.
func (s *Session) State() SessionState {
	b := s.latest()
	state := SessionState{
		V: stateFormat, Endpoint: b.endpoint.String(), Era: b.era.name(), ID: b.id,
		Version: b.version, Server: b.server,
	}
	if level := s.core.logLevel.Load(); level != nil {
		state.LogLevel = *level
	}
	return state
}

// Detach is Close without telling the server: the session lives on there, for
// a later [Client.Resume] with the state returned. After Close there is nothing
// left to resume: the error is [ErrClosed].
func (s *Session) Detach() (SessionState, error) {
	if s.view != nil {
		return SessionState{}, s.localError("detach", ErrUnsupported)
	}
	err := s.core.shut(false)
	if s.core.wasClosed() {
		return SessionState{}, s.localError("detach", ErrClosed)
	}
	state := s.State() // after shut: no handshake replaces the session any more
	if err != nil {
		return state, &CallError{Method: "detach", Delivery: DeliveryAnswered, Err: err}
	}
	return state, nil
}

// wasClosed reports whether Close came before Detach, and ended the session at the server.
func (c *core) wasClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.detached
}

// adopt turns a state into the session's first binding.
func (c *core) adopt(state SessionState) (*binding, error) {
	if state.V != stateFormat {
		return nil, fmt.Errorf("the state has format %d, this version reads format %d", state.V, stateFormat)
	}
	at, err := parseEndpoint(state.Endpoint)
	if err != nil {
		return nil, err
	}
	if err := c.config.takeUserinfo(at); err != nil {
		return nil, err
	}
	c.url = at
	era, ok := c.eraNamed(state.Era)
	if !ok {
		return nil, errors.New("the state is of an era that this version does not know: " + quote(state.Era))
	}
	b, err := era.adopt(state, at)
	if err != nil {
		return nil, err
	}
	if state.LogLevel != "" {
		c.logLevel.Store(&state.LogLevel)
	}
	// The other process counted from somewhere. A far random start keeps the ids
	// of the two apart, within what a float64 holds.
	c.ids.Store(rand.Int64N(1<<32) << 20)
	return b, nil
}
