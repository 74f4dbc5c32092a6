package mcpclient_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// sseStage is a server of HTTP+SSE, and a session on it.
func sseStage(t *testing.T, client *mcpclient.Client, opts ...mcptest.Option) *lossStage {
	t.Helper()
	return newLossStage(t, client, append(opts, mcptest.HTTPSSE())...)
}

// TestSSEFindsEachAnswer among those that come in any order.
func TestSSEFindsEachAnswer(t *testing.T) {
	stage := sseStage(t, nil)
	const callers = 50
	var arrived sync.WaitGroup
	arrived.Add(callers)
	stage.server.AddTool(mcpclient.Tool{Name: "mirror"}, func(_ context.Context, r *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		arrived.Done()
		arrived.Wait()
		return mcptest.Text(string(r.Arguments)), nil
	})
	require.NoError(t, together(t, callers, func(ctx context.Context, i int) error {
		want := fmt.Sprintf(`{"i":%d}`, i)
		result, err := stage.session.CallTool(ctx, "mirror", json.RawMessage(want))
		if err == nil && result.Text() != want {
			err = fmt.Errorf("%s instead of %s", result.Text(), want)
		}
		return err
	}))
	require.Equal(t, 1, stage.server.Initializes())
	require.Zero(t, stage.session.Stats().StrayAnswers)
}

// TestSSEOrder: the answer and the 202 come by two connections, in any order.
func TestSSEOrder(t *testing.T) {
	for name, c := range map[string]struct {
		fault mcptest.Fault
		takes time.Duration
	}{
		"answer, and long after it the 202": {mcptest.AnswerFirst(time.Hour), 50 * time.Millisecond},
		"answer, and the 202 at once":       {mcptest.AnswerFirst(0), 0},
		"202, and long after it the answer": {mcptest.Late(time.Hour), time.Hour},
		"answer, then the POST is cut":      {mcptest.DropAfter(), 0},
		"answer twice":                      {mcptest.Twice(), 0},
		"behind a stray one":                {mcptest.StrayAnswer(), 0},
		"in an array":                       {mcptest.Batch(), 0},
		"behind garbage":                    {mcptest.StreamText("data: {\"jsonrpc\":\n\ndata: 7\n\nevent: endpoint\ndata: /other\n\nevent: acme\ndata: 1\n\n"), 0},
		"in single bytes":                   {mcptest.SplitStream(), 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stage := sseStage(t, nil, mcptest.InMemory())
				stage.server.Next(c.fault)
				start := time.Now()
				require.NoError(t, stage.echo(t.Context()))
				require.Equal(t, c.takes, time.Since(start))
				require.NoError(t, stage.echo(t.Context()))
				require.Equal(t, 1, stage.server.Initializes())
			})
		})
	}
}

// TestSSEPostFails: its call fails alone, at once.
func TestSSEPostFails(t *testing.T) {
	for name, c := range map[string]struct {
		fault    mcptest.Fault
		delivery mcpclient.Delivery
		cause    any
	}{
		"400":        {mcptest.Status(400, nil, "no"), mcpclient.DeliveryRefused, new(*mcpclient.HTTPError)},
		"403":        {mcptest.Status(403, nil, "no"), mcpclient.DeliveryRefused, new(*mcpclient.HTTPError)},
		"429":        {mcptest.Status(429, nil, "no"), mcpclient.DeliveryRefused, new(*mcpclient.HTTPError)},
		"500":        {mcptest.Status(500, nil, "no"), mcpclient.DeliveryUnknown, new(*mcpclient.HTTPError)},
		"our error":  {answerAs(400, "{id}", `"error":{"code":-32602,"message":"no"}`), mcpclient.DeliveryAnswered, new(*mcpclient.RPCError)},
		"cut":        {mcptest.DropBefore(), mcpclient.DeliveryUnknown, new(*mcpclient.NetworkError)},
		"cut, late":  {mcptest.Combine(mcptest.DropAfter(), mcptest.NoAnswer()), mcpclient.DeliveryUnknown, new(*mcpclient.NetworkError)},
		"redirected": {mcptest.Redirect(307, "http://elsewhere.invalid/messages"), mcpclient.DeliveryRefused, new(*mcpclient.RedirectError)},
		"says the id": {mcptest.Respond(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, "what is "+r.URL.RawQuery, http.StatusBadRequest)
		})), mcpclient.DeliveryRefused, new(*mcpclient.HTTPError)},
		"leads elsewhere with the id": {mcptest.Respond(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://elsewhere.invalid/"+r.URL.Query().Get("sessionId"), http.StatusPermanentRedirect)
		})), mcpclient.DeliveryRefused, new(*mcpclient.RedirectError)},
		"no JSON": {mcptest.Malformed(), mcpclient.DeliveryUnknown, new(*mcpclient.ProtocolError)},
		"too deep": {mcptest.Rewrite(func([]byte) []byte {
			return []byte(`{"id":4,"result":` + filled(20_000, "[") + filled(20_000, "]") + `}`)
		}), mcpclient.DeliveryUnknown, new(*mcpclient.LimitError)},
		"result void": {mcptest.Rewrite(func([]byte) []byte { return []byte(`{"id":4}`) }), mcpclient.DeliveryUnknown, new(*mcpclient.ProtocolError)},
	} {
		t.Run(name, func(t *testing.T) {
			stage := sseStage(t, &mcpclient.Client{Retry: tryOnce})
			entered, release := heldTool(stage.server)
			held := make(chan error, 1)
			stage.server.Next(c.fault.When(func(r mcptest.Request) bool { return r.Target == "echo" }))
			err := stage.echo(t.Context())
			call := asCallError(t, err)
			require.Equal(t, c.delivery, call.Delivery, err)
			require.ErrorAs(t, err, c.cause)
			require.NotContains(t, err.Error(), stage.session.ID())
			go func() {
				_, err := stage.session.CallTool(t.Context(), "hold", nil)
				held <- err
			}()
			<-entered
			close(release)
			require.NoError(t, <-held)
			require.Equal(t, 1, stage.server.Initializes())
		})
	}
}

// TestSSERedirect: a POST follows within the origin.
func TestSSERedirect(t *testing.T) {
	stage := sseStage(t, nil)
	stage.server.Next(mcptest.Respond(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/moved"+r.URL.RequestURI(), http.StatusTemporaryRedirect)
	})))
	require.NoError(t, stage.echo(t.Context()))
}

// TestSSEPostBody: whatever a 2xx says, it only accepts, and is not read for long.
func TestSSEPostBody(t *testing.T) {
	for name, body := range map[string]func(w http.ResponseWriter, r *http.Request){
		"JSON":    func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, resultOf(`"content":[]`)) },
		"nothing": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
		"endless": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, strings.Repeat("a", 1<<10))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stage := sseStage(t, nil, mcptest.InMemory())
				stage.server.Next(mcptest.Respond(http.HandlerFunc(body)))
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				start := time.Now()
				err := stage.echo(ctx)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.Equal(t, mcpclient.DeliveryUnknown, asCallError(t, err).Delivery)
				require.Equal(t, time.Hour, time.Since(start), "it waits for the stream, as long as its context allows")
				require.NoError(t, stage.echo(t.Context()))
			})
		})
	}
}

// TestSSECancel: wherever a call is, it returns with its context, and the server is told.
func TestSSECancel(t *testing.T) {
	for name, c := range map[string]struct {
		fault    mcptest.Fault
		delivery mcpclient.Delivery
	}{
		"in the POST":     {mcptest.Hang(), mcpclient.DeliveryUnknown},
		"behind the POST": {mcptest.Late(time.Hour), mcpclient.DeliveryUnknown},
		"before its 202":  {mcptest.Combine(mcptest.AnswerFirst(0), slowAnswer()), mcpclient.DeliveryUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stage := sseStage(t, nil, mcptest.InMemory())
				stage.server.Next(c.fault)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				start := time.Now()
				err := stage.echo(ctx)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.Equal(t, time.Second, time.Since(start))
				require.Equal(t, c.delivery, asCallError(t, err).Delivery)
				synctest.Wait()
				require.Equal(t, []string{"4"}, stage.server.Cancelled())
				require.NoError(t, stage.echo(t.Context()))
			})
		})
	}
}

// TestSSEProgress comes in the call's own goroutine, also while the POST is not answered.
func TestSSEProgress(t *testing.T) {
	for name, fault := range map[string]mcptest.Fault{"202 first": mcptest.SplitStream(), "202 last": mcptest.AnswerFirst(0)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stage := sseStage(t, nil, mcptest.InMemory())
				addSlowTool(stage.server, 5, 40*time.Second)
				stage.server.Next(fault)
				start, at := time.Now(), []time.Duration{}
				_, err := stage.session.CallTool(t.Context(), "slow", nil, mcpclient.WithIdleTimeout(time.Minute),
					mcpclient.WithProgress(func(mcpclient.Progress) { at = append(at, time.Since(start)) })) // unguarded: one goroutine
				require.NoError(t, err)
				require.Len(t, at, 5)
				require.Less(t, at[0], time.Minute)
				require.Greater(t, at[4], 2*time.Minute)
			})
		})
	}
}

// TestSSESlowConsumer holds up nobody else; what it cannot take is dropped and counted, but never the answer.
func TestSSESlowConsumer(t *testing.T) {
	stage := sseStage(t, nil)
	const reports = 1000
	flooded := make(chan struct{})
	stage.server.AddTool(mcpclient.Tool{Name: "flood"}, func(_ context.Context, r *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		for i := range reports {
			r.Progress(float64(i), reports, filled(100, "a"))
		}
		close(flooded)
		return mcptest.Text("done"), nil
	})
	entered, release := make(chan struct{}), make(chan struct{})
	got := 0
	done := make(chan error, 1)
	go func() {
		result, err := stage.session.CallTool(t.Context(), "flood", nil, mcpclient.WithProgress(func(mcpclient.Progress) {
			if got++; got == 1 {
				close(entered)
				<-release
			}
		}))
		if err == nil && result.Text() != "done" {
			err = fmt.Errorf("not done: %s", result.Text())
		}
		done <- err
	}()
	<-entered
	<-flooded
	for range 3 { // behind the flood, on the one stream
		require.NoError(t, stage.echo(t.Context()))
	}
	close(release)
	require.NoError(t, <-done)
	require.LessOrEqual(t, got, 66)
	require.EqualValues(t, reports-got, stage.session.Stats().Dropped)
}

// TestSSELogs: nothing tells whose a log message is, so all get it who want any.
func TestSSELogs(t *testing.T) {
	stage := sseStage(t, nil)
	stage.server.AddTool(mcpclient.Tool{Name: "talk"}, func(_ context.Context, r *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		r.Log("warning", "careful")
		r.Log("debug", "nothing")
		return nil, nil
	})
	entered, release := heldTool(stage.server)
	type heard = chan string
	logs := func(h heard) mcpclient.CallOption {
		return mcpclient.WithLogs(mcpclient.LogInfo, func(m mcpclient.LogMessage) { h <- string(m.Data) })
	}
	first, second, failed := make(heard, 9), make(heard, 9), make(chan error, 1)
	go func() {
		_, err := stage.session.CallTool(t.Context(), "hold", nil, logs(first))
		failed <- err
	}()
	<-entered
	_, err := stage.session.CallTool(t.Context(), "talk", nil, logs(second))
	require.NoError(t, err)
	close(release)
	require.NoError(t, <-failed)
	require.Equal(t, `"careful"`, <-first)
	require.Equal(t, `"careful"`, <-second)
	require.Empty(t, first)
	require.Empty(t, second)
}

// TestSSELogsProveNothing: a message about another call does not say that the server has accepted this one.
func TestSSELogsProveNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stage := sseStage(t, nil, mcptest.InMemory(), mcptest.KeepStreams())
		stage.server.Next(mcptest.Slow(time.Minute).When(func(r mcptest.Request) bool { return r.Target == "echo" }))
		time.AfterFunc(time.Second, func() {
			stage.server.Broadcast("notifications/message", map[string]any{"level": "error", "data": 1})
			stage.server.ForgetSessions()
		})
		require.NoError(t, stage.echo(t.Context(), mcpclient.WithLogs(mcpclient.LogInfo, func(mcpclient.LogMessage) {})))
		require.Equal(t, 2, stage.server.Initializes())
	})
}

// TestSSEServerRequests are answered by a POST, on behalf of no call, before the handshake is over as well.
func TestSSEServerRequests(t *testing.T) {
	server := mcptest.New(t, mcptest.HTTPSSE())
	server.Next(mcptest.ServerRequest("ping", nil).On("initialize").When(func(r mcptest.Request) bool { return r.Session != "" }))
	stage := &lossStage{server, connectLoss(t, server, nil)}
	stage.server.Next(mcptest.ServerRequest("ping", nil), mcptest.ServerRequest("acme/ask", map[string]any{"a": 1}))
	require.NoError(t, stage.echo(t.Context()))
	require.NoError(t, stage.echo(t.Context()))
	answers := server.Answers()
	require.Len(t, answers, 3)
	require.JSONEq(t, `{}`, string(answers[0].Result))
	require.JSONEq(t, `{}`, string(answers[1].Result))
	require.EqualValues(t, -32601, answers[2].Err.Code)
}

// TestSSENotify returns when the server has accepted it.
func TestSSENotify(t *testing.T) {
	stage := sseStage(t, nil)
	require.NoError(t, stage.session.Notify(t.Context(), "notifications/acme", nil))
	require.Equal(t, 1, stage.arrived("notifications/acme"))
	stage.server.Next(mcptest.Status(500, nil, "no").On("notifications/acme"))
	require.Error(t, stage.session.Notify(t.Context(), "notifications/acme", nil))
}

// TestSSELists and whatever else a session can do goes over the one stream.
func TestSSELists(t *testing.T) {
	stage := sseStage(t, nil, mcptest.PageSize(2))
	want := pagedTools(stage.server, 5)
	var got []string
	for tool, err := range stage.session.Tools(t.Context()) {
		require.NoError(t, err)
		got = append(got, tool.Name)
	}
	require.Subset(t, got, want)
	require.NoError(t, stage.session.Ping(t.Context()))
	require.NoError(t, stage.session.SetLogLevel(t.Context(), mcpclient.LogDebug))
}
