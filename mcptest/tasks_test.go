package mcptest_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

type taskView struct {
	ResultType, TaskID, Status, StatusMessage string
	TTL, TTLMs, PollInterval, PollIntervalMs  *int64
	InputRequests                             map[string]json.RawMessage
	Result                                    json.RawMessage
	Error                                     *rpcError
}

func view(t *testing.T, raw string) taskView {
	t.Helper()
	var v taskView
	require.NoError(t, json.Unmarshal([]byte(raw), &v), raw)
	return v
}

const offersTasks = `{"elicitation":{},"extensions":{"io.modelcontextprotocol/tasks":{}}}`

// addJob adds a tool that runs as a task and does what is sent to it.
func addJob(srv *mcptest.Server, support string) chan mcptest.ToolHandler {
	work := make(chan mcptest.ToolHandler)
	srv.AddTool(mcpclient.Tool{Name: "job", Execution: &mcpclient.ToolExecution{TaskSupport: support}},
		func(ctx context.Context, req *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
			select {
			case h := <-work:
				return h(ctx, req)
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		})
	return work
}

func done(context.Context, *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
	return mcptest.Text("done"), nil
}

func askWho(ctx context.Context, req *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
	answer, err := req.Ask(ctx, "elicitation/create", map[string]string{"message": "who?"})
	return mcptest.Text(string(answer)), err
}

func (w *statelessWire) settled(id, status string) taskView {
	w.t.Helper()
	require.NoError(w.t, w.srv.Await(w.t.Context(), func() bool {
		for _, info := range w.srv.Tasks() {
			if info.ID == id && info.Status == status {
				return true
			}
		}
		return false
	}))
	v := view(w.t, w.call("tasks/get", `{"taskId":"`+id+`"}`))
	require.Equal(w.t, "complete", v.ResultType)
	require.Equal(w.t, status, v.Status)
	return v
}

func TestStatelessTask(t *testing.T) {
	w := stateless(t, mcptest.TaskHints(2*time.Second, time.Hour))
	w.offers = offersTasks
	work := addJob(w.srv, "optional")
	require.Contains(t, w.call("server/discover", ""), `"extensions":{"io.modelcontextprotocol/tasks":{}}`)
	created := view(t, w.call("tools/call", `{"name":"job"}`))
	require.Equal(t, "task", created.ResultType)
	require.Equal(t, "working", created.Status)
	require.EqualValues(t, 3600000, *created.TTLMs)
	require.EqualValues(t, 2000, *created.PollIntervalMs)
	l := w.live("subscriptions/listen", `{"notifications":{"taskIds":["none","`+created.TaskID+`"]}}`)
	require.JSONEq(t, `{"taskIds":["`+created.TaskID+`"]}`, members(t, l.message().Params)["notifications"])

	work <- askWho
	asking := w.settled(created.TaskID, "input_required")
	require.JSONEq(t, asksWho, string(asking.InputRequests["input-1"]))
	require.Equal(t, asking, withType(view(t, string(l.message().Params))))
	const answers = `","inputResponses":{"input-1":{"action":"decline"}}}`
	require.JSONEq(t, `{`+unhinted+`}`, w.call("tasks/update", `{"taskId":"`+created.TaskID+answers))
	ended := w.settled(created.TaskID, "completed")
	require.Contains(t, string(ended.Result), `{\"action\":\"decline\"}`)
	require.Equal(t, "working", view(t, string(l.message().Params)).Status)
	require.Equal(t, ended, withType(view(t, string(l.message().Params))))
	_, failure := w.refused("tasks/update", `{"taskId":"`+created.TaskID+answers, nil)
	require.Equal(t, rpcError{Code: -32602, Message: "Invalid params: the response input-1 was given before"}, failure)
	require.Equal(t, 1, w.srv.Executed())
}

// withType is for notifications, which are no results.
func withType(v taskView) taskView {
	v.ResultType = "complete"
	return v
}

func members(t *testing.T, raw json.RawMessage) map[string]string {
	t.Helper()
	var all map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(raw, &all))
	texts := make(map[string]string)
	for name, value := range all {
		texts[name] = string(value)
	}
	return texts
}

func TestStatelessTaskEnds(t *testing.T) {
	w := stateless(t)
	w.offers = offersTasks
	work := addJob(w.srv, "optional")
	start := func() string { return view(t, w.call("tools/call", `{"name":"job"}`)).TaskID }
	fail := func(err error) mcptest.ToolHandler {
		return func(context.Context, *mcptest.ToolRequest) (*mcpclient.ToolResult, error) { return nil, err }
	}
	id := start()
	work <- fail(errors.New("no luck"))
	require.Contains(t, string(w.settled(id, "completed").Result), `"isError":true`)
	id = start()
	work <- fail(&mcpclient.RPCError{Code: 7, Message: "broken", Data: json.RawMessage(`1`)})
	require.Equal(t, &rpcError{Code: 7, Message: "broken", Data: json.RawMessage(`1`)}, w.settled(id, "failed").Error)
	id = start()
	require.JSONEq(t, `{`+unhinted+`}`, w.call("tasks/cancel", `{"taskId":"`+id+`"}`))
	w.settled(id, "cancelled")
	id = start()
	work <- func(ctx context.Context, req *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		req.SetStatus("almost")
		<-ctx.Done()
		return done(ctx, req)
	}
	require.NoError(t, w.srv.Await(t.Context(), func() bool {
		return view(t, w.call("tasks/get", `{"taskId":"`+id+`"}`)).StatusMessage == "almost"
	}))
	w.call("tasks/cancel", `{"taskId":"`+id+`"}`)
	w.settled(id, "completed")
	id = start()
	w.srv.ForgetTasks()
	require.Empty(t, w.srv.Tasks())
	for _, method := range []string{"tasks/get", "tasks/update", "tasks/cancel"} {
		_, failure := w.refused(method, `{"taskId":"`+id+`"}`, nil)
		require.Equal(t, -32602, failure.Code, method)
	}
}

func TestStatelessTaskIsUndeclared(t *testing.T) {
	const required = `{"requiredCapabilities":{"extensions":{"io.modelcontextprotocol/tasks":{}}}}`
	w := stateless(t)
	status, failure := w.refused("tasks/get", `{"taskId":"x"}`, nil)
	require.Equal(t, http.StatusNotFound, status, "without such a tool there are no tasks")
	require.Equal(t, -32601, failure.Code)
	work := addJob(w.srv, "required")
	for method, params := range map[string]string{"tools/call": `{"name":"job"}`, "tasks/get": `{"taskId":"x"}`} {
		status, failure = w.refused(method, params, nil)
		require.Equal(t, http.StatusBadRequest, status)
		require.JSONEq(t, required, string(failure.Data))
	}
	for _, method := range []string{"tasks/result", "tasks/list"} {
		status, _ = w.refused(method, "", nil)
		require.Equal(t, http.StatusNotFound, status)
	}
	w.offers = offersTasks
	status, failure = w.refused("tasks/get", `{"taskId":"x"}`, http.Header{"Mcp-Name": nil})
	require.Equal(t, http.StatusBadRequest, status)
	require.Equal(t, -32020, failure.Code)
	w.offers = "{}"
	w.srv.RemoveTool("job")
	work = addJob(w.srv, "optional")
	go func() { work <- done }()
	require.Contains(t, w.call("tools/call", `{"name":"job","task":{}}`), `"text":"done"`)
}

func TestTaskTimeToLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := stateless(t, mcptest.InMemory(), mcptest.TaskHints(0, time.Minute))
		w.offers = offersTasks
		addJob(w.srv, "optional")
		id := view(t, w.call("tools/call", `{"name":"job"}`)).TaskID
		<-time.After(time.Minute)
		w.call("tasks/get", `{"taskId":"`+id+`"}`)
		<-time.After(time.Millisecond)
		_, failure := w.refused("tasks/get", `{"taskId":"`+id+`"}`, nil)
		require.Equal(t, -32602, failure.Code)
	})
}
