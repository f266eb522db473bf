# Sourced by the other scripts from the root of the repository: makes .venv what requirements.lock says, or stops.
#
# Needs Python 3.11 and nothing else; installs only what the lock holds a hash of. Costs a few milliseconds when there
# is nothing to do, writes nothing then, and is safe when several scripts start at once: they queue on the lock file.

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

fail() {
    say "$*"
    exit 3
}

find_python() {
    for candidate in "${PPC_PYTHON:-}" python3.11 python3 python; do
        [ -n "$candidate" ] || continue
        if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    fail "needs Python 3.11 on the PATH (or its path in PPC_PYTHON)"
}

# What .venv was made from. Its scripts name its own path, so a moved checkout needs a new one.
wanted_stamp() {
    pwd -P
    cksum <requirements.lock
    cksum <pyproject.toml
}

is_current() {
    [ -x .venv/bin/ppc ] && [ -f .venv/made-from ] && [ "$(cat .venv/made-from)" = "$(wanted_stamp)" ]
}

make_venv() {
    python=$(find_python) || exit 3
    if [ -f .venv/made-from ] && [ "$(head -n 1 .venv/made-from)" != "$(pwd -P)" ]; then
        say "this checkout was moved: making .venv anew"
        rm -rf .venv
    fi
    if ! .venv/bin/python -c 'import pip' 2>/dev/null; then
        say "1/3 making .venv with $python"
        "$python" -m venv --clear .venv || fail "could not make .venv (on Debian: apt-get install python3.11-venv)"
    fi
    say "2/3 installing the dependencies of requirements.lock, each checked against its hash"
    # setuptools first: some dependencies come as source only, and a build of its own would fetch it unchecked.
    awk '/^setuptools==/ { found = 1 } found { print } found && !/\\$/ { exit }' requirements.lock >.venv/build.lock
    install_quietly --require-hashes -r .venv/build.lock
    install_quietly --require-hashes --use-pep517 --no-build-isolation -r requirements.lock
    say "3/3 installing ppc-engine itself"
    install_quietly --no-deps --no-build-isolation -e .
    wanted_stamp >.venv/made-from
}

install_quietly() {
    .venv/bin/python -m pip --quiet --no-input --disable-pip-version-check install "$@" ||
        fail "could not install (see above); nothing outside .venv was changed, so run it again when cured"
}

if ! is_current; then
    # Python holds the lock, because not every machine has flock(1): it belongs to descriptor 9, hence to this shell.
    exec 9<requirements.lock
    python=$(find_python) || exit 3
    "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
    is_current || make_venv
    exec 9<&-
fi
