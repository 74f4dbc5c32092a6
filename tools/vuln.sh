#!/usr/bin/env bash
# vuln.sh GOVULNCHECK: fails on a known vulnerability in code that we reach. A database that cannot be reached says
# nothing about our code: that is reported loudly and does not fail, so that CI also works behind a closed network.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT

status=0
timeout 300 "$1" ./... >"$log" 2>&1 || status=$?
cat "$log"
[ "$status" -ne 0 ] || exit 0
if grep -q 'fetching vulnerabilities' "$log"; then
  echo '*************************************************************************************'
  echo '** NOT CHECKED: the vulnerability database is out of reach. Nothing is known about **'
  echo '** vulnerabilities of the dependencies from this run.                              **'
  echo '*************************************************************************************'
  exit 0
fi
exit "$status"
