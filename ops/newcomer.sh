#!/usr/bin/env bash
# Proof that a newcomer's machine is enough: builds a bare Debian 12 with git, python3, make and apt only, clones this repository's
# committed state into it, types `make run` there, and waits for a clinic that answers. As root; needs debootstrap and some minutes.
#
#   ops/newcomer.sh [FOLDER]     FOLDER (default: a temporary one, removed at the end) keeps the machine for a second look
#   PORT=8650                    first port of the clinic inside
#
# How this machine reaches package registries (apt sources, pip and npm settings, proxies, certificates) is handed on as it is.
set -Eeuo pipefail
cd "$(dirname "$0")/.."

PORT=${PORT:-8650}
FOLDER=${1:-}
if [ -z "$FOLDER" ]; then
    FOLDER=$(mktemp -d)
    trap 'rm -rf --one-file-system "$FOLDER"' EXIT
fi
ROOT=$FOLDER/root
SECONDS=0

say() { printf '\n==> %s (after %d s)\n' "$*" "$SECONDS"; }

if [ "$(id -u)" != 0 ] || ! command -v debootstrap >/dev/null; then
    echo "Run this as root, with Debian's package debootstrap installed." >&2
    exit 1
fi

mirror() {
    apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Identifier: Packages' | awk '$1 == "bookworm" { print $2; exit }'
}

if [ ! -e "$ROOT/etc/debian_version" ]; then
    say "Building a bare Debian 12"
    mkdir -p "$ROOT"
    debootstrap --variant=minbase --include=git,python3,make,ca-certificates bookworm "$ROOT" "$(mirror)" >"$FOLDER/debootstrap.log"
fi

say "Handing on how this machine reaches package registries"
for path in /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/apt.conf.d /etc/apt/auth.conf.d /etc/apt/keyrings /usr/share/keyrings \
    /etc/ssl/certs /usr/local/share/ca-certificates /etc/pip.conf /etc/xdg/pip /root/.config/pip /root/.pip /root/.npmrc /etc/npmrc /etc/resolv.conf /etc/hosts; do
    if [ -e "$path" ]; then
        rm -rf "${ROOT:?}$path"
        mkdir -p "$(dirname "$ROOT$path")"
        cp -aL "$path" "$ROOT$path"
    fi
done
mapfile -t settings < <(env | grep -Ei '^(PIP_|NPM_CONFIG_|(HTTPS?|NO|ALL)_PROXY=|SSL_CERT_|REQUESTS_CA_BUNDLE=|CURL_CA_BUNDLE=|NODE_EXTRA_CA_CERTS=)')

for program in prosody nginx node npm pip gcc sudo; do
    if chroot "$ROOT" sh -c "command -v $program" >/dev/null; then echo "note: $program is already there from an earlier run"; fi
done

say "Cloning the committed state"
rm -rf "$ROOT/srv/bedside"
git clone -q "$PWD" "$ROOT/srv/bedside"
git -C "$ROOT/srv/bedside" log -1 --format='    %h %s'

# start COMMAND: runs it inside the bare machine, with process ids of its own, in the background.
start() {
    unshare --mount --pid --fork --kill-child=SIGTERM --mount-proc="$ROOT/proc" \
        env -i "${settings[@]}" HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb LANG=C.UTF-8 \
        sh -c 'for part in null zero random urandom full tty; do touch "$1/dev/$part"; mount --bind "/dev/$part" "$1/dev/$part"; done
               mkdir -p "$1/dev/shm" && mount -t tmpfs none "$1/dev/shm"
               exec chroot "$1" sh -c "cd /srv/bedside && exec $2"' newcomer "$ROOT" "$1" &
    machine=$!
    trap 'kill "$machine" 2>/dev/null || true' INT TERM
}

# ready FILE MINUTES: waits for it, and asks the clinic for two pages.
ready() {
    local deadline=$((SECONDS + $2 * 60))
    while [ ! -e "$1" ]; do
        if ! kill -0 "$machine" 2>/dev/null; then
            wait "$machine" || true
            echo "FAILED: it ended before the clinic was ready" >&2
            exit 1
        fi
        if [ "$SECONDS" -gt "$deadline" ]; then
            kill "$machine"
            echo "FAILED: not ready within $2 minutes" >&2
            exit 1
        fi
        sleep 1
    done
    say "ready.json is there"
    python3 - "$PORT" <<'CHECK'
import sys
import urllib.request

base = f"http://127.0.0.1:{sys.argv[1]}"
for path in ("/healthz", "/login"):
    with urllib.request.urlopen(base + path, timeout=10) as answer:
        assert answer.status == 200, (path, answer.status)
print("    the clinic answers and shows its log-in page")
CHECK
}

# stop FILE: ends the clinic as `kill` would, and sees that it cleared up.
stop() {
    local supervisor
    say "Stopping"
    supervisor=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["pids"]["supervisor"])' "$1")
    nsenter --target "$(pgrep -P "$machine" | head -n 1)" --pid kill "$supervisor"
    wait "$machine" || true
    if [ -e "$1" ]; then
        echo "FAILED: the clinic did not stop cleanly" >&2
        exit 1
    fi
}

say "make run"
start "make run PORT=$PORT"
ready "$ROOT/srv/bedside/var/demo/ready.json" 30
stop "$ROOT/srv/bedside/var/demo/ready.json"

say "bedside up, as an ordinary user, without demonstration data"
rm -rf "$ROOT/tmp/clinic"
start "setpriv --reuid 65534 --regid 65534 --clear-groups .venv/bin/bedside up --data /tmp/clinic --base-port $PORT"
ready "$ROOT/tmp/clinic/ready.json" 2
stop "$ROOT/tmp/clinic/ready.json"

say "PASSED: a bare machine runs a clinic"
