#!/bin/sh
# Write the locks anew: every package with its version and hashes, for Python 3.11 and newer on macOS and Linux.
# usage: scripts/lock.sh [--upgrade]
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"

# compile LOCK SOURCE...: without --upgrade, what a lock already has is kept where it still fits.
compile() {
    compile_lock=$1
    shift
    "$venv/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
        --no-emit-index-url --no-emit-find-links --output-file "requirements/$compile_lock" $upgrade "$@"
}

case ${1:-} in
    '') upgrade= ;;
    --upgrade) upgrade=--upgrade ;;
    *) die 'usage: scripts/lock.sh [--upgrade]' ;;
esac
begin
cd "$root"
[ -x "$venv/bin/uv" ] || die 'run scripts/test.sh or scripts/quickstart.sh once first: they install uv'
step requirements/uv.lock compile uv.lock requirements/uv.in
step requirements/maker.lock compile maker.lock pyproject.toml requirements/build.in
step requirements/dev.lock compile dev.lock pyproject.toml requirements/build.in --extra dev
step requirements/phoenix.lock compile phoenix.lock requirements/phoenix.in
