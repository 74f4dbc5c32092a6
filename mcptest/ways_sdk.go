package mcptest

// The Python SDK and FastMCP, which uses the SDK's session manager.
const (
	PythonText          Way = "python-text"           // 1.8 to 1.25: 400, plain text without a content type
	PythonServerError   Way = "python-server-error"   // 1.26 to 1.29: 404, JSON-RPC id "server-error"
	PythonNull          Way = "python-null"           // 2.x: 404, id null
	PythonTerminated    Way = "python-terminated"     // 1.x, a session that was ended
	PythonTerminated2   Way = "python-2-terminated"   // 2.x, a session that was ended
	PythonMismatch      Way = "python-mismatch"       // the id belongs to another transport
	PythonMissing       Way = "python-missing"        // 1.x, says that none was sent, and offers a throw-away session id
	PythonMissing2      Way = "python-2-missing"      // 2.x, the same
	PythonUninitialized Way = "python-uninitialized"  // 200, a session that was never initialized; see Ways
	PythonSSE           Way = "python-sse"            // the session router of the older transport
	PythonSSEInvalid    Way = "python-sse-invalid-id" // the same, for an id that is no UUID
)

func pythonRefusals() []refusal {
	return []refusal{
		{way: PythonText, row: "S5", post: textAnswer(400, "Bad Request: No valid session ID provided").untyped()},
		{way: PythonServerError, row: "S1", post: rpcAnswer(404, -32600, "Session not found", idServerError)},
		{way: PythonNull, row: "S1", post: rpcAnswer(404, -32600, "Session not found", idNull)},
		{way: PythonTerminated, row: "S1", post: rpcAnswer(404, -32600, "Not Found: Session has been terminated", idServerError)},
		{way: PythonTerminated2, row: "S1", post: rpcAnswer(404, -32600, "Not Found: Session has been terminated", idNull)},
		{way: PythonMismatch, row: "S1", post: rpcAnswer(404, -32600, "Not Found: Invalid or expired session ID", idServerError)},
		{way: PythonMissing, row: "S8", post: rpcAnswer(400, -32600, "Bad Request: Missing session ID", idServerError).
			with(headerSession, "throw-away-{session}")},
		{way: PythonMissing2, row: "S8", post: rpcAnswer(400, -32600, "Bad Request: Missing session ID", idNull).
			with(headerSession, "throw-away-{session}")},
		{way: PythonUninitialized, row: "S11", post: jsonAnswer(200, `{"jsonrpc":"2.0","id":{id},"error":{"code":-32602,"message":"Invalid request parameters","data":""}}`)},
		{way: PythonSSE, row: "S1", post: textAnswer(404, "Could not find session")},
		{way: PythonSSEInvalid, row: "S5", post: textAnswer(400, "Invalid session ID").untyped()},
	}
}

// The TypeScript SDK, and the router of its examples that is copied everywhere.
const (
	TypeScript                  Way = "typescript"                    // 404, id null: the transport
	TypeScriptNotInitialized    Way = "typescript-not-initialized"    // 400: a server of one session was restarted
	TypeScriptMissing           Way = "typescript-missing"            // 400: says that none was sent
	TypeScriptExample           Way = "typescript-example"            // 400: the example router; text to GET and DELETE
	TypeScriptExampleShort      Way = "typescript-example-short"      // 400: a variant
	TypeScriptExampleInitialize Way = "typescript-example-initialize" // 400: a variant
	TypeScriptExampleRequest    Way = "typescript-example-request"    // 400: a variant
	TypeScriptEverything        Way = "typescript-everything"         // 400: server-everything, the id of the request echoed
	TypeScriptExampleText       Way = "typescript-example-text"       // 400: its text for GET and DELETE, given to POST
)

func typeScriptRefusals() []refusal {
	exampleText := cannedAnswer{status: 400, contentType: "text/html; charset=utf-8", body: "Invalid or missing session ID"}
	return []refusal{
		{way: TypeScript, row: "S1", post: rpcAnswer(404, -32001, "Session not found", idNull)},
		{way: TypeScriptNotInitialized, row: "S6", post: rpcAnswer(400, -32000, "Bad Request: Server not initialized", idNull)},
		{way: TypeScriptMissing, row: "S8", post: rpcAnswer(400, -32000, "Bad Request: Mcp-Session-Id header is required", idNull)},
		{way: TypeScriptExample, row: "S5", post: rpcAnswer(400, -32000, "Bad Request: No valid session ID provided", idNull), other: exampleText.to()},
		{way: TypeScriptExampleShort, row: "S5", post: rpcAnswer(400, -32000, "Bad Request: No valid session ID", idNull)},
		{way: TypeScriptExampleInitialize, row: "S5", post: rpcAnswer(400, -32000, "Bad Request: No valid session ID or not an initialize request", idNull)},
		{way: TypeScriptExampleRequest, row: "S5", post: rpcAnswer(400, -32000, "Bad Request: No valid session ID provided for non-initialize request", idNull)},
		{way: TypeScriptEverything, row: "S5", post: rpcAnswer(400, -32000, "Bad Request: No valid session ID provided", idEchoed), other: exampleText.to()},
		{way: TypeScriptExampleText, row: "S5", post: exampleText},
	}
}

// The official Go SDK, mcp-go and trpc-mcp-go.
const (
	GoSDK           Way = "go-sdk"             // 1.x: 404, plain text
	GoSDKClosing    Way = "go-sdk-closing"     // 1.x: 404, a session that is just being closed
	GoSDKTerminated Way = "go-sdk-terminated"  // 0.2: 410
	GoSDKGone       Way = "go-sdk-gone"        // 0.3: 410
	GoSDKStream     Way = "go-sdk-stream"      // 0.3: 410, of a stream
	GoSDKNewSession Way = "go-sdk-new-session" // 200, code 0: a fresh session got the request

	MCPGo           Way = "mcp-go"            // from 0.44: 404, plain text
	MCPGoOld        Way = "mcp-go-old"        // to 0.43: 400, plain text
	MCPGoTerminated Way = "mcp-go-terminated" // 404, a session that was ended
	MCPGoRPC        Way = "mcp-go-rpc"        // 400, JSON-RPC

	TRPC         Way = "trpc-mcp-go"           // 404, plain text
	TRPCNotFound Way = "trpc-mcp-go-not-found" // 404, plain text
)

func goRefusals() []refusal {
	return []refusal{
		{way: GoSDK, row: "S1", post: textAnswer(404, "session not found\n")},
		{way: GoSDKClosing, row: "S1", post: textAnswer(404, "session is closing\n")},
		{way: GoSDKTerminated, row: "S4", post: textAnswer(410, "session terminated\n")},
		{way: GoSDKGone, row: "S4", post: textAnswer(410, "Gone\n")},
		{way: GoSDKStream, row: "S4", post: textAnswer(410, "stream terminated\n")},
		{way: GoSDKNewSession, row: "S11", post: rpcAnswer(200, 0, `method "tools/call" is invalid during session initialization`, idEchoed)},
		{way: MCPGo, row: "S1", post: textAnswer(404, "Invalid session ID\n")},
		{way: MCPGoOld, row: "S5", post: textAnswer(400, "Invalid session ID\n")},
		{way: MCPGoTerminated, row: "S1", post: textAnswer(404, "Session terminated\n")},
		{way: MCPGoRPC, row: "S5", post: rpcAnswer(400, -32602, "Invalid session ID", idNull)},
		{way: TRPC, row: "S1", post: textAnswer(404, "Session not found or expired\n")},
		{way: TRPCNotFound, row: "S1", post: textAnswer(404, "Session not found\n")},
	}
}

// The SDKs of other languages.
const (
	CSharp           Way = "csharp"             // 2.x: 404, the id of the request echoed
	CSharpEmptyID    Way = "csharp-empty-id"    // 1.x: 404, id ""
	CSharpNewSession Way = "csharp-new-session" // 400: only initialize may come without a session
	CSharpStateless  Way = "csharp-stateless"   // 400: the server was redeployed without sessions
	CSharpSSE        Way = "csharp-sse"         // 400, plain text

	RMCP           Way = "rmcp"             // from 0.17: 404, plain text
	RMCPMissing    Way = "rmcp-missing"     // 400: says that none was sent
	RMCPOld        Way = "rmcp-old"         // to 0.16: 401 without a challenge
	RMCPOldMissing Way = "rmcp-old-missing" // to 0.16: 401, says that none was sent

	Java          Way = "java"           // 404, a serialized exception; HTML to GET and DELETE
	JavaMissing   Way = "java-missing"   // 400: says that none was sent
	Spring        Way = "spring"         // 404, a serialized exception; empty to GET and DELETE
	SpringEmpty   Way = "spring-empty"   // 404, empty
	SpringMissing Way = "spring-missing" // 400: says that none was sent

	Kotlin          Way = "kotlin"           // 404, code -32000
	KotlinTransport Way = "kotlin-transport" // 404, code -32001
	KotlinSample    Way = "kotlin-sample"    // 404, plain text

	Ruby        Way = "ruby"         // 404, code -32600
	RubyMissing Way = "ruby-missing" // 400: says that none was sent
	PHP         Way = "php"          // 404, code -32600
	PHPMissing  Way = "php-missing"  // 400: says that none was sent

	Swift               Way = "swift"                 // 404, code -32600
	SwiftTerminated     Way = "swift-terminated"      // 404, a session that was ended
	SwiftSample         Way = "swift-sample"          // 404, the conformance sample
	SwiftNotInitialized Way = "swift-not-initialized" // 400
	SwiftMissing        Way = "swift-missing"         // 400: says that none was sent

	Tower        Way = "tower-mcp"         // 200, code -32005
	TowerMissing Way = "tower-mcp-missing" // 200, code -32006: says that none was sent
	Anubis       Way = "anubis"            // 200, code -32002
)

func otherSDKRefusals() []refusal {
	// The exception object of the Java SDK, which its servers write in place of JSON-RPC.
	exception := func(status int, text string) cannedAnswer {
		return jsonAnswer(status, `{"cause":null,"stackTrace":[],"jsonRpcError":{"code":-32603,"message":"`+text+`","data":null},"message":"`+text+
			`","localizedMessage":"`+text+`","suppressed":[]}`)
	}
	containerHTML := cannedAnswer{status: 404, contentType: "text/html;charset=utf-8", body: "<!doctype html><html><head><title>HTTP Status 404</title></head><body><h1>HTTP Status 404</h1></body></html>"}
	return []refusal{
		{way: CSharp, row: "S1", post: rpcAnswer(404, -32001, "Session not found", idEchoed)},
		{way: CSharpEmptyID, row: "S1", post: rpcAnswer(404, -32001, "Session not found", idEmpty)},
		{way: CSharpNewSession, row: "S8", post: rpcAnswer(400, -32000, "Bad Request: A new session can only be created by an initialize request.", idEchoed)},
		{way: CSharpStateless, row: "S7", post: rpcAnswer(400, -32000, "Bad Request: The Mcp-Session-Id header is not supported in stateless mode", idEchoed)},
		{way: CSharpSSE, row: "S5", post: textAnswer(400, "Session ID not found.")},
		{way: RMCP, row: "S1", post: textAnswer(404, "Not Found: Session not found")},
		{way: RMCPMissing, row: "S8", post: textAnswer(400, "Bad Request: Session ID is required")},
		{way: RMCPOld, row: "S9", post: textAnswer(401, "Unauthorized: Session not found")},
		{way: RMCPOldMissing, row: "S9", post: textAnswer(401, "Unauthorized: Session ID is required")},
		{way: Java, row: "S1", post: exception(404, "Session not found: {session}"), other: containerHTML.to()},
		{way: JavaMissing, row: "S8", post: exception(400, "Session ID required in mcp-session-id header")},
		{way: Spring, row: "S1", post: exception(404, "Session not found: {session}"), other: textAnswer(404, "").untyped().to()},
		{way: SpringEmpty, row: "S1", post: textAnswer(404, "").untyped()},
		{way: SpringMissing, row: "S8", post: textAnswer(400, "Session ID missing")},
		{way: Kotlin, row: "S1", post: rpcAnswer(404, -32000, "Session not found", idNull)},
		{way: KotlinTransport, row: "S1", post: rpcAnswer(404, -32001, "Session not found", idOmitted)},
		{way: KotlinSample, row: "S1", post: textAnswer(404, "Session not found")},
		{way: Ruby, row: "S1", post: rpcAnswer(404, -32600, "Session not found", idNull)},
		{way: RubyMissing, row: "S8", post: rpcAnswer(400, -32600, "Missing session ID", idNull)},
		{way: PHP, row: "S1", post: rpcAnswer(404, -32600, "Session not found or has expired.", idEmpty)},
		{way: PHPMissing, row: "S8", post: rpcAnswer(400, -32600, "A valid session id is REQUIRED for non-initialize requests.", idEmpty)},
		{way: Swift, row: "S1", post: rpcAnswer(404, -32600, "Not Found: Invalid or expired session ID", idNull)},
		{way: SwiftTerminated, row: "S1", post: rpcAnswer(404, -32600, "Not Found: Session has been terminated", idNull)},
		{way: SwiftSample, row: "S1", post: rpcAnswer(404, -32600, "Not Found: Session not found or expired", idNull)},
		{way: SwiftNotInitialized, row: "S6", post: rpcAnswer(400, -32600, "Bad Request: Session not initialized", idNull)},
		{way: SwiftMissing, row: "S8", post: rpcAnswer(400, -32600, "Bad Request: Missing MCP-Session-Id header", idNull)},
		{way: Tower, row: "S11", post: rpcAnswer(200, -32005, "Session '{session}' not found or expired. Please re-initialize the connection.", idNull)},
		{way: TowerMissing, row: "S11", post: rpcAnswer(200, -32006, "MCP-Session-Id header is required for this request.", idNull)},
		{way: Anubis, row: "S11", post: rpcAnswer(200, -32002, "Server not initialized", idEchoed)},
	}
}
