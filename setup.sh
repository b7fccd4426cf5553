#!/usr/bin/env bash
# Makes .venv with what the rest of the Makefile needs; a missing prerequisite is named with the command that installs it.
set -euo pipefail
cd "$(dirname "$0")"
python=${PYTHON:-python3}

missing() {
  echo "setup: $1 is missing. Install it: $2" >&2
  exit 1
}

# The distribution's names for what cannot come as a Python package.
if command -v apt-get >/dev/null; then install="sudo apt-get install"; elif command -v dnf >/dev/null; then install="sudo dnf install"; else install="brew install"; fi

command -v git >/dev/null || missing git "$install git"
command -v "$python" >/dev/null || missing "$python" "$install python3"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
  || missing "Python 3.11 or later ($python is $("$python" -V 2>&1))" "$install python3.11, then make setup PYTHON=python3.11"
"$python" -c 'import venv, ensurepip' 2>/dev/null || missing "Python's venv module" "$install python3-venv"

echo "Setting up .venv (Python packages) ..."
[ -x .venv/bin/python ] || "$python" -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock

# PostgreSQL, Redis and Node are the machine's own where found, else they come as Python packages.
for lock in $(.venv/bin/python -m sandbox tools --missing); do
  echo "Adding what this machine lacks: $(basename "$lock" .lock) ..."
  .venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
done

# The tests of a connection pooler need PgBouncer, which no Python package has: Debian's is unpacked here and not installed. Without it they are skipped.
unpack_pgbouncer() (
  mkdir -p .cache/pgbouncer && cd .cache/pgbouncer \
    && apt-get download -qq pgbouncer $(apt-cache depends pgbouncer | grep -oE 'lib(c-ares|cares|event)[^ >]*') \
    && for package in *.deb; do dpkg -x "$package" . || exit 1; done \
    && rm -- *.deb && libraries=$(dirname "$PWD/usr/lib"/*/libcares.so.2) \
    && printf '#!/bin/sh\nLD_LIBRARY_PATH="%s" exec "%s" "$@"\n' "$libraries" "$PWD/usr/sbin/pgbouncer" > pgbouncer.new \
    && chmod +x pgbouncer.new && ./pgbouncer.new --version && mv pgbouncer.new pgbouncer
)
if command -v apt-get >/dev/null && ! PATH=$PATH:/usr/sbin command -v pgbouncer >/dev/null && [ ! -x .cache/pgbouncer/pgbouncer ]; then
  echo "Adding PgBouncer, for its tests ..."
  unpack_pgbouncer >/dev/null 2>&1 || echo "setup: PgBouncer is not available here, so its tests are skipped. To run them: $install pgbouncer" >&2
fi

# The tests of extensions/awx apply its data with awx.awx, which the package ansible carried until its release 12.
if ! cmp -s tests/awx.txt .cache/awx/awx.txt; then
  echo "Adding awx.awx, for the tests of AWX's data ..."
  rm -rf .cache/awx && mkdir -p .cache/awx
  (.venv/bin/pip download --quiet --disable-pip-version-check --no-deps --require-hashes --dest .cache/awx -r tests/awx.txt \
    && .venv/bin/python -c 'import sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
wheel.extractall(sys.argv[2], [name for name in wheel.namelist() if name.startswith("ansible_collections/awx/awx/")])' .cache/awx/ansible-*.whl .cache/awx \
    && rm .cache/awx/ansible-*.whl && cp tests/awx.txt .cache/awx/) \
    || { rm -rf .cache/awx; echo "setup: awx.awx is not available here, so its tests are skipped. To run them, give pip access to its index and rerun make setup." >&2; }
fi

# The tests of pages run Lighthouse in a browser. The browser itself is the machine's: no Python package has one.
if ! cmp -s tests/node/package-lock.json .cache/node/package-lock.json; then
  echo "Adding Lighthouse, for the tests of pages ..."
  node=$(.venv/bin/python -c 'from sandbox import tools; print(tools.node_bin())')
  rm -rf .cache/node && mkdir -p .cache/node
  (PATH=$node:$PATH; cp tests/node/package.json tests/node/package-lock.json .cache/node/ && cd .cache/node \
    && npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error >/dev/null) \
    || { rm -rf .cache/node; echo "setup: npm could not install Lighthouse, so its tests are skipped. To run them, give npm access to its registry and rerun make setup." >&2; }
fi
command -v chromium chromium-browser google-chrome-stable google-chrome >/dev/null \
  || echo "setup: There is no Chromium, so the tests of pages are skipped. To run them: $install chromium" >&2

# Ansible finds the checkout as the collection that it is.
mkdir -p .ansible/collections/ansible_collections/storefront
ln -sfn ../../../.. .ansible/collections/ansible_collections/storefront/runbook
touch .venv/ready
echo "Ready."
