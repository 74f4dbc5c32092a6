package mcpclient_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// A layoutRule is one rule about the tree; the comment of its function states it. No findings: the rule holds.
type layoutRule struct {
	name     string
	findings func(*sourceTree) []string
}

func layoutRules() []layoutRule {
	return []layoutRule{
		{"imports", importFindings},
		{"nouns", nounFindings},
		{"bodies", bodyFindings},
		{"versions", versionFindings},
		{"sizes", sizeFindings},
		{"docs", docFindings},
		{"sleeps", sleepFindings},
		{"machines", machineFindings},
	}
}

// importFindings: "Who may import whom". A folder without a row is a finding too, so that a new package states its row.
func importFindings(tree *sourceTree) []string {
	var found []string
	for _, f := range tree.ours() {
		allowed, ok := importsAllowed(f)
		if !ok {
			found = append(found, f.finding(f.syntax.Package, "folder %s has no row in importsAllowed", f.folder()))
			continue
		}
		for _, spec := range f.syntax.Imports {
			imported := literal(spec.Path)
			if isStandard(imported) || slices.Contains(allowed, imported) {
				continue
			}
			found = append(found, f.finding(spec.Pos(), "%s may not import %s", f.folder(), imported))
		}
	}
	return found
}

func importsAllowed(f *goFile) (paths []string, ok bool) {
	const (
		root    = "github.com/holdfast-mcp/mcpclient"
		jsonrpc = root + "/internal/jsonrpc"
		mcptest = root + "/mcptest"
		xsync   = "golang.org/x/sync/"
		json    = "github.com/go-json-experiment/json"
	)
	switch folder := f.folder(); {
	case folder == ".":
		paths = []string{jsonrpc, json, json + "/jsontext", "github.com/google/uuid", xsync + "errgroup", xsync + "semaphore", xsync + "singleflight"}
	case folder == "mcptest":
		paths = []string{root, jsonrpc, json, json + "/jsontext"}
	case folder == "internal/jsonrpc":
		paths = []string{json, json + "/jsontext"}
	case folder == "auth":
		paths = []string{"golang.org/x/oauth2"}
	case folder == "auth/authtest", folder == "internal/faultnet", folder == "internal/mutants":
		paths = []string{}
	case path.Dir(folder) == "examples":
		paths = []string{root, mcptest, root + "/auth", root + "/auth/authtest", xsync + "errgroup"}
	default:
		return nil, false
	}
	if f.isTest() {
		paths = append(paths, path.Join(root, f.folder()), root, mcptest, root+"/internal/faultnet", root+"/auth", root+"/auth/authtest", json, json+"/jsontext",
			xsync+"errgroup", "golang.org/x/oauth2", "github.com/stretchr/testify/require", "go.uber.org/goleak")
	}
	return paths, true
}

// nounFindings: tools, resources and the like say what a call means and hand it to Session.do or Session.request. One
// that reached past them would skip the interceptors, the retry rules and the recovery of a lost session. What stands past
// them shows in its signature: it deals in bindings, replies and other things of the wire.
func nounFindings(tree *sourceTree) []string {
	wire := wireNames(tree)
	past := functionsOver(wire, tree)
	var found []string
	for _, f := range tree.ours() {
		if !f.inRoot() || !isNounFile(f.name()) {
			continue
		}
		for _, spec := range f.syntax.Imports {
			if imported := literal(spec.Path); strings.HasPrefix(imported, "net/http") {
				found = append(found, f.finding(spec.Pos(), "a noun file may not import %s", imported))
			}
		}
		for node := range ast.Preorder(f.syntax) {
			switch node := node.(type) {
			case *ast.Ident:
				if wire[node.Name] {
					found = append(found, f.finding(node.Pos(), "a noun file may not use %s, which belongs to the transport or an era", node.Name))
				}
			case *ast.CallExpr:
				if _, name := path.Split(strings.ReplaceAll(exprName(node.Fun), ".", "/")); past[name] {
					found = append(found, f.finding(node.Pos(), "a noun file may not call %s: calls go through Session.do or request", name))
				}
			}
		}
	}
	return found
}

func isNounFile(name string) bool {
	return slices.Contains([]string{"tools.go", "resources.go", "prompts.go", "completion.go", "content.go", "logging.go", "iter.go", "tasks.go"}, name)
}

// isWireFile tells whether a file of the root speaks HTTP, SSE or the manners of one era.
func isWireFile(name string) bool {
	return strings.HasPrefix(name, "transport_") || strings.HasPrefix(name, "sse_") || strings.HasPrefix(name, "era")
}

func isVersionFile(name string) bool {
	return strings.HasPrefix(name, "era") || name == "refusals.go"
}

// wireNames collects the unexported top-level names of the wire files.
func wireNames(tree *sourceTree) map[string]bool {
	names := map[string]bool{}
	for _, f := range tree.ours() {
		if !f.inRoot() || !isWireFile(f.name()) {
			continue
		}
		for _, decl := range f.syntax.Decls {
			for _, name := range topLevelNames(decl) {
				names[name.Name] = !name.IsExported()
			}
		}
	}
	return names
}

// functionsOver collects the functions and methods that take or return something of the given names. The wire files' own
// are left out: they are reached through those names alone, and call themselves open, send and close.
func functionsOver(names map[string]bool, tree *sourceTree) map[string]bool {
	functions := map[string]bool{}
	for _, f := range tree.ours() {
		if !f.inRoot() || isWireFile(f.name()) {
			continue
		}
		for _, decl := range f.syntax.Decls {
			function, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			for node := range ast.Preorder(function.Type) {
				if id, ok := node.(*ast.Ident); ok && names[id.Name] {
					functions[function.Name.Name] = true
				}
			}
		}
	}
	return functions
}

// bodyFindings: limits on size, decompression and time stand in the transport. A body read elsewhere has none of them.
func bodyFindings(tree *sourceTree) []string {
	var found []string
	for _, f := range tree.ours() {
		if !f.inRoot() || strings.HasPrefix(f.name(), "transport_") {
			continue
		}
		for node := range ast.Preorder(f.syntax) {
			call, ok := node.(*ast.CallExpr)
			if !ok {
				continue
			}
			if name := exprName(call.Fun); readsBody(name, call.Args) {
				found = append(found, f.finding(call.Pos(), "%s reads a body outside the transport, without its limits", name))
			}
		}
	}
	return found
}

func readsBody(function string, args []ast.Expr) bool {
	if function == "io.ReadAll" || strings.HasSuffix(function, ".Body.Read") || strings.HasSuffix(function, ".Body.Close") {
		return true
	}
	takesReader := strings.HasPrefix(function, "io.") || strings.HasPrefix(function, "bufio.") ||
		strings.HasSuffix(function, "NewDecoder") || strings.HasSuffix(function, "UnmarshalRead")
	return takesReader && slices.ContainsFunc(args, func(arg ast.Expr) bool { return strings.HasSuffix(exprName(arg), ".Body") })
}

// versionFindings: a version check outside the era files is how one era's habit leaks into another.
func versionFindings(tree *sourceTree) []string {
	var found []string
	for _, f := range tree.ours() {
		internal := strings.HasPrefix(f.path, "internal/") && !f.isTest()
		if !internal && (!f.inRoot() || isVersionFile(f.name())) {
			continue
		}
		for node := range ast.Preorder(f.syntax) {
			lit, ok := node.(*ast.BasicLit)
			if ok && lit.Kind == token.STRING && knowsVersion(literal(lit)) {
				found = append(found, f.finding(lit.Pos(), "only era*.go and refusals.go may hold %s", lit.Value))
			}
		}
	}
	return found
}

func knowsVersion(text string) bool {
	version := regexp.MustCompile(`20\d\d-\d\d-\d\d`)
	return version.MatchString(text) || text == "initialize" || text == "server/discover" ||
		strings.Contains(strings.ToLower(text), "mcp-session-id")
}

// sizeFindings: what no longer fits on a few screens is no longer read.
func sizeFindings(tree *sourceTree) []string {
	const maxFile, maxExample, maxFunction = 400, 80, 60
	var found []string
	for _, f := range tree.files {
		if f.isTest() {
			continue
		}
		limit := maxFile
		if path.Dir(f.folder()) == "examples" {
			limit = maxExample
		}
		if lines := f.fset.File(f.syntax.FileStart).LineCount(); lines > limit {
			found = append(found, f.finding(f.syntax.FileEnd, "the file has %d lines, at most %d are allowed", lines, limit))
		}
		for _, decl := range f.syntax.Decls {
			function, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			// The lines between the braces' lines, as the linter counts them.
			lines := f.fset.Position(function.End()).Line - f.fset.Position(function.Pos()).Line - 1
			if lines > maxFunction {
				found = append(found, f.finding(function.Pos(), "function %s has %d lines, at most %d are allowed", function.Name, lines, maxFunction))
			}
		}
	}
	return found
}

// docFindings: what is exported is used by strangers, who have its doc comment alone. Constants and variables may share
// one with their group. Fields are left to their writer: many carry the protocol's names, and their type's comment tells
// what there is to tell.
func docFindings(tree *sourceTree) []string {
	var found []string
	for _, f := range tree.ours() {
		if f.isTest() || f.syntax.Name.Name == "main" {
			continue
		}
		for _, decl := range f.syntax.Decls {
			for _, name := range undocumented(decl) {
				found = append(found, f.finding(name.Pos(), "%s is exported and has no doc comment", name.Name))
			}
		}
	}
	return found
}

// sleepFindings: a sleep is either too long for the suite or too short for a busy machine.
func sleepFindings(tree *sourceTree) []string {
	var found []string
	for _, f := range tree.files {
		if !f.isTest() {
			continue
		}
		for node := range ast.Preorder(f.syntax) {
			if selector, ok := node.(*ast.SelectorExpr); ok && exprName(selector) == "time.Sleep" {
				found = append(found, f.finding(selector.Pos(), "a test may not sleep: use testing/synctest or a channel"))
			}
		}
	}
	return found
}

// machineFindings: a path that exists on its author's machine alone breaks everywhere else.
func machineFindings(tree *sourceTree) []string {
	homes := `(?:^|[^\w./])(?:/(?:home|Users|root)/|[A-Z]:\\+Users\\+)\w`
	// A checkout right below the root ("/app") has a name too common to search for.
	if strings.Count(tree.checkout, "/") > 1 {
		homes += "|" + regexp.QuoteMeta(tree.checkout) + `\b`
	}
	local := regexp.MustCompile(homes)
	var found []string
	for _, file := range slices.Sorted(maps.Keys(tree.texts)) {
		for i, line := range strings.Split(tree.texts[file], "\n") {
			if folder := local.FindString(line); folder != "" {
				found = append(found, fmt.Sprintf("%s:%d: names a folder of one machine: %s", file, i+1, folder))
			}
		}
	}
	return found
}
