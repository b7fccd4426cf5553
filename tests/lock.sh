#!/usr/bin/env bash
# Writes the lock files: every package that `make setup` installs, with its release and hashes, for each Python from 3.11 on.
set -euo pipefail
cd "$(dirname "$0")/.."
export CUSTOM_COMPILE_COMMAND="make lock"
lock() { .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --native-tls "$@"; }

lock requirements-dev.txt --output-file requirements-dev.lock
mkdir -p sandbox/locks
.venv/bin/python -c 'from sandbox import tools; [print(tool.lower(), package) for tool, package in tools.PACKAGES.items()]' \
  | while read -r tool package; do
      echo "$package" | lock - --constraint requirements-dev.lock --output-file "sandbox/locks/$tool.lock"
    done
