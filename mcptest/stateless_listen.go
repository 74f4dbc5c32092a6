package mcptest

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

// listener is a client that listens at the moment: with subscriptions/listen,
// or with a GET of its own in the versions with sessions.
type listener struct {
	hangUp context.CancelFunc

	// Of subscriptions/listen alone; out is nil without.
	id     jsonrpc.ID
	filter subscriptionFilter
	out    *stream
	edits  []func([]byte) []byte
}

// subscriptionFilter is what a client wants to hear of.
type subscriptionFilter struct {
	Tools     bool     `json:"toolsListChanged,omitzero"`
	Prompts   bool     `json:"promptsListChanged,omitzero"`
	Resources bool     `json:"resourcesListChanged,omitzero"`
	URIs      []string `json:"resourceSubscriptions,omitzero"`
	Tasks     []string `json:"taskIds,omitzero"`
}

// wants reports whether the notification is one of those asked for: nothing
// else may be sent.
func (f subscriptionFilter) wants(method string, params json.RawMessage) bool {
	var about struct {
		URI    string `json:"uri"`
		TaskID string `json:"taskId"`
	}
	_ = json.Unmarshal(params, &about) // params of another form are about nothing
	switch method {
	case "notifications/tools/list_changed":
		return f.Tools
	case "notifications/prompts/list_changed":
		return f.Prompts
	case "notifications/resources/list_changed":
		return f.Resources
	case "notifications/resources/updated":
		return slices.Contains(f.URIs, about.URI)
	case "notifications/tasks":
		return slices.Contains(f.Tasks, about.TaskID)
	}
	return false
}

// granted is the part of the filter that the server can fulfil: what it has
// declared as a capability.
func (f subscriptionFilter) granted(capabilities map[string]any, known func(taskID string) bool) subscriptionFilter {
	_, prompts := capabilities["prompts"]
	_, resources := capabilities["resources"]
	f.Prompts = f.Prompts && prompts
	f.Resources = f.Resources && resources
	if !resources {
		f.URIs = nil
	}
	f.Tasks = slices.DeleteFunc(slices.Clone(f.Tasks), func(id string) bool { return !known(id) })
	return f
}

// subscribe is subscriptions/listen: an acknowledgement, and then what happens
// until the client leaves or [Server.EndListens].
func (x *exchange) subscribe(m *jsonrpc.Message) {
	var params struct {
		Notifications *subscriptionFilter `json:"notifications"`
	}
	err := decode(m.Params, &params)
	switch {
	case err != nil:
	case params.Notifications == nil:
		err = invalidParams("Invalid params: notifications is missing")
	case params.Notifications.Tasks != nil:
		err = x.stateless.needsTasks()
	}
	if err != nil {
		x.reject(err)
		return
	}
	s := x.server
	c := &call{server: s, config: x.config, stateless: x.stateless, message: m, out: newStream("")}
	for _, preface := range x.prefaces {
		preface(x.ctx, c)
	}
	ctx, hangUp := context.WithCancel(x.ctx)
	defer hangUp()
	x.ctx = ctx
	l := &listener{hangUp: hangUp, id: m.ID, out: c.out, edits: x.edits}
	s.mu.Lock()
	l.filter = params.Notifications.granted(c.capabilitiesLocked(true), func(id string) bool {
		_, known := s.tasks.known.get(id)
		return known
	})
	l.tell("notifications/subscriptions/acknowledged", mustEncode(map[string]any{"notifications": l.filter}))
	s.listenLocked(l)
	s.mu.Unlock()
	defer s.left(l)
	x.stream(l.out, 0)
}

// tell sends a notification under the subscription's id.
func (l *listener) tell(method string, params json.RawMessage) {
	var members map[string]jsontext.Value
	if params == nil || json.Unmarshal(params, &members) != nil {
		members = make(map[string]jsontext.Value)
	}
	members["_meta"] = l.meta()
	l.out.append(event{data: jsonrpc.AppendNotification(nil, method, mustEncode(members))})
}

func (l *listener) meta() jsontext.Value {
	return jsontext.Value(mustEncode(map[string]jsonrpc.ID{metaSubscription: l.id}))
}

// tellListenersLocked sends a notification to the subscriptions that want it.
func (s *Server) tellListenersLocked(method string, params json.RawMessage) {
	for l := range s.listeners {
		if l.out != nil && l.filter.wants(method, params) {
			l.tell(method, params)
		}
	}
}

func (s *Server) listenLocked(l *listener) {
	s.listeners[l] = struct{}{}
	s.ledger.wakeLocked()
}

func (s *Server) left(l *listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
	s.ledger.wakeLocked()
}

// Listening counts the clients that listen at the moment: the open
// subscriptions/listen of a [Stateless] server, the standalone streams of the
// versions with sessions, and the streams of [HTTPSSE].
func (s *Server) Listening() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.listeners)
}

// EndListens ends every subscriptions/listen in good order: with its result.
// The streams of the versions with sessions have no such end and go on.
func (s *Server) EndListens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.listeners {
		if l.out == nil {
			continue
		}
		result := jsonrpc.AppendResult(nil, l.id, mustEncode(map[string]any{"resultType": "complete", "_meta": l.meta()}))
		for _, edit := range l.edits {
			if result = edit(result); result == nil {
				break
			}
		}
		if result != nil {
			l.out.append(event{data: result, answer: true})
		}
		l.out.end()
	}
}

// DropListens cuts the connections of all who listen ([Server.Listening]).
func (s *Server) DropListens() {
	s.mu.Lock()
	listeners := slices.Collect(maps.Keys(s.listeners))
	s.mu.Unlock()
	for _, l := range listeners {
		l.hangUp()
	}
}

// needsTasks is the error for a client that speaks of tasks and has not
// declared with this request that it knows them.
func (r *statelessRequest) needsTasks() error {
	if r.knowsTasks() {
		return nil
	}
	return missingCapability(map[string]any{"extensions": map[string]any{tasksExtension: struct{}{}}})
}

func (r *statelessRequest) knowsTasks() bool {
	var offers mcpclient.Meta
	_ = json.Unmarshal(r.capabilities, &offers) // an odd capability counts as none
	var extensions mcpclient.Meta
	_ = json.Unmarshal(offers["extensions"], &extensions)
	return isObject(extensions[tasksExtension])
}
