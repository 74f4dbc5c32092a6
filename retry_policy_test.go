package mcpclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// retried runs a test of the policy in virtual time.
func retried(t *testing.T, client *mcpclient.Client, test func(t *testing.T, server *mcptest.Server, session *mcpclient.Session), options ...mcptest.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.New(t, append(options, mcptest.InMemory())...)
		test(t, server, connected(t, server, client))
	})
}

// gaps are the waits between the requests with a method.
func gaps(server *mcptest.Server, method string) (waits []time.Duration) {
	requests := requestsBy(server, http.MethodPost, method)
	for i := 1; i < len(requests); i++ {
		waits = append(waits, requests[i].Time.Sub(requests[i-1].Time))
	}
	return waits
}

func calls(session *mcpclient.Session, options ...mcpclient.CallOption) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := session.CallTool(ctx, "echo", nil, options...)
		return err
	}
}

func lists(session *mcpclient.Session) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := mcpclient.Collect(session.Tools(ctx))
		return err
	}
}

// What is repeated, and what is not: the class of the failure, and whether the call may be executed twice.
func TestRetryWhatIsProvenDecides(t *testing.T) {
	type repeated struct{ call, marked, list bool }
	none, harmless, all := repeated{}, repeated{marked: true, list: true}, repeated{true, true, true}
	for name, tt := range map[string]struct {
		fault mcptest.Fault
		want  repeated
	}{
		"429":                   {mcptest.Status(429, nil, ""), all},
		"503 with Retry-After":  {mcptest.Status(503, http.Header{"Retry-After": {"1"}}, ""), all},
		"503":                   {mcptest.Status(503, nil, ""), harmless},
		"500":                   {mcptest.Status(500, nil, ""), harmless},
		"502":                   {mcptest.Status(502, nil, ""), harmless},
		"504":                   {mcptest.Status(504, nil, ""), harmless},
		"520":                   {mcptest.Status(520, nil, ""), harmless},
		"530":                   {mcptest.Status(530, nil, ""), harmless},
		"dropped before":        {mcptest.DropBefore(), harmless},
		"dropped after":         {mcptest.DropAfter(), harmless},
		"truncated":             {mcptest.Truncated(9), harmless},
		"malformed":             {mcptest.Malformed(), harmless},
		"a stranger's id":       {mcptest.WrongID(), harmless},
		"no answer":             {mcptest.NoAnswer(), harmless},
		"a web page":            {mcptest.HTML(), harmless},
		"empty":                 {mcptest.EmptyOK(), harmless},
		"400":                   {mcptest.Status(400, nil, "no"), none},
		"403":                   {mcptest.Status(403, nil, "no"), none},
		"408":                   {mcptest.Status(408, nil, ""), none},
		"413":                   {mcptest.Status(413, nil, ""), none},
		"425":                   {mcptest.Status(425, nil, ""), none},
		"501":                   {mcptest.Status(501, nil, ""), none},
		"redirect elsewhere":    {mcptest.Redirect(307, "http://elsewhere.invalid/"), none},
		"303":                   {mcptest.Redirect(303, "/mcp"), none},
		"over a limit":          {mcptest.EndlessBody(), none},
		"a JSON-RPC error":      {mcptest.ErrorAnswer(200, &mcpclient.RPCError{Code: -32603, Message: "oops"}), none},
		"a JSON-RPC error, 500": {mcptest.ErrorAnswer(500, &mcpclient.RPCError{Code: -32603, Message: "oops"}), none},
	} {
		t.Run(name, func(t *testing.T) {
			retried(t, &mcpclient.Client{MaxMessageSize: 64 << 10}, func(t *testing.T, server *mcptest.Server, session *mcpclient.Session) {
				try := func(method string, want bool, call func(context.Context) error) {
					t.Helper()
					before := len(requestsBy(server, http.MethodPost, method))
					server.Next(tt.fault.On(method))
					err := call(t.Context())
					require.Equal(t, want, err == nil, "%v", err)
					require.Equal(t, want, len(requestsBy(server, http.MethodPost, method)) == before+2)
					if err != nil {
						require.Equal(t, 1, asCallError(t, err).Attempts)
					}
				}
				try("tools/call", tt.want.call, calls(session))
				try("tools/call", tt.want.marked, calls(session, mcpclient.WithIdempotent()))
				try("tools/list", tt.want.list, lists(session))
				require.Empty(t, server.Unused())
				require.Equal(t, 1, server.Initializes())
			})
		})
	}
}

// TestRetryNothingWhereNobodyKnows: the promise that matters most. No number of attempts changes it.
func TestRetryNothingWhereNobodyKnows(t *testing.T) {
	retried(t, &mcpclient.Client{Retry: mcpclient.RetryPolicy{Attempts: 100, Budget: 10_000}}, func(t *testing.T, server *mcptest.Server, session *mcpclient.Session) {
		defer server.Always(mcptest.DropAfter().On("tools/call"))()
		err := calls(session)(t.Context())
		require.Equal(t, mcpclient.DeliveryUnknown, asCallError(t, err).Delivery)
		require.Equal(t, 1, server.Executed())
	})
}

// TestRetryAttemptsAndWaits: three tries, full jitter of 0.5 s and 1 s; all of it can be set.
func TestRetryAttemptsAndWaits(t *testing.T) {
	for name, tt := range map[string]struct {
		policy   mcpclient.RetryPolicy
		attempts int
		bounds   []time.Duration
	}{
		"by default": {mcpclient.RetryPolicy{}, 3, []time.Duration{500 * time.Millisecond, time.Second}},
		"once":       {mcpclient.RetryPolicy{Attempts: 1}, 1, nil},
		"as set": {
			mcpclient.RetryPolicy{Attempts: 5, Base: time.Minute, Cap: 3 * time.Minute, Budget: 1000}, 5,
			[]time.Duration{time.Minute, 2 * time.Minute, 3 * time.Minute, 3 * time.Minute},
		},
	} {
		t.Run(name, func(t *testing.T) {
			longest := make([]time.Duration, len(tt.bounds))
			for range 30 {
				retried(t, &mcpclient.Client{Retry: tt.policy}, func(t *testing.T, server *mcptest.Server, session *mcpclient.Session) {
					defer server.Always(mcptest.Status(429, nil, "").On("tools/call"))()
					err := calls(session)(t.Context())
					require.Equal(t, tt.attempts, asCallError(t, err).Attempts)
					require.Equal(t, 429, asCause[*mcpclient.HTTPError](t, err).StatusCode)
					waits := gaps(server, "tools/call")
					require.Len(t, waits, len(tt.bounds))
					for i, wait := range waits {
						require.LessOrEqual(t, wait, tt.bounds[i])
						longest[i] = max(longest[i], wait)
					}
					require.EqualValues(t, tt.attempts-1, session.Stats().Retries)
				})
			}
			for i, wait := range longest {
				require.Greater(t, wait, tt.bounds[i]*3/4, "the jitter uses its whole room")
			}
		})
	}
}

// TestRetryAfterIsFollowed: never earlier than the server asks for, never later than the caller has time.
func TestRetryAfterIsFollowed(t *testing.T) {
	busy := func(after string) mcptest.Fault {
		return mcptest.Status(503, http.Header{"Retry-After": {after}}, "busy").On("tools/call")
	}
	retried(t, new(mcpclient.Client), func(t *testing.T, server *mcptest.Server, session *mcpclient.Session) {
		server.Next(busy("7"))
		require.NoError(t, calls(session)(t.Context()))
		wait := gaps(server, "tools/call")[0]
		require.GreaterOrEqual(t, wait, 7*time.Second)
		require.LessOrEqual(t, wait, 7500*time.Millisecond)

		failsAtOnce := func(ctx context.Context, hint time.Duration) {
			t.Helper()
			began := time.Now()
			err := calls(session)(ctx)
			require.Zero(t, time.Since(began))
			require.Equal(t, 1, asCallError(t, err).Attempts)
			require.Equal(t, mcpclient.DeliveryRefused, asCallError(t, err).Delivery)
			after, again := mcpclient.RetryAfter(err)
			require.True(t, again)
			require.Equal(t, hint, after, "the caller learns what the server asked for")
		}
		server.Next(busy("61"))
		failsAtOnce(t.Context(), 61*time.Second)
		server.Next(busy("10"))
		short, cancel := context.WithTimeout(t.Context(), 9*time.Second)
		defer cancel()
		failsAtOnce(short, 10*time.Second)
		enough, cancel := context.WithTimeout(t.Context(), 11*time.Second)
		defer cancel()
		server.Next(busy("10"))
		require.NoError(t, calls(session)(enough))
	})
}

// TestRetryEndsWithTheContext: who has given up wants no repeat, and gets the evidence of what was sent.
func TestRetryEndsWithTheContext(t *testing.T) {
	policy := mcpclient.RetryPolicy{Attempts: 10, Base: time.Hour, Cap: time.Hour}
	retried(t, &mcpclient.Client{Retry: policy}, func(t *testing.T, server *mcptest.Server, session *mcpclient.Session) {
		for _, tt := range []struct {
			fault    mcptest.Fault
			delivery mcpclient.Delivery
		}{{mcptest.Status(429, nil, ""), mcpclient.DeliveryRefused}, {mcptest.DropAfter(), mcpclient.DeliveryUnknown}} {
			server.Next(tt.fault.On("tools/call"))
			ctx, cancel := context.WithCancelCause(t.Context())
			stop := time.AfterFunc(time.Millisecond, func() { cancel(errors.New("enough")) })
			err := calls(session, mcpclient.WithIdempotent())(ctx)
			stop.Stop()
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorContains(t, err, "enough")
			require.Equal(t, tt.delivery, asCallError(t, err).Delivery)
			require.Equal(t, 1, asCallError(t, err).Attempts)
		}
		server.Next(mcptest.Status(429, nil, "").On("tools/call"))
		closing := make(chan error, 1)
		go func() { closing <- calls(session)(t.Context()) }()
		synctest.Wait()
		require.NoError(t, session.Close())
		require.ErrorIs(t, <-closing, mcpclient.ErrClosed)
	})
}

// TestRetryBudget: an overloaded server gets ten repeats, and then one for every ten answers.
func TestRetryBudget(t *testing.T) {
	retried(t, new(mcpclient.Client), func(t *testing.T, server *mcptest.Server, session *mcpclient.Session) {
		stop := server.Always(mcptest.Status(503, http.Header{"Retry-After": {"0"}}, "").On("tools/call"))
		for range 1000 {
			require.Error(t, calls(session)(t.Context()))
		}
		require.Len(t, requestsBy(server, http.MethodPost, "tools/call"), 1010)
		require.EqualValues(t, 10, session.Stats().Retries)
		require.EqualValues(t, 995, session.Stats().RetriesOverBudget)
		stop()
		for range 19 {
			require.NoError(t, calls(session)(t.Context()))
		}
		defer server.Always(mcptest.Status(503, http.Header{"Retry-After": {"0"}}, "").On("tools/call"))()
		err := calls(session)(t.Context())
		require.Equal(t, 2, asCallError(t, err).Attempts, "19 answers pay for one")
	})
}

// TestRetryOfDialsIsFree: no server notices them.
func TestRetryOfDialsIsFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory())
		through := new(rerouted)
		through.set(server.HTTPClient().Transport)
		session := connected(t, server, &mcpclient.Client{HTTPClient: &http.Client{Transport: through}})
		down := dialing(t, func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no route") })
		through.set(down)
		for range 50 {
			err := calls(session)(t.Context())
			require.Equal(t, mcpclient.DeliveryNotSent, asCallError(t, err).Delivery)
			require.Equal(t, 3, asCallError(t, err).Attempts)
		}
		require.EqualValues(t, 100, session.Stats().Retries)
		through.set(server.HTTPClient().Transport)
		server.Next(mcptest.Status(429, nil, "").On("tools/call").Times(2))
		require.NoError(t, calls(session)(t.Context()), "the budget is untouched")

		// A call that may have been executed stays one, whatever comes later.
		server.Next(mcptest.Combine(mcptest.DropAfter(), mcptest.Respond(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			through.set(down)
			panic(http.ErrAbortHandler)
		}))).On("tools/call"))
		err := calls(session, mcpclient.WithIdempotent())(t.Context())
		require.Equal(t, 3, asCallError(t, err).Attempts)
		require.ErrorContains(t, err, "no route")
		require.Equal(t, mcpclient.DeliveryUnknown, asCallError(t, err).Delivery)
		require.False(t, mcpclient.SafeToRetry(err))
		through.set(server.HTTPClient().Transport)
	})
}

// TestRetryStrict: for those who have met a gateway that answers 503 after the fact.
func TestRetryStrict(t *testing.T) {
	retried(t, &mcpclient.Client{Retry: mcpclient.RetryPolicy{Strict: true}}, func(t *testing.T, server *mcptest.Server, session *mcpclient.Session) {
		busy := mcptest.Status(503, http.Header{"Retry-After": {"0"}}, "")
		server.Next(busy.On("tools/call"))
		err := calls(session)(t.Context())
		requireProof(t, proof{delivery: mcpclient.DeliveryUnknown}, err)
		server.Next(busy.On("tools/call"), busy.On("tools/list"))
		require.NoError(t, calls(session, mcpclient.WithIdempotent())(t.Context()))
		require.NoError(t, lists(session)(t.Context()))
		server.Next(mcptest.Status(429, nil, "").On("tools/call"))
		require.NoError(t, calls(session)(t.Context()))
	})
}

// TestRetryTrustsAnnotationsOnRequest: a server's word counts only for clients that were told to take it.
func TestRetryTrustsAnnotationsOnRequest(t *testing.T) {
	annotated := map[string]*mcpclient.ToolAnnotations{
		"reads": {ReadOnlyHint: new(true)}, "sets": {IdempotentHint: new(true)}, "adds": {ReadOnlyHint: new(false)}, "silent": nil,
	}
	for _, trusting := range []bool{false, true} {
		retried(t, &mcpclient.Client{Retry: mcpclient.RetryPolicy{TrustAnnotations: trusting}}, func(t *testing.T, server *mcptest.Server, session *mcpclient.Session) {
			for name, annotations := range annotated {
				server.AddTool(mcpclient.Tool{Name: name, Annotations: annotations}, func(context.Context, *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
					return mcptest.Text("done"), nil
				})
			}
			survives := func(tool string) bool {
				server.Next(mcptest.DropAfter().On("tools/call"))
				_, err := session.CallTool(t.Context(), tool, nil)
				return err == nil
			}
			require.False(t, survives("reads"), "nobody has seen the list yet")
			require.NoError(t, lists(session)(t.Context()))
			require.Equal(t, trusting, survives("reads"))
			require.Equal(t, trusting, survives("sets"))
			require.False(t, survives("adds"))
			require.False(t, survives("silent"))

			server.AddTool(mcpclient.Tool{Name: "reads"}, func(context.Context, *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
				return mcptest.Text("done"), nil
			})
			require.NoError(t, lists(session)(t.Context()))
			require.False(t, survives("reads"), "the server has taken its word back")
			server.Next(mcptest.Notify("notifications/tools/list_changed", nil).On("tools/call"))
			require.NoError(t, calls(session)(t.Context()))
			require.False(t, survives("sets"), "what was listed may have changed")
		}, mcptest.Streams())
	}
}

// keyOf is the idempotency key that a request carried.
func keyOf(t *testing.T, r mcptest.Request) string {
	t.Helper()
	var message struct {
		Params struct {
			Meta struct {
				Key string `json:"idempotencyKey"`
			} `json:"_meta"`
		} `json:"params"`
	}
	require.NoError(t, json.Unmarshal(r.Body, &message))
	return message.Params.Meta.Key
}

// TestIdempotencyKeyIsOneForAllAttempts: over repeats and over a lost session, beside the user's own _meta.
func TestIdempotencyKeyIsOneForAllAttempts(t *testing.T) {
	retried(t, new(mcpclient.Client), func(t *testing.T, server *mcptest.Server, session *mcpclient.Session) {
		server.Next(mcptest.DropAfter().On("tools/call"), mcptest.Refuse(mcptest.GoSDK).On("tools/call"))
		require.NoError(t, calls(session, mcpclient.WithMeta("mine", 1), mcpclient.WithProgress(func(mcpclient.Progress) {}), mcpclient.WithIdempotencyKey("order-66"))(t.Context()))
		sent := requestsBy(server, http.MethodPost, "tools/call")
		require.Len(t, sent, 3)
		for _, r := range sent {
			require.Equal(t, "order-66", keyOf(t, r))
			require.Contains(t, string(r.Body), `"mine":1`)
			require.Contains(t, string(r.Body), `"progressToken":`)
		}
		for range 2 {
			server.Next(mcptest.DropAfter().On("tools/call"))
			require.NoError(t, calls(session, mcpclient.WithIdempotencyKey(""))(t.Context()))
		}
		sent = requestsBy(server, http.MethodPost, "tools/call")[3:]
		require.NotEmpty(t, keyOf(t, sent[0]))
		require.Equal(t, keyOf(t, sent[0]), keyOf(t, sent[1]))
		require.NotEqual(t, keyOf(t, sent[0]), keyOf(t, sent[2]), "one of its own for each call")
	})
}

// TestIdempotencyKeyOfARound: what follows an answer is another request, which the server must not take for the first.
func TestIdempotencyKeyOfARound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		session, server := statelesslyInMemory(t, new(mcpclient.Client))
		server.Next(mcptest.InputRequired("later", nil).On("tools/call"), mcptest.DropAfter().On("tools/call"))
		_, err := session.CallTool(t.Context(), "echo", nil, mcpclient.WithIdempotencyKey("k"))
		require.NoError(t, err)
		var keys []string
		for _, r := range requestsBy(server, http.MethodPost, "tools/call") {
			keys = append(keys, keyOf(t, r))
		}
		require.Equal(t, []string{"k", "k/1", "k/1"}, keys)
	})
}

// TestRetryStaysInItsSession: whoever keeps state in the session does not want a call to run in another.
func TestRetryStaysInItsSession(t *testing.T) {
	for policy, want := range map[mcpclient.ReinitializePolicy]bool{
		mcpclient.ReinitializeAndRepeat: true, mcpclient.ReinitializeOnly: false, mcpclient.ReinitializeNever: false,
	} {
		retried(t, &mcpclient.Client{Reinitialize: policy}, func(t *testing.T, server *mcptest.Server, session *mcpclient.Session) {
			server.Next(mcptest.Respond(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				server.Restart() // the stream ends, and the session with it
				w.WriteHeader(http.StatusBadGateway)
			})).On("tools/call"))
			err := calls(session, mcpclient.WithIdempotent())(t.Context())
			require.Equal(t, want, err == nil, "%v", err)
			if !want {
				require.Equal(t, mcpclient.DeliveryUnknown, asCallError(t, err).Delivery, "%v", err)
			}
		}, mcptest.HTTPSSE())
	}
}

// TestRetryIsTold: to the Trace, with the failure that it follows.
func TestRetryIsTold(t *testing.T) {
	var told []string
	trace := &mcpclient.Trace{CallRetried: func(e mcpclient.CallEvent) {
		told = append(told, fmt.Sprintf("%s %s %d: %v", e.Method, e.Target, e.Attempt, e.Err))
	}}
	retried(t, &mcpclient.Client{Trace: trace}, func(t *testing.T, server *mcptest.Server, session *mcpclient.Session) {
		server.Next(mcptest.Status(429, nil, "slow").On("tools/call"), mcptest.Refuse(mcptest.GoSDK).On("tools/call"))
		require.NoError(t, calls(session)(t.Context()))
		require.Len(t, told, 2)
		require.True(t, strings.HasPrefix(told[0], `tools/call echo 2: HTTP 429`), told[0])
		require.True(t, strings.HasPrefix(told[1], `tools/call echo 3: session invalid`), told[1])
		server.Next(mcptest.Refuse(mcptest.GoSDK).On("tools/call"), mcptest.Status(429, nil, "slow").On("tools/call"))
		require.NoError(t, calls(session)(t.Context()))
		require.Len(t, told, 4)
		require.EqualValues(t, 2, session.Stats().Retries)
		require.EqualValues(t, 2, session.Stats().Resends)
	})
}
