package mcptest_test

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/mcptest"
)

func TestRequestsShowWhatArrived(t *testing.T) {
	w := open(t)
	w.echo("hi")
	w.srv.Next(mcptest.DropBefore())
	_, err := w.tryEcho("dropped")
	require.Error(t, err)
	w.send(http.MethodDelete, "", nil)

	all := w.srv.Requests()
	require.Len(t, all, 5)
	var methods, targets, faults []string
	var status []int
	for _, r := range all {
		methods = append(methods, r.HTTPMethod+" "+r.Method)
		targets = append(targets, r.Target)
		faults = append(faults, r.Fault)
		status = append(status, r.Status)
		require.False(t, r.Time.IsZero())
		require.Equal(t, "/mcp", r.Path)
	}
	require.Equal(t, []string{"POST initialize", "POST notifications/initialized", "POST tools/call", "POST tools/call", "DELETE "}, methods)
	require.Equal(t, []string{"", "", "echo", "echo", ""}, targets)
	require.Equal(t, []string{"", "", "", "drop before execution", ""}, faults)
	require.Equal(t, []int{200, 202, 200, 0, 204}, status)
	require.Empty(t, all[0].Session)
	require.Equal(t, w.session, all[2].Session)
	require.Equal(t, "2", string(all[2].ID))
	require.Nil(t, all[1].ID)
	require.Equal(t, "application/json", all[2].Header.Get("Content-Type"))
	require.Contains(t, string(all[2].Body), `"text":"hi"`)
}

func TestExecutionsAndNonces(t *testing.T) {
	w := open(t)
	for _, params := range []string{
		`{"name":"echo","arguments":{"text":"a"}}`,
		`{"name":"echo","arguments":{"nonce":"n1"}}`,
		`{"name":"echo","arguments":{"nonce":7}}`,
		`{"name":"echo","arguments":{"nonce":"n2"},"_meta":{"nonce":"n1"}}`,
	} {
		w.call("tools/call", params)
	}
	type entry struct {
		nonce string
		count int
	}
	var got []entry
	for _, e := range w.srv.Executions() {
		require.Equal(t, "echo", e.Tool)
		require.Equal(t, w.session, e.Session)
		got = append(got, entry{e.Nonce, e.Count})
	}
	require.Equal(t, []entry{{"", 0}, {"n1", 1}, {"7", 1}, {"n1", 2}}, got)
	require.JSONEq(t, `{"text":"a"}`, string(w.srv.Executions()[0].Arguments))
	repeated := w.srv.Repeated()
	require.Len(t, repeated, 1)
	require.Equal(t, "n1", repeated[0].Nonce)
}

func TestHistoryKeepsTheNewest(t *testing.T) {
	w := open(t, mcptest.History(3))
	for range 10 {
		w.call("tools/call", `{"name":"echo","arguments":{"nonce":"same"}}`)
	}
	require.Len(t, w.srv.Requests(), 3)
	executions := w.srv.Executions()
	require.Len(t, executions, 3)
	require.Equal(t, 10, executions[2].Count)
	require.Equal(t, 10, w.srv.Executed())
	require.Len(t, w.srv.Repeated(), 9)
}

func TestAwait(t *testing.T) {
	w := open(t)
	done := make(chan error, 1)
	go func() { done <- w.srv.Await(t.Context(), func() bool { return w.srv.Executed() == 2 }) }()
	w.echo("1")
	w.echo("2")
	require.NoError(t, <-done)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, w.srv.Await(ctx, func() bool { return false }), context.Canceled)
	w.srv.Close()
	require.ErrorContains(t, w.srv.Await(t.Context(), func() bool { return false }), "closed")
}

func TestForgetEvery(t *testing.T) {
	w := open(t, mcptest.ForgetEvery(2))
	first := w.session
	require.Equal(t, "1", w.echo("1"))
	require.Equal(t, "2", w.echo("2"), "the call that makes the server forget is answered")
	require.Equal(t, 404, w.post(w.message("ping", "")).status)
	require.Empty(t, w.srv.Sessions())
	again := connect(t, w.srv)
	require.NotEqual(t, first, again.session)
	require.Equal(t, "3", again.echo("3"))
	require.Equal(t, 1, w.srv.Forgotten())
	require.Equal(t, 2, w.srv.Initializes())
}

func TestForgetOneSession(t *testing.T) {
	a := open(t)
	b := connect(t, a.srv)
	a.srv.ForgetSessions(a.session)
	require.Equal(t, []string{b.session}, a.srv.Sessions())
	require.Equal(t, 404, a.post(a.message("ping", "")).status)
	require.Equal(t, "b", b.echo("b"))
	_, known := a.srv.Session(a.session)
	require.False(t, known)
}

// TestConcurrentUse has everything at once run under the race detector.
func TestConcurrentUse(t *testing.T) {
	srv := mcptest.New(t, mcptest.ForgetEvery(7), mcptest.StandaloneStream())
	srv.Always(mcptest.Notify("notifications/acme", nil).On("tools/list"))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			w := &wire{t: t, srv: srv}
			for range 20 {
				r, err := w.try(w.request(http.MethodPost, w.message("initialize", initializeParams), nil))
				if err != nil {
					t.Error(err)
					return
				}
				w.session = r.header.Get("Mcp-Session-Id")
				for _, body := range []string{
					`{"jsonrpc":"2.0","method":"notifications/initialized"}`,
					w.message("tools/call", `{"name":"add","arguments":{"a":1,"b":2}}`),
					w.message("tools/list", ""),
				} {
					if _, err := w.try(w.request(http.MethodPost, body, nil)); err != nil {
						t.Error(err)
					}
				}
				w.session = ""
				srv.Next(mcptest.Refuse(mcptest.GoSDK).On("tools/call"))
				_, _, _, _ = srv.Requests(), srv.Executions(), srv.Sessions(), srv.Unused()
				srv.Broadcast("notifications/acme", nil)
				srv.AddTool(blockingTool(nil, nil))
			}
		})
	}
	all.Wait()
	require.Equal(t, 160, srv.Initializes())
}
