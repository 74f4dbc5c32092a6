package mcpclient_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// setCookies answers a call and sets cookies.
func setCookies(cookies ...string) mcptest.Fault {
	return mcptest.Respond(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for _, cookie := range cookies {
			w.Header().Add("Set-Cookie", cookie)
		}
		w.WriteHeader(http.StatusTeapot)
	})).On("tools/call")
}

// cookiesSent makes one more call and returns the cookies that went with it.
func cookiesSent(t *testing.T, session *mcpclient.Session, server *mcptest.Server) []string {
	t.Helper()
	_, err := session.CallTool(t.Context(), "echo", nil)
	require.NoError(t, err)
	sent := lastOf(t, server, "tools/call").Header.Get("Cookie")
	return strings.Split(sent, "; ")
}

// TestCookieFlood: a server that sets thousands of cookies, each a new one, fills neither the memory nor the requests, and cannot push
// out the one that keeps the session at its instance.
func TestCookieFlood(t *testing.T) {
	server := mcptest.New(t, mcptest.History(1))
	server.Next(mcptest.SetHeader("Set-Cookie", "node=7; Path=/").On("initialize"))
	session := openSession(t, new(mcpclient.Client), server)
	count := 0
	stop := server.Always(mcptest.Respond(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 700 {
			count++
			w.Header().Add("Set-Cookie", fmt.Sprintf("a%x=1; Path=/", count))
			w.Header().Add("Set-Cookie", fmt.Sprintf("b%x=1; Path=/%x", count, count)) // which no request asks for
		}
		w.WriteHeader(http.StatusTeapot)
	})).On("tools/call"))
	grown := peakHeap(func() {
		for range 40 {
			_, err := session.CallTool(t.Context(), "echo", nil)
			require.Error(t, err)
		}
	})
	stop()
	require.LessOrEqual(t, grown, int64(4<<20), "56,000 cookies were set")
	sent := cookiesSent(t, session, server)
	require.LessOrEqual(t, len(sent), 50)
	require.Contains(t, sent, "node=7")
}

// TestCookieRoom: what is full takes new values of the cookies that it has, and has room again when one is deleted or over.
func TestCookieRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory())
		session := openSession(t, &mcpclient.Client{HTTPClient: server.HTTPClient()}, server)
		defer session.Close()
		set := func(cookies ...string) []string {
			server.Next(setCookies(cookies...))
			_, err := session.CallTool(t.Context(), "echo", nil)
			require.ErrorAs(t, err, new(*mcpclient.HTTPError))
			return cookiesSent(t, session, server)
		}
		var full []string
		for i := range 49 {
			full = append(full, fmt.Sprintf("c%d=1; Path=/", i))
		}
		require.Len(t, set(append(full, "short=1; Path=/; Max-Age=60")...), 50)
		require.NotContains(t, set("late=1; Path=/"), "late=1")
		require.Contains(t, set("c7=2; Path=/"), "c7=2", "a new value of one that is kept")

		require.NotContains(t, set("c8=; Path=/; Max-Age=0"), "c8=1", "deleted")
		require.Contains(t, set("late=2; Path=/"), "late=2", "in its room")
		require.NotContains(t, set("later=1; Path=/"), "later=1")

		<-time.After(61 * time.Second) // on the clock of the bubble
		require.Contains(t, set("later=2; Path=/"), "later=2", "in the room of the one that is over")

		require.NotContains(t, set("c9=; Path=/; Max-Age=0"), "c9=1")
		sent := set("huge="+strings.Repeat("x", 4<<10)+"; Path=/", "last=1; Path=/")
		require.Contains(t, sent, "last=1", "one that is too large takes no room")
		require.NotContains(t, strings.Join(sent, " "), "huge=")
	})
}
