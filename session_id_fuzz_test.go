package mcpclient_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
)

// FuzzSessionID: an id that a server assigns either fails Connect with a typed error, or goes byte for byte with every later request.
// Whichever it is, and however often the server repeats the id, no error, log line or hook shows it.
func FuzzSessionID(f *testing.F) {
	for _, id := range []string{"", "1", "memory", "a/b", `"quoted\`, "with space", "tab\t", "caf\xe9", strings.Repeat("x", 4096), strings.Repeat("x", 4097), "[session id]", "&<>'%2F+"} {
		for echo := range uint8(len(echoes())) {
			f.Add(id, echo)
		}
	}
	allowed := regexp.MustCompile("^[!-~]*$")
	f.Fuzz(func(t *testing.T, id string, echo uint8) {
		synctest.Test(t, func(t *testing.T) {
			echo %= uint8(len(echoes()))
			told := liveWithID(t, id, echo, len(id) <= 4096 && allowed.MatchString(id))
			if len(id) < 4 || !strings.Contains(told, id) {
				return // shorter ones are no secret
			}
			// Unless it is a word of ours, which stands there whatever the id is.
			const other = "0987654321-no-word-of-any-text-12345678"
			control := liveWithID(t, other, echo, true)
			require.NotContains(t, control, other)
			require.Contains(t, control, id)
		})
	})
}

// echoes are ways in which a server repeats the id in an answer that fails a call.
func echoes() []func(id string) *memoryReply {
	return []func(id string) *memoryReply{
		func(id string) *memoryReply {
			return &memoryReply{status: http.StatusForbidden, header: http.Header{"Content-Type": {"text/plain"}, "X-Session": {id}, "Www-Authenticate": {"Bearer realm=" + strconv.Quote(id)}}, body: []byte("not for " + id + " or " + id + ".")}
		},
		func(id string) *memoryReply {
			text := strconv.QuoteToASCII("no tool for " + id)
			return answered(asJSON, []byte(`{"jsonrpc":"2.0","id":2,"error":{"code":-32602,"message":`+jsonString(text)+`,"data":{"session":`+jsonString(id)+`}}}`))
		},
		func(id string) *memoryReply {
			return answered(asStream, []byte("data: {\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{\"code\":-32603,\"message\":"+jsonString(id)+"}}\n\n"))
		},
		func(id string) *memoryReply {
			return answered("text/html", []byte("<p>"+id))
		},
		func(id string) *memoryReply {
			return &memoryReply{status: http.StatusFound, header: http.Header{"Location": {"https://elsewhere.example/" + id + "?" + id}}}
		},
		func(id string) *memoryReply {
			return &memoryReply{status: http.StatusOK, header: http.Header{"Content-Type": {asJSON}, "Content-Encoding": {id}}}
		},
		func(id string) *memoryReply { return answered(asJSON, []byte(id)) },
		func(id string) *memoryReply { return answered(asStream, []byte("data: "+id+"\n\n")) },
		func(id string) *memoryReply {
			return answered(asJSON, []byte(`{"jsonrpc":"2.0","id":2,`+jsonString(id)+`:1,`+jsonString(id)+`:2}`))
		},
		func(id string) *memoryReply {
			return &memoryReply{status: http.StatusNotFound, header: http.Header{"Content-Type": {asJSON}}, body: []byte(`{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found: ` + id + `"}}`)}
		},
		func(id string) *memoryReply {
			return &memoryReply{status: http.StatusNotFound, body: []byte("unknown session " + id)}
		},
		func(id string) *memoryReply {
			return answered(asStream, []byte(`data: {"jsonrpc":"2.0","id":2,`+jsonString(id)+`:1,`+jsonString(id)+`:2}`+"\n\n"))
		},
		func(id string) *memoryReply {
			return answered(asJSON, []byte(`{"jsonrpc":"2.0","id":2,"result":`+jsonString(id)+`}`))
		},
		func(id string) *memoryReply {
			return answered(asJSON, []byte(`{"jsonrpc":"2.0","id":2,"result":{"content":{`+jsonString(id)+`:[]}}}`))
		},
		func(id string) *memoryReply {
			return answered(asJSON, []byte(`{"jsonrpc":"2.0","id":2,"result":{"content":[],"isError":`+jsonString(id)+`}}`))
		},
		func(id string) *memoryReply {
			return &memoryReply{status: http.StatusServiceUnavailable, header: http.Header{"Retry-After": {id}}, body: []byte(`{"detail":` + jsonString(id) + `}`)}
		},
	}
}

func jsonString(text string) string { return string(mcpclient.AppendJSONString(text)) }

// liveWithID leads a session to which the server gives the id, and returns all that it says in errors, logs and hooks.
func liveWithID(t *testing.T, id string, echo uint8, allowed bool) (told string) {
	t.Helper()
	said := &overheard{}
	server := &memoryServer{}
	given, echoed := false, false
	server.instead = func(_ context.Context, m *wireMessage) *memoryReply {
		switch {
		case !given:
			given = true
			reply := server.healthy(m)
			reply.header["Mcp-Session-Id"], server.id = []string{id}, id
			return reply
		case m.Method == "initialize":
			return nil // the id is gone with its session
		case server.id == id && id == "":
			require.NotContains(t, m.Header, "Mcp-Session-Id")
		case server.id == id:
			require.Equal(t, []string{id}, m.Header["Mcp-Session-Id"], m.HTTPMethod)
		}
		if m.Method != "tools/call" || echoed {
			return nil
		}
		echoed = true
		return echoes()[echo](id)
	}
	client := server.client()
	client.Logger, client.Trace = said.logger(), said.trace()
	session, err := client.Connect(t.Context(), "http://memory.example/mcp")
	if !allowed {
		requireTyped(t, err)
		var protocol *mcpclient.ProtocolError
		require.ErrorAs(t, err, &protocol)
		require.ErrorContains(t, err, fmt.Sprintf("%d characters", len(id)))
		said.failed(err)
		return said.text.String()
	}
	require.NoError(t, err)
	require.Equal(t, id, session.ID())
	if _, err = session.CallTool(t.Context(), "echo", nil); err != nil {
		requireTyped(t, err)
		said.failed(err)
	}
	require.True(t, echoed)
	fmt.Fprintf(&said.text, "%v %+v", session.State(), session.Stats())
	requireWorks(t, session)
	return said.text.String()
}

// overheard keeps what a session says to people.
type overheard struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (o *overheard) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *overheard) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(o, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (o *overheard) trace() *mcpclient.Trace {
	session := func(e mcpclient.SessionEvent) { fmt.Fprintf(o, "%s %s %s %v\n", e.OldID, e.NewID, e.Reason, e.Err) }
	return &mcpclient.Trace{
		SessionOpened: session, SessionLost: session, SessionRestored: session, ReopenFailed: session, SessionClosed: session,
		CallRetried: func(e mcpclient.CallEvent) { fmt.Fprintf(o, "%s %s %v\n", e.Method, e.Target, e.Err) },
	}
}

// failed keeps the text of an error, and what programs log of its parts.
func (o *overheard) failed(err error) {
	fmt.Fprintf(o, "%v\n", err)
	if refused, ok := errors.AsType[*mcpclient.HTTPError](err); ok {
		fmt.Fprintf(o, "%v %s\n", refused.Header, refused.Body)
	}
	if rpc, ok := errors.AsType[*mcpclient.RPCError](err); ok {
		fmt.Fprintf(o, "%s %s\n", rpc.Message, rpc.Data)
	}
	if elsewhere, ok := errors.AsType[*mcpclient.RedirectError](err); ok {
		fmt.Fprintf(o, "%s\n", elsewhere.Location)
	}
}
