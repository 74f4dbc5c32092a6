package mcpclient_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// A sourceTree is what the rules of the layout look at: every text file of the repository, Go files also parsed.
type sourceTree struct {
	checkout string // the absolute folder that it was read from
	texts    map[string]string
	files    []*goFile
}

// A goFile is one parsed Go file. Its path is relative to the repository's root and has slashes on every system.
type goFile struct {
	path   string
	module string // the folder of the module that it belongs to, "." for the root's
	fset   *token.FileSet
	syntax *ast.File
}

func (f *goFile) folder() string { return path.Dir(f.path) }
func (f *goFile) name() string   { return path.Base(f.path) }
func (f *goFile) isTest() bool   { return strings.HasSuffix(f.path, "_test.go") }

// inRoot tells whether the file belongs to the package mcpclient proper, tests aside.
func (f *goFile) inRoot() bool { return f.folder() == "." && !f.isTest() }

// finding words a broken rule the way compilers do, so that editors jump to it.
func (f *goFile) finding(at token.Pos, format string, args ...any) string {
	return fmt.Sprintf("%s:%d: %s", f.path, f.fset.Position(at).Line, fmt.Sprintf(format, args...))
}

// ours lists the Go files of the root module: the nested modules (interop and the like) follow fewer rules.
func (t *sourceTree) ours() []*goFile {
	return slices.DeleteFunc(slices.Clone(t.files), func(f *goFile) bool { return f.module != "." })
}

// readTree reads the repository below root. Recorded bytes (testdata) and what tools leave behind (dot folders) are not ours.
func readTree(root string) (*sourceTree, error) {
	checkout, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	texts := map[string]string{}
	err = filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return skipFolder(root, file, entry.Name())
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		bytes, err := os.ReadFile(file)
		if err != nil || !utf8.Valid(bytes) {
			return err
		}
		relative, err := filepath.Rel(root, file)
		texts[filepath.ToSlash(relative)] = string(bytes)
		return err
	})
	if err != nil {
		return nil, err
	}
	return parseTree(checkout, texts)
}

func skipFolder(root, folder, name string) error {
	hidden := strings.HasPrefix(name, ".") && name != ".ci" && name != ".github"
	if folder != root && (hidden || name == "testdata" || name == "node_modules") {
		return fs.SkipDir
	}
	return nil
}

// parseTree parses the Go files among texts, whose keys are paths.
func parseTree(checkout string, texts map[string]string) (*sourceTree, error) {
	tree := &sourceTree{checkout: checkout, texts: texts}
	for _, file := range slices.Sorted(maps.Keys(texts)) {
		if !strings.HasSuffix(file, ".go") {
			continue
		}
		fset := token.NewFileSet()
		syntax, err := parser.ParseFile(fset, file, texts[file], parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		tree.files = append(tree.files, &goFile{path: file, module: moduleOf(file, texts), fset: fset, syntax: syntax})
	}
	return tree, nil
}

func moduleOf(file string, texts map[string]string) string {
	folder := path.Dir(file)
	for folder != "." {
		if _, ok := texts[folder+"/go.mod"]; ok {
			break
		}
		folder = path.Dir(folder)
	}
	return folder
}
