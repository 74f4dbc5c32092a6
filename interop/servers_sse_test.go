package interop_test

import "net/http"

// The servers with two endpoints, as of 2024-11-05. All agree on a newer version over it. The end of the stream is the end of the
// session; a message for a session that has ended is refused, each in its own way, or not answered at all.

func goSDKSSE() description {
	d := ours("official Go SDK", 14000, httpSSE, goServer("gosdk-server", "github.com/modelcontextprotocol/go-sdk", httpSSE))
	d.probe = refusal{http.StatusBadRequest, "text/plain; charset=utf-8", "sessionid must be provided\n"}
	d.messages = "/sse?sessionid="
	d.unknown = refusal{http.StatusNotFound, "text/plain; charset=utf-8", "session not found\n"}
	return d
}

func mcpGoSSE() description {
	d := ours("mcp-go", 15000, httpSSE, goServer("mcpgo-server", "github.com/mark3labs/mcp-go", httpSSE))
	d.asking = nil // over this transport it cannot
	d.probe = refusal{http.StatusMethodNotAllowed, "text/plain; charset=utf-8", "Method not allowed\n"}
	d.messages = "/message?sessionId="
	d.unknown = refusal{http.StatusBadRequest, "application/json",
		`{"jsonrpc":"2.0","id":null,"error":{"code":-32602,"message":"Invalid session ID"}}` + "\n"}
	return d
}

func pythonSSE() description {
	d := ours("official Python SDK, newest 1.x", 16000, httpSSE, pythonServer("mcp-1.30", "sdk", "mcp", httpSSE))
	d.telling = telling{} // it declares none of what it tells
	d.probe = refusal{http.StatusMethodNotAllowed, "text/plain; charset=utf-8", "Method Not Allowed"}
	d.messages = "/messages/?session_id="
	d.unknown = refusal{http.StatusNotFound, "", "Could not find session"}
	return d
}

func fastMCPSSE() description {
	d := ours("FastMCP", 17000, httpSSE, pythonServer("fastmcp", "fastmcp", "fastmcp", httpSSE))
	d.telling.accepted.ResourceURIs = nil // as with sessions
	d.probe = refusal{http.StatusMethodNotAllowed, "text/plain; charset=utf-8", "Method Not Allowed"}
	d.messages = "/messages/?session_id="
	d.unknown = refusal{http.StatusNotFound, "", "Could not find session"}
	return d
}

func everythingSSE() description {
	d := everythingSet("server-everything (TypeScript SDK)", 18000, httpSSE, "sse")
	d.endpoint = "/sse"
	d.probe = refusal{http.StatusNotFound, "text/html; charset=utf-8", "Cannot POST /sse"}
	d.messages = "/message?sessionId="
	d.unknown = refusal{} // it takes the message and never answers
	return d
}
