package interop_test

import (
	"net/http"

	"github.com/holdfast-mcp/mcpclient"
)

// The servers with sessions. What they answer to the probe tells the client to shake hands: some of them know the newest version and
// say that they do not serve it with sessions.

func goSDK() description {
	d := ours("official Go SDK", 20000, withSessions, goServer("gosdk-server", "github.com/modelcontextprotocol/go-sdk", withSessions))
	d.probe = refusal{http.StatusOK, "text/event-stream", `"supportedVersions":["2025-11-25","2025-06-18","2025-03-26","2024-11-05"]`}
	d.unknown = refusal{http.StatusNotFound, "text/plain; charset=utf-8", "session not found\n"}
	d.deleted = d.unknown
	return d
}

func mcpGo() description {
	d := ours("mcp-go", 21000, withSessions, goServer("mcpgo-server", "github.com/mark3labs/mcp-go", withSessions))
	d.probe = refusal{http.StatusBadRequest, "application/json", `"code":-32022,"message":"unsupported protocol version: \"2026-07-28\"`}
	d.unknown = refusal{http.StatusNotFound, "text/plain; charset=utf-8", "Invalid session ID\n"}
	d.deleted = refusal{http.StatusNotFound, "text/plain; charset=utf-8", "Session terminated\n"}
	d.logs = toolCall{} // it sends lines on the standalone stream, if the client has opened one
	return d
}

func pythonBefore126() description {
	d := ours("official Python SDK before 1.26", 22000, withSessions, pythonServer("mcp-1.25", "sdk", "mcp", withSessions))
	d.probe = missingSessionID
	d.telling = telling{} // it declares none of what it tells
	d.unknown = refusal{http.StatusBadRequest, "", "Bad Request: No valid session ID provided"}
	d.deleted = refusal{http.StatusNotFound, "application/json",
		`{"jsonrpc":"2.0","id":"server-error","error":{"code":-32600,"message":"Not Found: Session has been terminated"}}`}
	return d
}

func pythonNewest() description {
	d := ours("official Python SDK, newest 1.x", 23000, withSessions, pythonServer("mcp-1.30", "sdk", "mcp", withSessions))
	d.probe = missingSessionID
	d.telling = telling{}
	d.unknown = refusal{http.StatusNotFound, "application/json",
		`{"jsonrpc":"2.0","id":"server-error","error":{"code":-32600,"message":"Session not found"}}`}
	d.deleted = d.unknown
	return d
}

// missingSessionID is how the Python SDK takes the probe, with the id of a session in its header that it has opened for nothing.
var missingSessionID = refusal{http.StatusBadRequest, "application/json",
	`{"jsonrpc":"2.0","id":"server-error","error":{"code":-32600,"message":"Bad Request: Missing session ID"}}`}

// fastMCP serves every era at one address. Its sessions are for clients that are bound to a version with a handshake.
func fastMCP() description {
	d := ours("FastMCP", 24000, withSessions, pythonServer("fastmcp", "fastmcp", "fastmcp", withSessions))
	d.pin = handshake
	d.endpoint = "/mcp/" // answered with a 307 to /mcp: the address that older FastMCP printed, and that configurations still carry
	d.probe = refusal{http.StatusOK, "application/json", `"supportedVersions":["2026-07-28"]`}
	d.unknown = refusal{http.StatusNotFound, "application/json",
		`{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Session not found"}}`}
	d.deleted = d.unknown
	d.telling.accepted.ResourceURIs = nil // it declares no subscriptions, and tells all sessions of every resource
	return d
}

func everything() description {
	d := everythingSet("server-everything (TypeScript SDK)", 25000, withSessions, "streamableHttp")
	d.endpoint = "/mcp"
	d.probe = refusal{http.StatusBadRequest, "application/json",
		`{"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request: Server not initialized"},"id":null}`}
	d.unknown = refusal{http.StatusBadRequest, "application/json; charset=utf-8",
		`{"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request: No valid session ID provided"}}`}
	d.deleted = d.unknown
	return d
}

// everythingSet describes server-everything's own set.
func everythingSet(name string, ports int, serves transport, mode string) description {
	return description{
		name: name, ports: ports, transport: serves, version: handshake, locate: everythingServer(mode),
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
		asking: []toolCall{
			{"trigger-elicitation-request", nil, "- Name: Ada"},
			{"trigger-sampling-request", map[string]any{"prompt": "Say something.", "maxTokens": 10}, "hold fast"},
			{"get-roots-list", nil, "file:///interop"},
		},
		telling: telling{
			accepted: mcpclient.Filter{
				Tools: true, ResourceURIs: []string{"demo://resource/static/document/features.md"}, Logs: "debug",
			},
			changes: []toolCall{{"toggle-simulated-logging", nil, ""}, {"toggle-subscriber-updates", nil, ""}},
			tells:   []mcpclient.EventKind{mcpclient.EventResourceUpdated, mcpclient.EventLog}, // its tools do not change
		},
	}
}
