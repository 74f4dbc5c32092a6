package tour_test

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/interop/internal/child"
	"github.com/holdfast-mcp/mcpclient/interop/proxy"
	"github.com/holdfast-mcp/mcpclient/interop/wirecheck"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A ground is a kind of server on which the tour goes, in one version of the protocol.
type ground struct {
	name    string
	version string
	options []mcptest.Option
	streams bool // the server has a stream for what it tells unasked
	shares  bool // all answers come on one stream, with which the session ends
}

const (
	newest = "2026-07-28"
	before = "2025-11-25" // the newest version with a handshake
)

// modern tells whether the ground is of the version in which a server has no sessions and asks nothing by itself.
func (g ground) modern() bool { return g.version == newest }

// asks tells whether servers of the version can ask a person.
func (g ground) asks() bool { return g.version >= "2025-06-18" }

// hasTasks tells whether tools can be tasks in the version.
func (g ground) hasTasks() bool { return g.version >= before }

// extensions are the methods of the tasks extension, which the schema of the version does not have.
func (g ground) extensions() []string {
	if !g.modern() {
		return nil
	}
	return []string{"tasks/get", "tasks/update", "tasks/cancel"}
}

func grounds() []ground {
	paged := mcptest.PageSize(2) // lists have more than one page
	var all []ground
	for _, version := range []string{"2024-11-05", "2025-03-26", "2025-06-18", before} {
		speaks := mcptest.Versions(version)
		all = append(all,
			ground{version, version, []mcptest.Option{paged, speaks}, false, false},
			ground{version + " streams", version, []mcptest.Option{paged, speaks, mcptest.Resumable(), mcptest.StandaloneStream()}, true, false},
			ground{version + " HTTP+SSE", version, []mcptest.Option{paged, speaks, mcptest.HTTPSSE()}, true, true},
		)
	}
	return append(all,
		ground{newest, newest, []mcptest.Option{paged, mcptest.Stateless()}, true, false},
		ground{newest + " streams", newest, []mcptest.Option{paged, mcptest.Stateless(), mcptest.Streams()}, true, false},
		ground{newest + " cached", newest, []mcptest.Option{paged, mcptest.DualEra(), mcptest.CacheHints(time.Minute, "public")}, true, false},
	)
}

// TestTour calls each exported method of a session in each version. Neither side may say what the schema does not allow: the client
// is ours, and so is this server.
func TestTour(t *testing.T) {
	schemas, err := wirecheck.FromEnvironment()
	require.NoError(t, err)
	if schemas == nil {
		t.Logf("%s is not set: no message is validated", wirecheck.FolderVariable)
	}
	for order, ground := range grounds() {
		t.Run(ground.name, func(t *testing.T) {
			for at, method := range slices.Sorted(maps.Keys(stops())) {
				t.Run(method, func(t *testing.T) {
					v := arrive(t, ground, schemas, firstPort+40*order+at)
					ctx, cancel := context.WithTimeout(t.Context(), patience)
					defer cancel()
					stops()[method](ctx, t, v)
					v.leave(t, schemas != nil)
				})
			}
		})
	}
}

// TestTourMissesNoMethod turns red when a session gets a method that the tour does not call.
func TestTourMissesNoMethod(t *testing.T) {
	var methods []string
	for method := range reflect.TypeFor[*mcpclient.Session]().Methods() {
		methods = append(methods, method.Name)
	}
	require.ElementsMatch(t, methods, slices.Collect(maps.Keys(stops())))
}

// patience bounds one stop, most of which take milliseconds.
const patience = 20 * time.Second

// firstPort begins the two thousand ports from which the proxies take theirs.
const firstPort = 27000

// A visit is one stop of the tour: a server, the proxy before it, and the monitor in the proxy.
type visit struct {
	ground
	server  *mcptest.Server
	url     string
	monitor *wirecheck.Monitor
}

func arrive(t *testing.T, g ground, schemas *wirecheck.Schemas, port int) *visit {
	t.Helper()
	server := mcptest.New(t, append(g.options, mcptest.TaskHints(10*time.Millisecond, 0))...)
	furnish(server, g)
	monitor := schemas.Monitor(g.extensions()...)
	port, err := child.FreePort(t.Context(), port, firstPort+2000)
	require.NoError(t, err)
	between, err := proxy.Start(t.Context(), port, server.URL(), monitor)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, between.Close()) })
	return &visit{ground: g, server: server, url: between.URL(), monitor: monitor}
}

// connect opens a session that ends with the stop, and sees that it speaks the version of the ground.
func (v *visit) connect(ctx context.Context, t *testing.T) *mcpclient.Session {
	t.Helper()
	session, err := v.client().Connect(ctx, v.url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = session.Close() })
	require.Equal(t, v.version, session.Server().ProtocolVersion)
	return session
}

// client offers all that a client can be asked for.
func (v *visit) client() *mcpclient.Client {
	return &mcpclient.Client{
		Name: "tour", Version: "1.0.0",
		Elicit: func(context.Context, *mcpclient.Elicitation) (*mcpclient.ElicitationReply, error) {
			return mcpclient.Accept(map[string]any{"name": "Ada"}), nil
		},
		ElicitURL: func(context.Context, *mcpclient.URLElicitation) (*mcpclient.ElicitationReply, error) {
			return mcpclient.Decline(), nil
		},
		Sample: func(context.Context, *mcpclient.SamplingRequest) (*mcpclient.SamplingReply, error) {
			said := []mcpclient.Content{&mcpclient.Text{Text: "hold fast"}}
			return &mcpclient.SamplingReply{Model: "tour", Content: said}, nil
		},
		Roots: func(context.Context) ([]mcpclient.Root, error) {
			return []mcpclient.Root{{URI: "file:///tour", Name: "tour"}}, nil
		},
	}
}

// leave judges what was said.
func (v *visit) leave(t *testing.T, watched bool) {
	t.Helper()
	ofClient, ofServer := v.monitor.Faults()
	require.Empty(t, ofClient, "the client's messages")
	ofServer, _ = wirecheck.Unexplained(ofServer, wirecheck.NullID())
	require.Empty(t, ofServer, "the server's messages")
	if watched {
		require.NotEmpty(t, v.monitor.Checked(), "no message was seen")
	}
}
