#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check whether the release's migrations ran to their end in staging, with the same checksums."""

from __future__ import annotations

DOCUMENTATION = r"""
module: migration_staging
version_added: 1.0.0
short_description: Check whether the migrations were tested in staging
description:
  - Compares the migrations of the release's commit with C(_prisma_migrations) in staging's database. Each has to have
    ended there with the same
    checksum.
  - It only reads, and needs a role that may read that one table.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  release:
    description:
      - The release, such as V(v1.2.3).
    type: str
  commit:
    description:
      - Full SHA of the release.
    type: str
    required: true
  path:
    description:
      - The shop's checkout on the controller, with the commit in it. Its work tree is not read.
    type: path
    required: true
  staging_url:
    description:
      - PostgreSQL of staging, as Prisma writes its URL. Never shown, logged or written to disk.
    type: str
  staging_direct_url:
    description:
      - The server's own address, where O(staging_url) goes through a connection pooler.
    type: str
  root_directory:
    description:
      - Folder of the repository that holds the application.
    type: str
    default: ""
  migrations:
    description:
      - The migrations' folder in O(root_directory).
    type: str
    default: prisma/migrations
extends_documentation_fragment:
  - storefront.runbook.checks
attributes:
  check_mode:
    description: Changes nothing, so it runs as without check mode.
    support: full
  diff_mode:
    description: Changes nothing, so there is no difference to show.
    support: none
seealso:
  - module: storefront.runbook.preflight_checks
"""

EXAMPLES = r"""
- name: Ask whether v1.2.3's migrations ran in staging
  storefront.runbook.migration_staging:
    path: /srv/shop
    commit: 0123456789abcdef0123456789abcdef01234567
    root_directory: apps/backend
    staging_url: "{{ vault_staging_database_url }}"
"""

RETURN = r"""
verdict:
  description: V(go), V(no_go), or V(inconclusive) where nothing failed and something could not be asked.
  returned: success or a no
  type: str
  sample: go
answers:
  description: The evidence, one item for each check.
  returned: success or a no
  type: list
  elements: dict
  contains:
    id:
      description: The check, such as V(C19).
      type: str
    name:
      description: Its name, such as V(deploy_window).
      type: str
    outcome:
      description:
        - One of V(passed), V(failed), V(waived), V(attested), V(could_not_be_asked), V(due_later), V(not_applicable)
          and V(not_configured).
      type: str
    stops:
      description: Whether it stops the deploy.
      type: bool
    asked:
      description: What was asked.
      type: str
    answered:
      description: What was answered.
      type: str
    advice:
      description: What to do about a failed check.
      type: str
    url:
      description: URL at which the answer can be seen.
      type: str
    facts:
      description: What the answer is based on.
      type: dict
    by:
      description: Who waived or attested it.
      type: str
    reason:
      description: Why it was waived, or the note of the attestation.
      type: str
    until:
      description: The end of the waiver, in UTC.
      type: str
    commit:
      description: The commit that the answer is for.
      type: str
    at:
      description: When it was asked, in UTC.
      type: str
    seconds:
      description: How long the check took.
      type: float
summary:
  description: One line with the number of answers of each kind.
  returned: success or a no
  type: str
  sample: 15 passed, 1 waived (C10 by bob until 1 Apr), 2 due later
message:
  description: The failed checks, and what to do about each.
  returned: success or a no
  type: str
problems:
  description: The lines of RV(message) that stop the deploy.
  returned: success or a no
  type: list
  elements: str
unconfigured:
  description: What each check that is not configured lacks. Checks that lack the same share a line.
  returned: success or a no
  type: list
  elements: str
  sample: ["C1, C2, C12: set api_token and repository of github"]
due:
  description: The later points at which checks are due.
  returned: success or a no
  type: list
  elements: str
  sample: [staged]
evidence:
  description: The answers as the option C(evidence) of M(storefront.runbook.release_record) takes them, without
    those that are due later.
  returned: success or a no
  type: list
  elements: dict
elapsed:
  description: Seconds that the module took.
  returned: always
  type: float
error:
  description: What went wrong, for programs.
  returned: failure
  type: dict
  contains:
    kind:
      description: V(config) where nothing was asked, V(no_go) where a check stops the deploy.
      type: str
    message:
      description: The same as C(msg).
      type: str
"""

from typing import Any

from ..module_utils.checks.register import CHECKS
from ..module_utils.checks.run import run_one
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import checks_options, validated
from ..module_utils.core.plan import Plan

MINE = [check for check in CHECKS if check.name in ("migration_staging",)]


def argument_spec() -> dict[str, Any]:
    return {
        **{name: spec for check in MINE for name, spec in check.options.items()},
        "release": {"type": "str"},
        "commit": {"type": "str", "required": True},
        "path": {"type": "path", "required": True},
        **checks_options(),
    }


def build_client(params: dict[str, Any], runtime: Runtime) -> None:
    return None


def plan(params: dict[str, Any], client: None) -> Plan:
    return Plan({}, {}, result=run_one(MINE, params, validated))


def apply(plan: Plan, client: None) -> None:
    """Nothing to write."""


def main() -> None:
    run(argument_spec(), build_client, plan, apply)


if __name__ == "__main__":
    main()
