#!/bin/sh
# Set up what the tests need and run them: the linters first, then pytest.
#
# usage: scripts/test.sh [fast|full|engines] [PYTEST ARGUMENT...]
#   (nothing)  what CI runs: everything that needs no compiler and no long soak
#   fast       no real processes: under a minute
#   full       the soaks too, and real clients, which are installed first (2 GB in .build/clients)
#   engines    compiles llama-server and llama-cpp-python first (10 to 60 minutes), then tests all three engines
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"

which='not engines and not full'
engines=
clients=
case ${1:-} in
    -h | --help)
        sed -n '2,8s/^# \{0,1\}//p' "$0"
        exit
        ;;
    fast) which='not processes and not phoenix and not engines and not full and not slow' ;;
    full)
        which='not engines'
        clients=yes
        ;;
    engines)
        which=engines
        engines=yes
        ;;
    '' | -* | */* | *.py*) set -- default "$@" ;;
    *) die "unknown run '$1'; it is fast, full, engines or nothing" ;;
esac
shift

begin
cd "$root"
add_programs redis-server bwrap rg ss node
if [ -n "$lacking" ]; then
    die "the tests need these packages, and they could not be installed: $lacking(see $log)"
fi
ensure_venv
step 'packages, from requirements/dev.lock' install_locked dev.lock
step 'ruff check' "$venv/bin/ruff" check .
step 'ruff format' "$venv/bin/ruff" format --check .
step 'mypy' "$venv/bin/mypy"
step 'layers (lint-imports)' "$venv/bin/lint-imports"
if [ -n "$engines" ]; then scripts/build-engines.sh; fi
if [ -n "$clients" ]; then scripts/clients.sh; fi
"$python" -m pytest -m "$which" "$@"
say "Green in $(elapsed) s."
