package mcptest

import (
	"encoding/base64"
	"fmt"
	"slices"

	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

// features are what the server offers. The server's mutex guards them.
type features struct {
	tools     catalogue[tool]
	resources catalogue[resource]
	templates catalogue[template]
	prompts   catalogue[prompt]
	completer CompleteHandler
	methods   map[string]MethodHandler
}

func newFeatures() features {
	return features{methods: make(map[string]MethodHandler)}
}

// catalogue keeps things by name, in the order in which they were added.
type catalogue[T any] struct {
	names []string
	items map[string]T
}

func (c *catalogue[T]) set(name string, item T) {
	if c.items == nil {
		c.items = make(map[string]T)
	}
	if _, known := c.items[name]; !known {
		c.names = append(c.names, name)
	}
	c.items[name] = item
}

func (c *catalogue[T]) remove(name string) {
	delete(c.items, name)
	c.names = slices.DeleteFunc(c.names, func(other string) bool { return other == name })
}

func (c *catalogue[T]) get(name string) (T, bool) {
	item, known := c.items[name]
	return item, known
}

// page returns the part of the catalogue that the call asks for and the cursor
// of the next part, nil after the last.
func page[T any](c *call, all *catalogue[T]) (items []T, next *string, err error) {
	var params struct {
		Cursor *string `json:"cursor"`
	}
	if err := decode(c.message.Params, &params); err != nil {
		return nil, nil, err
	}
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	from, err := c.offset(params.Cursor, len(all.names))
	if err != nil {
		return nil, nil, err
	}
	to := len(all.names)
	if size := c.config.pageSize; size > 0 && from+size < to {
		to = from + size
		next = new(c.cursor(to))
	}
	for _, name := range all.names[from:to] {
		items = append(items, all.items[name])
	}
	return items, next, nil
}

// cursor names the session besides the place: a cursor must not outlive its
// session, and a client that keeps one over a loss is to be told.
func (c *call) cursor(offset int) string {
	if c.config.emptyCursor && offset == c.config.pageSize {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%s %d/%d", c.message.Method, c.session.number, offset))
}

func (c *call) offset(cursor *string, limit int) (int, error) {
	if cursor == nil {
		return 0, nil
	}
	for offset := range limit {
		if c.cursor(offset) == *cursor {
			return offset, nil
		}
	}
	if c.anyCursor || *cursor == "" {
		return 0, nil
	}
	return 0, invalidParams("Invalid cursor")
}

// introduce is the result of initialize.
func (c *call) introduce() (any, error) {
	var params openingParams
	if err := decode(c.message.Params, &params); err != nil {
		return nil, err
	}
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	return struct {
		ProtocolVersion string         `json:"protocolVersion"`
		Capabilities    map[string]any `json:"capabilities"`
		ServerInfo      implementation `json:"serverInfo"`
		Instructions    string         `json:"instructions,omitzero"`
	}{c.config.negotiate(params.ProtocolVersion), c.capabilitiesLocked(c.config.standalone), c.config.identity(), c.config.instructions}, nil
}

type implementation struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

func (c *config) identity() implementation { return implementation{c.name, c.version} }

// capabilitiesLocked tells what the server offers; live, whether it has a way to tell of changes.
func (c *call) capabilitiesLocked(live bool) map[string]any {
	type listChanged struct {
		ListChanged bool `json:"listChanged,omitzero"`
		Subscribe   bool `json:"subscribe,omitzero"`
	}
	s := c.server
	capabilities := map[string]any{"logging": struct{}{}, "tools": listChanged{ListChanged: live}}
	if len(s.features.resources.names)+len(s.features.templates.names) > 0 {
		capabilities["resources"] = listChanged{ListChanged: live, Subscribe: true}
	}
	if len(s.features.prompts.names) > 0 {
		capabilities["prompts"] = listChanged{ListChanged: live}
	}
	if s.features.completer != nil {
		capabilities["completions"] = struct{}{}
	}
	if empty := struct{}{}; c.hasTasksLocked() && c.stateless != nil {
		capabilities["extensions"] = map[string]any{tasksExtension: empty}
	} else if c.hasTasksLocked() {
		capabilities["tasks"] = map[string]any{"list": empty, "cancel": empty, "requests": map[string]any{"tools": map[string]any{"call": empty}}}
	}
	return capabilities
}

// Broadcast sends a notification on the standalone stream of every session, if
// the server has one ([StandaloneStream]). params is anything that
// encoding/json encodes as an object; nil sends none. A session whose client
// does not listen at the moment does not get it, unless it comes back with the
// Last-Event-ID of a [Resumable] server. The subscriptions/listen of
// [Stateless] servers that have asked for the notification get it too, and no
// other ones.
func (s *Server) Broadcast(method string, params any) {
	s.broadcast(method, params, func(*session) bool { return true })
}

func (s *Server) broadcast(method string, params any, wants func(*session) bool) {
	raw := mustEncode(params)
	message := jsonrpc.AppendNotification(nil, method, raw)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sess := range s.sessions.known {
		if sess.standalone != nil && wants(sess) {
			sess.standalone.append(event{data: message})
		}
	}
	s.tellListenersLocked(method, raw)
}
