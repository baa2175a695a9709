#!/bin/sh
# Stop everything.
# usage: scripts/stop-maker.sh
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
[ -x "$root/.venv/bin/maker" ] || { echo "stop-maker.sh: run scripts/quickstart.sh first" >&2; exit 1; }
exec "$root/.venv/bin/maker" stop
