# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of an operations project that are the same for every shop."""

from __future__ import annotations

ANSIBLE_CFG = """\
# Written by storefront.runbook.init. It is yours to change.
[defaults]
collections_path = collections
stdout_callback = storefront.runbook.operator
callback_result_format = yaml
callbacks_enabled = storefront.runbook.preload
# Modules run on the controller: with its own Python, not with the first one that Ansible finds on the PATH.
interpreter_python = {{ ansible_playbook_python }}
localhost_warning = false
retry_files_enabled = false
duplicate_dict_key = error
inject_facts_as_vars = false
pipelining = true
internal_poll_interval = 0.01

[inventory]
# An inventory that cannot be read, or has none of the hosts asked for, is an error and not a run of nothing.
host_pattern_mismatch = error
any_unparsed_is_failed = true
"""

REQUIREMENTS = """\
---
collections:
  - name: storefront.runbook
    version: {version}
"""

IGNORE = """\
/collections/
/.venv/
/reports/
vault-password
"""

README = """\
# {name} operations

This project deploys {name} with the Ansible collection storefront.runbook.

## Set up

```console
$ python3 -m venv .venv && . .venv/bin/activate
$ pip install "ansible-core>=2.18,<2.22"
$ ansible-galaxy collection install -r requirements.yml -p collections
$ pip install -r collections/ansible_collections/storefront/runbook/requirements.txt
```

Fill in each `FILL_IN` in `staging/` and `production/`; `ansible-playbook preflight.yml -i production` lists those that
are left. For the secrets, copy `vault.yml.example` to `vault.yml` beside it, fill it in and encrypt it with
`ansible-vault encrypt`.

## Use

```console
$ ansible-playbook deploy.yml -i production --check              # what a deploy would change
$ ansible-playbook deploy.yml -i production -e release=v1.2.3
$ ansible-playbook rollback.yml -i production
```

Without `-e release` a deploy takes the version tag of the commit that the shop's repository has checked out.
"""

WORKFLOW = """\
# Deploys a release of the shop. Production waits for the approval that its environment asks for (repository settings).
name: Deploy
on:
  workflow_dispatch:
    inputs:
      environment:
        description: Where to deploy to
        type: choice
        options: [staging, production]
        required: true
      release:
        description: Tag, branch or commit of the shop
        type: string
        required: true
permissions: {}
concurrency:
  group: deploy-${{ inputs.environment }}
  cancel-in-progress: false
jobs:
  deploy:
    runs-on: ubuntu-24.04
    environment: ${{ inputs.environment }}
    permissions: {contents: read}
    timeout-minutes: 60
    steps:
      - name: Check out this project
        uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8  # v5.0.0
        with: {persist-credentials: false, path: ops}
      - name: Check out the shop with its tags
        uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8  # v5.0.0
        with:
          repository: ${{ vars.SHOP_REPOSITORY }}
          token: ${{ secrets.SHOP_REPOSITORY_TOKEN }}
          fetch-depth: 0
          persist-credentials: false
          path: shop
      - uses: actions/setup-python@e797f83bcb11b83ae66e0230d6156d7c80228e7c  # v6.0.0
        with: {python-version: "3.12"}
      - name: Install the collection
        working-directory: ops
        run: |
          pip install "ansible-core>=2.18,<2.22"
          ansible-galaxy collection install -r requirements.yml -p collections
          pip install -r collections/ansible_collections/storefront/runbook/requirements.txt
      - name: Deploy
        working-directory: ops
        run: |
          jq --null-input --arg release "$RELEASE" '{release: $release, source_path: "../shop"}' > options.json
          ansible-playbook deploy.yml -i "$TARGET" -e @options.json
        env:
          TARGET: ${{ inputs.environment }}
          RELEASE: ${{ inputs.release }}
          # SECRETS
"""
