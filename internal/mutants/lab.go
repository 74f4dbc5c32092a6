package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// lab is where mutants are built and examined.
type lab struct {
	root    string // of the module
	work    string // for what is built
	timeout time.Duration
	whole   bool // where the named tests notice nothing, the others of the package are asked, too

	ids      map[string]string // of the mutants that are woven into the binaries, by name
	binaries map[string]string // test binaries, by folder
}

// verdict is what became of a mutant.
type verdict string

const (
	killed      verdict = "killed"
	survived    verdict = "SURVIVED"
	elsewhere   verdict = "KILLED BY OTHER TESTS" // than those that the table names
	hung        verdict = "HANGS"                 // and the table does not say so
	uncompiled  verdict = "DOES NOT COMPILE"
	misanchored verdict = "ANCHOR NOT FOUND"
	untested    verdict = "NO TEST RAN"
	unexamined  verdict = "NOT EXAMINED"
)

// outcome is a mutant's verdict, and how it came to that.
type outcome struct {
	mutant  mutant
	verdict verdict
	red     string // what was seen
	detail  string // of a verdict other than killed
	took    time.Duration
}

// prepare weaves as many mutants into the test binaries as will go. The others get a build of their own each.
func (l *lab) prepare(ctx context.Context, mutants []mutant, progress io.Writer) error {
	overlay := map[string]string{}
	l.ids, l.binaries = map[string]string{}, map[string]string{}
	files := map[string]*woven{}
	for i := range mutants {
		m := &mutants[i]
		source, mutated, err := l.mutated(m)
		if err != nil {
			continue // apply will say so
		}
		if files[m.file] == nil {
			if files[m.file], err = newWoven(source); err != nil {
				return fmt.Errorf("%s: %w", m.file, err)
			}
		}
		if id := strconv.Itoa(i + 1); files[m.file].add(id, mutated) {
			l.ids[m.name] = id
		}
	}
	for file, w := range files {
		overlay[file] = w.text()
		overlay[path.Join(path.Dir(file), "zz_"+strings.ToLower(activeMutant)+".go")] = switchFile(w.pkg)
	}
	at, err := l.overlay(l.work, overlay)
	if err != nil {
		return err
	}
	for _, m := range mutants {
		folder := m.folder()
		if l.binaries[folder] != "" {
			continue
		}
		binary := filepath.Join(l.work, strings.ReplaceAll(folder, "/", "_")+".test")
		_, _ = fmt.Fprintf(progress, "building the tests of %s with %d mutants in them\n", folder, len(l.ids))
		if output, err := l.build(ctx, folder, at, binary); err != nil {
			return fmt.Errorf("%s does not compile with its mutants: %s", folder, tail(output))
		}
		l.binaries[folder] = binary
	}
	return nil
}

// control runs all named tests without a mutant: a test that is red by itself proves nothing.
func (l *lab) control(ctx context.Context, mutants []mutant, progress io.Writer) error {
	patterns := map[string][]string{}
	for _, m := range mutants {
		patterns[m.folder()] = append(patterns[m.folder()], m.pattern())
	}
	for folder, all := range patterns {
		_, _ = fmt.Fprintf(progress, "control: %s without a mutant\n", folder)
		pattern := strings.Join(slices.Compact(slices.Sorted(slices.Values(all))), "|")
		if r := l.test(ctx, folder, l.binaries[folder], "", pattern, 10*l.timeout); !r.green || r.empty {
			return fmt.Errorf("%s is red without any mutant: %s\n%s", folder, r.red(), tail(r.output))
		}
	}
	return nil
}

// apply examines one mutant.
func (l *lab) apply(ctx context.Context, m mutant) outcome {
	began := time.Now()
	o := outcome{mutant: m, verdict: unexamined}
	if id := l.ids[m.name]; id != "" {
		l.judge(ctx, &o, l.binaries[m.folder()], id)
	} else {
		l.applyAlone(ctx, &o)
	}
	o.took = time.Since(began)
	return o
}

// applyAlone examines a mutant in a build of its own.
func (l *lab) applyAlone(ctx context.Context, o *outcome) {
	_, mutated, err := l.mutated(&o.mutant)
	if err != nil {
		o.verdict, o.detail = misanchored, err.Error()
		return
	}
	dir, err := os.MkdirTemp(l.work, "mutant")
	if err != nil {
		o.detail = err.Error()
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	overlay, err := l.overlay(dir, map[string]string{o.mutant.file: mutated})
	if err != nil {
		o.detail = err.Error()
		return
	}
	binary := filepath.Join(dir, "mutant.test")
	if output, err := l.build(ctx, o.mutant.folder(), overlay, binary); err != nil {
		o.verdict, o.detail = uncompiled, tail(output)
		return
	}
	l.judge(ctx, o, binary, "")
}

func (l *lab) judge(ctx context.Context, o *outcome, binary, id string) {
	m := &o.mutant
	r := l.test(ctx, m.folder(), binary, id, m.pattern(), l.timeout)
	o.red = r.red()
	switch {
	case ctx.Err() != nil:
	case r.timedOut && !m.hangs:
		o.verdict = hung
	case !r.green:
		o.verdict = killed
	case r.empty:
		o.verdict = untested
	default:
		o.verdict = survived
		if !l.whole {
			break
		}
		if rest := l.test(ctx, m.folder(), binary, id, "", 10*l.timeout); !rest.green {
			o.verdict, o.red = elsewhere, rest.red()
		}
	}
}

// mutated returns the source of a mutant's file, with the guard and without.
func (l *lab) mutated(m *mutant) (source, mutated string, err error) {
	text, err := os.ReadFile(filepath.Join(l.root, filepath.FromSlash(m.file)))
	if err != nil {
		return "", "", err
	}
	mutated, err = m.mutate(string(text))
	return string(text), mutated, err
}

// overlay writes files, and the JSON by which the compiler reads them in the place of those of the tree.
func (l *lab) overlay(dir string, files map[string]string) (string, error) {
	replace := map[string]string{}
	for file, text := range files {
		at := filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(l.root, filepath.FromSlash(file))] = at
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, text, 0o600)
}

// build compiles the tests of a folder, neither optimized nor with tables for a debugger: that takes half the time.
func (l *lab) build(ctx context.Context, folder, overlay, binary string) (output string, err error) {
	args := []string{"test", "-c", "-o", binary, "-gcflags=-N -l -dwarf=false", "-ldflags=-s -w", "-overlay", overlay, "./" + folder}
	command := exec.CommandContext(ctx, "go", args...) //nolint:gosec // of the table
	command.Dir = l.root
	text, err := command.CombinedOutput()
	return string(text), err
}

// ofSources are the tests that read the sources themselves: where these lie, every guard still stands.
const ofSources = "^(TestLayout|TestFileMap|TestDocumentLinks|TestReadmeCode)$"

// test runs the tests that match pattern, with one of the woven mutants acting; "": none.
func (l *lab) test(ctx context.Context, folder, binary, id, pattern string, timeout time.Duration) testRun {
	const grace = 10 * time.Second // for the binary to end by itself, with the stacks of what hangs
	ctx, cancel := context.WithTimeout(ctx, timeout+grace)
	defer cancel()
	//nolint:gosec // built a moment ago
	command := exec.CommandContext(ctx, binary, "-test.run", pattern, "-test.skip", ofSources, "-test.failfast", "-test.timeout", timeout.String())
	command.Dir = filepath.Join(l.root, filepath.FromSlash(folder))
	command.Env = append(os.Environ(), activeMutant+"="+id)
	command.WaitDelay = time.Second
	output := new(strings.Builder)
	command.Stdout, command.Stderr = output, output
	err := command.Run()
	return newTestRun(output.String(), err, errors.Is(ctx.Err(), context.DeadlineExceeded))
}

// tail is enough of an output to see what happened.
func tail(text string) string {
	const most = 2000
	return strings.TrimSpace(text[:min(len(text), most)])
}
