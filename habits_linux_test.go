package mcpclient_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// toolRun runs a copy of one of our scripts in a repository of the given files. Those that it calls have to be executable, so all are.
func toolRun(t *testing.T, repository, script string, files map[string]string, arguments ...string) (output string, err error) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("tools", script))
	require.NoError(t, err)
	files["tools/"+script] = string(text)
	for name, text := range files {
		at := filepath.Join(repository, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(at), 0o700))
		require.NoError(t, os.WriteFile(at, []byte(text), 0o700))
	}
	command := exec.CommandContext(t.Context(), "bash", append([]string{filepath.Join(repository, "tools", script)}, arguments...)...)
	command.Dir = repository
	out, err := command.CombinedOutput()
	return string(out), err
}

// TestVulnerabilityCheck: a finding in any module fails, and a database out of reach neither hides one nor passes in silence.
func TestVulnerabilityCheck(t *testing.T) {
	const unreachable = `echo "govulncheck: fetching vulnerabilities: no such host"; exit 1`
	const nested = `case $PWD in */interop/deep) `
	for name, c := range map[string]struct {
		checker, database string
		fails             bool
		says, saysNot     string
	}{
		"nothing known":                          {checker: "exit 0", saysNot: "NOT CHECKED"},
		"found in a nested module":               {checker: nested + `echo Vulnerability; exit 3;; esac`, fails: true, says: "exit 3 in ./interop/deep", saysNot: "NOT CHECKED"},
		"does not compile":                       {checker: nested + `echo "syntax error"; exit 1;; esac`, fails: true, saysNot: "NOT CHECKED"},
		"out of reach":                           {checker: unreachable, says: "NOT CHECKED"},
		"out of reach where it must not be":      {checker: unreachable, database: "required", fails: true, says: "NOT CHECKED"},
		"found, and out of reach a moment later": {checker: `case $PWD in */interop) ` + unreachable + `;; *) exit 3;; esac`, fails: true, says: "not checked: ./interop ./interop/deep"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("VULN_DATABASE", c.database)
			repository := t.TempDir()
			output, err := toolRun(t, repository, "vuln.sh", map[string]string{
				"go.mod": "", "interop/go.mod": "", "interop/deep/go.mod": "", "tools/go.mod": "", "interop/.cache/x/go.mod": "",
				"checker": "#!/bin/sh\n" + `case $PWD in */interop/.cache/* | */tools) echo "not ours"; exit 9;; esac` + "\n" + c.checker,
			}, filepath.Join(repository, "checker"))
			require.Equal(t, c.fails, err != nil, output)
			require.Contains(t, output, c.says)
			if c.saysNot != "" {
				require.NotContains(t, output, c.saysNot)
			}
		})
	}
}

// TestReleaseNotes: a release says what the changelog says of it, and there is none without.
func TestReleaseNotes(t *testing.T) {
	const changelog = "# Changelog\n\n## Unreleased\n\n## [1.2.3] - 2026-01-31\n\n### Added\n\n- This.\n\n## 1.2\n\n- That.\n"
	for version, want := range map[string]string{"1.2.3": "\n### Added\n\n- This.\n", "1.2": "\n- That.\n", "Unreleased": "", "1": "", "1.2.4": "", "1x2": ""} {
		output, err := toolRun(t, t.TempDir(), "notes.sh", map[string]string{"CHANGELOG.md": changelog}, version)
		if want == "" {
			require.Error(t, err, version)
			require.Contains(t, output, "has no section")
			continue
		}
		require.NoError(t, err, output)
		require.Equal(t, want, output)
	}
}
