#!/usr/bin/env bash
# Builds the site into docs/build/build/html: the guides and the playbooks (site.py), and the modules, roles and filters (antsibull-docs). Only the installation of
# Sphinx needs the network. A warning fails the build.
set -euo pipefail
cd "$(dirname "$0")/.."
.venv/bin/pip install --quiet --disable-pip-version-check sphinx sphinx-ansible-theme myst-parser
rm -rf docs/build
mkdir -m 700 docs/build
.venv/bin/antsibull-docs sphinx-init --use-current --squash-hierarchy --lenient --dest-dir docs/build storefront.runbook >/dev/null
.venv/bin/python docs/labels.py docs/build/ansible.inv
mkdir docs/build/static
cp docs/site.css docs/build/static/
cat >> docs/build/conf.py <<'END'

project = 'storefront.runbook'
title = 'storefront.runbook'
html_short_title = 'storefront.runbook'
html_static_path, html_css_files = ['static'], ['site.css']
# Our own pages are Markdown. Headings have the anchors that GitHub gives them.
extensions += ['myst_parser']
myst_heading_anchors = 4
# A page may begin below its first level, and a block of code may be of a language that Pygments has no name for.
suppress_warnings = ['myst.header', 'misc.highlighting_failure']

# In place of the inventories above, which would be downloaded: the labels that our pages refer to.
intersphinx_mapping = {'ansible': ('https://docs.ansible.com/projects/ansible/devel/', '../ansible.inv')}
END
# Our pages come after antsibull-docs, which deletes what it has not written. Quietly: Sphinx names its result by a path that is relative to docs/build.
sed -i 's/^sphinx-build -M html rst build/python ..\/site.py rst\n& -q -W --keep-going/' docs/build/build.sh
(cd docs/build && PATH="$PWD/../../.venv/bin:$PATH" bash build.sh >/dev/null)
echo "The site is in docs/build/build/html/index.html"
