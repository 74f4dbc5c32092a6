package interop_test

import (
	"net/http"

	"github.com/holdfast-mcp/mcpclient"
)

// The servers without sessions. They have nothing to lose, so a kill costs the calls in flight and nothing else.

func goSDKStateless() description {
	d := ours("official Go SDK, stateless", 9000, stateless, goServer("gosdk-server", "github.com/modelcontextprotocol/go-sdk", stateless))
	d.probe = refusal{http.StatusOK, "text/event-stream", `"supportedVersions":["2026-07-28","2025-11-25",`}
	return d
}

func mcpGoStateless() description {
	d := ours("mcp-go, stateless", 10000, stateless, goServer("mcpgo-server", "github.com/mark3labs/mcp-go", stateless))
	d.probe = refusal{http.StatusOK, "application/json", `"supportedVersions":["2026-07-28","2025-11-25",`}
	d.telling.tells = []mcpclient.EventKind{mcpclient.EventToolsChanged} // it accepts subscriptions to resources, and forgets them
	return d
}

func typeScriptV2() description {
	d := ours("official TypeScript SDK v2, stateless", 11000, stateless, typeScriptServer)
	d.probe = refusal{http.StatusOK, "application/json", `"supportedVersions":["2026-07-28"]`}
	return d
}

func fastMCPStateless() description {
	d := ours("FastMCP, stateless", 12000, stateless, pythonServer("fastmcp", "fastmcp", "fastmcp", stateless))
	d.telling = telling{} // it does not know the method
	d.probe = refusal{http.StatusOK, "application/json", `"supportedVersions":["2026-07-28"]`}
	return d
}

// pythonStateless knows the handshake, but hands out no session id. So it cannot tell whom an answer of the client is for: what it
// asks, it asks in vain.
func pythonStateless() description {
	d := ours("official Python SDK, newest 1.x, stateless", 13000, stateless, pythonServer("mcp-1.30", "sdk", "mcp", stateless))
	d.version = handshake
	d.asking = nil
	d.telling = telling{}
	d.probe = refusal{http.StatusBadRequest, "application/json", `"code":-32600,"message":"Bad Request: Unsupported protocol version: 2026-07-28.`}
	return d
}
