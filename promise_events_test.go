package mcpclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// queueBound is how many events wait for one Listen.
const queueBound = 1024

// TestP15EventsComeInOrder: a Listen tells in the server's order, in the loop's own goroutine; what waits is bounded,
// equal news become one, and what finds no room is counted. The loop and the handlers may call the session.
func TestP15EventsComeInOrder(t *testing.T) {
	for name, opts := range map[string][]mcptest.Option{"standalone": {mcptest.StandaloneStream()}, "HTTP+SSE": {mcptest.HTTPSSE()}} {
		inBubble(t, func(t *testing.T, server *mcptest.Server) {
			session := sessionOf(t, server, new(mcpclient.Client))
			events := sized(3000, 100_000)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			told := 0
			for event, err := range session.Listen(ctx, mcpclient.Filter{Tools: true, Logs: mcpclient.LogDebug}) {
				if told == events && errors.Is(err, context.Canceled) {
					break
				}
				require.NoError(t, err)
				switch event.Kind {
				case mcpclient.EventLog:
					require.Equal(t, fmt.Sprint(told), string(event.Log.Data), "in order, and none is missing")
					told++
				case mcpclient.EventToolsChanged:
					_, err := mcpclient.Collect(session.Tools(ctx)) // from inside the loop
					require.NoError(t, err)
				default:
				}
				switch {
				case told == events:
					cancel()
				case told%500 == 0 && event.Kind != mcpclient.EventToolsChanged: // as many as the loop has room for
					for i := told; i < min(told+500, events); i++ {
						server.Broadcast("notifications/message", map[string]any{"level": "info", "data": i})
					}
					server.AddTool(newTool(fmt.Sprint("tool ", told)), nil)
				}
			}
			t.Logf("P15: %s: %d events, all in the order of the server", name, told)
		}, opts...)
	}
}

func TestP15WhatWaitsIsBounded(t *testing.T) {
	flood := sized(3000, 100_000)
	inBubble(t, func(t *testing.T, server *mcptest.Server) {
		session := sessionOf(t, server, new(mcpclient.Client))
		listening := false
		logs, dropped, changes := 0, 0, 0
		for event, err := range session.Listen(t.Context(), mcpclient.Filter{Tools: true, Logs: mcpclient.LogDebug}) {
			require.NoError(t, err)
			if !listening {
				listening = true
				for i := range flood { // the loop is here, and takes nothing
					server.Broadcast("notifications/message", map[string]any{"level": "info", "data": i})
					if i%100 == 0 {
						server.Broadcast("notifications/tools/list_changed", nil)
					}
				}
				synctest.Wait()
				continue
			}
			switch event.Kind {
			case mcpclient.EventLog:
				require.Equal(t, fmt.Sprint(logs), string(event.Log.Data))
				logs++
			case mcpclient.EventToolsChanged:
				changes++
			case mcpclient.EventDropped:
				dropped += event.Dropped
			default:
			}
			if logs+dropped == flood {
				break
			}
		}
		t.Logf("P15: %d messages while the loop is busy: %d wait, %d are counted as dropped; the changes of the list are %d event", flood, logs, dropped, changes)
		require.Equal(t, 1, changes, "equal news are one while they wait")
		require.Equal(t, queueBound-changes, logs)
	}, mcptest.StandaloneStream(), mcptest.History(1))
}

// TestP15HandlersMayCallTheSession: with one place on the wire, taken by the call during which the server asks.
func TestP15HandlersMayCallTheSession(t *testing.T) {
	for name, opts := range everyTransport() {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, server *mcptest.Server) {
				var session *mcpclient.Session
				client := &mcpclient.Client{Limits: mcpclient.Limits{ConcurrentCalls: 1}}
				client.Elicit = func(ctx context.Context, _ *mcpclient.Elicitation) (*mcpclient.ElicitationReply, error) {
					return mcpclient.Accept(map[string]any{"name": "x"}), nonced(ctx, session, "from the handler")
				}
				server.AddTool(newTool("ask"), func(ctx context.Context, req *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
					answer, err := req.Ask(ctx, "elicitation/create", json.RawMessage(
						`{"message":"who?","requestedSchema":{"type":"object","properties":{"name":{"type":"string"}}}}`))
					return mcptest.Text(string(answer)), err
				})
				session = sessionOf(t, server, client)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				result, err := session.CallTool(ctx, "ask", nil, mcpclient.WithProgress(func(mcpclient.Progress) {}))
				require.NoError(t, err)
				require.Contains(t, result.Text(), "accept")
			}, opts...)
		})
	}
}
