package mcptest

import (
	"context"
	"encoding/json"
	"errors"
	"sync"

	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

// InputRequest is what a server asks of its client: a person's input, a
// model's message, or its roots.
type InputRequest struct {
	Method string // such as elicitation/create
	Params any    // anything that encoding/json encodes as an object; nil sends none
}

// inputMembers writes requests as they stand in inputRequests.
func inputMembers(requests map[string]InputRequest) map[string]any {
	all := make(map[string]any)
	for key, r := range requests {
		members := map[string]any{"method": r.Method}
		if r.Params != nil {
			members["params"] = mustEncode(r.Params)
		}
		all[key] = members
	}
	return all
}

// Ask asks the client something while a request of its own is executed, and
// returns its result. It works with the context of every handler of a tool, a
// prompt or a resource.
//
// In the versions with sessions the client gets a request in front of the
// answer, and the error is a *[mcpclient.RPCError] if it answers with one, or
// that of ctx.
//
// A [Stateless] server cannot ask. There, Ask returns an error with which the
// handler is to return at once; the answer to the client asks for the input,
// and when the client sends its request again with it the handler runs once
// more from its start, and Ask has the result. So what a handler asks has to
// be the same, in the same order, whenever it runs. If the client has not
// declared the capability for it the error is a *[mcpclient.RPCError] that
// says so.
//
// In a task Ask waits, whatever the version: the client is asked when it comes
// for the task.
func Ask(ctx context.Context, method string, params any) (json.RawMessage, error) {
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok {
		return nil, errNoHandler
	}
	return c.askOne(ctx, InputRequest{Method: method, Params: params})
}

// AskAll asks several things at once, each under a name of its own. It returns
// when all are answered, or one of them cannot be; the rest is as with [Ask].
func AskAll(ctx context.Context, requests map[string]InputRequest) (map[string]json.RawMessage, error) {
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok {
		return nil, errNoHandler
	}
	return c.askAll(ctx, requests)
}

var errNoHandler = errors.New("mcptest: Ask needs the context that a handler was given")

func (c *call) askOne(ctx context.Context, request InputRequest) (json.RawMessage, error) {
	if c.task != nil {
		key := c.nextInput()
		answers, err := c.askInTask(ctx, map[string]InputRequest{key: request})
		return answers[key], err
	}
	if c.stateless == nil {
		return c.ask(ctx, request.Method, mustEncode(request.Params))
	}
	key := c.stateless.rounds.nextKey()
	answers, err := c.askStateless(map[string]InputRequest{key: request})
	return answers[key], err
}

func (c *call) askAll(ctx context.Context, requests map[string]InputRequest) (map[string]json.RawMessage, error) {
	if c.task != nil {
		return c.askInTask(ctx, requests)
	}
	if c.stateless != nil {
		return c.askStateless(requests)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		all     sync.WaitGroup
		mu      sync.Mutex
		answers = make(map[string]json.RawMessage)
	)
	for key, request := range requests {
		all.Go(func() {
			answer, err := c.ask(ctx, request.Method, mustEncode(request.Params))
			if err != nil {
				cancel(err) // nobody waits for the others any more
				return
			}
			mu.Lock()
			defer mu.Unlock()
			answers[key] = answer
		})
	}
	all.Wait()
	if len(answers) < len(requests) {
		return nil, context.Cause(ctx)
	}
	return answers, nil
}

// request sends a request and does not wait for its answer.
func (c *call) request(method string, params json.RawMessage) {
	c.server.mu.Lock()
	c.server.sessions.asked++
	id := c.server.sessions.asked
	c.server.mu.Unlock()
	c.out.append(event{data: jsonrpc.AppendRequest(nil, id, method, params)})
}
