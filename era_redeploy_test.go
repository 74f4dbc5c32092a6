package mcpclient_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// redeployed is a session whose server is put into another era's place, while nobody calls.
type redeployed struct {
	server  *mcptest.Server
	session *mcpclient.Session
	client  *mcpclient.Client
	calls   int
	before  int // requests
}

func newRedeployed(t *testing.T, client *mcpclient.Client, options []mcptest.Option) *redeployed {
	t.Helper()
	server := mcptest.New(t, append(slices.Clone(options), mcptest.InMemory())...)
	return &redeployed{server: server, client: client, session: connected(t, server, client)}
}

// redeploy waits until the client has noticed that its connections are cut.
func (r *redeployed) redeploy(options []mcptest.Option) {
	r.server.Redeploy(options...)
	synctest.Wait()
	r.before = len(r.server.Requests())
}

// calling makes as many calls at once, all of which must succeed and be executed once.
func (r *redeployed) calling(t *testing.T, callers int) {
	t.Helper()
	var group errgroup.Group
	for i := range callers {
		nonce := strconv.Itoa(r.calls + i)
		group.Go(func() error {
			result, err := r.session.CallTool(t.Context(), "echo", map[string]string{"text": nonce, "nonce": nonce})
			if err == nil && result.Text() != nonce {
				err = fmt.Errorf("call %s got the answer %q", nonce, result.Text())
			}
			return err
		})
	}
	require.NoError(t, group.Wait())
	r.calls += callers
	require.Equal(t, r.calls, r.server.Executed())
	require.Empty(t, r.server.Repeated())
	require.NoError(t, r.session.Err())
}

// negotiation returns what was sent since the redeploy, beside the calls.
func (r *redeployed) negotiation() []string {
	var methods []string
	for _, method := range methodsSent(r.server, r.before) {
		if method != "tools/call" {
			methods = append(methods, method)
		}
	}
	return methods
}

// How a server may be replaced, and what finding that out costs, once for all callers.
var redeploys = map[string]struct {
	from, to    []mcptest.Option
	version     string // spoken afterwards
	back        string // and when the first server is back
	negotiation []string
}{
	"session, stateless": {nil, []mcptest.Option{mcptest.Stateless()}, newestVersion, newestHandmade, []string{"tools/list", "initialize", "server/discover"}},
	"stateless, session": {
		[]mcptest.Option{mcptest.Stateless()}, nil, newestHandmade, newestVersion,
		[]string{"server/discover", "server/discover", "initialize", "notifications/initialized"}, // the first is the verification
	},
	"stateless, sessionless": {
		[]mcptest.Option{mcptest.Stateless()}, []mcptest.Option{mcptest.WithoutSessions()}, newestHandmade, newestVersion,
		[]string{"server/discover", "server/discover", "initialize", "notifications/initialized"},
	},
	"sessionless, stateless": {
		[]mcptest.Option{mcptest.WithoutSessions()}, []mcptest.Option{mcptest.Stateless()}, newestVersion, newestHandmade,
		[]string{"tools/list", "initialize", "server/discover"},
	},
	"both, session": {
		[]mcptest.Option{mcptest.DualEra()}, nil, newestHandmade, newestHandmade,
		[]string{"server/discover", "server/discover", "initialize", "notifications/initialized"},
	},
	"session, both":        {nil, []mcptest.Option{mcptest.DualEra()}, newestHandmade, newestHandmade, []string{"initialize", "notifications/initialized"}},
	"stateless, both":      {[]mcptest.Option{mcptest.Stateless()}, []mcptest.Option{mcptest.DualEra()}, newestVersion, newestVersion, nil},
	"stateless, anew":      {[]mcptest.Option{mcptest.Stateless()}, []mcptest.Option{mcptest.Stateless()}, newestVersion, newestVersion, nil},
	"session, anew":        {nil, nil, newestHandmade, newestHandmade, []string{"initialize", "notifications/initialized"}},
	"session, sessionless": {nil, []mcptest.Option{mcptest.WithoutSessions()}, newestHandmade, newestHandmade, nil},
	"sessionless, session": {
		[]mcptest.Option{mcptest.WithoutSessions()}, nil, newestHandmade, newestHandmade,
		[]string{"tools/list", "initialize", "notifications/initialized"},
	},
}

// TestRedeployUnderALiveClient: fifty callers do not notice that the server has changed its era, and changes back.
func TestRedeployUnderALiveClient(t *testing.T) {
	const callers = 50
	for name, tt := range redeploys {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var restored atomic.Int64
				r := newRedeployed(t, &mcpclient.Client{Trace: &mcpclient.Trace{
					SessionRestored: func(mcpclient.SessionEvent) { restored.Add(1) },
				}}, tt.from)
				r.calling(t, callers)
				losses := int64(0)
				if len(tt.negotiation) > 0 {
					losses++
				}

				r.redeploy(tt.to)
				r.calling(t, callers)
				require.Equal(t, tt.version, r.session.Server().ProtocolVersion)
				require.Equal(t, tt.negotiation, r.negotiation(), "once for all")
				require.Equal(t, losses, r.session.Stats().Losses)
				require.Equal(t, losses, restored.Load())
				r.calling(t, callers)
				require.Equal(t, tt.negotiation, r.negotiation(), "and for good")

				r.redeploy(tt.from)
				r.calling(t, callers)
				r.calling(t, callers)
				require.Equal(t, tt.back, r.session.Server().ProtocolVersion)
				require.LessOrEqual(t, r.session.Stats().Losses, losses+1)
				require.LessOrEqual(t, len(r.negotiation()), 4)

				other := connected(t, r.server, r.client)
				require.Equal(t, r.session.Server().ProtocolVersion, other.Server().ProtocolVersion, "the Client remembers the newer finding")
			})
		})
	}
}

// TestRedeployBehindLegacyAnswers: what a server of sessions says to a request of the stateless era differs; the session goes on.
func TestRedeployBehindLegacyAnswers(t *testing.T) {
	for name, answer := range map[string]mcptest.Fault{
		"400 without a word":    mcptest.Status(400, nil, ""),
		"400, a session is due": refusing(400, -32000, "Bad Request: Mcp-Session-Id header is required"),
		"400, a version":        refusing(400, -32000, "Bad Request: Unsupported protocol version: 2026-07-28"),
		"400, an id":            refusing(400, -32600, "Missing session ID"),
		"400, not initialized":  refusing(400, -32000, "Bad Request: Server not initialized"),
		"404":                   mcptest.Status(404, nil, "404 page not found"),
		"404 with a JSON error": refusing(404, -32001, "Session not found"),
		"405":                   mcptest.Status(405, nil, ""),
		"406":                   mcptest.Status(406, nil, ""),
		"410":                   mcptest.Status(410, nil, ""),
		"415":                   mcptest.Status(415, nil, ""),
		"older versions alone":  mcptest.VersionUnsupported(newestHandmade),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRedeployed(t, new(mcpclient.Client), []mcptest.Option{mcptest.Stateless()})
				r.calling(t, 1)
				r.server.Always(answer.When(func(q mcptest.Request) bool { return q.Header.Get("Mcp-Protocol-Version") == newestVersion }))
				r.redeploy(nil)
				r.calling(t, 10)
				require.Equal(t, newestHandmade, r.session.Server().ProtocolVersion)
				require.EqualValues(t, 1, r.session.Stats().Losses)
			})
		})
	}
}

// TestRedeployBehindStatelessAnswers: the other way round.
func TestRedeployBehindStatelessAnswers(t *testing.T) {
	for name, answer := range map[string]mcptest.Fault{
		"a header is missing":  mcptest.HeaderMismatch(),
		"a version":            mcptest.VersionUnsupported(newestVersion),
		"metadata are missing": refusing(400, -32602, "Missing required _meta: io.modelcontextprotocol/protocolVersion"),
		"a capability":         refusing(400, -32021, "Missing capabilities"),
		"under a 200":          refusing(200, -32022, "Unsupported protocol version"),
		"unknown session":      mcptest.Status(404, nil, ""),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRedeployed(t, new(mcpclient.Client), nil)
				r.calling(t, 1)
				r.server.Always(answer.When(func(q mcptest.Request) bool { return q.Header.Get("Mcp-Protocol-Version") == newestHandmade }))
				r.redeploy([]mcptest.Option{mcptest.Stateless()})
				r.calling(t, 10)
				require.Equal(t, newestVersion, r.session.Server().ProtocolVersion)
				require.EqualValues(t, 1, r.session.Stats().Losses)
			})
		})
	}
}

// TestLookAlikesOfARedeploy: an answer to one call that only looks so is that call's error, and costs one question.
func TestLookAlikesOfARedeploy(t *testing.T) {
	for era, options := range map[string][]mcptest.Option{newestHandmade: nil, newestVersion: {mcptest.Stateless()}, "sessionless": {mcptest.WithoutSessions()}} {
		for name, answer := range map[string]mcptest.Fault{
			"a gateway that wants a session": refusing(400, -32000, "Session ID required by the backend"),
			"an argument is reserved":        refusing(400, -32602, "io.modelcontextprotocol/x is reserved"),
			"a bad request":                  mcptest.Status(400, nil, "too long"),
			"a capability":                   refusing(400, -32021, "needs sampling"),
		} {
			t.Run(name+", "+era, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newRedeployed(t, new(mcpclient.Client), options)
					r.server.Next(answer.On("tools/call"))
					_, err := r.session.CallTool(t.Context(), "echo", nil)
					if era == newestHandmade && name == "a gateway that wants a session" {
						require.NoError(t, err, "row S8: to a request with a session id that is a loss")
						return
					}
					asCallError(t, err)
					require.NotErrorIs(t, err, mcpclient.ErrSessionInvalid)
					require.Zero(t, r.session.Stats().Losses)
					require.LessOrEqual(t, len(methodsSent(r.server, 0)), 5)
					r.calling(t, 5)
				})
			})
		}
	}
}

// TestRedeployUnderAPin: who wants one version gets that, or is told.
func TestRedeployUnderAPin(t *testing.T) {
	for version, eras := range map[string][2][]mcptest.Option{
		newestHandmade: {nil, {mcptest.Stateless()}}, newestVersion: {{mcptest.Stateless()}, nil},
	} {
		t.Run(version, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRedeployed(t, &mcpclient.Client{ProtocolVersion: version}, eras[0])
				r.calling(t, 5)
				r.redeploy(eras[1])
				_, err := r.session.CallTool(t.Context(), "echo", nil)
				require.ErrorIs(t, err, mcpclient.ErrSessionInvalid)
				require.NotEmpty(t, asCause[*mcpclient.SessionError](t, err).Reason)
				require.Equal(t, []string{version}, asCause[*mcpclient.VersionError](t, err).Wanted)
				require.True(t, mcpclient.SafeToRetry(err))
				r.redeploy(eras[0])
				require.NoError(t, r.session.Reinitialize(t.Context()))
				r.calling(t, 5)
			})
		})
	}
}

// TestRedeployInTheMiddle: over TCP, with calls in flight when the connections are cut. Those may fail, as unknown or not sent. No
// call is executed twice, and whatever was answered was executed.
func TestRedeployInTheMiddle(t *testing.T) {
	const callers, redeployments = 50, 8
	server := mcptest.New(t, mcptest.History(1))
	session, err := mcpclient.Connect(t.Context(), server.URL())
	require.NoError(t, err)
	defer func() { require.NoError(t, session.Close()) }()
	var answered, failed atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				nonce := fmt.Sprintf("%d/%d", caller, n)
				_, err := session.CallTool(t.Context(), "echo", map[string]string{"nonce": nonce})
				if err == nil {
					answered.Add(1)
					continue
				}
				failed.Add(1)
				if !acceptable(err) {
					t.Errorf("call %s: %v", nonce, err)
					return
				}
			}
		})
	}
	eras := [][]mcptest.Option{{mcptest.Stateless()}, nil, {mcptest.DualEra()}, {mcptest.WithoutSessions()}}
	for i := range redeployments {
		some := answered.Load() + callers
		require.NoError(t, server.Await(t.Context(), func() bool { return answered.Load() >= some }))
		server.Redeploy(eras[i%len(eras)]...)
	}
	some := answered.Load() + callers
	require.NoError(t, server.Await(t.Context(), func() bool { return answered.Load() >= some }))
	stop()
	all.Wait()
	require.Empty(t, server.Repeated())
	require.LessOrEqual(t, answered.Load(), int64(server.Executed()))
	require.LessOrEqual(t, int64(server.Executed()), answered.Load()+failed.Load())
	require.LessOrEqual(t, session.Stats().Losses, int64(redeployments))
	t.Logf("%d answered, %d failed, %d losses, %d re-sends", answered.Load(), failed.Load(), session.Stats().Losses, session.Stats().Resends)
}

// acceptable are the errors of a call that was in flight when its server was killed, or that came while it was down.
func acceptable(err error) bool {
	_, transient := mcpclient.RetryAfter(err)
	var network *mcpclient.NetworkError
	var protocol *mcpclient.ProtocolError
	return transient || errors.As(err, &network) || errors.As(err, &protocol)
}
