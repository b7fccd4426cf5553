#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Audit a staged page with Lighthouse."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lighthouse_audit
version_added: 1.0.0
short_description: Audit a staged page with Lighthouse
description:
  - Runs Lighthouse several times in Chromium on a page and compares the median score of each category with its
    threshold. A budget limits sizes, requests and timings.
  - The report of the median run is kept as JSON and as HTML. The paths are in C(facts) of the answer.
  - Extra headers, which let a request through the protection of a staged page, are sent to that page's own origin only,
    and masked in the report.
  - If a page answers with an error, leads to another site or does not answer, the check counts as
    V(could_not_be_asked), never as passed.
author:
  - Contributors to storefront.runbook (@storefront)
requirements:
  - Chromium, Chrome or Edge
  - Node.js 18.16 or later
  - The npm package C(lighthouse), version 12 or later
options:
  url:
    description:
      - Address of the page, such as the homepage of the staged build.
    type: str
    required: true
  headers:
    description:
      - Headers that let a request through the protection, such as C(x-vercel-protection-bypass).
    type: dict
    default: {}
  thresholds:
    description:
      - A number from 0 to 99 for each category to judge, which are V(performance), V(accessibility), V(best-practices)
        and V(seo). The median score has to be above it.
    type: dict
    default: {performance: 90, accessibility: 90, best-practices: 90, seo: 90}
  runs:
    description:
      - How often Lighthouse runs, 1 to 15. A run takes some ten seconds. More runs make the median steadier.
    type: int
    default: 5
  form_factor:
    description:
      - The device that is emulated.
    type: str
    choices: [mobile, desktop]
    default: mobile
  skip_audits:
    description:
      - Audits to leave out of the scores. Hosts ask search engines not to index a staged page, which C(is-crawlable)
        would count against it.
    type: list
    elements: str
    default: [is-crawlable]
  budget:
    description:
      - File with a performance budget, a list with C(path), C(resourceSizes) in KiB, C(resourceCounts) and C(timings)
        in milliseconds. A relative path is read from the commit in O(path), an absolute one from the controller.
    type: str
  reports:
    description:
      - Folder on the controller for the reports.
    type: path
    default: reports
  browser:
    description:
      - Program of the browser. Without it, E(CHROME_PATH), one on the E(PATH), or one of Playwright.
    type: str
  browser_arguments:
    description:
      - More arguments for the browser, such as C(--proxy-server=http://proxy.example:3128).
    type: list
    elements: str
    default: []
  lighthouse:
    description:
      - The program C(lighthouse) of the npm package. Without it, the one on the E(PATH).
    type: str
  timeout:
    description:
      - Seconds to wait for the page before Lighthouse is started.
    type: float
    default: 10.0
  allow_plain_http:
    description:
      - Whether O(headers) may be sent to another machine unencrypted.
    type: bool
    default: false
  release:
    description:
      - The release, such as V(v1.2.3), for the evidence.
    type: str
  commit:
    description:
      - Full SHA of the release, for the evidence and for a budget that is in the repository.
    type: str
  path:
    description:
      - The shop's checkout on the controller, with the commit in it. Its work tree is not read.
    type: path
extends_documentation_fragment:
  - storefront.runbook.checks
attributes:
  check_mode:
    description: Changes nothing but the folder of the reports, so it does the same.
    support: full
  diff_mode:
    description: Changes nothing, so there is no difference to show.
    support: none
seealso:
  - module: storefront.runbook.preflight_checks
"""

EXAMPLES = r"""
- name: Audit the staged homepage
  storefront.runbook.lighthouse_audit:
    url: https://shop-4f2c9e1.vercel.app/
    headers:
      x-vercel-protection-bypass: "{{ vault_vercel_bypass }}"
    thresholds: {performance: 90, accessibility: 95}
    release: v1.2.3
    commit: 0123456789abcdef0123456789abcdef01234567
    path: /srv/shop
    budget: apps/frontend/budget.json
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
from ..module_utils.site.lighthouse import CATEGORIES

MINE = [check for check in CHECKS if check.name == "lighthouse"]


def argument_spec() -> dict[str, Any]:
    return {
        **MINE[0].options,
        "url": {"type": "str", "required": True},
        "thresholds": {"type": "dict", "default": dict.fromkeys(CATEGORIES, 90)},
        **{name: {"type": "str"} for name in ("release", "commit")},
        "path": {"type": "path"},
        **checks_options(),
    }


def build_client(params: dict[str, Any], runtime: Runtime) -> None:
    return None


def plan(params: dict[str, Any], client: None) -> Plan:
    return Plan({}, {}, result=run_one(MINE, params, validated, required=True))


def apply(plan: Plan, client: None) -> None:
    """Nothing to write."""


def main() -> None:
    run(argument_spec(), build_client, plan, apply)


if __name__ == "__main__":
    main()
