package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTable keeps the table from rotting in silence: code that moves on has to take its mutants along.
func TestTable(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	guarded := map[string]bool{}
	for _, m := range allMutants() {
		if names[m.name] {
			t.Errorf("there are two mutants %q", m.name)
		}
		names[m.name] = true
		for guard := range strings.FieldsSeq(m.guards) {
			guarded[guard] = true
		}
		source, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(m.file)))
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
			continue
		}
		mutated, err := m.mutate(string(source))
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
		if mutated == string(source) {
			t.Errorf("%s: changes nothing", m.name)
		}
	}
	const invariants, promises = 17, 16
	for n := range invariants {
		if id := fmt.Sprintf("I%d", n+1); !guarded[id] {
			t.Errorf("no mutant for invariant %d", n+1)
		}
	}
	for guard := range guarded {
		var n int
		if _, err := fmt.Sscanf(guard[1:], "%d", &n); err != nil || n < 1 || guard[0] == 'I' && n > invariants || guard[0] == 'P' && n > promises {
			t.Errorf("there is no guard %q", guard)
		}
	}
}

// TestTableNamesTests: a mutant whose test has been renamed would survive, or be killed by another.
func TestTableNamesTests(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]map[string]bool{}
	for _, m := range allMutants() {
		folder := m.folder()
		if known[folder] == nil {
			known[folder] = testsIn(t, filepath.Join(root, filepath.FromSlash(folder)))
		}
		tests := strings.Fields(m.tests)
		if len(tests) == 0 {
			t.Errorf("%s names no test", m.name)
		}
		for _, test := range tests {
			if name, _, _ := strings.Cut(test, "/"); !known[folder][name] {
				t.Errorf("%s: there is no test %s in %s", m.name, name, folder)
			}
		}
	}
}

func testsIn(t *testing.T, folder string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]bool{}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(source), -1) {
			tests[found[1]] = true
		}
	}
	return tests
}

// TestMutate: the anchor of an edit must be there once, or the guard that goes might be another.
func TestMutate(t *testing.T) {
	m := mutant{file: "x.go", edits: instead("guard", "nothing")}
	for source, want := range map[string]string{
		"a guard":         "a nothing",
		"none":            "",
		"guard and guard": "",
	} {
		if got, err := m.mutate(source); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v; want %q", source, got, err, want)
		}
	}
}

func TestPattern(t *testing.T) {
	m := mutant{tests: "TestA TestB/one_case"}
	if got, want := m.pattern(), "^TestA$|^TestB$/one_case"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestRed: the report names the test that turned red, whatever way it went.
func TestRed(t *testing.T) {
	for output, want := range map[string]string{
		"--- FAIL: TestA (0.00s)\n    --- FAIL: TestA/one (0.00s)\n":               "TestA/one",
		"--- FAIL: TestA (0.00s)\n    --- FAIL: TestA/one\n--- FAIL: TestB (0s)\n": "TestA/one",
		"panic: boom\n": `"panic: boom"`,
		"goleak: Errors on successful test run\n": `"goleak: Errors on successful test run"`,
		"": "(exit status)",
	} {
		r := testRun{output: output}
		if got := r.red(); got != want {
			t.Errorf("%q: got %s, want %s", output, got, want)
		}
	}
	hanging := testRun{timedOut: true, output: "panic: test timed out after 1s\n\trunning tests:\n\t\tTestA (1s)\n"}
	if got, want := hanging.red(), "TestA (hangs)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	green := testRun{green: true, output: "ok"}
	if got := green.red(); got != "" {
		t.Errorf("a green run names %s", got)
	}
}
