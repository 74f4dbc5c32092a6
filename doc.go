// Package mcpclient is a client for the Model Context Protocol (MCP) that keeps
// its sessions.
//
//	session, err := mcpclient.Connect(ctx, "https://host/mcp")
//	...
//	defer session.Close()
//	result, err := session.CallTool(ctx, "search", map[string]any{"query": "go"})
//
// [Connect] is for those who need no options; a [Client] has them. A [Session]
// has the methods of the protocol: [Session.Tools] and its like range over all
// pages of a list, [Session.CallTool] calls a tool, and [CallAs] decodes its
// structured answer. A [CallOption] changes one call.
//
// # Sessions
//
// Servers hand out sessions and forget them: when they restart, after an idle
// time, or because the next request reaches another instance. A [Session] of
// this package outlives that. When a request is refused because the server no
// longer knows the session, one new session is opened for all callers, the log
// level is set again, [Client.Restore] rebuilds what the application keeps on
// the server, and the refused calls are sent again. A refusal proves that the
// server did not act on the call, so nothing is executed twice. A call that the
// server had accepted is not touched by the loss of its session.
//
// [Client.Reinitialize] chooses another policy: with [ReinitializeOnly] the
// refused calls fail and the next ones work, with [ReinitializeNever] nothing
// works before [Session.Reinitialize]. [Client.Trace] tells what happens.
//
// Servers say that a session is lost in many ways, and other answers look like
// it. The package has a table of both, and asks the server where it is not
// certain. [Client.ClassifyRefusal] adds what the table does not know yet.
//
// If no new session can be opened, calls fail with a [SessionError] that wraps
// the reason: at once, until [SessionError.RetryAt], after which the next call
// tries again. An outage of the network is no loss of the session.
//
// [Session.State] and [Session.Detach] hand a session to another process, which
// goes on with it by [Client.Resume].
//
// # Errors
//
// Every failed Connect, Resume and method of a Session returns a [*CallError].
// Its cause has a type for each kind of failure, such as [*RPCError],
// [*HTTPError], [*NetworkError], [*SessionError], or a sentinel such as
// [ErrClosed]; use errors.As and errors.Is. No text has to be read.
//
// [CallError.Delivery] says what is known about the server's part: not sent,
// refused, answered, or unknown. [SafeToRetry] is true for the first two, and
// [RetryAfter] if besides a repeat makes sense.
//
// [Client.Retry] repeats calls whose failure passes by itself: any call that
// the server provably did not act on, and calls that may be executed twice, of
// which nobody knows. Those are the methods that the protocol makes harmless, and
// whatever is marked by [WithIdempotent] or [WithIdempotencyKey]. No other tool
// call is ever repeated with its outcome unknown.
//
// A tool that fails has answered: see [ToolResult.IsError], [ToolResult.Err]
// and [ToolError].
//
// # Concurrency
//
// A Client and a Session are safe for concurrent use by any number of
// goroutines; so must be the functions that a Client is given. Each call runs in
// its caller's goroutine and fails alone: an errgroup of callers ends only of
// what one of them returned. [Limits] bounds how many calls are on the wire at
// once; the others wait. [Session.Close] returns after the last goroutine of the
// session has ended, and within [Client.CloseTimeout].
//
// # Cancellation
//
// The end of a context ends its call at once. The error matches ctx.Err() and
// context.Cause, its Delivery is unknown if the request had been sent, and the
// server is told without keeping the caller waiting. No other call notices: a
// new session that several callers wait for is opened under the session's own
// context. The context given to Connect bounds the connect only.
//
// Tool calls, prompts and resources have no timeout but their context.
// [WithIdleTimeout] ends a call that shows no sign of life; [WithProgress] asks
// for some. What a healthy server answers at once, such as the handshake and
// lists, is bounded by [Client.HandshakeTimeout].
//
// # Versions
//
// Connect finds out what a server speaks: first it asks for the version
// 2026-07-28, which has no sessions, then it opens a session with the newest of
// 2025-11-25, 2025-06-18, 2025-03-26 and 2024-11-05 that the server knows, over
// Streamable HTTP or, where that is all there is, over the older HTTP+SSE.
// Calls are the same everywhere. What was found is remembered for the next
// Connect of the same [Client], and found out anew when a server has been
// replaced by one of another kind. [Client.ProtocolVersion] pins one version.
//
// Without sessions there is none to lose, so the policies have no meaning. What
// a server says of how long a list or a resource is good for is honoured by a
// cache, which [Client.NoCache] turns off.
//
// # Input
//
// A server may want to know something before it goes on with a call.
// [Client.Elicit] and [Client.ElicitURL] ask the user, [Client.Sample] and
// [Client.Roots] answer for the application; servers are offered what has a
// handler. How they ask differs between versions, the handlers do not notice.
// Where nobody is there to answer, a call to a server without sessions ends in
// an [*InputRequiredError], and [Session.AnswerInput] goes on with it later.
//
// # Notices
//
// [Session.Listen] ranges over what a server tells of its own accord: changed
// lists, updated resources, log messages. It survives lost connections and
// lost sessions, and then says that something may have been missed.
//
// A tool call that takes long can be a task of the server's, which outlives the
// session and the process: see [Session.CallToolAsTask] and [Session.AwaitTask].
//
// # Testing
//
// Package mcptest is a server for tests, with the faults of deployed servers on
// demand. Where a real server is too much, an application that takes a
// [ToolCaller] can be given a stub.
package mcpclient
