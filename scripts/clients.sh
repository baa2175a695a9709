#!/bin/sh
# Install the clients that `scripts/test.sh full` runs against maker, into .build/clients (2 GB): the exact versions
# that tests/clients_real/versions.toml names. Nothing is done where they are there already.
#
# usage: scripts/clients.sh
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"

versions=$root/tests/clients_real/versions.toml
clients=$root/.build/clients

case ${1:-} in
    '') ;;
    -h | --help)
        sed -n '2,5s/^# \{0,1\}//p' "$0"
        exit
        ;;
    *) die "takes no argument; it got '$1'" ;;
esac

# listed npm|python: what versions.toml names, one line each: "NAME VERSION [PYTHON]".
listed() {
    "$python" -c 'if True:
        import sys, tomllib
        with open(sys.argv[1], "rb") as file:
            packages = tomllib.load(file)[sys.argv[2]]
        for name, said in packages.items():
            print(name, *([said] if isinstance(said, str) else [said["version"], said["python"]]))
    ' "$versions" "$1"
}

# npm runs no install script of any package: the programs are run where they lie.
install_npm() {
    mkdir -p "$clients" && printf '{"private": true}\n' >"$clients/package.json" &&
        listed npm | sed 's/ /@/' | xargs npm install --prefix "$clients" --ignore-scripts --save-exact \
            --no-audit --no-fund --no-update-notifier
}

# install_python NAME VERSION PYTHON
install_python() {
    "$venv/bin/uv" venv --clear --python "$3" "$clients/$1" &&
        "$venv/bin/uv" pip install --python "$clients/$1/bin/python" "$1==$2"
}

begin
ensure_venv
add_programs node npm
if [ -n "$lacking" ]; then
    die "the clients need node 20 or newer with npm, and it could not be installed: install ${lacking% }, then run this again"
fi
node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)' ||
    die "the clients need node 20 or newer, and this is $(node --version); get it from https://nodejs.org or run: brew install node"
if cmp -s "$versions" "$clients/installed.toml"; then
    say '  clients are installed'
    exit
fi
step 'clients by npm (1.2 GB)' install_npm
listed python | while read -r name version wanted; do
    step "$name $version, an environment (550 MB)" install_python "$name" "$version" "$wanted"
done
cp "$versions" "$clients/installed.toml"
say "The clients are in $clients."
