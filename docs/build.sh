#!/usr/bin/env bash
# Builds the modules' documentation into docs/build/build/html. Only the installation of Sphinx needs the network. A warning fails the build.
set -euo pipefail
cd "$(dirname "$0")/.."
.venv/bin/pip install --quiet --disable-pip-version-check sphinx sphinx-ansible-theme
rm -rf docs/build
mkdir -m 700 docs/build
.venv/bin/antsibull-docs sphinx-init --use-current --squash-hierarchy --lenient --dest-dir docs/build storefront.runbook >/dev/null
.venv/bin/python docs/labels.py docs/build/ansible.inv
cat >> docs/build/conf.py <<'END'

# In place of the inventories above, which would be downloaded: the labels that our pages refer to.
intersphinx_mapping = {'ansible': ('https://docs.ansible.com/projects/ansible/devel/', '../ansible.inv')}
END
# Quietly: Sphinx names its result by a path that is relative to docs/build.
sed -i 's/^sphinx-build -M html rst build/& -q -W --keep-going/' docs/build/build.sh
(cd docs/build && PATH="$PWD/../../.venv/bin:$PATH" bash build.sh >/dev/null)
echo "The documentation is in docs/build/build/html/index.html"
