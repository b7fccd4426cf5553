#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask GitHub whether CI passed, the tests ran, and somebody else approved, for one exact commit."""

from __future__ import annotations

DOCUMENTATION = r"""
module: github_checks
version_added: 1.0.0
short_description: Check at GitHub the checks and the review of a commit
description:
  - Asks for every check-run and every status of the exact commit. A commit without any that succeeded fails. If a
    name ran more than once, the newest run counts. A run that is queued or still running is not a success.
  - Asks for the pull request that merged the commit, and counts its approvals by members other than its author, of its
    last commit, that were not dismissed.
  - Asks for the tests by name, where O(tests) names them. One that was skipped did not run.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  api_token:
    description:
      - Token that may read checks, commit statuses and pull requests of the repository. Never shown, logged or written
        to disk.
      - The environment variables E(GITHUB_TOKEN) and E(GH_TOKEN) are used when it is not set.
    type: str
    required: true
  api_url:
    description:
      - Address of GitHub's API; another one than the default is for GitHub Enterprise, tests and proxies.
    type: str
    default: https://api.github.com
  repository:
    description:
      - The repository, as V(owner/name).
    type: str
    required: true
  commit:
    description:
      - Full SHA of the commit.
    type: str
    required: true
  required:
    description:
      - Names of check-runs or statuses that must be there and successful, beside all others that must not have failed.
        V(*) stands for anything in a name.
    type: list
    elements: str
    default: []
  ignore:
    description:
      - Names of check-runs and statuses that do not count, such as the deploy's own workflow, which is still running.
        V(*) stands for anything in a name.
    type: list
    elements: str
    default: []
  tests:
    description:
      - Names of the check-runs or statuses that are the unit, integration, end-to-end and performance tests. V(*)
        stands for anything in a name.
    type: list
    elements: str
    default: []
  approvals:
    description:
      - How many members must have approved.
    type: int
    default: 1
  branch:
    description:
      - The branch that releases come from. Without it, the repository's default branch.
    type: str
extends_documentation_fragment:
  - storefront.runbook.api
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
  - module: storefront.runbook.github_deployment
"""

EXAMPLES = r"""
- name: Deploy only what CI passed and somebody else approved
  storefront.runbook.github_checks:
    api_token: "{{ vault_github_token }}"
    repository: acme/shop
    commit: 0123456789abcdef0123456789abcdef01234567
    required: [build]
    tests: [unit, integration, "e2e (*)"]
    ignore: [deploy]
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

from ..module_utils.checks import github_runs
from ..module_utils.checks.register import CHECKS
from ..module_utils.checks.run import run_one
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import api_options, checks_options, validated
from ..module_utils.core.plan import Plan
from ..module_utils.platforms.github import API_URL

MINE = [check for check in CHECKS if check.name in ("ci", "review", "named_tests")]


def argument_spec() -> dict[str, Any]:
    mine = {name: spec for check in MINE for name, spec in check.options.items()}
    required = {name: {"type": "str", "required": True} for name in ("repository", "commit")}
    return {**mine, **api_options(API_URL, "GITHUB_TOKEN", "GH_TOKEN"), **required, **checks_options()}


def build_client(params: dict[str, Any], runtime: Runtime) -> None:
    """Refuse an address or a repository that cannot be asked; each check has a client of its own."""
    github_runs.client(params).close()


def plan(params: dict[str, Any], client: None) -> Plan:
    return Plan({}, {}, result=run_one(MINE, params, validated))


def apply(plan: Plan, client: None) -> None:
    """Nothing to write."""


def main() -> None:
    run(argument_spec(), build_client, plan, apply)


if __name__ == "__main__":
    main()
