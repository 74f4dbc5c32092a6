package mcpclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// wrongResult checks that a result was refused by its type, and that nothing was sent again.
func wrongResult(t *testing.T, err error, server *mcptest.Server, method, kind string) {
	t.Helper()
	asCause[*mcpclient.ProtocolError](t, err)
	require.ErrorIs(t, err, mcpclient.ErrProtocol)
	require.Equal(t, mcpclient.DeliveryAnswered, asCallError(t, err).Delivery)
	require.ErrorContains(t, err, kind)
	require.Len(t, requestsBy(server, http.MethodPost, method), 1)
}

// TestStatelessResultTypes: what says nothing of itself is complete. A type that nobody asked for is an invalid result, also
// of a method that this package does not know.
func TestStatelessResultTypes(t *testing.T) {
	for _, result := range []string{
		`{"content":[]}`, `{"content":[],"resultType":"complete"}`, `{"content":[],"resultType":null}`,
		`{"content":[],"structuredContent":{"resultType":"strange"}}`,
	} {
		session, server := statelessly(t, new(mcpclient.Client))
		server.Always(answering("tools/call", result))
		_, err := session.CallTool(t.Context(), "echo", nil)
		require.NoError(t, err, result)
	}
	for kind, result := range map[string]string{
		"strange": `{"content":[],"resultType":"strange"}`, "task": `{"content":[],"resultType":"task","taskId":"1"}`, "COMPLETE": `{"content":[],"resultType":"COMPLETE"}`,
		"cannot be read": `{"content":[],"resultType":7}`,
	} {
		session, server := statelessly(t, new(mcpclient.Client))
		oneOfEach(server)
		server.Always(answering("tools/call", result))
		server.Always(answering("acme/thing", result))
		_, err := session.CallTool(t.Context(), "echo", nil)
		wrongResult(t, err, server, "tools/call", kind)
		wrongResult(t, session.Request(t.Context(), "acme/thing", nil, nil), server, "acme/thing", kind)
	}
}

// TestStatelessInputWhereNoneBelongs: only three methods may ask for input.
func TestStatelessInputWhereNoneBelongs(t *testing.T) {
	session, server := statelessly(t, &mcpclient.Client{Elicit: func(context.Context, *mcpclient.Elicitation) (*mcpclient.ElicitationReply, error) {
		t.Error("the user was asked")
		return mcpclient.Accept(nil), nil
	}})
	oneOfEach(server)
	const wants = `{"resultType":"input_required","requestState":"s","inputRequests":{"k":{"method":"elicitation/create","params":{"message":"?"}}}}`
	for _, method := range []string{"tools/list", "completion/complete", "acme/thing"} {
		server.Next(answering(method, wants))
	}
	_, err := mcpclient.Collect(session.Tools(t.Context()))
	wrongResult(t, err, server, "tools/list", "input_required")
	_, err = session.CompletePrompt(t.Context(), "ask", mcpclient.CompletionArgument{Name: "n"})
	wrongResult(t, err, server, "completion/complete", "input_required")
	wrongResult(t, session.Request(t.Context(), "acme/thing", nil, nil), server, "acme/thing", "input_required")
	require.Empty(t, server.Unused())
}

// TestStatelessStructuredNull: null is a structured result, none is something else.
func TestStatelessStructuredNull(t *testing.T) {
	session, server := statelessly(t, new(mcpclient.Client))
	server.Next(answering("tools/call", `{"content":[],"structuredContent":null}`), answering("tools/call", `{"content":[]}`), answering("tools/call", `{"content":[],"structuredContent":[1,"x"]}`))
	for _, want := range []string{"null", "", `[1,"x"]`} {
		result, err := session.CallTool(t.Context(), "echo", nil)
		require.NoError(t, err)
		require.Equal(t, want, string(result.Structured))
	}
}

// TestStatelessEmptyCursor: the empty text is a cursor like any other, here. A list that repeats it would never end.
func TestStatelessEmptyCursor(t *testing.T) {
	session, server := statelessly(t, new(mcpclient.Client), mcptest.WithoutDefaultTools(), mcptest.PageSize(2), mcptest.EmptyCursor())
	want := []string{"a", "b", "c", "d", "e"}
	for _, name := range want {
		server.AddTool(mcpclient.Tool{Name: name}, nil)
	}
	got, err := names(session.Tools(t.Context()), toolName, nil)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Contains(t, sentParams(t, server, "tools/list")[1], `"cursor":""`)

	server.Always(mcptest.NextCursor(""))
	_, err = names(session.Tools(t.Context()), toolName, nil)
	require.Contains(t, asCause[*mcpclient.ProtocolError](t, err).Reason, "repeats a cursor")
}

// TestStatelessHeaderMismatch: the server may know a tool's schema better. Its list is read anew, past the cache, and the call
// is sent once more, with the headers that belong to it.
func TestStatelessHeaderMismatch(t *testing.T) {
	session, server := statelessly(t, new(mcpclient.Client), mcptest.CacheHints(time.Hour, "public"), mcptest.PageSize(1))
	server.AddTool(mcpclient.Tool{Name: "query"}, nil)
	_, err := mcpclient.Collect(session.Tools(t.Context()))
	require.NoError(t, err)
	lists := len(requestsBy(server, http.MethodPost, "tools/list"))
	require.Equal(t, 3, lists)

	server.AddTool(mcpclient.Tool{Name: "query", InputSchema: json.RawMessage(`{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}}}`)}, nil)
	_, err = session.CallTool(t.Context(), "query", map[string]any{"region": "eu"})
	require.NoError(t, err)
	require.Len(t, requestsBy(server, http.MethodPost, "tools/list"), 2*lists, "all pages, none from the cache")
	calls := requestsBy(server, http.MethodPost, "tools/call")
	require.Len(t, calls, 2)
	require.Equal(t, http.StatusBadRequest, calls[0].Status)
	require.Equal(t, "eu", calls[1].Header.Get(paramsHeader+"Region"))
	require.NotEqual(t, calls[0].ID, calls[1].ID)
	require.Len(t, server.Executions(), 1)

	_, err = session.CallTool(t.Context(), "query", map[string]any{"region": "us"})
	require.NoError(t, err)
	require.Len(t, requestsBy(server, http.MethodPost, "tools/call"), 3, "it is known now")

	tools, err := mcpclient.Collect(session.Tools(t.Context()))
	require.NoError(t, err)
	i := slices.IndexFunc(tools, func(tool *mcpclient.Tool) bool { return tool.Name == "query" })
	require.Contains(t, string(tools[i].InputSchema), "Region", "the cache does not keep what the server contradicts")
}

// TestStatelessHeaderMismatchStays: one repeat, then the error is the caller's. Other methods are not repeated, and a call is
// not where its list cannot be read.
func TestStatelessHeaderMismatchStays(t *testing.T) {
	mismatch := func(t *testing.T, err error) {
		t.Helper()
		require.Equal(t, int64(-32020), asCause[*mcpclient.RPCError](t, err).Code)
		require.Equal(t, mcpclient.DeliveryRefused, asCallError(t, err).Delivery)
	}
	session, server := statelessly(t, new(mcpclient.Client))
	server.Always(mcptest.HeaderMismatch())
	_, err := session.CallTool(t.Context(), "echo", nil)
	mismatch(t, err)
	require.Len(t, requestsBy(server, http.MethodPost, "tools/call"), 1)
	require.Len(t, requestsBy(server, http.MethodPost, "tools/list"), 1)
	_, err = session.ReadResource(t.Context(), "file:///a")
	mismatch(t, err)
	require.Len(t, requestsBy(server, http.MethodPost, "resources/read"), 1)
	_, err = mcpclient.Collect(session.Prompts(t.Context()))
	mismatch(t, err)
	require.Len(t, requestsBy(server, http.MethodPost, "prompts/list"), 1)
	require.NoError(t, session.Err())

	session, server = statelessly(t, new(mcpclient.Client))
	server.Always(mcptest.HeaderMismatch().On("tools/call"))
	server.Always(mcptest.HeaderMismatch().On("prompts/get"))
	_, err = session.GetPrompt(t.Context(), "ask", nil)
	mismatch(t, err)
	require.Len(t, requestsBy(server, http.MethodPost, "prompts/get"), 1)
	require.Empty(t, requestsBy(server, http.MethodPost, "tools/list"), "the tools have nothing to do with it")
	_, err = session.CallTool(t.Context(), "echo", nil)
	mismatch(t, err)
	require.Equal(t, 2, asCallError(t, err).Attempts)
	require.Len(t, requestsBy(server, http.MethodPost, "tools/call"), 2)
	require.Zero(t, server.Executed())
}

// TestStatelessMismatchRefreshCancelled: who gives up while the list is read anew has given up, and met no mismatch.
func TestStatelessMismatchRefreshCancelled(t *testing.T) {
	session, server := statelessly(t, new(mcpclient.Client))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	server.Always(mcptest.HeaderMismatch().On("tools/call"))
	server.Always(mcptest.Respond(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})).On("tools/list"))
	_, err := session.CallTool(ctx, "echo", nil)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, mcpclient.DeliveryRefused, asCallError(t, err).Delivery)
}

// TestStatelessMissingCapability: the error says what the server would need, and that it has done nothing.
func TestStatelessMissingCapability(t *testing.T) {
	session, server := statelessly(t, new(mcpclient.Client))
	server.AddTool(mcpclient.Tool{Name: "asks"}, func(ctx context.Context, req *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		_, err := req.Ask(ctx, "sampling/createMessage", map[string]any{"messages": []any{}, "maxTokens": 1})
		return nil, err
	})
	_, err := session.CallTool(t.Context(), "asks", nil)
	refused := asCause[*mcpclient.RPCError](t, err)
	require.Equal(t, int64(-32021), refused.Code)
	require.JSONEq(t, `{"requiredCapabilities":{"sampling":{}}}`, string(refused.Data))
	require.Equal(t, mcpclient.DeliveryRefused, asCallError(t, err).Delivery)
	require.Len(t, requestsBy(server, http.MethodPost, "tools/call"), 1)
	require.NoError(t, session.Err())
}

// TestStatelessVersionRefused: an instance that lists our version all the same is asked again, a bounded number of times.
func TestStatelessVersionRefused(t *testing.T) {
	session, server := statelessly(t, new(mcpclient.Client))
	server.Next(mcptest.VersionUnsupported("2099-01-01", statelessVersion).On("tools/call").Times(2))
	_, err := session.CallTool(t.Context(), "echo", nil)
	require.NoError(t, err)
	require.Equal(t, 1, server.Executed())
	require.Len(t, requestsBy(server, http.MethodPost, "tools/call"), 3)
	require.EqualValues(t, 1, session.Stats().Generation)

	server.Always(mcptest.VersionUnsupported(statelessVersion).On("tools/call"))
	_, err = session.CallTool(t.Context(), "echo", nil)
	require.Equal(t, int64(-32022), asCause[*mcpclient.RPCError](t, err).Code)
	require.Equal(t, mcpclient.DeliveryRefused, asCallError(t, err).Delivery)
	require.Equal(t, 3, asCallError(t, err).Attempts)
	require.NoError(t, session.Err())
}

// TestStatelessVersionGone: a server that has left our version behind is met anew, once; the call goes on with what is found.
func TestStatelessVersionGone(t *testing.T) {
	session, server := statelessly(t, new(mcpclient.Client), mcptest.DualEra())
	server.Next(mcptest.VersionUnsupported("2025-11-25").On("tools/call"), mcptest.VersionUnsupported("2025-11-25").On(discoverMethod))
	_, err := session.CallTool(t.Context(), "echo", nil)
	require.NoError(t, err)
	require.Equal(t, 1, server.Executed())
	require.NotEmpty(t, session.ID(), "it has found a server with sessions")
	require.EqualValues(t, 2, session.Stats().Generation)

	session, server = statelessly(t, new(mcpclient.Client))
	server.Always(mcptest.VersionUnsupported("2099-01-01"))
	_, err = session.CallTool(t.Context(), "echo", nil)
	require.Equal(t, []string{"2099-01-01"}, asCause[*mcpclient.VersionError](t, err).Offered)
	require.Equal(t, mcpclient.DeliveryRefused, asCallError(t, err).Delivery)
	require.Zero(t, server.Executed())
}

// TestStatelessUnknownMethod: 404 with -32601 is an answer. It loses nothing, and nobody is asked for the era again.
func TestStatelessUnknownMethod(t *testing.T) {
	session, server := statelessly(t, new(mcpclient.Client))
	err := session.Request(t.Context(), "acme/none", nil, nil)
	require.Equal(t, int64(-32601), asCause[*mcpclient.RPCError](t, err).Code)
	require.Equal(t, mcpclient.DeliveryAnswered, asCallError(t, err).Delivery)
	require.NotErrorIs(t, err, mcpclient.ErrSessionInvalid)

	server.Next(mcptest.ErrorAnswer(http.StatusBadRequest, &mcpclient.RPCError{Code: -32602, Message: "bad _meta"}))
	_, err = session.CallTool(t.Context(), "echo", nil)
	require.Equal(t, int64(-32602), asCause[*mcpclient.RPCError](t, err).Code)
	require.Equal(t, mcpclient.DeliveryAnswered, asCallError(t, err).Delivery)

	require.NoError(t, session.Err())
	require.EqualValues(t, 1, session.Stats().Generation)
	require.Len(t, requestsBy(server, http.MethodPost, discoverMethod), 1)
	require.Len(t, server.Requests(), 3)
}

// TestStatelessLooksLegacy: what an older server would say is asked about once, and is the caller's error where the era is as it was.
func TestStatelessLooksLegacy(t *testing.T) {
	session, server := statelessly(t, new(mcpclient.Client))
	server.Next(mcptest.Status(http.StatusNotFound, nil, "404 page not found"))
	_, err := session.CallTool(t.Context(), "echo", nil)
	require.Equal(t, http.StatusNotFound, asCause[*mcpclient.HTTPError](t, err).StatusCode)
	require.Len(t, requestsBy(server, http.MethodPost, discoverMethod), 2)
	require.NoError(t, session.Err())
	require.Zero(t, session.Stats().Losses)
}

// TestStatelessCancellation: closing the response says it, and nothing else does.
func TestStatelessCancellation(t *testing.T) {
	for name, end := range map[string]struct {
		ctx  func(t *testing.T) (context.Context, func())
		want error
	}{
		"cancel": {func(t *testing.T) (context.Context, func()) {
			ctx, cancel := context.WithCancel(t.Context())
			return ctx, cancel
		}, context.Canceled},
		"deadline": {func(t *testing.T) (context.Context, func()) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			t.Cleanup(cancel)
			return ctx, func() {}
		}, context.DeadlineExceeded},
	} {
		for _, streams := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var options []mcptest.Option
					if streams {
						options = append(options, mcptest.Streams())
					}
					session, server := statelesslyInMemory(t, new(mcpclient.Client), options...)
					entered, _ := heldTool(server)
					ctx, stop := end.ctx(t)
					failed := make(chan error)
					go func() {
						_, err := session.CallTool(ctx, "hold", nil)
						failed <- err
					}()
					<-entered
					stop()
					err := <-failed
					require.ErrorIs(t, err, end.want)
					require.Equal(t, mcpclient.DeliveryUnknown, asCallError(t, err).Delivery)
					require.NoError(t, server.Await(t.Context(), func() bool { return len(server.Abandoned()) == 1 }))
					require.NoError(t, session.Close())
					require.Empty(t, server.Cancelled())
					require.Len(t, server.Requests(), 2)
				})
			})
		}
	}
}

// TestStatelessClose ends what is in flight.
func TestStatelessClose(t *testing.T) {
	session, server := statelessly(t, new(mcpclient.Client))
	entered, _ := heldTool(server)
	failed := make(chan error)
	go func() {
		_, err := session.CallTool(t.Context(), "hold", nil)
		failed <- err
	}()
	<-entered
	require.NoError(t, session.Close())
	requireClosed(t, <-failed, mcpclient.DeliveryUnknown)
	require.NoError(t, server.Await(t.Context(), func() bool { return len(server.Abandoned()) == 1 }))
	require.Empty(t, server.Cancelled())
	require.Len(t, server.Requests(), 2, "nobody says goodbye to a server that remembers nothing")
}

// requireBroken checks the error of a reply that broke, each time.
func requireBroken(t *testing.T, err error, attempts int) {
	t.Helper()
	failed := asCallError(t, err)
	require.Equal(t, mcpclient.DeliveryUnknown, failed.Delivery)
	require.Equal(t, attempts, failed.Attempts)
	require.False(t, mcpclient.SafeToRetry(err))
}

// TestStatelessBrokenReplies: the reply to a harmless request is asked for anew, a bounded number of times; that of a tool call
// is not, unless the caller knows that it does no harm.
func TestStatelessBrokenReplies(t *testing.T) {
	for name, broken := range map[string]mcptest.Fault{
		"ended": mcptest.BreakStream(0), "cut": mcptest.CutStream(0), "no answer": mcptest.NoAnswer(), "dropped": mcptest.DropAfter(), "truncated": mcptest.Truncated(9),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				session, server := statelesslyInMemory(t, &mcpclient.Client{NoCache: true, Retry: mcpclient.RetryPolicy{Budget: 1000}}, mcptest.Streams())
				oneOfEach(server)
				calls := map[string]func(...mcpclient.CallOption) error{
					"resources/read": func(o ...mcpclient.CallOption) error {
						_, err := session.ReadResource(t.Context(), "file:///a", o...)
						return err
					},
					"prompts/list": func(...mcpclient.CallOption) error {
						_, err := mcpclient.Collect(session.Prompts(t.Context()))
						return err
					},
					"tools/call": func(o ...mcpclient.CallOption) error {
						_, err := session.CallTool(t.Context(), "echo", nil, o...)
						return err
					},
					"acme/thing": func(o ...mcpclient.CallOption) error {
						return session.Request(t.Context(), "acme/thing", nil, nil, o...)
					},
				}
				for method, call := range calls {
					harmless := method == "resources/read" || method == "prompts/list"
					var options []mcpclient.CallOption
					if !harmless {
						server.Next(broken.On(method))
						requireBroken(t, call(), 1)
						require.Len(t, requestsBy(server, http.MethodPost, method), 1)
						options = append(options, mcpclient.WithIdempotent())
					}
					before := len(requestsBy(server, http.MethodPost, method))
					server.Next(broken.On(method).Times(2))
					require.NoError(t, call(options...), method)
					require.Len(t, requestsBy(server, http.MethodPost, method), before+3)

					stop := server.Always(broken.On(method))
					requireBroken(t, call(options...), 3)
					require.GreaterOrEqual(t, len(requestsBy(server, http.MethodPost, method)), before+6)
					stop()
				}
				require.Empty(t, server.Unused())
				for _, r := range server.Requests() {
					require.Empty(t, r.Header.Get("Last-Event-ID"))
					require.Equal(t, http.MethodPost, r.HTTPMethod)
				}
				require.NoError(t, session.Err())
			})
		})
	}
}

// TestStatelessBrokenReplyCancelled: who gives up before the repeat has given up.
func TestStatelessBrokenReplyCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 20 { // the wait before the repeat is random
			session, server := statelesslyInMemory(t, new(mcpclient.Client), mcptest.Streams())
			cause := errors.New("enough")
			ctx, cancel := context.WithCancelCause(t.Context())
			server.Always(mcptest.NoAnswer().On("resources/read"))
			server.AddResourceFunc(mcpclient.Resource{URI: "file:///a", Name: "a"}, func(context.Context, string) ([]mcpclient.ResourceContents, error) {
				time.AfterFunc(time.Millisecond, func() { cancel(cause) })
				return nil, nil
			})
			_, err := session.ReadResource(ctx, "file:///a")
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorIs(t, err, cause)
			require.Equal(t, mcpclient.DeliveryUnknown, asCallError(t, err).Delivery)
			require.Empty(t, server.Cancelled())
			require.NoError(t, session.Close())
			server.Close()
		}
	})
}
