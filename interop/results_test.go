package interop_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A result is one row of the table. Each test leaves its own as a file, since tests share nothing in memory.
type result struct {
	Order   int // of the server in the table
	Server  string
	Version string
	NotRun  string // why, if the server is not installed; then the rest is empty
	Failed  bool

	Transport transport
	Protocol  string // as agreed
	Loss      string // what the server answers when it has lost the session
	Tells     string // what who listens is told

	CallsOK         int // tools/call, those in flight included
	InFlightNotSent int // the calls in flight at a kill, by how they ended
	InFlightUnknown int
	InFlightOK      int
	Kills, Deletes  int // the losses of the session
	Initializes     int // answered with 200, as the proxy saw them
	Duplicates      int // calls that the proxy passed on twice; one executed twice fails the test

	Validated string   // messages held against the schema of their version
	Faults    []string // known ones of the server
}

func (r result) save(t *testing.T, in installation) {
	t.Helper()
	content, err := json.Marshal(r)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(in.results(), fmt.Sprintf("%d.json", r.Order)), content, 0o600))
}

// report prints the table of the servers that ran, leaves it in the cache folder as results.md, and writes it into the README if
// that was asked for.
func report(in installation, updateReadme bool) error {
	rows, err := loadResults(in)
	if err != nil || len(rows) == 0 {
		return err
	}
	text := table(rows)
	fmt.Print(text)
	if err := os.WriteFile(filepath.Join(in.cache, "results.md"), []byte(text), 0o600); err != nil {
		return err
	}
	if !updateReadme {
		return nil
	}
	if len(rows) != servers || slices.ContainsFunc(rows, func(r result) bool { return r.Failed || r.NotRun != "" }) {
		return errors.New("README.md is not updated: the table is not that of all servers, each passed")
	}
	return writeIntoReadme(text)
}

func loadResults(in installation) ([]result, error) {
	files, err := filepath.Glob(filepath.Join(in.results(), "*.json"))
	if err != nil {
		return nil, err
	}
	var rows []result
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var row result
		if err := json.Unmarshal(content, &row); err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b result) int { return a.Order - b.Order })
	return rows, nil
}

func table(rows []result) string {
	var b strings.Builder
	b.WriteString("| Server | Version | Transport | Protocol | A lost session is told by | Tells who listens of | Calls ok |" +
		" In flight at a kill: not executed / unknown / ok | Losses: kill -9 + end | initialize answered | Duplicates |\n")
	b.WriteString("|---|---|---|---|---|---|---:|---:|---:|---:|---:|\n")
	for _, r := range rows {
		switch {
		case r.NotRun != "":
			fmt.Fprintf(&b, "| %s | | %s | | not run: %s | | | | | | |\n", r.Server, r.Transport, r.NotRun)
		case r.Failed:
			fmt.Fprintf(&b, "| %s | %s | %s | | FAILED | | | | | | |\n", r.Server, r.Version, r.Transport)
		default:
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %d | %d / %d / %d | %d + %d | %d | %d |\n", r.Server, r.Version, r.Transport,
				r.Protocol, r.Loss, r.Tells, r.CallsOK, r.InFlightNotSent, r.InFlightUnknown, r.InFlightOK, r.Kills, r.Deletes, r.Initializes, r.Duplicates)
		}
	}
	return b.String()
}

// writeIntoReadme puts the table between the two marks.
func writeIntoReadme(text string) error {
	const file, begin, end = "README.md", "<!-- table -->\n", "<!-- end of table -->"
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(content), begin)
	_, after, foundEnd := strings.Cut(rest, end)
	if !found || !foundEnd {
		return fmt.Errorf("%s has no place for the table: %q … %q", file, begin, end)
	}
	return os.WriteFile(file, []byte(before+begin+text+end+after), 0o644)
}
