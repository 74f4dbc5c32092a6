package interop_test

import "github.com/holdfast-mcp/mcpclient/interop/wirecheck"

// A description tells the scenario how one server is started and what it serves under which names. All serve our own small set but
// server-everything, which brings its own.
type description struct {
	name      string // in the table
	ports     int    // the first of the thousand ports that belong to this server's test
	transport transport
	endpoint  string // path
	locate    func(installation) (installed, error)
	pin       string // the version that the client is bound to; "": the newest that both speak
	version   string // that they come to speak
	known     []wirecheck.Known

	probe    refusal // the answer to server/discover; body is a part of it
	messages string  // of HTTP+SSE: path and query of a session's messages, up to its id
	unknown  refusal // the answer to a tools/list with a session id that it does not know; unused without sessions
	deleted  refusal // the same with the id of a session that has ended

	echo, structured, slow toolCall
	progress               int // notifications that slow sends
	count                  func(nonce string, seconds float64) toolCall
	resource, template     text // read by URI
	templateVariable       completion
	prompt                 promptCall
	promptArgument         completion
	asking                 []toolCall // tools that ask the client first; want is a part of the text
	logs                   toolCall   // logs a line on its own stream, of which want is a part; no tool: none does
	telling                telling
}

// A transport is how a server serves. It is also what our servers are told as their argument.
type transport string

const (
	withSessions transport = "sessions"  // Streamable HTTP with session ids
	stateless    transport = "stateless" // Streamable HTTP without
	httpSSE      transport = "sse"       // the two endpoints of 2024-11-05, in whatever version
)

// modern tells whether client and server speak the version that has no handshake.
func (d description) modern() bool { return d.version == newest }

const (
	newest    = "2026-07-28"
	handshake = "2025-11-25" // the newest version that has one
)

// A refusal is an answer as it stands on the wire. The scenario checks it first, so that a loss is known to be told in these words.
// Without a status there is no answer at all.
type refusal struct {
	status      int
	contentType string
	body        string
}

type toolCall struct {
	tool string
	args map[string]any
	want string // for echo and slow the text; for structured the JSON
}

type text struct{ uri, want string }

type promptCall struct {
	name string
	args map[string]string
	want string
}

type completion struct {
	of, argument, typed string
	want                []string
}

// ours describes a server that serves the small set that cmd/, python/ and typescript/ have in common.
func ours(name string, ports int, serves transport, locate func(installation) (installed, error)) description {
	names := []string{"Ada", "Alan"}
	return description{
		name: name, ports: ports, transport: serves, locate: locate,
		endpoint:   map[transport]string{withSessions: "/mcp", stateless: "/mcp", httpSSE: "/sse"}[serves],
		version:    map[transport]string{withSessions: handshake, stateless: newest, httpSSE: handshake}[serves],
		echo:       toolCall{"echo", map[string]any{"text": "hold fast ⚓"}, "hold fast ⚓"},
		structured: toolCall{"add", map[string]any{"a": 2, "b": 40.5}, `{"sum":42.5}`},
		slow:       toolCall{"slow", map[string]any{"seconds": 0.3, "steps": 3}, "done"},
		progress:   3,
		count: func(nonce string, seconds float64) toolCall {
			return toolCall{"count", map[string]any{"nonce": nonce, "seconds": seconds}, nonce}
		},
		resource:         text{"interop://motto", "hold fast"},
		template:         text{"interop://greeting/Ada", "hello, Ada"},
		templateVariable: completion{"interop://greeting/{name}", "name", "A", names},
		prompt:           promptCall{"greet", map[string]string{"name": "Ada"}, "Please greet Ada."},
		promptArgument:   completion{"greet", "name", "A", names},
		asking: []toolCall{
			{"ask", nil, "accept Ada"},
			{"sample", nil, "hold fast"},
			{"roots", nil, "file:///interop"},
		},
		logs:    toolCall{"log", nil, "noted"},
		telling: ourTelling(serves),
	}
}
