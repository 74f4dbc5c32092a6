package mcptest_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

func TestStreamsSendTheHeaderBeforeTheAnswer(t *testing.T) {
	w := open(t, mcptest.Streams())
	release := make(chan struct{})
	w.srv.AddTool(mcpclient.Tool{Name: "wait"}, func(context.Context, *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		<-release
		return nil, nil
	})
	stream := w.live(http.MethodPost, w.message("tools/call", `{"name":"wait"}`))
	close(release)
	ev, err := stream.next()
	require.NoError(t, err)
	require.Empty(t, ev.id)
	require.JSONEq(t, `{"content":[]}`, string(w.parse(ev.data).Result))
	_, err = stream.next()
	require.ErrorIs(t, err, io.EOF)
}

func TestRetryHint(t *testing.T) {
	w := open(t, mcptest.Streams(), mcptest.RetryHint(1500*time.Millisecond))
	require.Equal(t, "1500", events(w.post(w.message("ping", "")).body)[0].retry)
}

// TestResume breaks a stream before the answer and fetches the rest, twice.
func TestResume(t *testing.T) {
	w := open(t, mcptest.Resumable(), mcptest.RetryHint(10*time.Millisecond))
	release := make(chan struct{})
	w.srv.AddTool(mcpclient.Tool{Name: "wait"}, func(_ context.Context, req *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		req.Progress(1, 0, "")
		<-release
		return mcptest.Text("done"), nil
	})
	w.srv.Next(mcptest.BreakStream(2))
	r := w.post(w.message("tools/call", `{"name":"wait","_meta":{"progressToken":1}}`))
	require.NoError(t, r.err)
	broken := events(r.body)
	require.Len(t, broken, 3) // the retry field, priming, progress
	require.Empty(t, broken[1].data)
	require.NotEmpty(t, broken[1].id)
	require.Contains(t, broken[2].data, "notifications/progress")
	require.NotEqual(t, broken[1].id, broken[2].id)

	w.srv.Next(mcptest.CutStream(1).OnHTTP(http.MethodGet))
	r = w.send(http.MethodGet, "", http.Header{"Last-Event-Id": {broken[2].id}})
	require.Error(t, r.err)
	polled := events(r.body)
	require.Empty(t, polled[1].data)
	require.NotEqual(t, broken[2].id, polled[1].id, "a response without news has a new event id")

	close(release)
	r = w.send(http.MethodGet, "", http.Header{"Last-Event-Id": {polled[1].id}})
	require.NoError(t, r.err)
	require.Contains(t, string(w.answer(r).Result), "done")

	replayed := w.messages(w.send(http.MethodGet, "", http.Header{"Last-Event-Id": {broken[1].id}}).body)
	require.Len(t, replayed, 2)
	require.Equal(t, "notifications/progress", replayed[0].Method)
	require.Contains(t, string(replayed[1].Result), "done")
	require.Len(t, w.srv.Executions(), 1)
	for _, unknown := range []string{"x", "x-1", "s1-999", "s1--1"} {
		require.Equal(t, 400, w.send(http.MethodGet, "", http.Header{"Last-Event-Id": {unknown}}).status)
	}
	require.Equal(t, 405, w.send(http.MethodGet, "", nil).status)

	other := connect(t, w.srv)
	require.Equal(t, 400, other.send(http.MethodGet, "", http.Header{"Last-Event-Id": {broken[1].id}}).status, "a stream belongs to its session")
}

// TestPollEvery runs a tool for three hours behind a server that ends every
// response after half a minute.
func TestPollEvery(t *testing.T) {
	const duration = 3*time.Hour + time.Second
	synctest.Test(t, func(t *testing.T) {
		w := open(t, mcptest.InMemory(), mcptest.Resumable(), mcptest.PollEvery(30*time.Second))
		w.srv.AddTool(mcpclient.Tool{Name: "long"}, func(ctx context.Context, _ *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
			select {
			case <-time.After(duration):
				return mcptest.Text("at last"), nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		})
		began := time.Now()
		r := w.post(w.message("tools/call", `{"name":"long"}`))
		polls := 0
		for len(w.messages(r.body)) == 0 {
			require.NoError(t, r.err)
			seen := events(r.body)
			r = w.send(http.MethodGet, "", http.Header{"Last-Event-Id": {seen[len(seen)-1].id}})
			polls++
		}
		require.Contains(t, string(w.answer(r).Result), "at last")
		require.Equal(t, duration, time.Since(began))
		require.Equal(t, 360, polls)
		require.Equal(t, 1, w.srv.Executed())
	})
}

// TestInMemoryLeavesTheBubble: synctest fails a test that leaves a goroutine
// behind, so this one proves that Close ends them all, whatever they are doing.
func TestInMemoryLeavesTheBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(t, mcptest.InMemory(), mcptest.StandaloneStream())
		w.srv.Always(mcptest.Hang().On("ping"))
		w.live(http.MethodGet, "")
		w.srv.Next(mcptest.HoldOpen())
		require.Contains(t, string(w.live(http.MethodPost, w.message("tools/list", "")).message().Result), "echo")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := w.try(w.request(http.MethodPost, w.message("ping", ""), nil).WithContext(ctx))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		w.srv.Close()
		_, err = w.tryEcho("closed")
		require.Error(t, err)
	})
}

func TestInMemoryDialHonoursItsContext(t *testing.T) {
	srv := mcptest.New(t, mcptest.InMemory())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dial := srv.HTTPClient().Transport.(*http.Transport).DialContext
	for range 100 { // the listener may win the race
		conn, err := dial(ctx, "", "")
		if err != nil {
			require.ErrorIs(t, err, context.Canceled)
			break
		}
		require.NoError(t, conn.Close())
	}
	require.Equal(t, "http://mcptest.invalid/mcp", srv.URL())
}
