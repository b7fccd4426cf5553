#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check whether each unit has the variables that its release names, with values of its own."""

from __future__ import annotations

DOCUMENTATION = r"""
module: environment_check
version_added: 1.0.0
short_description: Check whether the variables are set
description:
  - Compares the variables of each unit with those that the release's C(.env.example), or a JSON Schema, names. One that
    is commented out there, or
    whose comment says optional, need not be set.
  - Finds values that are still a placeholder, and secrets that are the same as in staging, by their digests. It reads
    no value.
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
  units:
    description:
      - The units, such as the backend's services and the frontend's project.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - Name of the unit.
        type: str
        required: true
      platform:
        description:
          - Where it runs. Placeholders are found only with it and O(digest_key).
        type: str
        choices: [railway, render, vercel]
      root_directory:
        description:
          - Folder of the unit in the repository.
        type: str
        default: ""
      example:
        description:
          - Its example file, from the top of the repository. Without it, C(.env.example) in O(units[].root_directory).
        type: str
      schema:
        description:
          - A JSON Schema of its environment instead.
        type: str
      variables:
        description:
          - Its variables, with C(name) and C(digest), as M(storefront.runbook.railway_info),
            M(storefront.runbook.render_info) and
            M(storefront.runbook.vercel_info) return them.
        type: list
        elements: dict
        required: true
      staging:
        description:
          - Variables of the same unit in staging, digested with the same key.
        type: list
        elements: dict
        default: []
      environment:
        description:
          - The environment at Vercel.
        type: str
        default: production
      optional:
        description:
          - Variables that need not be set.
        type: list
        elements: str
        default: []
      digest_key:
        description:
          - The key with which its variables were digested, where it is not O(digest_key). Never shown, logged or
            written to disk.
        type: str
  digest_key:
    description:
      - The key with which the variables were digested. Never shown, logged or written to disk.
    type: str
  may_equal_staging:
    description:
      - Secrets that may have staging's value.
    type: list
    elements: str
    default: []
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
- name: Read the variables of the API
  storefront.runbook.railway_info:
    api_token: "{{ vault_railway_token }}"
    project: 3f1d5c6e-0000-4000-8000-000000000001
    environment: 3f1d5c6e-0000-4000-8000-000000000002
    service: 3f1d5c6e-0000-4000-8000-000000000003
    digest_key: "{{ vault_digest_key }}"
  register: api

- name: Ask whether the API has every variable that v1.2.3 needs
  storefront.runbook.environment_check:
    path: /srv/shop
    commit: 0123456789abcdef0123456789abcdef01234567
    digest_key: "{{ vault_digest_key }}"
    units:
      - name: api
        platform: railway
        root_directory: apps/backend
        variables: "{{ api.variables }}"
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

MINE = [check for check in CHECKS if check.name in ("environment",)]


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
