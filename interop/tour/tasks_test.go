package tour_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
)

// start starts a tool as a task. In versions without tasks it sees that nothing is sent, and returns nil.
func (v *visit) start(ctx context.Context, t *testing.T, s *mcpclient.Session, tool string) *mcpclient.Task {
	t.Helper()
	_, err := mcpclient.Collect(s.Tools(ctx)) // which tools can be tasks stands in their list
	require.NoError(t, err)
	started, err := s.CallToolAsTask(ctx, tool, nil)
	if !v.hasTasks() {
		require.ErrorIs(t, err, mcpclient.ErrUnsupported)
		return nil
	}
	require.NoError(t, err)
	require.NotEmpty(t, started.ID)
	return started
}

func callToolAsTask(ctx context.Context, t *testing.T, v *visit) {
	s := v.connect(ctx, t)
	if job := v.start(ctx, t, s, "job"); job != nil {
		result, err := s.AwaitTask(ctx, job)
		require.NoError(t, err)
		require.Equal(t, "done", result.Text())
	}
}

// awaitTask waits for a task that asks for input meanwhile, which the handlers give.
func awaitTask(ctx context.Context, t *testing.T, v *visit) {
	s := v.connect(ctx, t)
	if job := v.start(ctx, t, s, "asking job"); job != nil {
		result, err := s.AwaitTask(ctx, job)
		require.NoError(t, err)
		require.Equal(t, "asked", result.Text())
	}
}

// updateTask gives the input itself, where the version has a message for it.
func updateTask(ctx context.Context, t *testing.T, v *visit) {
	s := v.connect(ctx, t)
	job := v.start(ctx, t, s, "asking job")
	if job == nil {
		return
	}
	if !v.modern() {
		require.ErrorIs(t, s.UpdateTask(ctx, job, nil), mcpclient.ErrUnsupported)
		return
	}
	for {
		result, err := s.AwaitTask(ctx, job, mcpclient.WithDeferredInput())
		if err == nil {
			require.Equal(t, "asked", result.Text())
			return
		}
		pending, ok := errors.AsType[*mcpclient.InputRequiredError](err)
		require.True(t, ok, "%v", err)
		require.NoError(t, s.UpdateTask(ctx, pending.Task, answersTo(pending.Task.Requests)))
	}
}

func task(ctx context.Context, t *testing.T, v *visit) {
	s := v.connect(ctx, t)
	if job := v.start(ctx, t, s, "endless job"); job != nil {
		now, err := s.Task(ctx, job.ID)
		require.NoError(t, err)
		require.Equal(t, job.ID, now.ID)
	}
}

func cancelTask(ctx context.Context, t *testing.T, v *visit) {
	s := v.connect(ctx, t)
	if job := v.start(ctx, t, s, "endless job"); job != nil {
		require.NoError(t, s.CancelTask(ctx, job.ID))
		_, err := s.AwaitTask(ctx, job)
		require.Error(t, err)
	}
}

func taskResult(ctx context.Context, t *testing.T, v *visit) {
	s := v.connect(ctx, t)
	if job := v.start(ctx, t, s, "job"); job != nil {
		_, err := s.AwaitTask(ctx, job)
		require.NoError(t, err)
		result, err := s.TaskResult(ctx, job.ID)
		require.NoError(t, err)
		require.Equal(t, "done", result.Text())
	}
}

func tasks(ctx context.Context, t *testing.T, v *visit) {
	s := v.connect(ctx, t)
	job := v.start(ctx, t, s, "job")
	all, err := mcpclient.Collect(s.Tasks(ctx))
	if job == nil || v.modern() {
		require.ErrorIs(t, err, mcpclient.ErrUnsupported)
		return
	}
	require.NoError(t, err)
	require.Len(t, all, 1)
}

// listen hears of a tool and of a resource, where the server has a stream for it.
func listen(ctx context.Context, t *testing.T, v *visit) {
	s := v.connect(ctx, t)
	expected := map[mcpclient.EventKind]bool{mcpclient.EventToolsChanged: true, mcpclient.EventResourceUpdated: true}
	for event, err := range s.Listen(ctx, mcpclient.Filter{Tools: true, ResourceURIs: []string{"tour://motto"}}) {
		require.NoError(t, err)
		if event.Kind == mcpclient.EventListening {
			if !event.Accepted.Tools {
				require.False(t, v.streams)
				return
			}
			addTool(v.server, "added")
			v.server.ResourceUpdated("tour://motto")
		}
		if delete(expected, event.Kind); len(expected) == 0 {
			return
		}
	}
}
