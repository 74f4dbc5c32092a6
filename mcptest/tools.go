package mcptest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/holdfast-mcp/mcpclient"
)

// ToolHandler executes a tool. A nil result is an empty one. An error that is
// a *[mcpclient.RPCError] is answered as that JSON-RPC error, as for a tool
// that does not exist; any other becomes a result with IsError set and its text.
//
// The context ends when the client cancels the call or its session ends, when
// the server is closed, and, unless the server is [Resumable], when the
// connection is gone. Handlers run at the same time and must return when their
// context ends: Close waits for them.
type ToolHandler func(ctx context.Context, req *ToolRequest) (*mcpclient.ToolResult, error)

// ToolRequest is one call of a tool. Its methods may be used until the handler returns.
type ToolRequest struct {
	Name      string
	Arguments json.RawMessage // as sent; nil if there were none
	Session   string          // session id, "" on a server without sessions
	Task      string          // id of the task that the call runs as, "" if it does not
	Meta      mcpclient.Meta

	call *call
}

// SetStatus sets the text that goes with the status of the task that the call
// runs as. Without a task it does nothing.
func (r *ToolRequest) SetStatus(message string) {
	job := r.call.task
	if job == nil {
		return
	}
	r.call.server.mu.Lock()
	defer r.call.server.mu.Unlock()
	if !job.ended() {
		job.message = message
		r.call.server.taskChangedLocked(job)
	}
}

// Decode stores the arguments in v, as encoding/json does. Without arguments it does nothing.
func (r *ToolRequest) Decode(v any) error {
	if r.Arguments == nil {
		return nil
	}
	return json.Unmarshal(r.Arguments, v)
}

// Progress sends notifications/progress, if the caller asked for it. A total
// of 0 and an empty message are left out.
func (r *ToolRequest) Progress(progress, total float64, message string) {
	token, asked := r.Meta["progressToken"]
	if !asked {
		return
	}
	r.Notify("notifications/progress", struct {
		Token    json.RawMessage `json:"progressToken"`
		Progress float64         `json:"progress"`
		Total    float64         `json:"total,omitempty"`
		Message  string          `json:"message,omitempty"`
	}{token, progress, total, message})
}

// Log sends notifications/message, unless the client has set a higher level
// for its session, or, on a [Stateless] server, has not asked for this level
// with the call. data is anything that encoding/json can encode.
func (r *ToolRequest) Log(level mcpclient.LogLevel, data any) {
	r.call.server.mu.Lock()
	wanted := severity(r.call.session.logLevel)
	r.call.server.mu.Unlock()
	if severity(level) < wanted || wanted < 0 && r.call.stateless != nil {
		return
	}
	r.Notify("notifications/message", map[string]any{"level": level, "logger": "mcptest", "data": data})
}

// Notify sends a notification in front of the answer, which makes the answer a
// stream. params is anything that encoding/json encodes as an object; nil sends none.
func (r *ToolRequest) Notify(method string, params any) { r.call.notify(method, mustEncode(params)) }

// Ask asks the client something and returns its result, as [Ask] does.
func (r *ToolRequest) Ask(ctx context.Context, method string, params any) (json.RawMessage, error) {
	return r.call.askOne(ctx, InputRequest{Method: method, Params: params})
}

// Text returns a result of one text.
func Text(s string) *mcpclient.ToolResult {
	return &mcpclient.ToolResult{Content: []mcpclient.Content{&mcpclient.Text{Text: s}}}
}

type tool struct {
	mcpclient.Tool
	handler ToolHandler
}

// AddTool adds a tool, or replaces the one of this name. Without an
// InputSchema it takes any object; without a handler its result is empty.
//
// A tool whose Execution says that it can run as a task, or has to, does so:
// with protocol version 2025-11-25 if the client asks for it, and since
// 2026-07-28 if the client has declared the extension for tasks. The context
// of such a call ends with tasks/cancel, [Server.ForgetTasks], Restart and
// Close, and not with its connection or session.
func (s *Server) AddTool(t mcpclient.Tool, h ToolHandler) {
	if h == nil {
		h = func(context.Context, *ToolRequest) (*mcpclient.ToolResult, error) { return nil, nil }
	}
	if len(t.InputSchema) == 0 {
		t.InputSchema = json.RawMessage(`{"type":"object"}`)
	}
	s.mu.Lock()
	s.features.tools.set(t.Name, tool{t, h})
	s.mu.Unlock()
	s.Broadcast("notifications/tools/list_changed", nil)
}

// RemoveTool removes a tool, if it is there.
func (s *Server) RemoveTool(name string) {
	s.mu.Lock()
	s.features.tools.remove(name)
	s.mu.Unlock()
	s.Broadcast("notifications/tools/list_changed", nil)
}

func (c *call) listTools() (any, error) {
	tools, next, err := page(c, &c.server.features.tools)
	if err != nil {
		return nil, err
	}
	list := make([]mcpclient.Tool, len(tools))
	for i, t := range tools {
		list[i] = t.Tool
		if c.stateless != nil {
			list[i].Execution = nil // 2026-07-28 has dropped it
		}
	}
	return struct {
		Tools []mcpclient.Tool `json:"tools"`
		Next  *string          `json:"nextCursor,omitzero"`
	}{list, next}, nil
}

func (c *call) callTool(ctx context.Context) (any, error) {
	var params struct {
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
		Meta      mcpclient.Meta  `json:"_meta"`
		Task      *taskOptions    `json:"task"`
	}
	if err := decode(c.message.Params, &params); err != nil {
		return nil, err
	}
	if params.Arguments != nil && !isObject(params.Arguments) {
		return nil, invalidParams("Invalid params: arguments must be an object")
	}
	s := c.server
	s.mu.Lock()
	t, known := s.features.tools.get(params.Name)
	s.mu.Unlock()
	if !known {
		return nil, invalidParams(fmt.Sprintf("Unknown tool: %s", params.Name))
	}
	asTask, err := c.wantsTask(t.Tool, params.Task != nil)
	if err != nil {
		return nil, err
	}
	if !c.continues() {
		s.mu.Lock()
		s.executedLocked(Execution{
			Time:      time.Now(),
			Tool:      params.Name,
			Arguments: params.Arguments,
			Session:   c.session.id,
			Nonce:     nonce(params.Meta, params.Arguments),
		})
		s.mu.Unlock()
	}
	req := &ToolRequest{Name: params.Name, Arguments: params.Arguments, Session: c.session.id, Meta: params.Meta, call: c}
	if asTask {
		return c.startTask(t, req, params.Task)
	}
	return c.runTool(ctx, t, req)
}

func (c *call) runTool(ctx context.Context, t tool, req *ToolRequest) (any, error) {
	result, err := t.handler(ctx, req)
	switch {
	case isRPCError(err):
		return nil, err
	case err != nil:
		failed := Text(err.Error())
		failed.IsError = true
		return failed, nil
	case result == nil:
		return &mcpclient.ToolResult{}, nil
	}
	return result, nil
}

func isRPCError(err error) bool {
	_, is := errors.AsType[*mcpclient.RPCError](err)
	return is
}

// rpcCode is the code of an error that is answered as it is, 0 of any other.
func rpcCode(err error) int64 {
	if rpc, is := errors.AsType[*mcpclient.RPCError](err); is {
		return rpc.Code
	}
	return 0
}

// executedLocked enters an execution into the ledger and keeps [ForgetEvery]'s promise.
func (s *Server) executedLocked(e Execution) {
	s.ledger.executionLocked(e)
	if n := s.settings().forgetEvery; n > 0 && s.ledger.executed%n == 0 {
		s.forgetLocked()
	}
}

func nonce(meta mcpclient.Meta, arguments json.RawMessage) string {
	raw := meta["nonce"]
	if raw == nil {
		var members struct {
			Nonce json.RawMessage `json:"nonce"`
		}
		if err := decode(jsontext.Value(arguments), &members); err != nil {
			return ""
		}
		raw = members.Nonce
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}

func (s *Server) addDefaultTools() {
	s.AddTool(mcpclient.Tool{
		Name:        "echo",
		Description: "Returns the argument text, and all arguments as structured content.",
		InputSchema: json.RawMessage(`{"type":"object","properties":{"text":{"type":"string"}}}`),
	}, echo)
	s.AddTool(mcpclient.Tool{
		Name:         "add",
		Description:  "Adds two numbers.",
		InputSchema:  json.RawMessage(`{"type":"object","properties":{"a":{"type":"number"},"b":{"type":"number"}},"required":["a","b"]}`),
		OutputSchema: json.RawMessage(`{"type":"object","properties":{"sum":{"type":"number"}},"required":["sum"]}`),
	}, add)
}

func echo(_ context.Context, req *ToolRequest) (*mcpclient.ToolResult, error) {
	var arguments struct {
		Text string `json:"text"`
	}
	if err := req.Decode(&arguments); err != nil {
		return nil, err
	}
	result := Text(arguments.Text)
	result.Structured = req.Arguments
	return result, nil
}

func add(_ context.Context, req *ToolRequest) (*mcpclient.ToolResult, error) {
	var terms struct{ A, B float64 }
	if err := req.Decode(&terms); err != nil {
		return nil, err
	}
	sum := mustEncode(map[string]float64{"sum": terms.A + terms.B})
	result := Text(string(sum))
	result.Structured = sum
	return result, nil
}
