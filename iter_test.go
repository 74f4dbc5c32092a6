package mcpclient_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

func TestCollect(t *testing.T) {
	seq := func(n int, err error) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			for i := range n {
				if !yield(i, nil) {
					return
				}
			}
			if err != nil {
				yield(-1, err)
			}
		}
	}
	got, err := mcpclient.Collect(seq(3, nil))
	require.NoError(t, err)
	require.Equal(t, []int{0, 1, 2}, got)
	got, err = mcpclient.Collect(seq(2, errors.ErrUnsupported))
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.Equal(t, []int{0, 1}, got, "what came before the error is good")
	got, err = mcpclient.Collect(seq(0, nil))
	require.NoError(t, err)
	require.Empty(t, got)
}

// pagedServer has n tools, resources, templates and prompts, one on each page.
func pagedServer(t *testing.T, n int) *mcptest.Server {
	t.Helper()
	server := mcptest.New(t, mcptest.WithoutDefaultTools(), mcptest.PageSize(1))
	for i := range n {
		name := fmt.Sprintf("item%d", i)
		server.AddTool(mcpclient.Tool{Name: name}, func(context.Context, *mcptest.ToolRequest) (*mcpclient.ToolResult, error) { return nil, nil })
		server.AddResource(mcpclient.Resource{URI: name, Name: name}, mcpclient.ResourceContents{URI: name})
		server.AddResourceTemplate(mcpclient.ResourceTemplate{URITemplate: name + "{x}", Name: name},
			func(context.Context, string) ([]mcpclient.ResourceContents, error) { return nil, nil })
		server.AddPrompt(mcpclient.Prompt{Name: name}, func(context.Context, map[string]string) (*mcpclient.PromptResult, error) { return nil, nil })
	}
	return server
}

// names ranges over seq and returns what it yields, and its error. after is called behind each item; false leaves the loop.
func names[T any](seq iter.Seq2[*T, error], name func(*T) string, after func(i int) bool) (got []string, err error) {
	for item, err := range seq {
		if err != nil {
			return got, err
		}
		got = append(got, name(item))
		if after != nil && !after(len(got)) {
			break
		}
	}
	return got, nil
}

func toolName(t *mcpclient.Tool) string { return t.Name }

func TestListsReadEveryPage(t *testing.T) {
	server := pagedServer(t, 3)
	session := openSession(t, &mcpclient.Client{}, server)
	want := []string{"item0", "item1", "item2"}

	got, err := names(session.Tools(t.Context()), toolName, nil)
	require.NoError(t, err)
	require.Equal(t, want, got)
	got, err = names(session.Resources(t.Context()), func(r *mcpclient.Resource) string { return r.URI }, nil)
	require.NoError(t, err)
	require.Equal(t, want, got)
	got, err = names(session.ResourceTemplates(t.Context()), func(r *mcpclient.ResourceTemplate) string { return r.Name }, nil)
	require.NoError(t, err)
	require.Equal(t, want, got)
	got, err = names(session.Prompts(t.Context()), func(p *mcpclient.Prompt) string { return p.Name }, nil)
	require.NoError(t, err)
	require.Equal(t, want, got)

	for _, method := range []string{"tools/list", "resources/list", "resources/templates/list", "prompts/list"} {
		sent := sentParams(t, server, method)
		require.Len(t, sent, 3, method)
		require.Empty(t, sent[0], "the first page has no params")
		require.Contains(t, sent[1], `{"cursor":"`)
		require.NotEqual(t, sent[1], sent[2])
	}
}

func TestListRangedTwiceAsksTwice(t *testing.T) {
	server := pagedServer(t, 2)
	session := openSession(t, &mcpclient.Client{}, server)
	tools := session.Tools(t.Context())
	require.Empty(t, sentParams(t, server, "tools/list"), "nothing is sent before the range")
	for range 2 {
		got, err := names(tools, toolName, nil)
		require.NoError(t, err)
		require.Equal(t, []string{"item0", "item1"}, got)
	}
	require.Len(t, sentParams(t, server, "tools/list"), 4)
}

func TestListBreakSendsNothingMore(t *testing.T) {
	server := pagedServer(t, 5)
	session := openSession(t, &mcpclient.Client{}, server)
	got, err := names(session.Tools(t.Context()), toolName, func(i int) bool { return i < 2 })
	require.NoError(t, err)
	require.Equal(t, []string{"item0", "item1"}, got)
	require.Len(t, sentParams(t, server, "tools/list"), 2)
}

func TestListEndsWithItsContext(t *testing.T) {
	server := pagedServer(t, 5)
	session := openSession(t, &mcpclient.Client{}, server)
	ctx, cancel := context.WithCancel(t.Context())
	got, err := names(session.Tools(ctx), toolName, func(int) bool { cancel(); return true })
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, []string{"item0"}, got)
	require.Len(t, sentParams(t, server, "tools/list"), 1)
}

func TestListOfNothing(t *testing.T) {
	server := mcptest.New(t)
	session := openSession(t, &mcpclient.Client{}, server)
	for _, page := range []string{`{}`, `{"tools":null}`, `{"tools":[]}`, `{"tools":[],"nextCursor":""}`, `{"tools":[],"nextCursor":null}`} {
		server.Next(answering("tools/list", page))
		got, err := mcpclient.Collect(session.Tools(t.Context()))
		require.NoError(t, err, page)
		require.Empty(t, got, page)
	}
	require.Len(t, sentParams(t, server, "tools/list"), 5)
}

func TestListWithoutForm(t *testing.T) {
	server := mcptest.New(t)
	session := openSession(t, &mcpclient.Client{}, server)
	for _, page := range []string{`[]`, `{"tools":{}}`, `{"tools":"none"}`, `{"tools":[{"name":"a"}],"nextCursor":7}`} {
		server.Next(answering("tools/list", page))
		got, err := mcpclient.Collect(session.Tools(t.Context()))
		requireAnswered(t, err, "tools/list", "")
		require.ErrorIs(t, err, mcpclient.ErrProtocol, page)
		require.Empty(t, got, page)
	}
}

func TestListLeavesOutWhatCannotBeRead(t *testing.T) {
	server := mcptest.New(t)
	var logged bytes.Buffer
	session := openSession(t, &mcpclient.Client{Logger: slog.New(slog.NewTextHandler(&logged, nil))}, server)
	server.Next(answering("tools/list", `{"tools":[
		{"name":"first"}, {"name":7}, null, {"title":"nameless"}, "text", {"name":"a","annotations":{"readOnlyHint":"yes"}},
		{"name":"twice"}, {"name":"twice"}, {"name":"last","inputSchema":{"type":"object"}}]}`))
	got, err := names(session.Tools(t.Context()), toolName, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"first", "twice", "twice", "last"}, got)
	require.EqualValues(t, 5, session.Stats().SkippedItems)
	require.Equal(t, 5, strings.Count(logged.String(), "is left out"))
	require.Contains(t, logged.String(), "item 1: ")

	server.Next(
		answering("resources/list", `{"resources":[{"name":"no URI"},{"uri":"u"}]}`),
		answering("resources/templates/list", `{"resourceTemplates":[{"name":"no template"}]}`),
		answering("prompts/list", `{"prompts":[{"name":"p","arguments":[7]},{"name":"q"}]}`))
	resources, err := mcpclient.Collect(session.Resources(t.Context()))
	require.NoError(t, err)
	require.Len(t, resources, 1)
	templates, err := mcpclient.Collect(session.ResourceTemplates(t.Context()))
	require.NoError(t, err)
	require.Empty(t, templates)
	prompts, err := mcpclient.Collect(session.Prompts(t.Context()))
	require.NoError(t, err)
	require.Len(t, prompts, 1)
	require.EqualValues(t, 8, session.Stats().SkippedItems)
}

func TestListWithRepeatedCursor(t *testing.T) {
	server := pagedServer(t, 1)
	session := openSession(t, &mcpclient.Client{}, server)
	server.Always(mcptest.NextCursor("same-secret"))
	got, err := names(session.Tools(t.Context()), toolName, nil)
	require.Equal(t, []string{"item0", "item0"}, got, "what came before the error is good")
	requireAnswered(t, err, "tools/list", "")
	var protocol *mcpclient.ProtocolError
	require.ErrorAs(t, err, &protocol)
	require.ErrorContains(t, err, "repeats a cursor (11 bytes)")
	require.NotContains(t, err.Error(), "secret")
	require.Len(t, sentParams(t, server, "tools/list"), 2)
}

func TestListWithoutEnd(t *testing.T) {
	server := pagedServer(t, 1)
	session := openSession(t, &mcpclient.Client{Limits: mcpclient.Limits{Pages: 5}}, server)
	server.Always(mcptest.EndlessPages())
	got, err := names(session.Tools(t.Context()), toolName, nil)
	require.Len(t, got, 5)
	requireAnswered(t, err, "tools/list", "")
	var limit *mcpclient.LimitError
	require.ErrorAs(t, err, &limit)
	require.EqualValues(t, 5, limit.Limit)
	require.Len(t, sentParams(t, server, "tools/list"), 5)
}

// A list that is as long as the limit is not over it.
func TestListOfTheLastPageAllowed(t *testing.T) {
	server := pagedServer(t, 5)
	session := openSession(t, &mcpclient.Client{Limits: mcpclient.Limits{Pages: 5}}, server)
	got, err := names(session.Tools(t.Context()), toolName, nil)
	require.NoError(t, err)
	require.Len(t, got, 5)
}

func TestListStartsOverAfterALoss(t *testing.T) {
	server := pagedServer(t, 4)
	session := openSession(t, &mcpclient.Client{}, server)
	got, err := names(session.Tools(t.Context()), toolName, func(i int) bool {
		if i == 2 {
			server.ForgetSessions()
		}
		return true
	})
	require.NoError(t, err)
	require.Equal(t, []string{"item0", "item1", "item2", "item3"}, got, "each once")
	require.EqualValues(t, 1, session.Stats().Losses)
	sent := sentParams(t, server, "tools/list")
	require.Len(t, sent, 7, "two pages, a refused third, four pages")
	require.Empty(t, sent[3])
	for _, cursor := range sent[:3] {
		require.NotContains(t, sent[4:], cursor, "a cursor is not sent on another session")
	}
}

func TestListStartsOverAfterEachLoss(t *testing.T) {
	server := pagedServer(t, 5)
	session := openSession(t, &mcpclient.Client{}, server)
	got, err := names(session.Tools(t.Context()), toolName, func(int) bool { server.ForgetSessions(); return true })
	require.NoError(t, err)
	require.Equal(t, []string{"item0", "item1", "item2", "item3", "item4"}, got)
	require.EqualValues(t, 4, session.Stats().Losses)
}

// Another call meets the loss first and opens the new session, so the walk has a cursor of a session that is gone while
// the one at hand is fine.
func TestListStartsOverAfterALossThatOthersMet(t *testing.T) {
	server := pagedServer(t, 3)
	session := openSession(t, &mcpclient.Client{}, server)
	got, err := names(session.Tools(t.Context()), toolName, func(i int) bool {
		if i == 1 {
			server.ForgetSessions()
			_, err := session.CallTool(t.Context(), "item0", nil)
			require.NoError(t, err)
		}
		return true
	})
	require.NoError(t, err)
	require.Equal(t, []string{"item0", "item1", "item2"}, got)
	sent := sentParams(t, server, "tools/list")
	require.Len(t, sent, 4, "the cursor of the old session is not sent at all")
	require.Empty(t, sent[1])
}

func TestListFailsWithTheLossUnderOtherPolicies(t *testing.T) {
	for _, policy := range []mcpclient.ReinitializePolicy{mcpclient.ReinitializeOnly, mcpclient.ReinitializeNever} {
		server := pagedServer(t, 3)
		session := openSession(t, &mcpclient.Client{Reinitialize: policy}, server)
		got, err := names(session.Tools(t.Context()), toolName, func(int) bool { server.ForgetSessions(); return true })
		require.ErrorIs(t, err, mcpclient.ErrSessionInvalid)
		require.True(t, mcpclient.SafeToRetry(err))
		require.Equal(t, []string{"item0"}, got)
		require.Len(t, sentParams(t, server, "tools/list"), 2)
	}
}

// A server that loses the session at every second page must not keep a walk busy for ever.
func TestListGivesUpStartingOver(t *testing.T) {
	server := pagedServer(t, 2)
	session := openSession(t, &mcpclient.Client{}, server)
	server.Always(mcptest.Refuse(mcptest.TypeScript).On("tools/list").When(func(r mcptest.Request) bool {
		return bytes.Contains(r.Body, []byte(`"cursor"`))
	}))
	got, err := names(session.Tools(t.Context()), toolName, nil)
	require.ErrorIs(t, err, mcpclient.ErrSessionInvalid)
	require.Equal(t, []string{"item0"}, got)
	sent := sentParams(t, server, "tools/list")
	require.Greater(t, len(sent), 4)
	require.Less(t, len(sent), 100)
}
