package mcptest

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// taskMethod executes a method of the tasks of the call's version; false: it has none of that name.
func (c *call) taskMethod(ctx context.Context) (result any, known bool, err error) {
	var method func(context.Context, *task, *taskParams) (any, error)
	switch c.message.Method {
	case methodTaskGet:
		method = c.taskGet
	case methodTaskCancel:
		method = c.taskCancel
	case methodTaskUpdate:
		method = c.taskUpdate
	case "tasks/result":
		method = c.taskResult
	case "tasks/list":
	default:
		return nil, false, nil
	}
	onlyHere := c.message.Method == methodTaskUpdate
	onlyThere := c.message.Method == "tasks/result" || c.message.Method == "tasks/list"
	c.server.mu.Lock()
	has := c.hasTasksLocked()
	c.server.mu.Unlock()
	if !has || c.stateless == nil && onlyHere || c.stateless != nil && onlyThere {
		return nil, false, nil
	}
	if c.stateless != nil {
		if err := c.stateless.needsTasks(); err != nil {
			return nil, true, err
		}
	}
	if method == nil {
		result, err = c.listTasks()
		return result, true, err
	}
	var params taskParams
	if err := decode(c.message.Params, &params); err != nil {
		return nil, true, err
	}
	c.server.mu.Lock()
	job, err := c.findTaskLocked(params.TaskID)
	c.server.mu.Unlock()
	if err == nil {
		result, err = method(ctx, job, &params)
	}
	return result, true, err
}

type taskParams struct {
	TaskID    string                     `json:"taskId"`
	Responses map[string]json.RawMessage `json:"inputResponses"`
}

func (c *call) taskGet(_ context.Context, job *task, _ *taskParams) (any, error) {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	if c.stateless != nil {
		return c.taskDetailsLocked(job), nil
	}
	return c.taskViewLocked(job), nil
}

// taskCancel ends a task: at once where there are sessions, and since
// 2026-07-28 when the tool has returned, which may still be with a result.
func (c *call) taskCancel(_ context.Context, job *task, _ *taskParams) (any, error) {
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.stateless != nil {
		job.cancelled = true
		job.cancel()
		return struct{}{}, nil
	}
	if job.ended() {
		return nil, invalidParams("Cannot cancel the task: it is " + job.statusIn(false))
	}
	job.status = taskCancelled
	clear(job.open)
	job.cancel()
	s.taskChangedLocked(job)
	return c.taskViewLocked(job), nil
}

// taskUpdate takes in answers to what a task has asked. No key is answered twice.
func (c *call) taskUpdate(_ context.Context, job *task, params *taskParams) (any, error) {
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, answer := range params.Responses {
		if _, again := job.answered[key]; again {
			return nil, invalidParams("Invalid params: the response " + key + " was given before")
		}
		if job.open[key] == nil {
			return nil, invalidParams("Invalid params: the task has not asked for " + key)
		}
		if !isObject(answer) {
			return nil, invalidParams("Invalid params: the response " + key + " is not an object")
		}
	}
	for key, answer := range params.Responses {
		s.taskAnsweredLocked(job, key, Answer{Result: answer})
	}
	return struct{}{}, nil
}

func (s *Server) taskAnsweredLocked(job *task, key string, answer Answer) {
	input := job.open[key]
	if input == nil {
		return
	}
	delete(job.open, key)
	job.answered[key] = struct{}{}
	input.answer <- answer
	if len(job.open) == 0 && !job.ended() {
		job.status = taskWorking
	}
	s.taskChangedLocked(job)
}

func (c *call) listTasks() (any, error) {
	jobs, next, err := page(c, &c.server.tasks.known)
	if err != nil {
		return nil, err
	}
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	views := make([]map[string]any, len(jobs))
	for i, job := range jobs {
		views[i] = c.taskViewLocked(job)
	}
	return struct {
		Tasks []map[string]any `json:"tasks"`
		Next  *string          `json:"nextCursor,omitzero"`
	}{views, next}, nil
}

// taskResult waits for the end of a task and answers as the call would have.
// Meanwhile it puts to the client what the task asks.
func (c *call) taskResult(ctx context.Context, job *task, _ *taskParams) (any, error) {
	s := c.server
	related := mustEncode(map[string]string{"taskId": job.id})
	s.mu.Lock()
	job.readers = append(job.readers, c)
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		job.readers = slices.DeleteFunc(job.readers, func(other *call) bool { return other == c })
	}()
	for !job.ended() {
		key, input := job.unaskedLocked()
		changed := job.changed
		if input != nil {
			input.asked = true
		}
		s.mu.Unlock()
		if input != nil {
			c.putToClient(ctx, job, key, input, related)
		} else {
			select {
			case <-changed:
			case <-ctx.Done():
			}
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		s.mu.Lock()
	}
	defer s.mu.Unlock()
	if job.failure != nil {
		return nil, job.failure
	}
	if job.result == nil {
		return nil, invalidParams("The task was cancelled")
	}
	return jsontext.Value(withMeta(job.result, metaRelatedTask, related)), nil
}
