package mcptest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/mcptest"
)

func TestWhichRequestAFaultMeets(t *testing.T) {
	busy := func(body string) mcptest.Fault { return mcptest.Status(503, nil, body) }
	w := open(t)
	status := func(method string) int { return w.post(w.message(method, "")).status }

	w.srv.Next(busy("one"), busy("two").On("tools/list"), busy("three").Times(2))
	require.Equal(t, []string{"status 503", "status 503", "status 503"}, w.srv.Unused())
	require.Equal(t, 202, w.post(`{"jsonrpc":"2.0","method":"notifications/x"}`).status, "not for notifications")
	require.Equal(t, "one", w.post(w.message("ping", "")).body)
	require.Equal(t, "three", w.post(w.message("ping", "")).body)
	require.Equal(t, "two", w.post(w.message("tools/list", "")).body)
	require.Equal(t, "three", w.post(w.message("tools/list", "")).body)
	require.Equal(t, 200, status("ping"))
	require.Empty(t, w.srv.Unused())

	stop := w.srv.Always(busy("always"))
	w.srv.Next(busy("queued"))
	require.Equal(t, "queued", w.post(w.message("ping", "")).body)
	require.Equal(t, "always", w.post(w.message("ping", "")).body)
	require.Equal(t, 503, (&wire{t: t, srv: w.srv}).post(w.message("initialize", initializeParams)).status)
	stop()
	stop()
	require.Equal(t, 200, status("ping"))
	w.srv.Always(busy("twice").Times(2))
	require.Equal(t, []int{503, 503, 200}, []int{status("ping"), status("ping"), status("ping")})

	w.srv.Next(busy("").On("notifications/x"))
	require.Equal(t, 503, w.post(`{"jsonrpc":"2.0","method":"notifications/x"}`).status)
	w.srv.Next(busy("").OnHTTP(http.MethodDelete))
	require.Equal(t, 200, status("ping"))
	require.Equal(t, 503, w.send(http.MethodDelete, "", nil).status)
	w.srv.Next(busy("").On("tools/call").When(func(r mcptest.Request) bool { return r.Target == "add" }))
	require.Equal(t, "not me", w.echo("not me"))
	require.Equal(t, 503, w.post(w.message("tools/call", `{"name":"add","arguments":{"a":1,"b":2}}`)).status)
	require.Equal(t, "status 503", w.srv.Requests()[len(w.srv.Requests())-1].Fault)
}

// TestFaults: what each fault puts on the wire, and whether the call was executed.
func TestFaults(t *testing.T) {
	type outcome struct {
		reply
		dropped error
	}
	for name, c := range map[string]struct {
		fault    mcptest.Fault
		opts     []mcptest.Option
		executed int
		check    func(*testing.T, *wire, outcome)
	}{
		"Status": {fault: mcptest.Status(429, http.Header{"retry-after": {"7"}}, "later"), check: func(t *testing.T, _ *wire, o outcome) {
			require.Equal(t, 429, o.status)
			require.Equal(t, "7", o.header.Get("Retry-After"))
			require.Equal(t, "later", o.body)
		}},
		"Respond": {fault: mcptest.Respond(http.NotFoundHandler()), check: func(t *testing.T, _ *wire, o outcome) {
			require.Equal(t, 404, o.status)
		}},
		"Redirect": {fault: mcptest.Redirect(307, "/mcp/"), check: func(t *testing.T, _ *wire, o outcome) {
			require.Equal(t, 307, o.status)
			require.Equal(t, "/mcp/", o.header.Get("Location"))
		}},
		"HTML": {fault: mcptest.HTML(), check: func(t *testing.T, _ *wire, o outcome) {
			require.Equal(t, 200, o.status)
			require.Equal(t, "text/html; charset=utf-8", o.header.Get("Content-Type"))
		}},
		"EmptyOK": {fault: mcptest.EmptyOK(), check: func(t *testing.T, _ *wire, o outcome) {
			require.Equal(t, 200, o.status)
			require.Empty(t, o.body)
		}},
		"Accepted": {fault: mcptest.Accepted(), check: func(t *testing.T, _ *wire, o outcome) {
			require.Equal(t, 202, o.status)
		}},
		"DropBefore": {fault: mcptest.DropBefore(), check: func(t *testing.T, _ *wire, o outcome) {
			require.Error(t, o.dropped)
		}},
		"DropAfter": {fault: mcptest.DropAfter(), executed: 1, check: func(t *testing.T, _ *wire, o outcome) {
			require.Error(t, o.dropped)
		}},
		"DropAfter, stream": {fault: mcptest.DropAfter(), opts: []mcptest.Option{mcptest.Streams()}, executed: 1, check: func(t *testing.T, _ *wire, o outcome) {
			require.Equal(t, 200, o.status)
			require.Error(t, o.err)
			require.Empty(t, o.body)
		}},
		"Malformed": {fault: mcptest.Malformed(), executed: 1, check: func(t *testing.T, _ *wire, o outcome) {
			require.NoError(t, o.err)
			require.True(t, strings.HasPrefix(o.body, `{"jsonrpc"`))
			require.False(t, strings.HasSuffix(o.body, "}"))
		}},
		"WrongID": {fault: mcptest.WrongID(), executed: 1, check: func(t *testing.T, w *wire, o outcome) {
			require.Equal(t, "987654321", string(w.answer(o.reply).ID))
		}},
		"Batch": {fault: mcptest.Batch(), executed: 1, check: func(t *testing.T, _ *wire, o outcome) {
			require.Regexp(t, `^\[\{.*\}\]$`, o.body)
		}},
		"Rewrite": {fault: mcptest.Rewrite(bytes.ToUpper), executed: 1, check: func(t *testing.T, _ *wire, o outcome) {
			require.Contains(t, o.body, "JSONRPC")
		}},
		"Truncated": {fault: mcptest.Truncated(10), executed: 1, check: func(t *testing.T, _ *wire, o outcome) {
			require.ErrorIs(t, o.err, io.ErrUnexpectedEOF)
			require.Len(t, o.body, 10)
		}},
		"Truncated, stream": {fault: mcptest.Truncated(10), opts: []mcptest.Option{mcptest.Streams()}, executed: 1, check: func(t *testing.T, _ *wire, o outcome) {
			require.ErrorIs(t, o.err, io.ErrUnexpectedEOF)
			require.Len(t, o.body, 10)
		}},
		"SetHeader": {fault: mcptest.SetHeader("mcp-session-id", "another"), executed: 1, check: func(t *testing.T, _ *wire, o outcome) {
			require.Equal(t, "another", o.header.Get("Mcp-Session-Id"))
		}},
		"WrongContentType": {fault: mcptest.WrongContentType("text/plain"), executed: 1, check: func(t *testing.T, w *wire, o outcome) {
			require.Equal(t, "text/plain", o.header.Get("Content-Type"))
			require.NotEmpty(t, w.parse(o.body).Result)
		}},
		"WrongContentType, stream": {fault: mcptest.WrongContentType("text/plain"), opts: []mcptest.Option{mcptest.Streams()}, executed: 1, check: func(t *testing.T, _ *wire, o outcome) {
			require.Equal(t, "text/plain", o.header.Get("Content-Type"))
			require.Contains(t, o.body, "data: ")
		}},
		"NoAnswer": {fault: mcptest.NoAnswer(), executed: 1, check: func(t *testing.T, _ *wire, o outcome) {
			require.Equal(t, "text/event-stream", o.header.Get("Content-Type"))
			require.NoError(t, o.err)
			require.Empty(t, o.body)
		}},
		"SplitStream": {fault: mcptest.SplitStream(), executed: 1, check: func(t *testing.T, w *wire, o outcome) {
			require.Contains(t, string(w.answer(o.reply).Result), "hi")
		}},
		"BreakStream": {fault: mcptest.BreakStream(0), executed: 1, check: func(t *testing.T, _ *wire, o outcome) {
			require.NoError(t, o.err)
			require.Empty(t, o.body)
		}},
		"CutStream": {fault: mcptest.CutStream(0), executed: 1, check: func(t *testing.T, _ *wire, o outcome) {
			require.Error(t, errors.Join(o.err, o.dropped))
		}},
		"Notify": {fault: mcptest.Notify("notifications/acme", map[string]int{"n": 1}), executed: 1, check: func(t *testing.T, w *wire, o outcome) {
			all := w.messages(o.body)
			require.Equal(t, "notifications/acme", all[0].Method)
			require.JSONEq(t, `{"n":1}`, string(all[0].Params))
			require.Contains(t, string(all[1].Result), "hi")
		}},
		"DepthBomb": {fault: mcptest.DepthBomb(3), check: func(t *testing.T, w *wire, o outcome) {
			require.JSONEq(t, `{"content":[{"type":"text","text":""}],"deep":[[[]]]}`, string(w.answer(o.reply).Result))
		}},
		"Combine": {fault: mcptest.Combine(mcptest.Notify("notifications/acme", nil), mcptest.WrongID(), mcptest.NoAnswer()), executed: 1, check: func(t *testing.T, w *wire, o outcome) {
			require.Len(t, w.messages(o.body), 1)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, c.opts...)
			w.srv.Next(c.fault)
			r, dropped := w.tryEcho("hi")
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			// An execution whose connection is cut before its answer goes on for a moment.
			require.NoError(t, w.srv.Await(ctx, func() bool { return w.srv.Executed() == c.executed }))
			c.check(t, w, outcome{r, dropped})
			require.Empty(t, w.srv.Unused())
			require.Equal(t, "fine", w.echo("fine"), "a fault concerns one request")
		})
	}
}

func TestHoldOpen(t *testing.T) {
	w := open(t)
	w.srv.Next(mcptest.HoldOpen())
	stream := w.live(http.MethodPost, w.message("ping", ""))
	require.JSONEq(t, `{}`, string(stream.message().Result))
	require.Equal(t, "meanwhile", w.echo("meanwhile"))
	stream.close()
}

func TestSlowAndHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(t, mcptest.InMemory())
		w.srv.Next(mcptest.Slow(time.Minute))
		began := time.Now()
		require.Equal(t, "late", w.echo("late"))
		require.Equal(t, time.Minute, time.Since(began))

		for _, fault := range []mcptest.Fault{mcptest.Hang(), mcptest.Slow(time.Hour)} {
			w.srv.Next(fault)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := w.try(w.request(http.MethodPost, w.message("tools/call", `{"name":"echo"}`), nil).WithContext(ctx))
			require.ErrorIs(t, err, context.DeadlineExceeded)
			cancel()
		}
		synctest.Wait()
		require.Equal(t, 1, w.srv.Executed())
	})
}

func TestServerRequest(t *testing.T) {
	w := open(t)
	w.srv.Next(mcptest.ServerRequest("roots/list", nil))
	stream := w.live(http.MethodPost, w.message("ping", ""))
	asked := stream.message()
	require.Equal(t, "roots/list", asked.Method)
	require.Equal(t, 202, w.post(`{"jsonrpc":"2.0","id":`+string(asked.ID)+`,"error":{"code":-32601,"message":"no"}}`).status)
	require.JSONEq(t, `{}`, string(stream.message().Result))
	require.Equal(t, "roots/list", w.srv.Answers()[0].Method)
}

// TestServerRequestDuringInitialize: the client may answer before it has read the session id.
func TestServerRequestDuringInitialize(t *testing.T) {
	w := &wire{t: t, srv: mcptest.New(t)}
	w.srv.Next(mcptest.ServerRequest("ping", nil))
	stream := w.live(http.MethodPost, w.message("initialize", initializeParams))
	asked := stream.message()
	require.Equal(t, 400, w.post(`{"jsonrpc":"2.0","id":4711,"result":{}}`).status, "an answer to nothing needs a session")
	require.Equal(t, 202, w.post(`{"jsonrpc":"2.0","id":`+string(asked.ID)+`,"result":{}}`).status)
	require.Contains(t, string(stream.message().Result), "serverInfo")
}

// TestEndless reads a megabyte of each and leaves.
func TestEndless(t *testing.T) {
	const enough = 1 << 20
	for name, c := range map[string]struct {
		fault  mcptest.Fault
		begins string
	}{
		"EndlessBody":          {mcptest.EndlessBody(), `{"jsonrpc":"2.0","id":2,"result":`},
		"GzipBomb":             {mcptest.GzipBomb(), `{"jsonrpc":"2.0","id":2,"result":`},
		"EndlessLine":          {mcptest.EndlessLine(), `data: {"jsonrpc":"2.0","id":2,"result":`},
		"EndlessEvent":         {mcptest.EndlessEvent(), `data: {"jsonrpc":"2.0","id":2,"result":`},
		"EndlessNotifications": {mcptest.EndlessNotifications(), "event: message\ndata: "},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			w.srv.Next(c.fault)
			req := w.request(http.MethodPost, w.message("ping", ""), http.Header{"Accept-Encoding": {"identity"}})
			resp, err := w.srv.HTTPClient().Do(req)
			require.NoError(t, err)
			body := io.Reader(resp.Body)
			if resp.Header.Get("Content-Encoding") == "gzip" {
				body, err = gzip.NewReader(body)
				require.NoError(t, err)
			}
			start := make([]byte, enough)
			_, err = io.ReadFull(body, start)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.True(t, bytes.HasPrefix(start, []byte(c.begins)), "%.60s", start)
			require.Equal(t, "next", w.echo("next"))
		})
	}
}
