package mcpclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// taskRig is a server whose tool "job" can be a task and does what is sent to work, and a session with it.
type taskRig struct {
	t       *testing.T
	server  *mcptest.Server
	session *mcpclient.Session
	work    chan mcptest.ToolHandler
	flat    bool // the newer design
}

func newTaskRig(t *testing.T, client *mcpclient.Client, flat bool, options ...mcptest.Option) *taskRig {
	t.Helper()
	options = append(options, mcptest.InMemory())
	if flat {
		options = append(options, mcptest.Stateless())
	}
	r := &taskRig{t: t, server: mcptest.New(t, options...), work: make(chan mcptest.ToolHandler), flat: flat}
	r.server.AddTool(mcpclient.Tool{Name: "job", Execution: &mcpclient.ToolExecution{TaskSupport: "optional"}},
		func(ctx context.Context, req *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
			select {
			case h := <-r.work:
				return h(ctx, req)
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		})
	r.session = sessionOf(t, r.server, client)
	return r
}

// inBothDesigns runs a test in a bubble for each design of tasks.
func inBothDesigns(t *testing.T, run func(t *testing.T, flat bool)) {
	for name, flat := range map[string]bool{"asked for": false, "decided by the server": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { run(t, flat) })
		})
	}
}

func (r *taskRig) start(options ...mcpclient.CallOption) *mcpclient.Task {
	r.t.Helper()
	task, err := r.session.CallToolAsTask(r.t.Context(), "job", map[string]int{"n": 1}, options...)
	require.NoError(r.t, err)
	return task
}

// sent counts the requests of a method.
func (r *taskRig) sent(method string) (n int) {
	for _, request := range r.server.Requests() {
		if request.Method == method {
			n++
		}
	}
	return n
}

func works(text string) mcptest.ToolHandler {
	return func(context.Context, *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		return mcptest.Text(text), nil
	}
}

func failsWith(err error) mcptest.ToolHandler {
	return func(context.Context, *mcptest.ToolRequest) (*mcpclient.ToolResult, error) { return nil, err }
}

func TestTaskLife(t *testing.T) {
	inBothDesigns(t, func(t *testing.T, flat bool) {
		r := newTaskRig(t, new(mcpclient.Client), flat, mcptest.TaskHints(2*time.Second, time.Hour))
		begun := time.Now()
		task := r.start(mcpclient.WithTaskTTL(90 * time.Minute))
		require.Equal(t, "task-1", task.ID)
		require.Equal(t, mcpclient.TaskWorking, task.Status)
		require.False(t, task.Done())
		require.WithinDuration(t, begun, task.CreatedAt, 0)
		require.Equal(t, 2*time.Second, task.PollInterval)
		ttl := 90 * time.Minute
		if flat {
			ttl = time.Hour // there the server alone decides
		}
		require.Equal(t, ttl, *task.TTL)
		require.Empty(t, task.Extra, "nothing of the envelope is left over")

		polled, err := r.session.Task(t.Context(), task.ID)
		require.NoError(t, err)
		require.Equal(t, task, polled)
		if flat {
			_, err = r.session.TaskResult(t.Context(), task.ID)
			require.Equal(t, "the task is not over: working", asCause[*mcpclient.TaskError](t, err).Error())
		}
		r.work <- works("done")
		result, err := r.session.AwaitTask(t.Context(), task)
		require.NoError(t, err)
		require.Equal(t, "done", result.Text())
		require.GreaterOrEqual(t, time.Since(begun), 2*time.Second)
		require.Less(t, time.Since(begun), 3*time.Second)
		require.Equal(t, 2, r.sent("tasks/get")-boolToInt(flat))

		again, err := r.session.AwaitTask(t.Context(), &mcpclient.Task{ID: task.ID})
		require.NoError(t, err)
		require.Equal(t, result, again)
		again, err = r.session.TaskResult(t.Context(), task.ID)
		require.NoError(t, err)
		require.Equal(t, result, again)
		require.Equal(t, 1, r.server.Executed())
	})
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// What is asked for a task in the older design is nothing but a member of the params.
func TestTaskParams(t *testing.T) {
	inBothDesigns(t, func(t *testing.T, flat bool) {
		r := newTaskRig(t, new(mcpclient.Client), flat)
		r.start()
		r.start(mcpclient.WithTaskTTL(1500 * time.Microsecond))
		_, err := r.session.CallToolAsTask(t.Context(), "job", json.RawMessage(`[]`))
		asCause[*mcpclient.ArgumentError](t, err)
		var members []string
		for _, params := range sentParams(t, r.server, "tools/call") {
			var sent map[string]json.RawMessage
			require.NoError(t, json.Unmarshal([]byte(params), &sent))
			members = append(members, string(sent["task"]))
		}
		if flat {
			require.Equal(t, []string{"", ""}, members)
			for _, request := range r.server.Requests() {
				if request.Method == "tools/call" {
					require.Contains(t, string(request.Body), `"extensions":{"io.modelcontextprotocol/tasks":{}}`)
				}
			}
			return
		}
		require.Equal(t, []string{"{}", `{"ttl":1}`}, members)
	})
}

func TestTaskIsAnsweredAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTaskRig(t, new(mcpclient.Client), true)
		task, err := r.session.CallToolAsTask(t.Context(), "add", map[string]int{"a": 1, "b": 2})
		require.NoError(t, err)
		require.True(t, task.Done())
		require.Empty(t, task.ID)
		result, err := r.session.AwaitTask(t.Context(), task)
		require.NoError(t, err)
		require.Equal(t, `{"sum":3}`, result.Text())
		require.Zero(t, r.sent("tasks/get"))
	})
}

func TestTaskEnds(t *testing.T) {
	inBothDesigns(t, func(t *testing.T, flat bool) {
		r := newTaskRig(t, new(mcpclient.Client), flat)
		await := func(h mcptest.ToolHandler) (*mcpclient.ToolResult, error) {
			task := r.start()
			r.work <- h
			return r.session.AwaitTask(t.Context(), task)
		}
		result, err := await(failsWith(errors.New("no luck")))
		require.NoError(t, err, "the tool has answered")
		require.True(t, result.IsError)
		require.Equal(t, "no luck", result.Text())

		_, err = await(failsWith(&mcpclient.RPCError{Code: 7, Message: "broken", Data: json.RawMessage(`[1]`)}))
		require.Equal(t, &mcpclient.RPCError{Code: 7, Message: "broken", Data: json.RawMessage(`[1]`)}, asCause[*mcpclient.RPCError](t, err))
		require.Equal(t, mcpclient.DeliveryAnswered, asCallError(t, err).Delivery)

		task := r.start()
		require.NoError(t, r.session.CancelTask(t.Context(), task.ID))
		_, err = r.session.AwaitTask(t.Context(), task)
		cancelled := asCause[*mcpclient.TaskError](t, err)
		require.Equal(t, task.ID, cancelled.Task.ID)
		require.EqualError(t, err, "mcpclient: tasks/get task-3: the task was cancelled")
		require.Empty(t, r.server.Cancelled())

		_, err = r.session.AwaitTask(t.Context(), &mcpclient.Task{ID: "none"})
		require.EqualValues(t, invalidParams, asCause[*mcpclient.RPCError](t, err).Code)
		r.server.ForgetTasks()
		_, err = r.session.AwaitTask(t.Context(), task)
		require.EqualValues(t, invalidParams, asCause[*mcpclient.RPCError](t, err).Code)
	})
}

func TestTaskList(t *testing.T) {
	inBothDesigns(t, func(t *testing.T, flat bool) {
		r := newTaskRig(t, new(mcpclient.Client), flat, mcptest.PageSize(2))
		for range 3 {
			r.start()
		}
		tasks, err := mcpclient.Collect(r.session.Tasks(t.Context()))
		if flat {
			requireUnsent(t, r, "tasks/list", err)
			return
		}
		require.NoError(t, err)
		require.Len(t, tasks, 3)
		require.Equal(t, "task-3", tasks[2].ID)
		require.Equal(t, mcpclient.TaskWorking, tasks[2].Status)
	})
}

func requireUnsent(t *testing.T, r *taskRig, method string, err error) {
	t.Helper()
	require.ErrorIs(t, err, mcpclient.ErrUnsupported)
	require.Equal(t, mcpclient.DeliveryNotSent, asCallError(t, err).Delivery)
	require.Equal(t, method, asCallError(t, err).Method)
	require.Zero(t, r.sent(method))
}

// A server without such a tool declares nothing about tasks.
func TestTasksAreNotOffered(t *testing.T) {
	for name, options := range map[string][]mcptest.Option{
		"asked for": nil, "decided by the server": {mcptest.Stateless()},
	} {
		t.Run(name, func(t *testing.T) {
			r := &taskRig{t: t, server: mcptest.New(t, options...)}
			r.session = sessionOf(t, r.server, new(mcpclient.Client))
			ctx := t.Context()
			_, err := r.session.CallToolAsTask(ctx, "echo", nil)
			requireUnsent(t, r, "tools/call", err)
			_, err = r.session.Task(ctx, "x")
			requireUnsent(t, r, "tasks/get", err)
			_, err = r.session.AwaitTask(ctx, &mcpclient.Task{ID: "x"})
			requireUnsent(t, r, "tasks/get", err)
			_, err = r.session.TaskResult(ctx, "x")
			require.ErrorIs(t, err, mcpclient.ErrUnsupported)
			requireUnsent(t, r, "tasks/cancel", r.session.CancelTask(ctx, "x"))
			asks := &mcpclient.Task{ID: "x", Requests: map[string]mcpclient.InputRequest{"k": {Method: "roots/list"}}}
			requireUnsent(t, r, "tasks/update", r.session.UpdateTask(ctx, asks, map[string]any{"k": []mcpclient.Root{}}))
			_, err = mcpclient.Collect(r.session.Tasks(ctx))
			requireUnsent(t, r, "tasks/list", err)
		})
	}
}

// What a list said of a tool is remembered, of this session.
func TestTaskIsForbidden(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTaskRig(t, new(mcpclient.Client), false)
		_, err := r.session.CallToolAsTask(t.Context(), "echo", nil)
		require.EqualValues(t, methodNotFound, asCause[*mcpclient.RPCError](t, err).Code, "nobody has told the client")
		list := func() {
			_, err := mcpclient.Collect(r.session.Tools(t.Context()))
			require.NoError(t, err)
		}
		list()
		_, err = r.session.CallToolAsTask(t.Context(), "echo", nil)
		require.ErrorIs(t, err, mcpclient.ErrUnsupported)
		require.Equal(t, 1, r.sent("tools/call"))
		r.start()
		able := mcpclient.Tool{Name: "echo", Execution: &mcpclient.ToolExecution{TaskSupport: "required"}}
		r.server.AddTool(able, works("now a task"))
		list()
		_, err = r.session.CallToolAsTask(t.Context(), "echo", nil)
		require.NoError(t, err)
		r.server.AddTool(mcpclient.Tool{Name: "echo"}, works("no more"))
		list()
		r.server.AddTool(able, works("and again"))
		require.NoError(t, r.session.Reinitialize(t.Context()))
		_, err = r.session.CallToolAsTask(t.Context(), "echo", nil)
		require.NoError(t, err, "another session may have other tools")
	})
}

// A server of the older design declares each part on its own; null and false are no declaration.
func TestTasksAreOfferedInPart(t *testing.T) {
	const whole = `"tasks":{"cancel":{},"list":{},"requests":{"tools":{"call":{}}}}`
	for declared, missing := range map[string]string{
		`"tasks":{"cancel":null,"requests":{"tools":{}}}`: "tasks.requests.tools.call", `"tasks":{"cancel":false,"requests":true}`: "tasks.requests.tools.call",
		`"tasks":null`: "tasks", `"tasks":7`: "tasks",
	} {
		t.Run(declared, func(t *testing.T) {
			server := mcptest.New(t)
			server.AddTool(mcpclient.Tool{Name: "job", Execution: &mcpclient.ToolExecution{TaskSupport: "optional"}}, works("done"))
			server.Always(opening(rewritten(whole, declared)))
			r := &taskRig{t: t, server: server, session: sessionOf(t, server, new(mcpclient.Client))}
			_, err := r.session.CallToolAsTask(t.Context(), "job", nil)
			requireUnsent(t, r, "tools/call", err)
			require.ErrorContains(t, err, "does not declare "+missing+":")
			requireUnsent(t, r, "tasks/cancel", r.session.CancelTask(t.Context(), "x"))
			_, err = mcpclient.Collect(r.session.Tasks(t.Context()))
			requireUnsent(t, r, "tasks/list", err)
		})
	}
}
