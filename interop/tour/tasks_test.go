package tour_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// asTask goes through the life of a task, which asks for input. Every method of tasks has its part in it.
func asTask(ctx context.Context, t *testing.T, v *visit) {
	v.server.AddTool(mcpclient.Tool{Name: "lengthy", Execution: &mcpclient.ToolExecution{TaskSupport: "optional"}}, inquirer(v.ground))
	v.server.AddTool(mcpclient.Tool{Name: "slow", Execution: &mcpclient.ToolExecution{TaskSupport: "optional"}},
		func(ctx context.Context, _ *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
	s := v.connect(ctx, t)
	task, err := s.CallToolAsTask(ctx, "lengthy", nil, mcpclient.WithProgress(func(mcpclient.Progress) {}))
	if v.version < before {
		require.ErrorIs(t, err, mcpclient.ErrUnsupported)
		return
	}
	require.NoError(t, err)
	if v.modern() {
		answerTask(ctx, t, s, task.ID)
	}
	result, err := s.AwaitTask(ctx, task)
	require.NoError(t, err)
	again, err := s.TaskResult(ctx, task.ID)
	require.NoError(t, err)
	require.Equal(t, result, again)
	ended, err := s.Task(ctx, task.ID)
	require.NoError(t, err)
	require.True(t, ended.Done())
	tasks, err := mcpclient.Collect(s.Tasks(ctx))
	require.Equal(t, v.modern(), errors.Is(err, mcpclient.ErrUnsupported))
	require.Equal(t, v.modern(), len(tasks) == 0)

	endless, err := s.CallToolAsTask(ctx, "slow", nil)
	require.NoError(t, err)
	require.NoError(t, s.CancelTask(ctx, endless.ID))
	_, err = s.AwaitTask(ctx, endless)
	cancelled, ok := errors.AsType[*mcpclient.TaskError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, mcpclient.TaskCancelled, cancelled.Task.Status)
}

// partOfTask is the stop of each method that asTask calls on its way.
func partOfTask(context.Context, *testing.T, *visit) {}

// answerTask answers the first question of a task by hand.
func answerTask(ctx context.Context, t *testing.T, s *mcpclient.Session, id string) {
	_, err := s.AwaitTask(ctx, &mcpclient.Task{ID: id}, mcpclient.WithDeferredInput())
	pending, ok := errors.AsType[*mcpclient.InputRequiredError](err)
	require.True(t, ok, "%v", err)
	answers := map[string]any{}
	for key := range pending.Requests {
		answers[key] = []mcpclient.Root{{URI: "file:///later"}}
	}
	require.NoError(t, s.UpdateTask(ctx, pending.Task, answers))
}
