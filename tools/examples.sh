#!/usr/bin/env bash
# Runs every example: programs with `go run`, an example that is a test with `go test`. Each brings its own server and ends.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
go=${GO:-go} ran=0

for directory in examples/*/; do
  directory=./${directory%/}
  echo "--- $directory"
  if [ -n "$("$go" list -f '{{join .GoFiles " "}}' "$directory")" ]; then
    timeout 120 "$go" run "$directory"
  else
    timeout 120 "$go" test -count=1 -v "$directory"
  fi
  ran=$((ran + 1))
done
echo "$ran examples ran"
