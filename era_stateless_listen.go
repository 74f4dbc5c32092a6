package mcpclient

import (
	"context"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

// feed opens a subscription, which lasts as long as its response (2026-07-28,
// "Subscriptions"). The acknowledgement is due at once, so the wait for the
// response header is that for any prompt answer.
func (e *statelessEra) feed(ctx context.Context, b *binding, f *feed) (*reply, error) {
	params, err := encode(&listenParams{f.filter.wire()})
	if err != nil {
		return nil, fail(err, DeliveryNotSent)
	}
	f.id = e.core.nextID()
	c := &call{method: listenMethod, id: f.id, raw: params, plain: params, headerWait: e.core.config.handshakeTimeout}
	c.settings.asTask = len(f.filter.Tasks) > 0 // who asks for tasks has to declare that it knows them
	return e.send(ctx, b, c)
}

type listenParams struct {
	Notifications listenFilter `json:"notifications"`
}

// listenFilter is a Filter in the words of the protocol. It has none for log
// messages, which come with calls alone.
type listenFilter struct {
	Tools        bool     `json:"toolsListChanged,omitzero"`
	Prompts      bool     `json:"promptsListChanged,omitzero"`
	Resources    bool     `json:"resourcesListChanged,omitzero"`
	ResourceURIs []string `json:"resourceSubscriptions,omitempty"`
	Tasks        []string `json:"taskIds,omitempty"`
}

func (f Filter) wire() listenFilter {
	return listenFilter{f.Tools, f.Prompts, f.Resources, f.ResourceURIs, f.Tasks}
}

// askable is the part of f that a server without sessions can be asked for. All
// else than tasks, an extension, it may leave out of its acknowledgement.
func (f Filter) askable(b *binding) Filter {
	if b.server.Capabilities.Extensions[tasksExtension] == nil {
		f.Tasks = nil
	}
	f.Logs = ""
	return f
}

// subscriptionMeta is what every message on a subscription says of it.
type subscriptionMeta struct {
	Meta struct {
		ID jsontext.Value `json:"io.modelcontextprotocol/subscriptionId"`
	} `json:"_meta"`
}

// subscriptionOf returns the id of the subscription that m belongs to, "" if it does not say.
func subscriptionOf(m *jsonrpc.Message) string {
	var about subscriptionMeta
	if json.Unmarshal(m.Params, &about, unmarshalOptions) != nil {
		return ""
	}
	return string(about.Meta.ID)
}

// acknowledgement reads which part of what was asked for the server will tell.
// ok is false if m is another message.
func acknowledgement(m *jsonrpc.Message, asked Filter) (accepted Filter, ok bool) {
	if m.Method != "notifications/subscriptions/acknowledged" {
		return Filter{}, false
	}
	var params struct {
		Notifications *listenFilter `json:"notifications"`
	}
	if json.Unmarshal(m.Params, &params, unmarshalOptions) != nil || params.Notifications == nil {
		return asked, true // sloppy, but no refusal
	}
	said := params.Notifications
	return Filter{
		Tools: said.Tools, Prompts: said.Prompts, Resources: said.Resources,
		ResourceURIs: distinct(said.ResourceURIs), Tasks: distinct(said.Tasks),
	}, true
}

// endsSubscription reports whether m is the server's notice that it has ended
// the subscription: that is the only request which the stream belongs to.
func endsSubscription(m *jsonrpc.Message) bool { return m.Method == "notifications/cancelled" }
