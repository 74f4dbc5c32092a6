package mcpclient

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	// defaultPoll is how often a task is asked for whose server does not say it.
	defaultPoll = time.Second
	// minPoll and maxPoll bound what a server can wish: neither is it to be flooded, nor a result to expire unread.
	minPoll = 50 * time.Millisecond
	maxPoll = 5 * time.Minute
)

// AwaitTask waits until a task is over and returns its result. It asks the server again and again, as often
// as the server wishes, or every second. task is what [Session.CallToolAsTask] or [Session.Task] returned, or has nothing
// but an ID; a task that was answered at once takes no time. Cancelling ctx ends the waiting, not the task:
// any number of callers may wait for one task, one after the other or at once.
//
// What the task wants to know meanwhile, the handlers of the Client are asked. Where there are none, or one of them
// fails, or the call is made [WithDeferredInput], the error is an *[InputRequiredError] that carries the task:
// collect the input, and go on with [Session.UpdateTask] and AwaitTask. Servers of the older design of the protocol
// ask by requests of their own, which nobody can defer.
//
// The other errors: a *[TaskError] if the task was cancelled; an *[RPCError] if it failed, or if the server does not know
// it (code -32602), be it expired. A tool that reports a failure of its own has answered, as with [Session.CallTool]. Network
// failures and busy servers end the waiting only with ctx.
//
// [WithProgress] reports the progress of the task if the task's own call was made with it, in the same process;
// the newer design of the protocol has none. [WithIdleTimeout] bounds the silence on each of the requests.
func (s *Session) AwaitTask(ctx context.Context, task *Task, options ...CallOption) (*ToolResult, error) {
	defer s.hearTask(task.progressToken, settingsOf(options).progress)()
	quiet := func(s *callSettings) { s.progress = nil } // the requests of the waiting are not the task
	w := &taskWait{session: s, id: task.ID, options: append(slices.Clip(options), quiet)}
	w.call = s.taskCall(taskGetMethod, task.ID, w.options)
	return w.until(ctx, task)
}

// taskWait is one AwaitTask. It belongs to its caller's goroutine.
type taskWait struct {
	session *Session
	id      string
	options []CallOption
	call    *call // the last one, to which errors of ours belong

	answers map[string]jsontext.Value // by key; nil: the server has it, or does not want it
	unsure  bool                      // of an update nobody knows whether the server has it
	refused error                     // of an update
}

// until goes on from what is known of the task, which may be old: beside an outcome only that there is time.
func (w *taskWait) until(ctx context.Context, t *Task) (*ToolResult, error) {
	if t.Status != TaskWorking && t.Result == nil && t.Failure == nil {
		var err error
		if t, err = w.poll(ctx); err != nil {
			return nil, err
		}
	}
	for {
		result, over, err := w.look(ctx, t)
		if over || err != nil {
			return result, err
		}
		if err := w.pause(ctx, pollInterval(t)); err != nil {
			return nil, err
		}
		if t, err = w.poll(ctx); err != nil {
			return nil, err
		}
	}
}

// look does what the status of t asks for. over: the result is there.
func (w *taskWait) look(ctx context.Context, t *Task) (result *ToolResult, over bool, err error) {
	fetched := w.session.asksForTasks() && t.ID != ""
	switch {
	case t.Status == TaskWorking:
		return nil, false, nil
	case t.Status == TaskCancelled:
		return nil, true, w.failed(&TaskError{Task: t})
	case fetched && (t.Done() || t.Status == TaskInputRequired):
		return w.fetch(ctx, t)
	case t.Done():
		result, err = t.ending()
		if err != nil {
			return nil, true, w.failed(err)
		}
		return result, true, nil
	case t.Status == TaskInputRequired:
		return nil, false, w.giveInput(ctx, t)
	default:
		return nil, false, w.failed(&ProtocolError{Reason: "the task has the status " + quote(string(t.Status)) + ", which the protocol does not know"})
	}
}

// fetch asks for the result. The server asks for the input of a task on the reply to that (2025-11-25, "Input
// Required Status"). If that reply breaks, polling goes on.
func (w *taskWait) fetch(ctx context.Context, t *Task) (*ToolResult, bool, error) {
	if t.Done() {
		result, err := insist(ctx, w, func() (*ToolResult, error) { return w.session.TaskResult(ctx, w.id, w.options...) })
		return result, true, err
	}
	result, err := w.session.TaskResult(ctx, w.id, w.options...)
	if err == nil {
		return result, true, nil
	}
	if _, again := w.session.passes(err, 0); again {
		return nil, false, nil
	}
	return nil, true, err
}

// poll asks how far the task has come.
func (w *taskWait) poll(ctx context.Context) (*Task, error) {
	return insist(ctx, w, func() (*Task, error) {
		t, c, err := w.session.pollTask(ctx, w.id, w.options)
		w.call = c
		return t, err
	})
}

// insist asks a harmless question until it is answered, or ctx ends.
func insist[T any](ctx context.Context, w *taskWait, ask func() (T, error)) (T, error) {
	for n := 0; ; n++ {
		answer, err := ask()
		if err == nil {
			return answer, nil
		}
		wait, again := w.session.passes(err, n)
		if !again {
			return answer, err
		}
		if err := w.pause(ctx, wait); err != nil {
			return answer, err
		}
	}
}

// giveInput answers what t asks, each key once however often it is asked, and tells the server. What the server has
// taken perhaps is sent again, without asking anybody again, as long as the server asks for it.
func (w *taskWait) giveInput(ctx context.Context, t *Task) error {
	fresh := *t
	fresh.Requests = maps.Clone(t.Requests)
	maps.DeleteFunc(fresh.Requests, func(key string, _ InputRequest) bool { _, known := w.answers[key]; return known })
	if len(fresh.Requests) > 0 {
		given, err := w.session.taskInput(ctx, w.call, &fresh)
		if err != nil {
			return w.failed(err)
		}
		if w.answers == nil {
			w.answers = make(map[string]jsontext.Value)
		}
		maps.Copy(w.answers, given)
	}
	due := make(map[string]jsontext.Value)
	for key := range t.Requests {
		if answer := w.answers[key]; answer != nil {
			due[key] = answer
		}
	}
	if len(due) == 0 {
		return w.refused // nil: the status lags behind
	}
	return w.tell(ctx, due)
}

// tell sends answers. A server refuses them if the task is over meanwhile, which the next poll shows, or if it has them
// already.
func (w *taskWait) tell(ctx context.Context, due map[string]jsontext.Value) error {
	err := w.session.updateTask(ctx, w.id, due, nil, w.options)
	switch _, again := w.session.passes(err, 0); {
	case again:
		w.unsure = w.unsure || !SafeToRetry(err)
		return nil
	case err != nil && !is[*RPCError](err):
		return err
	case !w.unsure:
		w.refused = err
	}
	for key := range due {
		w.answers[key] = nil
	}
	return nil
}

// pollInterval is the server's wish, within reason. A little is added, so that waiting clients do not march in step.
func pollInterval(t *Task) time.Duration {
	d := defaultPoll
	if t.PollInterval > 0 {
		d = min(max(t.PollInterval, minPoll), maxPoll)
	}
	return between(d, d+d/10)
}

// pause waits between two requests.
func (w *taskWait) pause(ctx context.Context, d time.Duration) error {
	if w.session.core.pause(ctx, d) {
		return nil
	}
	return w.call.failed(fail(w.session.core.interruption(ctx), DeliveryNotSent))
}

// failed is for what the answer to the last request means.
func (w *taskWait) failed(err error) error {
	return w.call.failed(fail(err, DeliveryAnswered))
}
