// Package mcptest is an MCP server for tests: real HTTP in the test's own
// process, tools in a line or two, and every misbehaviour of deployed servers
// on demand. It speaks every version of the protocol to any client: those with
// sessions, 2024-11-05 to 2025-11-25, over Streamable HTTP or, with [HTTPSSE],
// over the transport of two endpoints that came before it; and with [Stateless]
// the one without, 2026-07-28, or both with [DualEra].
//
//	srv := mcptest.New(t)
//	session, err := mcpclient.Connect(t.Context(), srv.URL())
//
// New(t) is useful at once: it has the tools echo and add, and it is closed
// with the test. [Server.AddTool], [Server.AddResource], [Server.AddPrompt]
// and [Server.Complete] give it more. [Start] is for programs.
//
// # Losing the session
//
// [Server.ForgetSessions] makes every session unknown, as a restart or an idle
// timeout does, and [ForgetEvery] does so again and again. What the client
// hears then differs between servers, and [RefusalWay] chooses among the
// answers of all that are known; [Ways] lists them. [Server.Restart] also cuts
// the connections and ends what is being executed.
//
// # Without sessions
//
// A [Stateless] server holds each request to the rules of 2026-07-28: what
// _meta and the header have to say, and that they say the same. Tools, prompts
// and resources are added as ever, and their handlers need not know the
// version: [Ask] and [AskAll] send a request to a client that has a session,
// and ask one without for another round. [Server.AddTool] and the like are
// announced to those who listen, whether by subscriptions/listen or on a
// standalone stream; [Server.Listening] counts them, [Server.EndListens] and
// [Server.DropListens] end them. A tool whose Execution allows it runs as a
// task in the manner of each version. [CacheHints], [EmptyCursor] and
// [TaskHints] set what only some versions know.
//
// [Server.Redeploy] is a restart with other options, under the same URL: how
// an endpoint changes its era under its clients' hands.
//
// # Faults
//
// A [Fault] is what goes wrong with one request. [Server.Next] queues faults,
// each for the next request that it matches; [Server.Always] keeps one
// standing. [Fault.On], [Fault.OnHTTP] and [Fault.When] aim it, [Fault.Times]
// repeats it, [Combine] makes one of several:
//
//	srv.Next(mcptest.DropAfter().On("tools/call"))
//	srv.Next(mcptest.Status(503, http.Header{"Retry-After": {"1"}}, "busy").Times(2))
//	srv.Always(mcptest.Slow(time.Second).OnHTTP("DELETE"))
//
// Some faults answer in the server's place, so nothing is executed: [Refuse],
// [Status], [Respond], [Redirect], [HTML], [EmptyOK], [Accepted],
// [DropBefore], [Hang], [EndlessBody] and its like, and with a JSON-RPC answer
// [ErrorAnswer], [ResultAnswer], [InputRequired], [HeaderMismatch] and
// [VersionUnsupported]. The others execute the
// request and answer it badly: [DropAfter], [Truncated], [Malformed],
// [WrongID], [Rewrite], [Batch], [SetHeader], [NoAnswer], [SplitStream],
// [HoldOpen], [BreakStream], [CutStream], [Notify], [ServerRequest],
// [NextCursor], [Late], [Twice], [StrayAnswer], [StreamText]. [Slow] does
// neither; it waits. [Endpoint], [NoEndpoint] and [AnswerFirst] are for
// [HTTPSSE] alone, which says what the others mean there. Without a fault the server
// behaves, and holds the client to the protocol: a wrong Accept header, an
// unknown version, or a call before notifications/initialized is refused.
//
// A server with sessions answers server/discover as deployed ones do, with 400
// and a JSON-RPC error. Faults make it one of the others:
//
//	srv.Next(mcptest.Hang().On("server/discover"))
//	srv.Next(mcptest.ResultAnswer(struct{}{}).On("server/discover"))
//	srv.Next(mcptest.Combine(mcptest.Malformed(), mcptest.ResultAnswer(struct{}{})).On("server/discover"))
//
// # Evidence
//
// [Server.Requests] is what arrived and how it was answered.
// [Server.Executions] is the ledger of tool calls. Give each call a nonce, in
// its _meta or among its arguments, and [Server.Repeated] proves that nothing
// was executed twice. [Server.Initializes] and [Server.Forgotten] count
// sessions, [Server.Cancelled] and [Server.Answers] show what the client said
// beside its calls, [Server.Abandoned] which responses it closed instead.
// [Server.Tasks] lists the tasks. [Server.Await] waits for any of it.
//
// # Time
//
// A server that is started [InMemory] works inside a testing/synctest bubble,
// where a test of an hour's backoff takes no time. Give New the bubble's own
// t, so that the server ends with the bubble, and the client
// [Server.HTTPClient], the only one that reaches it:
//
//	synctest.Test(t, func(t *testing.T) {
//		srv := mcptest.New(t, mcptest.InMemory())
//		client := &mcpclient.Client{HTTPClient: srv.HTTPClient()}
//		session, err := client.Connect(t.Context(), srv.URL())
//		...
//	})
package mcptest
