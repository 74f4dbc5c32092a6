package mcpclient

import (
	stdjson "encoding/json"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

// noticed hands a notification that concerns no call to all who listen for it.
// It keeps nothing of m.
func (c *core) noticed(b *binding, m *jsonrpc.Message) {
	if m.Method == logNotice && c.listens.isEmpty() {
		return // servers log much
	}
	e, ok := noticeOf(m)
	if !ok {
		return
	}
	c.changed(b, e.Kind, e.URI)
	c.listens.each(func(l *listener) {
		if l.filter.wants(&e) {
			l.put(e, len(m.Params))
		}
	})
}

// noticed hands on what came on a stream of the listener's own. There the
// server knows best which resources are meant.
func (l *listener) noticed(b *binding, m *jsonrpc.Message) {
	e, ok := noticeOf(m)
	if !ok {
		return
	}
	l.core.changed(b, e.Kind, e.URI)
	if l.filter.wants(&e) || e.Kind == EventResourceUpdated && len(l.filter.ResourceURIs) > 0 {
		l.put(e, len(m.Params))
	}
}

// missed reports that what the listener asked for may have changed unnoticed.
func (l *listener) missed(b *binding) {
	for _, e := range l.filter.suspects() {
		l.core.changed(b, e.Kind, e.URI)
		l.put(*e, 0)
	}
}

// changed takes what has changed out of the cache, before anybody who listens
// is told: what they read is to be new. uri is that of the resource that was updated.
func (c *core) changed(b *binding, kind EventKind, uri string) {
	at := b.endpoint.String()
	switch kind {
	case EventToolsChanged:
		c.config.cache.drop(at, "tools/list")
		c.harmless.forget()
	case EventPromptsChanged:
		c.config.cache.drop(at, "prompts/list")
	case EventResourcesChanged:
		c.config.cache.drop(at, "resources/list", "resources/templates/list")
	case EventResourceUpdated:
		c.config.cache.dropResource(at, uri)
	default: // nothing is kept of it
	}
}

// noticeOf reads a notification. It is false for those that nobody can ask for,
// and for those that say nothing.
func noticeOf(m *jsonrpc.Message) (Event, bool) {
	switch m.Method {
	case "notifications/tools/list_changed":
		return Event{Kind: EventToolsChanged}, true
	case "notifications/prompts/list_changed":
		return Event{Kind: EventPromptsChanged}, true
	case "notifications/resources/list_changed":
		return Event{Kind: EventResourcesChanged}, true
	case "notifications/resources/updated":
		about, ok := noticeParams(m.Params)
		return Event{Kind: EventResourceUpdated, URI: about.URI}, ok && about.URI != ""
	case "notifications/tasks", "notifications/tasks/status":
		about, ok := noticeParams(m.Params)
		return Event{Kind: EventTaskChanged, TaskID: about.TaskID, Task: stdjson.RawMessage(m.Params.Clone())}, ok && about.TaskID != ""
	case logNotice:
		message := new(LogMessage)
		err := json.Unmarshal(m.Params, message, unmarshalOptions)
		return Event{Kind: EventLog, Log: message}, err == nil
	default:
		return Event{}, false
	}
}

const logNotice = "notifications/message"

// noticeSubject is what a notification is about.
type noticeSubject struct {
	URI    string `json:"uri"`
	TaskID string `json:"taskId"`
}

func noticeParams(params jsontext.Value) (about noticeSubject, ok bool) {
	ok = json.Unmarshal(params, &about, unmarshalOptions) == nil
	return about, ok
}
