#!/usr/bin/env bash
# Builds the modules' documentation into docs/build/build/html; needs the network for Sphinx alone.
set -euo pipefail
cd "$(dirname "$0")/.."
.venv/bin/pip install --quiet --disable-pip-version-check sphinx sphinx-ansible-theme
rm -rf docs/build
mkdir -m 700 docs/build
.venv/bin/antsibull-docs sphinx-init --use-current --squash-hierarchy --lenient --dest-dir docs/build storefront.runbook
sed -i 's/^intersphinx_mapping = {/intersphinx_mapping = {}\n_unused = {/' docs/build/conf.py
(cd docs/build && PATH="$PWD/../../.venv/bin:$PATH" bash build.sh)
