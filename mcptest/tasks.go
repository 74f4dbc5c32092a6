package mcptest

import (
	"context"
	"errors"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/holdfast-mcp/mcpclient"
)

const (
	versionWithTasks = "2025-11-25"
	tasksExtension   = metaPrefix + "tasks"
	metaRelatedTask  = metaPrefix + "related-task"

	methodTaskGet    = "tasks/get"
	methodTaskUpdate = "tasks/update"
	methodTaskCancel = "tasks/cancel"

	taskWorking   = "working"
	taskAsking    = "input_required"
	taskCompleted = "completed"
	taskFailed    = "failed"
	taskCancelled = "cancelled"
)

// TaskInfo is what the server knows about one task.
type TaskInfo struct {
	ID     string
	Tool   string
	Status string // working, input_required, completed, failed, cancelled
}

// task is a tool call that goes on after its answer. The server's mutex guards
// what changes.
type task struct {
	id      string
	tool    string
	session *session // that created it
	created time.Time
	ttl     time.Duration // 0: without end
	poll    time.Duration // 0: not said
	cancel  context.CancelFunc

	status    string
	message   string
	updated   time.Time
	result    jsontext.Value
	reported  bool // result is a failure of the tool's own
	failure   *mcpclient.RPCError
	cancelled bool // the client has asked for it
	asks      int
	open      map[string]*taskInput
	answered  map[string]struct{}
	readers   []*call       // tasks/result that wait for the end, oldest first
	changed   chan struct{} // closed and replaced with every change
}

// taskOptions is what a client of 2025-11-25 says of the task that it wants.
type taskOptions struct {
	TTL *int64 `json:"ttl"` // in milliseconds
}

// taskInput is something that the tool has asked and nobody has answered yet.
type taskInput struct {
	request InputRequest
	asked   bool        // a tasks/result has put it to the client
	answer  chan Answer // holds one
}

func (t *task) ended() bool {
	return t.status == taskCompleted || t.status == taskFailed || t.status == taskCancelled
}

// statusIn is the status by either design: where there are sessions a tool
// that reports a failure of its own makes its task fail.
func (t *task) statusIn(stateless bool) string {
	if t.reported && t.status == taskCompleted && !stateless {
		return taskFailed
	}
	return t.status
}

// wantsTask decides whether a call runs as a task: by the task member in
// 2025-11-25, by what the client has declared since.
func (c *call) wantsTask(t mcpclient.Tool, asked bool) (bool, error) {
	support := ""
	if t.Execution != nil {
		support = t.Execution.TaskSupport
	}
	able := support == "optional" || support == "required"
	if c.stateless != nil {
		if able && c.stateless.knowsTasks() {
			return true, nil
		}
		if support == "required" {
			return false, c.stateless.needsTasks()
		}
		return false, nil
	}
	c.server.mu.Lock()
	declared := c.hasTasksLocked()
	c.server.mu.Unlock()
	switch {
	case !declared: // whoever does not know tasks executes the call
		return false, nil
	case asked && !able:
		return false, &mcpclient.RPCError{Code: codeNoMethod, Message: "Tool " + t.Name + " cannot run as a task"}
	case !asked && support == "required":
		return false, &mcpclient.RPCError{Code: codeNoMethod, Message: "Tool " + t.Name + " runs only as a task"}
	}
	return asked, nil
}

// hasTasksLocked reports whether the server offers tasks in the call's version.
func (c *call) hasTasksLocked() bool {
	if c.stateless == nil && c.session.version != versionWithTasks {
		return false
	}
	return c.server.features.hasTasks()
}

func (f *features) hasTasks() bool {
	for _, t := range f.tools.items {
		if t.Execution != nil && (t.Execution.TaskSupport == "optional" || t.Execution.TaskSupport == "required") {
			return true
		}
	}
	return false
}

// startTask runs the tool on its own and returns the answer that names the task.
func (c *call) startTask(t tool, req *ToolRequest, options *taskOptions) (any, error) {
	s := c.server
	if !s.enter() {
		return nil, errSessionEnded
	}
	ctx, cancel := context.WithCancel(s.ctx)
	now := time.Now()
	job := &task{
		tool: t.Name, session: c.session, created: now, updated: now, ttl: c.config.taskTTL, poll: c.config.taskPoll, cancel: cancel,
		status: taskWorking, open: make(map[string]*taskInput), answered: make(map[string]struct{}), changed: make(chan struct{}),
	}
	if options != nil && options.TTL != nil && c.stateless == nil {
		job.ttl = time.Duration(*options.TTL) * time.Millisecond
	}
	own := *c
	own.task, own.out = job, nil
	s.mu.Lock()
	s.tasks.started++
	job.id = taskID(s.tasks.started)
	s.tasks.known.set(job.id, job)
	view := c.taskViewLocked(job)
	s.mu.Unlock()
	req.call, req.Task = &own, job.id
	go func() {
		defer s.work.Done()
		defer cancel()
		result, err := any(nil), errors.New("mcptest: the tool has not returned")
		defer func() { own.endTask(result, err) }() // also when the handler ends its goroutine, as a failed require does
		result, err = own.runTool(context.WithValue(ctx, callKey{}, &own), t, req)
	}()
	if c.stateless == nil {
		return map[string]any{"task": view}, nil
	}
	view["resultType"] = "task"
	return view, nil
}

// endTask enters how the tool ended. A failure that the tool reports itself is
// a result; statusIn tells whether the task has failed with it.
func (c *call) endTask(result any, err error) {
	var raw []byte
	if err == nil {
		raw, err = c.encodeResult(result)
	}
	s, job := c.server, c.task
	s.mu.Lock()
	defer s.mu.Unlock()
	if job.ended() { // by tasks/cancel
		return
	}
	tool, _ := result.(*mcpclient.ToolResult)
	reported := tool != nil && tool.IsError
	switch {
	case job.cancelled && (err != nil || reported):
		job.status = taskCancelled
	case err != nil:
		job.status = taskFailed
		rpc, ok := errors.AsType[*mcpclient.RPCError](err)
		if !ok {
			rpc = &mcpclient.RPCError{Code: codeInternal, Message: err.Error()}
		}
		job.failure = rpc
	default:
		job.status, job.result, job.reported = taskCompleted, raw, reported
	}
	clear(job.open)
	s.taskChangedLocked(job)
}

// taskViewLocked writes a task as the call's version does.
func (c *call) taskViewLocked(job *task) map[string]any {
	stateless := c.stateless != nil
	ttl, poll := "ttl", "pollInterval"
	if stateless {
		ttl, poll = "ttlMs", "pollIntervalMs"
	}
	const format = "2006-01-02T15:04:05.000Z"
	view := map[string]any{
		"taskId": job.id, "status": job.statusIn(stateless), ttl: nil,
		"createdAt": job.created.UTC().Format(format), "lastUpdatedAt": job.updated.UTC().Format(format),
	}
	if job.ttl > 0 {
		view[ttl] = job.ttl.Milliseconds()
	}
	if job.poll > 0 {
		view[poll] = job.poll.Milliseconds()
	}
	if job.message != "" {
		view["statusMessage"] = job.message
	}
	return view
}

// taskDetailsLocked is the view of a task with all that has come of it so far.
func (c *call) taskDetailsLocked(job *task) map[string]any {
	view := c.taskViewLocked(job)
	switch job.status {
	case taskCompleted:
		view["result"] = job.result
	case taskFailed:
		view["error"] = rpcMembers(job.failure)
	case taskAsking:
		requests := make(map[string]InputRequest)
		for key, input := range job.open {
			requests[key] = input.request
		}
		view["inputRequests"] = inputMembers(requests)
	}
	return view
}

func rpcMembers(err *mcpclient.RPCError) map[string]any {
	members := map[string]any{"code": err.Code, "message": err.Message}
	if err.Data != nil {
		members["data"] = err.Data
	}
	return members
}

// taskChangedLocked tells everybody who waits for news of a task.
func (s *Server) taskChangedLocked(job *task) {
	job.updated = time.Now()
	close(job.changed)
	job.changed = make(chan struct{})
	s.ledger.wakeLocked()
	if job.session.standalone != nil {
		c := &call{server: s, session: job.session}
		job.session.standalone.append(event{data: notification("notifications/tasks/status", mustEncode(c.taskViewLocked(job)))})
	}
	c := &call{server: s, stateless: &statelessRequest{}}
	details := mustEncode(c.taskDetailsLocked(job))
	s.tellListenersLocked("notifications/tasks", details)
}

// findTaskLocked returns the task that a request names.
func (c *call) findTaskLocked(id string) (*task, error) {
	job, known := c.server.tasks.known.get(id)
	if known && job.ttl > 0 && time.Since(job.created) > job.ttl {
		c.server.tasks.known.remove(id)
		job.dropLocked()
		known = false
	}
	if !known {
		return nil, invalidParams("Invalid params: unknown task " + id)
	}
	return job, nil
}

// tasks are those that the server knows. The server's mutex guards them.
type tasks struct {
	known   catalogue[*task]
	started int
}

// dropLocked forgets every task and ends those that run.
func (all *tasks) dropLocked() {
	for _, job := range all.known.items {
		job.dropLocked()
	}
	all.known = catalogue[*task]{}
}

// dropLocked ends a task that nobody will ask for any more, and whoever waits for it.
func (t *task) dropLocked() {
	if !t.ended() {
		t.status = taskCancelled
		close(t.changed)
		t.changed = make(chan struct{})
	}
	t.cancel()
}

// Tasks returns the tasks that the server knows, the oldest first.
func (s *Server) Tasks() []TaskInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	var infos []TaskInfo
	for _, id := range s.tasks.known.names {
		job := s.tasks.known.items[id]
		infos = append(infos, TaskInfo{ID: id, Tool: job.tool, Status: job.statusIn(job.session.version == versionStateless)})
	}
	return infos
}

// ForgetTasks makes every task unknown, as after its time to live, and ends
// the contexts of those that run. [Server.Restart] does the same.
func (s *Server) ForgetTasks() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tasks.dropLocked()
}
