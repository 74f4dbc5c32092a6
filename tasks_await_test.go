package mcpclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// awaiting waits for a task in a goroutine of the test.
func (r *taskRig) awaiting(ctx context.Context, task *mcpclient.Task, options ...mcpclient.CallOption) <-chan taskEnd {
	ended := make(chan taskEnd, 1)
	go func() {
		result, err := r.session.AwaitTask(ctx, task, options...)
		ended <- taskEnd{result, err}
	}()
	return ended
}

type taskEnd struct {
	result *mcpclient.ToolResult
	err    error
}

func TestTaskPolling(t *testing.T) {
	for name, c := range map[string]struct {
		hint, wait time.Duration
		least, max int
	}{
		"not said":      {0, 10 * time.Minute, 545, 600},
		"every 10 s":    {10 * time.Second, time.Hour, 327, 360},
		"all the time":  {time.Millisecond, 10 * time.Second, 181, 200},
		"hardly at all": {100 * time.Hour, 10 * time.Hour, 109, 120},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newTaskRig(t, new(mcpclient.Client), true, mcptest.TaskHints(c.hint, 0))
				ctx, cancel := context.WithTimeout(t.Context(), c.wait)
				defer cancel()
				_, err := r.session.AwaitTask(ctx, r.start())
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.GreaterOrEqual(t, r.sent("tasks/get"), c.least)
				require.LessOrEqual(t, r.sent("tasks/get"), c.max)
				require.Equal(t, mcpclient.TaskWorking, mcpclient.TaskStatus(r.server.Tasks()[0].Status), "it lives on")
			})
		})
	}
}

// Whoever gives up waiting cancels nothing, wherever that happens.
func TestTaskOutlivesItsCallers(t *testing.T) {
	inBothDesigns(t, func(t *testing.T, flat bool) {
		r := newTaskRig(t, new(mcpclient.Client), flat)
		givesUp := func(method string, call func(ctx context.Context) error) {
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			r.server.Next(mcptest.Hang().On(method))
			go func() { ended <- call(ctx) }()
			require.NoError(t, r.server.Await(t.Context(), func() bool { return r.sent(method) == 1 }))
			synctest.Wait()
			cancel()
			require.ErrorIs(t, <-ended, context.Canceled)
			require.Empty(t, r.server.Unused())
		}
		givesUp("tools/call", func(ctx context.Context) error {
			_, err := r.session.CallToolAsTask(ctx, "job", nil)
			return err
		})
		task := r.start()
		await := func(ctx context.Context) error {
			_, err := r.session.AwaitTask(ctx, task)
			return err
		}
		givesUp("tasks/get", await)
		if !flat {
			r.work <- works("done")
			givesUp("tasks/result", await)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := r.awaiting(ctx, r.start())
		synctest.Wait()
		cancel() // between two questions
		require.ErrorIs(t, (<-ended).err, context.Canceled)
		synctest.Wait()
		require.Zero(t, r.sent("notifications/cancelled"))
		require.Len(t, r.server.Tasks(), 2)
	})
}

func TestTaskPollingOutlastsAnOutage(t *testing.T) {
	inBothDesigns(t, func(t *testing.T, flat bool) {
		r := newTaskRig(t, new(mcpclient.Client), flat)
		task := r.start()
		ended := r.awaiting(t.Context(), task)
		for _, fault := range []mcptest.Fault{
			mcptest.DropBefore(), mcptest.DropAfter(), mcptest.NoAnswer(), mcptest.Truncated(10), mcptest.Hang(),
			mcptest.Status(http.StatusServiceUnavailable, http.Header{"Retry-After": {"20"}}, "busy"), mcptest.Status(http.StatusBadGateway, nil, ""),
		} {
			stop := r.server.Always(fault.On("tasks/get", "tasks/result"))
			<-time.After(3 * time.Minute)
			stop()
		}
		require.Less(t, r.sent("tasks/get"), 500, "with a backoff")
		r.work <- works("done")
		end := <-ended
		require.NoError(t, end.err)
		require.Equal(t, "done", end.result.Text())
	})
}

// What does not pass by itself ends the waiting.
func TestTaskPollingFails(t *testing.T) {
	inBothDesigns(t, func(t *testing.T, flat bool) {
		r := newTaskRig(t, new(mcpclient.Client), flat)
		task := r.start()
		r.server.Next(mcptest.ErrorAnswer(0, &mcpclient.RPCError{Code: internalError, Message: "lost"}).On("tasks/get"))
		_, err := r.session.AwaitTask(t.Context(), task)
		require.EqualValues(t, internalError, asCause[*mcpclient.RPCError](t, err).Code)
		for answer, text := range map[string]string{
			`{"taskId":"task-9","status":"working"}`:  `another task: "task-9"`,
			`{"taskId":"task-1"}`:                     "no id, or no status",
			`{"taskId":"task-1","status":"dreaming"}`: `the status "dreaming"`,
			`{"taskId":1}`:                            "form",
		} {
			r.server.Next(answering("tasks/get", answer))
			_, err = r.session.AwaitTask(t.Context(), task)
			require.ErrorIs(t, err, mcpclient.ErrProtocol)
			require.ErrorContains(t, err, text)
		}
		if flat {
			r.server.Next(answering("tasks/get", `{"taskId":"task-1","status":"completed"}`))
			_, err = r.session.AwaitTask(t.Context(), task)
			require.ErrorContains(t, err, "carries no result")
			r.server.Next(answering("tasks/get", `{"taskId":"task-1","status":"failed","statusMessage":"no reason"}`))
			_, err = r.session.AwaitTask(t.Context(), task)
			require.ErrorContains(t, err, `the task has failed: "no reason"`)
		}
	})
}

func TestTaskOutlivesItsSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTaskRig(t, new(mcpclient.Client), false)
		ended := r.awaiting(t.Context(), r.start())
		r.server.ForgetSessions()
		<-time.After(time.Minute)
		r.server.Always(mcptest.Status(http.StatusServiceUnavailable, nil, "").On("initialize").Times(5))
		r.server.ForgetSessions()
		<-time.After(time.Minute)
		r.work <- works("done")
		end := <-ended
		require.NoError(t, end.err)
		require.Equal(t, "done", end.result.Text())
	})
}

// asks is a tool that needs a name.
func asks(ctx context.Context, req *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
	answer, err := req.Ask(ctx, "elicitation/create", map[string]any{
		"message": "who?", "requestedSchema": json.RawMessage(`{"type":"object","properties":{"name":{"type":"string"}}}`),
	})
	return mcptest.Text(string(answer)), err
}

func TestTaskAsksTheHandlers(t *testing.T) {
	inBothDesigns(t, func(t *testing.T, flat bool) {
		var asked atomic.Int32
		client := &mcpclient.Client{Elicit: func(_ context.Context, e *mcpclient.Elicitation) (*mcpclient.ElicitationReply, error) {
			asked.Add(1)
			require.Equal(t, "who?", e.Message)
			<-time.After(time.Hour)
			return mcpclient.Accept(map[string]string{"name": "Ann"}), nil
		}}
		r := newTaskRig(t, client, flat, mcptest.Streams())
		if !flat { // the stream with the question may break: polling goes on, and finds that it is still open
			r.server.Next(mcptest.Status(http.StatusBadGateway, nil, "").On("tasks/result"))
		}
		ended := r.awaiting(t.Context(), r.start())
		r.work <- asks
		end := <-ended
		require.NoError(t, end.err)
		require.EqualValues(t, 1, asked.Load())
		require.Contains(t, end.result.Text(), `"content":{"name":"Ann"}`)
		if flat {
			require.Equal(t, []string{`{"taskId":"task-1","inputResponses":{"input-1":{"action":"accept","content":{"name":"Ann"}}}}`},
				withoutMeta(t, sentParams(t, r.server, "tasks/update")))
			return
		}
		require.JSONEq(t, `{"io.modelcontextprotocol/related-task":{"taskId":"task-1"}}`, taskMetaOf(t, r.server.Answers()[0].Result))
		require.Equal(t, 2, r.sent("tasks/result"))
	})
}

func taskMetaOf(t *testing.T, object json.RawMessage) string {
	t.Helper()
	var members struct {
		Meta json.RawMessage `json:"_meta"`
	}
	require.NoError(t, json.Unmarshal(object, &members))
	return string(members.Meta)
}

// withoutMeta is for requests that carry much of it.
func withoutMeta(t *testing.T, all []string) (bare []string) {
	t.Helper()
	for _, params := range all {
		var members struct {
			ID        json.RawMessage `json:"taskId"`
			Responses json.RawMessage `json:"inputResponses,omitempty"`
		}
		require.NoError(t, json.Unmarshal([]byte(params), &members))
		text, err := json.Marshal(members)
		require.NoError(t, err)
		bare = append(bare, string(text))
	}
	return bare
}

// Nobody is asked twice, and the server is told until it has heard.
func TestTaskAnswersEachKeyOnce(t *testing.T) {
	for name, fault := range map[string]mcptest.Fault{
		"not heard": mcptest.DropBefore(), "heard, but not confirmed": mcptest.DropAfter(), "busy": mcptest.Status(http.StatusServiceUnavailable, nil, ""),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asked atomic.Int32
				client := &mcpclient.Client{Elicit: func(context.Context, *mcpclient.Elicitation) (*mcpclient.ElicitationReply, error) {
					asked.Add(1)
					return mcpclient.Decline(), nil
				}}
				r := newTaskRig(t, client, true)
				ended := r.awaiting(t.Context(), r.start())
				r.server.Next(fault.On("tasks/update"))
				r.work <- func(ctx context.Context, req *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
					if _, err := asks(ctx, req); err != nil {
						return nil, err
					}
					return asks(ctx, req)
				}
				end := <-ended
				require.NoError(t, end.err)
				require.Equal(t, `{"action":"decline"}`, end.result.Text())
				require.EqualValues(t, 2, asked.Load(), "two questions")
				require.Empty(t, r.server.Unused())
			})
		})
	}
}

// Nobody knows whether an answer arrived, and the status lags behind: it is sent again, and that the server has it already
// is no error.
func TestTaskAnswerIsNotConfirmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const question = `{"method":"elicitation/create","params":{"message":"who?","requestedSchema":{"type":"object","properties":{}}}}`
		stale := answering("tasks/get", `{"taskId":"task-1","status":"input_required","inputRequests":{"input-1":`+question+`}}`)
		var r *taskRig
		client := &mcpclient.Client{Elicit: func(context.Context, *mcpclient.Elicitation) (*mcpclient.ElicitationReply, error) {
			r.server.Next(mcptest.DropAfter().On("tasks/update"), stale, stale)
			return mcpclient.Decline(), nil
		}}
		r = newTaskRig(t, client, true)
		ended := r.awaiting(t.Context(), r.start())
		r.work <- asks
		end := <-ended
		require.NoError(t, end.err)
		require.Equal(t, `{"action":"decline"}`, end.result.Text())
		require.Equal(t, 2, r.sent("tasks/update"))
		require.Empty(t, r.server.Unused())
	})
}

// The status lags behind: the server goes on asking for what it has, beside what is new.
func TestTaskStatusLags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		client := &mcpclient.Client{Elicit: func(context.Context, *mcpclient.Elicitation) (*mcpclient.ElicitationReply, error) {
			asked.Add(1)
			return mcpclient.Decline(), nil
		}}
		r := newTaskRig(t, client, true)
		r.server.Always(answering("tasks/update", `{"resultType":"complete"}`))
		const question = `{"method":"elicitation/create","params":{"message":"who?","requestedSchema":{"type":"object","properties":{}}}}`
		for _, requests := range []string{`"a":` + question, `"a":` + question, `"b":` + question + `,"a":` + question} {
			r.server.Next(answering("tasks/get", `{"resultType":"task","taskId":"task-1","status":"input_required","inputRequests":{`+requests+`}}`))
		}
		ended := r.awaiting(t.Context(), r.start())
		r.work <- works("done")
		require.NoError(t, (<-ended).err)
		require.EqualValues(t, 2, asked.Load())
		require.Equal(t, []string{
			`{"taskId":"task-1","inputResponses":{"a":{"action":"decline"}}}`, `{"taskId":"task-1","inputResponses":{"b":{"action":"decline"}}}`,
		}, withoutMeta(t, sentParams(t, r.server, "tasks/update")))
	})
}

// The task ends while the user thinks, and then the server wants no answer. It is not an error of the waiting, but
// one if the server goes on asking.
func TestTaskUpdateIsRefused(t *testing.T) {
	for name, ends := range map[string]bool{"the task is over": true, "the server does not want it": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r *taskRig
				client := &mcpclient.Client{Elicit: func(ctx context.Context, _ *mcpclient.Elicitation) (*mcpclient.ElicitationReply, error) {
					if ends {
						require.NoError(t, r.session.CancelTask(ctx, "task-1"))
						synctest.Wait()
					}
					return mcpclient.Decline(), nil
				}}
				r = newTaskRig(t, client, true)
				r.server.Next(mcptest.ErrorAnswer(0, &mcpclient.RPCError{Code: invalidParams, Message: "no"}).On("tasks/update"))
				ended := r.awaiting(t.Context(), r.start())
				r.work <- asks
				err := (<-ended).err
				if ends {
					require.Equal(t, mcpclient.TaskCancelled, asCause[*mcpclient.TaskError](t, err).Task.Status)
					return
				}
				require.EqualError(t, err, `mcpclient: tasks/update task-1: JSON-RPC error -32602: "no"`)
			})
		})
	}
}

func TestTaskInputIsDeferred(t *testing.T) {
	for name, client := range map[string]*mcpclient.Client{
		"no handler": {}, "a handler that fails": {Elicit: func(context.Context, *mcpclient.Elicitation) (*mcpclient.ElicitationReply, error) {
			return nil, errors.New("nobody at home")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newTaskRig(t, client, true)
				deferred := mcpclient.WithDeferredInput()
				task := r.start(deferred)
				r.work <- asks
				var options []mcpclient.CallOption
				if client.Elicit == nil {
					options = append(options, deferred)
				}
				_, err := r.session.AwaitTask(t.Context(), task, options...)
				pending := asCause[*mcpclient.InputRequiredError](t, err)
				require.ErrorContains(t, err, "go on with Session.UpdateTask")
				require.ErrorContains(t, r.session.AnswerInput(t.Context(), pending, map[string]any{"input-1": mcpclient.Decline()}, nil), "use Session.UpdateTask")

				kept, err := json.Marshal(pending)
				require.NoError(t, err)
				restored := new(mcpclient.InputRequiredError)
				require.NoError(t, json.Unmarshal(kept, restored))
				require.Equal(t, task.ID, restored.Task.ID)
				require.ErrorContains(t, r.session.UpdateTask(t.Context(), restored.Task, map[string]any{"other": nil}), `does not ask for an input "other"`)
				require.ErrorContains(t, r.session.UpdateTask(t.Context(), restored.Task, nil), "no answers")
				require.Zero(t, r.sent("tasks/update"))
				require.NoError(t, r.session.UpdateTask(t.Context(), restored.Task, map[string]any{"input-1": mcpclient.Accept(map[string]string{"name": "Bo"})}))
				result, err := r.session.AwaitTask(t.Context(), restored.Task)
				require.NoError(t, err)
				require.Contains(t, result.Text(), "Bo")
			})
		})
	}
}

// The token of the task's call is good until the task is over; here on the reply to the request for its result.
func TestTaskProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &mcpclient.Client{Elicit: func(context.Context, *mcpclient.Elicitation) (*mcpclient.ElicitationReply, error) {
			return mcpclient.Decline(), nil
		}}
		r := newTaskRig(t, client, false, mcptest.Streams())
		var early, seen atomic.Int32
		task := r.start(mcpclient.WithProgress(func(mcpclient.Progress) { early.Add(1) }))
		ended := r.awaiting(t.Context(), task, mcpclient.WithProgress(func(p mcpclient.Progress) { seen.Add(int32(p.Progress)) }))
		r.work <- func(ctx context.Context, req *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
			result, err := asks(ctx, req) // somebody comes for the result then
			req.Progress(5, 10, "half")
			return result, err
		}
		require.NoError(t, (<-ended).err)
		require.EqualValues(t, 5, seen.Load())
		require.Zero(t, early.Load(), "its call is over")
		for _, request := range r.server.Requests() {
			if request.Method == "tasks/get" || request.Method == "tasks/result" {
				require.NotContains(t, string(request.Body), "progressToken")
			}
		}
	})
}
