package mcpclient_test

import (
	"slices"
	"strings"
)

// A layoutCase is a small tree and the beginnings of the findings that each rule must have about it, no more and no less.
type layoutCase struct {
	name string
	tree map[string]string
	want map[string][]string
}

func layoutCases() []layoutCase {
	return slices.Concat(importCases(), knowledgeCases(), mannerCases())
}

func importCases() []layoutCase {
	return []layoutCase{
		{
			name: "the root may not import a test package, its tests may",
			tree: map[string]string{
				"session.go": `package mcpclient
import (
	"encoding/json"
	"github.com/google/uuid"
	"github.com/holdfast-mcp/mcpclient/mcptest"
	"golang.org/x/sync/singleflight"
)`,
				"session_test.go": `package mcpclient_test
import "github.com/holdfast-mcp/mcpclient/mcptest"`,
				"internal/jsonrpc/id_test.go": `package jsonrpc_test
import "github.com/holdfast-mcp/mcpclient/internal/jsonrpc"`,
			},
			want: map[string][]string{"imports": {"session.go:5: . may not import github.com/holdfast-mcp/mcpclient/mcptest"}},
		},
		{
			name: "testify stays in tests, and only require of it",
			tree: map[string]string{
				"mcptest/server.go":      "package mcptest\nimport \"github.com/stretchr/testify/require\"",
				"mcptest/server_test.go": "package mcptest_test\nimport \"github.com/stretchr/testify/assert\"",
				"mcptest/main_test.go":   "package mcptest_test\nimport \"github.com/stretchr/testify/require\"",
			},
			want: map[string][]string{"imports": {
				"mcptest/server.go:2: mcptest may not import github.com/stretchr/testify/require",
				"mcptest/server_test.go:2: mcptest may not import github.com/stretchr/testify/assert",
			}},
		},
		{
			name: "the envelope knows no package of ours, a nested module may import anything",
			tree: map[string]string{
				"internal/jsonrpc/message.go": "package jsonrpc\nimport \"github.com/holdfast-mcp/mcpclient\"",
				"interop/go.mod":              "module example.test/interop",
				"interop/peers/peer.go":       "package peers\nimport \"github.com/mark3labs/mcp-go/server\"",
			},
			want: map[string][]string{"imports": {"internal/jsonrpc/message.go:2: internal/jsonrpc may not import"}},
		},
		{
			name: "an example shows the public packages, a new folder states its rule",
			tree: map[string]string{
				"examples/quickstart/main.go": "package main\nimport \"github.com/holdfast-mcp/mcpclient/internal/jsonrpc\"",
				"helpers/helpers.go":          "package helpers",
			},
			want: map[string][]string{"imports": {
				"examples/quickstart/main.go:2: examples/quickstart may not import",
				"helpers/helpers.go:1: folder helpers has no row",
			}},
		},
	}
}

func knowledgeCases() []layoutCase {
	return []layoutCase{
		{
			name: "a noun file goes through do or request",
			tree: map[string]string{
				"transport_http.go": "package mcpclient\ntype exchange struct{}",
				"session.go": `package mcpclient
func (s *Session) do() {}
func (s *Session) request() {}
func (s *Session) limit() int { return 0 }
func (s *Session) repeat(x *exchange) {}
func answers() []exchange { return nil }`,
				"tools.go": `package mcpclient
import "net/http"
func (s *Session) list() { s.do(); s.request(); s.limit(); s.page() }
func (s *Session) page() { s.repeat(nil) }
var first exchange
var all = answers()`,
			},
			want: map[string][]string{"nouns": {
				"tools.go:2: a noun file may not import net/http",
				"tools.go:4: a noun file may not call repeat",
				"tools.go:5: a noun file may not use exchange",
				"tools.go:6: a noun file may not call answers",
			}},
		},
		{
			name: "only the transport reads a body; a body that was read is data",
			tree: map[string]string{
				"transport_body.go": "package mcpclient\nfunc read(r reply) { io.ReadAll(r.Body); r.Body.Close() }",
				"session.go": `package mcpclient
func read(resp reply) {
	io.ReadAll(resp.Body)
	bufio.NewReader(resp.Body)
	json.NewDecoder(resp.Body).Decode(nil)
	resp.Body.Close()
	bytes.NewReader(resp.Body)
	strings.ToLower(string(resp.Body))
}`,
				"session_test.go": "package mcpclient_test\nfunc read(r reply) { io.ReadAll(r.Body) }",
			},
			want: map[string][]string{"bodies": {
				"session.go:3: io.ReadAll", "session.go:4: bufio.NewReader", "session.go:5: json.NewDecoder", "session.go:6: resp.Body.Close",
			}},
		},
		{
			name: "only era files and the refusals table know versions",
			tree: map[string]string{
				"session.go": "package mcpclient\n" +
					"const newest = \"2025-11-25\" // 2025-11-25 in a comment is no knowledge\n" +
					"const first, second = `initialize`, \"server/discover\"\n" +
					"const header = \"MCP-Session-ID\"\n" +
					"const hint = \"the server accepts initialize and refuses the next request\"",
				"era_session.go":              `package mcpclient; const newest, first, header = "2025-11-25", "initialize", "Mcp-Session-Id"`,
				"refusals.go":                 `package mcpclient; const first = "initialize"`,
				"session_test.go":             `package mcpclient_test; const first = "initialize"`,
				"mcptest/server.go":           `package mcptest; const first = "initialize"`,
				"internal/jsonrpc/message.go": `package jsonrpc; const first = "initialize"`,
			},
			want: map[string][]string{"versions": {
				"internal/jsonrpc/message.go:1:", "session.go:2:", "session.go:3:", "session.go:3:", "session.go:4:",
			}},
		},
	}
}

func mannerCases() []layoutCase {
	body := func(lines int) string { return "{\n" + strings.Repeat("\t_ = 0\n", lines) + "}\n" }
	return []layoutCase{
		{
			name: "files, functions and examples stay small, tests may grow",
			tree: map[string]string{
				"fits.go":                 "package mcpclient\nfunc fits() " + body(60) + strings.Repeat("\n", 337),
				"long.go":                 "package mcpclient\nfunc long() " + body(61) + strings.Repeat("\n", 337),
				"long_test.go":            "package mcpclient_test\nfunc long() " + body(500),
				"examples/fits/main.go":   "package main\n" + strings.Repeat("\n", 79),
				"examples/long/main.go":   "package main\n" + strings.Repeat("\n", 80),
				"interop/go.mod":          "module example.test/interop",
				"interop/cmd/run/main.go": "package main\n" + strings.Repeat("\n", 400),
			},
			want: map[string][]string{"sizes": {
				"examples/long/main.go:81: the file has 81 lines, at most 80",
				"interop/cmd/run/main.go:401: the file has 401 lines, at most 400",
				"long.go:401: the file has 401 lines, at most 400",
				"long.go:2: function long has 61 lines, at most 60",
			}},
		},
		{
			name: "everything exported has a comment of its own, of its line or of its group",
			tree: map[string]string{
				"docs.go": `package mcpclient
func Bare() {}
type Plain struct{}
func (p *Plain) Method() {}
func (p *Plain) Error() string { return "" }
func (h hidden) Method() {}
// Told is told.
type Told[T any] struct { Field int }
func (t *Told[T]) Method() {}
// Doer is told.
type Doer interface { Do() }
type hiddenDoer interface { Do() }
// Grouped by one comment.
const (
	First = iota
	Second
)
var Loose, hiddenToo = 1, 2
var Noted = 1 // in its line`,
				"docs_test.go":          "package mcpclient_test\nfunc TestBare() {}",
				"examples/docs/main.go": "package main\nfunc Bare() {}",
			},
			want: map[string][]string{"docs": {
				"docs.go:2: Bare is", "docs.go:3: Plain is", "docs.go:4: Method is", "docs.go:9: Method is", "docs.go:11: Do is", "docs.go:18: Loose is",
			}},
		},
		{
			name: "a test does not sleep, also not under another name",
			tree: map[string]string{
				"nap_test.go":         "package mcpclient_test\nvar nap = time.Sleep\nvar doze = synctest.Sleep",
				"interop/go.mod":      "module example.test/interop",
				"interop/nap_test.go": "package interop_test\nvar nap = time.Sleep",
			},
			want: map[string][]string{"sleeps": {"interop/nap_test.go:2:", "nap_test.go:2:"}},
		},
		{
			name: "no file names a folder of one machine",
			tree: map[string]string{
				"README.md":  "Run it.\nSee /" + "home/alice/notes.\nOr C:" + `\Users\bob.` + "\nOr /srv" + "/checkout/main.go.",
				"Makefile":   "run:\n\tcd /" + "root/src && make",
				"fine.md":    "GET https://example.test/" + "home/x, file:///" + "home/alice/notes.txt, /srv/checkouts",
				"session.go": "package mcpclient // see /" + "Users/carol/x",
			},
			want: map[string][]string{"machines": {"Makefile:2:", "README.md:2:", "README.md:3:", "README.md:4:", "session.go:1:"}},
		},
	}
}
