package mcptest_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

func startTask(t *testing.T, w *wire) taskView {
	t.Helper()
	var created struct{ Task json.RawMessage }
	require.NoError(t, json.Unmarshal([]byte(w.call("tools/call", `{"name":"job","task":{"ttl":60000}}`)), &created))
	return view(t, string(created.Task))
}

func TestSessionTask(t *testing.T) {
	w := open(t, mcptest.StandaloneStream())
	work := addJob(w.srv, "optional")
	l := w.live(http.MethodGet, "")
	require.NoError(t, w.srv.Await(t.Context(), func() bool { return w.srv.Listening() == 1 }))
	created := startTask(t, w)
	require.Equal(t, "working", created.Status)
	require.EqualValues(t, 60000, *created.TTL)
	require.Nil(t, created.PollInterval)
	require.Contains(t, w.call("tools/list", ""), `"execution":{"taskSupport":"optional"}`)
	require.Contains(t, w.call("tasks/list", ""), `"taskId":"`+created.TaskID+`"`)
	require.Equal(t, created, view(t, w.call("tasks/get", `{"taskId":"`+created.TaskID+`"}`)))

	work <- func(ctx context.Context, req *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		req.Log(mcpclient.LogInfo, "before")
		result, err := askWho(ctx, req)
		req.Log(mcpclient.LogInfo, "after")
		return result, err
	}
	const related = `"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"task-1"}}`
	before := l.message()
	require.JSONEq(t, `{"level":"info","logger":"mcptest","data":"before",`+related+`}`, string(before.Params))
	status := l.message()
	require.Equal(t, "notifications/tasks/status", status.Method)
	require.Equal(t, "input_required", view(t, string(status.Params)).Status)

	// The first stream is given up; the second one gets the question again.
	first := w.live(http.MethodPost, w.message("tasks/result", `{"taskId":"task-1"}`))
	require.Equal(t, "elicitation/create", first.message().Method)
	first.close()
	require.NoError(t, w.srv.Await(t.Context(), func() bool { return view(t, w.call("tasks/get", `{"taskId":"task-1"}`)).Status == "input_required" }))
	second := w.live(http.MethodPost, w.message("tasks/result", `{"taskId":"task-1"}`))
	question := second.message()
	require.JSONEq(t, `{"message":"who?",`+related+`}`, string(question.Params))
	require.Equal(t, http.StatusAccepted, w.post(`{"jsonrpc":"2.0","id":`+string(question.ID)+`,"result":{"action":"accept"}}`).status)
	after := second.message()
	require.Contains(t, string(after.Params), `"after"`, "who waits for the result hears of the task")
	result := second.message()
	require.JSONEq(t, `{"content":[{"type":"text","text":"{\"action\":\"accept\"}"}],`+related+`}`, string(result.Result))
	require.Contains(t, w.call("tasks/result", `{"taskId":"task-1"}`), `accept`, "it can be read again")
	require.Equal(t, -32602, w.callError("tasks/cancel", `{"taskId":"task-1"}`).Code, "it has ended")
}

func TestSessionTaskEnds(t *testing.T) {
	w := open(t, mcptest.Streams())
	work := addJob(w.srv, "required")
	fail := func(err error) mcptest.ToolHandler {
		return func(context.Context, *mcptest.ToolRequest) (*mcpclient.ToolResult, error) { return nil, err }
	}
	id := startTask(t, w).TaskID
	work <- fail(errors.New("no luck"))
	require.Contains(t, w.call("tasks/result", `{"taskId":"`+id+`"}`), `"isError":true`)
	require.Equal(t, "failed", view(t, w.call("tasks/get", `{"taskId":"`+id+`"}`)).Status)
	id = startTask(t, w).TaskID
	work <- fail(&mcpclient.RPCError{Code: 7, Message: "broken"})
	require.Equal(t, rpcError{Code: 7, Message: "broken"}, w.callError("tasks/result", `{"taskId":"`+id+`"}`))
	id = startTask(t, w).TaskID
	require.Equal(t, "cancelled", view(t, w.call("tasks/cancel", `{"taskId":"`+id+`"}`)).Status)
	require.Equal(t, -32602, w.callError("tasks/result", `{"taskId":"`+id+`"}`).Code)

	require.Equal(t, -32601, w.callError("tools/call", `{"name":"job"}`).Code, "it runs only as a task")
	require.Equal(t, -32601, w.callError("tools/call", `{"name":"echo","task":{}}`).Code, "it cannot run as one")
	require.Equal(t, -32601, w.callError("tasks/update", `{"taskId":"`+id+`"}`).Code)
	require.Equal(t, -32602, w.callError("tasks/get", `{"taskId":"none"}`).Code)

	id = startTask(t, w).TaskID
	waiting := w.live(http.MethodPost, w.message("tasks/result", `{"taskId":"`+id+`"}`))
	w.srv.ForgetTasks()
	require.NotNil(t, waiting.message().Error)
}

// The versions before 2025-11-25 know nothing of tasks.
func TestOldSessionHasNoTasks(t *testing.T) {
	w := open(t, mcptest.Versions("2025-06-18"))
	work := addJob(w.srv, "required")
	go func() { work <- done }()
	require.Contains(t, w.call("tools/call", `{"name":"job","task":{}}`), "done")
	require.Equal(t, -32601, w.callError("tasks/get", `{"taskId":"x"}`).Code)
}
