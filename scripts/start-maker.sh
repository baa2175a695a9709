#!/bin/sh
# Start everything, or one mode only, and wait until it is ready.
# usage: scripts/start-maker.sh all|high|low
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
[ -x "$root/.venv/bin/maker" ] || { echo "start-maker.sh: run scripts/quickstart.sh first" >&2; exit 1; }
exec "$root/.venv/bin/maker" start "${1:-all}" --wait
