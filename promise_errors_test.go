package mcpclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// A failureScenario provokes a failure, whose facts are told. What is zero is not there.
type failureScenario struct {
	name    string
	options []mcptest.Option
	client  *mcpclient.Client
	faults  []mcptest.Fault // of the calls after Connect, each of them for every request that it matches
	fail    func(t *testing.T, server *mcptest.Server, client *mcpclient.Client) error

	as         []any // pointers to variables of the error types that it is
	is         []error
	local      bool // no call failed: what the error is about never left the process
	delivery   mcpclient.Delivery
	attempts   int
	generation uint64
	status     int
	code       int64
	safe       bool
	again      bool          // repeating makes sense
	wait       time.Duration // and the server or the session asks for so much patience, at least
}

// calling is the failure of a call of echo.
func calling(opts ...mcpclient.CallOption) func(*testing.T, *mcptest.Server, *mcpclient.Client) error {
	return inSession(func(ctx context.Context, session *mcpclient.Session) error { return nonced(ctx, session, "x", opts...) })
}

func inSession(call func(ctx context.Context, session *mcpclient.Session) error) func(*testing.T, *mcptest.Server, *mcpclient.Client) error {
	return func(t *testing.T, server *mcptest.Server, client *mcpclient.Client) error {
		t.Helper()
		session, err := client.Connect(t.Context(), server.URL())
		if err != nil {
			return err
		}
		defer session.Close()
		return call(t.Context(), session)
	}
}

// forgotten is inSession, with the session lost.
func forgotten(t *testing.T, server *mcptest.Server, client *mcpclient.Client) error {
	t.Helper()
	session, err := client.Connect(t.Context(), server.URL())
	if err != nil {
		return err
	}
	defer session.Close()
	server.ForgetSessions()
	return nonced(t.Context(), session, "x")
}

// vault is an Authorizer that has nothing.
type vault struct{}

func (vault) Authorize(context.Context, *url.URL, *http.Request) error {
	return errors.New("the vault is closed")
}

func (vault) Refused(context.Context, *url.URL, *http.Request, *http.Response) (bool, error) {
	return false, nil
}

func failureScenarios() []failureScenario {
	onTools := func(faults ...mcptest.Fault) (aimed []mcptest.Fault) {
		for _, fault := range faults {
			aimed = append(aimed, fault.On("tools/call"))
		}
		return aimed
	}
	nobody := &http.Client{Transport: roundTripFunc(func(*http.Request) (*http.Response, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	})}
	return []failureScenario{
		{
			name: "lost, and never opened again", client: &mcpclient.Client{Reinitialize: mcpclient.ReinitializeNever}, fail: forgotten,
			as: []any{new(*mcpclient.SessionError)}, is: []error{mcpclient.ErrSessionInvalid},
			delivery: mcpclient.DeliveryRefused, attempts: 1, generation: 1, status: 404, code: -32001, safe: true,
		},
		{
			name: "lost, and the server is busy", faults: []mcptest.Fault{mcptest.Status(503, http.Header{"Retry-After": {"40"}}, "").On("initialize").When(secondOn())}, fail: forgotten,
			as: []any{new(*mcpclient.SessionError), new(*mcpclient.HTTPError)}, is: []error{mcpclient.ErrSessionInvalid},
			delivery: mcpclient.DeliveryRefused, attempts: 1, generation: 1, status: 404, safe: true, again: true, wait: 40 * time.Second,
		},
		{
			name: "an error of the server", fail: inSession(func(ctx context.Context, session *mcpclient.Session) error {
				return session.Request(ctx, "no/such", nil, nil)
			}),
			as: []any{new(*mcpclient.RPCError)}, delivery: mcpclient.DeliveryAnswered, attempts: 1, generation: 1, code: -32601,
		},
		{
			name: "too many requests", faults: onTools(mcptest.Status(429, http.Header{"Retry-After": {"70"}}, "")), fail: calling(),
			as: []any{new(*mcpclient.HTTPError)}, delivery: mcpclient.DeliveryRefused, attempts: 1, generation: 1, status: 429,
			safe: true, again: true, wait: 70 * time.Second,
		},
		{
			name: "a stumbling server", faults: onTools(mcptest.Status(502, nil, "")), fail: calling(mcpclient.WithIdempotent()),
			as: []any{new(*mcpclient.HTTPError)}, attempts: 3, generation: 1, status: 502,
		},
		{
			name: "unauthorized", faults: onTools(mcptest.Status(401, nil, "")), fail: calling(),
			as: []any{new(*mcpclient.HTTPError)}, is: []error{mcpclient.ErrUnauthorized},
			delivery: mcpclient.DeliveryRefused, attempts: 1, generation: 1, status: 401, safe: true,
		},
		{
			name: "no authorization", client: &mcpclient.Client{Authorizer: vault{}, InsecureHosts: []string{"mcptest.invalid"}}, fail: calling(),
			as: []any{new(*mcpclient.AuthorizationError)}, is: []error{mcpclient.ErrUnauthorized}, delivery: mcpclient.DeliveryNotSent, attempts: 1, safe: true,
		},
		{
			name: "nobody there", client: &mcpclient.Client{HTTPClient: nobody}, fail: calling(),
			as: []any{new(*mcpclient.NetworkError)}, is: []error{syscall.ECONNREFUSED}, delivery: mcpclient.DeliveryNotSent, attempts: 1, safe: true, again: true,
		},
		{name: "cut", faults: onTools(mcptest.DropAfter()), fail: calling(), as: []any{new(*mcpclient.NetworkError)}, attempts: 1, generation: 1},
		{
			name: "redirected", faults: onTools(mcptest.Redirect(302, "https://elsewhere.example/")), fail: calling(),
			as: []any{new(*mcpclient.RedirectError)}, delivery: mcpclient.DeliveryRefused, attempts: 1, generation: 1, safe: true,
		},
		{
			name: "unreadable", faults: onTools(mcptest.Malformed()), fail: calling(), as: []any{new(*mcpclient.ProtocolError)},
			is: []error{mcpclient.ErrProtocol}, attempts: 1, generation: 1,
		},
		{
			name: "too large", client: &mcpclient.Client{MaxMessageSize: 4096}, faults: onTools(mcptest.EndlessBody()), fail: calling(mcpclient.WithIdempotent()),
			as: []any{new(*mcpclient.LimitError)}, is: []error{mcpclient.ErrProtocol}, attempts: 1, generation: 1,
		},
		{
			name: "another version", client: &mcpclient.Client{ProtocolVersion: "1900-01-01"}, fail: calling(),
			as: []any{new(*mcpclient.VersionError)}, delivery: mcpclient.DeliveryNotSent, attempts: 1, safe: true,
		},
		{
			name: "another type", fail: inSession(func(ctx context.Context, session *mcpclient.Session) error {
				return session.Request(ctx, "ping", nil, new([]int))
			}),
			as: []any{new(*mcpclient.DecodeError)}, delivery: mcpclient.DeliveryAnswered, attempts: 1, generation: 1,
		},
		{
			name: "no arguments", fail: inSession(func(ctx context.Context, session *mcpclient.Session) error {
				_, err := session.CallTool(ctx, "echo", 7)
				return err
			}),
			as: []any{new(*mcpclient.ArgumentError)}, delivery: mcpclient.DeliveryNotSent, safe: true,
		},
		{
			name: "the tool failed", fail: inSession(func(ctx context.Context, session *mcpclient.Session) error {
				_, err := mcpclient.CallAs[int](ctx, session, "fail", nil)
				return err
			}),
			as: []any{new(*mcpclient.ToolError)}, delivery: mcpclient.DeliveryAnswered, attempts: 1,
		},
		{
			name: "input required", options: []mcptest.Option{mcptest.Stateless()}, faults: []mcptest.Fault{mcptest.InputRequired("state", inputsOf("roots"))},
			client: &mcpclient.Client{Roots: func(context.Context) ([]mcpclient.Root, error) { return nil, mcpclient.ErrDeclined }},
			fail:   calling(), as: []any{new(*mcpclient.InputRequiredError)}, is: []error{mcpclient.ErrDeclined},
			delivery: mcpclient.DeliveryAnswered, attempts: 1, generation: 1,
		},
		{
			name: "a form filled in wrongly", fail: func(t *testing.T, _ *mcptest.Server, _ *mcpclient.Client) error {
				return formOf(t, `{"type":"integer"}`).Validate(json.RawMessage(`{"x":"seven"}`))
			},
			as: []any{new(*mcpclient.FieldError)}, local: true,
		},
		{
			name: "a cancelled task", fail: func(t *testing.T, _ *mcptest.Server, client *mcpclient.Client) error {
				client.HTTPClient = nil // of the rig's server
				rig := newTaskRig(t, client, true)
				task := rig.start()
				if err := rig.session.CancelTask(t.Context(), task.ID); err != nil {
					return err
				}
				_, err := rig.session.AwaitTask(t.Context(), task)
				return err
			},
			as: []any{new(*mcpclient.TaskError)}, delivery: mcpclient.DeliveryAnswered, attempts: 1, generation: 1,
		},
		{
			name: "closed", fail: inSession(func(ctx context.Context, session *mcpclient.Session) error {
				if err := session.Close(); err != nil {
					return err
				}
				return nonced(ctx, session, "x")
			}),
			as: []any{new(*mcpclient.CallError)}, is: []error{mcpclient.ErrClosed}, delivery: mcpclient.DeliveryNotSent,
		},
		{
			name: "not offered", fail: inSession(func(ctx context.Context, session *mcpclient.Session) error {
				for _, err := range session.Listen(ctx, mcpclient.Filter{ResourceURIs: []string{watchedURI}}) {
					return err
				}
				return nil
			}),
			is: []error{mcpclient.ErrUnsupported}, delivery: mcpclient.DeliveryNotSent, safe: true,
		},
		{
			name: "idle", faults: onTools(mcptest.Hang()), fail: calling(mcpclient.WithIdleTimeout(time.Second)),
			is: []error{mcpclient.ErrIdleTimeout}, attempts: 1, generation: 1,
		},
	}
}

// secondOn matches all requests but the first.
func secondOn() func(mcptest.Request) bool {
	seen := 0
	return func(r mcptest.Request) bool {
		if r.Method != "initialize" {
			return false
		}
		seen++
		return seen > 1
	}
}

// TestP14EveryFailureIsTyped: each error type and each sentinel of the package is what some failure gives, with all that
// is known about it.
func TestP14EveryFailureIsTyped(t *testing.T) {
	provoked := map[string]bool{"CallError": true} // each scenario looks at it
	scenarios := failureScenarios()
	for _, c := range scenarios {
		for _, target := range c.as {
			provoked[reflect.TypeOf(target).Elem().Elem().Name()] = true
		}
		for name, sentinel := range sentinels() {
			provoked[name] = provoked[name] || slices.Contains(c.is, sentinel)
		}
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { c.hold(t) })
		})
	}
	exported := exportedFailures(t)
	for _, name := range exported {
		require.True(t, provoked[name], "no scenario provokes %s", name)
	}
	t.Logf("P14: %d exported error types and sentinels, all of them provoked, in %d scenarios", len(exported), len(scenarios))
}

func (c *failureScenario) hold(t *testing.T) {
	t.Helper()
	server := mcptest.New(t, append(c.options, mcptest.InMemory())...)
	server.AddTool(newTool("fail"), func(context.Context, *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		return nil, errors.New("out of paper")
	})
	for _, fault := range c.faults {
		server.Always(fault)
	}
	client := c.client
	if client == nil {
		client = new(mcpclient.Client)
	}
	if client.HTTPClient == nil {
		client.HTTPClient = server.HTTPClient()
	}
	err := c.fail(t, server, client)
	for _, target := range c.as {
		require.ErrorAs(t, err, target)
	}
	for _, sentinel := range c.is {
		require.ErrorIs(t, err, sentinel)
	}
	if c.local {
		return
	}
	call := asCallError(t, err)
	require.Equal(t, c.delivery, call.Delivery)
	require.Equal(t, c.attempts, call.Attempts)
	require.Equal(t, c.generation, call.Generation)
	require.NotEmpty(t, call.Method)
	require.Equal(t, c.status, statusIn(err))
	if rpc, ok := errors.AsType[*mcpclient.RPCError](err); ok || c.code != 0 {
		require.Equal(t, c.code, rpc.Code)
	}
	require.Equal(t, c.safe, mcpclient.SafeToRetry(err))
	wait, again := mcpclient.RetryAfter(err)
	require.Equal(t, c.again, again)
	require.GreaterOrEqual(t, wait, c.wait)
	require.LessOrEqual(t, wait, c.wait+time.Second)
}

// statusIn is the HTTP status in err, 0 if there is none.
func statusIn(err error) int {
	if lost, ok := errors.AsType[*mcpclient.SessionError](err); ok {
		return lost.StatusCode
	}
	if refused, ok := errors.AsType[*mcpclient.HTTPError](err); ok {
		return refused.StatusCode
	}
	return 0
}

func sentinels() map[string]error {
	return map[string]error{
		"ErrSessionInvalid": mcpclient.ErrSessionInvalid, "ErrUnauthorized": mcpclient.ErrUnauthorized, "ErrProtocol": mcpclient.ErrProtocol,
		"ErrClosed": mcpclient.ErrClosed, "ErrUnsupported": mcpclient.ErrUnsupported, "ErrIdleTimeout": mcpclient.ErrIdleTimeout,
		"ErrDeclined": mcpclient.ErrDeclined,
	}
}

// exportedFailures are the names of the package's exported error types and sentinels.
func exportedFailures(t *testing.T) []string {
	t.Helper()
	names := make(map[string]bool)
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Recv != nil && n.Name.Name == "Error" {
					receiver, _ := n.Recv.List[0].Type.(*ast.StarExpr)
					names[receiver.X.(*ast.Ident).Name] = true
				}
				return false
			case *ast.ValueSpec:
				for _, name := range n.Names {
					names[name.Name] = names[name.Name] || strings.HasPrefix(name.Name, "Err")
				}
			}
			return true
		})
	}
	maps.DeleteFunc(names, func(name string, failure bool) bool { return !failure || !ast.IsExported(name) })
	require.Greater(t, len(names), 15)
	return slices.Sorted(maps.Keys(names))
}
