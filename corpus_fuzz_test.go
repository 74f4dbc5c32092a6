package mcpclient_test

import (
	"go/ast"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFuzzCorpora: every fuzz target has inputs in the repository, so that plain `go test` runs it on more than a handful, and no
// inputs are left of a target that has another name now: nobody would notice that they are not run any more.
func TestFuzzCorpora(t *testing.T) {
	tree, err := readTree(".")
	require.NoError(t, err)
	corpora := map[string]bool{} // folder -> a target reads it
	for _, f := range tree.files {
		folder := filepath.Join(filepath.FromSlash(f.folder()), "testdata", "fuzz")
		for _, decl := range f.syntax.Decls {
			if target, ok := decl.(*ast.FuncDecl); ok && f.isTest() && target.Recv == nil && strings.HasPrefix(target.Name.Name, "Fuzz") {
				corpora[filepath.Join(folder, target.Name.Name)] = true
			}
		}
		for _, name := range filesIn(t, folder) {
			if corpus := filepath.Join(folder, name); !corpora[corpus] {
				corpora[corpus] = false
			}
		}
	}
	require.Greater(t, len(corpora), 20)
	for corpus, read := range corpora {
		require.True(t, read, "%s: no such target", corpus)
		require.GreaterOrEqual(t, len(filesIn(t, corpus)), 5, corpus)
	}
}

// filesIn lists a folder; one that is not there is empty.
func filesIn(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}
