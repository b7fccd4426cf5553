#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check whether a deploy may run now, by its windows and freezes."""

from __future__ import annotations

DOCUMENTATION = r"""
module: deploy_window
version_added: 1.0.0
short_description: Check whether a deploy may run now
description:
  - Judges windows and freezes at the time at which a deploy would run, in their own time zone, across daylight saving.
    If the deploy may not run now, the message names the next time at which it may.
  - A local time that a clock skips counts as if the clock had not been put forward, and one that comes twice is the
    first of the two (RFC 5545).
author:
  - Contributors to storefront.runbook (@storefront)
options:
  timezone:
    description:
      - IANA zone of the windows and freezes, such as V(America/New_York).
    type: str
    default: UTC
  windows:
    description:
      - When deploys may run. Without any, and without O(calendar), they may always run unless something is frozen.
    type: list
    elements: dict
    default: []
    suboptions: &window
      days:
        description:
          - Days such as V(tue), V(first monday) and V(last sunday).
        type: list
        elements: str
        default: []
      rule:
        description:
          - A rule of RFC 5545 for the days instead, such as V(FREQ=MONTHLY;BYDAY=-1SU). A rule that counts from a day
            starts with a line C(DTSTART).
        type: str
      from:
        description:
          - Local time at which it opens, in quotes, such as V("10:00").
        type: str
        required: true
      to:
        description:
          - Local time at which it closes, V("24:00") for the end of the day. A time before O(windows[].from) is on
            the next day.
        type: str
        required: true
  calendar:
    description:
      - File of iCalendar (.ics) whose events are windows, too.
    type: path
  maintenance_windows:
    description:
      - When deploys that hold the shop in maintenance may run, beside O(windows).
    type: list
    elements: dict
    default: []
    suboptions: *window
  maintenance:
    description:
      - Whether this deploy holds the shop in maintenance.
    type: bool
    default: false
  freezes:
    description:
      - Times at which no deploy may run, regardless of the windows.
    type: list
    elements: dict
    default: []
    suboptions:
      from:
        description:
          - First day, such as V(2026-11-26), or a local time.
        type: str
        required: true
      to:
        description:
          - Last day, which counts whole, or a local time.
        type: str
        required: true
      reason:
        description:
          - Reason, shown to those whose deploy is stopped.
        type: str
        required: true
      storefronts:
        description:
          - Storefronts to which it applies. By default all.
        type: list
        elements: str
        default: []
  freeze_calendar:
    description:
      - File of iCalendar (.ics) whose events are freezes; their titles are the reasons.
    type: path
extends_documentation_fragment:
  - storefront.runbook.checks
attributes:
  check_mode:
    description: Changes nothing, so it runs as without check mode.
    support: full
  diff_mode:
    description: Changes nothing, so there is no difference to show.
    support: none
requirements:
  - python-dateutil
  - recurring-ical-events, for calendar files
seealso:
  - module: storefront.runbook.preflight_checks
"""

EXAMPLES = r"""
- name: Go on only from Tuesday to Thursday, and never around Black Friday
  storefront.runbook.deploy_window:
    timezone: America/New_York
    windows: [{days: [tue, wed, thu], from: "10:00", to: "14:00"}]
    maintenance_windows: [{days: [last sunday], from: "02:00", to: "04:00"}]
    freezes:
      - {from: 2026-11-25, to: 2026-11-30, reason: Black Friday}

- name: Deploy a hotfix at night
  storefront.runbook.deploy_window:
    windows: [{days: [tue], from: "10:00", to: "14:00"}]
    emergency: the checkout is down
    emergency_approvers: [bob]
    started_by: alice
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

MINE = [check for check in CHECKS if check.name in ("deploy_window",)]


def argument_spec() -> dict[str, Any]:
    return {**{name: spec for check in MINE for name, spec in check.options.items()}, **checks_options()}


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
