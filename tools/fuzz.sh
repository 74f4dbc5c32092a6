#!/usr/bin/env bash
# fuzz.sh TIME: runs every fuzz target of the module for TIME, one after another (Go fuzzes one target a run).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
go=${GO:-go} time=$1 found=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Up to Go 1.26 a run can end red at the very end of its time with "context deadline exceeded" and nothing found
# (go.dev/issue/75804). Such a run, and no other, gets a second chance. A real finding names the input that it wrote.
only_deadline() {
  grep -q 'context deadline exceeded' "$log" && ! grep -qE 'Failing input|panic|_test\.go:|terminated unexpectedly' "$log"
}

fuzz() {
  "$go" test -run '^$' -fuzz "^$1\$" -fuzztime "$time" "$2" 2>&1 | tee "$log"
}

for package in $("$go" list ./...); do
  # Not in the for's own list, where a failure to compile would go unseen.
  targets=$("$go" test -list '^Fuzz' "$package")
  for target in $(grep '^Fuzz' <<<"$targets" || true); do
    echo "--- $target ($package)"
    if ! fuzz "$target" "$package"; then
      only_deadline || exit 1
      echo "--- $target once more: Go's fuzzer missed its own deadline and found nothing"
      fuzz "$target" "$package" || exit 1
    fi
    found=$((found + 1))
  done
done

[ "$found" -gt 0 ] || { echo "no fuzz target found: the parsers must have some" >&2; exit 1; }
echo "$found fuzz targets, $time each"
