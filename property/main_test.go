package property_test

import (
	"flag"
	"os"
	"runtime"
	"strconv"
	"testing"

	"go.uber.org/goleak"
)

// TestMain splits -rapid.checks among the shards of a property, which run in
// parallel, so that the flag stays what it says: cases of each property.
func TestMain(m *testing.M) {
	flag.Parse()
	checks := flag.Lookup("rapid.checks")
	if all, err := strconv.Atoi(checks.Value.String()); err == nil {
		each := (all + shards() - 1) / shards()
		_ = checks.Value.Set(strconv.Itoa(each)) // a number, as before
	}
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		_, _ = os.Stderr.WriteString(err.Error() + "\n")
		code = 1
	}
	os.Exit(code)
}

// shards is how many sub-tests share the cases of a property.
func shards() int { return runtime.GOMAXPROCS(0) }
