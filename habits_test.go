package mcpclient_test

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// workflowFiles returns what GitHub runs, by path: workflows and the actions of our own.
func workflowFiles(t *testing.T, tree *sourceTree) map[string]string {
	t.Helper()
	files := map[string]string{}
	for name, text := range tree.texts {
		if strings.HasPrefix(name, ".github/") && slices.Contains([]string{".yml", ".yaml"}, path.Ext(name)) {
			files[name] = text
		}
	}
	require.NotEmpty(t, files)
	return files
}

// unpinned lists the actions of a workflow that can change under our feet: a tag or a branch can be moved, a commit cannot.
// Those of this repository come with the commit that uses them.
func unpinned(text string) []string {
	var found []string
	for _, uses := range regexp.MustCompile(`(?m)^[\s-]*["']?uses["']?\s*:\s*(.*)$`).FindAllStringSubmatch(text, -1) {
		if regexp.MustCompile(`^\./\.github/[\w./-]+$`).MatchString(uses[1]) {
			continue
		}
		if !regexp.MustCompile(`^[\w.-]+(/[\w.-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`).MatchString(uses[1]) {
			found = append(found, uses[1])
		}
	}
	return found
}

// TestActionsArePinned: every action is pinned by its full commit, with the version as a comment for those who read it.
func TestActionsArePinned(t *testing.T) {
	pinned := 0
	for name, text := range workflowFiles(t, documents(t)) {
		require.Empty(t, unpinned(text), "%s: pin it as owner/name@<40 hexadecimal digits> # v1.2.3", name)
		pinned += strings.Count(text, "uses:")
	}
	require.NotZero(t, pinned)
}

// TestUnpinnedActionsAreFound proves the rule: a rule that sees nothing would hold for ever.
func TestUnpinnedActionsAreFound(t *testing.T) {
	const commit = "3d3c42e5aac5ba805825da76410c181273ba90b1"
	require.Equal(t, []string{
		"actions/checkout@v7",
		"actions/checkout@main # v7.0.1",
		"actions/checkout@3d3c42e # v7.0.1",
		"actions/checkout@" + commit,
		"docker://alpine:3",
		"./elsewhere",
	}, unpinned(`
      - uses: actions/checkout@v7
      - uses: actions/checkout@main # v7.0.1
        uses: actions/checkout@3d3c42e # v7.0.1
      - "uses": actions/checkout@`+commit+`
      - uses: docker://alpine:3
      - uses: ./elsewhere
      - uses: actions/checkout@`+commit+` # v7.0.1
      - uses: github/codeql-action/init@`+commit+` # v4.36.2
      - uses: ./.github/actions/prepare
    uses: ./.github/workflows/ci.yml
`))
}

// TestWorkflowsGrantLittle: a workflow begins with the right to read, and a job that needs more says which right and why.
func TestWorkflowsGrantLittle(t *testing.T) {
	for name, text := range workflowFiles(t, documents(t)) {
		if path.Dir(name) != ".github/workflows" {
			continue
		}
		require.Contains(t, text, "\npermissions:\n  contents: read\n\n", name)
		for _, right := range regexp.MustCompile(`(?m)^ .*: write.*$`).FindAllString(text, -1) {
			require.Regexp(t, `: write # .`, right, name)
		}
		// What comes from outside (a title, a branch's name) would be run as shell where it stands in a script.
		require.NotRegexp(t, `(?m)run:.*\$\{\{`, text, name)
		require.NotContains(t, text, "pull_request_target", name)
	}
}

// TestWorkflowRunsCI: what runs in public is what runs here, on the same schemas of the protocol.
func TestWorkflowRunsCI(t *testing.T) {
	tree := documents(t)
	ci, prepare := tree.texts[".github/workflows/ci.yml"], tree.texts[".github/actions/prepare/action.yml"]
	require.Contains(t, ci, "- run: bash .ci/run\n")
	require.Contains(t, ci, "uses: ./.github/actions/prepare\n")
	require.Contains(t, prepare, `MCPCLIENT_SCHEMAS=$schemas" >>"$GITHUB_ENV"`)
	require.Contains(t, tree.texts[".ci/run"], "MCPCLIENT_SCHEMAS=${MCPCLIENT_SCHEMAS:-")
	for _, job := range []string{"windows-latest", "macos-latest", "GOMAXPROCS", "go: [oldstable, stable]"} {
		require.Contains(t, ci, job)
	}
	nightly := tree.texts[".github/workflows/nightly.yml"]
	for _, target := range regexp.MustCompile(`run: make ([a-z-]+)`).FindAllStringSubmatch(ci+nightly, -1) {
		require.Regexp(t, `(?m)^`+target[1]+`:`, tree.texts["Makefile"])
	}
	require.Contains(t, nightly, "make soak")
	require.Contains(t, nightly, "make fuzz")
}

// TestConfigurationParses: YAML that is read elsewhere alone is found broken there alone.
func TestConfigurationParses(t *testing.T) {
	tree := documents(t)
	files := workflowFiles(t, tree)
	for _, name := range []string{".goreleaser.yaml", ".golangci.yml"} {
		require.NotEmpty(t, tree.texts[name], name)
		files[name] = tree.texts[name]
	}
	for name, text := range files {
		require.YAMLEq(t, text, text+"\n", name) // fails on what is no YAML
	}
}

// TestReleaseRecipe: the source, what it depends on, sums of both, and one signature over the sums.
func TestReleaseRecipe(t *testing.T) {
	tree := documents(t)
	recipe := tree.texts[".goreleaser.yaml"]
	for _, part := range []string{"skip: true", "cyclonedx-json", "spdx-json", "name_template: checksums.txt", "artifacts: checksum", "cmd: cosign", "sign-blob"} {
		require.Contains(t, recipe, part)
	}
	workflow := tree.texts[".github/workflows/release.yml"]
	for _, part := range []string{"tags: ['v*']", "id-token: write", "attest-build-provenance@", "subject-checksums: dist/checksums.txt", "uses: ./.github/workflows/ci.yml", "needs: ci", "tools/notes.sh"} {
		require.Contains(t, workflow, part)
	}
	// Users check the signature against this name.
	require.Contains(t, tree.texts["RELEASING.md"], "/.github/workflows/release.yml@refs/tags/v$version")
}

// TestSecurityDocuments: who looks for them starts at the README.
func TestSecurityDocuments(t *testing.T) {
	tree := documents(t)
	for _, name := range []string{"SECURITY.md", "RELEASING.md"} {
		require.NotEmpty(t, tree.texts[name], name)
		require.Contains(t, tree.texts["README.md"], "]("+name+")")
	}
	require.Contains(t, tree.texts["SECURITY.md"], "/security/advisories/new")
	for _, target := range []string{"gosec", "vuln"} {
		require.Regexp(t, `(?m)^`+target+`:`, tree.texts["Makefile"])
	}
	require.Contains(t, tree.texts[".ci/run"], "make vuln")
}

// TestDependabotKnowsEveryModule: a folder with dependencies of its own is watched.
func TestDependabotKnowsEveryModule(t *testing.T) {
	tree := documents(t)
	watched := tree.texts[".github/dependabot.yml"]
	for name := range tree.texts {
		folder := "/" + strings.TrimPrefix(path.Dir(name), ".")
		var ecosystem string
		switch file := path.Base(name); {
		case file == "go.mod":
			ecosystem = "gomod"
		case file == "package-lock.json":
			ecosystem = "npm"
		case strings.HasPrefix(file, "requirements"):
			ecosystem = "pip"
		case strings.HasPrefix(name, ".github/workflows/"):
			folder, ecosystem = "/", "github-actions" // which stands for that folder
		case strings.HasPrefix(name, ".github/actions/"):
			folder, ecosystem = "/"+path.Dir(name), "github-actions"
		default:
			continue
		}
		_, section, found := strings.Cut(watched, "package-ecosystem: "+ecosystem+"\n")
		require.True(t, found, ecosystem)
		section, _, _ = strings.Cut(section, "package-ecosystem:")
		require.Regexp(t, `(?m)^\s+- `+regexp.QuoteMeta(folder)+`$`, section, "%s is not watched by dependabot: %s", ecosystem, folder)
	}
}
