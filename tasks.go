package mcpclient

import (
	"context"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Task is a tool call that goes on after its answer, as the server last told of it. It belongs to the server
// and outlives the session, the process and every context: keep its ID, or the whole of it, encoded by
// encoding/json, and go on with [Session.AwaitTask] wherever you are.
//
// The protocol has two designs for tasks, which this type hides. In the older one the result is fetched on
// its own, and the server asks for input while somebody waits for it; in the newer one both are part of the
// task, and so of Result, Failure and Requests here.
type Task struct {
	ID            string                        `json:"taskId"` // "": the call was answered at once, and there is no task
	Status        TaskStatus                    `json:"status"`
	StatusMessage string                        `json:"statusMessage,omitzero"` // for people
	CreatedAt     time.Time                     `json:"-"`                      // zero: not said
	UpdatedAt     time.Time                     `json:"-"`                      // zero: not said
	TTL           *time.Duration                `json:"-"`                      // from CreatedAt on, after which the server may forget the task; nil: unlimited, or not said
	PollInterval  time.Duration                 `json:"-"`                      // how long to wait between two questions; 0: not said
	Result        *ToolResult                   `json:"result,omitzero"`        // of a completed task; nil: not told with the task, see Session.TaskResult
	Failure       *RPCError                     `json:"-"`                      // of a failed task; nil: not told with the task
	Requests      map[string]InputRequest       `json:"inputRequests,omitzero"` // what the task waits for, by the server's keys; see Session.UpdateTask
	Meta          Meta                          `json:"_meta,omitzero"`
	Extra         map[string]stdjson.RawMessage `json:",embed"` // members this package does not know

	progressToken string // on which the server reports the progress of the task; "": it was not asked to
}

// TaskStatus is how far a task has come. The server may use others than those below, if it breaks the protocol.
type TaskStatus string

// The last three are final.
const (
	TaskWorking       TaskStatus = "working"
	TaskInputRequired TaskStatus = "input_required"
	TaskCompleted     TaskStatus = "completed"
	TaskFailed        TaskStatus = "failed"
	TaskCancelled     TaskStatus = "cancelled"
)

// Done reports whether the task is over, so that its status cannot change any more.
func (t *Task) Done() bool {
	return t.Status == TaskCompleted || t.Status == TaskFailed || t.Status == TaskCancelled
}

// TaskError means that there is no result because the task was cancelled, failed without an error of its own,
// or, from [Session.TaskResult], is not over yet.
type TaskError struct {
	Task *Task // as the server last told of it
}

func (e *TaskError) Error() string {
	text := "the task is not over: " + excerpt(string(e.Task.Status))
	if e.Task.Done() {
		text = "the task has " + excerpt(string(e.Task.Status))
		if e.Task.Status == TaskCancelled {
			text = "the task was cancelled"
		}
	}
	if e.Task.StatusMessage != "" {
		text += ": " + quote(e.Task.StatusMessage)
	}
	return text
}

// CallToolAsTask asks the server to run a tool as a task, and returns as soon as the server has taken the
// task on; wait for it with [Session.AwaitTask]. In the newer design of the protocol the server decides: it
// may answer at once, and then the Task is done, has no ID, and carries the result. The arguments are those
// of [Session.CallTool].
//
// If the server does not declare that tools can be tasks, or has listed this one as a tool that cannot,
// nothing is sent and the error matches [ErrUnsupported]. A server that finds so itself answers with an
// *[RPCError], code -32601.
//
// When ctx ends the server is not told to cancel anything: a task that it has already taken on lives on. Use
// [Session.CancelTask].
func (s *Session) CallToolAsTask(ctx context.Context, name string, args any, options ...CallOption) (*Task, error) {
	c := &call{method: callToolMethod, target: name, options: append(slices.Clip(options), asTask)}
	c.params, c.invalid = s.taskParams(name, args, options)
	raw, err := s.do(ctx, c)
	if err != nil {
		return nil, err
	}
	task, err := decodeCreated(raw)
	if err != nil {
		return nil, c.failed(fail(err, DeliveryAnswered))
	}
	task.progressToken = c.settings.token
	return task, nil
}

// taskParams adds to the params of a call what makes it a task, where the caller has to ask for one.
func (s *Session) taskParams(name string, args any, options []CallOption) (checkedParams, error) {
	if err := s.lacksTaskCalls(name); err != nil {
		return nil, err
	}
	params, err := toolParams(name, args)
	if err != nil || !s.asksForTasks() {
		return params, err
	}
	params = append(params[:len(params)-1], `,"task":{`...)
	if ttl := settingsOf(options).taskTTL; ttl > 0 {
		params = fmt.Appendf(params, `"ttl":%d`, ttl.Milliseconds())
	}
	return append(params, "}}"...), nil
}

// WithTaskTTL asks the server to know the task, once [Session.CallToolAsTask] has created it, for d, in whole
// milliseconds. Default: the server's own choice. The server may give it less, as [Task].TTL tells; in the newer
// design of the protocol it is not asked.
func WithTaskTTL(d time.Duration) CallOption {
	return func(s *callSettings) { s.taskTTL = d }
}

// asTask marks the calls that are about tasks: they declare that the client knows tasks, and are never
// cancelled by the end of their context.
func asTask(s *callSettings) { s.asTask = true }

// Task asks the server, once, how far a task has come (`tasks/get`). A task that it does not know, or not any
// more, is an *[RPCError], code -32602.
func (s *Session) Task(ctx context.Context, id string, options ...CallOption) (*Task, error) {
	task, _, err := s.pollTask(ctx, id, options)
	return task, err
}

const taskGetMethod = "tasks/get"

// pollTask returns the call, too: what becomes of the answer may be an error of that call.
func (s *Session) pollTask(ctx context.Context, id string, options []CallOption) (*Task, *call, error) {
	c := s.taskCall(taskGetMethod, id, options)
	c.invalid = s.lacksTasks()
	raw, err := s.do(ctx, c)
	if err != nil {
		return nil, c, err
	}
	task, err := decodeTask(raw, id)
	if err != nil {
		return nil, c, c.failed(fail(err, DeliveryAnswered))
	}
	return task, c, nil
}

type taskIDParams struct {
	ID string `json:"taskId"`
}

func (s *Session) taskCall(method, id string, options []CallOption) *call {
	return &call{method: method, target: id, params: taskIDParams{id}, options: append(slices.Clip(options), asTask)}
}

// TaskResult asks the server, once, for the result of a task. In the older design of the protocol
// (`tasks/result`) the server answers when the task is over, and meanwhile may ask the handlers of the Client
// for input; in the newer one (`tasks/get`) it answers at once, and a task that is not over is a *[TaskError].
// The further errors are those of [Session.AwaitTask], which waits in both.
func (s *Session) TaskResult(ctx context.Context, id string, options ...CallOption) (*ToolResult, error) {
	if s.asksForTasks() {
		c := s.taskCall("tasks/result", id, options)
		c.invalid = s.lacksTasks()
		return request[ToolResult](ctx, s, *c)
	}
	task, c, err := s.pollTask(ctx, id, options)
	if err != nil {
		return nil, err
	}
	result, err := task.ending()
	if err != nil {
		return nil, c.failed(fail(err, DeliveryAnswered))
	}
	return result, nil
}

// ending is what a task of the newer design carries.
func (t *Task) ending() (*ToolResult, error) {
	switch {
	case t.Status == TaskCompleted && t.Result != nil:
		return t.Result, nil
	case t.Status == TaskCompleted:
		return nil, &ProtocolError{Reason: "the task has completed, but carries no result"}
	case t.Status == TaskFailed && t.Failure != nil:
		return nil, t.Failure
	default:
		return nil, &TaskError{Task: t}
	}
}

// UpdateTask gives a task input that it waits for (`tasks/update`): answers to some of task.Requests, or to all
// of them, under the same keys. An answer is an [*ElicitationReply], a [*SamplingReply], a []Root, or raw
// JSON. An answered key must not be answered again. [Session.AwaitTask] does all of this where the
// Client has handlers, and its *[InputRequiredError] carries the Task where it has not.
//
// In the older design of the protocol input flows elsewhere: nothing is sent and the error matches [ErrUnsupported].
func (s *Session) UpdateTask(ctx context.Context, task *Task, answers map[string]any, options ...CallOption) error {
	encoded, err := task.encodeAnswers(ctx, answers)
	return s.updateTask(ctx, task.ID, encoded, err, options)
}

func (s *Session) updateTask(ctx context.Context, id string, answers map[string]jsontext.Value, invalid error, options []CallOption) error {
	c := s.taskCall("tasks/update", id, options)
	c.params, c.invalid = taskAnswers{id, answers}, s.lacksTaskUpdates()
	if c.invalid == nil {
		c.invalid = invalid
	}
	_, err := s.do(ctx, c)
	return err
}

type taskAnswers struct {
	ID      string                    `json:"taskId"`
	Answers map[string]jsontext.Value `json:"inputResponses"`
}

func (t *Task) encodeAnswers(ctx context.Context, answers map[string]any) (map[string]jsontext.Value, error) {
	encoded := make(map[string]jsontext.Value, len(answers))
	for key, answer := range answers {
		request, asked := t.Requests[key]
		if !asked {
			return nil, fmt.Errorf("the task does not ask for an input %s", quote(key))
		}
		text, err := request.encodeAnswer(ctx, answer)
		if err != nil {
			return nil, fmt.Errorf("the answer for the input %s: %w", quote(key), err)
		}
		encoded[key] = text
	}
	if len(encoded) == 0 {
		return nil, errors.New("no answers")
	}
	return encoded, nil
}

// CancelTask asks the server to cancel a task (`tasks/cancel`). Fetch what you need of the task before. In the
// older design of the protocol the task is cancelled when CancelTask returns, and one that is over is an *[RPCError],
// code -32602; in the newer one the server has only heard of the wish, and the task may still end in another way.
func (s *Session) CancelTask(ctx context.Context, id string, options ...CallOption) error {
	c := s.taskCall("tasks/cancel", id, options)
	c.invalid = s.lacksTasks("cancel")
	_, err := s.do(ctx, c)
	return err
}

// Tasks ranges over the tasks that the server has for this client (`tasks/list`), as [Session.Tools] does over
// tools. The newer design of the protocol has no such list, and not every server of the older one: the error
// then matches [ErrUnsupported].
func (s *Session) Tasks(ctx context.Context, options ...CallOption) iter.Seq2[*Task, error] {
	l := listing[Task, taskPage]{
		method: taskListMethod, kind: "task",
		open: func(p *taskPage) (itemList[Task], *string) { return p.Tasks, p.Cursor },
		key:  func(t *Task) string { return t.ID },
	}
	return func(yield func(*Task, error) bool) {
		if err := s.lacksTaskLists(); err != nil {
			yield(nil, s.localError(taskListMethod, err))
			return
		}
		l.all(ctx, s, append(slices.Clip(options), asTask))(yield)
	}
}

const taskListMethod = "tasks/list"

type taskPage struct {
	Tasks  itemList[Task] `json:"tasks"`
	Cursor *string        `json:"nextCursor"`
}
