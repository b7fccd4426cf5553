#!/usr/bin/env bash
# Sanity, the unit tests and the tests of modules on each ansible-core: `make matrix`, or `make matrix CORES="2.18 2.21"` for some.
# PARTS="tests ways sanity" are the parts; PARTS=sanity is one of them, FAST=1 leaves out sanity.
# WAYS=all runs the tests of every module as tasks of a play, in process and as ordinary modules, and not only those of one module of each kind.
# Each core has a virtual environment of its own below .cache/matrix, with a Python that it supports.
set -euo pipefail
cd "$(dirname "$0")/.."
declare -A pythons=([2.18]=3.11 [2.19]=3.11 [2.20]=3.12 [2.21]=3.13)
# What depends on ansible-core: the units, the engine and the modules.
mapfile -t modules < <(grep -l run_module tests/integration/test_*.py)
tests=(tests/unit tests/integration/test_in_process.py "${modules[@]}")
both_ways=(tests/integration/test_services.py tests/integration/test_cf_purge.py)
if [ "${WAYS:-}" = all ]; then both_ways=("${modules[@]}"); fi
default_parts="tests ways sanity"
if [ -n "${FAST:-}" ]; then default_parts="tests ways"; fi
parts=" ${PARTS:-$default_parts} "
for part in $parts; do
  [[ " tests ways sanity " == *" $part "* ]] || { echo "matrix: PARTS=$part is none of tests, ways, sanity." >&2; exit 2; }
done

includes() { # whether this part is to run
  [[ $parts == *" $1 "* ]]
}

find_python() { # the python3.x of PATH, or pyenv's
  local candidate
  for candidate in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1".*/bin/python; do
    if "$candidate" -c 'import venv' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  return 1
}

try_core() {
  local core=$1 environment=.cache/matrix/$1 python
  python=$(find_python "${pythons[$core]:?ansible-core $core is not supported}") || {
    echo "matrix: ansible-core $core is left out: there is no Python ${pythons[$core]} here."
    return
  }
  echo "=== ansible-core $core, Python ${pythons[$core]}"
  [ -x "$environment/bin/python" ] || "$python" -m venv "$environment"
  "$environment/bin/pip" install --quiet --disable-pip-version-check -r requirements-dev.txt "ansible-core~=$core.0"
  "$environment/bin/ansible" --version | sed -n 1p
  if includes tests; then
    "$environment/bin/pytest" -q -n 2 --dist loadfile "${tests[@]}"
  fi
  if includes ways; then
    for way in "in process" ordinary; do
      MODULES_RUN=$way "$environment/bin/pytest" -q -n 2 --dist loadfile "${both_ways[@]}"
    done
  fi
  if includes sanity; then
    VENV=$PWD/$environment bash tests/sanity/run.sh
  fi
}

# The sandbox's servers are those of .venv: their packages do not exist for every Python.
servers=$(.venv/bin/python -c 'from sandbox import tools; print(tools.redis_server().parent, tools.postgres_bin(), tools.node_bin(), sep=":")')
export PATH="$PATH:$servers"

for core in ${CORES:-2.18 2.19 2.20 2.21}; do
  try_core "$core"
done
