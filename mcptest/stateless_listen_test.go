package mcptest_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

const subscriptionMeta = `"_meta":{"io.modelcontextprotocol/subscriptionId":1}`

func TestListen(t *testing.T) {
	w := stateless(t)
	w.srv.AddResource(mcpclient.Resource{URI: "file:///a", Name: "a"})
	tools := w.live("subscriptions/listen", `{"notifications":{"toolsListChanged":true,"promptsListChanged":true}}`)
	ack := tools.message()
	require.Equal(t, "notifications/subscriptions/acknowledged", ack.Method)
	require.JSONEq(t, `{"notifications":{"toolsListChanged":true},`+subscriptionMeta+`}`, string(ack.Params), "the server has no prompts")
	resources := w.live("subscriptions/listen", `{"notifications":{"resourcesListChanged":true,"resourceSubscriptions":["file:///a"]}}`)
	require.JSONEq(t, `{"notifications":{"resourcesListChanged":true,"resourceSubscriptions":["file:///a"]},"_meta":{"io.modelcontextprotocol/subscriptionId":2}}`,
		string(resources.message().Params))
	require.Equal(t, 2, w.srv.Listening())

	w.srv.AddResource(mcpclient.Resource{URI: "file:///b", Name: "b"})
	w.srv.ResourceUpdated("file:///b")
	w.srv.ResourceUpdated("file:///a")
	w.srv.Broadcast("notifications/acme", nil)
	w.srv.AddTool(mcpclient.Tool{Name: "t"}, nil)
	require.Equal(t, "notifications/resources/list_changed", resources.message().Method)
	updated := resources.message()
	require.Equal(t, "notifications/resources/updated", updated.Method)
	require.JSONEq(t, `{"uri":"file:///a","_meta":{"io.modelcontextprotocol/subscriptionId":2}}`, string(updated.Params))
	changed := tools.message()
	require.Equal(t, "notifications/tools/list_changed", changed.Method)
	require.JSONEq(t, `{`+subscriptionMeta+`}`, string(changed.Params))

	resources.close()
	require.NoError(t, w.srv.Await(t.Context(), func() bool { return w.srv.Listening() == 1 }))
	w.srv.EndListens()
	last := tools.message()
	require.Equal(t, "1", string(last.ID))
	require.JSONEq(t, `{"resultType":"complete",`+subscriptionMeta+`}`, string(last.Result))
	_, err := tools.next()
	require.ErrorIs(t, err, io.EOF)
}

func TestListenIsDropped(t *testing.T) {
	w := stateless(t)
	for name, drop := range map[string]func(){"DropListens": w.srv.DropListens, "Restart": w.srv.Restart} {
		l := w.live("subscriptions/listen", `{"notifications":{"toolsListChanged":true}}`)
		l.message()
		drop()
		_, err := l.next()
		require.Error(t, err, name)
		require.NotErrorIs(t, err, io.EOF, name)
		require.NoError(t, w.srv.Await(t.Context(), func() bool { return w.srv.Listening() == 0 }))
	}
	w.srv.Next(mcptest.CutStream(1).On("subscriptions/listen"))
	l := w.live("subscriptions/listen", `{"notifications":{}}`)
	require.JSONEq(t, `{"notifications":{},"_meta":{"io.modelcontextprotocol/subscriptionId":3}}`, string(l.message().Params))
	_, err := l.next()
	require.Error(t, err)
}

func TestListenIsRefused(t *testing.T) {
	w := stateless(t)
	status, failure := w.refused("subscriptions/listen", "", nil)
	require.Equal(t, http.StatusBadRequest, status)
	require.Equal(t, -32602, failure.Code)
	status, failure = w.refused("subscriptions/listen", `{"notifications":{"taskIds":[]}}`, nil)
	require.Equal(t, http.StatusBadRequest, status)
	require.JSONEq(t, `{"requiredCapabilities":{"extensions":{"io.modelcontextprotocol/tasks":{}}}}`, string(failure.Data))
	w.srv.Next(mcptest.ErrorAnswer(404, &mcpclient.RPCError{Code: -32601, Message: "Method not found"}).On("subscriptions/listen"))
	status, failure = w.refused("subscriptions/listen", `{"notifications":{}}`, nil)
	require.Equal(t, http.StatusNotFound, status)
	require.Equal(t, -32601, failure.Code)
	require.Zero(t, w.srv.Listening())
}

func TestListenEndsBadly(t *testing.T) {
	w := stateless(t)
	w.srv.Next(mcptest.Notify("notifications/early", nil).On("subscriptions/listen"), mcptest.NoAnswer().On("subscriptions/listen"))
	early := w.live("subscriptions/listen", `{"notifications":{}}`)
	require.Equal(t, "notifications/early", early.message().Method)
	require.Equal(t, "notifications/subscriptions/acknowledged", early.message().Method)
	mute := w.live("subscriptions/listen", `{"notifications":{}}`)
	mute.message()
	w.srv.EndListens()
	require.Equal(t, "1", string(early.message().ID))
	_, err := mute.next()
	require.ErrorIs(t, err, io.EOF, "an end without a result")
}

// Whoever listens in a session is counted and dropped like the others.
func TestSessionStreamIsDropped(t *testing.T) {
	old := openOld(t)
	require.Equal(t, 1, old.srv.Listening())
	old.srv.DropListens()
	_, err := old.stream.next()
	require.Error(t, err)
	require.NoError(t, old.srv.Await(t.Context(), func() bool { return old.srv.Listening() == 0 && len(old.srv.Sessions()) == 0 }))
}

func TestStandaloneStreamIsDropped(t *testing.T) {
	w := open(t, mcptest.StandaloneStream())
	l := w.live(http.MethodGet, "")
	require.NoError(t, w.srv.Await(t.Context(), func() bool { return w.srv.Listening() == 1 }))
	w.srv.EndListens()
	w.srv.Broadcast("notifications/acme", nil)
	require.Equal(t, "notifications/acme", l.message().Method)
	w.srv.DropListens()
	_, err := l.next()
	require.Error(t, err)
	require.NoError(t, w.srv.Await(t.Context(), func() bool { return w.srv.Listening() == 0 }))
}
