#!/usr/bin/env bash
# Runs galaxy-importer on an artefact, outside of any git repository: importer.sh ARTEFACT
set -euo pipefail
venv=${VENV:-$(cd "$(dirname "$0")/../.." && pwd)/.venv}
artefact=$(realpath "$1")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cat > "$scratch/importer.cfg" <<'CFG'
[galaxy-importer]
RUN_ANSIBLE_TEST = False
RUN_FLAKE8 = True
RUN_ANSIBLE_LINT = False
CHECK_REQUIRED_TAGS = False
CFG
cd "$scratch"
cp "$artefact" .
GALAXY_IMPORTER_CONFIG=$scratch/importer.cfg "$venv/bin/python" -m galaxy_importer.main "$(basename "$artefact")" > importer.log 2>&1 \
  || { cat importer.log; exit 1; }
# Its flake8 reads the documentation of filters (YAML) as Python, and rejects slices, stubs and breaks before an operator (which PEP 8 recommends)
# as ruff's formatter writes them.
known='plugins/filter/[a-z_]+\.yml:.* E999|\.py:[0-9:]+ (E203|E704|W503) '
if grep -E "WARNING|ERROR" importer.log | grep -vE "$known"; then
  echo "galaxy-importer complained" >&2
  exit 1
fi

# It gives ansible-lint three minutes, which a busy machine exceeds. Here the same command has no limit.
tree=$scratch/ansible_collections/storefront/runbook
mkdir -p "$tree"
tar -xzf "$artefact" -C "$tree"
cd "$tree"
export ANSIBLE_COLLECTIONS_PATH=$scratch ANSIBLE_LOCAL_TEMP=$scratch/tmp XDG_CACHE_HOME=$scratch/tmp PATH="$venv/bin:$PATH"
# what it prints is a warning to the importer, whatever its exit code
found=$(ansible-lint --profile production --offline --exclude tests/integration/ --exclude tests/unit/ --format=pep8 --nocolor \
  -x yaml,var-naming,avoid-dot-notation,import-task-no-when,single-entry-point,use-loop 2> "$scratch/lint.log") \
  || { echo "$found"; cat "$scratch/lint.log"; exit 1; }
if [ -n "$found" ]; then
  echo "$found"
  exit 1
fi
echo "galaxy-importer is content."
