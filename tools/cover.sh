#!/usr/bin/env bash
# cover.sh FLOOR: runs all tests and fails if they reach fewer than FLOOR percent of the root package's statements.
# Only the root is counted, but from every package's tests: mcptest and the examples exercise it as users do.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
go=${GO:-go} floor=$1 profile=coverage.out

"$go" test -coverpkg=. -coverprofile="$profile" ./...
"$go" tool cover -func="$profile" | awk '$NF == "0.0%" { print "never run: " $1 " " $2 }'
total=$("$go" tool cover -func="$profile" | awk '$1 == "total:" { sub(/%/, "", $NF); print $NF }')
if awk -v total="$total" -v floor="$floor" 'BEGIN { exit !(total + 0 < floor + 0) }'; then
  echo "coverage of the root package: $total % of statements, below the floor of $floor %" >&2
  echo "what is missing: $go tool cover -html=$profile" >&2
  exit 1
fi
echo "coverage of the root package: $total % of statements (floor: $floor %)"
