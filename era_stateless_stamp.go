package mcpclient

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// stamp completes the params of c: what a further round adds, and what every
// request of this era says of itself (2026-07-28, "Per-request metadata").
func (e *statelessEra) stamp(b *binding, c *call) (jsontext.Value, error) {
	params := c.raw
	if c.notification {
		return params, nil // notifications carry none of it
	}
	if c.input != nil {
		params = withMembers(withoutRound(params), c.input)
	}
	meta, err := e.meta(b, c)
	if err != nil {
		return nil, err
	}
	return withMeta(params, meta)
}

type statelessMeta struct {
	Version      string              `json:"io.modelcontextprotocol/protocolVersion"`
	ClientInfo   clientInfo          `json:"io.modelcontextprotocol/clientInfo"`
	Capabilities *clientCapabilities `json:"io.modelcontextprotocol/clientCapabilities"`
	LogLevel     LogLevel            `json:"io.modelcontextprotocol/logLevel,omitzero"`
}

// meta is what goes into _meta. The same for most calls, it is encoded once.
func (e *statelessEra) meta(b *binding, c *call) (jsontext.Value, error) {
	level := e.logLevel(c)
	if level == "" && !c.settings.takesInput && !c.settings.asTask && b.meta != nil {
		return b.meta, nil
	}
	return encode(&statelessMeta{b.version, e.core.config.clientInfo(), e.core.config.capabilities().forCall(&c.settings), level})
}

// logLevel is from which level on the server is to log while it executes c. In
// this era it logs for nobody who does not ask.
func (e *statelessEra) logLevel(c *call) LogLevel {
	level := e.core.logLevel.Load()
	switch {
	case c.settings.logs != nil && (level == nil || !c.settings.minLevel.atLeast(*level)):
		return c.settings.minLevel
	case level != nil:
		return *level
	default:
		return ""
	}
}

// bringsRound reports whether the caller's own params may hold the round of an
// earlier call.
func bringsRound(params jsontext.Value) bool {
	return bytes.Contains(params, []byte("inputResponses")) || bytes.Contains(params, []byte("requestState")) || bytes.Contains(params, []byte(`\u`))
}

// withoutRound takes that round out: the newest one alone is sent.
func withoutRound(params jsontext.Value) jsontext.Value {
	var object struct {
		Responses jsontext.Value `json:"inputResponses,omitzero"`
		State     jsontext.Value `json:"requestState,omitzero"`
		Rest      jsontext.Value `json:",embed"`
	}
	if !bringsRound(params) || decode(params, &object) != nil || object.Responses == nil && object.State == nil {
		return params
	}
	object.Responses, object.State = nil, nil
	rest, err := encode(&object)
	if err != nil {
		return params
	}
	return rest
}

// withMembers puts the members of object in front of those of params.
func withMembers(params, object jsontext.Value) jsontext.Value {
	front := bytes.TrimSuffix(bytes.TrimSpace(object), []byte("}"))
	rest := bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(params), []byte("{")))
	out := append([]byte(nil), front...)
	switch {
	case len(rest) == 0:
		return append(out, '}')
	case rest[0] == '}' || len(bytes.TrimSpace(front)) == 1: // one of the two is empty
		return append(out, rest...)
	default:
		return append(append(out, ','), rest...)
	}
}
