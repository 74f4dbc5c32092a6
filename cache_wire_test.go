package mcpclient_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// listTools reads the whole list and returns how many requests that took.
func listTools(t *testing.T, session *mcpclient.Session, server *mcptest.Server) int {
	t.Helper()
	before := len(requestsBy(server, http.MethodPost, "tools/list"))
	_, err := mcpclient.Collect(session.Tools(t.Context()))
	require.NoError(t, err)
	return len(requestsBy(server, http.MethodPost, "tools/list")) - before
}

// readA reads a resource and returns how many requests that took.
func readA(t *testing.T, session *mcpclient.Session, server *mcptest.Server, uri string, options ...mcpclient.CallOption) int {
	t.Helper()
	before := len(requestsBy(server, http.MethodPost, "resources/read"))
	result, err := session.ReadResource(t.Context(), uri, options...)
	require.NoError(t, err)
	require.Equal(t, uri, result.Contents[0].URI)
	return len(requestsBy(server, http.MethodPost, "resources/read")) - before
}

func addResources(server *mcptest.Server, uris ...string) {
	for _, uri := range uris {
		server.AddResource(mcpclient.Resource{URI: uri, Name: uri}, mcpclient.ResourceContents{Text: "text of " + uri})
	}
}

// TestCacheKeepsWhatMayBeKept: the four lists and reads, each for the time that its server gives, and nothing else.
func TestCacheKeepsWhatMayBeKept(t *testing.T) {
	for _, scope := range []string{"private", "public"} { // one client's sessions are one principal
		session, server := statelessly(t, new(mcpclient.Client), mcptest.CacheHints(time.Hour, scope))
		oneOfEach(server)
		for i := range 3 {
			everyCall(t, session)
			require.EqualValues(t, 5*i, session.Stats().CacheHits)
		}
		for method, times := range map[string]int{
			"tools/list": 1, "prompts/list": 1, "resources/list": 1, "resources/templates/list": 1, "resources/read": 1,
			"tools/call": 3, "prompts/get": 3, "completion/complete": 3, "acme/thing": 3, discoverMethod: 1 + 3,
		} {
			require.Len(t, requestsBy(server, http.MethodPost, method), times, method)
		}
		require.EqualValues(t, 3*12, session.Stats().Calls, "a call that is not sent is a call")
	}
}

// TestCacheExpires: after its time a result is asked for again, and until then the first answer counts.
func TestCacheExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		session, server := statelesslyInMemory(t, new(mcpclient.Client), mcptest.CacheHints(time.Minute, "private"))
		require.Equal(t, 1, listTools(t, session, server))
		require.NoError(t, after(t.Context(), time.Minute-time.Millisecond))
		require.Equal(t, 0, listTools(t, session, server))
		require.NoError(t, after(t.Context(), time.Millisecond))
		require.Equal(t, 1, listTools(t, session, server))
		require.NoError(t, after(t.Context(), time.Second))
		require.Equal(t, 0, listTools(t, session, server), "its time began with the second answer")
	})
}

// TestCacheWithoutHints: no time is no time, and neither an absent nor a strange one is another.
func TestCacheWithoutHints(t *testing.T) {
	for _, ttl := range []string{"", `,"ttlMs":0`, `,"ttlMs":-1`, `,"ttlMs":null`, `,"ttlMs":"60000"`} {
		session, server := statelessly(t, new(mcpclient.Client))
		server.Always(answering("tools/list", `{"tools":[]`+ttl+`}`))
		for range 2 {
			require.Equal(t, 1, listTools(t, session, server), ttl)
		}
	}
}

// TestCachePages: each page has its own clock.
func TestCachePages(t *testing.T) {
	session, server := statelessly(t, new(mcpclient.Client), mcptest.CacheHints(time.Hour, "private"), mcptest.PageSize(1), mcptest.WithoutDefaultTools())
	want := pagedTools(server, 3)
	for range session.Tools(t.Context()) {
		break
	}
	require.Len(t, requestsBy(server, http.MethodPost, "tools/list"), 1)
	require.Equal(t, 2, listTools(t, session, server), "the first page is known")
	require.Equal(t, 0, listTools(t, session, server))
	got, err := names(session.Tools(t.Context()), toolName, nil)
	require.NoError(t, err)
	require.ElementsMatch(t, want, got)
}

// TestCacheMutatesNothing: what a caller does to a result reaches no other.
func TestCacheMutatesNothing(t *testing.T) {
	session, server := statelessly(t, new(mcpclient.Client), mcptest.CacheHints(time.Hour, "private"))
	addResources(server, "file:///a")
	var texts []string
	for range 3 {
		result, err := session.ReadResource(t.Context(), "file:///a")
		require.NoError(t, err)
		texts = append(texts, result.Contents[0].Text)
		result.Contents[0].Text = "mine"
		var raw json.RawMessage
		require.NoError(t, session.Request(t.Context(), "resources/read", map[string]any{"uri": "file:///a"}, &raw))
		clear(raw)
	}
	require.Equal(t, []string{"text of file:///a", "text of file:///a", "text of file:///a"}, texts)
	require.Len(t, requestsBy(server, http.MethodPost, "resources/read"), 1, "by whichever function it is read")
}

// TestCachePerResource and per what may change the answer: calls that say more pass it by, and leave nothing in it.
func TestCachePerResource(t *testing.T) {
	session, server := statelessly(t, new(mcpclient.Client), mcptest.CacheHints(time.Hour, "public"))
	addResources(server, "file:///a", "file:///b")
	bearer := mcpclient.WithHeader("Authorization", "Bearer other")
	require.Equal(t, 1, readA(t, session, server, "file:///a", bearer))
	require.Equal(t, 1, readA(t, session, server, "file:///a"), "what somebody else was told is not kept")
	require.Equal(t, 1, readA(t, session, server, "file:///b"))
	for _, option := range []mcpclient.CallOption{bearer, mcpclient.WithHeader("X-Tenant", "t"), mcpclient.WithMeta("com.example/tenant", "t")} {
		require.Equal(t, 1, readA(t, session, server, "file:///a", option))
	}
	for _, option := range []mcpclient.CallOption{mcpclient.WithProgress(func(mcpclient.Progress) {}), mcpclient.WithIdempotent(), mcpclient.WithIdleTimeout(time.Hour), nil} {
		require.Equal(t, 0, readA(t, session, server, "file:///a", option))
	}
	server.Next(mcptest.ErrorAnswer(0, &mcpclient.RPCError{Code: -32602, Message: "no such resource"}))
	for range 2 {
		_, err := session.ReadResource(t.Context(), "file:///none")
		require.Error(t, err)
	}
	require.Len(t, requestsBy(server, http.MethodPost, "resources/read"), 6+2, "an error is not kept")
}

// TestCacheOfTheClient: sessions of one client share it, those of another do not, and it can be turned off.
func TestCacheOfTheClient(t *testing.T) {
	server := mcptest.New(t, mcptest.Stateless(), mcptest.CacheHints(time.Hour, "public"))
	client := new(mcpclient.Client)
	first := openSession(t, client, server)
	require.Equal(t, 1, listTools(t, first, server))
	sent := len(server.Requests())
	second := openSession(t, client, server)
	require.Len(t, server.Requests(), sent, "what the server is is known, too")
	require.Equal(t, first.Server(), second.Server())
	require.Equal(t, 0, listTools(t, second, server))
	require.EqualValues(t, 1, second.Stats().CacheHits)

	require.Equal(t, 1, listTools(t, openSession(t, new(mcpclient.Client), server), server))
	other := &mcpclient.Client{Header: http.Header{"Authorization": {"Bearer x"}}}
	require.Equal(t, 1, listTools(t, openSession(t, other, server), server))
	off := &mcpclient.Client{NoCache: true}
	for range 2 {
		session := openSession(t, off, server)
		for range 2 {
			require.Equal(t, 1, listTools(t, session, server))
		}
		require.Zero(t, session.Stats().CacheHits)
	}
}

// TestCacheIsDroppedOnALoss: another server may stand there now.
func TestCacheIsDroppedOnALoss(t *testing.T) {
	server := mcptest.New(t, mcptest.Stateless(), mcptest.CacheHints(time.Hour, "public"))
	client := new(mcpclient.Client)
	session := openSession(t, client, server)
	other := openSession(t, client, server)
	require.Equal(t, 1, listTools(t, session, server))
	server.Redeploy()
	require.NoError(t, session.Ping(t.Context()))
	require.NotEmpty(t, session.ID())
	for range 2 {
		require.Equal(t, 1, listTools(t, session, server), "a server with sessions says nothing of the time")
	}
	server.Redeploy(mcptest.Stateless(), mcptest.CacheHints(time.Hour, "public"))
	require.NoError(t, session.Ping(t.Context()))
	require.Empty(t, session.ID())
	require.Equal(t, 1, listTools(t, session, server))
	require.Equal(t, 0, listTools(t, session, server))
	require.Equal(t, 0, listTools(t, other, server))
}

// TestCacheIsDroppedOnAMismatch: the list that a tool's headers were made by is asked for anew.
func TestCacheIsDroppedOnAMismatch(t *testing.T) {
	session, server := statelessly(t, new(mcpclient.Client), mcptest.CacheHints(time.Hour, "public"))
	addResources(server, "file:///a")
	require.Equal(t, 1, listTools(t, session, server))
	require.Equal(t, 1, readA(t, session, server, "file:///a"))
	server.Next(mcptest.HeaderMismatch().On("tools/call"))
	_, err := session.CallTool(t.Context(), "echo", nil)
	require.NoError(t, err)
	require.Equal(t, 1, listTools(t, session, server))
	require.Equal(t, 0, readA(t, session, server, "file:///a"), "that says nothing about resources")
}

// TestCacheSize: what does not fit is not kept, and what is used least goes first.
func TestCacheSize(t *testing.T) {
	client := new(mcpclient.Client)
	client.Limits.CacheSize = 16 << 10
	session, server := statelessly(t, client, mcptest.CacheHints(time.Hour, "public"))
	uris := make([]string, 40)
	for i := range uris {
		uris[i] = fmt.Sprintf("file:///%d", i)
	}
	addResources(server, uris...)
	for _, uri := range uris {
		require.Equal(t, 1, readA(t, session, server, uri))
		require.Equal(t, 0, readA(t, session, server, uris[0]), "in use")
	}
	require.Equal(t, 0, readA(t, session, server, uris[len(uris)-1]))
	require.Equal(t, 1, readA(t, session, server, uris[1]), "pushed out")

	server.AddResource(mcpclient.Resource{URI: "file:///big", Name: "big"}, mcpclient.ResourceContents{Text: string(make([]byte, 8<<10))})
	for range 2 {
		require.Equal(t, 1, readA(t, session, server, "file:///big"), "one result does not push out the others")
	}
}

// TestCacheInTheSessionEra: what an older server says of time is not of its protocol.
func TestCacheInTheSessionEra(t *testing.T) {
	server := mcptest.New(t)
	session := openSession(t, new(mcpclient.Client), server)
	server.Always(answering("tools/list", `{"tools":[],"ttlMs":3600000,"cacheScope":"public"}`))
	for range 2 {
		require.Equal(t, 1, listTools(t, session, server))
	}
}

// TestCacheConcurrently: any number of callers may meet in it.
func TestCacheConcurrently(t *testing.T) {
	session, server := statelessly(t, new(mcpclient.Client), mcptest.CacheHints(time.Hour, "public"))
	addResources(server, "file:///a", "file:///b", "file:///c")
	var once sync.Once
	require.NoError(t, together(t, 60, func(ctx context.Context, caller int) error {
		if caller == 30 {
			once.Do(func() { server.AddTool(mcpclient.Tool{Name: "late"}, nil) })
		}
		uri := fmt.Sprintf("file:///%c", 'a'+rune(caller%3))
		for range 20 {
			result, err := session.ReadResource(ctx, uri)
			if err == nil && result.Contents[0].Text != "text of "+uri {
				err = fmt.Errorf("%s holds %s", uri, result.Contents[0].Text)
			}
			if err == nil {
				_, err = mcpclient.Collect(session.Tools(ctx))
			}
			if err != nil {
				return err
			}
		}
		return nil
	}))
	require.Positive(t, session.Stats().CacheHits)
}
