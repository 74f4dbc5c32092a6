package main

import (
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

const wovenSource = `package p

type limits struct{ most int }

func (l *limits) fits(n int, rest ...int) bool {
	if n > l.most { // a comment
		return false
	}
	return len(rest) == 0
}

func (*limits) nameless(int) {}

func of[T any](v T) T { return v }
`

// TestWeave: the function is there twice, and the first asks which of the two is to run.
func TestWeave(t *testing.T) {
	w, err := newWoven(wovenSource)
	if err != nil {
		t.Fatal(err)
	}
	for id, edit := range map[string]edit{"7": {"n > l.most", "n > 1<<30"}, "8": {"len(rest) == 0", "true"}} {
		if !w.add(id, strings.Replace(wovenSource, edit.old, edit.new, 1)) {
			t.Fatalf("%q is not woven", edit.old)
		}
	}
	text := w.text()
	if _, err := parser.ParseFile(token.NewFileSet(), "", text, 0); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	for _, want := range []string{
		`if activeMutant == "7" { return l.fitsMutant7(n, rest...) };`,
		`if activeMutant == "8" { return l.fitsMutant8(n, rest...) };`,
		"func (l *limits) fitsMutant7(n int, rest ...int) bool {\n\tif n > 1<<30 {",
		"func (l *limits) fitsMutant8(n int, rest ...int) bool {\n\tif n > l.most {",
	} {
		if strings.Count(text, want) != 1 {
			t.Errorf("%q is not there once in\n%s", want, text)
		}
	}
}

// TestWeaveRefuses: such mutants get a build of their own.
func TestWeaveRefuses(t *testing.T) {
	for why, e := range map[string]edit{
		"more than a function":      {"most int", "most int64"},
		"another signature":         {"fits(n int,", "fits(n int64,"},
		"another function":          {"func of", "func more() {}\n\nfunc of"},
		"arguments without a name":  {"nameless(int) {}", "nameless(int) { panic(0) }"},
		"a function of many types":  {"{ return v }", "{ var none T; return none }"},
		"what is no Go any more":    {"return false", "return ("},
		"a function that is gone":   {"func of[T any](v T) T { return v }\n", ""},
		"a receiver without a name": {"(*limits) nameless(int) {}", "(*limits) nameless(int) { return }"},
	} {
		w, err := newWoven(wovenSource)
		if err != nil {
			t.Fatal(err)
		}
		if mutated := strings.Replace(wovenSource, e.old, e.new, 1); mutated == wovenSource || w.add("1", mutated) {
			t.Errorf("woven, or without effect: %s", why)
		}
		if w.text() != wovenSource {
			t.Errorf("%s: something has been woven in", why)
		}
	}
}
