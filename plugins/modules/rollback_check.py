#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check whether a deploy could be rolled back, before it changes anything."""

from __future__ import annotations

DOCUMENTATION = r"""
module: rollback_check
version_added: 1.0.0
short_description: Check whether a deploy could be rolled back
description:
  - Judges from what is known of each unit whether the image of its live release is kept, how it would be put back, and
    whether the live release runs on
    the new schema.
  - A first deploy has no earlier release to return to.
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
  units:
    description:
      - What is known of each unit.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - Name of the unit.
        type: str
        required: true
      live:
        description:
          - The release that is live in the unit. Leave it out if none is.
        type: str
      possible:
        description:
          - Whether it can be put back.
        type: bool
        required: true
      how:
        description:
          - How it would be put back, such as V(instant rollback).
        type: str
        default: rollback
      why_not:
        description:
          - Why it cannot be put back, such as a limit of the plan.
        type: str
      kept_until:
        description:
          - Time until which its image is kept.
        type: str
      platform:
        description:
          - Where it runs. Without O(units[].kept_until), the answer has the platform's own limit.
        type: str
        choices: [railway, render, vercel]
      variables_differ:
        description:
          - Variables that would come back with an older value.
        type: list
        elements: str
        default: []
  plan:
    description:
      - The plan at Railway, which determines how long a replaced image is kept.
    type: str
    choices: [free, trial, hobby, pro, enterprise]
  schema_is:
    description:
      - Whether the live release runs on the new schema. V(accepted) is for a migration that was approved
        although old code cannot run on it.
    type: str
    choices: [safe, unsafe, accepted, unchanged]
    default: unchanged
  schema_why:
    description:
      - Why the schema is unsafe.
    type: str
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
- name: Go on only if everything could be put back
  storefront.runbook.rollback_check:
    units:
      - {name: api, live: v1.1.0, possible: true, kept_until: "2026-03-08T00:00:00Z"}
      - {name: frontend, live: v1.1.0, possible: true, how: instant rollback}
    schema_is: safe
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

MINE = [check for check in CHECKS if check.name in ("rollback",)]


def argument_spec() -> dict[str, Any]:
    return {
        **{name: spec for check in MINE for name, spec in check.options.items()},
        "release": {"type": "str"},
        "commit": {"type": "str"},
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
