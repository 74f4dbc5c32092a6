// Package app shows how an application that calls tools is tested: against an mcptest server where the network and the
// server's moods matter, and against a stub where only the application's own logic does.
package app_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// total is the application: it adds up an invoice with the server's add tool.
func total(ctx context.Context, tools mcpclient.ToolCaller, items ...int) (int, error) {
	var sum struct{ Sum int }
	for _, item := range items {
		var err error
		sum, err = mcpclient.CallAs[struct{ Sum int }](ctx, tools, "add", map[string]int{"a": sum.Sum, "b": item})
		if err != nil {
			return 0, fmt.Errorf("adding %d: %w", item, err)
		}
	}
	return sum.Sum, nil
}

func connect(t *testing.T, server *mcptest.Server) *mcpclient.Session {
	t.Helper()
	session, err := mcpclient.Connect(t.Context(), server.URL())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, session.Close()) })
	return session
}

func TestTotal(t *testing.T) {
	server := mcptest.New(t)
	sum, err := total(t.Context(), connect(t, server), 1, 2, 3)
	require.NoError(t, err)
	require.Equal(t, 6, sum)
}

// The server forgets the session after every call, and says so as older Python servers do. Nothing is added twice.
func TestTotalSurvivesLostSessions(t *testing.T) {
	server := mcptest.New(t, mcptest.ForgetEvery(1), mcptest.RefusalWay(mcptest.PythonText))
	sum, err := total(t.Context(), connect(t, server), 1, 2, 3)
	require.NoError(t, err)
	require.Equal(t, 6, sum)
	require.Equal(t, 3, server.Executed())
}

// The connection breaks after the server has added: whether it did cannot be known, so the call is not repeated.
func TestTotalReportsAnUnknownOutcome(t *testing.T) {
	server := mcptest.New(t)
	session := connect(t, server)
	server.Next(mcptest.DropAfter().On("tools/call"))
	_, err := total(t.Context(), session, 1, 2)
	var call *mcpclient.CallError
	require.ErrorAs(t, err, &call)
	require.Equal(t, mcpclient.DeliveryUnknown, call.Delivery)
	require.Equal(t, 1, server.Executed())
}

// stub is all that a test without a server needs.
type stub func(name string, args any) (*mcpclient.ToolResult, error)

func (s stub) CallTool(_ context.Context, name string, args any, _ ...mcpclient.CallOption) (*mcpclient.ToolResult, error) {
	return s(name, args)
}

func TestTotalNamesTheItem(t *testing.T) {
	full := stub(func(string, any) (*mcpclient.ToolResult, error) {
		return nil, &mcpclient.HTTPError{StatusCode: http.StatusTeapot}
	})
	_, err := total(t.Context(), full, 7)
	require.ErrorContains(t, err, "adding 7: HTTP 418")
}
