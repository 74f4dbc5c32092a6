package property_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// evidence is what one request of a call tells, as the server saw it: it says
// which error the call may end in, and whether another request may follow.
type evidence int

const (
	fine     evidence = iota // executed and answered well
	instead                  // answered well, but by the fault: not executed
	perhaps                  // something else cut the connection, or the caller gave up: anything may have happened
	passing                  // proven not executed, and soon over: any call is repeated
	refused                  // proven not executed, for good
	unclear                  // proves nothing, and soon over: what may be executed twice is repeated
	useless                  // proves nothing, and a repeat would not help
	answered                 // the server's own error
	lost                     // the server does not know the session
	stale                    // the credentials were too old: the Authorizer gets new ones
)

// kind is one thing that goes wrong with one request.
type kind struct {
	name     string
	fault    mcptest.Fault
	proves   evidence
	serves   bool          // the server deals with the request as ever: executes it, or does not know the session
	asks     time.Duration // Retry-After
	replayed bool          // the connection ended without a byte of an answer, and net/http may itself have sent the request again
	vague    bool          // the client may have seen the loss of its session in another way
	ends     bool          // the call ends with its context, which is to be short
	eras     []era         // where it does what it says; nil: everywhere
	cause    func(error) bool
}

// groupsOf are the kinds that fit an era, by group, so that a group of many is not drawn more often.
func groupsOf(e era) [][]kind {
	return [...]func() [][]kind{groupsOfSessions, groupsOfStateless, groupsOfSSE}[e]()
}

var (
	groupsOfSessions  = sync.OnceValue(func() [][]kind { return fitting(sessions) })
	groupsOfStateless = sync.OnceValue(func() [][]kind { return fitting(stateless) })
	groupsOfSSE       = sync.OnceValue(func() [][]kind { return fitting(httpSSE) })
)

func fitting(e era) [][]kind {
	var groups [][]kind
	for _, group := range [][]kind{statusKinds(), connectionKinds(), replyKinds(), streamKinds(), answerKinds(), harmlessKinds(), refusalKinds()} {
		group = slices.DeleteFunc(group, func(k kind) bool { return k.eras != nil && !slices.Contains(k.eras, e) })
		if len(group) > 0 {
			groups = append(groups, group)
		}
	}
	return groups
}

// hit gives a kind its fault, under the fault's own name.
func hit(f mcptest.Fault, k kind) kind {
	k.name, k.fault = f.String(), f
	return k
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func hasStatus(code int) func(error) bool {
	return func(err error) bool {
		failed, ok := errors.AsType[*mcpclient.HTTPError](err)
		return ok && failed.StatusCode == code
	}
}

func hasCode(code int64) func(error) bool {
	return func(err error) bool {
		failed, ok := errors.AsType[*mcpclient.RPCError](err)
		return ok && failed.Code == code
	}
}

// status is an answer by status alone.
func status(code int, proves evidence) kind {
	return hit(mcptest.Status(code, nil, "no"), kind{proves: proves, cause: hasStatus(code)})
}

// busy is an answer that says when to come again.
func busy(code int, asks string) kind {
	wait, err := time.ParseDuration(asks + "s")
	if err != nil {
		panic(err)
	}
	k := hit(mcptest.Status(code, http.Header{"Retry-After": {asks}}, "busy"), kind{proves: passing, asks: wait, cause: hasStatus(code)})
	k.name += ", come again in " + asks + " s"
	return k
}

// onPost are the eras in which the answer comes on the reply to the POST.
func onPost() []era { return []era{sessions, stateless} }

func statusKinds() []kind {
	kinds := []kind{
		status(429, passing), busy(429, "1"), busy(503, "2"), busy(503, "90"),
		hit(mcptest.Redirect(307, "http://elsewhere.invalid/mcp"), kind{proves: refused, cause: is[*mcpclient.RedirectError]}),
		hit(mcptest.Redirect(303, "/elsewhere"), kind{proves: useless, cause: is[*mcpclient.RedirectError]}),
	}
	for _, code := range []int{402, 403, 408, 409, 413, 422, 425, 431} {
		kinds = append(kinds, status(code, refused))
	}
	for _, code := range []int{500, 502, 503, 504, 520} {
		kinds = append(kinds, status(code, unclear))
	}
	return append(kinds, status(501, useless))
}

func connectionKinds() []kind {
	broken := is[*mcpclient.NetworkError]
	return []kind{
		hit(mcptest.DropBefore(), kind{proves: unclear, cause: broken}),
		hit(mcptest.DropAfter(), kind{proves: unclear, serves: true, cause: broken, eras: onPost()}),
		hit(mcptest.Truncated(0), kind{proves: unclear, serves: true, cause: brokenOrProtocol, eras: onPost()}),
		hit(mcptest.Truncated(20), kind{proves: unclear, serves: true, cause: brokenOrProtocol, eras: onPost()}),
	}
}

// brokenOrProtocol: the reply ended too early, which shows as either.
func brokenOrProtocol(err error) bool {
	return is[*mcpclient.NetworkError](err) || is[*mcpclient.ProtocolError](err)
}

// replyKinds accept the request and answer it with nonsense.
func replyKinds() []kind {
	nonsense := kind{proves: unclear, eras: onPost(), cause: is[*mcpclient.ProtocolError]}
	executed := nonsense
	executed.serves = true
	return []kind{
		hit(mcptest.HTML(), nonsense), hit(mcptest.EmptyOK(), nonsense), hit(mcptest.Accepted(), nonsense),
		hit(mcptest.Malformed(), executed), hit(mcptest.WrongID(), executed),
		hit(mcptest.WrongContentType("text/plain"), executed),
	}
}

// streamKinds end a stream too early. Where it can be taken up again, no harm is done.
func streamKinds() []kind {
	cut := kind{proves: unclear, serves: true, eras: onPost(), cause: brokenOrProtocol}
	return []kind{
		hit(mcptest.NoAnswer(), cut), hit(mcptest.BreakStream(0), cut), hit(mcptest.CutStream(0), cut),
	}
}

func answerKinds() []kind {
	return []kind{
		hit(mcptest.ErrorAnswer(0, &mcpclient.RPCError{Code: -32603, Message: "out of order"}), kind{proves: answered, cause: hasCode(-32603), eras: onPost()}),
		hit(mcptest.ErrorAnswer(0, &mcpclient.RPCError{Code: -32602, Message: "bad arguments"}), kind{proves: answered, cause: hasCode(-32602), eras: onPost()}),
		hit(mcptest.ErrorAnswer(500, &mcpclient.RPCError{Code: -32099, Message: "a tool of its own"}), kind{proves: answered, cause: hasCode(-32099), eras: onPost()}),
		hit(mcptest.ResultAnswer(map[string]any{"content": []any{}}), kind{proves: instead, eras: onPost()}),
	}
}

// harmlessKinds are odd, but the call succeeds.
func harmlessKinds() []kind {
	odd := kind{proves: fine, serves: true}
	return []kind{
		hit(mcptest.Slow(3*time.Second), odd), hit(mcptest.Late(2*time.Second), odd), hit(mcptest.SplitStream(), odd), hit(mcptest.Twice(), odd),
		hit(mcptest.StrayAnswer(), odd), hit(mcptest.SetHeader("X-Odd", "1"), odd), hit(mcptest.HoldOpen(), kind{proves: fine, serves: true, eras: onPost()}),
		hit(mcptest.Notify("notifications/message", map[string]any{"level": "info", "data": "hello"}), odd),
		hit(mcptest.StreamText(": a comment\n\n"), odd),
	}
}

// refusalKinds say that the session is lost. It is not, but nobody can tell.
func refusalKinds() []kind {
	var kinds []kind
	for _, way := range lossWays() {
		kinds = append(kinds, hit(mcptest.Refuse(way), kind{proves: lost, cause: is[*mcpclient.SessionError], eras: []era{sessions, httpSSE}}))
	}
	return kinds
}

// limitKinds are answers over a limit of the client. A compressed one costs the test itself too much.
func limitKinds() []kind {
	over := kind{proves: useless, cause: is[*mcpclient.LimitError]}
	return []kind{
		hit(mcptest.EndlessBody(), over), hit(mcptest.EndlessLine(), over), hit(mcptest.EndlessEvent(), over),
		hit(mcptest.EndlessNotifications(), over), hit(mcptest.DepthBomb(20_000), over),
	}
}

// timeKinds last until the caller gives up.
func timeKinds() []kind {
	return []kind{
		hit(mcptest.Hang(), kind{proves: useless, ends: true}),
		hit(mcptest.Slow(time.Minute), kind{proves: perhaps, serves: true, ends: true}),
		hit(mcptest.Late(time.Minute), kind{proves: perhaps, serves: true, ends: true}),
	}
}

// lossWays are the ways to refuse a session that leave no doubt.
var lossWays = sync.OnceValue(func() []mcptest.Way {
	return slices.DeleteFunc(mcptest.Ways(), func(way mcptest.Way) bool { return way.Row() == "S11" || way.Row() == "S3" || way.Status() < 400 })
})

// typed reports whether err has a cause that a caller can branch on.
func typed(err error) bool {
	return is[*mcpclient.SessionError](err) || is[*mcpclient.RPCError](err) || is[*mcpclient.HTTPError](err) ||
		is[*mcpclient.NetworkError](err) || is[*mcpclient.RedirectError](err) || is[*mcpclient.ProtocolError](err) ||
		is[*mcpclient.LimitError](err) || is[*mcpclient.AuthorizationError](err) || is[*mcpclient.VersionError](err) ||
		errors.Is(err, mcpclient.ErrClosed) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
