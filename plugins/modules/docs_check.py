#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check whether a release is documented: its CHANGELOG, its API and its notes."""

from __future__ import annotations

DOCUMENTATION = r"""
module: docs_check
version_added: 1.0.0
short_description: Check whether a release is documented
description:
  - Compares the files of the release's commit with those of the live one. The CHANGELOG must have changed and must
    have a section for this version. The OpenAPI document must have changed if routes have. The release notes must
    have their sections.
  - A first deploy has nothing to compare. A document that neither release has is reported as not configured, and
    stops nothing.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  release:
    description:
      - The release, such as V(v1.2.3).
    type: str
    required: true
  live_commit:
    description:
      - Full SHA of the release that is live. Without it, this is a first deploy.
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
  changelog:
    description:
      - The CHANGELOG, from the top of the repository.
    type: str
    default: CHANGELOG.md
  document:
    description:
      - The OpenAPI document, from the top of the repository. Without it, the nearest C(openapi.json), C(openapi.yaml)
        or C(swagger.json).
    type: str
  routes:
    description:
      - Files that define the API's routes. V(*) stands for anything, slashes too.
    type: list
    elements: str
    default: ["*/routes/*", "routes/*"]
  notes:
    description:
      - The file with the notes of the release, in which C({release}) and C({version}) are filled in. Without it,
        C(docs/releases/{release}.md) and
        other usual places.
    type: str
  sections:
    description:
      - Headings that the notes must have, each with text below it.
    type: list
    elements: str
    default: [migration, known issues]
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
- name: Ask whether v1.2.3 is documented
  storefront.runbook.docs_check:
    path: /srv/shop
    release: v1.2.3
    commit: 0123456789abcdef0123456789abcdef01234567
    live_commit: 89abcdef0123456789abcdef0123456789abcdef
    document: apps/backend/openapi.json
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

MINE = [check for check in CHECKS if check.name in ("changelog", "api_documentation", "release_notes")]


def argument_spec() -> dict[str, Any]:
    return {
        **{name: spec for check in MINE for name, spec in check.options.items()},
        "release": {"type": "str", "required": True},
        "live_commit": {"type": "str"},
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
