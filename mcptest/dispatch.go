package mcptest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

const (
	methodInitialize = "initialize"

	// The only version that knows arrays of messages (JSON-RPC batches).
	versionWithArrays = "2025-03-26"
)

// dispatch executes one request. Its error is a *mcpclient.RPCError, or
// becomes an internal error.
func (c *call) dispatch(ctx context.Context) (any, error) {
	if c.stateless != nil {
		return c.dispatchStateless(ctx)
	}
	switch c.message.Method {
	case methodInitialize:
		return c.introduce()
	case "ping":
		return struct{}{}, nil
	case "resources/subscribe":
		return c.subscribe(true)
	case "resources/unsubscribe":
		return c.subscribe(false)
	case "logging/setLevel":
		return c.setLogLevel()
	default:
		return c.feature(ctx)
	}
}

// feature executes a request of a method that every version has, or that none
// defines.
func (c *call) feature(ctx context.Context) (any, error) {
	switch c.message.Method {
	case "tools/list":
		return c.listTools()
	case "tools/call":
		return c.callTool(ctx)
	case "resources/list":
		return c.listResources()
	case "resources/templates/list":
		return c.listTemplates()
	case "resources/read":
		return c.readResource(ctx)
	case "prompts/list":
		return c.listPrompts()
	case "prompts/get":
		return c.getPrompt(ctx)
	case "completion/complete":
		return c.complete(ctx)
	default:
		return c.extension(ctx)
	}
}

// MethodHandler executes a request of a method that the protocol does not
// define. Its result is anything that encoding/json encodes as an object; nil
// stands for an empty one. An error that is a *[mcpclient.RPCError] is the
// answer; any other becomes an internal error with its text.
type MethodHandler func(ctx context.Context, params json.RawMessage) (result any, err error)

// AddMethod adds a method that the protocol does not define, or replaces it.
func (s *Server) AddMethod(method string, h MethodHandler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.features.methods[method] = h
}

func (c *call) extension(ctx context.Context) (any, error) {
	if result, known, err := c.taskMethod(ctx); known {
		return result, err
	}
	c.server.mu.Lock()
	h, known := c.server.features.methods[c.message.Method]
	c.server.mu.Unlock()
	if !known {
		return nil, &mcpclient.RPCError{Code: codeNoMethod, Message: "Method not found"}
	}
	result, err := h(ctx, json.RawMessage(c.message.Params))
	if err != nil || result == nil {
		return struct{}{}, err
	}
	raw, err := json.Marshal(result)
	return json.RawMessage(raw), err
}

type openingParams struct {
	ProtocolVersion string          `json:"protocolVersion"`
	Capabilities    json.RawMessage `json:"capabilities"`
	ClientInfo      json.RawMessage `json:"clientInfo"`
}

const openingIncomplete = "Invalid params: initialize needs protocolVersion, capabilities and clientInfo"

func openingOf(m *jsonrpc.Message) (params openingParams, complete bool) {
	err := decode(m.Params, &params)
	return params, err == nil && params.ProtocolVersion != "" && isObject(params.Capabilities) && isObject(params.ClientInfo)
}

// negotiate returns the version to speak with a client that asks for the given one.
func (c *config) negotiate(version string) string {
	if slices.Contains(c.versions, version) {
		return version
	}
	return c.versions[0]
}

func isInitialize(m jsonrpc.Message) bool { return m.IsRequest() && m.Method == methodInitialize }

// initialize opens a session (protocol 2025-11-25, lifecycle,
// "Initialization"). The answer alone carries the session id.
func (x *exchange) initialize() {
	s := x.server
	if x.inArray() {
		x.refuse(http.StatusBadRequest, codeInvalidRequest, "Invalid Request: initialize must not be part of an array")
		return
	}
	if x.request.Session != "" && !x.config.sessionless {
		if _, known := x.session(); known {
			x.refuse(http.StatusBadRequest, codeInvalidRequest, "Invalid Request: Server already initialized")
		}
		return
	}
	m := &x.messages[0]
	params, complete := openingOf(m)
	if !complete {
		x.refuse(http.StatusBadRequest, codeInvalidParams, openingIncomplete)
		return
	}
	s.mu.Lock()
	s.sessions.initializes++
	sess := s.sessions.shared
	if !x.config.sessionless {
		sess = s.sessions.openLocked()
		sess.version, sess.client, sess.offers = x.config.negotiate(params.ProtocolVersion), params.ClientInfo, params.Capabilities
		x.w.Header().Set(headerSession, sess.id)
	}
	s.ledger.wakeLocked()
	s.mu.Unlock()
	x.execute(sess, []*jsonrpc.Message{m})
}

// notified takes in a notification. Unknown ones are ignored, as JSON-RPC asks.
func (s *Server) notified(sess *session, m *jsonrpc.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch m.Method {
	case "notifications/initialized":
		sess.initialized = true
	case "notifications/cancelled":
		var params struct {
			RequestID json.RawMessage `json:"requestId"`
		}
		if err := decode(m.Params, &params); err != nil || params.RequestID == nil {
			return
		}
		s.ledger.cancelled = append(s.ledger.cancelled, string(params.RequestID))
		if c, running := sess.inFlight[string(params.RequestID)]; running && c.message.Method != methodInitialize {
			c.cancel(errCancelled)
		}
	}
	s.ledger.wakeLocked()
}

func (c *call) setLogLevel() (any, error) {
	var params struct {
		Level mcpclient.LogLevel `json:"level"`
	}
	if err := decode(c.message.Params, &params); err != nil {
		return nil, err
	}
	if severity(params.Level) < 0 {
		return nil, invalidParams(fmt.Sprintf("Invalid log level: %q", params.Level))
	}
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	c.session.logLevel = params.Level
	return struct{}{}, nil
}

// severity orders the levels; -1 is none of them.
func severity(level mcpclient.LogLevel) int {
	return slices.Index([]mcpclient.LogLevel{
		mcpclient.LogDebug, mcpclient.LogInfo, mcpclient.LogNotice, mcpclient.LogWarning,
		mcpclient.LogError, mcpclient.LogCritical, mcpclient.LogAlert, mcpclient.LogEmergency,
	}, level)
}
