package mcpclient_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// The tests of this file are about servers without sessions, in a bubble of fake time.

const (
	listenMethod = "subscriptions/listen"
	ackMethod    = "notifications/subscriptions/acknowledged"
)

// inStateless runs test with a session at a server that keeps no sessions.
func inStateless(t *testing.T, test func(t *testing.T, server *mcptest.Server, session *mcpclient.Session)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		server := tellingServer(t, mcptest.InMemory(), mcptest.Stateless())
		test(t, server, sessionOf(t, server, new(mcpclient.Client)))
	})
}

// subscription answers subscriptions/listen with these messages and keeps the stream open, unless the last one is "end".
// %d in them is the id of the request.
func subscription(messages ...string) mcptest.Fault {
	var id atomic.Value
	return mcptest.Respond(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, m := range messages {
			if m == "end" {
				return
			}
			_, _ = io.WriteString(w, "data: "+strings.ReplaceAll(m, "%d", id.Load().(string))+"\n\n")
			_ = http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
	})).When(func(r mcptest.Request) bool {
		id.Store(string(r.ID))
		return r.Method == listenMethod
	})
}

func notice(method, id string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","method":%q,"params":{"_meta":{"io.modelcontextprotocol/subscriptionId":%s}}}`, method, id)
}

func ack(filter string) string {
	return `{"jsonrpc":"2.0","method":"` + ackMethod + `","params":{"notifications":` + filter + `,"_meta":{"io.modelcontextprotocol/subscriptionId":%d}}}`
}

func TestSubscriptionsAreEachTheirOwn(t *testing.T) {
	inStateless(t, func(t *testing.T, server *mcptest.Server, session *mcpclient.Session) {
		tools, rest := listenTo(t, session, mcpclient.Filter{Tools: true, Logs: mcpclient.LogDebug}), listenTo(t, session, mcpclient.Filter{ResourceURIs: []string{watchedURI}})
		require.Equal(t, mcpclient.Filter{Tools: true}, tools.accepted(), "servers of this kind log for calls alone")
		require.Equal(t, mcpclient.Filter{ResourceURIs: []string{watchedURI}}, rest.accepted())
		require.Equal(t, 2, server.Listening())
		require.ElementsMatch(t, []string{`{"toolsListChanged":true}`, `{"resourceSubscriptions":["` + watchedURI + `"]}`}, askedFor(t, server))

		server.AddTool(newTool("later"), nil)
		server.ResourceUpdated(watchedURI)
		tools.hears(toolsChanged())
		rest.hears(updated(watchedURI))
		synctest.Wait()
		tools.silent()
		rest.silent()

		tools.leave()
		synctest.Wait()
		require.Equal(t, 1, server.Listening(), "closing the response ends a subscription")
	})
}

// askedFor are the filters of the subscriptions that the server was asked for.
func askedFor(t *testing.T, server *mcptest.Server) (filters []string) {
	for _, params := range sentParams(t, server, listenMethod) {
		var wire struct{ Notifications json.RawMessage }
		require.NoError(t, json.Unmarshal([]byte(params), &wire))
		filters = append(filters, string(wire.Notifications))
	}
	return filters
}

func TestSubscriptionEndsAndIsOpenedAnew(t *testing.T) {
	for name, end := range map[string]func(*mcptest.Server){
		"in good order": (*mcptest.Server).EndListens,
		"dropped":       (*mcptest.Server).DropListens,
		"restarted":     (*mcptest.Server).Restart,
		"error": func(s *mcptest.Server) {
			s.Next(mcptest.ErrorAnswer(0, &mcpclient.RPCError{Code: -32603, Message: "oops"}).On(listenMethod))
			s.DropListens()
		},
		"cancelled": func(s *mcptest.Server) {
			s.Next(subscription(ack(`{"toolsListChanged":true}`), `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%d}}`))
			s.DropListens()
		},
		"500":    func(s *mcptest.Server) { s.Next(mcptest.Status(500, nil, "").On(listenMethod)); s.DropListens() },
		"404":    func(s *mcptest.Server) { s.Next(mcptest.Status(404, nil, "").On(listenMethod)); s.DropListens() },
		"HTML":   func(s *mcptest.Server) { s.Next(mcptest.HTML().On(listenMethod)); s.DropListens() },
		"silent": func(s *mcptest.Server) { s.Next(mcptest.Hang().On(listenMethod)); s.DropListens() },
	} {
		t.Run(name, func(t *testing.T) {
			inStateless(t, func(t *testing.T, server *mcptest.Server, session *mcpclient.Session) {
				ear := listenTo(t, session, everything())
				ear.accepted()
				end(server)
				if name == "cancelled" { // and acknowledged before
					ear.accepted()
					ear.hears(suspicions()...)
				}
				require.Equal(t, everything(), ear.accepted())
				ear.hears(suspicions()...)
				server.RemoveTool("add")
				ear.hears(toolsChanged())
				synctest.Wait()
				ear.silent()
				require.Equal(t, 1, server.Listening())
				require.Equal(t, uint64(1), session.Stats().Generation)
			})
		})
	}
}

func TestSubscriptionOutlastsAnOutage(t *testing.T) {
	for name, fault := range map[string]mcptest.Fault{
		"no connection": mcptest.DropBefore(), "busy": mcptest.Status(503, nil, ""), "ends at once": subscription("end"),
		"maintenance": mcptest.HTML(), "no such route": mcptest.Status(404, nil, ""),
		"no answer": mcptest.ResultAnswer(struct{}{}),
	} {
		t.Run(name, func(t *testing.T) {
			inStateless(t, func(t *testing.T, server *mcptest.Server, session *mcpclient.Session) {
				ear := listenTo(t, session, everything())
				ear.accepted()
				if name == "no such route" { // for nothing: it could be any server's
					fault = fault.When(func(mcptest.Request) bool { return true })
				} else {
					fault = fault.On(listenMethod)
				}
				end := server.Always(fault)
				server.DropListens()
				<-time.After(time.Hour)
				tries := len(server.Requests())
				require.Greater(t, tries, 60)
				require.Less(t, tries, 3000, "one in 5 s, each with the requests of a verification")
				ear.silent()
				end()
				ear.accepted()
				ear.hears(suspicions()...)
			})
		})
	}
}

func TestSubscriptionIsRefusedForGood(t *testing.T) {
	for name, c := range map[string]struct {
		fault mcptest.Fault
		is    error
		as    any
	}{
		"unknown method":      {mcptest.ErrorAnswer(404, &mcpclient.RPCError{Code: -32601, Message: "no"}), mcpclient.ErrUnsupported, new(*mcpclient.RPCError)},
		"unknown method, 200": {mcptest.ErrorAnswer(0, &mcpclient.RPCError{Code: -32601, Message: "no"}), mcpclient.ErrUnsupported, new(*mcpclient.RPCError)},
		"404":                 {mcptest.Status(404, nil, ""), mcpclient.ErrUnsupported, new(*mcpclient.HTTPError)},
		"401":                 {mcptest.Status(401, nil, ""), mcpclient.ErrUnauthorized, new(*mcpclient.HTTPError)},
		"bad filter":          {mcptest.ErrorAnswer(400, &mcpclient.RPCError{Code: -32602, Message: "no"}), nil, new(*mcpclient.RPCError)},
		"capability":          {mcptest.ErrorAnswer(400, &mcpclient.RPCError{Code: -32021, Message: "no"}), nil, new(*mcpclient.RPCError)},
		"HTML":                {mcptest.HTML(), mcpclient.ErrProtocol, new(*mcpclient.ProtocolError)},
		"nothing accepted":    {subscription(ack(`{}`)), mcpclient.ErrUnsupported, new(*mcpclient.CallError)},
	} {
		t.Run(name, func(t *testing.T) {
			inStateless(t, func(t *testing.T, server *mcptest.Server, session *mcpclient.Session) {
				server.Always(c.fault.On(listenMethod))
				err := listenTo(t, session, everything()).end()
				require.ErrorAs(t, err, c.as)
				if c.is != nil {
					require.ErrorIs(t, err, c.is)
				}
				require.Len(t, sentParams(t, server, listenMethod), 1)
				require.NoError(t, echoOn(t.Context(), session))
			})
		})
	}
}

// Sloppy servers are understood, and what belongs to another subscription is not ours.
func TestSubscriptionOfSloppyServers(t *testing.T) {
	const tools = "notifications/tools/list_changed"
	for name, c := range map[string]struct {
		messages []string
		changes  int
	}{
		"id as a string":     {[]string{ack(`{"toolsListChanged":true}`), notice(tools, `%d`)}, 1},
		"no ids":             {[]string{`{"jsonrpc":"2.0","method":"` + ackMethod + `"}`, `{"jsonrpc":"2.0","method":"` + tools + `"}`}, 1},
		"own ids":            {[]string{strings.ReplaceAll(ack(`{"toolsListChanged":true}`), "%d", `"s1"`), notice(tools, `"s1"`)}, 1},
		"of another":         {[]string{ack(`{"toolsListChanged":true}`), notice(tools, `4711`), `{"jsonrpc":"2.0","id":4711,"result":{}}`}, 0},
		"not asked for":      {[]string{ack(`{"toolsListChanged":true}`), notice("notifications/prompts/list_changed", `%d`)}, 0},
		"two acks":           {[]string{ack(`{"toolsListChanged":true}`), ack(`{"toolsListChanged":true}`), notice(tools, `%d`)}, 1},
		"request":            {[]string{ack(`{"toolsListChanged":true}`), `{"jsonrpc":"2.0","id":1,"method":"ping"}`, notice(tools, `%d`)}, 1},
		"malformed":          {[]string{ack(`{"toolsListChanged":true}`), `{`, `[]`, `7`, notice(tools, `%d`)}, 1},
		"broken notice":      {[]string{ack(`{"toolsListChanged":true}`), `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":[7]}`, notice(tools, `%d`)}, 1},
		"update of anything": {[]string{ack(`{"toolsListChanged":true}`), `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"other:thing"}}`}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			inStateless(t, func(t *testing.T, server *mcptest.Server, session *mcpclient.Session) {
				server.Next(subscription(c.messages...))
				ear := listenTo(t, session, mcpclient.Filter{Tools: true, ResourceURIs: []string{watchedURI}})
				require.True(t, ear.accepted().Tools)
				for range c.changes {
					require.False(t, ear.next().Synthetic)
				}
				synctest.Wait()
				ear.silent()
				require.Len(t, sentParams(t, server, listenMethod), 1)
			})
		})
	}
}

// The server is replaced by one of the other design, and back, under a live Listen.
func TestListenOutlastsAChangeOfEras(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := tellingServer(t, mcptest.InMemory(), mcptest.Stateless())
		session := sessionOf(t, server, new(mcpclient.Client))
		ear := listenTo(t, session, everything())
		require.Equal(t, everything(), ear.accepted())
		for generation, opts := range [][]mcptest.Option{{mcptest.StandaloneStream()}, {mcptest.Stateless()}, {mcptest.StandaloneStream(), mcptest.Resumable()}} {
			server.Redeploy(append(opts, mcptest.InMemory())...)
			require.Equal(t, everything(), ear.accepted())
			ear.hears(suspicions()...)
			server.AddTool(newTool(fmt.Sprint("tool ", generation)), nil)
			server.ResourceUpdated(watchedURI)
			ear.hears(toolsChanged(), updated(watchedURI))
			synctest.Wait()
			ear.silent()
			require.Equal(t, 1, server.Listening())
			require.Equal(t, uint64(generation+2), session.Stats().Generation)
		}
	})
}

func TestSubscriptionToTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory(), mcptest.Stateless())
		server.AddTool(mcpclient.Tool{Name: "long", Execution: &mcpclient.ToolExecution{TaskSupport: "optional"}}, nil)
		session := sessionOf(t, server, new(mcpclient.Client))
		server.Next(subscription(ack(`{"taskIds":["t1"]}`), `{"jsonrpc":"2.0","method":"notifications/tasks","params":{"taskId":"t1","status":"completed"}}`))
		ear := listenTo(t, session, mcpclient.Filter{Tasks: []string{"t2", "t1"}})
		require.Equal(t, mcpclient.Filter{Tasks: []string{"t1"}}, ear.accepted())
		ear.hears(taskChanged("t1", `{"taskId":"t1","status":"completed"}`))
		require.Equal(t, []string{`{"taskIds":["t1","t2"]}`}, askedFor(t, server))
		require.Contains(t, sentParams(t, server, listenMethod)[0], `"extensions":{"io.modelcontextprotocol/tasks":{}}`)
	})
}

// What is read because of an event does not come from the cache.
func TestListenMakesTheCacheForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := tellingServer(t, mcptest.InMemory(), mcptest.Stateless(), mcptest.CacheHints(time.Hour, "public"))
		session := sessionOf(t, server, new(mcpclient.Client))
		read := func() string {
			tools, err := mcpclient.Collect(session.Tools(t.Context()))
			require.NoError(t, err)
			prompts, err := mcpclient.Collect(session.Prompts(t.Context()))
			require.NoError(t, err)
			resources, err := mcpclient.Collect(session.Resources(t.Context()))
			require.NoError(t, err)
			notes, err := session.ReadResource(t.Context(), watchedURI)
			require.NoError(t, err)
			return fmt.Sprint(len(tools), len(prompts), len(resources), " ", notes.Contents[0].Text)
		}
		require.Equal(t, "2 1 1 one", read())
		write := func(name string) {
			server.AddTool(newTool(name), nil)
			server.AddPrompt(mcpclient.Prompt{Name: name}, nil)
			server.AddResource(mcpclient.Resource{URI: "test://" + name, Name: name})
			server.AddResource(mcpclient.Resource{URI: watchedURI, Name: "notes"}, mcpclient.ResourceContents{Text: name})
		}
		write("two")
		require.Equal(t, "2 1 1 one", read(), "from the cache: nobody listens")

		ear := listenTo(t, session, everything())
		ear.accepted()
		write("three")
		ear.hears(toolsChanged(), promptsChanged(), resourcesChanged(), updated(watchedURI))
		require.Equal(t, "4 3 3 three", read())

		server.DropListens()
		synctest.Wait()
		write("four")
		require.Equal(t, "4 3 3 three", read())
		ear.accepted()
		ear.hears(suspicions()...)
		require.Equal(t, "5 4 4 four", read())
	})
}

// A server that says outright that it speaks another version now is asked anew who it is.
func TestSubscriptionRefusedForTheVersion(t *testing.T) {
	inStateless(t, func(t *testing.T, server *mcptest.Server, session *mcpclient.Session) {
		server.Next(mcptest.VersionUnsupported("another").On(listenMethod))
		ear := listenTo(t, session, everything())
		require.Equal(t, everything(), ear.accepted())
		require.Equal(t, uint64(2), session.Stats().Generation)
		require.Len(t, sentParams(t, server, listenMethod), 2)
	})
}
