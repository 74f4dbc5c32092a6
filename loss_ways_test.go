package mcpclient_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// callFor makes a call by a JSON-RPC method.
func callFor(ctx context.Context, session *mcpclient.Session, method string) error {
	switch method {
	case "tools/call":
		return echoOn(ctx, session)
	case "tools/list":
		_, err := mcpclient.Collect(session.Tools(ctx))
		return err
	default:
		return fmt.Errorf("no call for %s", method)
	}
}

// Each of the wild's ways to refuse a session costs one further initialize, and no call.
func TestLossInEveryWay(t *testing.T) {
	require.Greater(t, len(mcptest.Ways()), 60)
	for _, way := range mcptest.Ways() {
		t.Run(string(way), func(t *testing.T) {
			method, lists := "tools/call", 0
			if way == mcptest.PythonUninitialized {
				method, lists = "tools/list", 1 // its words are also those for bad arguments: only a list tells
			}
			stage := newLossStage(t, nil, mcptest.RefusalWay(way))
			old := stage.session.ID()
			stage.server.ForgetSessions()
			require.NoError(t, callFor(t.Context(), stage.session, method))
			require.NoError(t, stage.session.Err())
			require.NotEqual(t, old, stage.session.ID())
			require.Equal(t, 2, stage.server.Initializes())
			require.Equal(t, mcpclient.Stats{Generation: 2, Calls: 1, Resends: 1, Losses: 1, Initializes: 2}, stage.session.Stats())
			if rowVerdict(way.Row()) == mcpclient.VerdictVerify {
				lists++
			}
			require.Equal(t, lists, stage.count(func(r mcptest.Request) bool { return r.Method == "tools/list" && r.Session == old }), "medium rows are verified, others are not")

			// What an application is told that does not want to go on by itself.
			stage.session = connectLoss(t, stage.server, &mcpclient.Client{Reinitialize: mcpclient.ReinitializeNever})
			id := stage.session.ID()
			stage.server.ForgetSessions()
			err := callFor(t.Context(), stage.session, method)
			call, lost := sessionErrorOf(t, err)
			require.Equal(t, mcpclient.DeliveryRefused, call.Delivery)
			require.Equal(t, way.Row(), lost.Signal)
			require.Equal(t, way.Status(), lost.StatusCode)
			require.NotEmpty(t, lost.Reason)
			require.NotContains(t, err.Error(), id)
			require.Contains(t, err.Error(), "session invalid (HTTP ")
			require.Equal(t, 3, stage.server.Initializes())
		})
	}
}

// rowVerdict is the verdict of a row of the table, as far as these tests need it.
func rowVerdict(row string) mcpclient.Verdict {
	switch {
	case row == "S11" || row == "S13" || row == "S3":
		return mcpclient.VerdictVerify
	case strings.HasPrefix(row, "S"):
		return mcpclient.VerdictLost
	default:
		return mcpclient.VerdictAlive
	}
}

// A gateway's JSON that is no JSON-RPC is read as text, not as an error without a code.
func TestLossToldInPlainJSON(t *testing.T) {
	body, header := `{"error":"Session not found"}`, http.Header{"Content-Type": {"application/json"}}
	for status, lost := range map[int]bool{400: true, 404: true, 503: true, 500: false, 403: false} {
		stage := newLossStage(t, nil)
		stage.server.Next(mcptest.Status(status, header, body).On("tools/call"))
		err := stage.echo(t.Context())
		if lost {
			require.NoError(t, err, status)
			require.Equal(t, 2, stage.server.Initializes(), status)
			continue
		}
		var refused *mcpclient.HTTPError
		var rpc *mcpclient.RPCError
		require.ErrorAs(t, err, &refused)
		require.NotErrorAs(t, err, &rpc)
		require.Equal(t, body, string(refused.Body))
		require.Equal(t, 1, stage.server.Initializes(), status)
	}
}

// replay answers as the file does, with the id of the request at hand where the file echoes one.
func (c refusalCase) replay(server *mcptest.Server) mcptest.Fault {
	if c.networkErr != nil {
		return mcptest.DropBefore()
	}
	echoed := regexp.MustCompile(fmt.Sprintf(`"id":\s*%d\b`, c.id))
	return mcptest.Respond(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests := server.Requests()
		id := string(requests[len(requests)-1].ID)
		w.Header()["Content-Type"] = nil // or net/http guesses one where the server sends none
		for name, values := range c.header {
			if (c.truncated || name != "Content-Length") && name != "Connection" {
				w.Header()[name] = values
			}
		}
		w.WriteHeader(c.status)
		_, _ = w.Write(echoed.ReplaceAll(c.body, []byte(`"id":`+id)))
		if c.truncated {
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
	}))
}

// requireOwnAnswer checks that the call got what the server said, as an ordinary error or result of this one call.
func (c refusalCase) requireOwnAnswer(t *testing.T, err error) {
	t.Helper()
	require.NotErrorIs(t, err, mcpclient.ErrSessionInvalid)
	said, ours := c.rpcError()
	guarded := slices.Contains([]int{401, 403, 429, 502, 503, 504}, c.status)
	var call *mcpclient.CallError
	var rpc *mcpclient.RPCError
	var refused *mcpclient.HTTPError
	var network *mcpclient.NetworkError
	switch {
	case c.networkErr != nil:
		require.ErrorAs(t, err, &network)
	case said == nil && c.status == http.StatusOK:
		require.ErrorContains(t, err, "the echo says", "a result like any other") // of echoOn: no error of the client
	case c.status == http.StatusOK || ours && !guarded:
		require.ErrorAs(t, err, &call)
		require.Equal(t, mcpclient.DeliveryAnswered, call.Delivery)
		require.ErrorAs(t, call.Err, &rpc)
		require.NotErrorAs(t, err, &refused)
		require.Equal(t, said.Code, rpc.Code)
		require.Equal(t, said.Message, rpc.Message)
	default:
		require.ErrorAs(t, err, &call)
		require.ErrorAs(t, call.Err, &refused)
		require.Equal(t, c.status, refused.StatusCode)
		require.Equal(t, c.status == 401 || c.status == 403, errors.Is(err, mcpclient.ErrUnauthorized))
		require.Equal(t, said != nil, errors.As(err, &rpc))
	}
}

// The whole corpus over HTTP, as far as it is about calls: what the table says happens.
func TestLossAsInTheCorpus(t *testing.T) {
	replayed := make(map[mcpclient.Verdict]int)
	for _, c := range loadRefusals(t) {
		if c.httpMethod != http.MethodPost || c.era == "stateless" || !slices.Contains([]string{"tools/call", "tools/list"}, c.rpcMethod) {
			continue
		}
		verdict := rowVerdict(c.row)
		replayed[verdict]++
		t.Run(c.name, func(t *testing.T) {
			switch verdict {
			case mcpclient.VerdictLost:
				c.testLost(t)
			case mcpclient.VerdictVerify:
				c.testVerified(t)
			default:
				c.testAlive(t)
			}
		})
	}
	require.Greater(t, replayed[mcpclient.VerdictLost], 80)
	require.Greater(t, replayed[mcpclient.VerdictVerify], 10)
	require.Greater(t, replayed[mcpclient.VerdictAlive], 40)
}

func (c refusalCase) testLost(t *testing.T) {
	stage := newLossStage(t, nil)
	stage.server.Next(c.replay(stage.server).On(c.rpcMethod))
	require.NoError(t, callFor(t.Context(), stage.session, c.rpcMethod))
	require.Equal(t, 2, stage.arrived("initialize"))
	require.Equal(t, 2, stage.arrived(c.rpcMethod))
	require.NoError(t, stage.session.Err())

	stage = newLossStage(t, &mcpclient.Client{Reinitialize: mcpclient.ReinitializeNever})
	stage.server.Next(c.replay(stage.server).On(c.rpcMethod))
	_, lost := sessionErrorOf(t, callFor(t.Context(), stage.session, c.rpcMethod))
	require.Equal(t, c.row, lost.Signal)
	require.Equal(t, c.status, lost.StatusCode)
	require.Equal(t, 1, stage.arrived("initialize"))
}

// testVerified replays once to a session that lives, and on and on to one that is gone.
func (c refusalCase) testVerified(t *testing.T) {
	stage := newLossStage(t, nil)
	stage.server.Next(c.replay(stage.server).On(c.rpcMethod))
	c.requireOwnAnswer(t, callFor(t.Context(), stage.session, c.rpcMethod))
	lists := 1 // of the verification
	if c.rpcMethod == "tools/list" {
		lists++ // the call itself
	}
	require.Equal(t, lists, stage.arrived("tools/list"))
	require.Equal(t, 1, stage.arrived("initialize"))
	require.NoError(t, stage.session.Err())

	stage = newLossStage(t, nil)
	old := stage.session.ID()
	stage.server.Always(c.replay(stage.server).When(func(r mcptest.Request) bool { return r.Session == old && r.ID != nil }))
	require.NoError(t, callFor(t.Context(), stage.session, c.rpcMethod))
	require.Equal(t, lists, stage.count(func(r mcptest.Request) bool { return r.Method == "tools/list" && r.Session == old }))
	require.Equal(t, 2, stage.arrived("initialize"))
}

func (c refusalCase) testAlive(t *testing.T) {
	for _, policy := range lossPolicies {
		var opts []mcptest.Option
		if !c.sessionSent {
			opts = []mcptest.Option{mcptest.WithoutSessions()}
		}
		stage := newLossStage(t, &mcpclient.Client{Reinitialize: policy, Retry: tryOnce}, opts...)
		id := stage.session.ID()
		stage.server.Next(c.replay(stage.server).On(c.rpcMethod))
		c.requireOwnAnswer(t, callFor(t.Context(), stage.session, c.rpcMethod))
		require.Empty(t, stage.server.Unused())
		require.NoError(t, stage.session.Err())
		require.NoError(t, callFor(t.Context(), stage.session, c.rpcMethod))
		require.Equal(t, id, stage.session.ID())
		require.Equal(t, 1, stage.arrived("initialize"))
		require.Equal(t, 2, stage.arrived(c.rpcMethod), "neither repeated nor verified")
	}
}

// The hook has the last word, for servers that nobody has seen yet.
func TestLossAsTheHookSays(t *testing.T) {
	unseen := mcptest.Status(http.StatusTeapot, http.Header{"X-Reason": {"amnesia"}}, "who are you?").On("tools/call")
	for name, c := range map[string]struct {
		fault  mcptest.Fault
		says   mcpclient.Verdict
		opens  int
		checks int
		fails  bool
	}{
		"unseen, default":  {fault: unseen, says: mcpclient.VerdictDefault, fails: true},
		"unseen, lost":     {fault: unseen, says: mcpclient.VerdictLost, opens: 1},
		"unseen, verify":   {fault: unseen, says: mcpclient.VerdictVerify, checks: 1, fails: true},
		"unseen, alive":    {fault: unseen, says: mcpclient.VerdictAlive, fails: true},
		"known, default":   {fault: mcptest.Refuse(mcptest.GoSDK), says: mcpclient.VerdictDefault, opens: 1},
		"known, alive":     {fault: mcptest.Refuse(mcptest.GoSDK), says: mcpclient.VerdictAlive, fails: true},
		"known, verify":    {fault: mcptest.Refuse(mcptest.GoSDK), says: mcpclient.VerdictVerify, checks: 1, fails: true},
		"medium, lost":     {fault: mcptest.Refuse(mcptest.Zilla), says: mcpclient.VerdictLost, opens: 1},
		"medium, default":  {fault: mcptest.Refuse(mcptest.Zilla), says: mcpclient.VerdictDefault, checks: 1, fails: true},
		"an error, lost":   {fault: mcptest.Status(500, nil, "oops").On("tools/call"), says: mcpclient.VerdictLost, opens: 1},
		"an answer, alive": {fault: mcptest.Refuse(mcptest.ContextForge), says: mcpclient.VerdictAlive, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			stage := newLossStage(t, &mcpclient.Client{
				ClassifyRefusal: func(mcpclient.Refusal) mcpclient.Verdict { return c.says },
			})
			stage.server.Next(c.fault)
			err := stage.echo(t.Context())
			require.Equal(t, c.fails, err != nil, err)
			require.NotErrorIs(t, err, mcpclient.ErrSessionInvalid)
			require.Equal(t, 1+c.opens, stage.arrived("initialize"))
			require.Equal(t, c.checks, stage.arrived("tools/list"))
			require.NoError(t, stage.session.Err())
			require.NoError(t, stage.echo(t.Context()))
		})
	}
}

// What the hook sees: the facts, and what the table made of them.
func TestLossHookSeesTheFacts(t *testing.T) {
	var mu sync.Mutex
	var seen []mcpclient.Refusal
	stage := newLossStage(t, &mcpclient.Client{
		Reinitialize: mcpclient.ReinitializeNever,
		ClassifyRefusal: func(r mcpclient.Refusal) mcpclient.Verdict {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, r)
			return mcpclient.VerdictAlive
		},
	})
	stage.server.Next(mcptest.Refuse(mcptest.ContextForge), mcptest.Refuse(mcptest.MCPGo), mcptest.Status(404, nil, "gone").OnHTTP(http.MethodDelete))
	require.Error(t, stage.echo(t.Context()))
	require.Error(t, stage.echo(t.Context()))
	require.NoError(t, stage.session.Close())
	require.Len(t, seen, 3)

	require.Equal(t, http.MethodPost, seen[0].HTTPMethod)
	require.Equal(t, "tools/call", seen[0].Method)
	require.Equal(t, http.StatusOK, seen[0].StatusCode)
	require.EqualValues(t, -32002, seen[0].RPC.Code)
	require.True(t, seen[0].OurID)
	require.True(t, seen[0].SessionSent)
	require.Equal(t, "S11", seen[0].Row)
	require.Equal(t, mcpclient.VerdictVerify, seen[0].Verdict)

	require.Equal(t, http.StatusNotFound, seen[1].StatusCode)
	require.Equal(t, "Invalid session ID\n", string(seen[1].Body))
	require.Contains(t, seen[1].Header.Get("Content-Type"), "text/plain")
	require.Nil(t, seen[1].RPC)
	require.Equal(t, "S1", seen[1].Row)
	require.Equal(t, mcpclient.VerdictLost, seen[1].Verdict)

	require.Equal(t, http.MethodDelete, seen[2].HTTPMethod)
	require.Empty(t, seen[2].Method)
	require.Equal(t, "S2", seen[2].Row)
}

// A hook that sees the loss of a session where none was sent would open one after the other.
func TestLossHookIsNotAskedWithoutASession(t *testing.T) {
	client := &mcpclient.Client{ClassifyRefusal: func(mcpclient.Refusal) mcpclient.Verdict { return mcpclient.VerdictLost }}
	stage := newLossStage(t, client, mcptest.WithoutSessions())
	stage.server.Next(mcptest.Status(404, nil, "not found").On("tools/call"))
	var refused *mcpclient.HTTPError
	require.ErrorAs(t, stage.echo(t.Context()), &refused)
	require.Equal(t, 1, stage.server.Initializes())
	require.NoError(t, stage.session.Err())

	stage.server.Next(mcptest.Status(404, nil, "not found").On("initialize"))
	_, err := client.Connect(t.Context(), stage.server.URL())
	require.ErrorAs(t, err, &refused)
	require.NotErrorIs(t, err, mcpclient.ErrSessionInvalid)
}
