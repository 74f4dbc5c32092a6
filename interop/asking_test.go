package interop_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
)

// newClient offers all that a server can ask for, so that each of them may.
func (s *stage) newClient() *mcpclient.Client {
	return &mcpclient.Client{
		Name: "interop", Version: "1.0.0", ProtocolVersion: s.pin,
		Elicit: func(_ context.Context, asked *mcpclient.Elicitation) (*mcpclient.ElicitationReply, error) {
			for _, field := range asked.Fields {
				if field.Required && field.Default == nil {
					return mcpclient.Accept(map[string]any{field.Name: "Ada"}), nil // the only kind that is asked for: text
				}
			}
			return mcpclient.Accept(nil), nil // the defaults: Ada
		},
		Sample: func(context.Context, *mcpclient.SamplingRequest) (*mcpclient.SamplingReply, error) {
			said := []mcpclient.Content{&mcpclient.Text{Text: "hold fast"}}
			return &mcpclient.SamplingReply{Model: "interop", Content: said}, nil
		},
		Roots: func(context.Context) ([]mcpclient.Root, error) {
			return []mcpclient.Root{{URI: "file:///interop", Name: "interop"}}, nil
		},
	}
}

// beAsked calls the tools that need something of the client before they can answer: by requests of the server on one of its streams,
// or by an answer that asks for input.
func (s *stage) beAsked(ctx context.Context, t *testing.T) {
	t.Helper()
	for _, call := range s.asking {
		answer, err := s.session.CallTool(ctx, call.tool, call.args)
		require.NoError(t, err, call.tool)
		require.NoError(t, answer.Err(), call.tool)
		require.Contains(t, answer.Text(), call.want, call.tool)
		s.result.CallsOK++
	}
}

// hearLogs calls the tool that logs a line, which comes on the call's own stream. With a handshake most servers say nothing until
// they have been told a level; some send lines without declaring that they do.
func (s *stage) hearLogs(ctx context.Context, t *testing.T) {
	t.Helper()
	if !s.modern() {
		if err := s.session.SetLogLevel(ctx, "debug"); !errors.Is(err, mcpclient.ErrUnsupported) {
			require.NoError(t, err)
		}
	}
	if s.logs.tool == "" {
		return
	}
	var lines []string
	_, err := s.session.CallTool(ctx, s.logs.tool, s.logs.args,
		mcpclient.WithLogs("debug", func(m mcpclient.LogMessage) { lines = append(lines, string(m.Data)) }))
	require.NoError(t, err)
	require.Contains(t, strings.Join(lines, "\n"), s.logs.want)
	s.result.CallsOK++
}
