#!/usr/bin/env bash
# fuzz.sh TIME: runs every fuzz target of every module for TIME, one after another (Go fuzzes one target a run).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD go=${GO:-go} time=$1 found=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Up to Go 1.26 a run can end red at the very end of its time with "context deadline exceeded" and nothing found
# (go.dev/issue/75804). Such a run, and no other, gets a second chance. A real finding names the input that it wrote.
only_deadline() {
  grep -q 'context deadline exceeded' "$log" && ! grep -qE 'Failing input|panic|_test\.go:|terminated unexpectedly' "$log"
}

# fuzz TARGET: in the package of the present folder.
fuzz() {
  "$go" test -run '^$' -fuzz "^$1\$" -fuzztime "$time" . 2>&1 | tee "$log"
}

# By their files, not by `go list ./...`, which stays within one module. What interop installs into dot folders is not ours.
folders=$(grep -rl --include='*_test.go' --exclude-dir='.?*' '^func Fuzz' . | xargs -n 1 dirname | sort -u)
for folder in $folders; do
  cd "$root/$folder"
  # Not in the for's own list, where a failure to compile would go unseen.
  targets=$("$go" test -list '^Fuzz' .)
  for target in $(grep '^Fuzz' <<<"$targets" || true); do
    echo "--- $target ($folder)"
    if ! fuzz "$target"; then
      only_deadline || exit 1
      echo "--- $target once more: Go's fuzzer missed its own deadline and found nothing"
      fuzz "$target" || exit 1
    fi
    found=$((found + 1))
  done
done

[ "$found" -gt 0 ] || { echo "no fuzz target found: the parsers must have some" >&2; exit 1; }
echo "$found fuzz targets, $time each"
