package mcpclient_test

import (
	"strings"
	"testing"
)

// TestLayout holds the architecture that DESIGN.md describes: who imports whom, which file may know what, how large
// things may grow. A broken rule is named with file and line.
func TestLayout(t *testing.T) {
	tree, err := readTree(".")
	if err != nil {
		t.Fatal(err)
	}
	if len(tree.ours()) == 0 {
		t.Fatal("no Go file found: the test does not run in the repository's root")
	}
	for _, rule := range layoutRules() {
		t.Run(rule.name, func(t *testing.T) {
			for _, finding := range rule.findings(tree) {
				t.Error(finding)
			}
		})
	}
}

// TestLayoutRules proves the rules: each case is a small tree that breaks one, or comes close and does not. A rule that
// sees nothing would hold for ever.
func TestLayoutRules(t *testing.T) {
	broken := map[string]bool{}
	for _, c := range layoutCases() {
		t.Run(c.name, func(t *testing.T) {
			tree, err := parseTree("/srv/checkout", c.tree)
			if err != nil {
				t.Fatal(err)
			}
			for _, rule := range layoutRules() {
				got := rule.findings(tree)
				want := c.want[rule.name]
				if len(got) != len(want) {
					t.Fatalf("%s: got %d findings %q, want %d like %q", rule.name, len(got), got, len(want), want)
				}
				for i := range want {
					if !strings.HasPrefix(got[i], want[i]) {
						t.Errorf("%s: got %q, want it to begin with %q", rule.name, got[i], want[i])
					}
				}
				broken[rule.name] = broken[rule.name] || len(got) > 0
			}
		})
	}
	for _, rule := range layoutRules() {
		if !broken[rule.name] {
			t.Errorf("no case breaks the rule %q", rule.name)
		}
	}
}
