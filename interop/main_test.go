package interop_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"go.uber.org/goleak"
)

// TestMain builds the Go servers, and turns the rows that the tests leave behind into the table of results.
func TestMain(m *testing.M) {
	updateReadme := flag.Bool("update-readme", false, "write the table of results into README.md; every server must have run")
	flag.Parse()
	in, err := findInstallation()
	if err == nil {
		err = prepare(in)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if err := report(in, *updateReadme); err != nil {
			fmt.Fprintln(os.Stderr, "interop:", err)
			code = max(code, 1)
		}
		os.Exit(code)
	}))
}

// prepare empties the folder of this run and builds the Go servers into it.
func prepare(in installation) error {
	for _, folder := range []string{in.programs(), in.results()} {
		if err := os.RemoveAll(folder); err != nil {
			return err
		}
		if err := os.MkdirAll(folder, 0o750); err != nil {
			return err
		}
	}
	build := exec.CommandContext(context.Background(), "go", "build", "-o", in.programs(), "./cmd/...")
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building the Go servers: %w\n%s", err, output)
	}
	return nil
}
