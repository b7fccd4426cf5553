#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask every check of the checklist, and judge the answers."""

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight_checks
version_added: 1.0.0
short_description: Ask every check of the checklist
description:
  - Runs each check of the runbook's checklist, several at a time. Each check asks the system that has the answer. The
    module returns every answer as evidence with its commit and time, and shows all failed checks together.
  - A check whose system is not configured is reported as V(not_configured) and stops nothing, unless it is required.
    A check that could not be asked stops the deploy.
  - Nothing is changed, and nothing is asked while an option is wrong.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  checks:
    description:
      - Settings that differ from the defaults, with one entry for each check. A check without an entry runs with its
        defaults.
    type: list
    elements: dict
    default: []
    suboptions:
      id:
        description:
          - Id or name of the check, such as V(C19) or V(deploy_window).
        type: str
        required: true
      options:
        description:
          - Options of the check, as the module that asks it alone has them.
        type: dict
        default: {}
      severity:
        description:
          - Whether a no stops the deploy or is only a warning. By default it stops, except that C8 warns.
        type: str
        choices: [stop, warn]
      required:
        description:
          - Whether the check fails when its system is not configured.
        type: bool
        default: false
      waiver:
        description:
          - Lets the check fail, with C(by), C(reason) and C(until), the last day on which it counts.
        type: dict
      attested:
        description:
          - Says who vouches for the answer, with C(by), C(commit) (the full SHA that it is for) and
            C(note). For checks
            that no system can answer alone.
        type: dict
  systems:
    description:
      - Options that all checks of one system share, such as C(github) with C(api_token) and C(repository).
    type: dict
    default: {}
  assumed:
    description:
      - Those of O(systems) that nobody configured, but that are asked wherever they can be. Where their program is not
        installed on the controller, such as Lighthouse, their checks are not configured. A check with options of its
        own in O(checks) could not be asked then.
    type: list
    elements: str
    default: []
  only:
    description:
      - Ids or names of the checks to ask. Without it, every one.
    type: list
    elements: str
    default: []
  point:
    description:
      - Where in the deploy this is. Checks of later points are reported as due.
    type: str
    choices: [gate, staged, after]
    default: gate
  reached:
    description:
      - The points that this deploy comes to. Checks of the others do not apply, such as those of a staged build where
        no frontend is deployed.
    type: list
    elements: str
    choices: [gate, staged, after]
    default: [gate, staged, after]
  release:
    description:
      - The release, such as V(v1.2.3).
    type: str
  commit:
    description:
      - Its full SHA. Without it, the commit that O(release) stands for in O(path).
    type: str
  live_commit:
    description:
      - Full SHA of the release that is live. Without it, this is a first deploy.
    type: str
  path:
    description:
      - The shop's checkout on the controller, with the commit in it.
    type: path
  folder:
    description:
      - Folder at which relative paths inside O(checks) and O(systems) start, such as that of a calendar. By default, it
        is the folder in which the module runs.
    type: path
  waive:
    description:
      - Checks that are waived for this run, by O(started_by). It needs O(waive_reason).
    type: list
    elements: str
    default: []
  waive_reason:
    description:
      - Why O(waive) is right.
    type: str
  timezone:
    description:
      - IANA zone in which the days of waivers end.
    type: str
    default: UTC
  timeout:
    description:
      - Seconds after which a check without an answer counts as V(could_not_be_asked).
    type: float
    default: 60.0
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
  - module: storefront.runbook.deploy_window
"""

EXAMPLES = r"""
- name: Ask whether v1.2.3 may go out
  storefront.runbook.preflight_checks:
    storefront: shop
    release: v1.2.3
    commit: 0123456789abcdef0123456789abcdef01234567
    path: /srv/shop
    started_by: alice
    timezone: America/New_York
    systems:
      github: {api_token: "{{ vault_github_token }}", repository: acme/shop}
    checks:
      - id: C19
        options:
          timezone: America/New_York
          windows: [{days: [tue, wed, thu], from: "10:00", to: "14:00"}]
      - {id: C10, waiver: {by: bob, reason: the API is internal, until: 2026-04-01}}
      - {id: C12, required: true}
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

from ..module_utils.checks.check import POINTS
from ..module_utils.checks.register import CHECKS
from ..module_utils.checks.run import Wanted, context_of, run_checks
from ..module_utils.checks.settings import SEVERITIES, named, secret_names, secret_values
from ..module_utils.core.errors import ConfigError
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import checks_options, validated
from ..module_utils.core.plan import Plan

ENTRY = {
    "id": {"type": "str", "required": True},
    "options": {"type": "dict", "default": {}},
    "severity": {"type": "str", "choices": list(SEVERITIES)},
    "required": {"type": "bool", "default": False},
    "waiver": {"type": "dict"},
    "attested": {"type": "dict"},
}


def argument_spec() -> dict[str, Any]:
    return {
        "checks": {"type": "list", "elements": "dict", "default": [], "options": ENTRY},
        "systems": {"type": "dict", "default": {}},
        "assumed": {"type": "list", "elements": "str", "default": []},
        "only": {"type": "list", "elements": "str", "default": []},
        "point": {"type": "str", "choices": list(POINTS), "default": "gate"},
        "reached": {"type": "list", "elements": "str", "choices": list(POINTS), "default": list(POINTS)},
        **{name: {"type": "str"} for name in ("release", "commit", "live_commit", "waive_reason")},
        "path": {"type": "path"},
        "folder": {"type": "path"},
        "waive": {"type": "list", "elements": "str", "default": []},
        "timezone": {"type": "str", "default": "UTC"},
        "timeout": {"type": "float", "default": 60.0},
        **checks_options(),
    }


def secrets(params: dict[str, Any]) -> list[str]:
    """Return the values of the checks' own secret options: Ansible knows only those of the module."""
    names = {name for check in CHECKS for name in secret_names(check.options)}
    return list(secret_values([*(entry["options"] or {} for entry in params["checks"]), params["systems"]], names))


def build_client(params: dict[str, Any], runtime: Runtime) -> None:
    return None


def plan(params: dict[str, Any], client: None) -> Plan:
    chosen, unknown = named(CHECKS, params["only"])
    if unknown:
        raise ConfigError("\n- ".join(["Nothing was asked. To correct in only:", *unknown]), code="bad_checks")
    shared: dict[str, Any] = {
        name: params[name]
        for name in (
            "systems",
            "assumed",
            "point",
            "reached",
            "timezone",
            "waive",
            "emergency_approvers",
            "timeout",
            "stop",
        )
    }
    words: dict[str, Any] = {name: params[name] or "" for name in ("waive_reason", "emergency", "folder")}
    wanted = Wanted(context_of(params), entries=params["checks"], deploys=True, **shared, **words)
    return Plan({}, {}, result=run_checks(CHECKS, wanted, validated, only=chosen))


def apply(plan: Plan, client: None) -> None:
    """Nothing to write."""


def main() -> None:
    run(argument_spec(), build_client, plan, apply, secrets=secrets)


if __name__ == "__main__":
    main()
