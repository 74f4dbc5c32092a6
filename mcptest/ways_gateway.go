package mcptest

// Servers with answers of their own.
const (
	Zilla              Way = "zilla"               // 200, code -32600, id null; 400 to GET and DELETE
	Helidon            Way = "helidon"             // 404, JSON-RPC without result and error
	Neotoma            Way = "neotoma"             // 503: another instance got the request
	NeotomaFixed       Way = "neotoma-fixed"       // 404, its later answer
	OneMCP             Way = "1mcp"                // 404, code -32000
	OmniRoute          Way = "omniroute"           // 400, the same message
	UnknownID          Way = "unknown-id"          // 400, plain text
	UnknownSession     Way = "unknown-session"     // 200, code -32004
	Obsidian           Way = "obsidian"            // 400, code -32000
	ContextForge       Way = "contextforge"        // 200, code -32002
	ContextForgeDetail Way = "contextforge-detail" // 404, JSON but no JSON-RPC
)

func serverRefusals() []refusal {
	return []refusal{
		{way: Zilla, row: "S11", post: rpcAnswer(200, -32600, "Invalid Request", idNull), other: textAnswer(400, "").untyped().to()},
		{way: Helidon, row: "S1", post: jsonAnswer(404, `{"jsonrpc":"2.0","id":{id}}`)},
		{way: Neotoma, row: "S12", post: rpcAnswer(503, -32001, "Service Unavailable: MCP session is unknown on this API instance.", idNull)},
		{way: NeotomaFixed, row: "S1", post: rpcAnswer(404, -32001, "Not Found: MCP session is unknown or expired.", idNull)},
		{way: OneMCP, row: "S1", post: rpcAnswer(404, -32000, "Not Found: Unknown Mcp-Session-Id header", idNull)},
		{way: OmniRoute, row: "S5", post: rpcAnswer(400, -32000, "Bad Request: Unknown Mcp-Session-Id header", idNull)},
		{way: UnknownID, row: "S5", post: textAnswer(400, "unknown session ID")},
		{way: UnknownSession, row: "S11", post: rpcAnswer(200, -32004, "Unknown session", idEchoed)},
		{way: Obsidian, row: "S6", post: rpcAnswer(400, -32000, "Server not initialized", idNull)},
		{way: ContextForge, row: "S11", post: jsonAnswer(200, `{"jsonrpc":"2.0","id":{id},"error":{"code":-32002,"message":"Session not found","data":{"method":"tools/call"}}}`)},
		{way: ContextForgeDetail, row: "S1", post: jsonAnswer(404, `{"detail":"Session not found"}`)},
	}
}

// Gateways and hosting platforms.
const (
	Supergateway         Way = "supergateway"          // to 3.4: 400, code -32000; text to GET and DELETE
	Punkpeye             Way = "punkpeye"              // 404; its own text to GET
	PunkpeyeChallenge    Way = "punkpeye-challenge"    // to 6.7: 401 with a challenge, as for an expired token
	PunkpeyeUnauthorized Way = "punkpeye-unauthorized" // to 6.7: the same without a challenge
	Cloudflare           Way = "cloudflare"            // 404 without a content type
	ToolHive             Way = "toolhive"              // 404 without an id
	Agentgateway         Way = "agentgateway"          // 404, plain text
	AgentgatewayMissing  Way = "agentgateway-missing"  // 400: says that none was sent
	AgentgatewayInvalid  Way = "agentgateway-invalid"  // 400: a header that it cannot read
	Envoy                Way = "envoy"                 // 400, plain text: the key that sealed the id was rotated
	EnvoyMissing         Way = "envoy-missing"         // 400: says that none was sent
	Azure                Way = "azure"                 // 404, JSON-RPC without its version, id ""
)

func gatewayRefusals() []refusal {
	return []refusal{
		{way: Supergateway, row: "S5", post: rpcAnswer(400, -32000, "No valid session ID provided", idNull), other: textAnswer(400, "Invalid or missing session ID").to()},
		{way: Punkpeye, row: "S1", post: rpcAnswer(404, -32001, "Session not found", idNull), other: textAnswer(400, "No active transport").to()},
		{way: PunkpeyeChallenge, row: "S10", post: rpcAnswer(401, -32000, "Unauthorized: No valid session ID provided", idEchoed).
			with("WWW-Authenticate", `Bearer error="invalid_token", error_description="Unauthorized: No valid session ID provided"`)},
		{way: PunkpeyeUnauthorized, row: "S10", post: rpcAnswer(401, -32000, "Unauthorized: No valid session ID provided", idEchoed)},
		{way: Cloudflare, row: "S1", post: rpcAnswer(404, -32001, "Session not found", idNull).untyped()},
		{way: ToolHive, row: "S1", post: rpcAnswer(404, -32001, "Session not found", idOmitted)},
		{way: Agentgateway, row: "S1", post: textAnswer(404, "mcp: session not found")},
		{way: AgentgatewayMissing, row: "S8", post: textAnswer(400, "mcp: session header is required for non-initialize requests")},
		{way: AgentgatewayInvalid, row: "S5", post: textAnswer(400, "mcp: invalid session ID header")},
		{way: Envoy, row: "S5", post: textAnswer(400, "invalid session ID: cannot be decrypted\n")},
		{way: EnvoyMissing, row: "S8", post: textAnswer(400, "missing session ID\n")},
		{way: Azure, row: "S1", post: jsonAnswer(404, `{"error":{"code":-32001,"message":"Session not found"},"id":""}`)},
	}
}
