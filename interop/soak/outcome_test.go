package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
)

func TestCauses(t *testing.T) {
	later := time.Now().Add(time.Second)
	network := &mcpclient.NetworkError{Err: io.ErrUnexpectedEOF}
	tests := []struct {
		cause string
		err   error
	}{
		{"", nil},
		{causeLostSession, &mcpclient.SessionError{StatusCode: 404}},
		{causeLostSession, &mcpclient.SessionError{StatusCode: 404, Err: &mcpclient.HTTPError{StatusCode: 404}}},
		{causeLostSession, &mcpclient.SessionError{StatusCode: 404, RetryAt: later, Err: &mcpclient.HTTPError{StatusCode: 404}}},
		{causeLostSession, &mcpclient.SessionError{StatusCode: 404, RetryAt: later}},
		{causeLostSession, &mcpclient.SessionError{StatusCode: 404, RetryAt: later, Err: &mcpclient.SessionError{}}},
		{causeNoSession + causeNetwork, &mcpclient.SessionError{StatusCode: 404, RetryAt: later, Err: network}},
		{causeNoSession + "HTTP 503", &mcpclient.SessionError{StatusCode: 404, RetryAt: later, Err: &mcpclient.HTTPError{StatusCode: 503}}},
		{causeNetwork, network},
		{causeNetwork, &mcpclient.NetworkError{Err: context.DeadlineExceeded}},
		{causeContext, context.Canceled},
		{causeContext, fmt.Errorf("so: %w", context.DeadlineExceeded)},
		{"HTTP 400", &mcpclient.HTTPError{StatusCode: 400}},
		{"JSON-RPC error -32603", &mcpclient.RPCError{Code: -32603}},
		{causeTool, &mcpclient.ToolError{Result: &mcpclient.ToolResult{}}},
		{causeBroken, &mcpclient.ProtocolError{Reason: "so"}},
		{causeWrongAnswer, fmt.Errorf("%w: so", errWrongAnswer)},
		{"other: *errors.errorString", errors.New("so")},
	}
	for _, test := range tests {
		require.Equal(t, test.cause, causeOf(test.err), "%#v", test.err)
		if test.err != nil {
			require.Equal(t, test.cause, causeOf(&mcpclient.CallError{Err: test.err}), "in a CallError: %#v", test.err)
		}
	}
}

func TestClaims(t *testing.T) {
	require.Equal(t, answered, claimOf(nil))
	require.Equal(t, answered, claimOf(fmt.Errorf("%w: so", errWrongAnswer)))
	require.Equal(t, unsent, claimOf(&mcpclient.CallError{Delivery: unsent, Err: io.EOF}))
	require.Equal(t, refused, claimOf(&mcpclient.CallError{Delivery: refused, Err: io.EOF}))
	require.Equal(t, unknown, claimOf(&mcpclient.CallError{Delivery: unknown, Err: io.EOF}))
	require.Equal(t, unknown, claimOf(&mcpclient.CallError{Delivery: answered, Err: &mcpclient.RPCError{}}), "an error may come before the tool runs")
	require.Equal(t, unknown, claimOf(&mcpclient.ToolError{Result: &mcpclient.ToolResult{}}))
}

func TestLostAlone(t *testing.T) {
	require.True(t, failure{Delivery: refused, Cause: causeLostSession}.lostAlone())
	require.True(t, failure{Delivery: unknown, Cause: causeLostSession}.lostAlone())
	require.True(t, failure{Delivery: refused, Cause: "HTTP 404"}.lostAlone(), "a refusal that was not recognised")
	require.False(t, failure{Delivery: unknown, Cause: "HTTP 400"}.lostAlone(), "the reply broke first, and could not be resumed")
	require.False(t, failure{Delivery: refused, Cause: causeNoSession + causeNetwork}.lostAlone())
	require.False(t, failure{Delivery: refused, Cause: causeContext}.lostAlone())
	require.False(t, failure{Delivery: unsent, Cause: causeNetwork}.lostAlone())
}
