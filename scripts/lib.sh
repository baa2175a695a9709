# shellcheck shell=sh
# What quickstart.sh, test.sh and lock.sh share: steps that can be watched, a Python that works, system packages.
# POSIX sh without `local`: every function's variables carry its name. `root` is set by whoever reads this file.

export UV_PYTHON_DOWNLOADS=never DEBIAN_FRONTEND=noninteractive HOMEBREW_NO_AUTO_UPDATE=1 HOMEBREW_NO_ENV_HINTS=1
unset PYTHONPATH PYTHONHOME VIRTUAL_ENV
# As pip does: an organisation's own certificate authority counts. Where the system has no list, uv brings its own.
if [ "$(uname -s)" = Darwin ] || [ -s /etc/ssl/certs/ca-certificates.crt ]; then export UV_SYSTEM_CERTS=true; fi

venv=${root:?}/.venv
log=$root/.build/${0##*/}.log
dots_pid=

# Start the clock and the log; end what shows dots when the script ends, however it ends.
begin() {
    began=$(date +%s)
    mkdir -p "$root/.build"
    : >"$log"
    trap dots_off EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

# The seconds since `begin`.
elapsed() { echo "$(($(date +%s) - began))"; }

say() { printf '%s\n' "$*"; }

# die SENTENCE: say it and end.
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# At a terminal, a dot every second until dots_off.
dots_on() {
    [ -t 1 ] || return 0
    (while sleep 1; do printf '.'; done) &
    dots_pid=$!
}

dots_off() {
    [ -n "$dots_pid" ] || return 0
    kill "$dots_pid" 2>/dev/null || :
    wait "$dots_pid" 2>/dev/null || :
    dots_pid=
}

# try TITLE COMMAND...: run it with its output in the log; one line with the seconds it took. Returns its status.
try() {
    try_title=$1
    try_began=$(date +%s)
    shift
    printf '  %-46s ' "$try_title"
    printf '\n== %s\n' "$try_title" >>"$log"
    dots_on
    if "$@" >>"$log" 2>&1 </dev/null; then try_status=0; else try_status=$?; fi
    dots_off
    if [ "$try_status" -eq 0 ]; then try_end=; else try_end=' failed'; fi
    printf ' %s s%s\n' "$(($(date +%s) - try_began))" "$try_end"
    return "$try_status"
}

# step TITLE COMMAND...: like try, but its failure ends the script.
step() {
    try "$@" || {
        tail -n 12 "$log" | sed 's/^/    /' >&2
        die "'$1' failed; the whole output is in $log"
    }
}

is_mac() { [ "$(uname -s)" = Darwin ]; }

has() { command -v "$1" >/dev/null 2>&1; }

# How this user may install Debian packages: prints nothing as root, `sudo -n` where that works; fails otherwise.
as_root() {
    has apt-get || return 1
    if [ "$(id -u)" -eq 0 ]; then return 0; fi
    has sudo && sudo -n true 2>/dev/null && echo 'sudo -n'
}

# apt_install PACKAGE...: with the lists there are, and once more with fresh ones.
apt_install() {
    # `sudo -n` is two words on purpose.
    # shellcheck disable=SC2046
    set -- $(as_root) apt-get install -y -q --no-install-recommends "$@"
    "$@" && return 0
    # shellcheck disable=SC2046
    $(as_root) apt-get update -q && "$@"
}

# usable PYTHON [MODULES]: it runs (a pyenv shim may exist and fail), is 3.11 or newer, and has the modules.
usable() {
    # On a Mac without the command line tools, running this one opens a window; it is older than 3.11 anyway.
    if is_mac && [ "$(command -v "$1")" = /usr/bin/python3 ]; then return 1; fi
    "$1" -c "import sys; assert sys.version_info >= (3, 11)${2:+; import $2}" >/dev/null 2>&1
}

# first_python [MODULES]: print the path of the first usable one.
first_python() {
    for first_python_name in python3.13 python3.12 python3.11 python3.14 python3; do
        if usable "$first_python_name" "${1:-}"; then
            "$first_python_name" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    return 1
}

# On Debian and Ubuntu: the newest Python there is a package for, with what makes environments.
apt_python() {
    for apt_python_version in 3.13 3.12 3.11; do
        apt-cache show "python$apt_python_version-venv" >/dev/null 2>&1 || continue
        apt_install "python$apt_python_version" "python$apt_python_version-venv"
        return
    done
    return 1
}

# Set `python` to one that is new enough and can make environments, or say in one line how to get it.
find_python() {
    PATH=$PATH:/opt/homebrew/bin:/usr/local/bin
    python=$(first_python venv,ensurepip) && return
    if as_root >/dev/null; then
        step 'Python and python3-venv, by apt-get' apt_python
        python=$(first_python venv,ensurepip) && return
    fi
    if python=$(first_python); then
        die "$python cannot make environments; run: sudo apt-get install python3-venv"
    fi
    if is_mac; then
        die 'needs Python 3.11 or newer; run: brew install python@3.13   (Homebrew itself: https://brew.sh)'
    fi
    die 'needs Python 3.11 or newer with its venv module; on Debian or Ubuntu: sudo apt-get install python3 python3-venv'
}

# Set `python` to the environment's, made anew where there is none or its Python went away.
ensure_venv() {
    if ! usable "$venv/bin/python" pip; then
        find_python
        step "environment .venv ($("$python" -V))" "$python" -m venv --clear "$venv"
    fi
    python=$venv/bin/python
    if [ ! -x "$venv/bin/uv" ]; then
        step 'uv, which installs the rest' "$python" -m pip install --require-hashes -r "$root/requirements/uv.lock"
    fi
}

# install_locked LOCK: exactly what the lock says, then maker itself, editable.
install_locked() {
    "$venv/bin/uv" pip install --python "$venv/bin/python" --require-hashes -r "$root/requirements/$1" &&
        "$venv/bin/uv" pip install --python "$venv/bin/python" --no-deps --no-build-isolation -e "$root"
}

# brew_or_apt PACKAGE...: install them, by whichever of the two there is.
brew_or_apt() {
    if is_mac; then brew install "$@"; else apt_install "$@"; fi
}

# missing PROGRAM...: print the package of each program that is not installed.
missing() {
    PATH=$PATH:/opt/homebrew/bin:/usr/local/bin:/usr/sbin:/sbin
    for missing_program; do
        if has "$missing_program"; then continue; fi
        case $missing_program in
            redis-server) if is_mac; then echo redis; else echo redis-server; fi ;;
            bwrap) if ! is_mac; then echo bubblewrap; fi ;;
            rg) echo ripgrep ;;
            node) if is_mac; then echo node; else echo nodejs; fi ;;
            npm) if is_mac; then echo node; else echo npm; fi ;;
            ss) if ! is_mac; then echo iproute2; fi ;;
        esac
    done
}

may_install() { if is_mac; then has brew; else as_root >/dev/null; fi; }

# add_programs PROGRAM...: install what is missing where that is possible; `lacking` names the packages still missing.
add_programs() {
    lacking=$(missing "$@" | tr '\n' ' ')
    [ -n "$lacking" ] || return 0
    if may_install; then
        # One word for each package is meant.
        # shellcheck disable=SC2086
        try "system packages: $lacking" brew_or_apt $lacking || :
        quiet_redis "$lacking"
        lacking=$(missing "$@" | tr '\n' ' ')
    fi
}

# quiet_redis PACKAGES: Debian starts a Redis of its own once the package is there; nobody asked for that one.
quiet_redis() {
    case $1 in *redis-server*) ;; *) return 0 ;; esac
    if has systemctl; then
        # shellcheck disable=SC2046
        $(as_root) systemctl disable --now redis-server >>"$log" 2>&1 || :
    fi
}
