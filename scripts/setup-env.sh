#!/usr/bin/env bash
# Makes .venv, installs the project in it with everything that its tests need, and runs `invoke setup`.
#
#   scripts/setup-env.sh [OPTIONS OF invoke setup]
#   scripts/setup-env.sh --no-setup                  .venv and what is installed in it, and nothing else
#
# Run it again whenever you like: what is installed already is not installed again. PYTHON names the
# interpreter to make .venv with; python3 is used without it.
set -euo pipefail

root="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"
venv="$root/.venv"

fail() {
    printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
    exit 3
}

is_python() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    local candidate
    if [ -n "${PYTHON:-}" ]; then
        is_python "$PYTHON" ||
            fail "PYTHON=$PYTHON is not a Python 3.11 or later" "Nothing was changed. Name one, or leave PYTHON out."
        printf '%s' "$PYTHON"
        return
    fi
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        if is_python "$candidate"; then
            printf '%s' "$candidate"
            return
        fi
    done
    fail "there is no Python 3.11 or later on this machine" \
        "Nothing was changed. Install one, or name it: PYTHON=/path/to/python3.11 scripts/setup-env.sh"
}

# What the installation depends on: the files that describe it and what is compiled for it, where it is, which Python it
# is for, and whether there is a C compiler: without one, the codec is left out, and backups are slower.
stamp_now() {
    {
        printf '%s\n' "$root"
        "$venv/bin/python" --version
        command -v "${CC:-cc}" gcc || true
        cat -- "$root/setup.cfg" "$root/pyproject.toml" "$root/setup.py" \
            "$root"/deckinfra/builtin/engines/mysql/codec/compiled.p* || true
    } 2>/dev/null | cksum
}

make_venv() {
    local python
    python="$(find_python)"
    printf '==> python environment: %s\n' "$("$python" --version)" >&2
    if ! output="$("$python" -m venv --clear -- "$venv" 2>&1)"; then
        printf '%s\n' "$output" >&2
        fail ".venv could not be made" "On Debian and Ubuntu the module is a package of its own: apt install python3-venv"
    fi
}

install() {
    printf '==> install (the first time takes a minute or two)\n' >&2
    if ! output="$(cd -- "$root" && "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --editable '.[dev]' 2>&1)"; then
        printf '%s\n' "$output" >&2
        fail "the project could not be installed" "What pip said is above. Is the network there? Then run this again."
    fi
}

# A folder that was moved or copied has a .venv whose scripts point elsewhere: it is made again.
is_usable() {
    "$venv/bin/python" -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null &&
        sed -n 1,3p -- "$venv/bin/pip" | grep -F -- "$venv/bin/" >/dev/null
}

with_setup=yes
if [ "${1-}" = --no-setup ]; then
    with_setup=no
    shift
fi

# Two at once would make one .venv of two halves. Where there is no flock, or none on this file system, nobody waits.
exec 9<"$root"
if command -v flock >/dev/null && ! flock -n 9 2>/dev/null; then
    printf '==> another setup-env.sh is at work here: waiting for it, 10 minutes at most\n' >&2
    flock -w 600 -E 75 9 || [ $? -ne 75 ] ||
        fail "another setup-env.sh did not end within 10 minutes" "Nothing was changed. Look what it does, then run this again."
fi

if ! is_usable; then
    make_venv
fi
stamp="$(stamp_now)"
if [ "$(cat -- "$venv/.deckinfra-installed" 2>/dev/null || true)" != "$stamp" ]; then
    install
    printf '%s\n' "$stamp" >"$venv/.deckinfra-installed"
fi

exec 9<&-
if [ "$with_setup" = no ]; then
    exit 0
fi
cd -- "$root"
exec "$venv/bin/python" -m invoke setup "$@"
