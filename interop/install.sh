#!/usr/bin/env bash
# Installs the servers of other makers into the cache folder, each into a folder of its own whose name carries the hash of its
# lock file: a second run finds them there and does nothing, a changed lock file installs anew. The Go servers are built by the test.
#
#   install.sh               the servers
#   install.sh conformance   the official conformance suite instead, with the Node that it needs
#
#   MCPCLIENT_INTEROP_CACHE   the cache folder (default: .cache beside this script)
#   NODE, NPM, PYTHON         the programs (default: node, npm, python3)
#   CI=true                   a missing node or python is an error; without it the reason is noted, and the test reports and fails
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

cache=${MCPCLIENT_INTEROP_CACHE:-$PWD/.cache}
node=${NODE:-node} npm=${NPM:-npm} python=${PYTHON:-python3}
missing=0
mkdir -p "$cache"

# key FILE prints the first 16 hexadecimal digits of its SHA-256. The test computes the same, so it never runs a stale install.
key() {
  if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -c1-16
}

# absent NAME NEED PROGRAM: says why NAME is not installed, and leaves the reason where the test finds it.
absent() {
  local found="there is no program $3"
  if command -v "$3" >/dev/null; then
    found="$3 is version $("$3" --version 2>&1 | head -n 1)"
  fi
  echo "interop: $1 is not installed: it needs $2, and $found" >&2
  echo "it needs $2, and $found" >"$cache/$1.missing"
  missing=1
}

# done_with NAME FOLDER: the file complete tells an install from one that was interrupted, which the next run begins anew.
done_with() {
  touch "$2/complete"
  rm -f "$cache/$1.missing"
}

# install_node NAME: the Node packages of NAME/package-lock.json, and beside them our own programs that use them.
install_node() {
  local folder
  folder=$cache/$1-$(key "$1/package-lock.json")
  if ! "$node" -e 'process.exit(process.versions.node.split(".")[0] < 20 ? 1 : 0)' 2>/dev/null; then
    absent "$1" "Node 20 or newer" "$node"
    return
  fi
  if ! command -v "$npm" >/dev/null; then
    absent "$1" "npm" "$npm"
    return
  fi
  if [ ! -f "$folder/complete" ]; then
    rm -rf "$folder" && mkdir "$folder"
    cp "$1/package.json" "$1/package-lock.json" "$folder/"
    (cd "$folder" && "$npm" ci --ignore-scripts --no-audit --no-fund --loglevel=error)
    echo "interop: $1 installed"
  fi
  # Copied at every run: they are ours and may change, and must stand where they find their packages.
  find "$1" -name '*.mjs' -exec cp {} "$folder/" \;
  done_with "$1" "$folder"
}

# install_python NAME: a virtual environment with the versions of python/requirements-NAME.txt.
install_python() {
  local requirements=python/requirements-$1.txt folder
  folder=$cache/python-$1-$(key "$requirements")
  if ! "$python" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    absent "python-$1" "Python 3.11 or newer with its module venv" "$python"
    return
  fi
  # The interpreter that the environment was made with may be gone since.
  if [ ! -f "$folder/complete" ] || ! "$folder/bin/python" -c '' 2>/dev/null; then
    rm -rf "$folder"
    "$python" -m venv "$folder"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -r "$requirements"
    "$folder/bin/python" -m pip check --disable-pip-version-check >/dev/null
    echo "interop: python-$1 installed"
  fi
  done_with "python-$1" "$folder"
}

case ${1:-servers} in
servers)
  for name in everything typescript oidc; do
    install_node "$name"
  done
  for name in mcp-1.25 mcp-1.30 fastmcp; do
    install_python "$name"
  done
  ;;
conformance)
  install_node conformance
  ;;
*)
  echo "interop: there is nothing to install under the name $1" >&2
  exit 2
  ;;
esac

if [ "$missing" = 1 ] && [ "${CI:-}" = true ]; then
  echo "interop: under CI=true everything must be installed" >&2
  exit 1
fi
