package mcptest

import (
	"context"
	"slices"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/holdfast-mcp/mcpclient"
)

// dispatchStateless executes one request of 2026-07-28. A handler that asked
// for input has not answered, whatever it has returned.
func (c *call) dispatchStateless(ctx context.Context) (any, error) {
	result, err := c.executeStateless(ctx)
	if wanted, state := c.stateless.rounds.wanted(); wanted != nil {
		return inputRequired(wanted, c.server.sealed(state)), nil
	}
	return result, err
}

func (c *call) executeStateless(ctx context.Context) (any, error) {
	if c.message.Method == methodDiscover {
		return c.discover(), nil
	}
	return c.feature(ctx)
}

func (c *call) discover() any {
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	return struct {
		Versions     []string       `json:"supportedVersions"`
		Capabilities map[string]any `json:"capabilities"`
		Instructions string         `json:"instructions,omitzero"`
	}{c.config.supported(), c.capabilitiesLocked(true), c.config.instructions}
}

// encodeResult writes a result. In 2026-07-28 every result names its type and
// the server, and some say for how long they hold; what the result says of
// this itself stays.
func (c *call) encodeResult(result any) ([]byte, error) {
	raw, err := encode(result)
	if err != nil || c.stateless == nil {
		return raw, err
	}
	var members map[string]jsontext.Value
	if err := jsonv2.Unmarshal(raw, &members, jsontext.AllowInvalidUTF8(true)); err != nil {
		return nil, err
	}
	c.dress(members)
	return encode(members)
}

func (c *call) dress(members map[string]jsontext.Value) {
	lacking := func(name string, value any) {
		if _, given := members[name]; !given {
			members[name] = jsontext.Value(mustEncode(value))
		}
	}
	lacking("resultType", "complete")
	if isCacheable(c.message.Method) && string(members["resultType"]) == `"complete"` {
		lacking("ttlMs", c.config.ttl.Milliseconds())
		lacking("cacheScope", c.config.scope)
	}
	meta := make(map[string]jsontext.Value)
	if raw, given := members["_meta"]; given && jsonv2.Unmarshal(raw, &meta) != nil {
		return // a test's own idea of _meta
	}
	if _, given := meta[metaServer]; !given {
		meta[metaServer] = jsontext.Value(mustEncode(c.config.identity()))
	}
	members["_meta"] = jsontext.Value(mustEncode(meta))
}

func isCacheable(method string) bool {
	return slices.Contains([]string{
		methodDiscover, "tools/list", "resources/list", "resources/templates/list", "resources/read", "prompts/list",
	}, method)
}

// inputRequired is the answer that asks for input (2026-07-28, "Multi
// Round-Trip Requests").
func inputRequired(requests map[string]InputRequest, state string) map[string]any {
	result := map[string]any{"resultType": "input_required"}
	if requests != nil {
		result["inputRequests"] = inputMembers(requests)
	}
	if state != "" {
		result["requestState"] = state
	}
	return result
}

// missingCapability is the error of a server that needs a capability which the
// client has not declared with this request.
func missingCapability(required map[string]any) error {
	return &mcpclient.RPCError{
		Code: codeMissingCapability, Message: "Missing required client capability",
		Data: mustEncode(map[string]any{"requiredCapabilities": required}),
	}
}
