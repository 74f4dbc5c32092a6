package main

import (
	"fmt"
	"path"
	"strings"
)

// mutant is the library without one of its guards.
type mutant struct {
	name   string
	guards string // the invariants of CONTRIBUTING.md ("I1") and the promises of RELIABILITY.md ("P3") that need the guard
	file   string // which loses it, from the root of the module
	edits  []edit
	in     string // the package whose tests notice; "": that of file
	tests  string // those of its tests that turn red, with spaces between; "TestX/case" names a part of one
	hangs  bool   // without the guard something waits for ever: a test that runs out of time is a red one
}

// edit replaces a text that occurs once in its file.
type edit struct{ old, new string }

// instead is the usual mutant's one edit.
func instead(old, by string) []edit { return []edit{{old, by}} }

// allMutants is the whole table.
func allMutants() []mutant {
	var all []mutant
	for _, part := range [][]mutant{
		sessionMutants, flightMutants, callMutants, retryMutants, answerMutants, listMutants, streamMutants, transportMutants, limitMutants,
		statelessMutants, authMutants,
	} {
		all = append(all, part...)
	}
	return all
}

// folder is the package whose tests notice, from the root of the module.
func (m *mutant) folder() string {
	if m.in != "" {
		return m.in
	}
	return path.Dir(m.file)
}

// pattern is what -test.run gets.
func (m *mutant) pattern() string {
	var exact []string
	for test := range strings.FieldsSeq(m.tests) {
		name, part, _ := strings.Cut(test, "/")
		if part != "" {
			part = "/" + part
		}
		exact = append(exact, "^"+name+"$"+part)
	}
	return strings.Join(exact, "|")
}

// mutate returns source without the guard.
func (m *mutant) mutate(source string) (string, error) {
	for _, e := range m.edits {
		if n := strings.Count(source, e.old); n != 1 {
			return "", fmt.Errorf("%s has %d times, not once: %s", m.file, n, e.old)
		}
		source = strings.Replace(source, e.old, e.new, 1)
	}
	return source, nil
}
