# What bin/demo, bin/lint and bin/test source: finding a Python, and keeping .venv as the requirements say.
# shellcheck shell=sh

say() {
    printf '%s\n' "$*" >&2
}

# Prints a Python to build .venv with. On the PATH there are also pyenv shims that lead nowhere and Debian's
# python3 without ensurepip, so a candidate counts only if it really runs.
find_python() {
    for candidate in "${PYTHON:-}" python3.11 python3.12 python3.13 python3.14 python3 python; do
        [ -n "$candidate" ] || continue
        "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
            >/dev/null 2>&1 </dev/null || continue
        command -v "$candidate"
        return 0
    done
    say "No usable Python found: install Python 3.11 or later with its venv module" \
        "(Debian: apt-get install python3-venv), or name one in PYTHON."
    return 1
}

# bootstrap ROOT REQUIREMENTS: afterwards ROOT/.venv holds what the file ROOT/REQUIREMENTS lists.
# The lock is on this very file: it is always there, and the kernel frees it when its last holder ends.
bootstrap() {
    root=$1
    requirements=$2
    venv=$root/.venv
    is_installed && return 0
    python=$(find_python) || return 1
    (
        wait_for_lock <&9 || exit 1
        is_installed || install_requirements
    ) 9>>"$root/bin/bootstrap.sh"
}

wait_for_lock() {
    "$python" -c '
import fcntl, sys
try:
    fcntl.flock(0, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print("Another run is installing into .venv; waiting for it.", file=sys.stderr)
    fcntl.flock(0, fcntl.LOCK_EX)
'
}

# A stamp's name carries what was installed: the requirements' content and the Python they were installed for.
is_installed() {
    key=$(requirements_key) && [ -e "$venv/installed-$requirements-$key" ]
}

requirements_key() {
    cat "$root"/requirements*.txt | "$venv/bin/python" -c '
import hashlib, sys
print(hashlib.sha256(sys.version.encode() + sys.stdin.buffer.read()).hexdigest()[:16])
' 2>/dev/null
}

# .venv/installing stands while anything is written, so what a killed run has left is never trusted.
install_requirements() {
    remove_broken_venv
    if [ ! -d "$venv" ]; then
        say "Creating .venv with $python."
        mkdir "$venv" && : >"$venv/installing" && "$python" -m venv "$venv" || {
            say "Creating .venv failed: the reason is above."
            return 1
        }
    fi
    key=$(requirements_key) || return 1
    for stamp in "$venv"/installed-*; do
        case $stamp in *-"$key") ;; *) rm -f "$stamp" ;; esac
    done
    : >"$venv/installing"
    say "Installing $requirements into .venv (the first time takes a minute)."
    status=0
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
        -r "$root/$requirements" </dev/null || status=$?
    [ "$status" -ge 128 ] || rm -f "$venv/installing" # pip tidies up after itself, unless a signal killed it
    if [ "$status" -ne 0 ]; then
        say "Installing $requirements failed: pip's reason is above. Is the package index reachable from here?"
        return 1
    fi
    : >"$venv/installed-$requirements-$key"
}

remove_broken_venv() {
    if [ -e "$venv/installing" ]; then
        say "An earlier installation into .venv was interrupted: building it again."
    elif [ -d "$venv" ] && ! "$venv/bin/python" -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        say "The .venv here does not work (its Python is gone or too old): building it again."
    else
        return 0
    fi
    rm -rf "$venv"
}
