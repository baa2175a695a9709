#!/bin/sh
# From a fresh clone to an answer from both modes: an environment, the locked packages, the tiny profile, Phoenix,
# everything started, one question asked twice over HTTP. Running it again is harmless and fast.
#
# usage: scripts/quickstart.sh [QUESTION]       (state goes to MAKER_HOME, ~/.maker if that is not set)
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"

case ${1:-} in
    -h | --help)
        sed -n '2,5s/^# \{0,1\}//p' "$0"
        exit
        ;;
    -*) die "unknown option $1; usage: scripts/quickstart.sh [QUESTION]" ;;
esac
question=${1:-Write a Python function reverse(s) that reverses a string.}
home=${MAKER_HOME:-$HOME/.maker}
maker=$venv/bin/maker

# Say what runs embedded, or not at all, for want of a program.
tell_lacking() {
    for tell_package in $lacking; do
        case $tell_package in
            redis*) say '  no redis-server: run state stays in memory (embedded)' ;;
            bubblewrap) say '  no bubblewrap: code will not be run until it is installed' ;;
            ripgrep) say '  no ripgrep: searching code will be slower' ;;
        esac
    done
    if [ -n "$lacking" ]; then
        if is_mac; then tell_how='brew install'; else tell_how='sudo apt-get install'; fi
        say "  to have it: $tell_how $lacking"
    fi
}

# init OPTION...: what a person set up before is kept; only a new MAKER_HOME gets the tiny profile.
init() {
    if [ -e "$home/maker.toml" ]; then
        "$maker" init --yes --no-editor "$@"
    else
        "$maker" init --profile tiny --yes --no-editor "$@"
    fi
}

ask() {
    say
    say "== MakerCode - $1"
    "$maker" ask --mode "$2" --max-tokens 200 "$question" || die "$2 mode gave no answer; see: $maker logs orchestrator-$2"
}

begin
say "maker: quick start in $root, state in $home"
add_programs redis-server bwrap rg
tell_lacking
ensure_venv
step 'packages, from requirements/maker.lock' install_locked maker.lock
step 'maker init: home and models' init --no-phoenix
try 'Phoenix, which shows traces' init || say "  going on without traces; later: $maker phoenix install (see $log)"
say
"$maker" start all --wait || die "not everything started; the sentences above say why"
ask High high
ask Low low
say
"$maker" status
say
say "Ready in $(elapsed) s. Stop it with: scripts/stop-maker.sh"
say "The command is $maker; 'maker --help' shows what else it does."
