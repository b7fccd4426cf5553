#!/usr/bin/env bash
# ansible-test sanity and galaxy-importer. Both want the collection at …/ansible_collections/storefront/runbook, outside of any git repository.
set -euo pipefail
cd "$(dirname "$0")/../.."
checkout=$PWD
venv=${VENV:-$checkout/.venv}  # whose ansible-core it is
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
collection=$scratch/ansible_collections/storefront/runbook
mkdir -p "$collection" "$scratch/home/.ansible/test/cache"
git ls-files -z --cached --others --exclude-standard | xargs -0 sh -c 'for f; do [ -e "$f" ] && printf "%s\0" "$f"; done' sh | tar --null -T - -cf - | tar -xf - -C "$collection"

# ansible-test would download get-pip; this stands in for it with the pip that Python itself carries.
for file in get_pip_24_2.py get_pip_25_2.py; do
  cat > "$scratch/home/.ansible/test/cache/$file" <<'PIP'
import subprocess, sys
wanted = [a for a in sys.argv[1:] if a.startswith(("pip", "setuptools", "wheel"))]
subprocess.check_call([sys.executable, "-m", "ensurepip", "--upgrade"])
subprocess.check_call([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted])
PIP
done

# The interpreter behind the virtual environment, so that no version manager's shim answers in its place.
python=$("$venv/bin/python" -c 'import os, sys; print(os.path.realpath(sys.executable))')
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
export HOME=$scratch/home PATH="$venv/bin:$(dirname "$python"):/usr/bin:/bin"
export PIP_CERT=${PIP_CERT:-$("$venv/bin/python" -c 'import ssl; print(ssl.get_default_verify_paths().cafile or "")')}
cd "$collection"
"$venv/bin/ansible-test" sanity --venv --python "$version" --color no

echo "Running galaxy-importer ..."
"$venv/bin/ansible-galaxy" collection build --output-path "$scratch" . >/dev/null
VENV=$venv bash "$checkout/tests/sanity/importer.sh" "$scratch"/storefront-runbook-*.tar.gz
