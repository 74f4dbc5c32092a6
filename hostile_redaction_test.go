package mcpclient_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// The secrets that are planted, each where its name says. None may be shown by a log, and the credentials among them by no error
// and no hook either.
const (
	plantedPassword = "planted-password"
	plantedQuery    = "planted-query-value"
	plantedBearer   = "planted-bearer"
	plantedCookie   = "planted-cookie"
	plantedURI      = "planted-uri-query"
	plantedArgument = "planted-argument"
	plantedResult   = "planted-result"
	plantedReply    = "planted-reply-of-the-user"
)

// exposure collects what a session shows of itself: by level, and all errors and events with what they hold.
type exposure struct {
	mu   sync.Mutex
	logs map[slog.Level]*strings.Builder
	rest strings.Builder
}

func (s *exposure) Enabled(context.Context, slog.Level) bool { return true }
func (s *exposure) WithAttrs([]slog.Attr) slog.Handler       { return s }
func (s *exposure) WithGroup(string) slog.Handler            { return s }

// Handle writes a record as both handlers of the standard library do, and its values as %+v does.
func (s *exposure) Handle(ctx context.Context, r slog.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.logs[r.Level] == nil {
		s.logs[r.Level] = new(strings.Builder)
	}
	out := s.logs[r.Level]
	all := &slog.HandlerOptions{Level: slog.LevelDebug}
	r.Attrs(func(a slog.Attr) bool { fmt.Fprintf(out, "%+v\n", a.Value.Any()); return true })
	return errors.Join(slog.NewTextHandler(out, all).Handle(ctx, r), slog.NewJSONHandler(out, all).Handle(ctx, r))
}

// session is for Trace.
func (s *exposure) session(e mcpclient.SessionEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(&s.rest, "%+v\n", e)
	if e.Server != nil {
		fmt.Fprintf(&s.rest, "%+v\n", *e.Server)
	}
	writeTree(&s.rest, e.Err)
}

func (s *exposure) call(e mcpclient.CallEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(&s.rest, "%s %s\n", e.Method, e.CallID) // the target is the caller's own
	writeTree(&s.rest, e.Err)
}

// err keeps the text of an error.
func (s *exposure) err(err error) {
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		fmt.Fprintf(&s.rest, "%v\n%+v\n", err, err)
	}
}

// echoed answers with the credentials that were sent, as servers do that are being debugged. SECURITY.md says what is promised: the
// session id is taken out of everything, the token of an Authorizer out of refusals.
func echoed(status int, contentType string, answer func(sent string) string) mcptest.Fault {
	return mcptest.Respond(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var sent bytes.Buffer
		fmt.Fprintf(&sent, "Session: %s", r.Header.Get("Mcp-Session-Id"))
		if status >= 300 {
			fmt.Fprintf(&sent, " Authorization: %s", r.Header.Get("Authorization"))
		}
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("X-Echo", sent.String())
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer(sent.String()))
	}))
}

// quotedIn puts an echo into a JSON-RPC error without an id.
func quotedIn(sent string) string {
	text, _ := json.Marshal(sent)
	return `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":` + string(text) + `,"data":` + string(text) + `}}`
}

func plain(sent string) string { return sent }

// secretiveFaults are the ways to make a session talk of what went wrong.
func secretiveFaults() map[string]mcptest.Fault {
	result := `{"content":[{"type":"text","text":"` + plantedResult + `"}]}`
	return map[string]mcptest.Fault{
		"none":                      mcptest.Slow(0),
		"echo in a refusal":         echoed(http.StatusTeapot, "text/plain", plain),
		"echo in a 401":             echoed(http.StatusUnauthorized, "text/plain", plain),
		"echo in a 500":             echoed(http.StatusInternalServerError, "text/html", plain),
		"echo in a JSON-RPC error":  echoed(http.StatusBadRequest, asJSON, quotedIn),
		"echo in a lost session":    echoed(http.StatusNotFound, "text/plain", func(sent string) string { return "Session not found: " + sent }),
		"echo in another type":      echoed(http.StatusOK, "text/plain", plain),
		"echo in a JSON-RPC result": echoed(http.StatusOK, asJSON, quotedIn),
		"lost":                      mcptest.Refuse(mcptest.Java),
		"verified":                  mcptest.Refuse(mcptest.Zilla),
		"busy":                      mcptest.Status(503, http.Header{"Retry-After": {"0"}}, plantedResult),
		"reset":                     mcptest.DropAfter(),
		"never sent":                mcptest.DropBefore(),
		"redirected":                mcptest.Redirect(302, "https://u:"+plantedPassword+"@elsewhere.example/?token=of-the-server"),
		"malformed": mcptest.Rewrite(func([]byte) []byte {
			return []byte(`{"jsonrpc":"2.0","result":` + result + `,"result":"` + plantedResult + `"}`)
		}),
		"truncated":                mcptest.Truncated(20),
		"another id":               mcptest.WrongID(),
		"a result of another form": answeringAll(`{"content":"` + plantedResult + `","tools":"` + plantedResult + `","contents":[{"uri":7,"text":"` + plantedResult + `"}],"messages":"` + plantedResult + `"}`),
		"items of another form":    answeringAll(`{"tools":[{"name":"x"},{"name":7,"description":"` + plantedResult + `"}],"content":[]}`),
	}
}

// Many operations, at servers that misbehave in many ways, with a Logger and a Trace that keep all.
func TestP16NoSecretsShown(t *testing.T) {
	levels := make(map[slog.Level]bool)
	for name, fault := range secretiveFaults() {
		for era, options := range map[string][]mcptest.Option{"sessions": {mcptest.StandaloneStream()}, "none": {mcptest.Stateless()}, "HTTP+SSE": {mcptest.HTTPSSE()}} {
			for _, byAuthorizer := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s, %s, Authorizer %v", name, era, byAuthorizer), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						seen := &exposure{logs: make(map[slog.Level]*strings.Builder)}
						ids := loquaciousLife(t, seen, fault, byAuthorizer, append(options, mcptest.InMemory()))
						require.Equal(t, era == "none", len(ids) == 0)
						seen.requireClean(t, append(ids, plantedPassword, plantedQuery, plantedBearer, plantedCookie))
						for level := range seen.logs {
							levels[level] = true
						}
					})
				})
			}
		}
	}
	require.Equal(t, map[slog.Level]bool{slog.LevelDebug: true, slog.LevelInfo: true, slog.LevelWarn: true}, levels, "the Logger has heard of much")
}

// requireClean checks that no credential is shown anywhere, and nothing of the application's data in a log that is usually kept.
func (s *exposure) requireClean(t *testing.T, credentials []string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for level, text := range s.logs {
		for _, secret := range credentials {
			require.NotContains(t, text.String(), secret, "at %v", level)
		}
		for _, secret := range []string{plantedArgument, plantedResult, plantedReply, plantedURI} {
			if level >= slog.LevelInfo {
				require.NotContains(t, text.String(), secret, "at %v", level)
			}
		}
	}
	for _, secret := range credentials {
		require.NotContains(t, s.rest.String(), secret)
	}
	require.Contains(t, s.rest.String(), "Generation:1", "a Trace has told something")
}

// plantedAuthorizer has one token, and no other when that is refused.
type plantedAuthorizer struct{}

func (plantedAuthorizer) Authorize(_ context.Context, _ *url.URL, r *http.Request) error {
	r.Header.Set("Authorization", "Bearer "+plantedBearer)
	return nil
}

func (plantedAuthorizer) Refused(context.Context, *url.URL, *http.Request, *http.Response) (bool, error) {
	return false, nil
}

// loquaciousLife does all that there is to do with a session, meets the fault everywhere, and returns the session ids that there were.
func loquaciousLife(t *testing.T, seen *exposure, fault mcptest.Fault, byAuthorizer bool, options []mcptest.Option) (ids []string) {
	t.Helper()
	uri := "https://files.example/x?sig=" + plantedURI
	server := mcptest.New(t, options...)
	server.AddTool(mcpclient.Tool{Name: "asks"}, func(ctx context.Context, _ *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		_, err := mcptest.Ask(ctx, "elicitation/create", json.RawMessage(`{"message":"?","requestedSchema":{"type":"object","properties":{"n":{"type":"integer"}}}}`))
		return &mcpclient.ToolResult{Content: []mcpclient.Content{&mcpclient.Text{Text: plantedResult}}, Structured: []byte(`{"x":"` + plantedResult + `"}`), IsError: err != nil}, nil
	})
	server.AddResource(mcpclient.Resource{URI: uri, Name: "x"}, mcpclient.ResourceContents{URI: uri, Text: plantedResult})
	client := &mcpclient.Client{
		HTTPClient:       server.HTTPClient(),
		HandshakeTimeout: 5 * time.Second,
		InsecureHosts:    []string{"mcptest.invalid"},
		Retry:            mcpclient.RetryPolicy{Attempts: 2},
		Logger:           slog.New(seen),
		Trace: &mcpclient.Trace{
			SessionOpened: seen.session, SessionLost: seen.session, SessionRestored: seen.session,
			ReopenFailed: seen.session, SessionClosed: seen.session, CallRetried: seen.call,
		},
		Elicit: func(context.Context, *mcpclient.Elicitation) (*mcpclient.ElicitationReply, error) {
			return mcpclient.Accept(map[string]any{"n": plantedReply}), nil // does not fit the form
		},
	}
	endpoint, err := url.Parse(server.URL())
	require.NoError(t, err)
	endpoint.RawQuery = "token=" + plantedQuery
	if byAuthorizer {
		client.Authorizer = plantedAuthorizer{}
	} else {
		endpoint.User = url.UserPassword("u", plantedPassword)
	}
	server.Always(mcptest.SetHeader("Set-Cookie", "c="+plantedCookie).On("initialize", "ping"))
	session, err := client.Connect(t.Context(), endpoint.String())
	require.NoError(t, err)
	note := func() {
		if id := session.ID(); id != "" {
			ids = append(ids, id)
		}
	}
	note()
	args := map[string]string{"text": plantedArgument}
	for _, operation := range []func(context.Context) error{
		func(ctx context.Context) error { _, err := session.CallTool(ctx, "echo", args); return err },
		func(ctx context.Context) error { _, err := session.CallTool(ctx, "asks", args); return err },
		func(ctx context.Context) error {
			_, err := mcpclient.CallAs[int](ctx, session, "asks", args)
			return err
		},
		func(ctx context.Context) error { _, err := mcpclient.Collect(session.Tools(ctx)); return err },
		func(ctx context.Context) error { _, err := session.ReadResource(ctx, uri); return err },
		func(ctx context.Context) error { _, err := session.GetPrompt(ctx, "p", args); return err },
		func(ctx context.Context) error { return session.SetLogLevel(ctx, "debug") },
		func(ctx context.Context) error { return session.Notify(ctx, "x", args) },
		func(ctx context.Context) error {
			for _, err := range session.Listen(ctx, mcpclient.Filter{Tools: true, ResourceURIs: []string{uri}, Logs: "debug"}) {
				if err != nil {
					return err
				}
			}
			return nil
		},
	} {
		server.Next(fault.When(func(r mcptest.Request) bool { return r.Method != "initialize" }))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		err := operation(ctx)
		cancel()
		if _, fits := errors.AsType[*mcpclient.DecodeError](err); !fits {
			seen.err(err)
		}
		note()
	}
	server.Next(fault, fault)
	seen.err(session.Reinitialize(t.Context()))
	note()
	server.Next(fault)
	seen.err(session.Close())
	return ids
}
