package mcpclient_test

import (
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestReadmeCode: a program in README.md compiles as it stands there, and every other piece of Go is copied from a file
// that is compiled, and mostly run.
func TestReadmeCode(t *testing.T) {
	tree := documents(t)
	blocks := regexp.MustCompile("(?ms)^```go\n(.*?)^```$").FindAllStringSubmatch(tree.texts["README.md"], -1)
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		code := block[1]
		if strings.HasPrefix(code, "package main\n") {
			program := filepath.Join(t.TempDir(), "main.go")
			require.NoError(t, os.WriteFile(program, []byte(code), 0o600))
			output, err := exec.CommandContext(t.Context(), "go", "vet", program).CombinedOutput()
			require.NoError(t, err, "%s", output)
			continue
		}
		copied := slices.ContainsFunc(tree.ours(), func(f *goFile) bool {
			return strings.Contains(withoutIndent(tree.texts[f.path]), withoutIndent(code))
		})
		require.True(t, copied, "no Go file has these lines:\n%s", code)
	}
}

// documents reads the repository.
func documents(t *testing.T) *sourceTree {
	t.Helper()
	here, err := os.Getwd()
	require.NoError(t, err)
	tree, err := readTree(here)
	require.NoError(t, err)
	return tree
}

// withoutIndent compares code whatever function it stands in.
func withoutIndent(code string) string {
	return regexp.MustCompile(`(?m)^\t+`).ReplaceAllString(code, "")
}

// TestDocumentLinks: what the documents point to is there, be it a file, a heading or a make target.
func TestDocumentLinks(t *testing.T) {
	tree := documents(t)
	link := regexp.MustCompile(`\]\(([^)\s#]*)(#[^)\s]*)?\)`)
	command := regexp.MustCompile("`make ([a-z-]+)")
	for name, text := range tree.texts {
		if path.Ext(name) != ".md" {
			continue
		}
		for _, found := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(found[1], "://") {
				continue
			}
			target := path.Join(path.Dir(name), found[1])
			if found[1] == "" {
				target = name
			}
			_, err := os.Stat(filepath.FromSlash(target))
			require.NoError(t, err, "%s links to %s", name, found[0])
			if found[2] != "" {
				require.Contains(t, headings(tree.texts[target]), found[2], "%s links to %s", name, found[0])
			}
		}
		for _, found := range command.FindAllStringSubmatch(text, -1) {
			require.Regexp(t, `(?m)^`+found[1]+`:`, tree.texts["Makefile"], "%s tells to run make %s", name, found[1])
		}
	}
}

// headings lists the anchors of a document, as its readers' browsers know them.
func headings(text string) []string {
	var anchors []string
	for _, found := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(text, -1) {
		words := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(found[1]), "")
		anchors = append(anchors, "#"+strings.ReplaceAll(words, " ", "-"))
	}
	return anchors
}

// TestFileMap: the file map of DESIGN.md has a line for every file of the packages that it describes, and for no other.
func TestFileMap(t *testing.T) {
	tree := documents(t)
	present, mapped := map[string]bool{}, map[string]bool{}
	for _, f := range tree.ours() {
		if !f.isTest() && path.Dir(f.folder()) != "examples" {
			present[f.path] = true
		}
	}
	for _, found := range regexp.MustCompile("(?m)^\\| `([^`]+\\.go)` \\| .").FindAllStringSubmatch(tree.texts["DESIGN.md"], -1) {
		mapped[found[1]] = true
	}
	require.Equal(t, slices.Sorted(maps.Keys(present)), slices.Sorted(maps.Keys(mapped)))
}
