#!/usr/bin/env bash
# Renews the pinned versions and hashes of Python packages (requirements*.txt) from requirements*.in, in a throw-away environment.
# The locks name packages only: no index, no folder of this machine.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
python3 -m venv "$tools/venv"
"$tools/venv/bin/pip" install -q pip-tools

for name in requirements requirements-build requirements-node requirements-dev; do
    echo "==> $name.txt"
    CUSTOM_COMPILE_COMMAND="make lock" "$tools/venv/bin/pip-compile" -q --generate-hashes --strip-extras --allow-unsafe --upgrade \
        --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options \
        --resolver=backtracking --output-file "$name.txt" "$name.in"
done
