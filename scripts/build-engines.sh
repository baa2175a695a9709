#!/bin/sh
# Compile the two engines that are not wheels, llama-server and llama-cpp-python, from the one source distribution that
# holds both. `scripts/test.sh engines` calls this. Takes 10 to 60 minutes; what is finished is kept and reused.
#
# usage: scripts/build-engines.sh [-j JOBS] [FOLDER]     (FOLDER: .build/engines; the results are FOLDER/bin/llama-server
#                                                         and FOLDER/venv/bin/python with the module llama_cpp)
set -eu

VERSION=0.3.36
SHA256=832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e
# Small and offline: no web UI to download, no TLS, no downloader, no code for this one machine's processor only.
FLAGS="-DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_CURL=OFF -DLLAMA_BUILD_TESTS=OFF \
-DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_BUILD_UI=OFF"

say() { printf '[build-engines] %s\n' "$*"; }
fail() { say "$*" >&2; exit 1; }

root=$(cd "$(dirname "$0")/.." && pwd)
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
while getopts j: option; do
    case $option in
        j) jobs=$OPTARG ;;
        *) fail "usage: scripts/build-engines.sh [-j JOBS] [FOLDER]" ;;
    esac
done
shift $((OPTIND - 1))
mkdir -p "${1:-$root/.build/engines}"
folder=$(cd "${1:-$root/.build/engines}" && pwd)
python=$root/.venv/bin/python
[ -x "$python" ] || python=$(command -v python3) || fail "no python3; install Python 3.11 or newer"
venv=$folder/venv/bin/python
source=$folder/src/llama_cpp_python-$VERSION

if ! "$venv" -m pip --version >/dev/null 2>&1; then
    say "making $folder/venv"
    if [ -x "$root/.venv/bin/uv" ]; then
        "$root/.venv/bin/uv" venv --quiet --seed --clear --python "$python" "$folder/venv"
    else
        "$python" -m venv "$folder/venv"
    fi
fi

if [ ! -f "$source/.complete" ]; then
    say "fetching the source of llama-cpp-python $VERSION (77 MB)"
    "$venv" -m pip download --quiet --no-deps --no-binary llama-cpp-python -d "$folder/src" "llama-cpp-python==$VERSION"
    got=$("$venv" -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$source.tar.gz")
    [ "$got" = "$SHA256" ] || fail "$source.tar.gz has sha256 $got, expected $SHA256; remove it and try again"
    tar -xzf "$source.tar.gz" -C "$folder/src"
    : >"$source/.complete"
fi

# The compilers' companions come as wheels where the system has none.
PATH=$PATH:$folder/venv/bin
export PATH
for tool in cmake ninja; do
    command -v $tool >/dev/null 2>&1 || { say "installing $tool"; "$venv" -m pip install --quiet $tool; }
done

if [ -x "$folder/bin/llama-server" ]; then
    say "llama-server is built"
else
    say "compiling llama-server with $jobs jobs"
    # Static, so that the one file can be moved.
    # shellcheck disable=SC2086
    cmake -G Ninja -S "$source/vendor/llama.cpp" -B "$folder/build" $FLAGS -DBUILD_SHARED_LIBS=OFF >"$folder/configure.log"
    cmake --build "$folder/build" --target llama-server -j "$jobs"
    mkdir -p "$folder/bin"
    cp "$folder/build/bin/llama-server" "$folder/bin/.partial"
    mv "$folder/bin/.partial" "$folder/bin/llama-server"
fi

if "$venv" -c 'import llama_cpp.server.app' >/dev/null 2>&1; then
    say "llama-cpp-python is built"
else
    say "compiling llama-cpp-python with $jobs jobs"
    CMAKE_ARGS="$FLAGS" CMAKE_GENERATOR=Ninja CMAKE_BUILD_PARALLEL_LEVEL=$jobs \
        "$venv" -m pip install "$source.tar.gz[server]"
fi

"$folder/bin/llama-server" --version
"$venv" -c 'import llama_cpp; print("llama-cpp-python", llama_cpp.__version__)'
