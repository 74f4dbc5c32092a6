package mcptest

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

// askInTask asks the client from within a task, where somebody comes for the
// questions.
func (c *call) askInTask(ctx context.Context, requests map[string]InputRequest) (map[string]json.RawMessage, error) {
	if c.stateless != nil {
		if err := c.stateless.needsAll(requests); err != nil {
			return nil, err
		}
	}
	s, job := c.server, c.task
	inputs := make(map[string]*taskInput)
	s.mu.Lock()
	for key, request := range requests {
		inputs[key] = &taskInput{request: request, answer: make(chan Answer, 1)}
		job.open[key] = inputs[key]
	}
	if !job.ended() {
		job.status = taskAsking
		s.taskChangedLocked(job)
	}
	s.mu.Unlock()
	answers := make(map[string]json.RawMessage)
	for key, input := range inputs {
		select {
		case answer := <-input.answer:
			if answer.Err != nil {
				return nil, answer.Err
			}
			answers[key] = answer.Result
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return answers, nil
}

// nextInput names the next question of a task.
func (c *call) nextInput() string {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	c.task.asks++
	return fmt.Sprintf("input-%d", c.task.asks)
}

// notifyOfTask sends a notification that a task has: on a stream on which its
// client waits for the result, else on the standalone one. 2026-07-28 has none.
func (c *call) notifyOfTask(method string, params json.RawMessage) {
	if c.stateless != nil {
		return
	}
	related := mustEncode(map[string]string{"taskId": c.task.id})
	ev := event{data: notification(method, withMeta(params, metaRelatedTask, related))}
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	switch {
	case len(c.task.readers) > 0:
		c.task.readers[0].out.append(ev)
	case c.task.session.standalone != nil:
		c.task.session.standalone.append(ev)
	}
}

func notification(method string, params json.RawMessage) []byte {
	return jsonrpc.AppendNotification(nil, method, params)
}

func taskID(n int) string { return fmt.Sprintf("task-%d", n) }

func (t *task) unaskedLocked() (string, *taskInput) {
	for key, input := range t.open {
		if !input.asked {
			return key, input
		}
	}
	return "", nil
}

// putToClient asks the client on the stream of tasks/result. If that ends
// before the answer the next one asks again.
func (c *call) putToClient(ctx context.Context, job *task, key string, input *taskInput, related json.RawMessage) {
	params := withMeta(mustEncode(input.request.Params), metaRelatedTask, related)
	result, err := c.ask(ctx, input.request.Method, params)
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil {
		input.asked = false
		return
	}
	answer := Answer{Result: result}
	if err != nil {
		answer.Err = &mcpclient.RPCError{Code: rpcCode(err), Message: err.Error()}
	}
	s.taskAnsweredLocked(job, key, answer)
}

// withMeta adds a member to the _meta of an object; nil is an empty object.
func withMeta(object []byte, name string, value json.RawMessage) json.RawMessage {
	if object == nil {
		object = []byte("{}")
	}
	return editMembers(object, func(m map[string]json.RawMessage) {
		meta := m["_meta"]
		if meta == nil {
			meta = json.RawMessage("{}")
		}
		m["_meta"] = editMembers(meta, func(m map[string]json.RawMessage) { m[name] = value })
	})
}
