package mcpclient

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// What tasks.go needs to know of the session's era, which is the design of its tasks and no more.

// asksForTasks reports whether the caller asks for a task; else the server decides.
func (s *Session) asksForTasks() bool { return s.latest().era.traits().tasks == tasksNested }

// tasksCapability is what servers of the older design declare.
type tasksCapability map[string]jsontext.Value

// has reports whether the capability at path is there; an absent, null or false one is not.
func (c tasksCapability) has(path ...string) bool {
	value, ok := c[path[0]]
	switch {
	case !ok || value.Kind() == 'n' || value.Kind() == 'f':
		return false
	case len(path) == 1:
		return true
	}
	var inner tasksCapability
	return decode(value, &inner) == nil && inner.has(path[1:]...)
}

// lacksTasks tells why there are no tasks, or none with the capability at path, which the newer design does
// not have: all of it is offered there, or nothing. nil: there are.
func (s *Session) lacksTasks(path ...string) error {
	offered := s.Server().Capabilities
	if !s.asksForTasks() {
		if _, ok := offered.Extensions[tasksExtension]; !ok {
			return fmt.Errorf("the server does not declare the extension %s: %w", tasksExtension, ErrUnsupported)
		}
		return nil
	}
	var declared tasksCapability
	missing := "tasks"
	if offered.Tasks != nil && decode(jsontext.Value(offered.Tasks), &declared) == nil {
		if len(path) == 0 || declared.has(path...) {
			return nil
		}
		missing = "tasks." + strings.Join(path, ".")
	}
	return fmt.Errorf("the server does not declare %s: %w", missing, ErrUnsupported)
}

// lacksTaskCalls tells why the tool called name cannot be a task, as far as that is known.
func (s *Session) lacksTaskCalls(name string) error {
	if err := s.lacksTasks("requests", "tools", "call"); err != nil {
		return err
	}
	if b := s.latest(); s.asksForTasks() && s.core.taskless.has(b.generation, name) {
		return fmt.Errorf("the server has listed %s as a tool that cannot be a task: %w", quote(name), ErrUnsupported)
	}
	return nil
}

// lacksTaskUpdates: in the older design the server asks by requests of its own.
func (s *Session) lacksTaskUpdates() error {
	if s.asksForTasks() {
		return fmt.Errorf("in this version of the protocol tasks ask for input while their result is waited for: %w", ErrUnsupported)
	}
	return s.lacksTasks()
}

// lacksTaskLists: the newer design has none, lest clients see each other's tasks.
func (s *Session) lacksTaskLists() error {
	if err := s.lacksTasks("list"); err != nil || s.asksForTasks() {
		return err
	}
	return fmt.Errorf("this version of the protocol has no list of tasks: %w", ErrUnsupported)
}

// taskless are the tools which the server of one generation has listed as unable to be a task. The protocol
// wants no client to ask it for one. A tool that was never listed may be able.
type taskless struct {
	mu         sync.Mutex
	generation uint64
	tools      map[string]struct{}
}

// maxTaskless bounds what is remembered. Of further tools the server itself says that they cannot.
const maxTaskless = 10_000

func (t *taskless) note(generation uint64, tool *Tool) {
	able := tool.Execution != nil && (tool.Execution.TaskSupport == "optional" || tool.Execution.TaskSupport == "required")
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.generation != generation || t.tools == nil {
		t.generation, t.tools = generation, make(map[string]struct{})
	}
	if able {
		delete(t.tools, tool.Name)
	} else if len(t.tools) < maxTaskless && len(tool.Name) <= maxRememberedName {
		t.tools[tool.Name] = struct{}{}
	}
}

func (t *taskless) has(generation uint64, name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, listed := t.tools[name]
	return listed && t.generation == generation
}

// noteTaskSupport remembers what a list says of a tool.
func (s *Session) noteTaskSupport(t *Tool) {
	if b := s.latest(); s.asksForTasks() && b.server.Capabilities.Tasks != nil {
		s.core.taskless.note(b.generation, t)
	}
}

// taskInput asks the handlers of the Client for what a task wants, as for any other input.
func (s *Session) taskInput(ctx context.Context, c *call, task *Task) (map[string]jsontext.Value, error) {
	pending := &InputRequiredError{Method: c.method, Target: c.target, Task: task, Requests: task.Requests}
	return s.core.collectInput(ctx, s.latest(), c, pending)
}

// hearTask hands the progress of a task to f until the returned function is called.
func (s *Session) hearTask(token string, f func(Progress)) (stop func()) {
	if token == "" || f == nil {
		return func() {}
	}
	return s.core.progress.add(&call{settings: callSettings{progress: f, token: token}})
}

// passes tells how long to wait before a harmless question is asked again, n times having been in vain; false:
// another time it would fail as well. What a lost session means is for the Client's policy to say.
func (s *Session) passes(err error, n int) (time.Duration, bool) {
	wait := fullJitter(500*time.Millisecond, n, 30*time.Second)
	switch refused, isStatus := errors.AsType[*HTTPError](err); {
	case is[*SessionError](err):
		later, ok := RetryAfter(err)
		return max(wait, later), ok && s.outlivesLosses()
	case isStatus:
		later, _ := retryAfterOf(err)
		return max(wait, min(later, maxRetryAfter)), transientStatus(refused.StatusCode)
	default:
		return wait, brokenReply(err) || is[*NetworkError](err) && !badCertificate(err)
	}
}

const relatedTask = "io.modelcontextprotocol/related-task"

// aboutTask marks the answer to a request of the server with the task that the request is about (2025-11-25,
// "Related Task Metadata").
func aboutTask(params, result jsontext.Value) jsontext.Value {
	meta, _ := member(params, "_meta")
	related, _ := member(meta, relatedTask)
	if related == nil {
		return result
	}
	marked, err := withMeta(result, jsontext.Value(`{"`+relatedTask+`":`+string(related)+`}`))
	if err != nil {
		return result // of a handler, with a _meta that is none
	}
	return marked
}
