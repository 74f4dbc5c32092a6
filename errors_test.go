package mcpclient_test

import (
	"bytes"
	"context"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// answeredWith makes the server answer the next tool call with a status and a body. {id} stands for the request's id.
func answeredWith(status int, contentType, body string) mcptest.Fault {
	return mcptest.Respond(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})).On("tools/call")
}

// failingCall makes one call, of the tool weather, meet the fault.
func failingCall(t *testing.T, server *mcptest.Server, session *mcpclient.Session, fault mcptest.Fault) *mcpclient.CallError {
	t.Helper()
	server.Next(fault.On("tools/call"))
	_, err := session.CallTool(t.Context(), "weather", nil)
	failed := asCallError(t, err)
	require.Empty(t, server.Unused())
	return failed
}

// The texts that users meet. They are the interface to people, so a change of one is a change to be seen.
func TestErrorTexts(t *testing.T) {
	const prefix = "mcpclient: tools/call weather: "
	for name, tt := range map[string]struct {
		fault mcptest.Fault
		text  string
	}{
		"a lost session":           {mcptest.Refuse(mcptest.Supergateway), `session invalid (HTTP 400): "No valid session ID provided"`},
		"a lost session, no words": {mcptest.Status(404, nil, ""), `session invalid (HTTP 404): the server answered 404 to a request that carried the session`},
		"a JSON-RPC error": {
			answeredWith(200, "application/json", `{"jsonrpc":"2.0","id":null,"error":{"code":-32602,"message":"Unknown tool: weather"}}`),
			`JSON-RPC error -32602: "Unknown tool: weather"`,
		},
		"401":                  {mcptest.Status(401, nil, "token expired"), `HTTP 401 Unauthorized: "token expired" (the server wants credentials: set Client.Authorizer or Client.Header)`},
		"403":                  {mcptest.Status(403, nil, ""), `HTTP 403 Forbidden (these credentials do not allow it)`},
		"413":                  {mcptest.Status(413, nil, ""), `HTTP 413 Request Entity Too Large (the request is too large for the server)`},
		"429 with a wish":      {mcptest.Status(429, http.Header{"Retry-After": {"30"}}, "slow down"), `HTTP 429 Too Many Requests: "slow down" (the server asks to retry after "30")`},
		"500":                  {mcptest.Status(500, nil, "boom"), `HTTP 500 Internal Server Error: "boom"; the server may have acted on it`},
		"503 with a wish":      {mcptest.Status(503, http.Header{"Retry-After": {"1"}}, ""), `HTTP 503 Service Unavailable (the server asks to retry after "1")`},
		"504":                  {mcptest.Status(504, nil, ""), `HTTP 504 Gateway Timeout (a gateway did not reach the server); the server may have acted on it`},
		"an unknown status":    {mcptest.Status(522, nil, "a\nb"), `HTTP 522: "a\nb"; the server may have acted on it`},
		"a redirect":           {mcptest.Redirect(302, "https://user:pw@sso.example/login?state=s3cr3t#x"), `HTTP 302 redirects to "https://sso.example/login", which is not followed: use that URL if you trust it`},
		"a redirect to itself": {mcptest.Redirect(303, "/mcp"), `HTTP 303 redirects to "http://mcptest.invalid/mcp", which is not followed: use that URL if you trust it; the server may have acted on it`},
		"a cut connection":     {mcptest.DropAfter(), `network: EOF; the server may have acted on it`},
		"a web page":           {mcptest.HTML(), `protocol violation: the answer is "text/html", neither JSON nor an event stream (a web page: is the URL an MCP endpoint, often /mcp?), beginning with "<!doctype html><title>Sign in</title><p>Please sign in."; the server may have acted on it`},
		"cut JSON":             {answeredWith(200, "application/json", `{"jsonrpc":"2.0","id":`), `protocol violation: the reply is not a JSON-RPC message: invalid JSON-RPC message: unexpected EOF at byte 22; the server may have acted on it`},
		"a wrong id":           {mcptest.WrongID(), `protocol violation: the reply carries an answer to another request and none to this one; the server may have acted on it`},
		"no HTTP":              {mcptest.Respond(rawAnswer("SSH-2.0-OpenSSH_9.6\r\n")), `protocol violation: the answer is not HTTP: malformed HTTP response "SSH-2.0-OpenSSH_9.6"; the server may have acted on it`},
		"another encoding":     {mcptest.SetHeader("Content-Encoding", "br"), `protocol violation: content encoding "br" was not asked for; the server may have acted on it`},
		"a malformed result":   {mcptest.Rewrite(resultInstead(`{"content":[],"isError":"yes"}`)), `protocol violation: the result does not have the form its method asks for: a JSON string at "/isError"`},
		"escapes":              {mcptest.Status(500, nil, "\x1b[2J\u202e\r\n\x00"), `HTTP 500 Internal Server Error: "\x1b[2J\u202e\r\n\x00"; the server may have acted on it`},
	} {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t, mcptest.InMemory())
			session := connected(t, server, &mcpclient.Client{Reinitialize: mcpclient.ReinitializeNever, Retry: tryOnce})
			addWeather(server)
			require.Equal(t, prefix+tt.text, failingCall(t, server, session, tt.fault).Error())
		})
	}
}

func addWeather(server *mcptest.Server) {
	server.AddTool(mcpclient.Tool{Name: "weather"}, func(context.Context, *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		return mcptest.Text("sunny"), nil
	})
}

// resultInstead puts another result into an answer.
func resultInstead(result string) func([]byte) []byte {
	return func(answer []byte) []byte {
		var members map[string]stdjson.RawMessage
		if stdjson.Unmarshal(answer, &members) != nil {
			return answer
		}
		return []byte(`{"jsonrpc":"2.0","id":` + string(members["id"]) + `,"result":` + result + `}`)
	}
}

// What the other types say, and what they look like around a cause.
func TestErrorTextsOfValues(t *testing.T) {
	cause := errors.New("cause")
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for want, err := range map[string]error{
		"mcpclient: ping: cause (sent 3 times)":                                                           &mcpclient.CallError{Method: "ping", Attempts: 3, Delivery: mcpclient.DeliveryRefused, Err: cause},
		"mcpclient: ping: cause; the server may have acted on it":                                         &mcpclient.CallError{Method: "ping", Attempts: 1, Generation: 1, Err: cause},
		"mcpclient: tools/call \"a\\nb\": cause":                                                          &mcpclient.CallError{Method: "tools/call", Target: "a\nb", Err: cause},
		"session invalid: gone; no new session yet: cause; next try after 2026-11-24T12:00:00Z":           &mcpclient.SessionError{Reason: "gone", RetryAt: at, Err: cause},
		"HTTP 401 Unauthorized":                                                                           &mcpclient.HTTPError{StatusCode: 401},
		"network: cause":                                                                                  &mcpclient.NetworkError{Err: cause},
		"protocol violation: reason: cause":                                                               &mcpclient.ProtocolError{Reason: "reason", Err: cause},
		"the reply (Client.MaxMessageSize) is over the limit of 5":                                        &mcpclient.LimitError{What: "the reply (Client.MaxMessageSize)", Limit: 5},
		`no common protocol version: the server offers "b, c", this client speaks a`:                      &mcpclient.VersionError{Wanted: []string{"a"}, Offered: []string{"b", "c"}},
		"the answer does not fit the type asked for: cause":                                               &mcpclient.DecodeError{Err: cause},
		`the tool reports an error: "no such city"`:                                                       &mcpclient.ToolError{Tool: "weather", Result: mcptest.Text("no such city")},
		"the tool reports an error":                                                                       &mcpclient.ToolError{Result: &mcpclient.ToolResult{}},
		`HTTP 302 redirects to "https://a.example/", which is not followed: use that URL if you trust it`: &mcpclient.RedirectError{StatusCode: 302, Location: "https://u:p@a.example/?q#f"},
		`HTTP 302 redirects to "an unreadable URL", which is not followed: use that URL if you trust it`:  &mcpclient.RedirectError{StatusCode: 302, Location: "http://[::1"},
	} {
		require.Equal(t, want, err.Error())
	}
	require.Equal(t, []string{"unknown", "not sent", "refused", "answered"}, []string{
		mcpclient.DeliveryUnknown.String(), mcpclient.DeliveryNotSent.String(), mcpclient.DeliveryRefused.String(), mcpclient.DeliveryAnswered.String(),
	})
	require.Zero(t, mcpclient.DeliveryUnknown, "what nobody has set proves nothing")
}

// Each way to fail, found by type and by sentinel through every layer around it, and by no other.
func TestErrorsMatchThroughEveryLayer(t *testing.T) {
	sentinels := []error{
		mcpclient.ErrSessionInvalid, mcpclient.ErrUnauthorized, mcpclient.ErrProtocol, mcpclient.ErrClosed, mcpclient.ErrUnsupported, mcpclient.ErrIdleTimeout,
	}
	for name, tt := range map[string]struct {
		fault    mcptest.Fault
		types    []any
		sentinel error
	}{
		"a lost session":        {mcptest.Refuse(mcptest.CSharp), []any{new(*mcpclient.SessionError), new(*mcpclient.RPCError)}, mcpclient.ErrSessionInvalid},
		"a lost session on 200": {mcptest.Refuse(mcptest.GoSDKNewSession), []any{new(*mcpclient.RPCError)}, nil}, // verified: the session lives
		"an RPC error":          {answeredWith(200, "application/json", `{"id":"server-error","error":{"code":1,"message":"m"}}`), []any{new(*mcpclient.RPCError)}, nil},
		"401":                   {mcptest.Status(401, nil, ""), []any{new(*mcpclient.HTTPError)}, mcpclient.ErrUnauthorized},
		"403 with JSON-RPC":     {answeredWith(403, "application/json", `{"id":null,"error":{"code":-32000,"message":"m"}}`), []any{new(*mcpclient.HTTPError), new(*mcpclient.RPCError)}, mcpclient.ErrUnauthorized},
		"500":                   {mcptest.Status(500, nil, ""), []any{new(*mcpclient.HTTPError)}, nil},
		"network":               {mcptest.DropBefore(), []any{new(*mcpclient.NetworkError)}, nil},
		"redirect":              {mcptest.Redirect(301, "/x"), []any{new(*mcpclient.RedirectError)}, nil},
		"protocol":              {mcptest.WrongID(), []any{new(*mcpclient.ProtocolError)}, mcpclient.ErrProtocol},
		"limit":                 {mcptest.EndlessBody(), []any{new(*mcpclient.LimitError)}, mcpclient.ErrProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t, mcptest.InMemory())
			session := connected(t, server, &mcpclient.Client{Reinitialize: mcpclient.ReinitializeNever, MaxMessageSize: 64 << 10})
			failed := failingCall(t, server, session, tt.fault)
			for _, err := range []error{failed, fmt.Errorf("my agent: %w", failed), errors.Join(io.EOF, fmt.Errorf("twice: %w", failed))} {
				require.ErrorAs(t, err, new(*mcpclient.CallError))
				for _, target := range tt.types {
					require.ErrorAs(t, err, target)
				}
				for _, sentinel := range sentinels {
					if sentinel == tt.sentinel { //nolint:errorlint // of the two lists of this test
						require.ErrorIs(t, err, sentinel)
					} else {
						require.NotErrorIs(t, err, sentinel)
					}
				}
				require.Equal(t, mcpclient.SafeToRetry(failed), mcpclient.SafeToRetry(err))
			}
		})
	}
}

func TestErrorsThatNeedNoServer(t *testing.T) {
	server := mcptest.New(t, mcptest.InMemory())
	server.Next(opening(rewritten(`"logging":{}`, `"other":{}`)))
	session := connected(t, server, new(mcpclient.Client))
	before := len(server.Requests())

	_, err := session.CallTool(t.Context(), "echo", []int{1})
	require.EqualError(t, err, `mcpclient: tools/call echo: arguments must be a JSON object, not "[1]"`)
	require.Equal(t, mcpclient.DeliveryNotSent, asCallError(t, err).Delivery)
	require.Zero(t, asCallError(t, err).Attempts)
	require.Zero(t, asCallError(t, err).Generation)
	_, transient := mcpclient.RetryAfter(err)
	require.False(t, transient, "the same arguments fail again")

	err = session.SetLogLevel(t.Context(), mcpclient.LogInfo)
	require.ErrorIs(t, err, mcpclient.ErrUnsupported)
	require.EqualError(t, err, "mcpclient: logging/setLevel info: the server does not declare logging: not supported")
	require.Len(t, server.Requests(), before, "none of this was sent")

	require.NoError(t, session.Close())
	err = session.Ping(t.Context())
	require.ErrorIs(t, err, mcpclient.ErrClosed)
	require.EqualError(t, err, "mcpclient: ping: session closed")
	require.Equal(t, mcpclient.DeliveryNotSent, asCallError(t, err).Delivery)
	require.False(t, mcpclient.SafeToRetry(err), "proven not sent, and yet no use")
	require.False(t, mcpclient.SafeToRetry(nil))
	require.False(t, mcpclient.SafeToRetry(io.EOF))
	require.False(t, mcpclient.SafeToRetry(mcpclient.ErrSessionInvalid), "an error of no call proves nothing")
}

// Server text is quoted and cut, however long and whatever is in it.
func TestServerTextIsBounded(t *testing.T) {
	long := strings.Repeat("x", 300)
	for name, tt := range map[string]struct {
		fault mcptest.Fault
		want  string
	}{
		"body":         {mcptest.Status(500, nil, long), `"` + long[:256] + `"…`},
		"RPC message":  {answeredWith(200, "application/json", `{"id":null,"error":{"code":1,"message":"`+long+`"}}`), `"` + long[:256] + `"…`},
		"content type": {mcptest.SetHeader("Content-Type", long+"/y"), `"` + long[:256] + `"…`},
		"encoding":     {mcptest.SetHeader("Content-Encoding", long), `"` + long[:256] + `"…`},
		"a name":       {mcptest.Rewrite(resultInstead(`{"content":[],"isError":{"` + long + `":1,"` + long + `":2}}`)), fmt.Sprintf("duplicate name of %d bytes", len(long))},
		"location":     {mcptest.Redirect(302, "https://a.example/"+long), `"https://a.example/` + long[:238] + `"…`},
	} {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t, mcptest.InMemory())
			session := connected(t, server, new(mcpclient.Client))
			failed := failingCall(t, server, session, tt.fault)
			require.ErrorContains(t, failed, tt.want)
			require.Less(t, len(failed.Error()), 600)
		})
	}
	t.Run("foreign errors", func(t *testing.T) {
		foreign := errors.New(strings.Repeat("é", 300))
		for _, err := range []error{&mcpclient.NetworkError{Err: foreign}, &mcpclient.ProtocolError{Err: foreign}, &mcpclient.DecodeError{Err: foreign}} {
			require.Less(t, len(err.Error()), 350)
			require.True(t, strings.HasSuffix(err.Error(), "é…"), err.Error())
		}
	})
}

func TestErrorBodiesAreBounded(t *testing.T) {
	server := mcptest.New(t, mcptest.InMemory())
	session := connected(t, server, new(mcpclient.Client))

	header := http.Header{"Set-Cookie": {"login=s3cr3t"}, "Mcp-Session-Id": {"another"}, "X-Trace": {"t1", "t2"}}
	failed := failingCall(t, server, session, mcptest.Status(500, header, strings.Repeat("y", 10<<10)))
	refused := asCause[*mcpclient.HTTPError](t, failed)
	require.Len(t, refused.Body, 4<<10)
	require.Equal(t, []string{"t1", "t2"}, refused.Header.Values("X-Trace"))
	require.NotContains(t, refused.Header, "Set-Cookie")
	require.NotContains(t, refused.Header, "Mcp-Session-Id")

	t.Run("what is judged may stand later than what is kept", func(t *testing.T) {
		const jsonStart = `{"jsonrpc":"2.0","padding":"`
		body := jsonStart + strings.Repeat("y", 32<<10) + `","id":null,"error":{"code":-32000,"message":"told late"}}`
		failed := failingCall(t, server, session, answeredWith(500, "application/json", body))
		require.Equal(t, "told late", asCause[*mcpclient.RPCError](t, failed).Message)
		require.Len(t, asCause[*mcpclient.HTTPError](t, failed).Body, 4<<10)
	})
	t.Run("no more than 64 KiB are read", func(t *testing.T) {
		var sent atomic.Int64
		endless := mcptest.Respond(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			block := bytes.Repeat([]byte("z"), 1<<10)
			for {
				n, err := w.Write(block)
				sent.Add(int64(n))
				if err != nil {
					return
				}
			}
		}))
		failed := failingCall(t, server, session, endless)
		require.Len(t, asCause[*mcpclient.HTTPError](t, failed).Body, 4<<10)
		require.NoError(t, session.Ping(t.Context()))
		require.NoError(t, session.Close())
		server.Close() // the handler has returned
		// Twice, since as much again is read and thrown away to save the connection, and what buffers hold.
		require.Less(t, sent.Load(), int64(160<<10))
	})
}

// A refusal that repeats the session id must not carry it into a log.
func TestNoErrorShowsTheSessionID(t *testing.T) {
	const id = `s3cr3t/id+of=the "<session>" & \more`
	id64 := strings.ReplaceAll(id, " ", "") // allowed are visible characters
	asJSON, err := stdjson.Marshal(id64)
	require.NoError(t, err)
	inJSON := string(asJSON[1 : len(asJSON)-1])
	plainJSON := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(id64)
	rpc := func(message string) string {
		return `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Hello ` + message + `","data":{"session":"` + message + `"}}}`
	}
	header := func(name, value string, status int) mcptest.Fault {
		return mcptest.Status(status, http.Header{name: {value}}, "")
	}
	for name, fault := range map[string]mcptest.Fault{
		"text":                  mcptest.Status(418, nil, "Session "+id64+" is odd"),
		"text of a lost one":    mcptest.Status(404, nil, "Session "+id64+" not found"),
		"text beyond 4 KiB":     mcptest.Status(418, nil, strings.Repeat("x", 4090)+id64),
		"HTML":                  answeredWith(500, "text/html", "<p>"+html.EscapeString(id64)),
		"JSON-RPC":              answeredWith(400, "application/json", rpc(inJSON)),
		"JSON-RPC, PHP":         answeredWith(400, "application/json", rpc(strings.ReplaceAll(plainJSON, "/", `\/`))),
		"JSON-RPC, JavaScript":  answeredWith(400, "application/json", rpc(plainJSON)),
		"JSON-RPC on 200":       answeredWith(200, "application/json", rpc(inJSON)),
		"JSON-RPC in a stream":  answeredWith(200, "text/event-stream", "data: "+rpc(plainJSON)+"\n\n"),
		"JSON-RPC on 404":       answeredWith(404, "application/json", rpc(plainJSON)),
		"JSON-RPC, large data":  answeredWith(200, "application/json", `{"id":null,"error":{"code":1,"message":"m","data":["`+strings.Repeat("x", 70<<10)+`","`+plainJSON+`"]}}`),
		"a name given twice":    answeredWith(200, "application/json", `{"id":3,"`+plainJSON+`":1,"`+plainJSON+`":2}`),
		"a name in a stream":    answeredWith(200, "text/event-stream", `data: {"id":3,"`+inJSON+`":1,"`+inJSON+`":2}`+"\n\n"),
		"within a long name":    answeredWith(200, "application/json", strings.ReplaceAll(`{"id":3,"N":1,"N":2}`, "N", strings.Repeat("x", 60)+plainJSON)),
		"another content type":  answeredWith(200, "text/plain", "Session "+id64+" is odd"),
		"where the text is cut": answeredWith(200, "text/plain", strings.Repeat("x", 60)+id64),
		"the content type":      answeredWith(200, "x/"+id64, ""),
		"the content encoding":  mcptest.SetHeader("Content-Encoding", id64),
		"the session header":    header("Mcp-Session-Id", id64, 418),
		"a cookie":              header("Set-Cookie", "s="+id64, 418),
		"a challenge":           header("Www-Authenticate", `Bearer realm="`+id64+`"`, 401),
		"any other header":      header("X-Trace", id64, 500),
		"Retry-After":           header("Retry-After", id64, 503),
		"a redirect":            header("Location", "https://elsewhere.example/"+url.PathEscape(id64)+"?s="+url.QueryEscape(id64), 302),
		"a broken redirect":     header("Location", "http://[/"+id64, 302),
		"a user in a redirect":  header("Location", "https://"+url.UserPassword("u", id64).String()+"@elsewhere.example/", 302),
		"a malformed header":    mcptest.Respond(rawAnswer("HTTP/1.1 200 OK\r\nSession " + id64 + "\r\n\r\n")),
		"no HTTP at all":        mcptest.Respond(rawAnswer("SSH-2.0-" + id64 + "\r\n\r\n")),
		"a malformed status":    mcptest.Respond(rawAnswer("HTTP/1.1 " + id64 + " OK\r\n\r\n")),
	} {
		t.Run(name, func(t *testing.T) {
			var seen bytes.Buffer
			server := mcptest.New(t, mcptest.WithoutSessions())
			server.Next(opening(mcptest.SetHeader("Mcp-Session-Id", id64)))
			client := &mcpclient.Client{
				Reinitialize: mcpclient.ReinitializeNever,
				Logger:       slog.New(slog.NewTextHandler(&seen, &slog.HandlerOptions{Level: slog.LevelDebug})),
				Trace: &mcpclient.Trace{SessionLost: func(e mcpclient.SessionEvent) {
					fmt.Fprintf(&seen, "%+v\n", e)
					writeTree(&seen, e.Err)
				}},
			}
			session, err := client.Connect(t.Context(), server.URL()) // over the transport of its own
			require.NoError(t, err)
			defer func() { require.NoError(t, session.Close()) }()
			require.Equal(t, id64, session.ID())
			failed := failingCall(t, server, session, fault)
			writeTree(&seen, failed)
			for _, part := range []string{"s3cr", "id+of", "of=the", "session>", "more"} {
				require.NotContains(t, seen.String(), part)
			}
			require.NotContains(t, seen.String(), "session&gt;")
		})
	}
}

// A user's http.Client reads a Location before it hands the answer out, and prints it.
func TestNoErrorOfAnHTTPClientShowsTheSessionID(t *testing.T) {
	server := mcptest.New(t, mcptest.InMemory())
	session := connected(t, server, new(mcpclient.Client))
	failed := failingCall(t, server, session, mcptest.Redirect(302, "http://[/"+session.ID()))
	var seen bytes.Buffer
	writeTree(&seen, failed)
	require.NotContains(t, seen.String(), session.ID())
	require.EqualError(t, failed, "mcpclient: tools/call weather: protocol violation: the answer redirects to an unreadable Location; the server may have acted on it")
}

// rawAnswer writes the bytes of an answer past net/http.
func rawAnswer(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(conn, text)
		_ = conn.Close()
	})
}

// writeTree writes the text and the fields of every error in the tree.
func writeTree(w io.Writer, err error) {
	if err == nil {
		return
	}
	value := reflect.ValueOf(err)
	if value.Kind() == reflect.Pointer {
		value = value.Elem()
	}
	fmt.Fprintf(w, "%v\n%s\n", err, value)
	switch u := err.(type) { //nolint:errorlint // the walk itself
	case interface{ Unwrap() error }:
		writeTree(w, u.Unwrap())
	case interface{ Unwrap() []error }:
		for _, inner := range u.Unwrap() {
			writeTree(w, inner)
		}
	}
}

// A short id is no secret, and taking out every "1" would only garble the text.
func TestShortSessionIDsStayInTexts(t *testing.T) {
	server := mcptest.New(t, mcptest.InMemory(), mcptest.WithoutSessions())
	server.Next(opening(mcptest.SetHeader("Mcp-Session-Id", "1")))
	session := connected(t, server, new(mcpclient.Client))
	failed := failingCall(t, server, session, answeredWith(418, "application/json", `{"id":3,"error":{"code":1,"message":"11 teapots"}}`))
	require.ErrorContains(t, failed, `"11 teapots"`)
}

func TestContextErrors(t *testing.T) {
	reason := errors.New("enough")
	for name, end := range map[string]func(context.Context) (context.Context, context.CancelFunc){
		"deadline": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Second)
		},
		"deadline with a cause": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeoutCause(ctx, time.Second, reason)
		},
		"cancelled": func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(time.Second, cancel)
			return ctx, cancel
		},
		"cancelled with a cause": func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			time.AfterFunc(time.Second, func() { cancel(reason) })
			return ctx, func() { cancel(nil) }
		},
	} {
		for where, fault := range map[string]mcptest.Fault{
			"before the header": mcptest.Hang(), "in a stream": mcptest.Combine(mcptest.NoAnswer(), mcptest.HoldOpen()), "in a body": stalledBody(),
		} {
			t.Run(name+" "+where, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					server := mcptest.New(t, mcptest.InMemory())
					session := connected(t, server, new(mcpclient.Client))
					server.Next(fault.On("tools/call"))
					ctx, stop := end(t.Context())
					defer stop()
					start := time.Now()
					_, err := session.CallTool(ctx, "echo", nil)
					require.Less(t, time.Since(start), time.Second+50*time.Millisecond)
					require.ErrorIs(t, err, ctx.Err())
					require.ErrorIs(t, err, context.Cause(ctx))
					require.NotErrorAs(t, err, new(*mcpclient.NetworkError), "no network failure: %v", err)
					require.Equal(t, mcpclient.DeliveryUnknown, asCallError(t, err).Delivery)
					require.ErrorContains(t, err, ctx.Err().Error())
					require.ErrorContains(t, err, context.Cause(ctx).Error())
					_, err = session.CallTool(t.Context(), "echo", nil)
					require.NoError(t, err, "the session does not mind")
				})
			})
		}
	}
	t.Run("ended before", func(t *testing.T) {
		server := mcptest.New(t, mcptest.InMemory())
		session := connected(t, server, new(mcpclient.Client))
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(reason)
		_, err := session.CallTool(ctx, "echo", nil)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, reason)
		require.EqualError(t, err, "mcpclient: tools/call echo: context canceled: enough")
		require.Equal(t, mcpclient.DeliveryNotSent, asCallError(t, err).Delivery)
		require.Zero(t, server.Executed())
	})
}

// stalledBody answers with half a JSON body and then with nothing.
func stalledBody() mcptest.Fault {
	return mcptest.Respond(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"jsonrpc":"2.0",`)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}))
}

func TestCallErrorTellsHowFarTheCallCame(t *testing.T) {
	server := mcptest.New(t, mcptest.InMemory())
	var retried []mcpclient.CallEvent
	session := connected(t, server, &mcpclient.Client{Trace: &mcpclient.Trace{
		CallRetried: func(e mcpclient.CallEvent) { retried = append(retried, e) },
	}})
	first := failingCall(t, server, session, mcptest.Status(400, nil, ""))
	require.Equal(t, "tools/call", first.Method)
	require.Equal(t, "weather", first.Target)
	require.Equal(t, 1, first.Attempts)
	require.EqualValues(t, 1, first.Generation)
	require.Equal(t, mcpclient.DeliveryRefused, first.Delivery)
	require.Len(t, first.CallID, 36)
	require.Empty(t, retried)

	server.Next(mcptest.Refuse(mcptest.TypeScript).On("tools/call").Times(2), mcptest.Status(500, nil, "boom").On("tools/call"))
	_, err := session.CallTool(t.Context(), "weather", nil)
	again := asCallError(t, err)
	require.Equal(t, 3, again.Attempts)
	require.EqualValues(t, 3, again.Generation, "two new sessions")
	require.Equal(t, mcpclient.DeliveryUnknown, again.Delivery, "of the attempt that was not refused")
	require.EqualError(t, again, `mcpclient: tools/call weather: HTTP 500 Internal Server Error: "boom" (sent 3 times); the server may have acted on it`)
	require.NotEqual(t, first.CallID, again.CallID)
	require.Len(t, retried, 2)
	for i, e := range retried {
		require.Equal(t, again.CallID, e.CallID, "one id over all attempts, for the log that joins them")
		require.Equal(t, i+2, e.Attempt)
		require.EqualValues(t, i+1, e.Generation)
	}
	for _, method := range []func() error{
		func() error { return session.Ping(t.Context()) },
		func() error { return session.Request(t.Context(), "x/y", nil, nil) },
		func() error { return session.Notify(t.Context(), "x/z", nil) },
		func() error { _, err := session.ReadResource(t.Context(), "a://b"); return err },
		func() error { _, err := session.GetPrompt(t.Context(), "p", nil); return err },
		func() error { _, err := mcpclient.Collect(session.Prompts(t.Context())); return err },
	} {
		server.Next(mcptest.Status(418, nil, "").When(func(mcptest.Request) bool { return true }))
		failed := asCallError(t, method())
		require.Equal(t, 418, asCause[*mcpclient.HTTPError](t, failed).StatusCode)
		requests := server.Requests()
		require.Equal(t, requests[len(requests)-1].Method, failed.Method)
		require.Equal(t, requests[len(requests)-1].Target, failed.Target)
	}
}
