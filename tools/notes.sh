#!/usr/bin/env bash
# notes.sh VERSION: prints what CHANGELOG.md says of a version ("1.2.3"), without its heading. Fails if it says nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# "## 1.2.3" or "## [1.2.3]", with or without a date behind it.
notes=$(awk -v version="$1" '
  /^## / { heading = $2; gsub(/[][]/, "", heading); inside = heading == version; next }
  inside
' CHANGELOG.md)

[ -n "${notes//[[:space:]]/}" ] || { echo "CHANGELOG.md has no section \"## $1\", or an empty one" >&2; exit 1; }
printf '%s\n' "$notes"
