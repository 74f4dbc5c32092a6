package interop_test

import (
	"net/http"
)

// A description tells the scenario how one server is started and what it serves under which names. Five of the six serve our own
// small set; server-everything brings its own.
type description struct {
	name     string // in the table
	ports    int    // the first of the thousand ports that belong to this server's test
	endpoint string // path
	locate   func(installation) (installed, error)

	unknown refusal // the answer to a tools/list with a session id that it does not know
	deleted refusal // the same with the id of a session that a DELETE ended

	echo, structured, slow toolCall
	progress               int // notifications that slow sends on its own stream; 0: none reach a client without a standalone stream
	count                  func(nonce string, seconds float64) toolCall
	resource, template     text // read by URI
	templateVariable       completion
	prompt                 promptCall
	promptArgument         completion
}

// A refusal is an answer as it stands on the wire. The scenario checks it first, so that a loss is known to be told in these words.
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

// ours describes a server that serves the small set that cmd/ and python/ have in common.
func ours(name string, ports int, locate func(installation) (installed, error)) description {
	names := []string{"Ada", "Alan"}
	return description{
		name: name, ports: ports, endpoint: "/mcp", locate: locate,
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
	}
}

func goSDK() description {
	d := ours("official Go SDK", 20000, goServer("gosdk-server", "github.com/modelcontextprotocol/go-sdk"))
	d.unknown = refusal{http.StatusNotFound, "text/plain; charset=utf-8", "session not found\n"}
	d.deleted = d.unknown
	return d
}

func mcpGo() description {
	d := ours("mcp-go", 21000, goServer("mcpgo-server", "github.com/mark3labs/mcp-go"))
	d.unknown = refusal{http.StatusNotFound, "text/plain; charset=utf-8", "Invalid session ID\n"}
	d.deleted = refusal{http.StatusNotFound, "text/plain; charset=utf-8", "Session terminated\n"}
	return d
}

func pythonBefore126() description {
	d := ours("official Python SDK before 1.26", 22000, pythonServer("mcp-1.25", "sdk", "mcp"))
	d.unknown = refusal{http.StatusBadRequest, "", "Bad Request: No valid session ID provided"}
	d.deleted = refusal{http.StatusNotFound, "application/json",
		`{"jsonrpc":"2.0","id":"server-error","error":{"code":-32600,"message":"Not Found: Session has been terminated"}}`}
	d.progress = 0 // this generation sends a tool's progress on the standalone stream, whoever called
	return d
}

func pythonNewest() description {
	d := ours("official Python SDK, newest 1.x", 23000, pythonServer("mcp-1.30", "sdk", "mcp"))
	d.unknown = refusal{http.StatusNotFound, "application/json",
		`{"jsonrpc":"2.0","id":"server-error","error":{"code":-32600,"message":"Session not found"}}`}
	d.deleted = d.unknown
	return d
}

func fastMCP() description {
	d := ours("FastMCP", 24000, pythonServer("fastmcp", "fastmcp", "fastmcp"))
	d.endpoint = "/mcp/" // answered with a 307 to /mcp: the address that older FastMCP printed, and that configurations still carry
	d.unknown = refusal{http.StatusNotFound, "application/json",
		`{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Session not found"}}`}
	d.deleted = d.unknown
	return d
}

func everything() description {
	lost := refusal{http.StatusBadRequest, "application/json; charset=utf-8",
		`{"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request: No valid session ID provided"}}`}
	return description{
		name: "server-everything (TypeScript SDK)", ports: 25000, endpoint: "/mcp", locate: everythingServer,
		unknown: lost, deleted: lost,
		echo: toolCall{"echo", map[string]any{"message": "hold fast ⚓"}, "Echo: hold fast ⚓"},
		structured: toolCall{"get-structured-content", map[string]any{"location": "New York"},
			`{"temperature":33,"conditions":"Cloudy","humidity":82}`},
		slow: toolCall{"trigger-long-running-operation", map[string]any{"duration": 0.3, "steps": 3},
			"Long running operation completed. Duration: 0.3 seconds, Steps: 3."},
		progress: 3,
		// The server drops arguments that it does not know; its preload writes the nonce to the ledger.
		count: func(nonce string, seconds float64) toolCall {
			if seconds == 0 {
				return toolCall{"echo", map[string]any{"nonce": nonce, "message": nonce}, "Echo: " + nonce}
			}
			return toolCall{"trigger-long-running-operation", map[string]any{"nonce": nonce, "duration": seconds, "steps": 1}, ""}
		},
		resource:         text{"demo://resource/static/document/features.md", "# Everything Server"},
		template:         text{"demo://resource/dynamic/text/7", "Resource 7: This is a plaintext resource created at"},
		templateVariable: completion{"demo://resource/dynamic/text/{resourceId}", "resourceId", "7", []string{"7"}},
		prompt:           promptCall{"args-prompt", map[string]string{"city": "Rome"}, "What's weather in Rome?"},
		promptArgument:   completion{"completable-prompt", "department", "S", []string{"Sales", "Support"}},
	}
}
