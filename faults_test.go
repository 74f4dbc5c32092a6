package mcpclient_test

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// oneFault is what happens to one call among fifty.
type oneFault struct {
	fault mcptest.Fault
	fatal bool // the call that meets it fails
	lists bool // it is for a list, not for a tool call
}

// faultsByName has every fault that the test server knows, under the name of its constructor. A name may stand more than
// once, with a remark after a colon. TestFaultTableIsComplete holds that none is missing.
func faultsByName() map[string]oneFault {
	return map[string]oneFault{
		// A JSON-RPC error with the call's id is an answer, whatever else it says.
		"ErrorAnswer":          {fault: mcptest.ErrorAnswer(http.StatusOK, &mcpclient.RPCError{Code: -32603, Message: "x"}), fatal: true},
		"HeaderMismatch":       {fault: mcptest.HeaderMismatch(), fatal: true},
		"VersionUnsupported":   {fault: mcptest.VersionUnsupported("1900-01-01"), fatal: true},
		"ResultAnswer":         {fault: mcptest.ResultAnswer(map[string]any{"content": []any{map[string]string{"type": "text", "text": "victim"}}})},
		"Late":                 {fault: mcptest.Late(time.Second)},
		"Twice":                {fault: mcptest.Twice()},
		"StrayAnswer":          {fault: mcptest.StrayAnswer()},
		"StreamText":           {fault: mcptest.StreamText("event: nonsense\ndata: {\n\n")},
		"Accepted":             {fault: mcptest.Accepted(), fatal: true},
		"Batch":                {fault: mcptest.Batch()},
		"BreakStream":          {fault: mcptest.BreakStream(0), fatal: true},
		"Combine":              {fault: mcptest.Combine(mcptest.Slow(time.Second), mcptest.DropAfter()), fatal: true},
		"CutStream":            {fault: mcptest.CutStream(0), fatal: true},
		"DepthBomb":            {fault: mcptest.DepthBomb(20_000), fatal: true},
		"DropAfter":            {fault: mcptest.DropAfter(), fatal: true},
		"DropBefore":           {fault: mcptest.DropBefore(), fatal: true},
		"EmptyOK":              {fault: mcptest.EmptyOK(), fatal: true},
		"EndlessBody":          {fault: mcptest.EndlessBody(), fatal: true},
		"EndlessEvent":         {fault: mcptest.EndlessEvent(), fatal: true},
		"EndlessLine":          {fault: mcptest.EndlessLine(), fatal: true},
		"EndlessNotifications": {fault: mcptest.EndlessNotifications(), fatal: true},
		"EndlessPages":         {fault: mcptest.EndlessPages().Times(100), fatal: true, lists: true},
		"GzipBomb":             {fault: mcptest.GzipBomb(), fatal: true},
		"HTML":                 {fault: mcptest.HTML(), fatal: true},
		"Hang":                 {fault: mcptest.Hang(), fatal: true},
		"HoldOpen":             {fault: mcptest.HoldOpen()},
		"HoldOpen: unanswered": {fault: mcptest.Combine(mcptest.HoldOpen(), mcptest.NoAnswer()), fatal: true},
		"Malformed":            {fault: mcptest.Malformed(), fatal: true},
		"Malformed: an event":  {fault: mcptest.Combine(mcptest.Malformed(), mcptest.SplitStream()), fatal: true},
		"NextCursor":           {fault: mcptest.NextCursor("again").Times(100), fatal: true, lists: true},
		"NoAnswer":             {fault: mcptest.NoAnswer(), fatal: true},
		"Notify":               {fault: mcptest.Notify("notifications/message", map[string]any{"level": "error", "data": "x"})},
		"Redirect":             {fault: mcptest.Redirect(http.StatusFound, "https://elsewhere.example/"), fatal: true},
		"Redirect: followed":   {fault: mcptest.Redirect(http.StatusTemporaryRedirect, "/mcp/")},
		"Refuse":               {fault: mcptest.Refuse(mcptest.TypeScript)},
		"Refuse: look-alike":   {fault: mcptest.Refuse(mcptest.Zilla), fatal: true},
		"Respond":              {fault: mcptest.Respond(http.NotFoundHandler())}, // which any client takes for a lost session
		"Rewrite":              {fault: mcptest.Rewrite(func([]byte) []byte { return []byte(`[]`) }), fatal: true},
		"ServerRequest":        {fault: mcptest.ServerRequest("sampling/createMessage", nil)},
		"SetHeader":            {fault: mcptest.SetHeader("Content-Encoding", "br"), fatal: true},
		"SetHeader: session":   {fault: mcptest.SetHeader("Mcp-Session-Id", "another")},
		"Slow":                 {fault: mcptest.Slow(time.Second)},
		"SplitStream":          {fault: mcptest.SplitStream()},
		"Status: 401":          {fault: mcptest.Status(401, nil, ""), fatal: true},
		"Status: 403":          {fault: mcptest.Status(403, nil, ""), fatal: true},
		"Status: 413":          {fault: mcptest.Status(413, nil, ""), fatal: true},
		"Status: 429":          {fault: mcptest.Status(429, nil, ""), fatal: true},
		"Status: 500":          {fault: mcptest.Status(500, nil, "boom"), fatal: true},
		"Status: 503":          {fault: mcptest.Status(503, http.Header{"Retry-After": {"1"}}, ""), fatal: true},
		"Truncated":            {fault: mcptest.Truncated(10), fatal: true},
		"WrongContentType":     {fault: mcptest.WrongContentType("text/plain"), fatal: true},
		"WrongID":              {fault: mcptest.WrongID(), fatal: true},
	}
}

func TestFaultTableIsComplete(t *testing.T) {
	var known []string
	for name := range faultsByName() {
		name, _, _ = strings.Cut(name, ":")
		known = append(known, name)
	}
	files, err := filepath.Glob(filepath.Join("mcptest", "*.go"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		syntax, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, decl := range syntax.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && makesFault(f) && !ofOtherEras(f) {
				require.Contains(t, known, f.Name.Name, "in %s", file)
			}
		}
	}
}

// makesFault tells whether f is an exported function that returns a Fault.
func makesFault(f *ast.FuncDecl) bool {
	if f.Recv != nil || !f.Name.IsExported() || f.Type.Results == nil || len(f.Type.Results.List) != 1 {
		return false
	}
	result, ok := f.Type.Results.List[0].Type.(*ast.Ident)
	return ok && result.Name == "Fault"
}

// ofOtherEras tells whether the fault means nothing to a session over Streamable HTTP.
func ofOtherEras(f *ast.FuncDecl) bool {
	return slices.Contains([]string{"Endpoint", "NoEndpoint", "AnswerFirst", "InputRequired"}, f.Name.Name)
}

// A fault hits one of fifty callers in flight. The other 49 succeed, nothing is executed twice, and the same session goes on.
func TestP13OneBadReplyHarmsNobody(t *testing.T) {
	faults := faultsByName()
	for _, name := range slices.Sorted(maps.Keys(faults)) {
		modes := map[string][]mcptest.Option{"JSON": nil, "streams": {mcptest.Streams()}}
		if strings.HasPrefix(name, "Endless") || name == "GzipBomb" {
			delete(modes, "streams") // these answer in their own mode
		}
		for mode, options := range modes {
			t.Run(name+", "+mode, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { hitOneOfFifty(t, faults[name], options) })
			})
		}
	}
}

// Refused in each of the wild's ways, the one call makes a new session, and nobody who is in flight on the old one minds.
func TestOneRefusalFailsNoCall(t *testing.T) {
	for _, way := range mcptest.Ways() {
		t.Run(string(way), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				// Where the answer alone proves nothing, the session is asked; it lives, so the call gets its error.
				lookAlike := way.Row() == "S11"
				hitOneOfFifty(t, oneFault{fault: mcptest.Refuse(way), fatal: lookAlike}, nil)
			})
		})
	}
}

func hitOneOfFifty(t *testing.T, hit oneFault, options []mcptest.Option) {
	t.Helper()
	const neighbours = 49
	server := mcptest.New(t, append(options, mcptest.InMemory())...)
	release := make(chan struct{})
	server.AddTool(mcpclient.Tool{Name: "gate"}, func(ctx context.Context, req *mcptest.ToolRequest) (*mcpclient.ToolResult, error) {
		select {
		case <-release:
			return mcptest.Text(string(req.Arguments)), nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
	session := connected(t, server, &mcpclient.Client{
		MaxMessageSize: 256 << 10, Limits: mcpclient.Limits{Notifications: 1000, Pages: 50}, Retry: tryOnce,
	})

	group, ctx := errgroup.WithContext(t.Context())
	for i := range neighbours {
		group.Go(func() error {
			want := fmt.Sprintf(`{"nonce":"neighbour %d"}`, i)
			result, err := session.CallTool(ctx, "gate", map[string]string{"nonce": fmt.Sprintf("neighbour %d", i)})
			if err == nil && result.Text() != want {
				err = fmt.Errorf("neighbour %d got the answer %s", i, result.Text())
			}
			return err
		})
	}
	synctest.Wait()
	require.Equal(t, neighbours, server.Executed(), "all are in flight")

	if hit.lists {
		server.Next(hit.fault)
	} else {
		server.Next(hit.fault.When(func(r mcptest.Request) bool { return r.Target == "echo" }))
	}
	err := meet(t.Context(), session, hit)
	if hit.fatal {
		asCallError(t, err)
	} else {
		require.NoError(t, err)
	}
	require.NoError(t, ctx.Err(), "no neighbour has failed meanwhile")
	close(release)
	require.NoError(t, group.Wait())

	result, err := session.CallTool(t.Context(), "add", map[string]int{"a": 1, "b": 2})
	require.NoError(t, err, "the session goes on")
	require.JSONEq(t, `{"sum":3}`, string(result.Structured))
	require.Empty(t, server.Repeated(), "nothing is executed twice")
	require.NoError(t, session.Err())
}

// meet makes the one call, with some patience.
func meet(ctx context.Context, session *mcpclient.Session, hit oneFault) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if hit.lists {
		_, err := mcpclient.Collect(session.Tools(ctx))
		return err
	}
	result, err := session.CallTool(ctx, "echo", map[string]string{"text": "victim", "nonce": "victim"})
	if err == nil && result.Text() != "victim" {
		err = fmt.Errorf("the answer is %s", result.Text())
	}
	return err
}
