package mcptest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

func TestEndpointFaults(t *testing.T) {
	srv := mcptest.New(t, mcptest.HTTPSSE())
	origin := strings.TrimSuffix(srv.URL(), "/mcp")
	for name, c := range map[string]struct {
		edit  func(string) string
		want  string // where a POST arrives; "": nowhere, for that is another server
		start string
	}{
		"absolute":        {func(uri string) string { return origin + uri }, "/messages", origin + "/messages?"},
		"relative":        {func(uri string) string { return strings.TrimPrefix(uri, "/") }, "/messages", "messages?"},
		"below":           {func(uri string) string { return "/mcp" + uri }, "/mcp/messages", "/mcp/messages?"},
		"query only":      {func(uri string) string { return strings.TrimPrefix(uri, "/messages") }, "/mcp", "?"},
		"asks the server": {func(uri string) string { srv.Sessions(); return uri }, "/messages", "/messages?"},
		"another origin":  {func(uri string) string { return "http://elsewhere.invalid" + uri }, "", "http://elsewhere.invalid/messages?"},
	} {
		t.Run(name, func(t *testing.T) {
			srv.Next(mcptest.Endpoint(c.edit))
			w := attach(t, srv)
			require.Empty(t, srv.Unused())
			require.True(t, strings.HasPrefix(w.endpoint, c.start), w.endpoint)
			if c.want == "" {
				return
			}
			w.call("initialize", initializeParams)
			requests := srv.Requests()
			require.Equal(t, c.want, requests[len(requests)-1].Path)
		})
	}
}

func TestNoEndpoint(t *testing.T) {
	srv := mcptest.New(t, mcptest.HTTPSSE())
	srv.Next(mcptest.NoEndpoint())
	stream := (&wire{t: t, srv: srv}).live(http.MethodGet, "")
	require.NoError(t, srv.Await(t.Context(), func() bool { return len(srv.Sessions()) == 1 }))
	srv.Broadcast("notifications/acme", nil)
	require.Equal(t, "notifications/acme", stream.message().Method, "it comes first")
}

// TestHTTPSSEStreamFaults aims faults at the GET, and reads the stream from its start.
func TestHTTPSSEStreamFaults(t *testing.T) {
	for name, c := range map[string]struct {
		fault mcptest.Fault
		want  []string // types of the events
		ends  error    // nil: any but EOF
	}{
		"cut before the endpoint": {fault: mcptest.CutStream(0)},
		"cut after the endpoint":  {fault: mcptest.CutStream(1), want: []string{"endpoint"}},
		"cut after two":           {fault: mcptest.CutStream(2), want: []string{"endpoint", "message"}},
		"ended after the second":  {fault: mcptest.BreakStream(2), want: []string{"endpoint", "message"}, ends: io.EOF},
		"text before":             {fault: mcptest.Combine(mcptest.StreamText("event: ready\n\n"), mcptest.CutStream(2)), want: []string{"ready", "endpoint"}},
		"in single bytes":         {fault: mcptest.Combine(mcptest.SplitStream(), mcptest.CutStream(1)), want: []string{"endpoint"}},
	} {
		t.Run(name, func(t *testing.T) {
			srv := mcptest.New(t, mcptest.HTTPSSE())
			srv.Next(c.fault.OnHTTP(http.MethodGet))
			stream := (&wire{t: t, srv: srv}).live(http.MethodGet, "")
			var seen []string
			ev, err := stream.next()
			for ; err == nil; ev, err = stream.next() {
				seen = append(seen, ev.event)
				if ev.event == "endpoint" {
					srv.Broadcast("notifications/acme", nil)
				}
			}
			require.Equal(t, c.want, seen)
			if c.ends != nil {
				require.ErrorIs(t, err, c.ends)
			} else {
				require.NotErrorIs(t, err, io.EOF)
			}
			require.NoError(t, srv.Await(t.Context(), func() bool { return len(srv.Sessions()) == 0 }))
		})
	}
}

// TestHTTPSSEPostFaults aims faults at one call: what its POST and the stream make of it.
func TestHTTPSSEPostFaults(t *testing.T) {
	const stray = `{"jsonrpc":"2.0","id":987654321,"result":{}}`
	for name, c := range map[string]struct {
		fault    mcptest.Fault
		status   int      // 0: the connection was cut
		want     []string // data of the events, "answer" for the right one
		executed int
	}{
		"refused":             {fault: mcptest.Status(500, nil, "broken"), status: 500},
		"swallowed":           {fault: mcptest.Accepted(), status: 202},
		"dropped":             {fault: mcptest.DropBefore()},
		"dropped, answered":   {fault: mcptest.DropAfter(), want: []string{"answer"}, executed: 1},
		"dropped, unanswered": {fault: mcptest.Combine(mcptest.DropAfter(), mcptest.NoAnswer()), executed: 1},
		"unanswered":          {fault: mcptest.NoAnswer(), status: 202, executed: 1},
		"answered first":      {fault: mcptest.AnswerFirst(0), status: 202, want: []string{"answer"}, executed: 1},
		"answered twice":      {fault: mcptest.Twice(), status: 202, want: []string{"answer", "answer"}, executed: 1},
		"stray answer":        {fault: mcptest.StrayAnswer(), status: 202, want: []string{stray, "answer"}, executed: 1},
		"wrong id":            {fault: mcptest.WrongID(), status: 202, want: []string{`{"id":987654321,"jsonrpc":"2.0","result":{"content":[]}}`}, executed: 1},
		"array":               {fault: mcptest.Batch(), status: 202, want: []string{"[answer]"}, executed: 1},
		"malformed event":     {fault: mcptest.StreamText("data: {\"jsonrpc\":\n\n"), status: 202, want: []string{`{"jsonrpc":`, "answer"}, executed: 1},
		"another endpoint":    {fault: mcptest.StreamText("event: endpoint\ndata: /other\n\n"), status: 202, want: []string{"/other", "answer"}, executed: 1},
		"huge event":          {fault: mcptest.StreamText("data: " + strings.Repeat("a", 1<<20) + "\n\n"), status: 202, want: []string{strings.Repeat("a", 1<<20), "answer"}, executed: 1},
		"notification":        {fault: mcptest.Notify("notifications/acme", nil), status: 202, want: []string{`{"jsonrpc":"2.0","method":"notifications/acme"}`, "answer"}, executed: 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := openOld(t)
			w.srv.AddTool(mcpclient.Tool{Name: "quiet"}, nil)
			require.Equal(t, "notifications/tools/list_changed", w.stream.message().Method)
			w.srv.Next(c.fault)
			r, err := w.try(w.requestTo(http.MethodPost, w.endpoint, `{"jsonrpc":"2.0","id":"q","method":"tools/call","params":{"name":"quiet"}}`))
			require.Equal(t, c.status, r.status)
			require.Equal(t, c.status == 0, err != nil, "%v", err)
			for _, want := range c.want {
				ev, err := w.stream.next()
				require.NoError(t, err)
				require.Equal(t, strings.Replace(want, "answer", `{"jsonrpc":"2.0","id":"q","result":{"content":[]}}`, 1), ev.data)
			}
			require.JSONEq(t, `{}`, w.call("ping", ""), "and nothing else came")
			require.Equal(t, c.executed, w.srv.Executed())
			require.Empty(t, w.srv.Unused())
		})
	}
}

// TestHTTPSSECutByACall: the stream ends after so many events from the call on.
func TestHTTPSSECutByACall(t *testing.T) {
	for name, c := range map[string]struct {
		fault mcptest.Fault
		want  int
		soft  bool
	}{
		"cut in place of the answer":   {fault: mcptest.CutStream(0)},
		"cut after the answer":         {fault: mcptest.CutStream(1), want: 1},
		"cut between two":              {fault: mcptest.Combine(mcptest.CutStream(1), mcptest.StrayAnswer()), want: 1},
		"cut, and no answer":           {fault: mcptest.Combine(mcptest.CutStream(0), mcptest.NoAnswer())},
		"ended in place of the answer": {fault: mcptest.BreakStream(0), soft: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := openOld(t)
			w.srv.Next(c.fault.On("tools/call"))
			w.callEcho("the last")
			for range c.want {
				w.stream.message()
			}
			_, err := w.stream.next()
			if c.soft {
				require.ErrorIs(t, err, io.EOF)
			} else {
				require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			}
			require.NoError(t, w.srv.Await(t.Context(), func() bool { return len(w.srv.Sessions()) == 0 && w.srv.Executed() == 1 }))
		})
	}
}

// TestHTTPSSEOrder: the answer and the 202 come by different connections, in any order.
func TestHTTPSSEOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := openOld(t, mcptest.InMemory())
		began := time.Now()
		took := func() time.Duration { return time.Since(began) }

		w.srv.Next(mcptest.AnswerFirst(time.Minute))
		accepted := make(chan time.Duration, 1)
		req := w.requestTo(http.MethodPost, w.endpoint, w.echoCall("early"))
		go func() {
			_, _ = w.try(req)
			accepted <- took()
		}()
		require.Contains(t, w.result(), "early")
		require.Zero(t, took())
		require.Equal(t, time.Minute, <-accepted)

		began = time.Now()
		w.srv.Next(mcptest.Late(time.Hour))
		w.callEcho("late")
		require.Zero(t, took())
		require.Contains(t, w.result(), "late")
		require.Equal(t, time.Hour, took())

		began = time.Now()
		w.srv.Next(mcptest.Late(time.Minute).OnHTTP(http.MethodGet))
		stream := w.live(http.MethodGet, "")
		require.Zero(t, took(), "the header is not late")
		require.Len(t, w.srv.Sessions(), 1)
		ev, err := stream.next()
		require.NoError(t, err)
		require.Equal(t, "endpoint", ev.event)
		require.Equal(t, time.Minute, took())
	})
}

// TestHTTPSSEAnswerFirst withholds the 202 until the stream has carried the answer, not only until there is one.
func TestHTTPSSEAnswerFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := openOld(t, mcptest.InMemory())
		w.srv.Next(mcptest.AnswerFirst(0))
		long := strings.Repeat("a", 1<<20) // more than the connection holds while nobody reads
		req := w.requestTo(http.MethodPost, w.endpoint, w.echoCall(long))
		accepted := make(chan int, 1)
		go func() {
			r, _ := w.try(req)
			accepted <- r.status
		}()
		synctest.Wait()
		require.Equal(t, 1, w.srv.Executed())
		require.Empty(t, accepted)
		require.Contains(t, w.result(), long)
		ended := make(chan error, 1)
		go func() { // in memory a client must read on for the last bytes of an event to leave the server
			_, err := w.stream.next()
			ended <- err
		}()
		require.Equal(t, http.StatusAccepted, <-accepted)
		w.srv.Close()
		require.Error(t, <-ended)
	})
}

// TestHTTPSSELateCallCanBeCancelled before it is executed, and a late stream be left.
func TestHTTPSSELateCallCanBeCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := openOld(t, mcptest.InMemory())
		w.srv.Next(mcptest.Late(time.Hour), mcptest.Late(time.Hour).OnHTTP(http.MethodGet), mcptest.AnswerFirst(time.Hour).On("ping"))
		w.callEcho("never")
		synctest.Wait()
		w.tell(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}`)
		w.live(http.MethodGet, "").close()
		req := w.requestTo(http.MethodPost, w.endpoint, w.message("ping", ""))
		done := make(chan error, 1)
		go func() {
			_, err := w.try(req)
			done <- err
		}()
		require.JSONEq(t, `{}`, w.result())
		w.srv.Close()
		require.Error(t, <-done)
		require.Zero(t, w.srv.Executed())
		require.Empty(t, w.srv.Unused())
	})
}
