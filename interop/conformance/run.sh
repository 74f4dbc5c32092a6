#!/usr/bin/env bash
# Runs the client scenarios of the official conformance suite against the program in this folder, strictly.
#
#   run.sh [-s RE] [-f RE] [-j N] [-t SECONDS] [-o DIR]
#
#   -s RE   skip the scenarios whose name matches; what it leaves out is printed (default: none)
#   -f RE   only the scenarios whose name matches (default: all)
#   -j N    so many at a time (default: 2); sse-retry, which measures time, runs before the others, alone
#   -t S    limit of one scenario in seconds (default: 30)
#   -o DIR  where the suite's findings go (default: .cache/conformance)
#
# Scenarios: all that the suite runs for the revisions 2025-11-25 and 2026-07-28, scored or not, what is left for 2025-03-26 and
# 2025-06-18, and the skills extension (sep-2640).
#
# A scenario passes if the suite says so when it runs alone (no failure, no warning, no timeout, the client's exit code is right), at
# least one of its checks succeeded (a client that does nothing breaks no rule), and the client sent nothing that the protocol's
# schema does not allow. Prints a line a scenario and a total. Exit: 0 all passed, 1 not all, 2 nothing could be run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

skip='' only='' jobs=2 limit=30
cache=${MCPCLIENT_INTEROP_CACHE:-$PWD/../.cache}
out=$cache/conformance
while getopts s:f:j:t:o: option; do
  case $option in
  s) skip=$OPTARG ;;
  f) only=$OPTARG ;;
  j) jobs=$OPTARG ;;
  t) limit=$OPTARG ;;
  o) out=$OPTARG ;;
  *) exit 2 ;;
  esac
done

../install.sh conformance || exit 2
lock=$(if command -v sha256sum >/dev/null; then sha256sum package-lock.json; else shasum -a 256 package-lock.json; fi | cut -c1-16)
suite=$cache/conformance-$lock/node_modules
[ -d "$suite" ] || exit 2
# The suite needs Node 22; the packages bring one for the usual machines.
node=$suite/.bin/node
[ -x "$node" ] || node=${NODE:-node}
judge=$suite/@modelcontextprotocol/conformance/dist/index.js
"$node" "$judge" --version >/dev/null || { echo "conformance: the suite does not run under $("$node" --version)" >&2; exit 2; }

rm -rf "$out" && mkdir -p "$out" && out=$(cd "$out" && pwd)
"${GO:-go}" build -o "$out/client" . || exit 2
# The suite gives some scenarios a context in this variable, and the others whatever it inherited.
unset MCP_CONFORMANCE_CONTEXT

# plan prints "REVISION SCENARIO" lines, from the suite's own lists.
plan() {
  local revision
  for revision in 2025-11-25 2026-07-28; do
    # Required, then run but not scored. The latter are listed together with the server's.
    "$node" "$judge" list --requirements "$revision" | awk -v revision="$revision" '
      /^Client scenarios/ { client = 1; next }
      /^$/ { client = 0 }
      client && $1 == "-" { print revision, $2 }
      /\[client\]$/ { print revision, $2 }'
  done
  for revision in 2025-03-26 2025-06-18; do
    "$node" "$judge" list --client --spec-version "$revision" | awk -v revision="$revision" '$1 == "-" { print revision, $2 }'
  done
  "$node" "$judge" list --client | awk '$2 ~ /^sep-2640-/ { print "2026-07-28", $2 }'
}

plan | awk '!seen[$0]++' >"$out/all"
SKIP=$skip ONLY=$only awk -v out="$out" '{
  skipped = ENVIRON["SKIP"] != "" && $2 ~ ENVIRON["SKIP"]
  if ($2 ~ ENVIRON["ONLY"]) print >(out (skipped ? "/skipped" : "/plan"))
}' "$out/all"
[ -s "$out/plan" ] || { echo 'conformance: no scenario is left to run' >&2; exit 2; }

# run_one REVISION SCENARIO prints the scenario's line. exec: on a timeout the suite ends the shell that it started, and would wait
# for ever for a client that is the shell's child.
run_one() {
  local revision=$1 scenario=$2 folder=$out/$1/$2 code=0 verdict=PASS checks why=
  mkdir -p "$folder"
  timeout -s KILL $((limit + 15)) "$node" "$judge" client --command "exec $out/client" --scenario "$scenario" \
    --spec-version "$revision" --force --timeout $((limit * 1000)) --output-dir "$folder/found" \
    >"$folder/stdout" 2>"$folder/stderr" </dev/null || code=$?
  checks=$("$node" -e "$count" "$folder/found")
  [ "$code" = 0 ] || why=" exit $code"
  grep -q 'CLIENT TIMED OUT' "$folder/stderr" && why+=' timeout'
  [ "${checks%%/*}" -gt 0 ] || why+=' nothing-checked'
  grep -rqs '^wirecheck: client' "$folder" && why+=' invalid-message'
  [ -z "$why" ] || verdict=FAIL
  echo "$verdict $scenario@$revision $checks${why:+ ($why )}"
}

# Prints PASSED/JUDGED and the names of the checks that did not pass.
count='
  const fs = require("node:fs");
  const root = process.argv[1];
  const found = fs.existsSync(root) ? fs.readdirSync(root, { recursive: true }).filter((f) => f.endsWith("checks.json")) : [];
  const checks = found.flatMap((f) => JSON.parse(fs.readFileSync(`${root}/${f}`, "utf8")));
  const bad = checks.filter((c) => c.status === "FAILURE" || c.status === "WARNING");
  const good = checks.filter((c) => c.status === "SUCCESS").length;
  console.log([`${good}/${good + bad.length}`, ...new Set(bad.map((c) => c.id))].join(" "));'
export -f run_one
export node judge out limit count

{
  grep ' sse-retry$' "$out/plan" || true
} | while read -r revision scenario; do run_one "$revision" "$scenario"; done | tee "$out/results"
{ grep -v ' sse-retry$' "$out/plan" || true; } | xargs -P "$jobs" -L 1 bash -c 'run_one "$0" "$1"' | tee -a "$out/results"

if [ -s "$out/skipped" ]; then
  echo "SKIPPED $(wc -l <"$out/skipped") scenarios named $skip:" $(awk '{ print $2 "@" $1 }' "$out/skipped")
fi
awk -v planned="$(wc -l <"$out/plan")" -v out="$out" '
  $1 == "PASS" { passed++ }
  { split($3, part, "/"); good += part[1]; judged += part[2] }
  END {
    printf "TOTAL %d of %d scenarios, %d of %d checks (findings in %s)\n", passed, planned, good, judged, out
    exit passed != planned
  }' "$out/results"
