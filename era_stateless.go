package mcpclient

import (
	"context"
	"iter"
	"maps"
	"net/http"
	"net/url"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

// statelessVersions are the protocol versions without a handshake, the newest first.
//
//nolint:gochecknoglobals // read-only
var statelessVersions = []string{"2026-07-28"}

const (
	statelessEraName = "stateless"
	discoverMethod   = "server/discover"
	listenMethod     = "subscriptions/listen"
	methodHeader     = "Mcp-Method"
	nameHeader       = "Mcp-Name"

	metaVersion      = "io.modelcontextprotocol/protocolVersion"
	metaClientInfo   = "io.modelcontextprotocol/clientInfo"
	metaCapabilities = "io.modelcontextprotocol/clientCapabilities"
	metaLogLevel     = "io.modelcontextprotocol/logLevel"
	metaServerInfo   = "io.modelcontextprotocol/serverInfo"
)

// statelessEra speaks 2026-07-28 over Streamable HTTP: no handshake and no
// session. Every request says for itself which version it is in, who asks, and
// what the client can do. A binding is what server/discover told.
type statelessEra struct{ core *core }

func (e *statelessEra) name() string { return statelessEraName }

func (e *statelessEra) traits() traits {
	return traits{emptyCursors: true, headerParams: true, cacheHints: true, tasks: tasksFlat}
}

// send performs one exchange. What the era has no message for is answered here.
func (e *statelessEra) send(ctx context.Context, b *binding, c *call) (*reply, error) {
	if r := e.unsent(c); r != nil {
		return r, nil
	}
	params, err := e.stamp(b, c)
	if err != nil {
		return nil, fail(err, DeliveryNotSent)
	}
	header, err := e.header(b, c)
	if err != nil {
		return nil, fail(err, DeliveryNotSent)
	}
	r, err := e.core.post(ctx, b, c, header, c.encode(wireMethod(c.method), params))
	if err != nil {
		return nil, err
	}
	return c.replyOf(b, r, e.core.messages(ctx, b, c, r, false)), nil
}

// unsent answers calls that this era has no message for: the log level travels
// with every request, and nobody is told of changed roots.
func (e *statelessEra) unsent(c *call) *reply {
	switch c.method {
	case "logging/setLevel":
		return &reply{messages: oneMessage(&jsonrpc.Message{ID: jsonrpc.NumberID(c.id), Result: jsontext.Value("{}")})}
	case "notifications/roots/list_changed":
		return &reply{}
	default:
		return nil
	}
}

func oneMessage(m *jsonrpc.Message) iter.Seq2[*jsonrpc.Message, error] {
	return func(yield func(*jsonrpc.Message, error) bool) { yield(m, nil) }
}

// wireMethod: a sign of life is what every server of this era has to give.
func wireMethod(method string) string {
	if method == "ping" {
		return discoverMethod
	}
	return method
}

// header returns what mirrors the message for those who route by headers
// (2026-07-28, transports, "Standard Headers" and "Custom Headers").
func (e *statelessEra) header(b *binding, c *call) (http.Header, error) {
	header := maps.Clone(b.header)
	maps.Copy(header, c.header)
	header[methodHeader] = []string{wireMethod(c.method)}
	switch c.method {
	case callToolMethod, "prompts/get", "resources/read", "tasks/get", "tasks/update", "tasks/cancel":
		about := &subject{Name: c.target, URI: c.target, TaskID: c.target}
		if c.target == "" || c.method == callToolMethod && e.core.toolHeaders.has(c.target) {
			if err := about.read(c.plain); err != nil {
				return nil, err
			}
		}
		header[nameHeader] = []string{headerValue(about.name(c.method))}
		if c.method != callToolMethod {
			break
		}
		own, err := e.core.toolHeaders.forCall(about.Name, about.Arguments)
		if err != nil {
			return nil, err
		}
		maps.Copy(header, own)
	}
	return header, nil
}

// subject is what a call is about. It is read from the params where the call
// does not tell, since it came by Session.Request, or where arguments are to be mirrored.
type subject struct {
	Name      string         `json:"name"`
	URI       string         `json:"uri"`
	TaskID    string         `json:"taskId"`
	Arguments jsontext.Value `json:"arguments"`
}

func (s *subject) read(params jsontext.Value) error {
	if params == nil {
		return nil
	}
	return decode(params, s)
}

func (s *subject) name(method string) string {
	switch method {
	case callToolMethod, "prompts/get":
		return s.Name
	case "resources/read":
		return s.URI
	default:
		return s.TaskID
	}
}

// judge: there is no session to lose, but the assumption about the server may
// turn out wrong. Then the binding is lost, and the eras are tried anew.
func (e *statelessEra) judge(_ *binding, _ *call, a *answer) verdict {
	v := verdict{session: VerdictAlive}
	v.delivery, v.err = a.ordinary()
	row := ""
	switch {
	case a.isModern():
		v.delivery = DeliveryRefused // all three are said before the request is looked at
		if a.rpc.Code == codeUnsupportedVersion && !offersStateless(offeredVersions(a.rpc)) {
			row, v.session = "E2", VerdictLost
		}
	case a.looksLegacy():
		row, v.session = "E3", VerdictVerify
	}
	if v.session != VerdictAlive {
		v.lost = e.core.lostBy(a, row, v.err)
		v.lost.final = false // nothing of the application's is lost
	}
	return v
}

// looksLegacy reports whether a server of an older era, put in the place of a
// stateless one, could answer so. The answers to unknown methods and bad params
// are the stateless era's own.
func (a *answer) looksLegacy() bool {
	switch a.status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone, http.StatusNotAcceptable, http.StatusUnsupportedMediaType:
		return a.rpc == nil || a.rpc.Code != codeMethodNotFound && a.rpc.Code != codeInvalidParams
	default:
		return false
	}
}

// probe: no other era has this method.
func (e *statelessEra) probe(*binding) string { return discoverMethod }

// abandon has nothing to send: closing the response says it.
func (e *statelessEra) abandon(*binding, *call) {}

// post drops the message: servers of this era send no requests, and clients no
// answers.
func (e *statelessEra) post(context.Context, *binding, []byte) error { return nil }

// adopt rebuilds the binding that another process had.
func (e *statelessEra) adopt(state SessionState, at *url.URL) (*binding, error) {
	if !offersStateless([]string{state.Version}) {
		return nil, &VersionError{Wanted: statelessVersions, Offered: []string{state.Version}}
	}
	b := e.bind(at, 1, state.Version)
	if state.Server != nil {
		b.server = state.Server
	}
	return b, nil
}

// close has nothing to end.
func (e *statelessEra) close(context.Context, *binding) error { return nil }
