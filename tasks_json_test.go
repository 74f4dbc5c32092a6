package mcpclient_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
)

func TestTaskJSON(t *testing.T) {
	at := time.Unix(1_700_000_000, 500_000_000).UTC()
	when := at.Format(time.RFC3339Nano)
	want := mcpclient.Task{
		ID: "t", Status: mcpclient.TaskWorking, StatusMessage: "soon", CreatedAt: at, UpdatedAt: at.Add(time.Second),
		TTL: new(time.Minute), PollInterval: 250 * time.Millisecond, Meta: someMeta("task"), Extra: extra(),
	}
	const rest = `"taskId":"t","status":"working","statusMessage":"soon","createdAt":"%s","lastUpdatedAt":"%s","_meta":{"example.com/note":"task"},"x-future":{"deep":[1.50,null,"é"]}}`
	later := at.Add(time.Second).Format(time.RFC3339Nano)
	for _, form := range []string{`{"ttl":60000,"pollInterval":2.5e2,` + rest, `{"resultType":"task","ttlMs":60000,"pollIntervalMs":250,` + rest} {
		var got mcpclient.Task
		require.NoError(t, json.Unmarshal(fmt.Appendf(nil, form, when, later), &got))
		require.Equal(t, want, got)
	}
	text, err := json.Marshal(want)
	require.NoError(t, err)
	require.JSONEq(t, fmt.Sprintf(`{"ttlMs":60000,"pollIntervalMs":250,`+rest, when, later), string(text))

	whole := mcpclient.Task{
		ID: "t", Status: mcpclient.TaskFailed, Failure: &mcpclient.RPCError{Code: 7, Message: "no", Data: json.RawMessage(`1`)},
		Requests: map[string]mcpclient.InputRequest{"k": {Method: "roots/list"}},
		Result:   &mcpclient.ToolResult{Content: []mcpclient.Content{&mcpclient.Text{Text: "done"}}},
	}
	text, err = json.Marshal(whole)
	require.NoError(t, err)
	var got mcpclient.Task
	require.NoError(t, json.Unmarshal(text, &got))
	require.Equal(t, whole, got)
}

// What only decorates a task does not cost the task.
func TestTaskJSONOddities(t *testing.T) {
	for members, want := range map[string]mcpclient.Task{
		`"ttl":null,"ttlMs":null,"createdAt":"yesterday","lastUpdatedAt":7`: {},
		`"ttlMs":-5,"pollIntervalMs":-1`:                                    {TTL: new(time.Duration(0))},
		`"ttlMs":1e300`:                                                     {TTL: new(time.Duration(math.MaxInt64).Truncate(time.Millisecond))},
		`"error":{"code":1e3,"message":"m","data":null}`:                    {Failure: &mcpclient.RPCError{Code: 1000, Message: "m"}},
	} {
		want.ID, want.Status = "t", "x"
		var got mcpclient.Task
		require.NoError(t, json.Unmarshal([]byte(`{"taskId":"t","status":"x",`+members+`}`), &got), members)
		require.Equal(t, want, got, members)
	}
}

// Whether an answer is a task shows in its form, since servers of the older design may answer as they like.
func TestTaskCreation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTaskRig(t, new(mcpclient.Client), false)
		answered := func(result string) (*mcpclient.Task, error) {
			r.server.Next(answering("tools/call", result))
			return r.session.CallToolAsTask(t.Context(), "job", nil)
		}
		task, err := answered(`{"task":{"taskId":"t","status":"working","ttl":null},"_meta":{"example.com/note":"wait"}}`)
		require.NoError(t, err)
		require.Equal(t, &mcpclient.Task{ID: "t", Status: mcpclient.TaskWorking, Meta: someMeta("wait")}, task)

		task, err = answered(`{"content":[{"type":"text","text":"done"}],"task":{"taskId":"no"},"resultType":"task"}`)
		require.NoError(t, err)
		require.True(t, task.Done())
		require.Empty(t, task.ID)
		require.Equal(t, "done", task.Result.Text())

		for _, bad := range []string{`{"task":{"status":"working"}}`, `{"task":{"taskId":"t"}}`, `{"task":{"taskId":7,"status":"working"}}`, `{"resultType":"task"}`, `[]`} {
			_, err = answered(bad)
			require.ErrorIs(t, err, mcpclient.ErrProtocol, bad)
		}
		var many strings.Builder
		for i := range 101 {
			fmt.Fprintf(&many, `,"k%d":{"method":"roots/list"}`, i)
		}
		_, err = answered(`{"task":{"taskId":"t","status":"working","inputRequests":{` + many.String()[1:] + `}}}`)
		asCause[*mcpclient.LimitError](t, err)
	})
}
