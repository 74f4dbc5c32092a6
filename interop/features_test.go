package interop_test

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
)

// useFeatures uses each feature of the session client once.
func (s *stage) useFeatures(ctx context.Context, t *testing.T) {
	t.Helper()
	info := s.session.Server()
	require.NotEmpty(t, info.Name)
	require.NotEmpty(t, info.ProtocolVersion)
	require.NoError(t, s.session.Ping(ctx))
	s.useTools(ctx, t)
	s.useResources(ctx, t)
	s.usePrompts(ctx, t)
	s.beAsked(ctx, t)
	s.hearLogs(ctx, t)
}

func (s *stage) useTools(ctx context.Context, t *testing.T) {
	t.Helper()
	tools, err := mcpclient.Collect(s.session.Tools(ctx))
	require.NoError(t, err)
	offered := namesOf(tools, func(tool *mcpclient.Tool) string { return tool.Name })
	require.Subset(t, offered, []string{s.echo.tool, s.structured.tool, s.slow.tool})

	echoed, err := s.session.CallTool(ctx, s.echo.tool, s.echo.args)
	require.NoError(t, err)
	require.Equal(t, s.echo.want, echoed.Text())

	var want map[string]any
	require.NoError(t, json.Unmarshal([]byte(s.structured.want), &want))
	structured, err := mcpclient.CallAs[map[string]any](ctx, s.session, s.structured.tool, s.structured.args)
	require.NoError(t, err)
	require.Equal(t, want, structured)

	var mu sync.Mutex // mcp-go and server-everything report on two streams
	var steps []float64
	slow, err := s.session.CallTool(ctx, s.slow.tool, s.slow.args, mcpclient.WithProgress(func(p mcpclient.Progress) {
		mu.Lock()
		defer mu.Unlock()
		steps = append(steps, p.Progress)
	}))
	require.NoError(t, err)
	require.Equal(t, s.slow.want, slow.Text())
	require.Len(t, steps, s.progress)
	slices.Sort(steps) // one stream may overtake the other
	require.IsIncreasing(t, append([]float64{0}, steps...))
	s.result.CallsOK += 3
}

func (s *stage) useResources(ctx context.Context, t *testing.T) {
	t.Helper()
	resources, err := mcpclient.Collect(s.session.Resources(ctx))
	require.NoError(t, err)
	require.Contains(t, namesOf(resources, func(r *mcpclient.Resource) string { return r.URI }), s.resource.uri)
	templates, err := mcpclient.Collect(s.session.ResourceTemplates(ctx))
	require.NoError(t, err)
	offered := namesOf(templates, func(r *mcpclient.ResourceTemplate) string { return r.URITemplate })
	require.Contains(t, offered, s.templateVariable.of)

	for _, wanted := range []text{s.resource, s.template} {
		read, err := s.session.ReadResource(ctx, wanted.uri)
		require.NoError(t, err)
		require.Len(t, read.Contents, 1)
		require.Contains(t, read.Contents[0].Text, wanted.want)
	}
	variable := s.templateVariable
	values, err := s.session.CompleteResource(ctx, variable.of, mcpclient.CompletionArgument{Name: variable.argument, Value: variable.typed})
	require.NoError(t, err)
	require.Equal(t, variable.want, values.Values)
}

func (s *stage) usePrompts(ctx context.Context, t *testing.T) {
	t.Helper()
	prompts, err := mcpclient.Collect(s.session.Prompts(ctx))
	require.NoError(t, err)
	require.Contains(t, namesOf(prompts, func(p *mcpclient.Prompt) string { return p.Name }), s.prompt.name)

	prompt, err := s.session.GetPrompt(ctx, s.prompt.name, s.prompt.args)
	require.NoError(t, err)
	require.Len(t, prompt.Messages, 1)
	require.Equal(t, "user", prompt.Messages[0].Role)
	said, ok := prompt.Messages[0].Content.(*mcpclient.Text)
	require.True(t, ok, "the message is a %T", prompt.Messages[0].Content)
	require.Equal(t, s.prompt.want, said.Text)

	argument := s.promptArgument
	values, err := s.session.CompletePrompt(ctx, argument.of, mcpclient.CompletionArgument{Name: argument.argument, Value: argument.typed})
	require.NoError(t, err)
	require.Equal(t, argument.want, values.Values)
}

func namesOf[T any](items []T, name func(T) string) []string {
	names := make([]string, len(items))
	for i, item := range items {
		names[i] = name(item)
	}
	return names
}
