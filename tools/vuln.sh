#!/usr/bin/env bash
# vuln.sh GOVULNCHECK: fails on a known vulnerability in code that we reach, in any module of ours. A database that cannot
# be reached says nothing about our code: that is reported loudly and does not fail, so that CI also works behind a closed
# network. With VULN_DATABASE=required it fails, for places where the database can be reached and a pass must mean one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# However deep they lie. Dot folders hold what interop installs; tools/ has no code of ours, only pins.
modules() {
  find . \( -name '.?*' -o -name node_modules -o -name testdata -o -path ./tools \) -prune -o -name go.mod -exec dirname {} \; | sort
}

found=0 unchecked=()
for module in $(modules); do
  echo "--- $module"
  status=0
  # The first failure to reach the database stands for all: the other modules would wait for the same.
  if [ "${#unchecked[@]}" -eq 0 ]; then
    (cd "$module" && timeout 300 "$1" ./...) >"$log" 2>&1 || status=$?
    cat "$log"
  fi
  if [ "${#unchecked[@]}" -gt 0 ] || { [ "$status" -ne 0 ] && grep -q 'fetching vulnerabilities' "$log"; }; then
    echo "not checked"
    unchecked+=("$module")
  elif [ "$status" -ne 0 ]; then
    echo "govulncheck: exit $status in $module" >&2
    found=1
  fi
done

if [ "${#unchecked[@]}" -gt 0 ]; then
  echo '*************************************************************************************'
  echo '** NOT CHECKED: the vulnerability database is out of reach. Nothing is known about **'
  echo '** vulnerabilities of the dependencies from this run.                              **'
  echo '*************************************************************************************'
  echo "not checked: ${unchecked[*]}"
  [ "${VULN_DATABASE:-optional}" != required ] || found=1
fi
exit "$found"
